//! The files of a dbt project in the layout that its own paths ask for.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    env, fs, io,
    path::{Component, Path, PathBuf},
};

use outside::printable_line;

use super::{
    DIRECTORY,
    settings::{Named, PROJECT, Packages, Reads, Settings},
    size::{bytes, largest},
    walk::{Node, Walk, unpackable},
};
use crate::{Error, Result, ignore::Rules};

/// How large a `.dockerignore` may be.
const MAX_RULES: u64 = 1 << 20;
/// How many files are packed.
const MAX_FILES: usize = 100_000;
/// How many bytes are packed.
const MAX_BYTES: u64 = 10 << 30;
/// From how many bytes on a project is said to be large.
const LARGE: u64 = 100_000_000;

/// All that is packed, by its path in the image.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) settings: Settings,
    /// Where the project is in the image.
    pub(super) directory: String,
    pub(super) entries: BTreeMap<String, Entry>,
    /// The names of the project and of its packages.
    pub(super) names: HashSet<String>,
    /// Why it is not known what dbt reads, if it is not.
    pub(super) unknown: Option<String>,
    /// Why dbt 1.12 refuses the packages that are installed, if it does.
    pub(super) uneven: Option<String>,
    pub(super) notes: Vec<String>,
}

/// What is packed at a path, with where it is on this machine.
#[derive(Debug)]
pub(super) enum Entry {
    File {
        path: PathBuf,
        /// The size when the directory was read.
        size: u64,
        reads: Reads,
    },
    Link(String),
    Directory,
}

/// A project on the way to its tree.
pub(super) struct Reading {
    pub(super) walk: Walk,
    pub(super) notes: Vec<String>,
    /// The names of the projects that dbt reads.
    pub(super) names: HashSet<String>,
    /// Why it is not known what dbt reads, if it is not.
    pub(super) unknown: Option<String>,
    /// Why dbt 1.12 refuses the packages that are installed, if it does.
    uneven: Option<String>,
    /// What is packed from outside of the project, and the path by which the project sees it.
    pub(super) outside: Vec<(PathBuf, String)>,
    /// The directories that paths lead through; what is above them all is `/project`.
    through: BTreeSet<PathBuf>,
}

pub(super) fn read(path: &Path) -> Result<Tree> {
    let not_a_project = |reason: &str| Error::NotAProject {
        path: path.into(),
        reason: reason.into(),
    };
    let root = fs::canonicalize(path).map_err(|_| not_a_project("there is no such directory"))?;
    if root.is_file() {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new(".")).display();
        let reason =
            format!("it is a file; give the directory that holds {PROJECT}, such as {parent}");
        return Err(not_a_project(&reason));
    }
    let settings = Settings::read(&root)?.ok_or_else(|| {
        not_a_project("it has no dbt_project.yml; give the directory that holds one")
    })?;
    let packages = Packages::read(&root)?;
    let mut reading = Reading {
        walk: Walk::new(root.clone(), rules(&root)?),
        notes: vec![],
        names: settings.name.iter().cloned().collect(),
        unknown: None,
        uneven: None,
        outside: vec![],
        through: [root.clone()].into(),
    };
    for named in &settings.paths {
        reading.add(&root, named, "", true)?;
    }
    let installed = reading.packages(&settings.install, &packages)?;
    let within = reading.walk.begin(&root, false);
    reading.walk.directory(&root, "", within)?;
    for (directory, seen) in std::mem::take(&mut reading.outside) {
        let within = reading.walk.begin(&directory, true);
        reading.walk.directory(&directory, &seen, within)?;
    }
    reading.links()?;
    if !reading.walk.nodes.contains_key(&root.join(PROJECT)) {
        return Err(not_a_project(
            "its .dockerignore leaves dbt_project.yml out",
        ));
    }
    reading.are_installed(&settings.install, &packages, &installed)?;
    let counted = installed.iter().filter(|package| !package.ignored).count();
    reading.uneven = packages.uneven(&settings.install, counted);
    reading.tree(settings)
}

fn rules(root: &Path) -> Result<Rules> {
    let path = root.join(".dockerignore");
    match fs::metadata(&path) {
        Ok(found) if found.len() > MAX_RULES => Err(unpackable(
            &path,
            format!("it is larger than {} MB", MAX_RULES >> 20),
        )),
        Ok(found) if found.is_file() => {
            let text = fs::read(&path).map_err(Error::io("reading", path))?;
            Ok(Rules::parse(&String::from_utf8_lossy(&text)))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("reading", path)(error))
        }
        _ => Ok(Rules::default()),
    }
}

