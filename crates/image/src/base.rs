//! The base image: what is below our layers.

use std::{
    collections::BTreeMap,
    io::{BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    Cache, Digest, Error, Python, Result,
    cache::Entry,
    digest::Hasher,
    host, http,
    layer::Layer,
    limits::{self, Limit},
    packages,
    platform::Platform,
    reference::Reference,
    registry::Repository,
    waiting,
};

/// The base of an image, read once: all that is needed to build on it without a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// The image as the user names it; what a tag stood for when it was first used, it stands for
    /// until the name or `refresh` changes.
    pub image: String,
    /// The text with which the tag was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// The day on which it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// The day on which the image was made, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// The digest of the platform's manifest.
    pub digest: Digest,
    /// What it runs on.
    pub platform: Platform,
    /// Its Python.
    pub python: Python,
    /// Its environment, as `NAME=value`.
    pub env: Vec<String>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    platform: Option<DescriptorPlatform>,
}

#[derive(Deserialize)]
struct DescriptorPlatform {
    architecture: String,
    os: String,
}

/// A manifest or an index: the one has a configuration and layers, the other manifests.
#[derive(Deserialize)]
pub(super) struct Manifest {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

/// The oldest Python that the bundled dbt and the runner's packages run on.
const OLDEST: Python = Python { minor: 10 };

#[derive(Deserialize)]
pub(super) struct ImageConfig {
    architecture: String,
    os: String,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    config: Option<RunConfig>,
    rootfs: RootFs,
    #[serde(default)]
    history: Vec<History>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct History {
    created_by: String,
}

#[derive(Default, Deserialize)]
struct RunConfig {
    #[serde(rename = "Env", default)]
    env: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// Read an image's manifest and configuration; its layers too, where only they tell its Python.
pub(super) async fn read(
    repository: &Repository,
    reference: &Reference,
    image: &str,
    platform: Platform,
    cache: &Cache,
) -> Result<Base> {
    let refused = |reason: String| Error::Base {
        image: image.into(),
        reason,
    };
    let (mut digest, body) = repository.manifest(&reference.version()).await?;
    let parse = |body: &[u8]| {
        serde_json::from_slice::<Manifest>(body)
            .map_err(|error| refused(format!("its manifest is not an OCI or Docker one: {error}")))
    };
    let mut manifest = parse(&body)?;
    if manifest.config.is_none() {
        let ours = |descriptor: &&Descriptor| {
            descriptor
                .platform
                .as_ref()
                .is_some_and(|p| p.os == "linux" && p.architecture == platform.architecture())
        };
        let found = manifest.manifests.iter().find(ours);
        digest = found
            .ok_or_else(|| {
                refused(format!(
                    "there is none for linux/{}",
                    platform.architecture()
                ))
            })?
            .digest;
        manifest = parse(&repository.manifest(&digest.to_string()).await?.1)?;
    }
    let config = manifest
        .config
        .ok_or_else(|| refused("its manifest names no configuration".into()))?;
    let config: ImageConfig = serde_json::from_slice(&repository.blob(&config.digest).await?)
        .map_err(|error| {
            refused(format!(
                "its configuration is not that of an image: {error}"
            ))
        })?;
    if (config.os.as_str(), config.architecture.as_str()) != ("linux", platform.architecture()) {
        let reason = format!(
            "it is for {}/{}, not linux/{}",
            config.os,
            config.architecture,
            platform.architecture()
        );
        return Err(refused(reason));
    }
    if is_musl(reference, &config.history) {
        return Err(refused(
            "it is Alpine Linux, whose C library is musl, but the wheels of dbt's packages need glibc; use an image of Debian, Ubuntu, Amazon Linux or the like"
                .into(),
        ));
    }
    if manifest.layers.len() > limits::LAYERS {
        return Err(refused(format!(
            "it has more than {} layers",
            limits::LAYERS
        )));
    }
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        return Err(refused(
            "its manifest and its configuration disagree on its layers".into(),
        ));
    }
    let layers = manifest
        .layers
        .into_iter()
        .zip(config.rootfs.diff_ids)
        .map(|(layer, diff_id)| Layer {
            media_type: oci_media_type(&layer.media_type),
            digest: layer.digest,
            size: layer.size,
            diff_id,
        });
    let layers: Vec<Layer> = layers.collect();
    let env = config
        .config
        .and_then(|config| config.env)
        .unwrap_or_default();
    let named = env
        .iter()
        .find_map(|variable| variable.strip_prefix("PYTHON_VERSION=")?.parse().ok());
    let python = match named {
        Some(python) => python,
        None => match find_python(repository, &digest, &layers, cache).await? {
            Some(python) => python,
            None => {
                return Err(refused(
                    "no python3 is in /usr/local/bin or /usr/bin".into(),
                ));
            }
        },
    };
    if python.minor < OLDEST.minor {
        return Err(refused(format!(
            "its Python is {python}, and the runner needs {OLDEST} or later"
        )));
    }
    Ok(Base {
        image: image.into(),
        refresh: None,
        taken: Some(
            Zoned::now()
                .with_time_zone(TimeZone::UTC)
                .date()
                .to_string(),
        ),
        made: config.created.as_deref().and_then(day),
        digest,
        platform,
        python,
        env,
        layers,
    })
}

/// The day of a timestamp; none where it is the epoch, which images have that are the same whenever they are made.
fn day(created: &str) -> Option<String> {
    let made: Timestamp = created.parse().ok()?;
    let day = made.to_zoned(TimeZone::UTC).date();
    (day.year() > 1980).then(|| day.to_string())
}

/// Whether an image is one of Alpine's, as far as its name and its history tell.
fn is_musl(reference: &Reference, history: &[History]) -> bool {
    let name = reference.repository.rsplit('/').next() == Some("alpine");
    let mut parts = reference.tag.iter().flat_map(|tag| tag.split(['-', '_']));
    let made = |step: &History| step.created_by.contains("alpine-minirootfs");
    name || parts.any(|part| part.starts_with("alpine")) || history.iter().any(made)
}

/// The layer types of Docker and OCI are the same but in name; one manifest has names of one kind.
fn oci_media_type(media_type: &str) -> String {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => super::layer::TAR_GZIP.into(),
        "application/vnd.docker.image.rootfs.diff.tar" => {
            "application/vnd.oci.image.layer.v1.tar".into()
        }
        other => other.into(),
    }
}

/// The Python that `python3` is, from the names of the files in the layers.
async fn find_python(
    repository: &Repository,
    digest: &Digest,
    layers: &[Layer],
    cache: &Cache,
) -> Result<Option<Python>> {
    let entry = Entry::new("pythons", digest.bytes(), "");
    if let Some(known) = cache
        .read(&entry)
        .and_then(|text| String::from_utf8(text).ok()?.parse().ok())
    {
        return Ok(Some(known));
    }
    let mut found = BTreeMap::new();
    for layer in layers {
        let (draft, file) = cache.draft(packages::FOLDER)?;
        let mut out = tokio::fs::File::from_std(file);
        let action = format!("reading {}", layer.digest);
        let response = repository.blob_stream(layer.digest).await?;
        let host = host::host(response.url());
        let limit = Limit {
            bytes: layer.size.min(limits::LAYER.bytes),
            ..limits::LAYER
        };
        let mut body = http::Body::new(&action, response, limit);
        let mut hasher = Hasher::default();
        while let Some(chunk) = body.chunk().await? {
            hasher.update(&chunk);
            let written = tokio::io::AsyncWriteExt::write_all(&mut out, &chunk).await;
            written.map_err(Error::io("writing", draft.path()))?;
        }
        tokio::io::AsyncWriteExt::flush(&mut out)
            .await
            .map_err(Error::io("writing", draft.path()))?;
        if hasher.finish() != layer.digest {
            return Err(http::refused(&action, &host, "what came is not the layer"));
        }
        let (path, zipped) = (draft.path().to_owned(), layer.media_type.ends_with("gzip"));
        let scanned = waiting::while_awaited(move |waiting| {
            let file = std::fs::File::open(&path).map_err(Error::io("reading", &path))?;
            let file = BufReader::new(waiting.read(file));
            let content: Box<dyn Read> = match zipped {
                true => Box::new(MultiGzDecoder::new(file)),
                false => Box::new(file),
            };
            pythons(content.take(limits::UNPACKED)).map_err(Error::io("reading", &path))
        });
        found.extend(scanned.await?);
    }
    let python = found
        .get("usr/local/bin")
        .or_else(|| found.get("usr/bin"))
        .copied();
    if let Some(python) = python {
        cache.write(&entry, python.to_string().as_bytes())?;
    }
    Ok(python)
}

/// The Python of each directory that has one: what its `python3` links to, or its `python3.x`.
pub(super) fn pythons(layer: impl Read) -> std::io::Result<BTreeMap<String, Python>> {
    let mut links = BTreeMap::new();
    let mut files = BTreeMap::new();
    // raw, or a name without end would be read into memory
    for entry in tar::Archive::new(layer).entries()?.raw(true) {
        let entry = entry?;
        let path = entry
            .path()?
            .to_string_lossy()
            .trim_start_matches("./")
            .trim_start_matches('/')
            .to_owned();
        let Some((directory, name)) = path.rsplit_once('/') else {
            continue;
        };
        if !matches!(directory, "usr/bin" | "usr/local/bin") {
            continue;
        }
        let minor = |name: &str| {
            name.strip_prefix("python")?
                .parse::<Python>()
                .ok()
                .filter(|python| format!("python{python}") == name)
        };
        if name == "python3" {
            let target = entry
                .link_name()?
                .map(|target| target.to_string_lossy().into_owned())
                .unwrap_or_default();
            links.extend(
                minor(target.rsplit('/').next().unwrap_or_default())
                    .map(|python| (directory.to_owned(), python)),
            );
        } else if let Some(python) = minor(name) {
            files.insert(directory.to_owned(), python);
        }
    }
    files.extend(links);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_an_image_is_that_of_its_configuration() {
        assert_eq!(
            day("2026-11-29T23:30:00.123456789-02:00").as_deref(),
            Some("2026-11-30")
        );
        for other in [
            "1970-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "",
            "yesterday\u{1b}[2J",
        ] {
            assert_eq!(day(other), None, "{other}");
        }
    }

    #[test]
    fn alpine_is_known_by_its_name_or_its_history() {
        let musl = |image: &str, step: &str| {
            let history = [History {
                created_by: step.into(),
            }];
            is_musl(&image.parse().unwrap(), &history)
        };
        assert!(musl("python:3.12-alpine3.20", "") && musl("alpine", ""));
        assert!(musl(
            "a.example/python:3",
            "ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit"
        ));
        assert!(!musl("python:3.12-slim", "RUN apk add x"));
        assert!(!musl("a.example/alpine-ventures/dbt:3", ""));
    }
}
