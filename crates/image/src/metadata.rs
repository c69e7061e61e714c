//! What a wheel needs: its METADATA, with as little of the wheel as the index allows.
//!
//! <https://packaging.python.org/en/latest/specifications/core-metadata/>

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    str::FromStr,
};

use pep440_rs::VersionSpecifiers;
use reqwest::{StatusCode, header};

use super::{
    Digest, Error, Index, Result,
    cache::Entry,
    digest::Hasher,
    host, http,
    index::Finder,
    limits::{self, Limit},
    page::{self, Beside, Candidate},
    requirement::Requirement,
    wheel::{self, WheelName},
};

/// How much of a wheel's end is asked for: its directory, and mostly its METADATA too.
const TAIL: u64 = 64 << 10;
/// How much more is asked for at once, at most.
const MORE: u64 = 1 << 20;

/// What a wheel needs.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) requires: Vec<Requirement>,
    pub(super) python: Option<VersionSpecifiers>,
}

impl Finder {
    /// The METADATA of a wheel: from the cache, the file beside it, its end, or all of it.
    pub(super) async fn metadata(&self, index: &Index, candidate: &Candidate) -> Result<String> {
        let entry = entry(candidate);
        if let Some(text) = entry.as_ref().and_then(|entry| self.cache.read(entry)) {
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
        let text = self.read_metadata(index, candidate).await?;
        if let Some(entry) = entry {
            self.cache.write(&entry, text.as_bytes())?;
        }
        Ok(text)
    }

    async fn read_metadata(&self, index: &Index, candidate: &Candidate) -> Result<String> {
        if self.cached(candidate).await?.is_none() {
            if candidate.metadata != Beside::No
                && let Some(text) = self.beside(index, candidate).await?
            {
                return Ok(text);
            }
            if let Some(text) = self.at_the_end(index, candidate).await? {
                return Ok(text);
            }
        }
        let (wheel, _) = self.fetch(index, candidate, None).await?;
        super::waiting::blocking(move || {
            let file = File::open(&wheel.path).map_err(Error::io("reading", &wheel.path))?;
            in_wheel(&wheel.file, BufReader::new(file))
        })
        .await
    }

    /// The metadata file beside a wheel, if it is there. <https://peps.python.org/pep-0658/>
    async fn beside(&self, index: &Index, candidate: &Candidate) -> Result<Option<String>> {
        let mut url = candidate.url.clone();
        url.set_path(&format!("{}.metadata", url.path()));
        let action = format!("reading the metadata of {}", candidate.file);
        let client = self.client()?;
        let request = || index.get(client, url.clone());
        let response = client.send(&action, request).await?;
        let response = match http::success(&action, response).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let text = http::read(&action, response, limits::METADATA).await?;
        match candidate.metadata {
            Beside::Hashed(told) if told != Digest::of(&text) => {
                let reason = "its SHA-256 is not the one that the index gives";
                Err(http::refused(&action, &host::host(&url), reason))
            }
            _ => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
        }
    }

    /// The METADATA in the end of a wheel. Where the server sends all of it, all is in the cache then.
    async fn at_the_end(&self, index: &Index, candidate: &Candidate) -> Result<Option<String>> {
        let mut parts = Parts::default();
        let mut range = format!("bytes=-{TAIL}");
        let mut wanted = None;
        for _ in 0..limits::PARTS {
            let Some((start, total, bytes)) = self.part(index, candidate, &range).await? else {
                return Ok(None);
            };
            let end = start.checked_add(bytes.len() as u64);
            let fits = end.is_some_and(|end| end <= total && start < end);
            if !fits || wanted.is_some_and(|wanted| (start, total) != (wanted, parts.total)) {
                return Ok(None);
            }
            parts.total = total;
            parts.known.push((start, bytes));
            let missing = match in_parts(&candidate.file, &parts)? {
                Ok(text) => return Ok(Some(text)),
                Err(missing) => missing,
            };
            let starts = parts.known.iter().map(|part| part.0);
            let known = starts.filter(|start| *start > missing).min();
            let end = known.unwrap_or(total).min(missing + MORE);
            range = format!("bytes={missing}-{}", end - 1);
            wanted = Some(missing);
        }
        Ok(None)
    }

    /// A part of a wheel: where it begins, how long the whole is, and the bytes.
    async fn part(
        &self,
        index: &Index,
        candidate: &Candidate,
        range: &str,
    ) -> Result<Option<(u64, u64, Vec<u8>)>> {
        let action = format!("reading the metadata of {}", candidate.file);
        let client = self.client()?;
        let request = || {
            let request = index.get(client, candidate.url.clone());
            request.header(header::RANGE, range)
        };
        let response = client.send(&action, request).await?;
        if response.status() == StatusCode::OK {
            self.keep(candidate, response, None).await?;
            return Ok(None);
        }
        let told = response
            .headers()
            .get(header::CONTENT_RANGE)
            .and_then(|value| content_range(value.to_str().ok()?));
        let Some((start, total)) =
            told.filter(|_| response.status() == StatusCode::PARTIAL_CONTENT)
        else {
            return Ok(None);
        };
        let limit = Limit {
            bytes: MORE,
            ..limits::METADATA
        };
        let bytes = http::read(&action, response, limit).await?;
        Ok(Some((start, total, bytes)))
    }
}

/// Where the cache has the METADATA of a file whose SHA-256 is told. Another index's word for the same wheel is another
/// entry: only who has the wheel itself can tell whether it is true.
fn entry(candidate: &Candidate) -> Option<Entry> {
    let mut hasher = Hasher::default();
    hasher.update(candidate.sha256?.bytes());
    if let Beside::Hashed(digest) = candidate.metadata {
        hasher.update(digest.bytes());
    }
    hasher.update(candidate.url.as_str().as_bytes());
    Some(Entry::new("metadata", hasher.finish().bytes(), ""))
}

impl Metadata {
    /// What a METADATA says of a wheel, or why it cannot be believed.
    pub(super) fn parse(text: &str, wheel: &WheelName) -> Result<Self, String> {
        let mut metadata = Self {
            requires: Vec::new(),
            python: None,
        };
        let mut length = 0;
        let text = text.replace("\r\n", "\n");
        let fields = text.split("\n\n").next().unwrap_or_default();
        for field in fields.replace("\n ", " ").replace("\n\t", " ").lines() {
            let Some((name, value)) = field.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "name" if pep508_rs::PackageName::from_str(value).as_ref() != Ok(&wheel.name) => {
                    return Err(format!("its METADATA is that of {value}"));
                }
                "version" if pep440_rs::Version::from_str(value).as_ref() != Ok(&wheel.version) => {
                    return Err(format!("its METADATA is that of version {value}"));
                }
                "requires-dist" => {
                    length += value.len();
                    if length > limits::REQUIRES {
                        return Err(format!(
                            "its requirements are longer than {} bytes",
                            limits::REQUIRES
                        ));
                    }
                    let requirement = value.parse();
                    let requirement = requirement
                        .map_err(|reason| format!("it needs {}: {reason}", short(value)))?;
                    metadata.requires.push(requirement);
                }
                "requires-python" => {
                    let specifiers = page::pythons(value);
                    metadata.python = Some(
                        specifiers.ok_or_else(|| format!("it is for Python {}", short(value)))?,
                    );
                }
                _ => {}
            }
        }
        Ok(metadata)
    }
}

