//! The layer of the dbt project: what dbt reads of it, packed below `/project`.

mod ahead;
mod apart;
mod changes;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod installed;
mod scan;
mod settings;
mod size;
mod tree;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::File,
    io::{self, Read, Write},
    path::Path,
    thread,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::changes::{FileChanges, Fingerprint};
use self::{ahead::Content, changes::Hashes, scan::Scan, tree::Entry};
use super::{
    Error, Result,
    layer::{Archive, Gzip, Layer, READABLE},
};

/// Where projects are in the image.
const DIRECTORY: &str = "project";

/// What the runner is told of a project, in the project's directory.
const FACTS: &str = ".dbt-aws.json";

/// A dbt project's directory, read as far as its names go.
#[derive(Debug)]
pub struct Project {
    /// The project's name, as `dbt_project.yml` has it.
    pub name: String,
    /// The profile's name, as `dbt_project.yml` has it.
    pub profile: Option<String>,
    /// Whether all that `dbt clean` removes is inside the project, as far as that is known. dbt refuses what is not, and
    /// so does it where nothing is named: what it writes to is elsewhere in a run.
    pub cleans_inside: bool,
    /// Why dbt 1.12 refuses the packages that are installed, if it does.
    pub(super) uneven: Option<String>,
    /// What the user should know of what is packed and what is not, a sentence each.
    pub notes: Vec<String>,
    /// Where the project is in the image.
    directory: String,
    /// What is packed, by its path below [`DIRECTORY`].
    files: BTreeMap<String, Entry>,
    /// The names of the project and of its packages.
    names: HashSet<String>,
    /// Why it is not known what dbt reads, if it is not.
    unknown: Option<String>,
}

/// The state of a packed project: its layer, and a fingerprint of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectLayer {
    /// The project's name.
    pub name: String,
    /// Where the project is in the image, without the first `/`.
    #[serde(default = "directory")]
    pub directory: String,
    /// The layer.
    pub layer: Layer,
    /// What tells which files differ.
    pub files: Fingerprint,
}

fn directory() -> String {
    DIRECTORY.to_owned()
}

impl ProjectLayer {
    /// Whether another packing of the project holds the same, be it compressed in another way.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.name, &self.directory, &self.layer.diff_id)
            == (&other.name, &other.directory, &other.layer.diff_id)
    }
}

/// What would be packed of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The digest of all files.
    pub digest: String,
    /// What tells which files differ.
    pub files: Fingerprint,
    /// Which files differ from the earlier packing.
    pub changes: FileChanges,
    /// The names of the environment variables that the files read.
    pub variables: BTreeSet<String>,
}

/// A project's files, packed.
pub(super) struct Packed<W> {
    pub(super) out: W,
    pub(super) diff_id: crate::Digest,
    hashes: Hashes,
    variables: BTreeSet<String>,
    /// What the runner is told.
    facts: String,
}

impl Project {
    /// The project in a directory that holds a `dbt_project.yml`.
    ///
    /// What is packed is what dbt reads: the directory, and from beside it the directories and local packages that the
    /// project names, in the same layout. Left out are what `.dockerignore` names; and, unless a `!` there brings it
    /// back or dbt reads it as a model, seed or the like: what dbt and other tools write, virtual environments, and
    /// what looks like a secret. Symbolic links stay links, and those that lead to something else are not packed.
    pub fn read(path: &Path) -> Result<Self> {
        let tree = tree::read(path)?;
        let refused = |reason: String| Error::NotAProject {
            path: path.into(),
            reason: format!("its dbt_project.yml has {reason}"),
        };
        let name = tree
            .settings
            .name
            .ok_or_else(|| refused("no name".into()))?;
        settings::check_name(&name).map_err(refused)?;
        Ok(Self {
            name,
            profile: tree.settings.profile,
            cleans_inside: tree.settings.cleans_inside,
            uneven: tree.uneven,
            notes: tree.notes,
            directory: tree.directory,
            files: tree.entries,
            names: tree.names,
            unknown: tree.unknown,
        })
    }

    /// How many files are packed.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The path of a Python model, where there is one.
    pub fn python_model(&self) -> Option<&str> {
        let mut files = self.files.iter();
        let is_one = |(path, entry): &(&String, &Entry)| {
            let is_read = matches!(entry, Entry::File { reads, .. } if reads.nodes);
            is_read && path.ends_with(".py")
        };
        files.find(is_one).map(|(path, _)| path.as_str())
    }

    /// Whether no file is packed, which cannot be: there is a `dbt_project.yml`.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What is packed, and which of it differs from an earlier packing.
    pub fn contents(&self, earlier: &Fingerprint) -> Result<Contents> {
        let packed = self.pack(io::sink())?;
        Ok(Contents {
            changes: packed.hashes.changes_since(earlier),
            files: packed.hashes.fingerprint(),
            digest: packed.diff_id.to_string(),
            variables: packed.variables,
        })
    }

