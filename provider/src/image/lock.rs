//! Locks: requirements files in which every package has one version and its wheels' hashes.

use std::{collections::BTreeSet, str::FromStr};

use pep440_rs::{Operator, Version};
use pep508_rs::{
    MarkerEnvironment, MarkerEnvironmentBuilder, PackageName, Requirement, VerbatimUrl,
    VersionOrUrl,
};

use super::{Error, Python, Result, platform::Platform};

/// The locks that come with the provider: dbt's version, adapter, requirements.
const LOCKS: &[(&str, &str, &str)] = &[
    ("1.11", "athena", include_str!("locks/dbt-1.11-athena.txt")),
    (
        "1.11",
        "bigquery",
        include_str!("locks/dbt-1.11-bigquery.txt"),
    ),
    (
        "1.11",
        "databricks",
        include_str!("locks/dbt-1.11-databricks.txt"),
    ),
    (
        "1.11",
        "postgres",
        include_str!("locks/dbt-1.11-postgres.txt"),
    ),
    (
        "1.11",
        "redshift",
        include_str!("locks/dbt-1.11-redshift.txt"),
    ),
    (
        "1.11",
        "snowflake",
        include_str!("locks/dbt-1.11-snowflake.txt"),
    ),
    ("1.11", "trino", include_str!("locks/dbt-1.11-trino.txt")),
];

/// One package at one version, and the SHA-256 of each file that it may come as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) name: PackageName,
    pub(super) version: Version,
    pub(super) hashes: BTreeSet<String>,
}

impl std::fmt::Display for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The text of the lock for a version of dbt Core and an adapter.
pub(super) fn embedded(version: &str, adapter: &str) -> Result<&'static str> {
    let found = LOCKS
        .iter()
        .find(|lock| (lock.0, lock.1) == (version, adapter));
    found.map(|lock| lock.2).ok_or_else(|| {
        let known: Vec<String> = LOCKS.iter().map(|lock| format!("{} with {}", lock.0, lock.1)).collect();
        Error::Lock {
            lock: format!("dbt {version} with {adapter}"),
            line: None,
            reason: format!(
                "there is no lock for it; there are {}; for any other give a requirements file with hashes",
                known.join(", ")
            ),
        }
    })
}