/// A path as it is written, and the directories that it leads through upwards.
fn lexical(base: &Path, path: &str) -> (PathBuf, Vec<PathBuf>) {
    let (mut at, mut left) = (base.to_owned(), vec![]);
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => {
                left.push(at.clone());
                at.pop();
            }
            Component::Normal(name) => at.push(name),
            _ => {}
        }
    }
    (at, left)
}

impl Reading {
    /// Notes that dbt reads what a project or package in `base` names, which may lie outside of the project only if
    /// `trusted`. `seen` is the package's path.
    pub(super) fn add(
        &mut self,
        base: &Path,
        named: &Named,
        seen: &str,
        trusted: bool,
    ) -> Result<()> {
        let Named { key, path, reads } = named;
        let of = |base: &Path| base.join(PROJECT);
        if named.is_template() {
            let of = if seen.is_empty() { PROJECT } else { seen };
            self.unknown
                .get_or_insert_with(|| format!("{key} of {of} is a template"));
            if trusted {
                self.notes.push(format!("{key} has {path:?}, a template that only dbt can read: of what it names, only what lies in the project is packed"));
            }
            return Ok(());
        }
        let Ok(real) = fs::canonicalize(base.join(path)) else {
            // dbt passes over a directory that is not there
            return Ok(());
        };
        if !real.is_dir() {
            return Ok(());
        }
        if Path::new(path).is_absolute() {
            let reason = format!(
                "{key} has {path:?}, which is not there in the image; write the path relative to {PROJECT}"
            );
            return if trusted {
                Err(unpackable(&of(base), reason))
            } else {
                Ok(())
            };
        }
        let (written, left) = lexical(base, path);
        let inside = real.starts_with(&self.walk.root);
        if !inside && !trusted && !real.starts_with(base) {
            self.notes.push(format!(
                "the package {seen} reads {path:?}, outside of the project, which is not packed"
            ));
            return Ok(());
        }
        if !inside && real != written {
            let reason = format!(
                "{key} has {path:?}, which a symbolic link leads to {}, outside of what is named; name that directory itself",
                real.display()
            );
            return Err(unpackable(&of(base), reason));
        }
        if !inside && is_too_much(&real) {
            let reason = format!(
                "{key} has {path:?}, which is all of {}; name the directories that dbt is to read",
                real.display()
            );
            return Err(unpackable(&of(base), reason));
        }
        self.walk.add(&real, *reads);
        for directory in left {
            self.through
                .insert(directory.parent().unwrap_or(&directory).to_owned());
            if directory.is_dir() && !directory.is_symlink() {
                self.walk.nodes.insert(directory, Node::Directory);
            }
        }
        if !inside {
            self.outside.push((real, joined(seen, path)));
        }
        Ok(())
    }

    /// Leaves out the links to what is not packed, unless dbt would miss them.
    fn links(&mut self) -> Result<()> {
        let mut gone = vec![];
        for (path, node) in &self.walk.nodes {
            let Node::Link { target, needed } = node else {
                continue;
            };
            if self.has(target) {
                continue;
            }
            let outside = !target.starts_with(&self.walk.root);
            let place = if outside {
                "outside of the project"
            } else {
                "which is not packed"
            };
            let what = format!("a symbolic link to {}, {place}", target.display());
            if *needed && (outside || !target.is_dir()) {
                let reason = format!(
                    "it is {what}; put what dbt is to read into the project, or name its directory in {PROJECT}"
                );
                return Err(unpackable(path, reason));
            }
            let of_package = self
                .walk
                .homes
                .iter()
                .any(|home| *home != self.walk.root && path.starts_with(home));
            if outside && !of_package {
                let shown = path.strip_prefix(&self.walk.root).unwrap_or(path).display();
                let note = format!("{shown} stays out of the image: it is {what}");
                self.notes.push(printable_line(&note).into_owned());
            }
            gone.push(path.clone());
        }
        for path in gone {
            self.walk.nodes.remove(&path);
        }
        Ok(())
    }

    /// Whether something is packed at a path or below it, and the path lies in what is named.
    fn has(&self, path: &Path) -> bool {
        let named =
            |above: &Path| self.walk.homes.contains(above) || self.walk.reads.contains_key(above);
        let first = self.walk.nodes.range(path.to_owned()..).next();
        path.ancestors().any(named) && first.is_some_and(|(found, _)| found.starts_with(path))
    }

