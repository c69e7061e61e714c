//! Images from end to end, against a registry and an index of our own that count what they serve.

mod hostile;
mod pushed;
mod refused;

use std::{collections::BTreeMap, fs, path::Path};

use flate2::{Compression, write::GzEncoder};
use reqwest::Url;
use serde_json::{Value, json};

use super::{http, manifest, registry::Repository, server::Server, wheel::tests::wheel, *};

const RUNNER: &str = "runner-lib==1 --hash=sha256:";

/// A machine with a project on it, and the servers that it uses.
struct Setting {
    server: Server,
    directory: tempfile::TempDir,
    images: Images,
    spec: Spec,
    registry: Registry,
}

impl Setting {
    async fn new() -> Self {
        let server = Server::start().await;
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        base_image(&server, "PATH=/usr/bin");
        let lock = [
            package(&server, "dbt-core", "dbt/__init__.py"),
            package(&server, "dbt-postgres", "dbt/adapters.py"),
        ]
        .join("\n");
        let runner = package(&server, "runner-lib", "boto3.py");
        assert!(runner.starts_with(RUNNER));
        fs::write(path("requirements.txt"), lock).unwrap();
        let project = path("project");
        fs::create_dir_all(project.join("models")).unwrap();
        fs::write(project.join("dbt_project.yml"), "name: shop").unwrap();
        fs::write(project.join("models/a.sql"), "select 1").unwrap();
        let runner = Runner {
            files: &[("runner.py", b"main()")],
            requirements: String::leak(runner),
        };
        let index = Index::new(Url::parse(&format!("http://{}/simple", server.host())).unwrap());
        let images = Images::new(runner, Cache::new(path("cache")), vec![index]);
        let spec = Spec {
            project,
            dbt: Dbt::Requirements {
                path: path("requirements.txt"),
                adapter: Some("postgres".to_owned()),
                exclude: Vec::new(),
            },
            base: format!("{}/base:3", server.host()),
            base_refresh: None,
            base_login: None,
            platform: Platform::Amd64,
        };
        let credentials = Some(Credentials {
            username: "AWS".into(),
            password: "secret".into(),
        });
        let registry = Registry {
            host: server.host(),
            repository: "shop/dbt".into(),
            credentials,
            owner: "one".to_owned(),
        };
        Self {
            server,
            directory,
            images,
            spec,
            registry,
        }
    }

    async fn push(&self, previous: Option<&Built>) -> Built {
        self.images
            .build_and_push(&self.spec, &self.registry, previous)
            .await
            .unwrap()
    }

    fn edit(&self) {
        fs::write(self.spec.project.join("models/a.sql"), "select 2").unwrap();
    }

    fn document(&self, name: &str) -> Value {
        serde_json::from_slice(&self.server.0.lock().unwrap().content[name]).unwrap()
    }
}

