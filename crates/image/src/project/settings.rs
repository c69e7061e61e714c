//! What dbt's own files say of where dbt reads and writes: `dbt_project.yml` and the lists of packages.

use std::{fs, io, path::Path};

use crate::{
    Error, Result,
    yaml::{MAX_BYTES, Value, Yaml},
};

/// The files in a project's own directory that dbt reads, whatever its paths are.
pub(super) const OWN: &[&str] = &[
    PROJECT,
    "packages.yml",
    "dependencies.yml",
    "package-lock.yml",
    "selectors.yml",
    "catalogs.yml",
    ".dbtignore",
];

/// The file that makes a directory a dbt project.
pub(super) const PROJECT: &str = "dbt_project.yml";

/// What dbt reads a directory for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    /// Macros and generic tests, which run where something names them.
    pub(super) macros: bool,
    /// What is parsed itself: models and their like, and properties.
    pub(super) nodes: bool,
    /// Texts of the documentation.
    pub(super) docs: bool,
    /// Whatever lies there, for the documentation.
    pub(super) assets: bool,
}

impl Reads {
    const NOTHING: Self = Self {
        macros: false,
        nodes: false,
        docs: false,
        assets: false,
    };
    const MACROS: Self = Self {
        macros: true,
        ..Self::NOTHING
    };
    pub(super) const NODES: Self = Self {
        nodes: true,
        ..Self::NOTHING
    };
    const DOCS: Self = Self {
        docs: true,
        ..Self::NOTHING
    };
    const ASSETS: Self = Self {
        assets: true,
        ..Self::NOTHING
    };

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            macros: self.macros || other.macros,
            nodes: self.nodes || other.nodes,
            docs: self.docs || other.docs,
            assets: self.assets || other.assets,
        }
    }

    pub(super) fn any(self) -> bool {
        self != Self::default()
    }

    /// Whether dbt reads a file of this name, as it matches names itself.
    pub(super) fn takes(self, name: &str) -> bool {
        let extension = name.rsplit_once('.').map(|(_, end)| end.to_lowercase());
        let known = |end: &str| match end {
            "md" => self.docs || self.nodes || self.macros,
            "csv" | "py" | "sql" | "yaml" | "yml" => self.nodes || self.macros,
            _ => false,
        };
        !name.starts_with(['.', '#', '~']) && extension.is_some_and(|end| known(&end))
    }
}

/// A path in `dbt_project.yml`, relative to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: &'static str,
    pub(super) path: String,
    pub(super) reads: Reads,
}

impl Named {
    fn new(key: &'static str, path: impl Into<String>, reads: Reads) -> Self {
        let path = path.into();
        Self { key, path, reads }
    }

    pub(super) fn is_template(&self) -> bool {
        is_template(&self.path)
    }
}

/// Where a project is read and written.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) profile: Option<String>,
    /// Directories that dbt reads.
    pub(super) paths: Vec<Named>,
    /// Where `dbt deps` puts packages.
    pub(super) install: Named,
    /// Directories that dbt writes.
    pub(super) written: Vec<String>,
    /// Whether all that `dbt clean` removes is inside the project, as far as that is known.
    pub(super) cleans_inside: bool,
}

