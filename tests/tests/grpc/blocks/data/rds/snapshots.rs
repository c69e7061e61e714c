//! Databases that leave a snapshot, or are made from one.

use super::{INSTANCE, SECRET, database, master};
use serde_json::{Value as Json, json};
use tests::Stack;

#[tokio::test]
async fn a_database_leaves_a_snapshot_that_another_is_made_from() {
    let stack = Stack::new("snapshot").await;
    let first = database(
        &stack,
        json!({"dbName": "analytics", "allocatedStorage": 30}),
    )
    .await;
    stack.provider.delete(&first).await.expect("deletes");
    let found = stack
        .aws("rds", "describe_db_snapshots", &json!({}))
        .expect("lists");
    let found: Vec<_> = found["DBSnapshots"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    let [snapshot] = found.as_slice() else {
        panic!("there are {} snapshots", found.len());
    };
    let name = snapshot["DBSnapshotIdentifier"].as_str().expect("a name");
    assert!(name.starts_with(&format!("{}-final-", first.id)));
    let message = format!(
        "the final snapshot of the database {} is {name}; to restore it, give it as snapshotIdentifier",
        first.id
    );
    stack.provider.said(&message).await;

    let secret = master(&stack, "other").await;
    let inputs = json!({
        "instanceClass": "db.t4g.small",
        "masterUserSecretArn": secret.get("arn"),
        "snapshotIdentifier": name,
        "dbName": "analytics",
        "backupRetentionDays": 3,
        "skipFinalSnapshot": true,
    });
    let second = stack.make(INSTANCE, "restored", inputs).await;
    let found = stack.aws(
        "rds",
        "describe_db_instances",
        &json!({"DBInstanceIdentifier": second.id}),
    );
    let found = found.expect("is there")["DBInstances"][0].take();
    assert_eq!(
        (
            &found["AllocatedStorage"],
            &found["BackupRetentionPeriod"],
            &found["DBInstanceClass"]
        ),
        (&json!(30), &json!(3), &json!("db.t4g.small"))
    );
    // The tag is written after the password was set.
    let tags = found["TagList"].as_array().expect("a list");
    assert!(
        tags.contains(&json!({"Key": "dbt-aws:master-user-secret", "Value": secret.get("arn")}))
    );
    let news = stack
        .provider
        .check(&second.urn, &second.inputs, &second.inputs)
        .await;
    let diff = stack.provider.diff(&second, &news.expect("checks")).await;
    assert_eq!(diff.diffs, Vec::<String>::new());
    stack.provider.delete(&second).await.expect("deletes");
}

/// A snapshot decides who the master user is; what differs is refused before there is a database.
#[tokio::test]
async fn a_snapshot_that_does_not_fit_is_refused() {
    let stack = Stack::new("unfit").await;
    let first = database(&stack, json!({"finalSnapshotIdentifier": "unfit"})).await;
    stack.provider.delete(&first).await.expect("deletes");
    let other = json!({"generate": {"template": {"username": "other"}}});
    let other = stack.make(SECRET, "other", other).await;
    let cases = [
        (
            json!({"storageEncrypted": false, "masterUsername": "other"}),
            "could not restore the database {id}: the snapshot unfit differs in storageEncrypted, masterUsername; give the snapshot's values"
                .to_owned(),
        ),
        (
            json!({"masterUserSecretArn": other.get("arn")}),
            format!(
                "could not take the master password from the secret {}: its username is other, the database's is dbt",
                other.get("arn")
            ),
        ),
    ];
    for (more, reason) in cases {
        let mut inputs = json!({"instanceClass": "db.t4g.micro", "snapshotIdentifier": "unfit"});
        for (key, value) in more.as_object().expect("an object") {
            inputs[key] = value.clone();
        }
        let (urn, none) = (stack.urn(INSTANCE, "unfit"), tests::properties(&json!({})));
        let news = tests::properties(&inputs);
        let news = stack
            .provider
            .check(&urn, &none, &news)
            .await
            .expect("checks");
        let refused = stack.provider.create(&urn, &news, false).await;
        let id = news["identifier"].as_str().expect("a name");
        assert_eq!(
            refused.expect_err("refuses").message(),
            reason.replace("{id}", id)
        );
    }
    let found = stack.aws("rds", "describe_db_instances", &json!({}));
    let found = found.expect("lists")["DBInstances"].take();
    assert!(found.as_array().is_some_and(|all| {
        let mine = |item: &Json| item.to_string().contains("unfit-");
        !all.iter().any(mine)
    }));
}

/// What is broken can go, although AWS takes no snapshot of it.
#[tokio::test]
async fn a_failed_database_is_deleted_without_a_snapshot() {
    let stack = Stack::new("failed").await;
    let made = database(&stack, json!({})).await;
    let break_it = json!({"DBInstanceIdentifier": made.id, "ForceFailover": true});
    stack
        .aws("rds", "reboot_db_instance", &break_it)
        .expect("breaks");
    stack.provider.delete(&made).await.expect("deletes");
    let warning = format!(
        "AWS takes no snapshot of the database {} in the state failed: it is deleted without one",
        made.id
    );
    stack.provider.said(&warning).await;
}