/// An index of two platforms, of which the right one has a Python 3.11 that its layer tells, and a variable.
fn base_image(server: &Server, variable: &str) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "./usr/bin/python3", "python3.11")
        .unwrap();
    let layer = tar.into_inner().unwrap().finish().unwrap();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Env": [variable]},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"tar")]}});
    let blob = |content: Vec<u8>| {
        let descriptor = json!({"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "digest": Digest::of(&content), "size": content.len()});
        server.put(format!("base@{}", Digest::of(&content)), content);
        descriptor
    };
    let manifest = json!({"schemaVersion": 2, "config": blob(config.to_string().into()), "layers": [blob(layer)]});
    let mut ours = blob(manifest.to_string().into());
    ours["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let mut other = ours.clone();
    other["platform"]["architecture"] = json!("s390x");
    server.put(
        "base:3",
        json!({"schemaVersion": 2, "manifests": [other, ours]}).to_string(),
    );
}

/// Serve a package of one file; returns its line of a lock.
fn package(server: &Server, name: &str, file: &str) -> String {
    release(server, name, 1, file)
}

/// Serve a version of a package of one file; returns its line of a lock.
fn release(server: &Server, name: &str, version: u32, file: &str) -> String {
    let module = name.replace('-', "_");
    let info = format!("{module}-{version}.dist-info");
    let metadata = format!("Name: {name}\nVersion: {version}\n");
    let content = wheel(
        &info,
        &[(file, name), (&format!("{info}/METADATA"), &metadata)],
    );
    let hash = Digest::of(&content).hex();
    let path = format!("/files/{module}-{version}-py3-none-any.whl");
    let page = format!("/simple/{name}/");
    let before = server.0.lock().unwrap().content.get(&page).cloned();
    let line = format!("<a href=\"../..{path}#sha256={hash}\">x</a>");
    server.put(page, [before.unwrap_or_default(), line.into()].concat());
    server.put(path, content);
    format!("{name}=={version} --hash=sha256:{hash}")
}

fn count(log: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    log.iter()
        .for_each(|line| *counts.entry(line.as_str()).or_default() += 1);
    counts
}

#[tokio::test]
async fn only_what_is_missing_is_pushed() {
    let setting = Setting::new().await;
    let built = setting.push(None).await;
    assert_eq!(
        count(&setting.server.log())["PUT uploads"],
        5,
        "config, base, runner, dbt and project"
    );

    let again = setting.push(Some(&built)).await;
    assert_eq!(
        (&again, setting.server.log()),
        (&built, vec!["HEAD manifests".to_owned()])
    );

    setting.edit();
    let plan = setting
        .images
        .plan(&setting.spec, Some(&built))
        .await
        .unwrap();
    assert!(setting.server.log().is_empty(), "a plan needs no network");

    let changed = setting.push(Some(&built)).await;
    assert_eq!(plan.as_ref(), Some(&changed.digest));
    assert_ne!(built.digest, changed.digest);
    let log = setting.server.log();
    let expected = [
        ("HEAD blobs", 5),
        ("HEAD manifests", 1),
        ("POST uploads", 2),
        ("PUT manifests", 1),
        ("PUT uploads", 2),
    ];
    assert_eq!(
        count(&log)
            .into_iter()
            .filter(|(line, _)| *line != "POST blobs")
            .collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn an_image_is_its_base_and_three_layers() {
    let setting = Setting::new().await;
    let built = setting.push(None).await;
    assert_eq!(built.base.python, Python { minor: 11 });
    let manifest = setting.document(&format!("shop/dbt:{}", built.tag));
    assert_eq!(Digest::of(manifest.to_string().as_bytes()), built.digest);
    let config = setting.document(&format!(
        "shop/dbt@{}",
        manifest["config"]["digest"].as_str().unwrap()
    ));
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 4);
    assert_eq!(
        config["config"]["Entrypoint"],
        json!(["python3", "-I", "/opt/dbt-aws/runner.py"])
    );
    assert_eq!(config["config"]["Volumes"], json!({"/tmp": {}}));
    let (mut files, mut shared) = (Vec::new(), Vec::new());
    for blob in &manifest["layers"].as_array().unwrap()[1..] {
        let content = setting.server.0.lock().unwrap().content
            [&format!("shop/dbt@{}", blob["digest"].as_str().unwrap())]
            .clone();
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(&content[..]))
            .entries()
            .unwrap()
        {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let header = entry.header();
            if header.entry_type().is_dir() && header.mode().unwrap() != 0o755 {
                let mode = header.mode().unwrap();
                shared.push((path, mode, header.uid().unwrap()));
            } else if header.entry_type().is_file() && !path.contains(".dist-info/") {
                files.push(path);
            }
        }
    }
    assert_eq!(shared, [("tmp/".to_owned(), 0o1777, 0)]);
    let expected = [
        "opt/dbt-aws/runner.py",
        "opt/dbt-aws/lib/boto3.py",
        "opt/dbt/dbt/__init__.py",
        "opt/dbt/dbt/adapters.py",
        "project/dbt_project.yml",
        "project/models/a.sql",
        "project/.dbt-aws.json",
    ];
    assert_eq!(files, expected);
    let state = serde_json::to_string(&built).unwrap();
    assert_eq!(serde_json::from_str::<Built>(&state).unwrap(), built);
    assert!(!state.contains("secret") && !format!("{:?}", setting.registry).contains("secret"));
}

#[tokio::test]
async fn requirements_without_hashes_are_resolved_once() {
    let setting = Setting::new().await;
    let locked = setting.push(None).await;
    write(&setting, "dbt-core\ndbt-postgres");
    let plan = async |previous| setting.images.plan(&setting.spec, previous).await.unwrap();
    assert_eq!(plan(Some(&locked)).await, None);
    let built = setting.push(Some(&locked)).await;
    let lock = &built.resolved.as_ref().unwrap().lock;
    assert!(
        lock[0].starts_with("dbt-core==1 --hash=sha256:") && lock.len() == 2,
        "{lock:?}"
    );
    assert_eq!(
        built.digest, locked.digest,
        "what it comes to is what was locked"
    );

    // a newer version changes nothing until the file changes
    release(&setting.server, "dbt-core", 2, "dbt/__init__.py");
    setting.edit();
    setting.server.log();
    let state = serde_json::from_value(serde_json::to_value(&built).unwrap()).unwrap();
    let same = plan(Some(&state)).await;
    assert!(setting.server.log().is_empty());
    let edited = setting.push(Some(&state)).await;
    assert_eq!((same, &edited.dbt), (Some(edited.digest), &built.dbt));
    assert_eq!(edited.resolved, built.resolved);
    assert!(
        !setting
            .server
            .log()
            .iter()
            .any(|line| line.contains("dbt-core"))
    );

    write(&setting, "dbt-core # of today\ndbt-postgres");
    assert_eq!(plan(Some(&edited)).await, None);
    let newer = setting.push(Some(&edited)).await;
    assert!(newer.resolved.unwrap().lock[0].starts_with("dbt-core==2 "));
}

#[tokio::test]
async fn a_wheel_with_a_url_comes_from_there() {
    let setting = Setting::new().await;
    let lock = fs::read_to_string(setting.directory.path().join("requirements.txt")).unwrap();
    let page = "/simple/dbt-core/".to_owned();
    setting.server.0.lock().unwrap().content.remove(&page);
    let url = format!(
        "dbt-core @ http://{}/files/dbt_core-1-py3-none-any.whl",
        setting.server.host()
    );
    write(
        &setting,
        &lock
            .replace("dbt-core==1", &url)
            .replace("-any", "-manylinux_2_28_aarch64"),
    );
    let made = setting
        .images
        .build_and_push(&setting.spec, &setting.registry, None);
    assert_eq!(
        made.await.unwrap_err().to_string(),
        "dbt-core 1 cannot be installed: the wheel at its URL is not for Python 3.11 on linux/amd64"
    );

    write(&setting, &lock.replace("dbt-core==1", &url));
    setting.push(None).await;
    let asked = count(&setting.server.log()).get("GET dbt-core").copied();
    assert_eq!(asked, None);
}

#[tokio::test]
async fn a_tag_is_looked_up_again_when_its_text_changes() {
    let mut setting = Setting::new().await;
    let first = setting.push(None).await;
    assert!(first.base.taken.is_some());
    base_image(&setting.server, "PATH=/newer");
    assert_eq!(setting.push(Some(&first)).await, first);
    setting.spec.base_refresh = Some("today".into());
    let plan = setting.images.plan(&setting.spec, Some(&first));
    assert_eq!(plan.await.unwrap(), None, "only the registry could tell");
    let newer = setting.push(Some(&first)).await;
    assert_eq!(newer.base.env, ["PATH=/newer"]);
    assert_eq!((&newer.dbt, &newer.project), (&first.dbt, &first.project));
    base_image(&setting.server, "PATH=/newest");
    assert_eq!(setting.push(Some(&newer)).await, newer);

    // a state of before
    let mut old = serde_json::to_value(&first).unwrap();
    let base = old["base"].as_object_mut().unwrap();
    assert!(base.remove("taken").is_some());
    setting.spec.base_refresh = None;
    let old: Built = serde_json::from_value(old).unwrap();
    assert_eq!(setting.push(Some(&old)).await.digest, first.digest);
}

#[tokio::test]
async fn another_machine_makes_the_same_image() {
    let (one, two) = (Setting::new().await, Setting::new().await);
    let (a, mut b) = (one.push(None).await, two.push(None).await);
    // the base's name holds the server's port
    b.base.image.clone_from(&a.base.image);
    assert_eq!(
        (&a.base, &a.runner, &a.dbt, &a.project),
        (&b.base, &b.runner, &b.dbt, &b.project)
    );
}

#[tokio::test]
async fn another_repository_gets_all_of_an_unchanged_image() {
    let mut setting = Setting::new().await;
    let built = setting.push(None).await;
    setting.registry.repository = "other".into();
    fs::remove_dir_all(setting.directory.path().join("cache")).unwrap();
    setting.server.log();
    assert_eq!(setting.push(Some(&built)).await, built);
    assert_eq!(count(&setting.server.log())["PUT uploads"], 5);
}

#[tokio::test]
async fn a_layer_that_differs_from_the_state_is_made_again() {
    let mut setting = Setting::new().await;
    let mut built = setting.push(None).await;
    let true_digest = built.digest;
    built.project.layer.digest = Digest::of(b"of another compressor");
    setting.registry.repository = "other".into();
    assert_eq!(setting.push(Some(&built)).await.digest, true_digest);
}

#[tokio::test]
async fn two_at_once_share_a_cache() {
    let setting = Setting::new().await;
    let (one, two) = tokio::join!(setting.push(None), setting.push(None));
    assert_eq!(one, two);
    for folder in ["layers", "wheels", "pythons"] {
        let files = files_below(&setting.directory.path().join("cache").join(folder));
        assert!(
            !files.is_empty() && !files.iter().any(|name| name.starts_with('.')),
            "{files:?}"
        );
    }
}

fn write(setting: &Setting, lock: &str) {
    fs::write(setting.directory.path().join("requirements.txt"), lock).unwrap();
}

fn files_below(directory: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let entries = fs::read_dir(directory).unwrap();
    entries.flatten().map(name).collect()
}
