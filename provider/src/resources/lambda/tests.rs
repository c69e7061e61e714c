use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_functions_are_refused() {
    let with = |over: Json| {
        let base = json!({
            "runtime": "python3.13", "handler": "main.handler", "code": {"main.py": "pass"},
            "roleArn": "arn:aws:iam::123456789012:role/function",
        });
        merged(base, &over)
    };
    let invoker = |over: Json| {
        let base = json!({"service": "sns.amazonaws.com", "sourceArn": "arn:aws:sns:eu-west-1:123456789012:t"});
        with(json!({"invokedBy": [merged(base, &over)]}))
    };
    let rows = [
        (
            with(json!({"name": "dbt.webhooks"})),
            "name: '.' cannot be in a name; use letters, digits and \"-_\"",
        ),
        (
            with(json!({"description": "x".repeat(257)})),
            "description: must have at most 256 characters, not 257",
        ),
        (
            with(json!({"runtime": "python2.7"})),
            "runtime: \"python2.7\" is not one of python3.12, python3.13, python3.14, nodejs22.x, nodejs24.x, ruby3.4",
        ),
        (
            with(json!({"handler": "main handler"})),
            "handler: \"main handler\" is not a handler such as main.handler, of at most 128 characters",
        ),
        (
            with(json!({"code": {}})),
            "code: has no file; give at least the one that the handler names",
        ),
        (
            with(json!({"code": {"../main.py": "pass"}})),
            "code: \"../main.py\" is not the path of a file such as src/main.py, of at most 200 letters, digits and \"-_./\"",
        ),
        (
            with(json!({"code": {"a": "", "a/b.py": ""}})),
            "code: \"a\" is a file, and the folder of another",
        ),
        (
            with(json!({"code": {"main.py": "x".repeat(1_048_577)}})),
            "code: has 1048577 bytes; at most 1048576 are allowed",
        ),
        (
            with(
                json!({"code": (0..101).map(|i| (format!("{i}.py"), json!(""))).collect::<serde_json::Map<_, _>>()}),
            ),
            "code: has 101 files; at most 100 are allowed",
        ),
        (
            with(json!({"roleArn": "function"})),
            "roleArn: \"function\" is not an ARN such as arn:aws:iam::111122223333:role/...",
        ),
        (
            with(json!({"environment": {"2X": "1"}})),
            "environment: \"2X\" must begin with a letter and have at least two letters, digits and _",
        ),
        (
            with(json!({"environment": {"AWS_REGION": "1"}})),
            "environment: AWS_REGION is set by Lambda; choose another name",
        ),
        (
            with(json!({"environment": {"TEXT": "x".repeat(4_096)}})),
            "environment: has 4107 bytes as JSON; at most 4096 are allowed",
        ),
        (
            with(json!({"timeoutSeconds": 901})),
            "timeoutSeconds: must be 1 to 900, not 901",
        ),
        (
            with(json!({"memory": 127})),
            "memory: must be 128 to 10240, not 127",
        ),
        (
            with(json!({"logGroupName": "dbt logs"})),
            "logGroupName: ' ' cannot be in a name; use letters, digits and \"-_/.#\"",
        ),
        (
            with(json!({"deadLetterArn": "arn:aws:s3:::lake"})),
            "deadLetterArn: \"arn:aws:s3:::lake\" is not the ARN of a queue or a topic such as arn:aws:sqs:eu-west-1:111122223333:...",
        ),
        (
            with(json!({"maximumRetryAttempts": 3})),
            "maximumRetryAttempts: must be 0 to 2, not 3",
        ),
        (
            with(json!({"maximumEventAgeSeconds": 59})),
            "maximumEventAgeSeconds: must be 60 to 21600, not 59",
        ),
        (
            invoker(json!({"service": "sns"})),
            "invokedBy[0].service: \"sns\" is not a service such as sns.amazonaws.com",
        ),
        (
            invoker(json!({"sourceArn": "arn:aws:sns:eu-west-1:123456789012:*"})),
            "invokedBy[0].sourceArn: \"arn:aws:sns:eu-west-1:123456789012:*\" is not the ARN of one object such as arn:aws:sns:eu-west-1:111122223333:...",
        ),
    ];
    refuses("dbt-aws:lambda:Function", &rows);
}
