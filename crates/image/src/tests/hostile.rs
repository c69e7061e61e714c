//! Indexes and registries that mean harm.

use super::*;

const SIMPLE: &str = "/simple/dbt-core/";

impl Setting {
    async fn refused(&self) -> String {
        let pushed = self.images.build_and_push(&self.spec, &self.registry, None);
        pushed.await.unwrap_err().to_string()
    }

    /// Everything on this machine below the test's directory, by its path, but for the cache's own folders.
    fn strays(&self) -> Vec<String> {
        let mut left = vec![self.directory.path().to_owned()];
        let mut strays = Vec::new();
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap().flatten() {
                let path = entry
                    .path()
                    .strip_prefix(self.directory.path())
                    .unwrap()
                    .to_owned();
                let path = path.to_str().unwrap().to_owned();
                let known = ["project", "requirements.txt"].contains(&path.as_str());
                match entry.file_type().unwrap().is_dir() {
                    // a draft of work that is no longer waited for
                    _ if known || path.starts_with("cache/layers/.") => {}
                    true => left.push(entry.path()),
                    false => {
                        let name = path.rsplit('/').next().unwrap();
                        let hex = name.split('.').next().unwrap();
                        if hex.len() < 32 || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
                            strays.push(path);
                        }
                    }
                }
            }
        }
        strays
    }

    fn content(&self, path: &str) -> Vec<u8> {
        self.server.0.lock().unwrap().content[path].clone()
    }
}

#[tokio::test]
async fn an_index_chooses_no_path() {
    let wheel = "dbt_core-1-py3-none-any.whl";
    let html = |file: &str, hash: &str| format!("<a href=\"/files/{file}#sha256={hash}\">x</a>");
    let json = |file: &str, hash: &str| {
        json!({"files": [{"filename": file, "url": format!("/files/{wheel}"), "hashes": {"sha256": hash}}]}).to_string()
    };
    let beside = |hash: &str| {
        format!("<a href=\"/files/{wheel}\" data-core-metadata=\"sha256={hash}\">x</a>")
    };
    for hash in [
        "../../../escaped",
        "/escaped",
        "..%2f..%2fescaped",
        "0",
        "a/../../../escaped",
    ] {
        let setting = Setting::new().await;
        for page in [html(wheel, hash), json(wheel, hash), beside(hash)] {
            for requirement in [
                "dbt-core",
                &format!(
                    "dbt-core==1 --hash=sha256:{0}\ndbt-postgres==1 --hash=sha256:{0}",
                    "0".repeat(64)
                ),
            ] {
                setting.server.put(SIMPLE, page.clone());
                write(&setting, requirement);
                let error = setting.refused().await;
                let expected = "the page is not a package's: it gives a SHA-256 that is not 64 hexadecimal digits";
                assert!(error.ends_with(expected), "{page} {error}");
                assert_eq!(setting.strays(), [""; 0], "{page}");
            }
        }
    }
    for file in [
        "..%2F..%2Fdbt_core-1-py3-none-any.whl",
        "%2Fdbt_core-1-py3-none-any.whl",
        "dbt_core-1-py3-none-any%2F..%2F..%2Fx.whl",
        "dbt_core-1-py3-none-any%00.whl",
        "dbt_core-1-py3-none-any%1b[2J.whl",
    ] {
        let decoded = file
            .replace("%2F", "/")
            .replace("%00", "\0")
            .replace("%1b", "\x1b");
        for page in [html(file, ""), json(&decoded, "")] {
            let setting = Setting::new().await;
            setting.server.put(
                format!("/files/{file}"),
                setting.content(&format!("/files/{wheel}")),
            );
            setting.server.put(SIMPLE, page.clone());
            write(&setting, "dbt-core");
            let error = setting.refused().await;
            assert!(error.contains("no index has dbt-core"), "{page} {error}");
            assert_eq!(setting.strays(), [""; 0], "{page}");
        }
    }
}

#[tokio::test]
async fn a_registry_chooses_no_path() {
    let setting = Setting::new().await;
    let index = setting.document("base:3");
    let manifest = setting.document(&format!(
        "base@{}",
        index["manifests"][1]["digest"].as_str().unwrap()
    ));
    let good = setting.content("base:3");
    for digest in ["sha256:../../../escaped", "../../escaped", "sha512:00"] {
        let mut wrong = index.clone();
        wrong["manifests"][1]["digest"] = json!(digest);
        let mut layer = manifest.clone();
        layer["layers"][0]["digest"] = json!(digest);
        let mut config = manifest.clone();
        config["config"]["digest"] = json!(digest);
        for document in [wrong, layer, config] {
            setting.server.put("base:3", document.to_string());
            let error = setting.refused().await;
            assert!(
                error.contains("it is not sha256:<64 hexadecimal digits>"),
                "{error}"
            );
            assert_eq!(setting.strays(), [""; 0]);
        }
    }
    // a layer that is not what its digest says
    setting.server.put("base:3", good);
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    setting.server.put(
        format!("base@{layer}"),
        "x".repeat(manifest["layers"][0]["size"].as_u64().unwrap() as usize),
    );
    let error = setting.refused().await;
    assert!(error.ends_with("what came is not the layer"), "{error}");
    setting
        .server
        .put(format!("base@{layer}"), "x".repeat(100_000));
    let error = setting.refused().await;
    assert!(error.contains("larger than"), "{error}");
}

