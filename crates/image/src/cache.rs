//! The local cache: wheels by their digest, layers by what they are made from.

use std::{
    env, fs,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{Error, Result};

/// A directory whose files are complete from the moment they are there.
///
/// A file is written under a name of its own and then renamed, so processes that work on the
/// same file at once do it twice, and never see half of it.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// A file of the cache that is still being written; it vanishes unless it is kept.
pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Cache {
    /// The cache in a directory, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache that `DBT_AWS_CACHE` names, or else `dbt-aws` in the user's cache directory.
    pub fn from_environment() -> Self {
        let variable = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = || env::home_dir().unwrap_or_else(env::temp_dir);
        let system = || match env::consts::OS {
            "macos" => home().join("Library/Caches"),
            "windows" => variable("LOCALAPPDATA").unwrap_or_else(|| home().join("AppData/Local")),
            _ => variable("XDG_CACHE_HOME").unwrap_or_else(|| home().join(".cache")),
        };
        Self::new(variable("DBT_AWS_CACHE").unwrap_or_else(|| system().join("dbt-aws")))
    }

    /// The path of a file in one of the cache's folders, whether or not it is there.
    pub(super) fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.root.join(folder).join(name)
    }

    /// A file's content, if it is there.
    pub(super) fn read(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(folder, name)).ok()
    }

    /// A file to be written, with the handle to write it.
    pub(super) fn draft(&self, folder: &str, name: &str) -> Result<(Draft, File)> {
        let target = self.path(folder, name);
        let directory = self.root.join(folder);
        fs::create_dir_all(&directory).map_err(Error::io("creating", &directory))?;
        let path = directory.join(format!(".{name}.{:016x}", rand::random::<u64>()));
        let file = File::create_new(&path).map_err(Error::io("creating", &path))?;
        Ok((Draft { path, target }, file))
    }

    /// Write a whole file.
    pub(super) fn write(&self, folder: &str, name: &str, content: &[u8]) -> Result<()> {
        let (draft, mut file) = self.draft(folder, name)?;
        io::Write::write_all(&mut file, content).map_err(Error::io("writing", &draft.path))?;
        draft.keep().map(drop)
    }
}

impl Draft {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's lasting path, now that it is complete.
    pub(super) fn keep(self) -> Result<PathBuf> {
        let target = self.target.clone();
        self.keep_as(target)
    }

    /// The same, under another name in the cache.
    pub(super) fn keep_as(self, target: PathBuf) -> Result<PathBuf> {
        fs::rename(&self.path, &target).map_err(Error::io("writing", &target))?;
        Ok(target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
