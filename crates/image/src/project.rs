//! The layer of the dbt project: a directory, packed to `/project`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use saphyr::{LoadableYamlNode, Yaml};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Error, Result,
    ignore::Rules,
    layer::{Archive, Gzip, Layer, READABLE},
};

/// Where the project is in the image.
pub(super) const DIRECTORY: &str = "project";

/// Names that are never packed, wherever they are: secrets, and what tools leave behind.
const NEVER: &[&str] = &[
    ".user.yml",
    ".env",
    ".git",
    "__pycache__",
    ".dockerignore",
    ".DS_Store",
];

/// A dbt project's directory, read as far as its names go.
#[derive(Debug)]
pub struct Project {
    /// The project's name, as `dbt_project.yml` has it.
    pub name: String,
    /// The profile's name, as `dbt_project.yml` has it.
    pub profile: Option<String>,
    /// Each file's path in the project, and where it is on this machine.
    files: BTreeMap<String, PathBuf>,
}

/// The state of a packed project: its layer, and a fingerprint of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectLayer {
    /// The project's name.
    pub name: String,
    /// The layer.
    pub layer: Layer,
    /// What tells which files differ.
    pub files: Fingerprint,
}

/// A short hash of each file's path and content: 8 bytes a file, in Base64.
///
/// A project of 2,000 files adds 21 kB to the state; whole paths and hashes would add 250 kB.
/// The layer's digest decides whether anything changed: this only counts and names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// What would be packed of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The digest of all files.
    pub digest: String,
    /// What tells which files differ.
    pub files: Fingerprint,
    /// Which files differ from the earlier packing.
    pub changes: FileChanges,
}

/// The files that differ between two packings of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileChanges {
    /// Paths of files whose content changed.
    pub changed: Vec<String>,
    /// Paths of files that are new.
    pub added: Vec<String>,
    /// How many files are gone.
    pub removed: usize,
}

/// A project's files, packed.
pub(super) struct Packed<W> {
    pub(super) out: W,
    pub(super) diff_id: crate::Digest,
    /// Short hashes of each file's content, by path.
    hashes: BTreeMap<String, u32>,
}

impl Project {
    /// The project in a directory that holds a `dbt_project.yml`.
    ///
    /// Left out are `target` and `logs`, or what `dbt_project.yml` names instead; virtual
    /// environments, `.git`, `__pycache__`, `.env`, each `profiles.yml` that is one of dbt's; and what
    /// `.dockerignore` names. Symbolic links are followed, since `dbt deps` links local packages.
    pub fn read(path: &Path) -> Result<Self> {
        let not_a_project = |reason: &str| Error::NotAProject {
            path: path.into(),
            reason: reason.into(),
        };
        let root =
            fs::canonicalize(path).map_err(|_| not_a_project("there is no such directory"))?;
        let settings = Settings::read(&root)?.ok_or_else(|| {
            not_a_project("it has no dbt_project.yml; give the directory that holds one")
        })?;
        let name = settings
            .name
            .ok_or_else(|| not_a_project("its dbt_project.yml has no name"))?;
        let rules = match fs::read_to_string(root.join(".dockerignore")) {
            Ok(text) => Rules::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Rules::default(),
            Err(error) => return Err(Error::io("reading", root.join(".dockerignore"))(error)),
        };
        let mut walk = Walk {
            rules,
            written: HashSet::new(),
            files: BTreeMap::new(),
        };
        walk.directory(&root, "", &mut Vec::new())?;
        if !walk.files.contains_key("dbt_project.yml") {
            return Err(not_a_project(
                "its .dockerignore leaves dbt_project.yml out",
            ));
        }
        if let Some(folder) = settings.packages
            && names_packages(&root)
            && !walk.files.keys().any(|name| name.starts_with(&folder))
        {
            return Err(Error::Unpackable {
                path: path.into(),
                reason: "its packages are not installed, and a run installs none; run `dbt deps` there first".into(),
            });
        }
        Ok(Self {
            name,
            profile: settings.profile,
            files: walk.files,
        })
    }

    /// How many files are packed.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether no file is packed, which cannot be: there is a `dbt_project.yml`.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What is packed, and which of it differs from an earlier packing.
    pub fn contents(&self, earlier: &Fingerprint) -> Result<Contents> {
        let packed = self.pack(io::sink())?;
        Ok(Contents {
            changes: packed.changes_since(earlier),
            files: packed.fingerprint(),
            digest: packed.diff_id.to_string(),
        })
    }

