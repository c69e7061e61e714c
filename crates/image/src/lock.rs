//! Locks: requirements files in which every package has one version and its wheels' hashes.

use std::collections::BTreeSet;

use pep440_rs::{Operator, Version};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, PackageName};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{
    Digest, Error, Python, Result, page,
    platform::Platform,
    requirements::{Line, Requirements},
    wheel::WheelName,
};

/// One package at one version, and the SHA-256 of each file that it may come as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) name: PackageName,
    pub(super) version: Version,
    /// Where its wheel is, if not in an index.
    pub(super) url: Option<Url>,
    pub(super) hashes: BTreeSet<Digest>,
}

impl std::fmt::Display for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// What a requirements file without hashes came to, for a Python and a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// What was resolved, as a hash: an equal key is not resolved again.
    pub key: String,
    /// A requirement with a version and a hash for each package.
    pub lock: Vec<String>,
}

impl Resolved {
    pub(super) fn new(
        requirements: &Requirements,
        python: Python,
        platform: Platform,
        packages: &[Locked],
    ) -> Self {
        let line = |package: &Locked| {
            let hashes = package.hashes.iter();
            let hashes: String = hashes.map(|hash| format!(" --hash={hash}")).collect();
            format!("{}=={}{hashes}", package.name, package.version)
        };
        Self {
            key: key(requirements, python, platform),
            lock: packages.iter().map(line).collect(),
        }
    }
}

fn key(requirements: &Requirements, python: Python, platform: Platform) -> String {
    let target = format!("{python} {}\n", platform.architecture());
    Digest::of((target + &requirements.text).as_bytes()).to_string()
}

/// The packages that requirements install on a platform, as far as it is known without a network:
/// by the file's own hashes, or by what it was resolved to before.
pub(super) fn known(
    requirements: &Requirements,
    resolved: Option<&Resolved>,
    python: Python,
    platform: Platform,
) -> Result<Option<Vec<Locked>>> {
    if requirements.hashed {
        return packages(requirements, python, platform).map(Some);
    }
    let key = key(requirements, python, platform);
    let same = resolved.filter(|resolved| resolved.key == key);
    same.map(|resolved| {
        let lock = Requirements::parse(&requirements.name, &resolved.lock.join("\n"))?;
        packages(&lock, python, platform)
    })
    .transpose()
}

