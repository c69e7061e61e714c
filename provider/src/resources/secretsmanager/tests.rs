use crate::resources::refusals::refuses;
use serde_json::json;

#[test]
fn wrong_inputs_of_secrets_are_refused() {
    let rows = [
        (
            json!({"description": "x".repeat(2049)}),
            "description: has 2049 characters; at most 2048 are allowed",
        ),
        (
            json!({"name": "a b"}),
            "name: ' ' cannot be in a name; use letters, digits and \"/_+=.@-\"",
        ),
        (
            json!({"recoveryWindowDays": 3}),
            "recoveryWindowDays: must be 0, or 7 to 30, not 3",
        ),
        (
            json!({"secretString": "x", "generate": {}}),
            "generate: give only one of secretString, generate",
        ),
        (
            json!({"secretString": ""}),
            "secretString: must not be empty",
        ),
        (
            json!({"generate": {"length": 7}}),
            "generate.length: must be 8 to 1024, not 7",
        ),
        (
            json!({"generate": {"excludeCharacters": "0123456789"}}),
            "generate.excludeCharacters: excludes too much; leave a lower-case letter, a capital letter and a digit",
        ),
        (
            json!({"generate": {"template": {"password": "x"}}}),
            "generate.template: has the key \"password\", which is where the password goes; rename it, or set generate.key",
        ),
        (
            json!({"generate": {"template": [1]}}),
            "generate.template: must be an object",
        ),
    ];
    refuses("dbt-aws:secretsmanager:Secret", &rows);
}
