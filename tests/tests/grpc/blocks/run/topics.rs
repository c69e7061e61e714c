//! Topics of SNS and their subscriptions.

use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Marked, Stack, properties, shown};

const TOPIC: &str = "dbt-aws:sns:Topic";
const SUBSCRIPTION: &str = "dbt-aws:sns:Subscription";

/// The policy of a topic, unless it is AWS's own.
fn given(policy: &Json) -> Json {
    match policy.as_str() {
        Some(text) if !text.contains("__default_statement_ID") => policy.clone(),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn topic_lives() {
    let stack = Stack::new("topic").await;
    let arn = stack.arn("sns", "");
    let policy = |action: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": "*"},
        ]})
    };
    let by_hand = |path: &'static str, attribute: &str, value: &str| {
        let arguments =
            json!({"TopicArn": arn, "AttributeName": attribute, "AttributeValue": value});
        (path, Call::bare("sns", "set_topic_attributes", arguments))
    };
    let key = "arn:aws:kms:eu-west-1:123456789012:key/mine";
    stack
        .test(Block {
            token: TOPIC,
            updates: vec![
                json!({"displayName": "dbt of the shop"}),
                json!({"displayName": null}),
                json!({"policy": policy("sns:Publish")}),
                json!({"policy": policy("sns:*").to_string()}),
                json!({"policy": null}),
                json!({"kmsKeyArn": key}),
                json!({"kmsKeyArn": null}),
            ],
            replaces: vec![("name", json!("mine"))],
            by_hand: vec![
                by_hand("displayName", "DisplayName", "theirs"),
                by_hand("policy", "Policy", &policy("sns:*").to_string()),
                by_hand("kmsKeyArn", "KmsMasterKeyId", "alias/theirs"),
            ],
            listed: Call::new("sns", "list_topics", json!({}), "Topics[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "sns",
                "list_tags_for_resource",
                json!({"ResourceArn": arn}),
                "Tags",
            )),
            described: Some(Call::new(
                "sns",
                "get_topic_attributes",
                json!({"TopicArn": arn}),
                "Attributes",
            )),
            shows: vec![
                shown("name", "TopicArn")
                    .read(|arn| json!(arn.as_str().and_then(|arn| arn.rsplit(':').next()))),
                shown("displayName", "DisplayName"),
                shown("policy", "Policy").read(given),
                shown("kmsKeyArn", "KmsMasterKeyId"),
            ],
            anew: vec![
                json!({"name": "anew-0-mine", "kmsKeyArn": key, "policy": policy("sns:Publish")}),
            ],
            ..Block::default()
        })
        .await;
}

async fn arn_of(stack: &Stack, token: &str, name: &str) -> String {
    stack.make(token, name, json!({})).await.get("arn")
}

#[tokio::test]
async fn subscription_lives() {
    let stack = Stack::new("subscription").await;
    let topic = arn_of(&stack, TOPIC, "topic").await;
    let other = arn_of(&stack, TOPIC, "other").await;
    let queue = arn_of(&stack, "dbt-aws:sqs:Queue", "queue").await;
    let unnamed =
        "the call takes the ARN, which the id does not have: see a_subscription_is_as_it_is_said";
    stack
        .test(Block {
            token: SUBSCRIPTION,
            inputs: json!({"topicArn": topic, "protocol": "sqs", "endpoint": queue}),
            updates: vec![
                json!({"filterPolicy": {"schedule": ["nightly"]}}),
                json!({"filterPolicy": json!({"schedule": ["nightly", "hourly"]}).to_string()}),
                json!({"filterPolicy": null}),
                json!({"rawMessageDelivery": true}),
                json!({"deadLetterArn": queue}),
                json!({"deadLetterArn": null, "rawMessageDelivery": null}),
            ],
            replaces: vec![
                ("topicArn", json!(other)),
                (
                    "protocol",
                    json!({"protocol": "https", "endpoint": "https://example.com"}),
                ),
                ("endpoint", json!(format!("{queue}-other"))),
            ],
            steady: vec![
                ("filterPolicy", unnamed),
                ("rawMessageDelivery", unnamed),
                ("deadLetterArn", unnamed),
            ],
            listed: Call::new("sns", "list_subscriptions", json!({}), "Subscriptions[]"),
            mentions: Some("topic-".to_owned()),
            marked: Marked::Nowhere,
            shows: vec![
                shown("topicArn", "TopicArn"),
                shown("protocol", "Protocol"),
                shown("endpoint", "Endpoint"),
            ],
            unseen: vec![
                ("filterPolicy", unnamed),
                ("rawMessageDelivery", unnamed),
                ("deadLetterArn", unnamed),
            ],
            ..Block::default()
        })
        .await;
}

/// What AWS has of a subscription.
fn attributes(stack: &Stack, made: &Made) -> Json {
    let arguments = json!({"SubscriptionArn": made.get("subscriptionArn")});
    let found = stack.aws("sns", "get_subscription_attributes", &arguments);
    found.expect("answers")["Attributes"].take()
}

