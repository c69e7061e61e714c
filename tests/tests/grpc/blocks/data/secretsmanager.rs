//! Secrets.

use super::SECRET;
use serde_json::{Value as Json, json};
use tests::{Block, Call, Stack, shown};

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
            by_hand: vec![(
                "kmsKeyArn",
                Call::bare(
                    "secretsmanager",
                    "update_secret",
                    json!({"SecretId": "{id}", "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/theirs"}),
                ),
            )],
            steady: vec![
                ("description", "moto cannot take it away"),
                ("recoveryWindowDays", "AWS does not have it"),
            ],
            write_only: vec!["secretString", "recoveryWindowDays"],
            listed: Call::new("secretsmanager", "list_secrets", json!({}), "SecretList[]"),
            shows: vec![
                shown("name", "Name"),
                shown("description", "Description"),
                shown("kmsKeyArn", "KmsKeyId"),
                shown("secretString", "SecretString").by(Call::new(
                    "secretsmanager",
                    "get_secret_value",
                    json!({"SecretId": "{id}"}),
                    "",
                )),
            ],
            unseen: vec![
                ("recoveryWindowDays", "AWS does not have it"),
                ("generate", "AWS has the value only, which a test of its own looks at"),
            ],
            anew: vec![json!({"name": "mine"})],
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

/// Its name is taken as long as it can be restored.
#[tokio::test]
async fn a_secret_of_others_that_waits_for_its_deletion_is_told() {
    let stack = Stack::new("scheduled").await;
    let theirs = json!({"Name": "team/x", "SecretString": "x"});
    stack
        .aws("secretsmanager", "create_secret", &theirs)
        .expect("makes");
    let delete = json!({"SecretId": "team/x", "RecoveryWindowInDays": 7});
    stack
        .aws("secretsmanager", "delete_secret", &delete)
        .expect("deletes");
    let (urn, none) = (stack.urn(SECRET, "mine"), tests::properties(&json!({})));
    let inputs = tests::properties(&json!({"name": "team/x"}));
    let inputs = stack.provider.check(&urn, &none, &inputs).await;
    let refused = stack
        .provider
        .create(&urn, &inputs.expect("checks"), false)
        .await;
    assert_eq!(
        refused.expect_err("refuses").message(),
        "could not create the secret team/x: a secret of this name is scheduled for deletion; restore it with `aws \
         secretsmanager restore-secret --secret-id team/x` and take it over with `pulumi import`, delete it at once with \
         `aws secretsmanager delete-secret --force-delete-without-recovery --secret-id team/x`, wait, or choose another \
         name"
    );
    let refused = stack.provider.import(&urn, "team/x").await;
    assert_eq!(
        refused.expect_err("refuses").message(),
        "could not import the secret team/x: it is scheduled for deletion; restore it first, with `aws secretsmanager \
         restore-secret --secret-id team/x`"
    );
}
