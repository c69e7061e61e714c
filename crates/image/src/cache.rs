//! The local cache: wheels by their digest, layers by what they are made from.

use std::{
    env, fs,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use data_encoding::HEXLOWER;

use super::{Digest, Error, Result, digest::Hasher};

/// A directory whose files are complete from the moment they are there, and hashed whenever they are used.
///
/// A file is written under a name of its own and then renamed, so processes that work on the
/// same file at once do it twice, and never see half of it. What is not as it was written counts
/// as missing. Nobody else may write to the directory.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    /// Who this process is, once it has written a file.
    owner: Arc<OnceLock<Option<u32>>>,
}

/// A file's place in the cache: a folder, and a hash in hexadecimal.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    folder: &'static str,
    name: String,
}

impl Entry {
    pub(super) fn new(folder: &'static str, hash: &[u8], extension: &'static str) -> Self {
        Self {
            folder,
            name: HEXLOWER.encode(hash) + extension,
        }
    }
}

/// A file of the cache that is still being written; it vanishes unless it is kept.
pub(super) struct Draft {
    path: PathBuf,
    folder: PathBuf,
}

impl Cache {
    /// The cache in a directory, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            owner: Arc::default(),
        }
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

    /// The path of a file whose content has this digest, if it is there.
    pub(super) fn find(&self, entry: &Entry, digest: &Digest) -> Option<PathBuf> {
        let path = self.existing(entry)?;
        let mut hasher = Hasher::default();
        let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hasher));
        if read.is_ok() && hasher.finish() == *digest {
            return Some(path);
        }
        let _ = fs::remove_file(&path);
        None
    }

    /// The content of a file that [`Cache::write`] wrote, if it is there.
    pub(super) fn read(&self, entry: &Entry) -> Option<Vec<u8>> {
        let mut content = fs::read(self.existing(entry)?).ok()?;
        let own = content.split_off(content.len().checked_sub(32)?);
        (Digest::of(&content).bytes() == own).then_some(content)
    }

    /// Write a whole file, with its hash at the end.
    pub(super) fn write(&self, entry: &Entry, content: &[u8]) -> Result<()> {
        let (draft, mut file) = self.draft(entry.folder)?;
        let whole = [content, Digest::of(content).bytes()].concat();
        io::Write::write_all(&mut file, &whole).map_err(Error::io("writing", &draft.path))?;
        draft.keep(entry).map(drop)
    }

    /// A file to be written to one of the cache's folders, with the handle to write it.
    pub(super) fn draft(&self, folder: &'static str) -> Result<(Draft, File)> {
        let folder = self.folder(folder)?;
        let path = folder.join(format!(".{:016x}", rand::random::<u64>()));
        let file = create(&path).map_err(Error::io("creating", &path))?;
        Ok((Draft { path, folder }, file))
    }

    /// A file's path if it is a plain file of a folder that is ours.
    fn existing(&self, entry: &Entry) -> Option<PathBuf> {
        let path = self.root.join(entry.folder).join(&entry.name);
        let plain = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        (plain && self.folder(entry.folder).is_ok()).then_some(path)
    }

    /// One of the cache's folders, made where it is missing.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        make(&folder)?;
        self.secure(&folder)?;
        Ok(folder)
    }
}