/// The packages that a requirements file with hashes installs on a platform, by name.
pub(super) fn parse(
    lock: &str,
    text: &str,
    python: Python,
    platform: Platform,
) -> Result<Vec<Locked>> {
    let environment = environment(python, platform);
    let mut packages: Vec<Locked> = Vec::new();
    for (line, logical) in logical_lines(text) {
        let refused = |reason: String| Error::Lock {
            lock: lock.into(),
            line: Some(line),
            reason,
        };
        let mut words = logical.split(" --hash").map(str::trim);
        let specification = words.next().unwrap_or_default();
        if specification.starts_with('-') {
            // an index is the environment's business: a file of hashes needs none
            let option = specification.split([' ', '=']).next().unwrap_or_default();
            match option {
                "-i" | "--index-url" | "--extra-index-url" | "--only-binary"
                | "--prefer-binary" | "--require-hashes" => continue,
                _ => {
                    return Err(refused(format!(
                        "{option} is not supported: list every package in this one file"
                    )));
                }
            }
        }
        let requirement = Requirement::<VerbatimUrl>::from_str(specification)
            .map_err(|error| refused(error.message.to_string()))?;
        let mut hashes = BTreeSet::new();
        for word in words {
            let hash = word.trim_start_matches(['=', ' ']);
            match hash.split_once(':') {
                Some(("sha256", hex)) if hex.len() == 64 => {
                    _ = hashes.insert(hex.to_ascii_lowercase())
                }
                Some(("sha384" | "sha512", _)) => {}
                _ => {
                    return Err(refused(format!(
                        "{hash} is no hash like sha256:<64 hexadecimal digits>"
                    )));
                }
            }
        }
        if !requirement.marker.evaluate(&environment, &[]) {
            continue;
        }
        let Some(version) = pinned(&requirement) else {
            return Err(refused(format!(
                "{specification} has no exact version; {HOW_TO_LOCK}"
            )));
        };
        if hashes.is_empty() {
            return Err(refused(format!(
                "{} has no SHA-256; {HOW_TO_LOCK}",
                requirement.name
            )));
        }
        match packages
            .iter_mut()
            .find(|package| package.name == requirement.name)
        {
            Some(same) if same.version == version => same.hashes.append(&mut hashes),
            Some(_) => {
                return Err(refused(format!(
                    "{} is listed in two versions",
                    requirement.name
                )));
            }
            None => packages.push(Locked {
                name: requirement.name,
                version,
                hashes,
            }),
        }
    }
    if packages.is_empty() {
        return Err(Error::Lock {
            lock: lock.into(),
            line: None,
            reason: "it lists no package".into(),
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

const HOW_TO_LOCK: &str = "lock the file with `uv pip compile --universal --generate-hashes`";

fn pinned(requirement: &Requirement) -> Option<Version> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            match specifiers.iter().collect::<Vec<_>>()[..] {
                [one] if matches!(one.operator(), Operator::Equal | Operator::ExactEqual) => {
                    Some(one.version().clone())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Lines with their continuations joined and comments removed, each with its number.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let content = match line.find(" #") {
            Some(comment) => &line[..comment],
            None if line.starts_with('#') => "",
            None => line,
        };
        let content = content.trim();
        let (content, continues) = match content.strip_suffix('\\') {
            Some(content) => (content.trim_end(), true),
            None => (content, false),
        };
        match lines.last_mut() {
            Some((_, last)) if open => {
                last.push(' ');
                last.push_str(content);
            }
            _ => lines.push((number + 1, content.to_owned())),
        }
        open = continues;
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

fn environment(python: Python, platform: Platform) -> MarkerEnvironment {
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

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn lines(text: &str) -> Result<Vec<String>, String> {
        let text = text
            .replace("@a", &format!("--hash=sha256:{A}"))
            .replace("@b", &format!("--hash sha256:{B}"));
        let packages = parse("r.txt", &text, Python { minor: 12 }, Platform::Amd64)
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
    fn markers_are_those_of_the_platform() {
        let text = "a==1 ; sys_platform == 'win32' @a\nb==1 ; python_full_version < '3.12' @a\nb==2 ; python_full_version >= '3.12' and platform_machine == 'x86_64' @a";
        assert_eq!(lines(text).unwrap(), ["b 2 1"]);
    }

    #[test]
    fn what_is_not_locked_is_refused() {
        assert_eq!(
            lines("a>=1 @a").unwrap_err(),
            format!("r.txt, line 1: a>=1 has no exact version; {HOW_TO_LOCK}")
        );
        assert_eq!(
            lines("\na==1").unwrap_err(),
            format!("r.txt, line 2: a has no SHA-256; {HOW_TO_LOCK}")
        );
        assert!(
            lines("a==1 --hash=md5:00")
                .unwrap_err()
                .contains("is no hash like")
        );
        assert!(
            lines("-r other.txt")
                .unwrap_err()
                .contains("-r is not supported")
        );
        assert!(
            lines("a==1 @a\na==2 @a")
                .unwrap_err()
                .ends_with("a is listed in two versions")
        );
        assert_eq!(lines("").unwrap_err(), "r.txt: it lists no package");
    }

    #[test]
    fn embedded_locks_are_whole_on_every_platform() {
        for (version, adapter, text) in LOCKS {
            for minor in 10..=14 {
                for platform in [Platform::Amd64, Platform::Arm64] {
                    let packages = parse(adapter, text, Python { minor }, platform).unwrap();
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
                .contains("1.11 with postgres")
        );
    }
}
