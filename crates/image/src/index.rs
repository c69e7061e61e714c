//! Package indexes: where wheels come from.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, OnceLock},
};

use futures::StreamExt;
use pep440_rs::VersionSpecifiers;
use reqwest::{RequestBuilder, Response, Url, header};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Cache, Credentials, Digest, Error, Python, Result,
    cache::Entry,
    digest::Hasher,
    html,
    http::{self, Client},
    limits,
    lock::Locked,
    platform::Platform,
    resolve,
    wheel::{Wheel, WheelName},
};

pub(super) const PARALLEL: usize = 8;
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A package index, as `pip` and `uv` know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The URL below which each package has a page, without credentials.
    pub url: Url,
    /// What the index asks for, if anything.
    pub credentials: Option<Credentials>,
}

/// A file that an index has of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) file: String,
    pub(super) url: Url,
    /// Not every index says it.
    pub(super) sha256: Option<Digest>,
    /// The Pythons that it is for, as the index has it.
    pub(super) requires_python: Option<String>,
    /// Whether it was withdrawn.
    pub(super) yanked: bool,
    /// Whether the index has its metadata as a file beside it.
    pub(super) metadata: Beside,
}

/// Whether an index has a wheel's metadata as a file beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    No,
    Yes,
    Hashed(Digest),
}

impl Beside {
    /// What an attribute says: a hash, or whether.
    fn of(text: &str) -> Result<Self, String> {
        match text {
            "false" => Ok(Self::No),
            "" | "true" => Ok(Self::Yes),
            text => match text.split_once('=') {
                Some(("sha256", digits)) => {
                    told(digits).map(|digest| digest.map_or(Self::Yes, Self::Hashed))
                }
                _ => Ok(Self::Yes),
            },
        }
    }
}

/// The SHA-256 that an index tells; an empty one is none.
fn told(digits: &str) -> Result<Option<Digest>, String> {
    match (digits, Digest::from_hex(digits)) {
        ("", _) => Ok(None),
        (_, None) => Err("it tells a SHA-256 that is not 64 hexadecimal digits".to_owned()),
        (_, digest) => Ok(digest),
    }
}

/// The Pythons that a text names, where it can be read.
pub(super) fn pythons(text: &str) -> Option<VersionSpecifiers> {
    let short = Some(text).filter(|text| text.len() <= limits::LITERAL)?;
    VersionSpecifiers::from_str(short).ok()
}

/// Whether a file's name is one that a package's file can have.
fn is_file_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "._+!-".contains(c);
    name.len() <= limits::FILE_NAME
        && name.starts_with(char::is_alphanumeric)
        && name.chars().all(word)
}

impl Candidate {
    /// Whether it is for this Python, as far as its index tells.
    pub(super) fn runs_on(&self, python: Python) -> bool {
        let specifiers = self.requires_python.as_deref().and_then(pythons);
        specifiers.is_none_or(|specifiers| resolve::runs_on(&specifiers, python))
    }
}

impl Index {
    /// The index at a URL, which may hold credentials.
    pub fn new(mut url: Url) -> Self {
        let decode = |text: &str| percent_decode(text);
        let credentials = (!url.username().is_empty()).then(|| Credentials {
            username: decode(url.username()),
            password: decode(url.password().unwrap_or_default()),
        });
        let _ = (url.set_username(""), url.set_password(None));
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Self { url, credentials }
    }

    pub(super) fn get(&self, client: &Client, url: Url) -> RequestBuilder {
        let ours = url.origin() == self.url.origin();
        let request = client.get(url);
        match &self.credentials {
            Some(credentials) if ours => {
                request.basic_auth(&credentials.username, Some(&credentials.password))
            }
            _ => request,
        }
    }
}

/// The names of the indexes' hosts, for errors.
pub(super) fn hosts(indexes: &[Index]) -> String {
    let hosts: Vec<String> = indexes.iter().map(|index| http::host(&index.url)).collect();
    hosts.join(", ")
}

/// The wheel that fits a platform best, if any does.
pub(super) fn best<'a>(
    wheels: impl Iterator<Item = &'a Candidate>,
    python: Python,
    platform: Platform,
) -> Option<&'a Candidate> {
    let ranked = wheels
        .filter_map(|file| Some((WheelName::parse(&file.file)?.fit(python, platform)?, file)));
    let best = ranked.max_by(|(a, x), (b, y)| a.cmp(b).then_with(|| y.file.cmp(&x.file)));
    best.map(|(_, file)| file)
}