#[tokio::test]
async fn a_subscription_is_as_it_is_said() {
    let stack = Stack::new("said-subscription").await;
    let topic = arn_of(&stack, TOPIC, "topic").await;
    let queue = arn_of(&stack, "dbt-aws:sqs:Queue", "queue").await;
    let inputs = json!({
        "topicArn": topic, "protocol": "sqs", "endpoint": queue, "filterPolicy": {"schedule": ["nightly"]},
        "rawMessageDelivery": true, "deadLetterArn": queue,
    });
    let made = stack.make(SUBSCRIPTION, "made", inputs).await;
    let is_said = |made: &Made| {
        let found = attributes(&stack, made);
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("FilterPolicy"), r#"{"schedule":["nightly"]}"#);
        assert_eq!(text("RawMessageDelivery"), "true");
        assert_eq!(
            text("RedrivePolicy"),
            json!({"deadLetterTargetArn": queue}).to_string()
        );
    };
    is_said(&made);
    for (property, attribute, value) in [
        (
            "filterPolicy",
            "FilterPolicy",
            json!({"schedule": ["hourly"]}).to_string(),
        ),
        (
            "rawMessageDelivery",
            "RawMessageDelivery",
            "false".to_owned(),
        ),
        (
            "deadLetterArn",
            "RedrivePolicy",
            json!({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:1:theirs"}).to_string(),
        ),
    ] {
        let arguments = json!({
            "SubscriptionArn": made.get("subscriptionArn"), "AttributeName": attribute, "AttributeValue": value,
        });
        let set = stack.aws("sns", "set_subscription_attributes", &arguments);
        set.expect("sets");
        let found = stack.provider.read(&made).await.expect("reads");
        let found = found.expect("is there");
        let diff = stack.provider.diff(&found, &made.inputs).await;
        assert_eq!(diff.diffs, [property]);
        let repaired = stack.provider.update(&found, &made.inputs, false).await;
        is_said(&repaired.expect("updates"));
    }
    // By its ARN, or by what it is.
    let name = topic.rsplit(':').next().unwrap_or_default();
    for given in [made.get("subscriptionArn"), format!("{name}/sqs/{queue}")] {
        let urn = stack.urn(SUBSCRIPTION, "imported");
        let found = stack.provider.import(&urn, &given).await.expect("reads");
        assert_eq!(found.expect("is there").id, made.id);
    }
    stack.provider.delete(&made).await.expect("deletes");
}

/// It belongs to whoever made the topic.
#[tokio::test]
async fn a_subscription_of_others_is_left_alone() {
    let stack = Stack::new("foreign-subscription").await;
    let topic = stack.aws("sns", "create_topic", &json!({"Name": "theirs"}));
    let topic = topic.expect("makes")["TopicArn"].take();
    let queue = arn_of(&stack, "dbt-aws:sqs:Queue", "queue").await;
    let theirs = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue});
    stack.aws("sns", "subscribe", &theirs).expect("subscribes");
    let urn = stack.urn(SUBSCRIPTION, "mine");
    let inputs = json!({"topicArn": topic, "protocol": "sqs", "endpoint": queue});
    let none = properties(&json!({}));
    let inputs = stack
        .provider
        .check(&urn, &none, &properties(&inputs))
        .await;
    let refused = stack
        .provider
        .create(&urn, &inputs.expect("checks"), false)
        .await;
    let refused = refused.expect_err("refuses");
    let words = "it exists already and urn:pulumi:test::foreign-subscription::";
    assert!(refused.message().contains(words), "{}", refused.message());
}

#[tokio::test]
async fn an_address_confirms_its_subscription() {
    let stack = Stack::new("email").await;
    let topic = arn_of(&stack, TOPIC, "topic").await;
    let to = |address: &str| json!({"topicArn": topic, "protocol": "email", "endpoint": address});
    let made = stack
        .make(SUBSCRIPTION, "data", to("data@example.com"))
        .await;
    let pending = properties(&json!({"pending": true}));
    assert_eq!(made.outputs["pending"], pending["pending"]);
    assert!(!made.outputs.contains_key("subscriptionArn"));
    // Once more is the same.
    let urn = stack.urn(SUBSCRIPTION, "data");
    let again = stack.provider.create(&urn, &made.inputs, false).await;
    let again = again.expect("creates");
    assert_eq!(again.id, made.id);
    let made = again;
    let mut news = made.inputs.clone();
    news.extend(properties(
        &json!({"filterPolicy": {"schedule": ["nightly"]}}),
    ));
    let updated = stack.provider.update(&made, &news, false).await;
    let updated = updated.expect("updates");
    let read = stack
        .provider
        .read(&updated)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(
        (read.inputs, read.outputs),
        (updated.inputs.clone(), updated.outputs.clone())
    );
    let confirmed = json!({"TopicArn": topic, "Token": "data@example.com"});
    stack
        .aws("sns", "confirm_subscription", &confirmed)
        .expect("confirms");
    let read = stack
        .provider
        .read(&updated)
        .await
        .expect("reads")
        .expect("is there");
    let diff = stack.provider.diff(&read, &news).await;
    assert_eq!((diff.diffs, diff.replaces), (Vec::new(), Vec::new()));
    assert_eq!(read.id, made.id);
    assert_eq!(
        attributes(&stack, &read)["FilterPolicy"],
        r#"{"schedule":["nightly"]}"#
    );
    stack.provider.delete(&read).await.expect("deletes");
    assert!(stack.provider.read(&read).await.expect("reads").is_none());
    // AWS deletes none that is not confirmed.
    let never = stack
        .make(SUBSCRIPTION, "never", to("never@example.com"))
        .await;
    stack.provider.delete(&never).await.expect("leaves it");
    assert!(stack.provider.read(&never).await.expect("reads").is_some());
}