    /// Whether a layer holds what this packing of the project does.
    pub(super) fn is<W>(&self, packed: &Packed<W>, layer: &ProjectLayer) -> bool {
        (&self.name, &self.directory, &packed.diff_id)
            == (&layer.name, &layer.directory, &layer.layer.diff_id)
    }

    /// The tar of the project, written to `out`.
    pub(super) fn pack<W: Write>(&self, out: W) -> Result<Packed<W>> {
        let mut archive = Archive::new(out);
        let (hashes, scan) = self.files(&mut archive, true)?;
        let variables = scan.variables.clone();
        self.finish(archive, hashes, variables, scan.facts())
    }

    /// The project's layer, written to `out`.
    pub(super) fn layer<W: Write>(&self, out: W) -> Result<(W, ProjectLayer)> {
        self.compressed(self.pack(Gzip::new(out))?)
    }

    /// The layer of what was packed already, without looking into the files once more.
    pub(super) fn layer_of<W>(&self, packed: &Packed<W>) -> Result<ProjectLayer> {
        let mut archive = Archive::new(Gzip::new(io::sink()));
        let (hashes, _) = self.files(&mut archive, false)?;
        let again = self.finish(archive, hashes, BTreeSet::new(), packed.facts.clone())?;
        let (_, layer) = match again.diff_id == packed.diff_id {
            true => self.compressed(again)?,
            // somebody changed a file meanwhile
            false => self.layer(io::sink())?,
        };
        Ok(layer)
    }

    /// Writes all files; returns their hashes and, if they were looked into, what was found.
    fn files<W: Write>(&self, archive: &mut Archive<W>, looks: bool) -> Result<(Hashes, Scan<'_>)> {
        let mut hashes = Hashes::default();
        let mut scan = Scan::new(&self.names, self.unknown.clone());
        thread::scope(|scope| {
            for batch in ahead::batches(scope, &self.files, looks.then(|| scan.another())) {
                let batch = batch?;
                batch.scan.into_iter().for_each(|found| scan.add(found));
                for (name, entry, content) in batch.entries {
                    let inner = format!("{DIRECTORY}/{name}");
                    match (entry, content) {
                        (Entry::Directory, _) => archive
                            .directory(&inner)
                            .map_err(Error::io("packing", &inner))?,
                        (Entry::Link(target), _) => {
                            archive
                                .link(&inner, target)
                                .map_err(Error::io("packing", &inner))?;
                            hashes.insert(name, &Sha256::digest(target));
                        }
                        (Entry::File { path, .. }, Some(Content { bytes, sha256 })) => {
                            archive
                                .file(&inner, READABLE, bytes.len() as u64, &bytes[..])
                                .map_err(Error::io("packing", path))?;
                            hashes.insert(name, &sha256);
                        }
                        (Entry::File { path, reads, .. }, None) => {
                            let file = File::open(path).map_err(Error::io("reading", path))?;
                            let size = file.metadata().map_err(Error::io("reading", path))?.len();
                            let mut content = Digested {
                                inner: scan.reader(name, *reads, size, file),
                                sha256: Sha256::new(),
                            };
                            archive
                                .file(&inner, READABLE, size, &mut content)
                                .map_err(Error::io("packing", path))?;
                            hashes.insert(name, &content.sha256.finalize());
                            scan.take(content.inner);
                        }
                    }
                }
            }
            Ok((hashes, scan))
        })
    }

    /// Adds what the runner is told.
    fn finish<W: Write>(
        &self,
        mut archive: Archive<W>,
        hashes: Hashes,
        variables: BTreeSet<String>,
        facts: String,
    ) -> Result<Packed<W>> {
        let path = format!("{}/{FACTS}", self.directory);
        archive
            .file(&path, READABLE, facts.len() as u64, facts.as_bytes())
            .map_err(Error::io("packing", &path))?;
        let (out, diff_id) = archive.finish().map_err(Error::io("packing", DIRECTORY))?;
        Ok(Packed {
            out,
            diff_id,
            hashes,
            variables,
            facts,
        })
    }

    fn compressed<W: Write>(&self, packed: Packed<Gzip<W>>) -> Result<(W, ProjectLayer)> {
        let files = packed.hashes.fingerprint();
        let (out, layer) = packed
            .out
            .finish(packed.diff_id)
            .map_err(Error::io("packing", DIRECTORY))?;
        Ok((
            out,
            ProjectLayer {
                name: self.name.clone(),
                directory: self.directory.clone(),
                layer,
                files,
            },
        ))
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
#[path = "project/apart_tests.rs"]
mod apart_tests;
#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
