//! Log groups.

use serde_json::json;
use tests::{Block, Call, Marked, Stack, shown};

#[tokio::test]
async fn log_group_lives() {
    let stack = Stack::new("log-group").await;
    let arn = stack.arn("logs", "log-group:");
    stack
        .test(Block {
            token: "dbt-aws:logs:LogGroup",
            inputs: json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
            updates: vec![
                json!({"retentionDays": 30}),
                json!({"retentionDays": 3653}),
                json!({"retentionDays": null}),
            ],
            replaces: vec![("name", json!("/dbt/mine"))],
            unchanged: vec![("kmsKeyArn", "moto cannot change it")],
            by_hand: vec![(
                "retentionDays",
                Call::bare(
                    "logs",
                    "put_retention_policy",
                    json!({"logGroupName": "{id}", "retentionInDays": 1}),
                ),
            )],
            steady: vec![("kmsKeyArn", "moto cannot change it")],
            listed: Call::new("logs", "describe_log_groups", json!({}), "logGroups[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "logs",
                "list_tags_for_resource",
                json!({"resourceArn": arn}),
                "tags",
            )),
            shows: vec![
                shown("name", "logGroupName"),
                shown("retentionDays", "retentionInDays"),
                shown("kmsKeyArn", "kmsKeyId"),
            ],
            anew: vec![json!({"name": "/dbt/anew-0-mine"})],
            ..Block::default()
        })
        .await;
}
