//! Which files are packed, and what stays out.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use super::{
    apart::{Apart, Names},
    settings::{OWN, Reads, Settings, is_profile},
};
use crate::{Error, Result, ignore::Rules};

/// How many directories may lie in each other.
const MAX_DEPTH: usize = 100;
/// How many files and directories are looked at.
const MAX_ENTRIES: usize = 500_000;
/// How large a file may be that is looked into for a key.
const MAX_KEY: u64 = 64 << 10;

/// What is packed at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File {
        size: u64,
        /// What dbt reads it for; nothing where dbt does not.
        reads: Reads,
    },
    /// A symbolic link, which stays one: dbt follows it here as it does there.
    Link {
        /// The path without any link that it leads to.
        target: PathBuf,
        /// Whether dbt would miss it.
        needed: bool,
    },
    Directory,
}

/// What is known of a directory from those above it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Within {
    pub(super) reads: Reads,
    /// Whether nothing is packed but what dbt reads, as outside of the project.
    pub(super) only_read: bool,
    /// Since which directory and why, where `.dockerignore` may bring back what is below one that stays out.
    apart: Option<(usize, Apart)>,
    depth: usize,
}

/// All that is found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) rules: Rules,
    names: Names,
    /// The project's directory.
    pub(super) root: PathBuf,
    /// The project's directory and those of its packages.
    pub(super) homes: HashSet<PathBuf>,
    /// What dbt reads directories for.
    pub(super) reads: HashMap<PathBuf, Reads>,
    /// The directories that lead to those.
    pub(super) ways: HashSet<PathBuf>,
    /// Directories that dbt writes.
    pub(super) written: HashSet<PathBuf>,
    /// What is packed, by its path without any link.
    pub(super) nodes: BTreeMap<PathBuf, Node>,
    /// What looks like a secret and stays out.
    pub(super) secrets: Vec<String>,
    /// Names that no image can have.
    pub(super) unnamed: Vec<String>,
    entries: usize,
}

pub(super) fn unpackable(path: &Path, reason: impl Into<String>) -> Error {
    Error::Unpackable {
        path: path.into(),
        reason: reason.into(),
    }
}

/// A file or directory on the way.
struct Entry<'a> {
    path: &'a Path,
    name: &'a str,
    is_utf8: bool,
    /// The path as the project, and so `.dockerignore`, sees it.
    seen: &'a str,
    /// Whether `.dockerignore` leaves it out.
    ignored: bool,
    /// Why it stays out by its name, unless `.dockerignore` brings it back.
    apart: Option<Apart>,
    /// Whether `.dockerignore` brings it back by name.
    brought_back: bool,
}

impl Walk {
    pub(super) fn new(root: PathBuf, rules: Rules) -> Self {
        Self {
            rules,
            homes: [root.clone()].into(),
            root,
            ..Self::default()
        }
    }

    /// What dbt reads a directory for, apart from what is above it.
    pub(super) fn begin(&self, directory: &Path, only_read: bool) -> Within {
        let reads = self.reads.get(directory).copied();
        Within {
            reads: reads.unwrap_or_default(),
            only_read,
            ..Within::default()
        }
    }

    /// Notes that dbt reads a directory.
    pub(super) fn add(&mut self, directory: &Path, reads: Reads) {
        let known = self.reads.entry(directory.to_owned()).or_default();
        *known = known.and(reads);
        let above = directory.ancestors().skip(1);
        self.ways.extend(above.map(Path::to_owned));
    }

