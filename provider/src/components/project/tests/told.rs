//! What a project's handle tells of its runs.

use super::*;

#[tokio::test]
async fn a_preview_tells_which_variables_are_read_and_declared() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("written");
    };
    write(
        "dbt_project.yml",
        "name: shop\nprofile: shop\nclean-targets: [target]\nmodel-paths: ['.']\n",
    );
    write(
        "a.sql",
        "select '{{ env_var('TEAM') }}', '{{ env_var(\"REGION\", '') }}'",
    );
    let given = json!({
        "platform": platform(), "path": directory.path(), "environment": {"OWN": "1", "TEAM": "a"},
        "profile": {"settings": {"sslkey": "{{ env_var('KEY_FILE') }}"}},
    });
    let told = async |given: &Document| {
        let (_, answered) = recorded(inputs(given), As::Preview).await;
        let handle = answered["handle"].plain();
        let keys = [
            "variables",
            "profileVariables",
            "failingCommands",
            "dbtVersion",
            "profileName",
            "profileTarget",
        ];
        keys.map(|key| handle.field(key).to_json())
    };
    assert_eq!(
        told(&given).await,
        [
            json!("OWN,REGION,TEAM"),
            json!("KEY_FILE,env_var"),
            json!(null),
            json!("1.12"),
            json!("shop"),
            json!("prod"),
        ]
    );
    let secret = |text: &str| Value::secret(text.into());
    let mut marked = inputs(&given);
    let object =
        |fields: [(&str, Value); 2]| Value::Object(fields.map(|(k, v)| (k.to_owned(), v)).into());
    marked.insert(
        "environment".to_owned(),
        object([("OWN", secret("hidden")), ("TEAM", Value::Unknown)]),
    );
    let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a";
    marked.insert(
        "secretArns".to_owned(),
        object([("TOKEN", secret(arn)), ("KEY", Value::Unknown)]),
    );
    let (_, answered) = recorded(marked, As::Preview).await;
    assert!(!answered["handle"].has_secret());
    let handle = answered["handle"].plain();
    assert_eq!(
        handle.field("variables").to_json(),
        json!("OWN,REGION,TEAM")
    );
    assert_eq!(handle.field("secretNames").to_json(), json!("KEY,TOKEN"));
    let elsewhere = json!({"platform": platform(), "image": "ghcr.io/team/shop:1", "environment": {"OWN": "1"}});
    let nothing = json!(null);
    assert_eq!(told(&elsewhere).await, [(); 6].map(|()| nothing.clone()));
    // Nothing is known of a new warehouse, and the platform's handle is unknown to the SDKs.
    let mut new = inputs(&given);
    new.insert("platform".to_owned(), Value::Unknown);
    let (_, answered) = recorded(new, As::Preview).await;
    let handle = answered["handle"].plain();
    let known =
        ["dbtVersion", "profileName", "profileTarget"].map(|key| handle.field(key).to_json());
    assert_eq!(known, [json!("1.12"), json!("shop"), json!("prod")]);
    std::fs::write(directory.path().join("requirements.txt"), "dbt-postgres").expect("written");
    let mut own = given;
    own["dbt"] = json!({"requirements": directory.path().join("requirements.txt")});
    assert_eq!(told(&own).await[3], nothing);
}
