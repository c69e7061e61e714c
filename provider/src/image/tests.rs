//! Images from end to end, against a registry and an index of our own that count what they serve.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex},
};

use flate2::{Compression, write::GzEncoder};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{wheel::tests::wheel, *};

const RUNNER: &str = "runner-lib==1 --hash=sha256:";

/// A registry, a token service and a package index in one, on a port of this machine.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Served>>);

#[derive(Default)]
struct Served {
    host: String,
    /// By `repository@digest` or `repository:tag`, or a path of the index.
    content: HashMap<String, Vec<u8>>,
    log: Vec<String>,
    /// How many of the next uploads break.
    broken_uploads: usize,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self::default();
        server.0.lock().unwrap().host = listener.local_addr().unwrap().to_string();
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    fn host(&self) -> String {
        self.0.lock().unwrap().host.clone()
    }

    fn put(&self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0
            .lock()
            .unwrap()
            .content
            .insert(name.into(), content.into());
    }

    /// What was asked for since the last time, sorted, without digests.
    fn log(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut self.0.lock().unwrap().log);
        log.sort();
        log
    }

    async fn serve(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head).await.ok()? == 0 {
                    return None;
                }
            }
            let header = |name: &str| {
                head.lines()
                    .find_map(|line| {
                        line.split_once(": ")
                            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                    })
                    .map(|(_, value)| value.to_owned())
            };
            let mut body =
                vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).await.ok()?;
            let mut words = head.split(' ');
            let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
            let (status, mut headers, body) =
                self.answer(&method, &target, header("authorization"), body);
            if status == 0 {
                return None;
            }
            headers += &format!("Content-Length: {}\r\n", body.len());
            let body = if method == "HEAD" { &[][..] } else { &body };
            let answer = [
                format!("HTTP/1.1 {status} X\r\n{headers}\r\n").as_bytes(),
                body,
            ]
            .concat();
            stream.write_all(&answer).await.ok()?;
        }
    }

    fn answer(
        &self,
        method: &str,
        target: &str,
        authorization: Option<String>,
        body: Vec<u8>,
    ) -> (u16, String, Vec<u8>) {
        let mut served = self.0.lock().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let kind = path.split('/').rev().nth(1).unwrap_or_default().to_owned();
        served.log.push(format!("{method} {kind}"));
        let Some(rest) = path.strip_prefix("/v2/") else {
            return match served.content.get(path) {
                Some(content) => (200, String::new(), content.clone()),
                None if path == "/token" => (200, String::new(), br#"{"token":"t"}"#.to_vec()),
                None => (404, String::new(), vec![]),
            };
        };
        let repository = rest
            .split("/blobs/")
            .next()
            .unwrap()
            .split("/manifests/")
            .next()
            .unwrap()
            .to_owned();
        let expected = if repository == "base" {
            "Bearer t"
        } else {
            "Basic QVdTOnNlY3JldA=="
        };
        if authorization.as_deref() != Some(expected) {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"s\"\r\n",
                served.host
            );
            return (401, challenge, vec![]);
        }
        let name = path.rsplit('/').next().unwrap().to_owned();
        match (method, kind.as_str()) {
            ("POST", _) => (
                202,
                format!("Location: /v2/{repository}/blobs/uploads/1?state=x\r\n"),
                vec![],
            ),
            ("PUT", "uploads") => {
                if served.broken_uploads > 0 {
                    served.broken_uploads -= 1;
                    return (0, String::new(), vec![]);
                }
                let digest = query
                    .strip_prefix("state=x&digest=")
                    .unwrap()
                    .replace("%3A", ":");
                assert_eq!(layer::digest(&body), digest);
                served
                    .content
                    .insert(format!("{repository}@{digest}"), body);
                (201, String::new(), vec![])
            }
            ("PUT", "manifests") => {
                let manifest: Value = serde_json::from_slice(&body).unwrap();
                for blob in manifest["layers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .chain([&manifest["config"]])
                {
                    let content = &served.content
                        [&format!("{repository}@{}", blob["digest"].as_str().unwrap())];
                    assert_eq!(blob["size"], content.len());
                }
                served.content.insert(format!("{repository}:{name}"), body);
                (201, String::new(), vec![])
            }
            _ => {
                let found = served
                    .content
                    .get(&format!("{repository}@{name}"))
                    .or_else(|| served.content.get(&format!("{repository}:{name}")));
                match found {
                    Some(content) => (
                        200,
                        format!("Docker-Content-Digest: {}\r\n", layer::digest(content)),
                        content.clone(),
                    ),
                    None => (
                        404,
                        String::new(),
                        br#"{"errors":[{"code":"UNKNOWN"}]}"#.to_vec(),
                    ),
                }
            }
        }
    }
}

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
        base_image(&server);
        let lock = package(&server, "dbt-core", "dbt/__init__.py");
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
            dbt: Dbt::Requirements(path("requirements.txt")),
            base: format!("{}/base:3", server.host()),
            base_credentials: None,
            platform: Platform::Amd64,
            python: None,
        };
        let credentials = Some(Credentials {
            username: "AWS".into(),
            password: "secret".into(),
        });
        let registry = Registry {
            host: server.host(),
            repository: "shop/dbt".into(),
            credentials,
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

/// An index of two platforms, of which the right one has a Python 3.11 that only its layer tells.
fn base_image(server: &Server) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "./usr/bin/python3", "python3.11")
        .unwrap();
    let layer = tar.into_inner().unwrap().finish().unwrap();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer::digest(b"tar")]}});
    let blob = |content: Vec<u8>| {
        let descriptor = json!({"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "digest": layer::digest(&content), "size": content.len()});
        server.put(format!("base@{}", layer::digest(&content)), content);
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
    let module = name.replace('-', "_");
    let content = wheel(&format!("{module}-1.dist-info"), &[(file, name)]);
    let hash = layer::digest(&content).replace("sha256:", "");
    let path = format!("/files/{module}-1-py3-none-any.whl");
    server.put(
        format!("/simple/{name}/"),
        format!("<a href=\"../..{path}#sha256={hash}\">x</a>"),
    );
    server.put(path, content);
    format!("{name}==1 --hash=sha256:{hash}")
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
    assert_eq!(plan.files.to_string(), "1 file changed (models/a.sql)");
    assert!(
        plan.is_changed(&built) && !(plan.base_changed || plan.runner_changed || plan.dbt_changed)
    );
    assert!(setting.server.log().is_empty(), "a plan needs no network");

    let changed = setting.push(Some(&built)).await;
    assert_eq!(plan.digest.as_ref(), Some(&changed.digest));
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
    assert_eq!(layer::digest(manifest.to_string().as_bytes()), built.digest);
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
        "project/dbt_project.yml",
        "project/models/a.sql",
    ];
    assert_eq!(files, expected);
    let state = serde_json::to_string(&built).unwrap();
    assert_eq!(serde_json::from_str::<Built>(&state).unwrap(), built);
    assert!(!state.contains("secret") && !format!("{:?}", setting.registry).contains("secret"));
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
    let true_digest = built.digest.clone();
    built.project.layer.digest = layer::digest(b"of another compressor");
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

    let lock = format!("dbt-core==2 --hash=sha256:{}", "0".repeat(64));
    write(&setting, &lock);
    let error = refusal(&setting, None).await;
    assert!(
        error.starts_with("dbt-core 2 cannot be installed: no index has a wheel of it"),
        "{error}"
    );

    write(&setting, "dbt-core>=1");
    let error = refusal(&setting, None).await;
    assert!(
        error.contains("requirements.txt, line 1: dbt-core>=1 has no exact version"),
        "{error}"
    );
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
        error.contains("which is not a locked one of dbt-core 1"),
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

fn files_below(directory: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let entries = fs::read_dir(directory).unwrap();
    entries.flatten().map(name).collect()
}
