//! Requirements files, as `pip` and `uv` read them.
//!
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>

use std::{
    collections::BTreeSet,
    env, fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use pep440_rs::VersionSpecifiers;
use pep508_rs::PackageName;

use super::{Digest, Error, Result, bundled, limits, requirement::Requirement};

/// The packages of dbt that are no adapters.
const DBT: &[&str] = &[
    "dbt-adapters",
    "dbt-common",
    "dbt-core",
    "dbt-extractor",
    "dbt-protos",
    "dbt-semantic-interfaces",
];

/// Packages that are installed only where the file itself asks for them: a list such as `uv` takes by `--excludes`.
const EXCLUDED: &str = include_str!("locks/excluded.txt");

/// A requirements file with all that it includes.
#[derive(Clone, Debug, Default)]
pub(super) struct Requirements {
    /// The file, as the user names it.
    pub(super) name: String,
    pub(super) lines: Vec<Line>,
    /// The index to ask instead of the environment's.
    pub(super) index: Option<String>,
    /// The indexes to ask before any other.
    pub(super) extra_indexes: Vec<String>,
    /// The hosts that are asked without encryption.
    pub(super) trusted_hosts: Vec<String>,
    /// Whether every package may be a pre-release.
    pub(super) prereleases: bool,
    /// Whether it is a lock: one hash, and every package needs one.
    pub(super) hashed: bool,
    /// What is left out where another package asks for it, beside [`EXCLUDED`].
    excluded: BTreeSet<PackageName>,
    /// All that was read, and what is left out.
    pub(super) text: String,
    /// How many files that was.
    files: usize,
}

/// A requirement or constraint, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Line {
    file: String,
    number: usize,
    pub(super) requirement: Requirement,
    pub(super) hashes: BTreeSet<Digest>,
    /// Whether it says only which version, not that there is one.
    pub(super) constraint: bool,
}

impl Line {
    /// The specifiers of the version; none where any will do.
    pub(super) fn specifiers(&self) -> VersionSpecifiers {
        self.requirement.specifiers()
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> Error {
        refused(&self.file, self.number, reason)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {},", self.file, self.number)
    }
}

impl Requirements {
    /// The requirements in a file and in those that it includes.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut all = Self {
            name: path.display().to_string(),
            ..Self::default()
        };
        all.add_file(path, false, &mut Vec::new())?;
        Ok(all)
    }

    /// The requirements in a text.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let mut all = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        all.add(Path::new(name), text, false, &mut Vec::new())?;
        Ok(all)
    }

    /// The same without packages that others ask for.
    pub(super) fn without(mut self, names: &[String]) -> Result<Self> {
        let refused = |name: &str, reason: String| Error::Excluded {
            requirements: self.name.clone(),
            package: name.to_owned(),
            reason,
        };
        for name in names {
            let package: PackageName = name
                .parse()
                .map_err(|_| refused(name, "that is not the name of a package".to_owned()))?;
            if DBT.contains(&package.as_ref()) {
                return Err(refused(name, "dbt does not run without it".to_owned()));
            }
            if self.hashed {
                let reason = "a file with hashes is installed as it is; take the package out of it";
                return Err(refused(name, reason.to_owned()));
            }
            if let Some(line) = self.of(&package, false).next() {
                return Err(refused(
                    name,
                    format!("{line} asks for it; take it out there"),
                ));
            }
            self.excluded.insert(package);
        }
        for package in &self.excluded {
            self.text += &format!("\n--exclude {package}");
        }
        Ok(self)
    }

    /// What is said of a package, as requirements or as constraints.
    pub(super) fn of(
        &self,
        package: &PackageName,
        constraint: bool,
    ) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(move |line| line.constraint == constraint && line.requirement.name == *package)
    }

    /// Whether a package is left out though another asks for it.
    pub(super) fn excludes(&self, package: &PackageName) -> bool {
        self.excluded.contains(package)
            || EXCLUDED.lines().any(|line| line == package.as_ref())
                && self.of(package, false).next().is_none()
    }

    /// Refuses packages that dbt cannot run with: these come instead of what is bundled, not with it.
    pub(super) fn need_dbt<'a>(
        &self,
        packages: impl Iterator<Item = &'a str>,
        adapter: Option<&str>,
    ) -> Result<()> {
        let packages: BTreeSet<&str> = packages.collect();
        let bundled = adapter.filter(|adapter| bundled::bundles(adapter));
        let is_adapter = |name: &&&str| {
            name.contains("dbt")
                && !DBT.contains(*name)
                && bundled.is_none_or(|adapter| name.contains(adapter))
        };
        let own = format!("dbt-{}", adapter.unwrap_or("ADAPTER"));
        let missing = match (
            packages.contains("dbt-core"),
            packages.iter().find(is_adapter),
        ) {
            (false, None) => format!("dbt-core and {own}"),
            (false, Some(_)) => "dbt-core".to_owned(),
            (true, None) => own,
            (true, Some(_)) => return Ok(()),
        };
        Err(Error::Lock {
            lock: self.name.clone(),
            line: None,
            reason: format!(
                "its packages do not include {missing}; requirements replace all that is bundled, so add {missing}"
            ),
        })
    }

    /// Add a file; `above` are those that include it.
    fn add_file(&mut self, path: &Path, constraint: bool, above: &mut Vec<PathBuf>) -> Result<()> {
        let mut text = String::new();
        let open = || match path.metadata()?.is_file() {
            true => File::open(path),
            false => Err(io::Error::other("it is no file")),
        };
        let read = open().and_then(|file| {
            file.take(limits::REQUIREMENTS + 1)
                .read_to_string(&mut text)
        });
        read.map_err(Error::io("reading", path))?;
        self.files += 1;
        let refused = |reason: String| Error::Lock {
            lock: path.display().to_string(),
            line: None,
            reason,
        };
        if text.len() as u64 > limits::REQUIREMENTS {
            let most = limits::REQUIREMENTS >> 20;
            return Err(refused(format!(
                "it is larger than {most} MiB, the most that is read"
            )));
        }
        if self.files > limits::INCLUDED {
            let most = limits::INCLUDED;
            return Err(refused(format!("more than {most} files are included")));
        }
        above.push(path.canonicalize().map_err(Error::io("reading", path))?);
        self.add(path, &text, constraint, above)?;
        above.pop();
        Ok(())
    }

    fn add(
        &mut self,
        path: &Path,
        text: &str,
        constraint: bool,
        above: &mut Vec<PathBuf>,
    ) -> Result<()> {
        let file = &path.display().to_string();
        self.text.push_str(text);
        for (number, line) in logical_lines(text) {
            let refused = |reason: String| refused(file, number, reason);
            let line = expand(&line);
            if !line.starts_with('-') {
                let line = requirement(file, number, &line, constraint)?;
                self.hashed |= !line.hashes.is_empty();
                self.lines.push(line);
                continue;
            }
            let (option, value) = split_option(&line);
            let value = || match value.trim_matches(['"', '\'']) {
                "" => Err(refused(format!("{option} needs a value"))),
                value => Ok(value.to_owned()),
            };
            match option {
                "-r" | "--requirement" | "-c" | "--constraint" => {
                    let included = value()?;
                    if included.contains("://") {
                        return Err(refused(format!("{option} takes a file, not a URL")));
                    }
                    let path = path.parent().unwrap_or(Path::new("")).join(&included);
                    if path.canonicalize().is_ok_and(|path| above.contains(&path)) {
                        return Err(refused(format!("{included} includes itself")));
                    }
                    if above.len() > limits::DEPTH {
                        let most = limits::DEPTH;
                        return Err(refused(format!(
                            "{included} is included through {most} others"
                        )));
                    }
                    let constraint = constraint || option.contains("-c");
                    self.add_file(&path, constraint, above)?;
                }
                "-i" | "--index-url" | "--pypi-url" => self.index = Some(value()?),
                "--extra-index-url" => self.extra_indexes.push(value()?),
                "--trusted-host" => self.trusted_hosts.push(value()?),
                "--pre" => self.prereleases = true,
                "--require-hashes" => self.hashed = true,
                // wheels alone are taken in any case, and which file a wheel is follows from the platform
                "--only-binary" | "--prefer-binary" => {}
                "-e" | "--editable" => {
                    return Err(refused(format!(
                        "{option} is not supported: a package is built nowhere here; put a wheel of it into an index"
                    )));
                }
                _ => return Err(refused(format!("{option} is not supported"))),
            }
        }
        Ok(())
    }
}

