use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_rules_are_refused() {
    let with = |over: Json| {
        let base = json!({"eventPattern": {"source": ["dbt-aws"]}, "targets": []});
        merged(base, &over)
    };
    let target = |over: Json| {
        let base = json!({"arn": "arn:aws:sns:eu-west-1:123456789012:alarms"});
        with(json!({"targets": [merged(base, &over)]}))
    };
    let transformer = |over: Json| {
        target(
            json!({"inputTransformer": merged(json!({"template": "<id>", "paths": {"id": "$.id"}}), &over)}),
        )
    };
    let long = "x".repeat(8_193);
    let many: Vec<_> = (0..6)
        .map(|i| json!({"arn": format!("arn:aws:sqs:eu-west-1:123456789012:q{i}")}))
        .collect();
    let rows = [
        (
            with(json!({"name": "dbt failures"})),
            "name: ' ' cannot be in a name; use letters, digits and \"-_.\"",
        ),
        (
            with(json!({"description": "x".repeat(513)})),
            "description: must have at most 512 characters, not 513",
        ),
        (
            with(json!({"eventPattern": null})),
            "eventPattern: give at least one of eventPattern, scheduleExpression",
        ),
        (
            with(json!({"eventPattern": {}})),
            "eventPattern: must be an object such as {\"source\": [\"aws.states\"]}",
        ),
        (
            with(json!({"eventPattern": {"detail": {"status": "FAILED"}}})),
            "eventPattern: detail.status must be a list such as [\"FAILED\"]",
        ),
        (
            with(json!({"eventPattern": {"source": []}})),
            "eventPattern: source is empty; list the values that count",
        ),
        (
            with(json!({"eventPattern": {"$or": ["x"]}})),
            "eventPattern: [\"$or\"] must be a list of objects",
        ),
        (
            with(json!({"eventPattern": {"source": ["x".repeat(2_048)]}})),
            "eventPattern: has 2063 characters; at most 2048 are allowed",
        ),
        (
            with(json!({"scheduleExpression": "at(2026-01-31T06:30:00)"})),
            "scheduleExpression: a rule has no single times; use cron(...) or rate(...), or a dbt-aws:scheduler:Schedule",
        ),
        (
            with(json!({"targets": many})),
            "targets: has 6 targets; AWS takes 5 for a rule: make another rule for the others",
        ),
        (
            target(json!({"arn": "alarms"})),
            "targets[0].arn: \"alarms\" is not an ARN such as arn:aws:states:eu-west-1:111122223333:stateMachine:...",
        ),
        (
            target(json!({"id": ""})),
            "targets[0].id: must have 1 to 64 characters, not 0",
        ),
        (
            with(json!({"targets": [
                {"id": "a", "arn": "arn:aws:sns:eu-west-1:123456789012:a"},
                {"id": "a", "arn": "arn:aws:sns:eu-west-1:123456789012:b"},
            ]})),
            "targets[1].id: another target has the id a; give each its own",
        ),
        (
            target(json!({"arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:finish"})),
            "targets[0].roleArn: is required: EventBridge starts a state machine with a role",
        ),
        (
            target(json!({"roleArn": "finish"})),
            "targets[0].roleArn: \"finish\" is not an ARN such as arn:aws:iam::111122223333:role/...",
        ),
        (
            target(json!({"input": {"text": long}})),
            "targets[0].input: has 8204 characters; at most 8192 are allowed",
        ),
        (
            target(json!({"input": {}, "inputTransformer": {"template": "\"x\""}})),
            "targets[0].inputTransformer: give only one of input, inputTransformer",
        ),
        (
            transformer(json!({"template": long})),
            "targets[0].inputTransformer.template: must have 1 to 8192 characters, not 8193",
        ),
        (
            transformer(json!({"template": "run <id>"})),
            "targets[0].inputTransformer.template: is neither JSON nor text in double quotes once its placeholders stand for values: expected value at line 1 column 1; quote each line of text, such as \"\\\"dbt failed: <reason>\\\"\"",
        ),
        (
            transformer(json!({"paths": {"AWSid": "$.id"}})),
            "targets[0].inputTransformer.paths: \"AWSid\" must have 1 to 256 letters, digits, _ and -, and not begin with AWS",
        ),
        (
            transformer(json!({"paths": {"id": "detail.id"}})),
            "targets[0].inputTransformer.paths: id must be a path such as $.detail.status, of at most 256 characters, not \"detail.id\"",
        ),
        (
            target(json!({"deadLetterArn": "arn:aws:sns:eu-west-1:123456789012:a"})),
            "targets[0].deadLetterArn: \"arn:aws:sns:eu-west-1:123456789012:a\" is not an ARN such as arn:aws:sqs:eu-west-1:111122223333:...",
        ),
        (
            target(json!({"maximumRetryAttempts": 186})),
            "targets[0].maximumRetryAttempts: must be 0 to 185, not 186",
        ),
        (
            target(json!({"maximumEventAgeSeconds": 59})),
            "targets[0].maximumEventAgeSeconds: must be 60 to 86400, not 59",
        ),
    ];
    refuses("dbt-aws:events:Rule", &rows);
}
