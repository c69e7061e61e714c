use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_tables_are_refused() {
    let with = |over: Json| merged(json!({"hashKey": "pk"}), &over);
    let long = "x".repeat(256);
    let rows = [
        (
            with(json!({"name": "ab"})),
            "name: must have 3 to 255 characters, not 2",
        ),
        (
            with(json!({"name": "dbt runs"})),
            "name: ' ' cannot be in a name; use letters, digits and \"_-.\"",
        ),
        (json!({}), "hashKey: is required"),
        (
            with(json!({"hashKey": ""})),
            "hashKey: must have 1 to 255 characters, not 0",
        ),
        (
            with(json!({"rangeKey": long})),
            "rangeKey: must have 1 to 255 characters, not 256",
        ),
        (
            with(json!({"rangeKey": "pk"})),
            "rangeKey: must be another attribute than hashKey",
        ),
        (
            with(json!({"ttlAttribute": ""})),
            "ttlAttribute: must have 1 to 255 characters, not 0",
        ),
        (
            with(json!({"rangeKey": "sk", "ttlAttribute": "sk"})),
            "ttlAttribute: is a key, which is text; DynamoDB deletes by an attribute that is a number",
        ),
        (
            with(json!({"kmsKeyArn": "alias/mine"})),
            "kmsKeyArn: \"alias/mine\" is an alias; give the ARN of the key that the alias refers to",
        ),
    ];
    refuses("dbt-aws:dynamodb:Table", &rows);
}
