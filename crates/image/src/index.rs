//! Package indexes: where wheels come from.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    str::FromStr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use data_encoding::HEXLOWER;
use futures::StreamExt;
use pep440_rs::VersionSpecifiers;
use reqwest::{Client, RequestBuilder, Response, Url, header};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Cache, Credentials, Error, Python, Result, html, http,
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
    /// In hexadecimal; not every index says it.
    pub(super) sha256: Option<String>,
    /// The Pythons that it is for, as the index has it.
    pub(super) requires_python: Option<String>,
    /// Whether it was withdrawn.
    pub(super) yanked: bool,
    /// Whether the index has its metadata as a file beside it.
    pub(super) metadata: bool,
}

impl Candidate {
    /// Whether it is for this Python, as far as its index tells.
    pub(super) fn runs_on(&self, python: Python) -> bool {
        let specifiers = self.requires_python.as_deref();
        let specifiers = specifiers.and_then(|text| VersionSpecifiers::from_str(text).ok());
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
        self.client.get_or_init(http::client)
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
            Ok(index
                .get(self.client(), page.clone())
                .header(header::ACCEPT, ACCEPT)
                .timeout(Duration::from_secs(60)))
        };
        let response = match http::success(&action, http::send(&action, request).await?).await {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let base = response.url().clone();
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let json = kind.is_some_and(|kind| kind.contains("json"));
        let body = response
            .bytes()
            .await
            .map_err(|error| http::failure(&action, &http::host(&base), &error))?;
        if json {
            json_page(&body, &base)
        } else {
            Some(html_page(&String::from_utf8_lossy(&body), &base))
        }
        .ok_or_else(|| Error::Http {
            action,
            host: http::host(&base),
            status: None,
            reason: "the page is not a package's".into(),
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
                    .as_ref()
                    .is_none_or(|hash| package.hashes.contains(hash))
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
        locked: Option<&BTreeSet<String>>,
    ) -> Result<(Wheel, String)> {
        if let Some((path, hash)) = self.cached(candidate) {
            let file = candidate.file.clone();
            return Ok((Wheel { file, path }, hash));
        }
        let action = format!("downloading {}", candidate.file);
        let request = || Ok(index.get(self.client(), candidate.url.clone()));
        let response = http::send(&action, request).await?;
        let response = http::success(&action, response).await?;
        self.keep(candidate, response, locked).await
    }

    /// Where the cache has a wheel whose SHA-256 the index tells.
    pub(super) fn cached(&self, candidate: &Candidate) -> Option<(std::path::PathBuf, String)> {
        let hash = candidate.sha256.clone()?;
        let path = self.cache.path("wheels", &format!("{hash}.whl"));
        path.exists().then_some((path, hash))
    }

    /// Write a wheel into the cache as it comes.
    pub(super) async fn keep(
        &self,
        candidate: &Candidate,
        response: Response,
        locked: Option<&BTreeSet<String>>,
    ) -> Result<(Wheel, String)> {
        let file = candidate.file.clone();
        let action = format!("downloading {file}");
        let host = http::host(response.url());
        let mut body = response.bytes_stream();
        let (draft, mut out) = self.cache.draft("wheels", &format!("{file}.part"))?;
        let mut sha256 = Sha256::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| http::failure(&action, &host, &error))?;
            sha256.update(&chunk);
            out.write_all(&chunk)
                .map_err(Error::io("writing", draft.path()))?;
        }
        let hash = HEXLOWER.encode(&sha256.finalize());
        let expected = match locked {
            Some(locked) if !locked.contains(&hash) => Some("a locked one"),
            None if candidate.sha256.as_ref().is_some_and(|told| *told != hash) => {
                Some("the one that its index tells")
            }
            _ => None,
        };
        if let Some(expected) = expected {
            return Err(Error::Wheel {
                wheel: file,
                reason: format!("its SHA-256 is {hash}, which is not {expected}"),
            });
        }
        let path = draft.keep_as(self.cache.path("wheels", &format!("{hash}.whl")))?;
        Ok((Wheel { file, path }, hash))
    }
}

fn json_page(body: &[u8], base: &Url) -> Option<Vec<Candidate>> {
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
    let page: Page = serde_json::from_slice(body).ok()?;
    let is = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    let files = page.files.into_iter().filter_map(|file| {
        Some(Candidate {
            url: base.join(&file.url).ok()?,
            sha256: file
                .hashes
                .get("sha256")
                .map(|hash| hash.to_ascii_lowercase()),
            yanked: is(&file.yanked),
            metadata: is(&file.core_metadata) || is(&file.dist_info_metadata),
            requires_python: file.requires_python,
            file: file.filename,
        })
    });
    Some(files.collect())
}

fn html_page(body: &str, base: &Url) -> Vec<Candidate> {
    let anchors = body.split("<a").skip(1).filter_map(|rest| {
        let attributes = html::attributes(rest);
        let is = |name| attributes.get(name).is_some_and(|value| value != "false");
        let mut url = base.join(attributes.get("href")?).ok()?;
        let sha256 = url
            .fragment()
            .and_then(|fragment| fragment.strip_prefix("sha256="))
            .map(str::to_ascii_lowercase);
        url.set_fragment(None);
        Some(Candidate {
            file: percent_decode(url.path_segments()?.next_back()?),
            url,
            sha256,
            requires_python: attributes.get("data-requires-python").cloned(),
            yanked: attributes.contains_key("data-yanked"),
            metadata: is("data-core-metadata") || is("data-dist-info-metadata"),
        })
    });
    anchors.collect()
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
        let html = format!(
            "<body>\n<a href=\"../../files/a-1%2Bx-py3-none-any.whl#sha256={hash}\" data-requires-python=\"&gt;=3.9\" data-core-metadata=\"sha256={hash}\">x</a><br/>\n<a rel='x' href='/b-1.tar.gz' data-yanked>b</a>"
        );
        let json = format!(
            r#"{{"files":[{{"filename":"a-1+x-py3-none-any.whl","url":"../../files/a-1%2Bx-py3-none-any.whl","hashes":{{"sha256":"{hash}"}},"requires-python":">=3.9","core-metadata":{{"sha256":"{hash}"}},"yanked":false}},{{"filename":"b-1.tar.gz","url":"/b-1.tar.gz","hashes":{{}},"requires-python":null,"yanked":"broken"}}]}}"#
        );
        let page = html_page(&html, &base);
        assert_eq!(page, json_page(json.as_bytes(), &base).unwrap());
        assert_eq!(page[0].requires_python.as_deref(), Some(">=3.9"));
        assert_eq!(
            (
                page[0].metadata,
                page[0].yanked,
                page[1].metadata,
                page[1].yanked
            ),
            (true, false, false, true)
        );
        assert_eq!(page[0].file, "a-1+x-py3-none-any.whl");
        assert_eq!(
            page[0].url.as_str(),
            "https://index.example/files/a-1%2Bx-py3-none-any.whl"
        );
        assert_eq!(
            (page[0].sha256.as_deref(), page[1].sha256.as_deref()),
            (Some(hash), None)
        );
    }

    #[test]
    fn credentials_leave_the_url() {
        let index = Index::new(Url::parse("https://me:p%40ss@index.example/simple").unwrap());
        assert_eq!(index.url.as_str(), "https://index.example/simple/");
        assert_eq!(index.credentials.as_ref().unwrap().password, "p@ss");
        assert!(!format!("{index:?}").contains("p@ss"));
        let request = |url: &str| {
            index
                .get(&http::client(), Url::parse(url).unwrap())
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
