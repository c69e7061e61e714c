//! Images from end to end, against a registry and an index of our own that count what they serve.

use std::{collections::BTreeMap, fs, path::Path};

use flate2::{Compression, write::GzEncoder};
use reqwest::Url;
use serde_json::{Value, json};

use super::{server::Server, wheel::tests::wheel, *};

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
    let mut files = Vec::new();
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
            if entry.header().entry_type().is_file() && !path.contains(".dist-info/") {
                files.push(path);
            }
        }
    }
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
async fn requirements_without_dbt_or_its_adapter_are_refused() {
    let mut setting = Setting::new().await;
    let lock = fs::read_to_string(setting.directory.path().join("requirements.txt")).unwrap();
    let (core, adapter) = lock.split_once('\n').unwrap();
    package(&setting.server, "pytz", "pytz.py");
    let replaced = "; requirements replace what is bundled, so add ";
    for (lines, missing) in [
        ("pytz", "dbt-core and dbt-postgres"),
        ("dbt-core", "dbt-postgres"),
        ("dbt-postgres", "dbt-core"),
    ] {
        write(&setting, lines);
        setting.spec.dbt.digest().unwrap();
        let made = setting
            .images
            .build_and_push(&setting.spec, &setting.registry, None);
        let error = made.await.unwrap_err().to_string();
        let expected =
            format!("requirements.txt: it comes to packages without {missing}{replaced}{missing}");
        assert!(error.ends_with(&expected), "{error}");
    }
    // a lock says it before anything is fetched
    for (line, missing) in [(core, "dbt-postgres"), (adapter, "dbt-core")] {
        write(&setting, line);
        let error = setting.spec.dbt.digest().unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("without {missing}{replaced}{missing}")),
            "{error}"
        );
    }
    // one of an adapter that is not bundled may have any name
    let Dbt::Requirements { adapter, .. } = &mut setting.spec.dbt else {
        unreachable!()
    };
    *adapter = Some("mariadb".to_owned());
    write(&setting, &lock);
    setting.spec.dbt.digest().unwrap();
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

