//! Wheels: which of them fit an image, and how they are unpacked.
//!
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    rc::Rc,
    str::FromStr,
};

use pep440_rs::Version;
use pep508_rs::PackageName;
use zip::ZipArchive;

use super::{
    Error, Python, Result,
    digest::Hasher,
    layer::{Archive, EXECUTABLE, READABLE},
    limits,
    platform::Platform,
    waiting::Waiting,
};

/// The newest glibc whose wheels are taken: that of Debian 10, RHEL 8 and all that came later.
const GLIBC_MINOR: u32 = 28;

/// A wheel's file name, taken apart.
#[derive(Clone, Debug)]
pub(super) struct WheelName {
    pub(super) name: PackageName,
    pub(super) version: Version,
    build: (u64, String),
    pythons: Vec<String>,
    abis: Vec<String>,
    platforms: Vec<String>,
}

impl WheelName {
    /// The name, or nothing where a file is no wheel.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let parts: Vec<&str> = file.strip_suffix(".whl")?.split('-').collect();
        let (head, tags) = parts.split_at_checked(parts.len().checked_sub(3)?)?;
        let (name, version, build) = match head {
            [name, version] => (name, version, ""),
            [name, version, build] => (name, version, *build),
            _ => return None,
        };
        let digits = build
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(build.len());
        let split = |tags: &str| tags.split('.').map(str::to_owned).collect();
        Some(Self {
            name: PackageName::from_str(name).ok()?,
            version: Version::from_str(version).ok()?,
            build: (
                build[..digits].parse().unwrap_or(0),
                build[digits..].to_owned(),
            ),
            pythons: split(tags[0]),
            abis: split(tags[1]),
            platforms: split(tags[2]),
        })
    }

    /// How well the wheel fits, greater being better, or nothing where it does not load.
    pub(super) fn fit(&self, python: Python, platform: Platform) -> Option<impl Ord + use<>> {
        let interpreter = self.pythons.iter().flat_map(|tag| {
            self.abis
                .iter()
                .filter_map(|abi| interpreter(tag, abi, python))
        });
        let system = self
            .platforms
            .iter()
            .filter_map(|tag| system(tag, platform));
        Some((interpreter.max()?, system.max()?, self.build.clone()))
    }
}

/// CPython's own ABI, then the stable one (newest first), then pure Python.
fn interpreter(tag: &str, abi: &str, python: Python) -> Option<(u8, u32)> {
    let minor: Option<u32> = tag.strip_prefix("cp3").and_then(|minor| minor.parse().ok());
    match (minor, abi) {
        (Some(minor), "abi3") if minor <= python.minor => Some((3, minor)),
        (Some(minor), "none") if minor == python.minor => Some((2, minor)),
        (Some(minor), abi) if minor == python.minor && abi == tag => Some((4, minor)),
        (None, "none") => match tag.strip_prefix("py3")? {
            "" => Some((1, 0)),
            minor => Some((
                1,
                minor.parse().ok().filter(|minor| *minor <= python.minor)?,
            )),
        },
        _ => None,
    }
}

fn system(tag: &str, platform: Platform) -> Option<u32> {
    if tag == "any" {
        return Some(0);
    }
    let glibc = tag.strip_suffix(platform.machine())?.strip_suffix('_')?;
    match glibc {
        "linux" => Some(1),
        "manylinux1" => Some(5),
        "manylinux2010" => Some(12),
        "manylinux2014" => Some(17),
        _ => glibc
            .strip_prefix("manylinux_2_")?
            .parse()
            .ok()
            .filter(|minor| *minor <= GLIBC_MINOR),
    }
}

/// A wheel on this machine whose digest is the locked one.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    pub(super) file: String,
    pub(super) path: PathBuf,
}