/// The packages that a requirements file with hashes installs on a platform, by name.
pub(super) fn packages(
    requirements: &Requirements,
    python: Python,
    platform: Platform,
) -> Result<Vec<Locked>> {
    let environment = environment(python, platform);
    let mut packages: Vec<Locked> = Vec::new();
    for line in requirements.lines.iter().filter(|line| !line.constraint) {
        let requirement = &line.requirement;
        if !requirement.applies(&environment, &[]) {
            continue;
        }
        let version = match &requirement.url {
            Some(url) => version_in(url, &requirement.name)
                .ok_or_else(|| format!("its URL is not one of a wheel of {}", requirement.name)),
            None => pinned(line).ok_or_else(|| {
                format!(
                    "{} has no exact version, but other lines have hashes; {HOW_TO_LOCK}",
                    requirement.name
                )
            }),
        };
        let version = version.map_err(|reason| line.refused(reason))?;
        if line.hashes.is_empty() {
            return Err(line.refused(format!(
                "{} has no SHA-256, but other lines have; {HOW_TO_LOCK}",
                requirement.name
            )));
        }
        for limit in requirements.of(&requirement.name, true) {
            if !limit.specifiers().contains(&version) {
                return Err(line.refused(format!(
                    "{} {version} is not what {limit} allows",
                    requirement.name
                )));
            }
        }
        match packages
            .iter_mut()
            .find(|package| package.name == requirement.name)
        {
            Some(same) if same.version == version => same.hashes.extend(line.hashes.clone()),
            Some(_) => {
                return Err(line.refused(format!("{} is listed in two versions", requirement.name)));
            }
            None => packages.push(Locked {
                name: requirement.name.clone(),
                version,
                url: requirement.url.clone(),
                hashes: line.hashes.clone(),
            }),
        }
    }
    if packages.is_empty() {
        return Err(Error::Lock {
            lock: requirements.name.clone(),
            line: None,
            reason: "it lists no package".into(),
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

const HOW_TO_LOCK: &str =
    "lock the file with `uv pip compile --universal --generate-hashes`, or leave out all hashes";

fn pinned(line: &Line) -> Option<Version> {
    match line.specifiers().iter().collect::<Vec<_>>()[..] {
        [one] if matches!(one.operator(), Operator::Equal | Operator::ExactEqual) => {
            Some(one.version().clone())
        }
        _ => None,
    }
}

/// The version in the name of the wheel that a URL leads to.
fn version_in(url: &Url, package: &PackageName) -> Option<Version> {
    let wheel = WheelName::parse(&page::file_name(url)?)?;
    (wheel.name == *package).then_some(wheel.version)
}

/// What markers see.
pub(super) fn environment(python: Python, platform: Platform) -> MarkerEnvironment {
    let (version, full) = (python.to_string(), format!("{python}.0"));
    let builder = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: platform.machine(),
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: &full,
        python_version: &version,
        sys_platform: "linux",
    };
    MarkerEnvironment::try_from(builder).expect("3.x is a version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::{LOCKS, embedded};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn lines(text: &str) -> Result<Vec<String>, String> {
        let text = text
            .replace("@a", &format!("--hash=sha256:{A}"))
            .replace("@b", &format!("--hash sha256:{B}"));
        let packages = Requirements::parse("r.txt", &text)
            .and_then(|all| packages(&all, Python { minor: 12 }, Platform::Amd64))
            .map_err(|error| error.to_string())?;
        Ok(packages
            .iter()
            .map(|package| format!("{package} {}", package.hashes.len()))
            .collect())
    }

    #[test]
    fn packages_have_versions_and_hashes() {
        let text = "# made by hand\n--index-url https://index.example/simple\nB_c==2 \\\n  @a \\\n  @b # why\na==1.0 ; python_version >= '3.10' @a\n";
        assert_eq!(lines(text).unwrap(), ["a 1.0 1", "b-c 2 2"]);
    }

    #[test]
    fn a_url_is_one_of_a_wheel_of_the_package() {
        let wheel = "https://x.example/a/B_c-2%2Bx-py3-none-any.whl";
        assert_eq!(
            lines(&format!("b-c @ {wheel} ; python_version > '3' @a")).unwrap(),
            ["b-c 2+x 1"]
        );
        for url in [wheel, "https://x.example/a-1.tar.gz", "https://x.example/"] {
            let error = lines(&format!("a @ {url} @a")).unwrap_err();
            assert_eq!(error, "r.txt, line 1: its URL is not one of a wheel of a");
        }
    }

    #[test]
    fn markers_are_those_of_the_platform() {
        let text = "a==1 ; sys_platform == 'win32' @a\nb==1 ; python_full_version < '3.12' @a\nb==2 ; python_full_version >= '3.12' and platform_machine == 'x86_64' @a";
        assert_eq!(lines(text).unwrap(), ["b 2 1"]);
    }

    #[test]
    fn what_is_not_locked_is_refused() {
        assert_eq!(
            lines("a>=1 @a").unwrap_err(),
            format!(
                "r.txt, line 1: a has no exact version, but other lines have hashes; {HOW_TO_LOCK}"
            )
        );
        assert_eq!(
            lines("b==1 @b\na==1").unwrap_err(),
            format!("r.txt, line 2: a has no SHA-256, but other lines have; {HOW_TO_LOCK}")
        );
        assert!(
            lines("a==1 @a\na==2 @a")
                .unwrap_err()
                .ends_with("a is listed in two versions")
        );
        assert_eq!(lines("").unwrap_err(), "r.txt: it lists no package");
    }

    #[test]
    fn dbt_2_is_a_wheel_of_its_own_for_each_platform() {
        let requirements = Requirements::parse("r", embedded("2.0", "snowflake").unwrap()).unwrap();
        let mut wheels = BTreeSet::new();
        for minor in 10..=14 {
            for platform in [Platform::Amd64, Platform::Arm64] {
                let packages = packages(&requirements, Python { minor }, platform).unwrap();
                let names: Vec<&str> = packages.iter().map(|all| all.name.as_ref()).collect();
                let expected = ["dbt", "mashumaro", "msgpack", "typing-extensions"];
                assert_eq!(names, expected);
                let url = packages[0].url.as_ref().unwrap();
                assert!(url.scheme() == "https" && url.path().contains(platform.machine()));
                wheels.insert(packages[0].hashes.clone());
            }
        }
        assert_eq!(wheels.len(), 2);
        let (adapters, alone) = (
            "it has no such adapter; it has bigquery, databricks, duckdb, redshift, snowflake; leave the version out for dbt Core, or use another warehouse",
            "only 2.0 is bundled of dbt 2; leave the version out for dbt Core",
        );
        for (version, adapter, reason) in [
            ("2.0", "postgres", adapters),
            ("2.1", "snowflake", alone),
            ("2", "duckdb", alone),
        ] {
            let expected = format!("dbt {version} with {adapter}: {reason}");
            let error = embedded(version, adapter).unwrap_err().to_string();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn embedded_locks_are_whole_on_every_platform() {
        for (version, adapter, text) in LOCKS {
            let requirements = Requirements::parse(adapter, text).unwrap();
            for minor in 10..=14 {
                for platform in [Platform::Amd64, Platform::Arm64] {
                    let packages = packages(&requirements, Python { minor }, platform).unwrap();
                    let has =
                        |name: &str| packages.iter().any(|package| package.name.as_ref() == name);
                    assert!(
                        has("dbt-core") && has(&format!("dbt-{adapter}")),
                        "{version} {adapter}"
                    );
                }
            }
        }
        assert!(
            embedded("1.4", "postgres")
                .unwrap_err()
                .to_string()
                .contains("; 1.11 with athena, bigquery")
        );
    }
}