    /// The tar of the project, written to `out`.
    pub(super) fn pack<W: Write>(&self, out: W) -> Result<Packed<W>> {
        let mut archive = Archive::new(out);
        let mut hashes = BTreeMap::new();
        for (name, path) in &self.files {
            let file = File::open(path).map_err(Error::io("reading", path))?;
            let size = file.metadata().map_err(Error::io("reading", path))?.len();
            let mut content = Digested {
                inner: file,
                sha256: Sha256::new(),
            };
            archive
                .file(&format!("{DIRECTORY}/{name}"), READABLE, size, &mut content)
                .map_err(Error::io("packing", path))?;
            hashes.insert(name.clone(), short(&content.sha256.finalize()));
        }
        let (out, diff_id) = archive.finish().map_err(Error::io("packing", DIRECTORY))?;
        Ok(Packed {
            out,
            diff_id,
            hashes,
        })
    }

    /// The project's layer, written to `out`.
    pub(super) fn layer<W: Write>(&self, out: W) -> Result<(W, ProjectLayer)> {
        let packed = self.pack(Gzip::new(out))?;
        let files = packed.fingerprint();
        let (out, layer) = packed
            .out
            .finish(packed.diff_id)
            .map_err(Error::io("packing", DIRECTORY))?;
        Ok((
            out,
            ProjectLayer {
                name: self.name.clone(),
                layer,
                files,
            },
        ))
    }
}

impl<W> Packed<W> {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut entries: Vec<[u32; 2]> = self
            .hashes
            .iter()
            .map(|(path, content)| [short(&Sha256::digest(path)), *content])
            .collect();
        entries.sort_unstable();
        let bytes: Vec<u8> = entries
            .iter()
            .flatten()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        Fingerprint(data_encoding::BASE64_NOPAD.encode(&bytes))
    }

    /// What changed since an earlier packing.
    pub(super) fn changes_since(&self, earlier: &Fingerprint) -> FileChanges {
        let mut earlier = earlier.entries();
        let mut changes = FileChanges::default();
        for (path, content) in &self.hashes {
            match earlier.remove(&short(&Sha256::digest(path))) {
                None => changes.added.push(path.clone()),
                Some(before) if before != *content => changes.changed.push(path.clone()),
                Some(_) => {}
            }
        }
        changes.removed = earlier.len();
        changes
    }
}

impl From<&str> for Fingerprint {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fingerprint {
    fn entries(&self) -> HashMap<u32, u32> {
        let bytes = data_encoding::BASE64_NOPAD
            .decode(self.0.as_bytes())
            .unwrap_or_default();
        let (pairs, _) = bytes.as_chunks::<8>();
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
        pairs
            .iter()
            .map(|pair| (number(&pair[..4]), number(&pair[4..])))
            .collect()
    }
}

impl FileChanges {
    /// How many files differ.
    pub fn count(&self) -> usize {
        self.changed.len() + self.added.len() + self.removed
    }
}

impl std::fmt::Display for FileChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |verb: &str, paths: &[String]| {
            let shown = paths
                .iter()
                .take(3)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            let more = if paths.len() > 3 { ", ..." } else { "" };
            (!paths.is_empty()).then(|| format!("{} {verb} ({shown}{more})", files(paths.len())))
        };
        let removed = (self.removed > 0).then(|| format!("{} removed", files(self.removed)));
        let parts: Vec<String> = [
            list("changed", &self.changed),
            list("added", &self.added),
            removed,
        ]
        .into_iter()
        .flatten()
        .collect();
        f.write_str(if parts.is_empty() {
            "no file changed"
        } else {
            ""
        })?;
        f.write_str(&parts.join(", "))
    }
}

fn files(count: usize) -> String {
    if count == 1 {
        "1 file".into()
    } else {
        format!("{count} files")
    }
}

fn short(digest: &[u8]) -> u32 {
    digest
        .iter()
        .take(4)
        .fold(0, |n, byte| n << 8 | u32::from(*byte))
}

/// Whether a project needs packages that `dbt deps` installs.
fn names_packages(root: &Path) -> bool {
    ["packages.yml", "dependencies.yml"].iter().any(|name| {
        let text = fs::read_to_string(root.join(name)).unwrap_or_default();
        let documents = Yaml::load_from_str(&text).unwrap_or_default();
        let packages = documents
            .first()
            .and_then(|root| root.as_mapping_get("packages"));
        packages
            .and_then(Yaml::as_sequence)
            .is_some_and(|packages| !packages.is_empty())
    })
}