/// A text in quotes, as much of it as an error can show.
fn short(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The METADATA in a wheel.
pub(super) fn in_wheel(file: &str, content: impl Read + Seek) -> Result<String> {
    let refused = |reason: String| Error::Wheel {
        wheel: file.to_owned(),
        reason,
    };
    let mut zip = wheel::open(content).map_err(refused)?;
    let is = |name: &String| {
        let directory = name.strip_suffix("/METADATA");
        directory.is_some_and(|name| name.ends_with(".dist-info") && !name.contains('/'))
    };
    let name = zip.file_names().flatten().map(String::from).find(is);
    let name = name.ok_or_else(|| refused("it holds no METADATA".to_owned()))?;
    let text = wheel::content(&mut zip, &name, limits::METADATA.bytes).map_err(refused)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The start and the total of `bytes START-END/TOTAL`.
fn content_range(value: &str) -> Option<(u64, u64)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

/// A file of which only parts are here, each with where it begins.
#[derive(Default)]
struct Parts {
    total: u64,
    known: Vec<(u64, Vec<u8>)>,
}

/// The METADATA in parts of a wheel, or where the part begins that is missing.
fn in_parts(wheel: &str, parts: &Parts) -> Result<Result<String, u64>> {
    let missing = Cell::new(None);
    let read = in_wheel(
        wheel,
        PartsReader {
            parts,
            position: 0,
            missing: &missing,
        },
    );
    match missing.get() {
        Some(missing) if read.is_err() => Ok(Err(missing)),
        _ => read.map(Ok),
    }
}

struct PartsReader<'a> {
    parts: &'a Parts,
    position: u64,
    missing: &'a Cell<Option<u64>>,
}

impl Read for PartsReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.parts.total {
            return Ok(0);
        }
        let here = self.parts.known.iter().find_map(|(start, bytes)| {
            let offset = usize::try_from(self.position.checked_sub(*start)?).ok()?;
            bytes.get(offset..).filter(|rest| !rest.is_empty())
        });
        let Some(mut here) = here else {
            self.missing.set(Some(self.position));
            return Err(io::Error::other("this part is not here"));
        };
        let read = here.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for PartsReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.parts.total.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| io::Error::other("before the beginning"))?;
        Ok(self.position)
    }
}
