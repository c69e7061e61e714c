//! An index of our own.

use std::fmt::Write;

use reqwest::Url;

use super::super::*;
use crate::{Cache, Digest, server::Server, wheel::tests};

/// An index of our own, and what asks it.
pub(super) struct Shop {
    pub(super) server: Server,
    pub(super) finder: Finder,
    pub(super) pages: BTreeMap<String, String>,
    pub(super) platform: Platform,
    pub(super) directory: tempfile::TempDir,
}

impl Shop {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start().await;
        server.0.lock().unwrap().ranges = true;
        Self {
            server,
            finder: Finder::new(Cache::new(directory.path())),
            pages: BTreeMap::new(),
            platform: Platform::Amd64,
            directory,
        }
    }

    /// A shop with wheels for every platform: `a 1.0` and what it needs, one requirement a line.
    pub(super) async fn with(releases: &[(&str, &str)]) -> Self {
        let mut shop = Self::new().await;
        for (release, needs) in releases {
            shop.add(
                &format!("{}-py3-none-any.whl", release.replace(' ', "-")),
                needs,
                "",
            );
        }
        shop
    }

    /// Add a file; a wheel that needs something: requirements, or whole lines of its METADATA.
    pub(super) fn add(&mut self, file: &str, needs: &str, attributes: &str) {
        let content = match WheelName::parse(file) {
            Some(wheel) => package(&wheel, needs),
            None => b"a source distribution".to_vec(),
        };
        self.put(file, content, attributes);
    }

    pub(super) fn put(&mut self, file: &str, content: Vec<u8>, attributes: &str) {
        let name = file.split('-').next().unwrap().replace('_', "-");
        let hash = Digest::of(&content).hex();
        let page = self.pages.entry(name.clone()).or_default();
        let path = format!("/files/{file}");
        writeln!(
            page,
            "<a href=\"{path}#sha256={hash}\" {attributes}>{file}</a>"
        )
        .unwrap();
        self.server.put(format!("/simple/{name}/"), page.clone());
        self.server.put(path, content);
    }

    pub(super) fn indexes(&self) -> Vec<Index> {
        ["first", "simple"]
            .map(|path| Url::parse(&format!("http://{}/{path}", self.server.host())).unwrap())
            .map(Index::new)
            .into()
    }

    pub(super) async fn locked(&self, text: &str) -> Result<Vec<Locked>> {
        self.packages(&Requirements::parse("r.txt", &text.replace(", ", "\n"))?)
            .await
    }

    pub(super) async fn packages(&self, requirements: &Requirements) -> Result<Vec<Locked>> {
        let python = Python { minor: 12 };
        packages(
            &self.finder,
            &self.indexes(),
            requirements,
            python,
            self.platform,
        )
        .await
    }

    /// What a file comes to, in one line; its own lines are divided by commas.
    pub(super) async fn resolve(&self, text: &str) -> String {
        match self.locked(text).await {
            Ok(packages) => {
                let all: Vec<String> = packages.iter().map(ToString::to_string).collect();
                all.join(", ")
            }
            Err(error) => {
                let error = error.to_string();
                assert!(error.starts_with("r.txt"), "{error}");
                error.replace(&self.server.host(), "HOST")
            }
        }
    }
}

pub(super) fn package(wheel: &WheelName, needs: &str) -> Vec<u8> {
    package_with(wheel, needs, &[])
}

/// A wheel that begins with its METADATA and ends with other files.
pub(super) fn package_with(wheel: &WheelName, needs: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut metadata = format!(
        "Metadata-Version: 2.1\nName: {}\nVersion: {}\n",
        wheel.name, wheel.version
    );
    for line in needs.lines() {
        match line.contains(": ") {
            true => writeln!(metadata, "{line}").unwrap(),
            false => writeln!(metadata, "Requires-Dist: {line}").unwrap(),
        }
    }
    metadata += "\nRequires-Dist: nothing; this is the description\n";
    let info = format!("{}-{}.dist-info", wheel.name, wheel.version);
    let path = format!("{info}/METADATA");
    tests::wheel(
        &info,
        &[&[(path.as_str(), metadata.as_str())], files].concat(),
    )
}