#[tokio::test]
async fn what_a_wheel_needs_is_believed_of_its_own_index_alone() {
    // another index tells a false METADATA for a wheel that is known by its hash
    let setting = Setting::new().await;
    let page = setting.content(SIMPLE);
    let hash = String::from_utf8(page).unwrap();
    let hash = hash
        .split(['=', '"'])
        .find(|part| part.len() == 64)
        .unwrap()
        .to_owned();
    let file = "dbt_core-1-py3-none-any.whl";
    let evil = format!("<a href=\"/evil/{file}#sha256={hash}\" data-core-metadata=\"true\">x</a>");
    setting.server.put("/poison/dbt-core/", evil);
    setting.server.put(
        format!("/evil/{file}.metadata"),
        "Name: dbt-core\nVersion: 1\nRequires-Dist: evil\n",
    );
    write(
        &setting,
        &format!("-i http://{}/poison\ndbt-core", setting.server.host()),
    );
    assert!(setting.refused().await.contains("no index has evil"));
    write(&setting, "dbt-core\ndbt-postgres");
    setting.push(None).await;
}

#[tokio::test]
async fn what_is_wrong_in_the_cache_is_fetched_again() {
    let setting = Setting::new().await;
    let built = setting.push(None).await;
    let cache = setting.directory.path().join("cache");
    for (folder, again) in [
        ("layers", "runner_lib"),
        ("wheels", "dbt_core"),
        ("pythons", "base"),
    ] {
        for name in files_below(&cache.join(folder)) {
            let path = cache.join(folder).join(name);
            let mut content = fs::read(&path).unwrap();
            let middle = content.len() / 2;
            content[middle] ^= 1;
            fs::write(&path, content).unwrap();
        }
        if folder != "layers" {
            let _ = fs::remove_dir_all(cache.join("layers"));
        }
        setting.server.log();
        let mut other = setting.registry.clone();
        other.repository = format!("other/{folder}");
        let pushed = setting.images.build_and_push(&setting.spec, &other, None);
        assert_eq!(pushed.await.unwrap(), built, "{folder} {again}");
    }
}

#[tokio::test]
async fn http_is_for_this_machine_and_trusted_hosts() {
    let setting = Setting::new().await;
    let lock = fs::read_to_string(setting.directory.path().join("requirements.txt")).unwrap();
    // an address of no machine, which nothing asks
    for option in ["-i", "--extra-index-url"] {
        write(
            &setting,
            &format!("{option} http://192.0.2.1:81/simple\n{lock}"),
        );
        let error = setting.refused().await;
        let expected = "looking for dbt-core at 192.0.2.1:81: it is reached over http, which anybody on the way can change: use https, or name it in PIP_TRUSTED_HOST: 192.0.2.1:81";
        assert_eq!(error, expected);
    }
    let good = setting.content(SIMPLE);
    let page = "<a href=\"http://192.0.2.1/dbt_core-1-py3-none-any.whl\">x</a>";
    setting.server.put(SIMPLE, page);
    write(&setting, &lock);
    let error = setting.refused().await;
    assert!(
        error.starts_with(
            "downloading dbt_core-1-py3-none-any.whl at 192.0.2.1: it is reached over http"
        ),
        "{error}"
    );
    setting.server.put(
        SIMPLE,
        "<a href=\"file:///files/dbt_core-1-py3-none-any.whl\">x</a>",
    );
    let error = setting.refused().await;
    assert!(
        error.ends_with("at the address given: URL scheme is not allowed"),
        "{error}"
    );

    setting.server.put(SIMPLE, good);
    let registry = Registry {
        host: "http://192.0.2.1".into(),
        ..setting.registry.clone()
    };
    let pushed = setting
        .images
        .build_and_push(&setting.spec, &registry, None);
    let error = pushed.await.unwrap_err().to_string();
    let expected = " at 192.0.2.1: it is reached over http, which anybody on the way can change: use https, or name it in \
                    DBT_AWS_TRUSTED_HOST: 192.0.2.1";
    assert!(error.ends_with(expected), "{error}");
}

#[tokio::test]
async fn a_description_without_end_is_not_unpacked() {
    let setting = Setting::new().await;
    let info = "dbt_core-1.dist-info";
    let metadata = "Name: dbt-core\nVersion: 1\nSummary: ".to_owned() + &"x".repeat(17 << 20);
    let content = wheel(info, &[(&format!("{info}/METADATA"), &metadata)]);
    setting
        .server
        .put("/files/dbt_core-1-py3-none-any.whl", content);
    setting.server.put(
        SIMPLE,
        "<a href=\"/files/dbt_core-1-py3-none-any.whl\">x</a>",
    );
    write(&setting, "dbt-core");
    let error = setting.refused().await;
    assert!(
        error.ends_with("METADATA is larger than 16 MiB, the most that is read"),
        "{error}"
    );
}