/// Unpack wheels to a directory of the image, its files in order of their paths.
///
/// Where two wheels hold the same file, the later one's is taken, as `pip` does. Headers are left
/// out, and scripts but for dbt itself: nothing in the image runs them.
pub(super) fn unpack<W: Write>(
    wheels: &[Wheel],
    directory: &str,
    archive: &mut Archive<W>,
    waiting: &Waiting,
) -> Result<()> {
    let read = |wheel: &Wheel| {
        let file = File::open(&wheel.path).map_err(Error::io("reading", &wheel.path))?;
        Opened::new(&wheel.file, waiting.read(BufReader::new(file)))
    };
    let opened = wheels.iter().map(read).collect::<Result<Vec<_>>>()?;
    unpack_opened(opened, directory, archive)
}

pub(super) fn unpack_opened<R: Read + Seek, W: Write>(
    mut opened: Vec<Opened<R>>,
    directory: &str,
    archive: &mut Archive<W>,
) -> Result<()> {
    let mut files = BTreeMap::new();
    for (number, wheel) in opened.iter_mut().enumerate() {
        for (path, entry) in wheel.entries()? {
            files.insert(path, (number, entry));
        }
    }
    let mut size = 0_u64;
    for (path, (number, entry)) in files {
        let wheel = &mut opened[number];
        let refused = |reason: String| Error::Wheel {
            wheel: wheel.file.clone(),
            reason,
        };
        let file = wheel
            .zip
            .by_index(entry.index)
            .map_err(|error| refused(error.to_string()))?;
        let run = file.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if run { EXECUTABLE } else { READABLE };
        size = size.saturating_add(file.size());
        if size > limits::UNPACKED {
            let most = limits::UNPACKED >> 30;
            return Err(refused(format!(
                "all packages together hold more than {most} GiB"
            )));
        }
        let mut content = Checked {
            size: file.size(),
            inner: file,
            sha256: Hasher::default(),
        };
        archive
            .file(
                &format!("{directory}/{path}"),
                mode,
                content.size,
                &mut content,
            )
            .map_err(|error| refused(format!("{path}: {error}")))?;
        if entry
            .sha256
            .is_some_and(|expected| expected != content.sha256.finish().bytes())
        {
            return Err(refused(format!(
                "{path} is not the file that its RECORD lists"
            )));
        }
    }
    Ok(())
}

/// A wheel whose directory was read.
pub(super) struct Opened<R> {
    file: String,
    zip: Zip<R>,
}

struct Entry {
    index: usize,
    /// Absent for RECORD itself.
    sha256: Option<Vec<u8>>,
}

impl<R: Read + Seek> Opened<R> {
    pub(super) fn new(file: &str, content: R) -> Result<Self> {
        let zip = open(content).map_err(|reason| Error::Wheel {
            wheel: file.to_owned(),
            reason,
        })?;
        Ok(Self {
            file: file.to_owned(),
            zip,
        })
    }

    fn refused(&self, reason: impl Into<String>) -> Error {
        Error::Wheel {
            wheel: self.file.clone(),
            reason: reason.into(),
        }
    }

    /// The files to be installed: where each goes, and what it is.
    fn entries(&mut self) -> Result<Vec<(String, Entry)>> {
        let mut names = Vec::new();
        for index in 0..self.zip.len() {
            let read = self.zip.by_index_raw(index).and_then(|entry| {
                Ok((
                    entry.name()?.into_owned(),
                    entry.is_dir(),
                    entry.is_symlink(),
                ))
            });
            let (name, directory, link) = read.map_err(|error| self.refused(error.to_string()))?;
            if link || !is_plain(name.trim_end_matches('/')) {
                return Err(self.refused(format!(
                    "it holds {name:?}, which could be written outside its directory"
                )));
            }
            if !directory {
                names.push((index, name));
            }
        }
        let info = self.metadata_directory(&names)?;
        let about = self.text(&format!("{info}/WHEEL"))?;
        if !about
            .lines()
            .any(|line| line.trim().starts_with("Wheel-Version: 1."))
        {
            return Err(self.refused("only version 1 of the wheel format is known"));
        }
        let record = format!("{info}/RECORD");
        let hashes = parse_record(&self.text(&record)?);
        let data = format!("{}.data/", info.trim_end_matches(".dist-info"));
        let mut entries = Vec::new();
        for (index, name) in names {
            let signature = name
                .strip_prefix(&record)
                .is_some_and(|rest| matches!(rest, "" | ".jws" | ".p7s"));
            let sha256 = hashes.get(&name).cloned().flatten();
            if sha256.is_none() && !signature {
                return Err(self.refused(format!("its RECORD has no SHA-256 for {name}")));
            }
            let Some(path) = installed_at(&name, &data) else {
                continue;
            };
            entries.push((path, Entry { index, sha256 }));
        }
        Ok(entries)
    }