impl Settings {
    /// The settings of the project in a directory; `None` where it holds none.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>> {
        let broken = |reason: String| Error::NotAProject {
            path: directory.into(),
            reason: format!("its {PROJECT} {reason}"),
        };
        let document = document(&directory.join(PROJECT))
            .map_err(|reason| broken(format!("cannot be read: {reason}")))?;
        let Some(document) = document else {
            return Ok(None);
        };
        Self::of(&document)
            .map(Some)
            .map_err(|reason| broken(reason.into()))
    }

    /// The settings that a document has, or what is wrong with it.
    pub(super) fn of(document: &Yaml) -> Result<Self, &'static str> {
        let root = document.root().filter(|root| root.is_mapping());
        let root = root.ok_or("is not a mapping")?;
        if root.get("name").is_some_and(|name| name.text().is_none()) {
            return Err("has a name that is not text; put it in quotes");
        }
        let text = |key: &str| root.get(key).and_then(Value::text).map(str::to_owned);
        let written = |key: &str, default: &str| {
            let path = text(key).filter(|path| !is_template(path));
            path.unwrap_or_else(|| default.to_owned())
        };
        let mut paths = vec![];
        for (keys, default, reads) in [
            (&["model-paths", "source-paths"][..], "models", Reads::NODES),
            (&["seed-paths", "data-paths"], "seeds", Reads::NODES),
            (&["snapshot-paths"], "snapshots", Reads::NODES),
            (&["analysis-paths"], "analyses", Reads::NODES),
            (&["test-paths"], "tests", Reads::NODES),
            (&["function-paths"], "functions", Reads::NODES),
            (&["macro-paths"], "macros", Reads::MACROS),
            (&["docs-paths"], "", Reads::DOCS),
            (&["asset-paths"], "", Reads::ASSETS),
        ] {
            let found = keys.iter().find_map(|key| Some((*key, root.get(key)?)));
            let (key, given) = match found {
                Some((key, value)) => (key, texts(value)),
                None if default.is_empty() => continue,
                None => (keys[0], vec![default.to_owned()]),
            };
            for path in given {
                if key == "test-paths" && !is_template(&path) {
                    let generic = format!("{}/generic", path.trim_end_matches('/'));
                    paths.push(Named::new(key, generic, Reads::MACROS));
                }
                paths.push(Named::new(key, path, reads));
            }
        }
        let install = text("packages-install-path").unwrap_or_else(|| "dbt_packages".into());
        Ok(Self {
            name: text("name"),
            profile: text("profile"),
            paths,
            install: Named::new("packages-install-path", install, Reads::default()),
            written: vec![
                written("target-path", "target"),
                written("log-path", "logs"),
            ],
            cleans_inside: root.get("clean-targets").is_some_and(cleans_inside),
        })
    }
}

/// A sequence's texts, or the one text.
fn texts(value: Value<'_>) -> Vec<String> {
    let items: Vec<Value<'_>> = match value.items() {
        Some(items) => items.collect(),
        None => vec![value],
    };
    let texts = items.into_iter().filter_map(Value::text);
    texts.map(str::to_owned).collect()
}

fn cleans_inside(targets: Value<'_>) -> bool {
    let leaves =
        |path: &str| path.starts_with(['/', '~']) || path.split('/').any(|part| part == "..");
    let is_known = |path: &String| !is_template(path);
    let is_given = targets.items().is_some() || targets.text().is_some();
    is_given
        && !texts(targets)
            .iter()
            .filter(|path| is_known(path))
            .any(|path| leaves(path))
}

/// A package that a project names.
#[derive(Debug)]
pub(super) struct Package {
    /// What it is called where it is named, without credentials.
    pub(super) shown: String,
    /// The directory of a local one, as it is written.
    pub(super) local: Option<String>,
    /// What dbt may call its folder; nothing where that is not known.
    pub(super) folders: Vec<String>,
}

impl Package {
    /// One of `packages.yml`, with what `package-lock.yml` says of it.
    fn new(named: Value<'_>, locked: &[Value<'_>]) -> Self {
        let text = |key| named.get(key).and_then(Value::text);
        let kinds = ["package", "git", "local", "private", "tarball"];
        let kind = kinds.into_iter().find(|kind| named.get(kind).is_some());
        let source = kind.and_then(text).unwrap_or_default();
        let own = match kind {
            Some("package") => source.rsplit('/').next(),
            Some("tarball") => text("name"),
            _ => None,
        };
        let same = |entry: &&Value<'_>| {
            let of_entry = |key| entry.get(key).and_then(Value::text);
            let keys = kind.into_iter().chain(["subdirectory"]);
            kind.is_some() && keys.into_iter().all(|key| of_entry(key) == text(key))
        };
        let locked = locked.iter().find(same);
        let locked = locked.and_then(|entry| entry.get("name")?.text());
        let folders = [own, locked].into_iter().flatten();
        Self {
            shown: source.rsplit('@').next().unwrap_or_default().to_owned(),
            local: (kind == Some("local")).then(|| source.to_owned()),
            folders: folders
                .filter(|name| !name.is_empty() && !is_template(name))
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// The packages that a project names.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// The file that names them.
    pub(super) file: &'static str,
    /// Each; unknown where a template says it.
    pub(super) named: Option<Vec<Package>>,
    /// The folders of all that dbt installed, as `package-lock.yml` has them.
    pub(super) locked: Vec<String>,
    /// How many dbt 1.12 wants to find: as many as `package-lock.yml` lists, or else as are named.
    pub(super) wanted: usize,
}

