//! Secrets.

use super::SECRET;
use serde_json::{Value as Json, json};
use tests::{Block, Call, Stack};

#[tokio::test]
async fn secret_lives() {
    let stack = Stack::new("secret").await;
    stack
        .test(Block {
            token: SECRET,
            inputs: json!({"secretString": "first"}),
            updates: vec![
                json!({"secretString": "second"}),
                // moto cannot take it away.
                json!({"description": "what it is for"}),
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
                json!({"kmsKeyArn": null}),
                json!({"recoveryWindowDays": 7}),
                json!({"recoveryWindowDays": null}),
            ],
            replaces: vec![
                ("name", json!("mine")),
                ("generate", json!({"secretString": null, "generate": {}})),
            ],
            untold: vec!["secretString", "recoveryWindowDays"],
            listed: Call::new("secretsmanager", "list_secrets", json!({}), "SecretList[]"),
            ..Block::default()
        })
        .await;
}

fn value(stack: &Stack, id: &str) -> Json {
    let found = stack.aws(
        "secretsmanager",
        "get_secret_value",
        &json!({"SecretId": id}),
    );
    let text = found.expect("has a value")["SecretString"].take();
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

/// A password that the provider makes is nowhere but in AWS.
#[tokio::test]
async fn a_generated_password_is_not_in_the_state() {
    let stack = Stack::new("generated").await;
    let generate =
        json!({"length": 40, "excludeCharacters": "-_.~0Oo1lI", "template": {"username": "dbt"}});
    let made = stack
        .make(SECRET, "master", json!({"generate": generate}))
        .await;
    let value_of = value(&stack, &made.id);
    let password = value_of["password"]
        .as_str()
        .expect("a password")
        .to_owned();
    assert_eq!(value_of, json!({"username": "dbt", "password": password}));
    assert_eq!(password.len(), 40);
    assert!(
        password
            .chars()
            .all(|c| c.is_ascii_alphanumeric() && !"0Oo1lI".contains(c))
    );
    let read = stack
        .provider
        .read(&made)
        .await
        .expect("reads")
        .expect("is there");
    let shown = format!("{:?} {:?} {:?}", made, read, stack.provider.messages());
    assert!(!shown.contains(&password));
    // As after a process that was killed before it could answer.
    let again = stack.provider.create(&made.urn, &made.inputs, false).await;
    assert_eq!(
        again.expect("creates").get("versionId"),
        made.get("versionId")
    );
    assert_eq!(value(&stack, &made.id), value_of);
}

/// A deleted secret is gone, yet its name is not free; AWS restores it with its value.
#[tokio::test]
async fn a_secret_that_waits_for_its_deletion_is_restored() {
    let stack = Stack::new("restored").await;
    let inputs = json!({"name": "master", "generate": {}, "recoveryWindowDays": 7});
    let made = stack.make(SECRET, "master", inputs.clone()).await;
    let before = value(&stack, &made.id);
    stack.provider.delete(&made).await.expect("deletes");
    stack.provider.delete(&made).await.expect("deletes again");
    assert!(stack.provider.read(&made).await.expect("reads").is_none());
    let again = stack.make(SECRET, "master", inputs).await;
    assert_eq!(again.get("arn"), made.get("arn"));
    assert_eq!(value(&stack, &made.id), before);
}