    fn metadata_directory(&self, names: &[(usize, String)]) -> Result<String> {
        let mut found = names.iter().filter_map(|(_, name)| {
            let directory = name.strip_suffix("/WHEEL")?;
            (directory.ends_with(".dist-info") && !directory.contains('/')).then_some(directory)
        });
        match (found.next(), found.next()) {
            (Some(directory), None) => Ok(directory.to_owned()),
            _ => Err(self.refused("it does not have exactly one .dist-info directory")),
        }
    }

    fn text(&mut self, name: &str) -> Result<String> {
        let content = content(&mut self.zip, name, limits::RECORD);
        let text =
            content.and_then(|bytes| String::from_utf8(bytes).map_err(|e| format!("{name}: {e}")));
        text.map_err(|reason| self.refused(reason))
    }
}

/// A wheel, opened.
pub(super) type Zip<R> = ZipArchive<Bounded<R>>;

/// The wheel in a file whose directory has the size of one.
pub(super) fn open<R: Read + Seek>(file: R) -> Result<Zip<R>, String> {
    let left = Rc::new(Cell::new(limits::DIRECTORY));
    let zip = ZipArchive::new(Bounded {
        inner: file,
        left: left.clone(),
    });
    left.set(u64::MAX);
    zip.map_err(|error| error.to_string())
}

/// A file of a wheel, which has at most so many bytes.
pub(super) fn content<R: Read + Seek>(
    zip: &mut Zip<R>,
    name: &str,
    most: u64,
) -> Result<Vec<u8>, String> {
    let entry = zip
        .by_name(name)
        .map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    let read = entry.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("{name}: {error}"))?;
    match bytes.len() as u64 > most {
        true => Err(format!(
            "{name} is larger than {} MiB, the most that is read",
            most >> 20
        )),
        false => Ok(bytes),
    }
}

/// A reader that fails once it has given more than it may.
pub(super) struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => {
                return Err(io::Error::other(
                    "its directory is larger than that of any wheel",
                ));
            }
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Where a wheel's file goes, relative to the directory of installation.
fn installed_at(name: &str, data: &str) -> Option<String> {
    if name.contains("__pycache__/") {
        return None;
    }
    let Some(rest) = name.strip_prefix(data) else {
        return Some(name.to_owned());
    };
    match rest.split_once('/')? {
        ("purelib" | "platlib" | "data", path) => Some(path.to_owned()),
        ("scripts", "dbt") => Some("bin/dbt".to_owned()),
        _ => None,
    }
}

/// Whether a path stays below the directory that it is joined to, on every system.
fn is_plain(path: &str) -> bool {
    let special = |c: char| matches!(c, '\\' | ':') || c.is_control();
    path.len() <= limits::PATH
        && !path.contains(special)
        && path
            .split('/')
            .all(|name| !matches!(name, "" | "." | "..") && name.len() <= limits::FILE_NAME)
}

/// The SHA-256 of each path that a RECORD lists.
fn parse_record(text: &str) -> HashMap<String, Option<Vec<u8>>> {
    let hash = |field: &str| {
        let encoded = field.strip_prefix("sha256=")?.trim_end_matches('=');
        data_encoding::BASE64URL_NOPAD
            .decode(encoded.as_bytes())
            .ok()
    };
    text.lines()
        .filter_map(|line| {
            let (path, rest) = match line.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\",")?,
                None => line.split_once(',')?,
            };
            Some((path.replace("\"\"", "\""), hash(rest.split(',').next()?)))
        })
        .collect()
}

struct Checked<R> {
    inner: R,
    size: u64,
    sha256: Hasher,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
pub(super) mod tests;