/// What asks indexes: each page once, each wheel only where the cache has it not.
#[derive(Clone, Debug)]
pub(super) struct Finder {
    client: Arc<OnceLock<Client>>,
    pub(super) cache: Cache,
    pages: Arc<Mutex<HashMap<Url, Arc<Vec<Candidate>>>>>,
}

impl Finder {
    pub(super) fn new(cache: Cache) -> Self {
        Self {
            client: Arc::default(),
            cache,
            pages: Arc::default(),
        }
    }

    /// The client of all requests, made when it is needed: it reads the system's certificates.
    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(Client::new)
    }

    /// Ask for every page again: what an index answered before may be old.
    pub(super) fn forget(&self) {
        if let Ok(mut pages) = self.pages.lock() {
            pages.clear();
        }
    }

    /// The files of a package, or none where the index does not know it.
    pub(super) async fn files(&self, index: &Index, package: &str) -> Result<Arc<Vec<Candidate>>> {
        let page = index
            .url
            .join(&format!("{package}/"))
            .map_err(|error| Error::Package {
                requirement: package.into(),
                reason: format!("the index's URL is not valid: {error}"),
            })?;
        if let Ok(pages) = self.pages.lock()
            && let Some(files) = pages.get(&page)
        {
            return Ok(files.clone());
        }
        let files = Arc::new(self.read(index, package, &page).await?);
        if let Ok(mut pages) = self.pages.lock() {
            pages.insert(page, files.clone());
        }
        Ok(files)
    }

    async fn read(&self, index: &Index, package: &str, page: &Url) -> Result<Vec<Candidate>> {
        let action = format!("looking for {package}");
        let request = || {
            let request = index.get(self.client(), page.clone());
            request.header(header::ACCEPT, ACCEPT)
        };
        let response = self.client().send(&action, request).await?;
        let response = match http::success(&action, response).await {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let base = response.url().clone();
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok());
        let json = kind.is_some_and(|kind| kind.contains("json"));
        let body = http::read(&action, response, limits::PAGE).await?;
        let host = http::host(&base);
        let read = super::blocking(move || {
            Ok(match json {
                true => json_page(&body, &base),
                false => html_page(&String::from_utf8_lossy(&body), &base),
            })
        });
        read.await?.map_err(|reason| {
            http::refused(
                &action,
                &host,
                format!("the page is not a package's: {reason}"),
            )
        })
    }

    /// Every locked package's best wheel for a platform, on this machine and checked, in order.
    pub(super) async fn wheels(
        &self,
        indexes: &[Index],
        packages: &[Locked],
        python: Python,
        platform: Platform,
    ) -> Result<Vec<Wheel>> {
        // a list, and no closure over borrowed packages: the compiler could not tell that it is `Send`
        let mut tasks = Vec::new();
        for package in packages {
            tasks.push(async move {
                let (index, candidate) = self.choose(indexes, package, python, platform).await?;
                let fetched = self.fetch(index, &candidate, Some(&package.hashes)).await?;
                Ok::<_, Error>(fetched.0)
            });
        }
        let mut done = futures::stream::iter(tasks).buffered(PARALLEL);
        let mut wheels = Vec::new();
        while let Some(wheel) = done.next().await {
            wheels.push(wheel?);
        }
        Ok(wheels)
    }

    async fn choose<'a>(
        &self,
        indexes: &'a [Index],
        package: &Locked,
        python: Python,
        platform: Platform,
    ) -> Result<(&'a Index, Candidate)> {
        let mut seen = 0;
        for index in indexes {
            let files = self.files(index, package.name.as_ref()).await?;
            seen += files.len();
            let fitting = files.iter().filter(|file| {
                file.sha256
                    .is_none_or(|hash| package.hashes.contains(&hash))
            });
            let ours = fitting.filter(|file| file.runs_on(python)).filter(|file| {
                WheelName::parse(&file.file).is_some_and(|wheel| {
                    (&wheel.name, &wheel.version) == (&package.name, &package.version)
                })
            });
            if let Some(best) = best(ours, python, platform) {
                return Ok((index, best.clone()));
            }
        }
        let hosts = hosts(indexes);
        let reason = if seen == 0 {
            format!("no index has it (asked: {hosts})")
        } else {
            format!(
                "no index has a wheel of it with one of the locked hashes for Python {python} on linux/{} (asked: {hosts})",
                platform.architecture(),
            )
        };
        Err(Error::Package {
            requirement: package.to_string(),
            reason,
        })
    }

    /// A wheel in the cache, downloaded into it where it is missing, and its SHA-256, which is one
    /// of those that are locked, or else the one that the index tells.
    pub(super) async fn fetch(
        &self,
        index: &Index,
        candidate: &Candidate,
        locked: Option<&BTreeSet<Digest>>,
    ) -> Result<(Wheel, Digest)> {
        if let Some((path, hash)) = self.cached(candidate).await? {
            let file = candidate.file.clone();
            return Ok((Wheel { file, path }, hash));
        }
        let action = format!("downloading {}", candidate.file);
        let request = || index.get(self.client(), candidate.url.clone());
        let response = self.client().send(&action, request).await?;
        let response = http::success(&action, response).await?;
        self.keep(candidate, response, locked).await
    }

    /// Where the cache has a wheel whose SHA-256 the index tells.
    pub(super) async fn cached(&self, candidate: &Candidate) -> Result<Option<(PathBuf, Digest)>> {
        let Some(hash) = candidate.sha256 else {
            return Ok(None);
        };
        let cache = self.cache.clone();
        let found = super::blocking(move || Ok(cache.find(&entry(&hash), &hash)));
        Ok(found.await?.map(|path| (path, hash)))
    }

    /// Write a wheel into the cache as it comes.
    pub(super) async fn keep(
        &self,
        candidate: &Candidate,
        response: Response,
        locked: Option<&BTreeSet<Digest>>,
    ) -> Result<(Wheel, Digest)> {
        let file = candidate.file.clone();
        let action = format!("downloading {file}");
        let mut body = http::Body::new(&action, response, limits::WHEEL);
        let (draft, mut out) = self.cache.draft(WHEELS)?;
        let mut hasher = Hasher::default();
        while let Some(chunk) = body.chunk().await? {
            hasher.update(&chunk);
            out.write_all(&chunk)
                .map_err(Error::io("writing", draft.path()))?;
        }
        let hash = hasher.finish();
        let expected = match locked {
            Some(locked) if !locked.contains(&hash) => Some("a locked one"),
            _ if candidate.sha256.is_some_and(|told| told != hash) => {
                Some("the one that its index tells")
            }
            _ => None,
        };
        if let Some(expected) = expected {
            return Err(Error::Wheel {
                wheel: file,
                reason: format!("its SHA-256 is {}, which is not {expected}", hash.hex()),
            });
        }
        let path = draft.keep(&entry(&hash))?;
        Ok((Wheel { file, path }, hash))
    }
}