impl Draft {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's lasting path, now that it is complete; the entry is of the draft's folder.
    pub(super) fn keep(self, entry: &Entry) -> Result<PathBuf> {
        let target = self.folder.join(&entry.name);
        fs::rename(&self.path, &target).map_err(Error::io("writing", &target))?;
        Ok(target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A new file that nobody else may read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// A directory that nobody else may read, with those above it, if it is not there.
fn make(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.recursive(true).create(directory);
    made.map_err(Error::io("creating", directory))
}

#[cfg(not(unix))]
impl Cache {
    /// Windows keeps others out of a user's directories.
    fn secure(&self, _: &Path) -> Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
mod secure {
    use std::{
        fs::Permissions,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

    use super::*;

    /// The bits of a mode by which others write.
    const OTHERS_WRITE: u32 = 0o022;

    impl Cache {
        /// Makes sure that nobody else can write to a folder. What others could have written is removed.
        pub(super) fn secure(&self, folder: &Path) -> Result<()> {
            let refused = |path: &Path, reason: &str| Error::Cache {
                path: path.into(),
                reason: reason.into(),
            };
            let root = fs::metadata(&self.root).map_err(Error::io("reading", &self.root))?;
            let own = fs::symlink_metadata(folder).map_err(Error::io("reading", folder))?;
            if !own.is_dir() {
                return Err(refused(folder, "it is a link or a file"));
            }
            let us = *self.owner.get_or_init(|| owner(&self.root));
            for (path, metadata) in [(&*self.root, &root), (folder, &own)] {
                if us != Some(metadata.uid()) {
                    return Err(refused(
                        path,
                        "it belongs to another user, or cannot be written",
                    ));
                }
            }
            let restrict = |path: &Path, mode: u32| {
                let set = fs::set_permissions(path, Permissions::from_mode(mode));
                set.map_err(Error::io("securing", path))
            };
            if root.mode() & OTHERS_WRITE != 0 {
                restrict(&self.root, root.mode() & 0o7777 & !OTHERS_WRITE)?;
            }
            if own.mode() & OTHERS_WRITE != 0 {
                fs::remove_dir_all(folder).map_err(Error::io("emptying", folder))?;
                make(folder)?;
                let made = fs::metadata(folder).map_err(Error::io("reading", folder))?;
                if made.mode() & OTHERS_WRITE != 0 {
                    return Err(refused(
                        folder,
                        "its file system keeps no permissions, so anybody could write to it",
                    ));
                }
                Ok(())
            } else if own.mode() & 0o077 != 0 {
                restrict(folder, 0o700)
            } else {
                Ok(())
            }
        }
    }

    /// Who owns what this process writes.
    fn owner(directory: &Path) -> Option<u32> {
        let path = directory.join(format!(".{:016x}", rand::random::<u64>()));
        let file = create(&path).ok()?;
        let owner = file.metadata().ok().map(|metadata| metadata.uid());
        let _ = fs::remove_file(&path);
        owner
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    fn entry() -> Entry {
        Entry::new("wheels", &[0xab; 32], "")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_reads_or_writes_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("a/b");
        let cache = Cache::new(&root);
        assert_eq!(cache.read(&entry()), None);
        cache.write(&entry(), b"content").unwrap();
        assert_eq!(cache.read(&entry()).as_deref(), Some(&b"content"[..]));
        let folder = root.join("wheels");
        assert_eq!([mode(&root), mode(&folder)], [0o700; 2]);
        assert_eq!(mode(&folder.join(&entry().name)), 0o600);

        // what others could only read is taken, and what they could have written is not
        for (theirs, there) in [(0o755, true), (0o775, false), (0o707, false)] {
            cache.write(&entry(), b"content").unwrap();
            fs::set_permissions(&root, Permissions::from_mode(theirs)).unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(theirs)).unwrap();
            assert_eq!(cache.read(&entry()).is_some(), there, "{theirs:o}");
            assert_eq!(mode(&folder), 0o700);
            assert_eq!(mode(&root) & 0o022, 0);
        }
    }

    #[test]
    fn what_leads_out_of_it_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (root, outside) = (
            directory.path().join("cache"),
            directory.path().join("outside"),
        );
        let elsewhere = Cache::new(&outside);
        elsewhere.write(&entry(), b"planted").unwrap();
        let cache = Cache::new(&root);
        cache.write(&entry(), b"ours").unwrap();
        let file = root.join("wheels").join(&entry().name);
        fs::remove_file(&file).unwrap();
        symlink(outside.join("wheels").join(&entry().name), &file).unwrap();
        assert_eq!(cache.read(&entry()), None);
        cache.write(&entry(), b"ours").unwrap();
        assert_eq!(cache.read(&entry()).as_deref(), Some(&b"ours"[..]));
        assert_eq!(elsewhere.read(&entry()).as_deref(), Some(&b"planted"[..]));

        fs::remove_dir_all(root.join("wheels")).unwrap();
        symlink(outside.join("wheels"), root.join("wheels")).unwrap();
        assert_eq!(cache.read(&entry()), None);
        let error = cache.write(&entry(), b"ours").unwrap_err().to_string();
        assert!(
            error.ends_with(
                "is not used: it is a link or a file; name another directory in DBT_AWS_CACHE"
            ),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_as_it_was_written_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path());
        let digest = Digest::of(b"wheel");
        let write = |content: &[u8]| {
            let (draft, mut file) = cache.draft("wheels").unwrap();
            io::Write::write_all(&mut file, content).unwrap();
            draft.keep(&entry()).unwrap()
        };
        let path = write(b"wheel");
        assert_eq!(cache.find(&entry(), &digest), Some(path));
        write(b"wheeL");
        assert_eq!(cache.find(&entry(), &digest), None);
        for content in [&b""[..], b"short", &[7; 64]] {
            write(content);
            assert_eq!(cache.read(&entry()), None);
        }
    }

    /// Only root can make a directory somebody else's.
    #[test]
    fn somebody_elses_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path());
        cache.write(&entry(), b"theirs").unwrap();
        let folder = directory.path().join("wheels");
        match std::os::unix::fs::chown(&folder, Some(12_345), None) {
            Ok(()) => {
                assert_eq!(cache.read(&entry()), None);
                let error = cache.write(&entry(), b"ours").unwrap_err().to_string();
                assert!(error.contains("it belongs to another user"), "{error}");
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }
}
