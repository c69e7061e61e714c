//! Registries that break off, forget and ask who it is.

use super::*;

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
        http::Client::new().unwrap(),
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
        http::Client::new().unwrap(),
        &setting.server.host(),
        "base",
        Login::of(None),
    );
    setting.server.0.lock().unwrap().jitter = true;
    let asked = (0..8).map(|_| repository.manifest("3"));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}