fn refused(file: &str, number: usize, reason: impl Into<String>) -> Error {
    Error::Lock {
        lock: file.to_owned(),
        line: Some(number),
        reason: reason.into(),
    }
}

fn requirement(file: &str, number: usize, line: &str, constraint: bool) -> Result<Line> {
    let refused = |reason: String| refused(file, number, reason);
    let mut words = line.split(" --").map(str::trim);
    let specification = words.next().unwrap_or_default();
    let requirement: Requirement = specification.parse().map_err(refused)?;
    let mut hashes = BTreeSet::new();
    for word in words {
        let Some(hash) = word.strip_prefix("hash") else {
            let option = word.split(['=', ' ']).next().unwrap_or_default();
            return Err(refused(format!("--{option} is not supported")));
        };
        let hash = hash.trim_start_matches(['=', ' ']);
        match hash.split_once(':') {
            Some(("sha384" | "sha512", _)) => {}
            Some(("sha256", digits)) if Digest::from_hex(digits).is_some() => {
                hashes.extend(Digest::from_hex(digits));
            }
            _ => {
                return Err(refused(format!(
                    "{hash} is no hash like sha256:<64 hexadecimal digits>"
                )));
            }
        }
    }
    if requirement.url.is_some() && (hashes.is_empty() || constraint) {
        return Err(refused(format!(
            "{} is given by a URL, which only a requirement with the SHA-256 of its wheel can be: add --hash=sha256:..., or put the wheel into an index",
            requirement.name
        )));
    }
    Ok(Line {
        file: file.to_owned(),
        number,
        requirement,
        hashes,
        constraint,
    })
}

/// An option and its value: `--name value`, `--name=value`, `-n value` or `-nvalue`.
fn split_option(line: &str) -> (&str, &str) {
    let end = match line.starts_with("--") {
        true => line.find([' ', '\t', '=']).unwrap_or(line.len()),
        false => line.char_indices().nth(2).map_or(line.len(), |(at, _)| at),
    };
    let (option, value) = line.split_at(end);
    (
        option,
        value.trim_start_matches(['=', ' ', '\t']).trim_end(),
    )
}

/// A line with the environment's variables in it, written `${NAME}`.
fn expand(line: &str) -> String {
    let mut parts = line.split("${");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once('}').and_then(|(name, rest)| {
            let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let value = env::var(name).ok().filter(|_| name.chars().all(plain))?;
            Some(value + rest)
        });
        text.push_str(&known.unwrap_or_else(|| format!("${{{part}")));
    }
    text
}

/// Lines with their continuations joined and comments removed, each with its number.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let content = match line.find(" #").or_else(|| line.find("\t#")) {
            _ if line.starts_with('#') => "",
            Some(comment) => &line[..comment],
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

#[cfg(test)]
mod tests;
