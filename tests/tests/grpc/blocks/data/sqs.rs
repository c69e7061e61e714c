//! Queues.

use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, shown};

fn as_it_was_put(policy: &Json) -> Json {
    let text = policy.as_str().unwrap_or_default();
    let text = text.replace("arn:aws:iam::123456789012:root", "123456789012");
    json!(text.replace(r#""Version": "2008-10-17", "#, ""))
}

/// It is on unless there is a key, where nobody says otherwise.
fn managed_sse(attributes: &Json) -> Json {
    let default = attributes["KmsMasterKeyId"].is_null().to_string();
    let on = &attributes["SqsManagedSseEnabled"];
    if *on == *default {
        Json::Null
    } else {
        on.clone()
    }
}

#[tokio::test]
async fn queue_lives() {
    let stack = Stack::new("queue").await;
    let dead = stack.make("dbt-aws:sqs:Queue", "dead", json!({})).await;
    let policy = |action: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": "*"},
        ]})
    };
    // SQS answers with its account's ARN and a version.
    let theirs = json!({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sqs:SendMessage", "Resource": "*"},
    ]});
    let by_hand = |path: &'static str, attributes: serde_json::Value| {
        let arguments = json!({"QueueUrl": "{id}", "Attributes": attributes});
        (path, Call::bare("sqs", "set_queue_attributes", arguments))
    };
    let open = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"},
    ]});
    let redrive = json!({"deadLetterTargetArn": dead.get("arn"), "maxReceiveCount": 1});
    stack
        .test(Block {
            token: "dbt-aws:sqs:Queue",
            inputs: json!({"messageRetentionSeconds": 1_209_600}),
            updates: vec![
                json!({"visibilityTimeoutSeconds": 120}),
                json!({"messageRetentionSeconds": null}),
                json!({"policy": policy("sqs:SendMessage")}),
                json!({"policy": policy("sqs:*").to_string()}),
                json!({"policy": theirs}),
                json!({"policy": null}),
                json!({"redrivePolicy": {"deadLetterTargetArn": dead.get("arn"), "maxReceiveCount": 5}}),
                json!({"redrivePolicy": {"deadLetterTargetArn": dead.get("arn"), "maxReceiveCount": 6}}),
                json!({"sqsManagedSse": false}),
                json!({"sqsManagedSse": null, "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
            ],
            replaces: vec![("name", json!("mine"))],
            by_hand: vec![
                by_hand("messageRetentionSeconds", json!({"MessageRetentionPeriod": "60"})),
                by_hand("visibilityTimeoutSeconds", json!({"VisibilityTimeout": "0"})),
                by_hand("sqsManagedSse", json!({"SqsManagedSseEnabled": "false"})),
                by_hand("kmsKeyArn", json!({"KmsMasterKeyId": "alias/theirs", "SqsManagedSseEnabled": "false"})),
                by_hand("policy", json!({"Policy": open.to_string()})),
                by_hand("redrivePolicy", json!({"RedrivePolicy": redrive.to_string()})),
            ],
            listed: Call::new("sqs", "list_queues", json!({}), "QueueUrls[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "sqs",
                "list_queue_tags",
                json!({"QueueUrl": "{id}"}),
                "Tags",
            )),
            described: Some(Call::new(
                "sqs",
                "get_queue_attributes",
                json!({"QueueUrl": "{id}", "AttributeNames": ["All"]}),
                "Attributes",
            )),
            shows: vec![
                shown("name", "QueueArn").read(|arn| json!(arn.as_str().and_then(|arn| arn.rsplit(':').next()))),
                shown("messageRetentionSeconds", "MessageRetentionPeriod"),
                shown("visibilityTimeoutSeconds", "VisibilityTimeout"),
                shown("sqsManagedSse", "").read(managed_sse),
                shown("kmsKeyArn", "KmsMasterKeyId"),
                shown("policy", "Policy").read(as_it_was_put),
                shown("redrivePolicy", "RedrivePolicy"),
            ],
            anew: vec![json!({"name": "anew-0-mine"})],
..Block::default()
        })
        .await;
}
