use crate::resources::refusals::refuses;
use serde_json::json;

#[test]
fn wrong_inputs_of_queues_are_refused() {
    let long = "x".repeat(81);
    let rows = [
        (
            json!({"name": "mine.fifo"}),
            "name: FIFO queues are not supported; leave out .fifo",
        ),
        (
            json!({"name": long}),
            "name: must have 1 to 80 characters, not 81",
        ),
        (
            json!({"messageRetentionSeconds": 59}),
            "messageRetentionSeconds: must be 60 to 1209600, not 59",
        ),
        (
            json!({"visibilityTimeoutSeconds": 43_201}),
            "visibilityTimeoutSeconds: must be 0 to 43200, not 43201",
        ),
        (
            json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:alias/mine", "sqsManagedSse": true}),
            "sqsManagedSse: give only one of kmsKeyArn, sqsManagedSse",
        ),
        (
            json!({"kmsKeyArn": "alias/mine"}),
            "kmsKeyArn: \"alias/mine\" is not an ARN such as arn:aws:kms:eu-west-1:111122223333:key/...",
        ),
        (
            json!({"redrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:q", "maxReceiveCount": 0}}),
            "redrivePolicy.maxReceiveCount: must be 1 to 1000, not 0",
        ),
        (
            json!({"policy": "{"}),
            "policy: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
    ];
    refuses("dbt-aws:sqs:Queue", &rows);
}
