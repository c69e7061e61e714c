use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_topics_are_refused() {
    let rows = [
        (
            json!({"name": "dbt.failures"}),
            "name: '.' cannot be in a name; use letters, digits and \"-_\"",
        ),
        (
            json!({"name": "failures.fifo"}),
            "name: FIFO topics are not supported; leave out .fifo",
        ),
        (
            json!({"displayName": "x".repeat(101)}),
            "displayName: must have 1 to 100 characters, not 101",
        ),
        (
            json!({"displayName": ""}),
            "displayName: must have 1 to 100 characters, not 0",
        ),
        (
            json!({"policy": "{"}),
            "policy: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            json!({"kmsKeyArn": "alias/mine"}),
            "kmsKeyArn: \"alias/mine\" is not an ARN such as arn:aws:kms:eu-west-1:111122223333:key/...",
        ),
    ];
    refuses("dbt-aws:sns:Topic", &rows);
}

#[test]
fn wrong_inputs_of_subscriptions_are_refused() {
    let with = |over: Json| {
        let topic = "arn:aws:sns:eu-west-1:123456789012:failures";
        let base = json!({"topicArn": topic, "protocol": "email", "endpoint": "data@example.com"});
        merged(base, &over)
    };
    let to =
        |protocol: &str, endpoint: &str| with(json!({"protocol": protocol, "endpoint": endpoint}));
    let many: serde_json::Map<_, _> = (0..6).map(|i| (format!("k{i}"), json!(["v"]))).collect();
    let rows = [
        (
            with(json!({"topicArn": "failures"})),
            "topicArn: \"failures\" is not an ARN such as arn:aws:sns:eu-west-1:111122223333:...",
        ),
        (
            to("http", "http://example.com"),
            "protocol: \"http\" is not one of email, lambda, sqs, https",
        ),
        (
            to("email", "data"),
            "endpoint: \"data\" is not an address such as data@example.com",
        ),
        (
            to("email", "data@example.com, me@example.com"),
            "endpoint: \"data@example.com, me@example.com\" is not an address such as data@example.com",
        ),
        (
            to("lambda", "notify"),
            "endpoint: \"notify\" is not an ARN such as arn:aws:lambda:eu-west-1:111122223333:function:...",
        ),
        (
            to("sqs", "https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
            "endpoint: \"https://sqs.eu-west-1.amazonaws.com/123456789012/q\" is not an ARN such as arn:aws:sqs:eu-west-1:111122223333:...",
        ),
        (
            to("https", "http://example.com"),
            "endpoint: \"http://example.com\" is not a URL such as https://example.com/dbt",
        ),
        (
            with(json!({"filterPolicy": {}})),
            "filterPolicy: must be an object such as {\"schedule\": [\"nightly\"]}",
        ),
        (
            with(json!({"filterPolicy": {"schedule": "nightly"}})),
            "filterPolicy: schedule must be a list with at least one value",
        ),
        (
            with(json!({"filterPolicy": many})),
            "filterPolicy: has 6 attributes; at most 5 are allowed",
        ),
        (
            with(json!({"rawMessageDelivery": true})),
            "rawMessageDelivery: is only for the protocols sqs and https",
        ),
        (
            with(json!({"deadLetterArn": "q"})),
            "deadLetterArn: \"q\" is not an ARN such as arn:aws:sqs:eu-west-1:111122223333:...",
        ),
    ];
    refuses("dbt-aws:sns:Subscription", &rows);
}
