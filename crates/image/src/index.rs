//! Package indexes: where wheels come from.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
};

use futures::StreamExt;
use reqwest::{RequestBuilder, Response, Url, header};

use super::{
    Cache, Credentials, Digest, Error, Python, Result,
    cache::Entry,
    digest::Hasher,
    host,
    http::{self, Client},
    limits,
    lock::Locked,
    page::{Candidate, html_page, json_page, percent_decode},
    platform::Platform,
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
    let hosts: Vec<String> = indexes.iter().map(|index| host::host(&index.url)).collect();
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
    client: Arc<OnceLock<Result<Client, String>>>,
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
    pub(super) fn client(&self) -> Result<&Client> {
        let made = self.client.get_or_init(Client::new);
        let refused = |reason: &String| http::refused("preparing requests", "this machine", reason);
        made.as_ref().map_err(refused)
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
        let client = self.client()?;
        let request = || {
            let request = index.get(client, page.clone());
            request.header(header::ACCEPT, ACCEPT)
        };
        let response = client.send(&action, request).await?;
        let response = match http::success(&action, response).await {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let base = response.url().clone();
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok());
        let json = kind.is_some_and(|kind| kind.contains("json"));
        let body = http::read(&action, response, limits::PAGE).await?;
        let host = host::host(&base);
        let read = super::waiting::blocking(move || {
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
                let fetched = self
                    .fetch(&index, &candidate, Some(&package.hashes))
                    .await?;
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

    async fn choose(
        &self,
        indexes: &[Index],
        package: &Locked,
        python: Python,
        platform: Platform,
    ) -> Result<(Index, Candidate)> {
        let refused = |reason: String| Error::Package {
            requirement: package.to_string(),
            reason,
        };
        let target = format!("Python {python} on linux/{}", platform.architecture());
        if let Some(url) = &package.url {
            let candidate = Candidate::at(url, &package.hashes);
            let candidate = best(candidate.iter(), python, platform)
                .ok_or_else(|| refused(format!("the wheel at its URL is not for {target}")))?;
            return Ok((Index::new(url.clone()), candidate.clone()));
        }
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
                return Ok((index.clone(), best.clone()));
            }
        }
        let hosts = hosts(indexes);
        let reason = if seen == 0 {
            format!("no index has it (asked: {hosts})")
        } else {
            format!(
                "no index has a wheel of it with one of the locked hashes for {target} (asked: {hosts})"
            )
        };
        Err(refused(reason))
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
        let client = self.client()?;
        let request = || index.get(client, candidate.url.clone());
        let response = client.send(&action, request).await?;
        let response = http::success(&action, response).await?;
        self.keep(candidate, response, locked).await
    }

    /// Where the cache has a wheel whose SHA-256 the index tells.
    pub(super) async fn cached(&self, candidate: &Candidate) -> Result<Option<(PathBuf, Digest)>> {
        let Some(hash) = candidate.sha256 else {
            return Ok(None);
        };
        let cache = self.cache.clone();
        let found = super::waiting::blocking(move || Ok(cache.find(&entry(&hash), &hash)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_url() {
        let index = Index::new(Url::parse("https://me:p%40ss@index.example/simple").unwrap());
        assert_eq!(index.url.as_str(), "https://index.example/simple/");
        assert_eq!(index.credentials.as_ref().unwrap().password, "p@ss");
        assert!(!format!("{index:?}").contains("p@ss"));
        let request = |url: &str| {
            index
                .get(&Client::new().unwrap(), Url::parse(url).unwrap())
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
