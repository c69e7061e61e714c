//! Tables.

use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, properties, shown};

const TABLE: &str = "dbt-aws:dynamodb:Table";

/// The attribute by which items are deleted, of what describes that.
fn expiry(described: &Json) -> Json {
    match described["TimeToLiveStatus"].as_str() {
        Some("ENABLED") => described["AttributeName"].clone(),
        _ => Json::Null,
    }
}

fn key(schema: &Json, kind: &str) -> Json {
    let mut keys = schema.as_array().into_iter().flatten();
    let key = keys.find(|key| key["KeyType"] == kind);
    key.map_or(Json::Null, |key| key["AttributeName"].clone())
}

#[tokio::test]
async fn table_lives() {
    let stack = Stack::new("table").await;
    let of_table =
        |operation, items| Call::new("dynamodb", operation, json!({"TableName": "{id}"}), items);
    stack
        .test(Block {
            token: TABLE,
            inputs: json!({"hashKey": "pk", "rangeKey": "sk"}),
            updates: vec![
                json!({"ttlAttribute": "expires"}),
                json!({"ttlAttribute": "gone"}),
                json!({"ttlAttribute": null}),
                json!({"pointInTimeRecovery": true}),
                json!({"pointInTimeRecovery": null, "ttlAttribute": "expires"}),
                json!({"deletionProtection": true}),
                json!({"deletionProtection": null}),
            ],
            replaces: vec![
                ("name", json!("mine")),
                ("hashKey", json!("id")),
                ("rangeKey", json!("time")),
            ],
            by_hand: vec![
                (
                    "ttlAttribute",
                    Call::bare(
                        "dynamodb",
                        "update_time_to_live",
                        json!({"TableName": "{id}", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "theirs"}}),
                    ),
                ),
                (
                    "pointInTimeRecovery",
                    Call::bare(
                        "dynamodb",
                        "update_continuous_backups",
                        json!({"TableName": "{id}", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}}),
                    ),
                ),
                (
                    "deletionProtection",
                    Call::bare(
                        "dynamodb",
                        "update_table",
                        json!({"TableName": "{id}", "DeletionProtectionEnabled": true}),
                    ),
                ),
            ],
            steady: vec![("kmsKeyArn", "moto cannot change it")],
            unchanged: vec![("kmsKeyArn", "moto cannot change it")],
            listed: Call::new("dynamodb", "list_tables", json!({}), "TableNames[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "dynamodb",
                "list_tags_of_resource",
                json!({"ResourceArn": stack.arn("dynamodb", "table/")}),
                "Tags",
            )),
            described: Some(of_table("describe_table", "Table")),
            shows: vec![
                shown("name", "TableName"),
                shown("hashKey", "KeySchema").read(|schema| key(schema, "HASH")),
                shown("rangeKey", "KeySchema").read(|schema| key(schema, "RANGE")),
                shown("ttlAttribute", "")
                    .by(of_table("describe_time_to_live", "TimeToLiveDescription"))
                    .read(expiry),
                shown("pointInTimeRecovery", "PointInTimeRecoveryDescription.PointInTimeRecoveryStatus")
                    .by(of_table("describe_continuous_backups", "ContinuousBackupsDescription"))
                    .read(|status| json!(status == "ENABLED")),
                shown("deletionProtection", "DeletionProtectionEnabled"),
                shown("kmsKeyArn", "SSEDescription.KMSMasterKeyArn"),
            ],
            anew: vec![json!({
                "name": "anew-0-mine", "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine", "ttlAttribute": "expires",
                "pointInTimeRecovery": true,
            })],
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn a_protected_table_is_not_deleted() {
    let stack = Stack::new("protected-table").await;
    let inputs = json!({"hashKey": "pk", "deletionProtection": true});
    let table = stack.make(TABLE, "runs", inputs).await;
    let refused = stack.provider.delete(&table).await.expect_err("refuses");
    assert_eq!(
        refused.message(),
        format!(
            "could not delete the table {}: it is protected; set deletionProtection to false and run `pulumi up` first",
            table.id
        )
    );
    let mut news = table.inputs.clone();
    news.extend(properties(&json!({"deletionProtection": false})));
    let updated = stack.provider.update(&table, &news, false).await;
    let updated = updated.expect("updates");
    stack.provider.delete(&updated).await.expect("deletes");
}

/// A table that is being deleted keeps its name for a while.
#[tokio::test]
async fn a_table_waits_for_its_name() {
    let stack = Stack::new("table-name").await;
    let inputs = json!({"hashKey": "pk", "name": "held"});
    let first = stack.make(TABLE, "first", inputs.clone()).await;
    let held = json!({"TableName": "held"});
    stack
        .aws("dynamodb", "delete_table", &held)
        .expect("deletes");
    let second = stack.make(TABLE, "second", inputs).await;
    assert_eq!(first.id, second.id);
    stack.provider.delete(&second).await.expect("deletes");
}

#[tokio::test]
async fn a_ttl_attribute_that_changes_too_soon_says_when_to_try_again() {
    let stack = Stack::new("ttl").await;
    let inputs = json!({"hashKey": "pk", "ttlAttribute": "expires"});
    let table = stack.make(TABLE, "hourly", inputs).await;
    let mut news = table.inputs.clone();
    news.extend(properties(&json!({"ttlAttribute": "gone"})));
    let refused = stack.provider.update(&table, &news, false).await;
    let refused = refused.expect_err("refuses");
    let message = refused.message();
    let begins = format!(
        "could not take the TTL attribute expires from the table {}: AWS takes one change of it an hour; run `pulumi up` \
         again after ",
        table.id
    );
    assert!(
        message.starts_with(&begins) && message.contains(" UTC"),
        "{message}"
    );
    stack.provider.delete(&table).await.expect("deletes");
}
