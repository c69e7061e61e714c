//! Package indexes: where wheels come from.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use std::io::Write;

use data_encoding::HEXLOWER;
use futures::StreamExt;
use reqwest::{Client, RequestBuilder, Url, header};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Cache, Credentials, Error, Python, Result, http,
    lock::Locked,
    platform::Platform,
    wheel::{Wheel, WheelName},
};

const PARALLEL: usize = 8;
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
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    file: String,
    url: Url,
    /// In hexadecimal; not every index says it.
    sha256: Option<String>,
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

    fn get(&self, client: &Client, url: Url) -> RequestBuilder {
        let ours = url.origin() == self.url.origin();
        let request = client.get(url);
        match &self.credentials {
            Some(credentials) if ours => {
                request.basic_auth(&credentials.username, Some(&credentials.password))
            }
            _ => request,
        }
    }

    /// The files of a package, or none where the index does not know it.
    async fn files(&self, client: &Client, package: &str) -> Result<Vec<Candidate>> {
        let action = format!("looking for {package}");
        let page = self
            .url
            .join(&format!("{package}/"))
            .map_err(|error| Error::Package {
                requirement: package.into(),
                reason: format!("the index's URL is not valid: {error}"),
            })?;
        let timeout = std::time::Duration::from_secs(60);
        let request = || {
            Ok(self
                .get(client, page.clone())
                .header(header::ACCEPT, ACCEPT)
                .timeout(timeout))
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
}

/// Every locked package's best wheel for a platform, on this machine and checked, in order.
pub(super) async fn wheels(
    client: &Client,
    indexes: &[Index],
    cache: &Cache,
    packages: &[Locked],
    python: Python,
    platform: Platform,
) -> Result<Vec<Wheel>> {
    // a list, and no closure over borrowed packages: the compiler could not tell that it is `Send`
    let mut tasks = Vec::new();
    for package in packages {
        tasks.push(async move {
            let (index, candidate) = choose(client, indexes, package, python, platform).await?;
            fetch(client, index, cache, package, candidate).await
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
    client: &Client,
    indexes: &'a [Index],
    package: &Locked,
    python: Python,
    platform: Platform,
) -> Result<(&'a Index, Candidate)> {
    let mut seen = 0;
    for index in indexes {
        let files = index.files(client, package.name.as_ref()).await?;
        seen += files.len();
        let fitting = files.into_iter().filter(|file| {
            file.sha256
                .as_ref()
                .is_none_or(|hash| package.hashes.contains(hash))
        });
        let ranked = fitting.filter_map(|file| {
            let name = WheelName::parse(&file.file)?;
            let ours = name.name == package.name && name.version == package.version;
            Some((name.fit(python, platform).filter(|_| ours)?, file))
        });
        if let Some((_, best)) =
            ranked.max_by(|(a, x), (b, y)| a.cmp(b).then_with(|| y.file.cmp(&x.file)))
        {
            return Ok((index, best));
        }
    }
    let hosts: Vec<String> = indexes.iter().map(|index| http::host(&index.url)).collect();
    let reason = if seen == 0 {
        format!("no index has it (asked: {})", hosts.join(", "))
    } else {
        format!(
            "no index has a wheel of it with one of the locked hashes for Python {python} on linux/{} (asked: {})",
            platform.architecture(),
            hosts.join(", ")
        )
    };
    Err(Error::Package {
        requirement: package.to_string(),
        reason,
    })
}

/// The wheel in the cache; downloaded into it where it is missing.
async fn fetch(
    client: &Client,
    index: &Index,
    cache: &Cache,
    package: &Locked,
    candidate: Candidate,
) -> Result<Wheel> {
    let Candidate { file, url, sha256 } = candidate;
    if let Some(hash) = &sha256 {
        let path = cache.path("wheels", &format!("{hash}.whl"));
        if path.exists() {
            return Ok(Wheel { file, path });
        }
    }
    let action = format!("downloading {file}");
    let host = http::host(&url);
    let response = http::send(&action, || Ok(index.get(client, url.clone()))).await?;
    let response = http::success(&action, response).await?;
    let mut body = response.bytes_stream();
    let (draft, mut out) = cache.draft("wheels", &format!("{file}.part"))?;
    let mut sha256 = Sha256::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| http::failure(&action, &host, &error))?;
        sha256.update(&chunk);
        out.write_all(&chunk)
            .map_err(Error::io("writing", draft.path()))?;
    }
    let hash = HEXLOWER.encode(&sha256.finalize());
    if !package.hashes.contains(&hash) {
        let reason = format!("its SHA-256 is {hash}, which is not a locked one of {package}");
        return Err(Error::Wheel {
            wheel: file,
            reason,
        });
    }
    let path = draft.keep_as(cache.path("wheels", &format!("{hash}.whl")))?;
    Ok(Wheel { file, path })
}

fn json_page(body: &[u8], base: &Url) -> Option<Vec<Candidate>> {
    #[derive(Deserialize)]
    struct Page {
        files: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        filename: String,
        url: String,
        #[serde(default)]
        hashes: std::collections::HashMap<String, String>,
    }
    let page: Page = serde_json::from_slice(body).ok()?;
    let files = page.files.into_iter().filter_map(|file| {
        Some(Candidate {
            url: base.join(&file.url).ok()?,
            file: file.filename,
            sha256: file.hashes.get("sha256").cloned(),
        })
    });
    Some(files.collect())
}

fn html_page(body: &str, base: &Url) -> Vec<Candidate> {
    let anchors = body.split("<a").skip(1).filter_map(|rest| {
        let attributes = rest.split('>').next()?;
        let (_, value) = attributes.split_once("href=")?;
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let href = value[1..]
            .split(quote)
            .next()?
            .replace("&amp;", "&")
            .replace("&#43;", "+");
        let mut url = base.join(&href).ok()?;
        let sha256 = url
            .fragment()
            .and_then(|fragment| fragment.strip_prefix("sha256="))
            .map(str::to_ascii_lowercase);
        url.set_fragment(None);
        let file = percent_decode(url.path_segments()?.next_back()?);
        Some(Candidate { file, url, sha256 })
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
            "<body>\n<a href=\"../../files/a-1%2Bx-py3-none-any.whl#sha256={hash}\" data-requires-python=\"&gt;=3.9\">x</a><br/>\n<a rel='x' href='/b-1.tar.gz'>b</a>"
        );
        let json = format!(
            r#"{{"files":[{{"filename":"a-1+x-py3-none-any.whl","url":"../../files/a-1%2Bx-py3-none-any.whl","hashes":{{"sha256":"{hash}"}}}},{{"filename":"b-1.tar.gz","url":"/b-1.tar.gz","hashes":{{}}}}]}}"#
        );
        let page = html_page(&html, &base);
        assert_eq!(page, json_page(json.as_bytes(), &base).unwrap());
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