/// Where the cache has wheels.
const WHEELS: &str = "wheels";

fn entry(wheel: &Digest) -> Entry {
    Entry::new(WHEELS, wheel.bytes(), ".whl")
}

fn json_page(body: &[u8], base: &Url) -> Result<Vec<Candidate>, String> {
    #[derive(Deserialize)]
    struct Page {
        files: Vec<File>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct File {
        filename: String,
        url: String,
        #[serde(default)]
        hashes: HashMap<String, String>,
        requires_python: Option<String>,
        /// A reason, or whether.
        #[serde(default)]
        yanked: Value,
        /// Hashes, or whether.
        #[serde(default)]
        core_metadata: Value,
        #[serde(default)]
        dist_info_metadata: Value,
    }
    let page: Page = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let sha256 = |digits: Option<&str>| told(digits.unwrap_or_default());
    let beside = |value: &Value| match value {
        Value::Null | Value::Bool(false) => Ok(Beside::No),
        value => {
            let digest = sha256(value["sha256"].as_str())?;
            Ok::<_, String>(digest.map_or(Beside::Yes, Beside::Hashed))
        }
    };
    let files = page.files.into_iter().filter_map(|file| {
        let url = base.join(&file.url).ok()?;
        let read = || {
            Ok(Candidate {
                url,
                sha256: sha256(file.hashes.get("sha256").map(String::as_str))?,
                yanked: !matches!(file.yanked, Value::Null | Value::Bool(false)),
                metadata: match beside(&file.core_metadata)? {
                    Beside::No => beside(&file.dist_info_metadata)?,
                    there => there,
                },
                requires_python: file.requires_python,
                file: file.filename,
            })
        };
        Some(read())
    });
    candidates(files)
}

fn html_page(body: &str, base: &Url) -> Result<Vec<Candidate>, String> {
    candidates(body.split("<a").skip(1).filter_map(|rest| {
        let attributes = html::attributes(rest);
        let mut url = base.join(attributes.get("href")?).ok()?;
        let fragment = url.fragment().map(str::to_owned).unwrap_or_default();
        url.set_fragment(None);
        let file = percent_decode(url.path_segments()?.next_back()?);
        let beside = ["data-core-metadata", "data-dist-info-metadata"];
        let mut beside = beside.iter().filter_map(|name| attributes.get(name));
        let read = || {
            Ok(Candidate {
                file,
                url,
                sha256: told(fragment.strip_prefix("sha256=").unwrap_or_default())?,
                requires_python: attributes.get("data-requires-python").cloned(),
                yanked: attributes.contains_key("data-yanked"),
                metadata: beside
                    .next()
                    .map_or(Ok(Beside::No), |text| Beside::of(text))?,
            })
        };
        Some(read())
    }))
}

/// The files of a page, as far as they can be files of packages.
fn candidates(
    files: impl Iterator<Item = Result<Candidate, String>>,
) -> Result<Vec<Candidate>, String> {
    let plain = files.filter(|file| file.as_ref().map_or(true, |file| is_file_name(&file.file)));
    let files: Vec<Candidate> = plain.take(limits::FILES + 1).collect::<Result<_, _>>()?;
    match files.len() {
        0..=limits::FILES => Ok(files),
        _ => Err(format!("it has more than {} files", limits::FILES)),
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_html_or_json() {
        let base = Url::parse("https://index.example/simple/a/").unwrap();
        let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let digest = Digest::from_hex(hash).unwrap();
        let html = format!(
            "<body>\n<a href=\"../../files/a-1%2Bx-py3-none-any.whl#sha256={hash}\" data-requires-python=\"&gt;=3.9\" data-core-metadata=\"sha256={hash}\">x</a><br/>\n<a rel='x' href='/b-1.tar.gz' data-yanked>b</a>"
        );
        let json = format!(
            r#"{{"files":[{{"filename":"a-1+x-py3-none-any.whl","url":"../../files/a-1%2Bx-py3-none-any.whl","hashes":{{"sha256":"{hash}"}},"requires-python":">=3.9","core-metadata":{{"sha256":"{hash}"}},"yanked":false}},{{"filename":"b-1.tar.gz","url":"/b-1.tar.gz","hashes":{{}},"requires-python":null,"yanked":"broken"}}]}}"#
        );
        let page = html_page(&html, &base).unwrap();
        assert_eq!(page, json_page(json.as_bytes(), &base).unwrap());
        assert_eq!(page[0].requires_python.as_deref(), Some(">=3.9"));
        assert_eq!(
            (
                page[0].metadata,
                page[0].yanked,
                page[1].metadata,
                page[1].yanked
            ),
            (Beside::Hashed(digest), false, Beside::No, true)
        );
        assert_eq!(page[0].file, "a-1+x-py3-none-any.whl");
        assert_eq!(
            page[0].url.as_str(),
            "https://index.example/files/a-1%2Bx-py3-none-any.whl"
        );
        assert_eq!((page[0].sha256, page[1].sha256), (Some(digest), None));
    }

    #[test]
    fn credentials_leave_the_url() {
        let index = Index::new(Url::parse("https://me:p%40ss@index.example/simple").unwrap());
        assert_eq!(index.url.as_str(), "https://index.example/simple/");
        assert_eq!(index.credentials.as_ref().unwrap().password, "p@ss");
        assert!(!format!("{index:?}").contains("p@ss"));
        let request = |url: &str| {
            index
                .get(&Client::new(), Url::parse(url).unwrap())
                .build()
                .unwrap()
        };
        assert!(
            request("https://index.example/f.whl")
                .headers()
                .contains_key("authorization")
        );
        assert!(
            !request("https://files.example/f.whl")
                .headers()
                .contains_key("authorization")
        );
    }
}
