//! A package's page in an index: its files, as far as they can be files of packages.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
};

use pep440_rs::VersionSpecifiers;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::{Digest, Python, html, limits, versions};

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
                    stated_digest(digits).map(|digest| digest.map_or(Self::Yes, Self::Hashed))
                }
                _ => Ok(Self::Yes),
            },
        }
    }
}

/// The SHA-256 that an index tells; an empty one is none.
fn stated_digest(digits: &str) -> Result<Option<Digest>, String> {
    match (digits, Digest::from_hex(digits)) {
        ("", _) => Ok(None),
        (_, None) => Err("it gives a SHA-256 that is not 64 hexadecimal digits".to_owned()),
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
    /// The wheel that a URL leads to, whose hash is one of those that are known.
    pub(super) fn at(url: &Url, hashes: &BTreeSet<Digest>) -> Option<Self> {
        let only = hashes.first().filter(|_| hashes.len() == 1);
        Some(Self {
            file: file_name(url).filter(|name| is_file_name(name))?,
            url: url.clone(),
            sha256: only.copied(),
            requires_python: None,
            yanked: false,
            metadata: Beside::No,
        })
    }

    /// Whether it is for this Python, as far as its index tells.
    pub(super) fn runs_on(&self, python: Python) -> bool {
        let specifiers = self.requires_python.as_deref().and_then(pythons);
        specifiers.is_none_or(|specifiers| versions::runs_on(&specifiers, python))
    }
}

pub(super) fn json_page(body: &[u8], base: &Url) -> Result<Vec<Candidate>, String> {
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
    let sha256 = |digits: Option<&str>| stated_digest(digits.unwrap_or_default());
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

pub(super) fn html_page(body: &str, base: &Url) -> Result<Vec<Candidate>, String> {
    candidates(body.split("<a").skip(1).filter_map(|rest| {
        let attributes = html::attributes(rest);
        let mut url = base.join(attributes.get("href")?).ok()?;
        let fragment = url.fragment().map(str::to_owned).unwrap_or_default();
        url.set_fragment(None);
        let file = file_name(&url)?;
        let beside = ["data-core-metadata", "data-dist-info-metadata"];
        let mut beside = beside.iter().filter_map(|name| attributes.get(name));
        let read = || {
            Ok(Candidate {
                file,
                url,
                sha256: stated_digest(fragment.strip_prefix("sha256=").unwrap_or_default())?,
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

/// The name of the file that a URL leads to.
pub(super) fn file_name(url: &Url) -> Option<String> {
    Some(percent_decode(url.path_segments()?.next_back()?))
}

/// The text that the `%` signs of a part of a URL stand for.
pub(super) fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
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
}
