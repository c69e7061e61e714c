//! What no image is made of, and what is said of it.

use super::*;

#[tokio::test]
async fn requirements_without_dbt_or_its_adapter_are_refused() {
    let mut setting = Setting::new().await;
    let lock = fs::read_to_string(setting.directory.path().join("requirements.txt")).unwrap();
    let (core, adapter) = lock.split_once('\n').unwrap();
    package(&setting.server, "pytz", "pytz.py");
    let replaced = "; requirements replace all that is bundled, so add ";
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
            format!("requirements.txt: its packages do not include {missing}{replaced}{missing}");
        assert!(error.ends_with(&expected), "{error}");
    }
    // a lock says it before anything is fetched
    for (line, missing) in [(core, "dbt-postgres"), (adapter, "dbt-core")] {
        write(&setting, line);
        let error = setting.spec.dbt.digest().unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("do not include {missing}{replaced}{missing}")),
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
    assert!(error.contains("whose C library is musl"), "{error}");
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
