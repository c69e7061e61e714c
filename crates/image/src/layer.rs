//! Layers: tar archives, gzipped, the same bits on every machine.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use serde::{Deserialize, Serialize};

use super::digest::{Digest, Hasher};

/// The media type of the layers that this module makes.
pub(super) const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A layer's descriptor: enough to name it in a manifest and a configuration without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// The OCI media type.
    pub media_type: String,
    /// The digest of the compressed layer: the blob's name in a registry.
    pub digest: Digest,
    /// The compressed size in bytes.
    pub size: u64,
    /// The digest of the uncompressed tar, as the image's configuration lists it.
    pub diff_id: Digest,
}

/// The mode of a file that is read.
pub(super) const READABLE: u32 = 0o644;
/// The mode of a file that is run.
pub(super) const EXECUTABLE: u32 = 0o755;
/// The mode of a directory that everybody may write to.
const SHARED: u32 = 0o1777;

/// A writer of one layer's tar: files in the order they come, owned by root, dated 1970.
pub(super) struct Archive<W: Write> {
    tar: tar::Builder<Hashed<W>>,
    directories: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            tar: tar::Builder::new(Hashed::new(out)),
            directories: BTreeSet::new(),
        }
    }

    /// A file at a path relative to the image's root, with the directories above it.
    pub(super) fn file(
        &mut self,
        path: &str,
        mode: u32,
        size: u64,
        content: impl Read,
    ) -> io::Result<()> {
        self.directories_above(path)?;
        self.append(tar::EntryType::Regular, mode, path, size, content)
    }

    /// A symbolic link, with the directories above it.
    pub(super) fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.directories_above(path)?;
        let mut header = header(tar::EntryType::Symlink, 0o777, 0);
        self.tar.append_link(&mut header, path, target)
    }

    /// A directory, with those above it.
    pub(super) fn directory(&mut self, path: &str) -> io::Result<()> {
        self.directories_above(&format!("{path}/"))
    }

    /// A directory in the root that everybody may write to, each to what is theirs.
    pub(super) fn shared_directory(&mut self, name: &str) -> io::Result<()> {
        let directory = tar::EntryType::Directory;
        self.append(directory, SHARED, &format!("{name}/"), 0, io::empty())
    }

    /// The writer below, and the tar's digest.
    pub(super) fn finish(self) -> io::Result<(W, Digest)> {
        let hashed = self.tar.into_inner()?;
        Ok((hashed.out, hashed.sha256.finish()))
    }

    fn directories_above(&mut self, path: &str) -> io::Result<()> {
        for (end, _) in path.match_indices('/') {
            if self.directories.insert(path[..end].to_owned()) {
                let directory = tar::EntryType::Directory;
                self.append(directory, EXECUTABLE, &path[..=end], 0, io::empty())?;
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        kind: tar::EntryType,
        mode: u32,
        path: &str,
        size: u64,
        content: impl Read,
    ) -> io::Result<()> {
        let mut header = header(kind, mode, size);
        let mut exact = Exact {
            inner: content,
            left: size,
        };
        self.tar.append_data(&mut header, path, &mut exact)?;
        exact.end()
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// A gzip writer whose output depends on its input alone, and which names what it wrote.
pub(super) struct Gzip<W: Write>(GzEncoder<Hashed<W>>);

impl<W: Write> Gzip<W> {
    pub(super) fn new(out: W) -> Self {
        Self(
            GzBuilder::new()
                .operating_system(255)
                .write(Hashed::new(out), Compression::new(6)),
        )
    }

    /// The writer below, and the layer whose tar has this digest.
    pub(super) fn finish(self, diff_id: Digest) -> io::Result<(W, Layer)> {
        let mut hashed = self.0.finish()?;
        hashed.flush()?;
        let digest = hashed.sha256.finish();
        Ok((
            hashed.out,
            Layer {
                media_type: TAR_GZIP.into(),
                digest,
                size: hashed.size,
                diff_id,
            },
        ))
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Hashed<W> {
    out: W,
    sha256: Hasher,
    size: u64,
}

impl<W> Hashed<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            sha256: Hasher::default(),
            size: 0,
        }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A reader that fails unless it yields exactly the size that the tar's header promised.
struct Exact<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Exact<R> {
    fn end(&mut self) -> io::Result<()> {
        match self.left {
            0 if self.inner.read(&mut [0])? == 0 => Ok(()),
            0 => Err(io::Error::other("it grew while it was read")),
            _ => Err(io::Error::other("it is shorter than it claims to be")),
        }
    }
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..limit])?;
        self.left -= read as u64;
        Ok(read)
    }
}