/// What `dbt_project.yml` says that matters here.
struct Settings {
    name: Option<String>,
    profile: Option<String>,
    /// The beginning of the paths of installed packages; unknown where only dbt can tell.
    packages: Option<String>,
    /// Directories that dbt writes.
    written: Vec<String>,
}

impl Settings {
    fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join("dbt_project.yml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("reading", path)(error)),
        };
        let broken = |reason: String| Error::NotAProject {
            path: directory.into(),
            reason,
        };
        let documents = Yaml::load_from_str(&text)
            .map_err(|error| broken(format!("its dbt_project.yml is not valid YAML: {error}")))?;
        let Some(root) = documents.first().filter(|root| root.is_mapping()) else {
            return Err(broken("its dbt_project.yml is not a mapping".into()));
        };
        let text = |key| {
            root.as_mapping_get(key)
                .and_then(Yaml::as_str)
                .map(str::to_owned)
        };
        let written = |key, default: &str| {
            let path = text(key)
                .filter(|path| !path.contains("{{"))
                .unwrap_or_else(|| default.to_owned());
            path.trim_start_matches("./")
                .trim_end_matches('/')
                .to_owned()
        };
        let install = text("packages-install-path");
        let packages = match install.as_deref().unwrap_or("dbt_packages") {
            path if path.contains("{{") => None,
            path => Some(format!(
                "{}/",
                path.trim_start_matches("./").trim_end_matches('/')
            )),
        };
        Ok(Some(Self {
            name: text("name"),
            profile: text("profile"),
            packages,
            written: vec![
                written("target-path", "target"),
                written("log-path", "logs"),
            ],
        }))
    }
}

/// Whether a file holds profiles of dbt's, and so perhaps passwords, rather than the properties of a model.
fn is_profile(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let Ok(documents) = Yaml::load_from_str(&text) else {
        return true;
    };
    let root = documents.first().and_then(Yaml::as_mapping);
    root.is_some_and(|root| {
        root.values()
            .any(|profile| profile.as_mapping_get("outputs").is_some())
    })
}

struct Walk {
    rules: Rules,
    /// Directories that dbt writes, of the project and of the packages in it.
    written: HashSet<PathBuf>,
    files: BTreeMap<String, PathBuf>,
}

impl Walk {
    /// All files below a directory; `above` are the real paths that lead to it.
    fn directory(
        &mut self,
        directory: &Path,
        prefix: &str,
        above: &mut Vec<PathBuf>,
    ) -> Result<()> {
        let unpackable = |path: &Path, reason: &str| Error::Unpackable {
            path: path.into(),
            reason: reason.into(),
        };
        let real = fs::canonicalize(directory).map_err(Error::io("reading", directory))?;
        if above.contains(&real) {
            return Err(unpackable(
                directory,
                "it is a symbolic link to a directory above itself",
            ));
        }
        above.push(real);
        // that of a package or of a fixture need not be one that dbt reads
        let settings = Settings::read(directory).ok().flatten();
        let written = settings.iter().flat_map(|settings| &settings.written);
        self.written
            .extend(written.map(|path| directory.join(path)));
        for entry in fs::read_dir(directory).map_err(Error::io("reading", directory))? {
            let path = entry.map_err(Error::io("reading", directory))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(unpackable(&path, "its name is not UTF-8"));
            };
            let inner = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}/{name}")
            };
            if NEVER.contains(&name) || self.written.contains(&path) {
                continue;
            }
            let excluded = self.rules.excludes(&inner);
            if excluded && self.rules.only_excludes() {
                continue;
            }
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(_) if excluded => continue,
                Err(_) if path.is_symlink() && !path.exists() => {
                    return Err(unpackable(
                        &path,
                        "it is a symbolic link that leads nowhere",
                    ));
                }
                Err(error) => return Err(Error::io("reading", path)(error)),
            };
            if metadata.is_dir() {
                if !path.join("pyvenv.cfg").exists() {
                    self.directory(&path, &inner, above)?;
                }
            } else if excluded
                || (name == "profiles.yml" && (prefix.is_empty() || is_profile(&path)))
            {
                continue;
            } else if metadata.is_file() {
                self.files.insert(inner, path);
            } else {
                return Err(unpackable(&path, "it is neither a file nor a directory"));
            }
        }
        above.pop();
        Ok(())
    }
}

struct Digested<R> {
    inner: R,
    sha256: Sha256,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
