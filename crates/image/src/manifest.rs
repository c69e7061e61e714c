//! An image's configuration and manifest: the same bytes for the same layers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Base, Digest, layer::Layer};

pub(super) const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";

/// What every container of such an image has in its environment: dbt writes below `/tmp` only,
/// so the root file system can be read-only.
const ENVIRONMENT: &[&str] = &[
    "DBT_LOG_PATH=/tmp/logs",
    "DBT_SEND_ANONYMOUS_USAGE_STATS=false",
    "DBT_TARGET_PATH=/tmp/target",
    "HOME=/tmp",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONUNBUFFERED=1",
];

/// An image's two documents.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Documents {
    pub(super) config: Vec<u8>,
    pub(super) manifest: Vec<u8>,
}

impl Documents {
    /// The documents of a base with more layers on it, of a project with this name in this directory.
    pub(super) fn new(base: &Base, title: &str, directory: &str, layers: &[&Layer]) -> Self {
        let project = format!("/{directory}");
        let base_digest = base.digest.to_string();
        let layers: Vec<&Layer> = base.layers.iter().chain(layers.iter().copied()).collect();
        let config = to_json(&Config {
            architecture: base.platform.architecture(),
            os: "linux",
            created: "1970-01-01T00:00:00Z",
            config: RunConfig {
                user: "65534:65534",
                env: environment(&base.env, &project),
                entrypoint: ["python3", "-I", "/opt/dbt-aws/runner.py"],
                working_dir: &project,
                // on Fargate, a volume that is not declared here belongs to root
                volumes: BTreeMap::from([("/tmp", BTreeMap::new())]),
                labels: BTreeMap::from([
                    ("org.opencontainers.image.base.digest", base_digest.as_str()),
                    ("org.opencontainers.image.base.name", base.image.as_str()),
                    ("org.opencontainers.image.title", title),
                ]),
            },
            rootfs: RootFs {
                kind: "layers",
                diff_ids: layers.iter().map(|layer| layer.diff_id).collect(),
            },
        });
        let digest = Digest::of(&config);
        let manifest = to_json(&Manifest {
            schema_version: 2,
            media_type: MEDIA_TYPE,
            config: Descriptor {
                media_type: CONFIG_MEDIA_TYPE,
                digest,
                size: config.len() as u64,
            },
            layers: layers
                .iter()
                .map(|layer| Descriptor {
                    media_type: &layer.media_type,
                    digest: layer.digest,
                    size: layer.size,
                })
                .collect(),
        });
        Self { config, manifest }
    }

    /// The manifest's digest: the image's.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

/// The tag of an image. Made from its digest, so that a repository of immutable tags takes it once, and from whose it is,
/// so that ECR keeps an image until the last of its owners removes their tag.
pub(super) fn tag(digest: &Digest, owner: &str) -> String {
    format!("dbt-{}-{owner}", &digest.hex()[..16])
}

/// What the tags of images begin with that are in use again after others were.
pub const AGAIN: &str = "again-";

/// A second tag of an image. ECR counts an image's age from its first push, so that of one in use may be great.
pub fn again(tag: &str) -> String {
    tag.replacen("dbt-", AGAIN, 1)
}

/// The base's variables in their order, ours over them.
fn environment(base: &[String], project: &str) -> Vec<String> {
    let ours: Vec<String> = [format!("DBT_PROJECT_DIR={project}")]
        .into_iter()
        .chain(ENVIRONMENT.iter().map(|ours| (*ours).to_owned()))
        .collect();
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let theirs = base
        .iter()
        .filter(|variable| !ours.iter().any(|ours| name(ours) == name(variable)));
    theirs.cloned().chain(ours.clone()).collect()
}

fn to_json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("strings and numbers are JSON")
}

#[derive(Serialize)]
struct Config<'a> {
    architecture: &'a str,
    os: &'a str,
    created: &'a str,
    config: RunConfig<'a>,
    rootfs: RootFs<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RunConfig<'a> {
    user: &'a str,
    env: Vec<String>,
    entrypoint: [&'a str; 3],
    working_dir: &'a str,
    volumes: BTreeMap<&'a str, BTreeMap<(), ()>>,
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct RootFs<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    diff_ids: Vec<Digest>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: Digest,
    size: u64,
}

#[cfg(test)]
mod tests {
    use super::super::{Platform, Python, layer};
    use super::*;

    #[test]
    fn documents_depend_on_the_layers_alone() {
        let layer = |name: &str| Layer {
            media_type: layer::TAR_GZIP.into(),
            digest: Digest::of(name.as_bytes()),
            size: 7,
            diff_id: Digest::of(b"tar"),
        };
        let base = Base {
            image: "python:3.12".into(),
            refresh: None,
            taken: None,
            made: None,
            digest: Digest::of(b"base"),
            platform: Platform::Arm64,
            python: Python { minor: 12 },
            env: vec!["PATH=/usr/bin".into(), "HOME=/root".into()],
            layers: vec![layer("one")],
        };
        let documents = Documents::new(&base, "shop", "project/shop", &[&layer("two")]);
        assert_eq!(
            documents,
            Documents::new(&base.clone(), "shop", "project/shop", &[&layer("two")])
        );
        assert_ne!(
            documents.digest(),
            Documents::new(&base, "shop", "project/shop", &[&layer("three")]).digest()
        );
        let config: serde_json::Value = serde_json::from_slice(&documents.config).unwrap();
        assert_eq!(config["config"]["Env"][0], "PATH=/usr/bin");
        assert_eq!(
            config["config"]["Env"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|v| v.as_str().unwrap().starts_with("HOME="))
                .count(),
            1
        );
        assert_eq!(config["config"]["Env"][1], "DBT_PROJECT_DIR=/project/shop");
        assert_eq!(config["config"]["WorkingDir"], "/project/shop");
        assert_eq!(config["config"]["User"], "65534:65534");
        assert_eq!(config["architecture"], "arm64");
        // another machine or another day gives the same
        assert_eq!(
            documents.digest().to_string(),
            "sha256:41ea9d768d064c872008717b389fe6b211ec0c38fbe0569da9acda46695eae1b"
        );
        assert_eq!(tag(&documents.digest(), "one"), "dbt-41ea9d768d064c87-one");
    }
}