    /// All of it, with names in the image.
    fn tree(mut self, settings: Settings) -> Result<Tree> {
        let root = &self.walk.root;
        let packed = self.walk.nodes.keys().map(PathBuf::as_path);
        let all = packed
            .chain(self.through.iter().map(PathBuf::as_path))
            .chain(self.walk.homes.iter().map(PathBuf::as_path));
        let top = all.fold(root.clone(), |top, path| {
            let shared = top.ancestors().find(|above| path.starts_with(above));
            shared.unwrap_or(&top).to_owned()
        });
        let name = |path: &Path| {
            let below = path.strip_prefix(&top).unwrap_or(path);
            let names = below.components().map(|part| part.as_os_str().to_str());
            let names: Option<Vec<&str>> = names.collect();
            let names = names.ok_or_else(|| unpackable(path, "its path is not UTF-8"))?;
            Ok::<_, Error>(names.join("/"))
        };
        let inner = name(root)?;
        let prefix = if inner.is_empty() {
            String::new()
        } else {
            format!("{inner}/")
        };
        let (mut entries, mut sizes) = (BTreeMap::new(), BTreeMap::new());
        let mut nodes = std::mem::take(&mut self.walk.nodes).into_iter().peekable();
        while let Some((path, node)) = nodes.next() {
            let mut holds_the_next = || {
                nodes
                    .peek()
                    .is_some_and(|(next, _)| next.starts_with(&path))
            };
            if node == Node::Directory && holds_the_next() {
                continue;
            }
            let at = name(&path)?;
            let packed = match node {
                Node::Directory => Entry::Directory,
                Node::Link { target, .. } => Entry::Link(relative(&at, &name(&target)?)),
                Node::File { size, reads } => {
                    sizes.insert(at.clone(), size);
                    Entry::File { path, size, reads }
                }
            };
            entries.insert(at, packed);
        }
        // ours takes its place
        entries.remove(&format!("{prefix}{}", super::FACTS));
        let total: u64 = sizes.values().sum();
        if entries.len() > MAX_FILES || total > MAX_BYTES {
            let reason = format!(
                "it comes to {} files and {}, and an image takes {MAX_FILES} and {}; largest are {}; name what dbt does not need in .dockerignore",
                entries.len(),
                bytes(total),
                bytes(MAX_BYTES),
                largest(&sizes)
            );
            return Err(unpackable(root, reason));
        }
        let mut notes = self.notes;
        if total > LARGE {
            notes.push(format!("{} are packed, which each run has to fetch; largest are {}; name what dbt does not need in .dockerignore", bytes(total), largest(&sizes)));
        }
        // what lies in packages from elsewhere is theirs to know
        let packages = format!(
            "{}/",
            settings
                .install
                .path
                .trim_start_matches("./")
                .trim_end_matches('/')
        );
        let mut left = |names: &mut Vec<String>, why: &str| {
            names.retain(|name| !name.starts_with(&packages));
            names.sort();
            names.dedup();
            if !names.is_empty() {
                notes.push(format!("left out of the image, {why}: {}", listed(names)));
            }
        };
        left(
            &mut self.walk.secrets,
            "as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` leaves it out without this line)",
        );
        left(&mut self.walk.unnamed, "as its name is not UTF-8");
        let directory = format!("{DIRECTORY}/{inner}")
            .trim_end_matches('/')
            .to_owned();
        let names = self.names;
        Ok(Tree {
            settings,
            directory,
            entries,
            names,
            unknown: self.unknown,
            uneven: self.uneven,
            notes,
        })
    }
}

/// Whether a directory is a whole machine's or person's.
pub(super) fn is_too_much(directory: &Path) -> bool {
    let home = env::home_dir().and_then(|home| fs::canonicalize(home).ok());
    directory.parent().is_none() || home.is_some_and(|home| home.starts_with(directory))
}

pub(super) fn joined(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// A path from the directory of another.
fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').collect();
    let to: Vec<&str> = to.split('/').filter(|name| !name.is_empty()).collect();
    let directory = &from[..from.len() - 1];
    let shared = directory
        .iter()
        .zip(&to)
        .take_while(|(a, b)| a == b)
        .count();
    let up = std::iter::repeat_n("..", directory.len() - shared);
    let all: Vec<&str> = up.chain(to[shared..].iter().copied()).collect();
    if all.is_empty() {
        ".".into()
    } else {
        all.join("/")
    }
}

/// A few names of many.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(|name| printable_line(name));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