    /// Finds all files below a directory, which `seen` is the name of.
    pub(super) fn directory(&mut self, directory: &Path, seen: &str, within: Within) -> Result<()> {
        if within.depth > MAX_DEPTH {
            let reason =
                format!("it is more than {MAX_DEPTH} directories deep; name it in .dockerignore");
            return Err(unpackable(directory, reason));
        }
        // that of a package or of a fixture need not be one that dbt reads
        if let Some(settings) = Settings::read(directory).ok().flatten() {
            let written = settings.written.iter().map(|path| directory.join(path));
            self.written
                .extend(written.map(|path| path.components().collect()));
        }
        let entries = fs::read_dir(directory).map_err(Error::io("reading", directory))?;
        let mut paths = vec![];
        for entry in entries {
            paths.push(entry.map_err(Error::io("reading", directory))?.path());
        }
        paths.sort();
        self.entries += paths.len();
        if self.entries > MAX_ENTRIES {
            let reason = format!(
                "there are more than {MAX_ENTRIES} files in what dbt_project.yml names; give the dbt project's own directory, or name what dbt does not need in .dockerignore"
            );
            return Err(unpackable(&self.root, reason));
        }
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            let (name, is_utf8) = (name.to_string_lossy(), name.to_str().is_some());
            let seen = match seen {
                "" => name.clone().into_owned(),
                seen => format!("{seen}/{name}"),
            };
            let decision = self.rules.decision(&seen);
            let since = within.apart.map_or(usize::MAX, |(depth, _)| depth);
            let own = seen.split('/').count();
            let kept = |depth| decision.is_some_and(|found| found.keep && found.depth >= depth);
            let entry = Entry {
                path: &path,
                name: &name,
                is_utf8,
                seen: &seen,
                ignored: decision.is_some_and(|found| !found.keep),
                apart: self.names.apart(&name).filter(|_| !kept(own)),
                brought_back: kept(since.min(own)),
            };
            let kind = fs::symlink_metadata(&path).map_err(Error::io("reading", &path))?;
            if kind.is_symlink() {
                self.link(&entry, within)?;
            } else if kind.is_dir() {
                self.below(&entry, within)?;
            } else if kind.is_file() {
                self.file(&entry, kind.len(), within)?;
            } else if !entry.ignored && within.reads.takes(&name) {
                return Err(unpackable(&path, "it is neither a file nor a directory"));
            }
        }
        Ok(())
    }

    fn below(&mut self, entry: &Entry<'_>, within: Within) -> Result<()> {
        let Entry { path, seen, .. } = *entry;
        if !entry.is_utf8 {
            if !entry.ignored {
                self.unnamed.push(seen.to_owned());
            }
            return Ok(());
        }
        // what lies beside the project is the project's own business there
        if path == self.root || entry.ignored && !self.rules.may_keep_below(seen) {
            return Ok(());
        }
        let found = self.reads.get(path).copied();
        let named = found.is_some() || self.ways.contains(path);
        let own = found.unwrap_or_default();
        let mut below = Within {
            reads: within.reads.and(own),
            depth: within.depth + 1,
            ..within
        };
        let written = self.written.contains(path);
        let environment = || path.join("pyvenv.cfg").exists();
        let apart = match entry.apart {
            None if written || !entry.brought_back && environment() => Some(Apart::Leftover),
            apart => apart,
        };
        if let Some(apart) = apart {
            if written {
                below.reads = own;
            }
            if !below.reads.any() && !named && !self.rules.may_keep_below(seen) {
                if apart == Apart::Secret && !entry.ignored && !within.only_read {
                    self.secrets.push(seen.to_owned());
                }
                return Ok(());
            }
            below.apart = within.apart.or(Some((seen.split('/').count(), apart)));
        } else if entry.brought_back {
            below.apart = None;
        }
        if within.only_read && !below.reads.any() && !named {
            return Ok(());
        }
        self.directory(path, seen, below)
    }

    fn file(&mut self, entry: &Entry<'_>, size: u64, within: Within) -> Result<()> {
        let Entry {
            path, name, seen, ..
        } = *entry;
        if entry.ignored {
            return Ok(());
        }
        let read = self.is_read(entry, within);
        if !entry.is_utf8 {
            if read {
                return Err(unpackable(path, "its name is not UTF-8"));
            }
            self.unnamed.push(seen.to_owned());
            return Ok(());
        }
        let at_root = path.parent() == Some(&self.root);
        let like_profiles = || {
            let name = name.to_lowercase();
            name.contains("profiles") && [".yml", ".yaml"].iter().any(|end| name.contains(end))
        };
        let packed = read || !within.only_read;
        let profile = !entry.brought_back
            && match name {
                "profiles.yml" => at_root || is_profile(path),
                _ => !read && packed && like_profiles() && is_profile(path),
            };
        let apart = entry.apart.filter(|_| !is_certificate(path, name, size));
        let why = match (profile, apart, within.apart) {
            (true, _, _) => Some(Apart::Secret),
            _ if read => None,
            (_, Some(why), _) => Some(why),
            (_, None, Some((_, why))) if !entry.brought_back => Some(why),
            _ if !entry.brought_back && packed && is_key(path, name, size) => Some(Apart::Secret),
            _ => None,
        };
        match why {
            Some(Apart::Secret) if !within.only_read || profile => {
                self.secrets.push(seen.to_owned());
            }
            Some(_) => {}
            None if !packed => {}
            None => {
                let reads = match read {
                    true if self.is_own(entry) => Reads::NODES,
                    true => within.reads,
                    false => Reads::default(),
                };
                self.nodes
                    .insert(path.to_owned(), Node::File { size, reads });
            }
        }
        Ok(())
    }

    fn link(&mut self, entry: &Entry<'_>, within: Within) -> Result<()> {
        let Entry { path, seen, .. } = *entry;
        let named = self.reads.contains_key(path);
        let read = self.is_read(entry, within);
        let apart = entry.apart.or(within.apart.map(|(_, why)| why));
        if entry.ignored
            || !(named || read) && (within.only_read || apart.is_some() && !entry.brought_back)
        {
            if apart == Some(Apart::Secret) && !entry.ignored && !within.only_read {
                self.secrets.push(seen.to_owned());
            }
            return Ok(());
        }
        let Ok(target) = fs::canonicalize(path) else {
            // where dbt looks for a directory, one that is not there is none
            if read {
                return Err(unpackable(path, "it is a symbolic link that leads nowhere"));
            }
            return Ok(());
        };
        if !entry.is_utf8 {
            self.unnamed.push(seen.to_owned());
            return Ok(());
        }
        // dbt's own walk follows links to files alone
        let needed = named || read && (target.is_file() || within.reads.assets);
        self.nodes
            .insert(path.to_owned(), Node::Link { target, needed });
        Ok(())
    }

    fn is_read(&self, entry: &Entry<'_>, within: Within) -> bool {
        within.reads.takes(entry.name)
            || within.reads.assets && entry.apart.is_none()
            || self.is_own(entry)
    }

    /// Whether it is one of a project's files that dbt reads wherever its paths are.
    fn is_own(&self, entry: &Entry<'_>) -> bool {
        let directory = entry.path.parent();
        OWN.contains(&entry.name)
            && directory.is_some_and(|directory| self.homes.contains(directory))
    }
}

/// Whether a file is a private key, or the key of an account, as those of Google's services.
fn is_key(path: &Path, name: &str, size: u64) -> bool {
    let of_account = name.to_lowercase().ends_with(".json");
    let is_key =
        |text: &str| has_private_key(text) || of_account && text.contains("\"private_key\"");
    short_text(path, size).is_some_and(|text| is_key(&text))
}

/// Whether a file has certificates, such as a warehouse's authority, and no private key.
fn is_certificate(path: &Path, name: &str, size: u64) -> bool {
    let alone = |text: &str| text.contains("-----BEGIN CERTIFICATE-----") && !has_private_key(text);
    name.to_lowercase().ends_with(".pem") && short_text(path, size).is_some_and(|text| alone(&text))
}

fn has_private_key(text: &str) -> bool {
    text.contains("-----BEGIN ")
        && ["-----", " BLOCK-----"]
            .iter()
            .any(|end| text.contains(&format!("PRIVATE KEY{end}")))
}

fn short_text(path: &Path, size: u64) -> Option<String> {
    let text = (size <= MAX_KEY).then(|| fs::read(path).ok())??;
    Some(String::from_utf8_lossy(&text).into_owned())
}