impl Packages {
    /// What is wrong where there are so many folders of packages, and dbt wants another number of them, from 1.12 on.
    pub(super) fn uneven(&self, install: &Named, there: usize) -> Option<String> {
        let wanted = self.wanted;
        let is_known = self.named.is_some() && !install.is_template();
        (is_known && there != wanted).then(|| {
            format!("its packages.yml and package-lock.yml list {wanted} packages, but {} holds {there} folders", install.path)
        })
    }

    /// What the project in a directory names, by dbt's rule of which file counts.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let read = |file: &'static str| {
            let path = directory.join(file);
            document(&path).map_err(|reason| Error::Unpackable { path, reason })
        };
        let lock = document(&directory.join("package-lock.yml")).ok().flatten();
        let of =
            |file| Ok(read(file)?.and_then(|document| Self::of(file, &document, lock.as_ref())));
        match (of("packages.yml")?, of("dependencies.yml")?) {
            (Some(_), Some(_)) => Err(Error::Unpackable {
                path: directory.into(),
                reason: "packages.yml and dependencies.yml both have packages, which dbt refuses; move them into one of the two".into(),
            }),
            (None, None) => Ok(Self {
                named: Some(vec![]),
                wanted: entries(lock.as_ref()).len(),
                ..Self::default()
            }),
            (Some(packages), None) | (None, Some(packages)) => Ok(packages),
        }
    }

    /// What a file of packages names; `None` where it has none.
    pub(super) fn of(file: &'static str, document: &Yaml, lock: Option<&Yaml>) -> Option<Self> {
        let packages = document.root()?.get("packages")?;
        let locked = entries(lock);
        let items = packages.items().into_iter().flatten();
        let named: Vec<Package> = items.map(|item| Package::new(item, &locked)).collect();
        let folders = locked.iter().filter_map(|entry| entry.get("name")?.text());
        Some(Self {
            file,
            wanted: if locked.is_empty() {
                named.len()
            } else {
                locked.len()
            },
            named: (!packages.text().is_some_and(is_template)).then_some(named),
            locked: folders.map(str::to_owned).collect(),
        })
    }

    /// Whether the project names none.
    pub(super) fn is_empty(&self) -> bool {
        self.named.as_ref().is_some_and(Vec::is_empty)
    }

    /// The directories of local ones, as they are written.
    pub(super) fn locals(&self) -> impl Iterator<Item = &String> {
        let named = self.named.iter().flatten();
        named.filter_map(|package| package.local.as_ref())
    }
}

/// Whether dbt takes a project's name, as far as that can be said.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || c == '_';
    let begins_well = name.starts_with(|c: char| fits(c) && !c.is_ascii_digit());
    if name == "dbt" {
        return Err("the name \"dbt\", which is that of dbt's own macros; choose another".into());
    }
    if is_template(name) || begins_well && name.chars().all(fits) {
        return Ok(());
    }
    let named: String = name
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let example = match named.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "" => "shop",
        rest => rest,
    };
    Err(format!(
        "the name {name:?}, which dbt refuses; use letters, digits and _, and do not begin with a digit, such as {example}"
    ))
}

/// The packages that a lock lists.
fn entries(lock: Option<&Yaml>) -> Vec<Value<'_>> {
    let listed = lock.and_then(|lock| lock.root()?.get("packages")?.items());
    listed.into_iter().flatten().collect()
}

/// Whether only dbt can say what a text comes to.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// A file's document, if there is such a file; else why it cannot be read.
pub(super) fn document(file: &Path) -> Result<Option<Yaml>, String> {
    let found = match fs::metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !found.is_file() {
        return Err("it is not a file".into());
    }
    if found.len() > MAX_BYTES as u64 {
        return Err(format!("it is larger than {} MB", MAX_BYTES >> 20));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let parsed = Yaml::parse(&text).map_err(|reason| format!("it is not valid YAML: {reason}"))?;
    Ok(Some(parsed))
}

/// Whether a file holds profiles of dbt's, and so perhaps passwords, rather than the properties of a model.
pub(super) fn is_profile(file: &Path) -> bool {
    match document(file) {
        Ok(document) => document.as_ref().and_then(Yaml::root).is_some_and(|root| {
            root.values()
                .any(|profile| profile.get("outputs").is_some())
        }),
        Err(_) => true,
    }
}