#[tokio::test]
async fn broken_uploads_are_tried_again() {
    let setting = Setting::new().await;
    setting.server.0.lock().unwrap().broken_uploads = 2;
    let built = setting.push(None).await;
    assert_eq!(
        setting.document(&format!("shop/dbt:{}", built.tag))["layers"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[tokio::test]
async fn an_answer_that_was_lost_makes_an_immutable_tag_no_error() {
    let setting = Setting::new().await;
    setting.server.0.lock().unwrap().immutable = true;
    setting.server.0.lock().unwrap().lost_manifests = 1;
    let built = setting.push(None).await;
    assert!(setting.document(&format!("shop/dbt:{}", built.tag))["layers"].is_array());

    let other = b"{\"layers\": [], \"config\": {}}";
    let target = Repository::to_push(
        http::Client::new(),
        &setting.server.host(),
        "shop/dbt",
        setting.registry.credentials.clone(),
    );
    let refused = target
        .put_manifest(&built.tag, manifest::MEDIA_TYPE, other)
        .await;
    assert!(matches!(
        refused,
        Err(Error::Http {
            status: Some(400),
            ..
        })
    ));
}

#[tokio::test]
async fn an_image_that_is_used_again_gets_a_tag_that_says_so() {
    let setting = Setting::new().await;
    let first = setting.push(None).await;
    let again = format!("shop/dbt:{}", first.tag.replace("dbt-", "again-"));
    let tagged = || {
        setting
            .server
            .0
            .lock()
            .unwrap()
            .content
            .contains_key(&again)
    };
    setting.edit();
    let second = setting.push(Some(&first)).await;
    assert!(!tagged());
    fs::write(setting.spec.project.join("models/a.sql"), "select 1").unwrap();
    assert_eq!(setting.push(Some(&second)).await.digest, first.digest);
    assert!(tagged());
}

#[tokio::test]
async fn a_login_is_asked_for_when_something_is_pulled() {
    let mut setting = Setting::new().await;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    setting.spec.base_login = Some(Login::new(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::future::ready(Ok(None))
    }));
    let asked = || asked.load(std::sync::atomic::Ordering::Relaxed);
    let built = setting.push(None).await;
    assert_eq!(asked(), 1);
    setting.edit();
    setting.spec.base_login = setting
        .spec
        .base_login
        .map(|_| Login::new(|| async { panic!("nothing is pulled") }));
    setting.push(Some(&built)).await;
    assert_eq!(asked(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_all_get_in() {
    let setting = Setting::new().await;
    let repository = Repository::to_pull(
        http::Client::new(),
        &setting.server.host(),
        "base",
        Login::of(None),
    );
    setting.server.0.lock().unwrap().jitter = true;
    let asked = (0..8).map(|_| repository.manifest("3"));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn refusals_name_what_was_refused_and_no_secret() {
    let mut setting = Setting::new().await;
    let built = setting.push(None).await;
    setting.edit();
    let refusal = async |setting: &Setting, previous| {
        let error = setting
            .images
            .build_and_push(&setting.spec, &setting.registry, previous)
            .await
            .unwrap_err();
        error.to_string()
    };
    setting.registry.credentials = Some(Credentials {
        username: "AWS".into(),
        password: "wrong-one".into(),
    });
    let error = refusal(&setting, Some(&built)).await;
    assert!(
        error.starts_with("looking for shop/dbt:dbt-")
            && error.contains("access denied (401")
            && !error.contains("wrong-one"),
        "{error}"
    );

    setting.spec.platform = Platform::Arm64;
    let error = refusal(&setting, None).await;
    assert!(
        error.ends_with("base:3 cannot be used: there is none for linux/arm64"),
        "{error}"
    );
    setting.spec.platform = Platform::Amd64;

    let hash = "0".repeat(64);
    let lock = format!("dbt-core==2 --hash=sha256:{hash}\ndbt-postgres==1 --hash=sha256:{hash}");
    write(&setting, &lock);
    let error = refusal(&setting, None).await;
    assert!(
        error.starts_with("dbt-core 2 cannot be installed: no index has a wheel of it"),
        "{error}"
    );

    write(&setting, "dbt-core>=2");
    let error = refusal(&setting, None).await;
    assert!(
        error.contains("requirements.txt cannot be resolved for Python 3.11 on linux/amd64")
            && error.ends_with("there is no such dbt-core: the newest is 1"),
        "{error}"
    );
}

#[tokio::test]
async fn what_dbt_does_not_run_on_is_refused() {
    let mut setting = Setting::new().await;
    let refusal = async |setting: &Setting| {
        let pushed = setting
            .images
            .build_and_push(&setting.spec, &setting.registry, None);
        pushed.await.unwrap_err().to_string()
    };
    base_image(&setting.server, "PYTHON_VERSION=3.9.21");
    let error = refusal(&setting).await;
    assert!(
        error.ends_with("its Python is 3.9, and the runner needs 3.10 or later"),
        "{error}"
    );
    base_image(&setting.server, "PATH=/usr/bin");

    let page = "/simple/dbt-core/";
    let text = setting.server.0.lock().unwrap().content[page].clone();
    let text = String::from_utf8(text).unwrap();
    let text = text.replace("<a ", "<a data-requires-python=\"&gt;=3.12\" ");
    setting.server.put(page, text);
    let error = refusal(&setting).await;
    assert!(
        error.starts_with("dbt-core 1 cannot be installed: no index has a wheel of it"),
        "{error}"
    );

    let content = setting.server.0.lock().unwrap().content["base:3"].clone();
    setting.server.put("base:3-alpine", content);
    setting.spec.base += "-alpine";
    let error = refusal(&setting).await;
    assert!(error.contains("whose libc is musl"), "{error}");
}

#[tokio::test]
async fn a_wheel_that_is_not_the_locked_one_is_refused() {
    let setting = Setting::new().await;
    setting
        .server
        .put("/files/dbt_core-1-py3-none-any.whl", "another file");
    let error = setting
        .images
        .build_and_push(&setting.spec, &setting.registry, None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the wheel dbt_core-1-py3-none-any.whl was refused")
            && error.ends_with("which is not a locked one"),
        "{error}"
    );
    let left = files_below(&setting.directory.path().join("cache/wheels"));
    assert!(
        !left.iter().any(|name| name.contains("dbt_core")),
        "{left:?}"
    );
}

fn write(setting: &Setting, lock: &str) {
    fs::write(setting.directory.path().join("requirements.txt"), lock).unwrap();
}

mod hostile;

fn files_below(directory: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let entries = fs::read_dir(directory).unwrap();
    entries.flatten().map(name).collect()
}
