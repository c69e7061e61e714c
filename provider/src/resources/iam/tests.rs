use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_roles_are_refused() {
    let trust = json!({"statements": [
        {"effect": "Allow", "actions": ["sts:AssumeRole"], "principals": {"Service": ["ecs-tasks.amazonaws.com"]}},
    ]});
    let role = |over: Json| merged(json!({"assumeRolePolicy": trust}), &over);
    let statement = |over: Json| {
        let statement = json!({"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]});
        role(json!({"inlinePolicies": {"dbt": {"statements": [merged(statement, &over)]}}}))
    };
    let rows = [
        (
            statement(json!({"conditions": {"Null": {}}})),
            "inlinePolicies.dbt.statements[0].conditions: Null has no keys, or only keys that are null; give each a text, such as \"true\"",
        ),
        (
            statement(json!({"conditions": {"Null": {"aws:TokenIssueTime": null}}})),
            "inlinePolicies.dbt.statements[0].conditions: Null.aws:TokenIssueTime is null; give it a text, such as \"true\"",
        ),
        (
            json!({"assumeRolePolicy": {"statements": []}}),
            "assumeRolePolicy.statements: needs at least one statement",
        ),
        (
            role(json!({"name": "a b"})),
            "name: ' ' cannot be in a name; use letters, digits and \"+=,.@-_\"",
        ),
        (
            role(json!({"path": "dbt"})),
            "path: \"dbt\" must begin and end with /, such as /analytics/",
        ),
        (
            role(json!({"maxSessionDuration": 60})),
            "maxSessionDuration: must be 3600 to 43200, not 60",
        ),
        (
            role(json!({"description": "x".repeat(1001)})),
            "description: has 1001 characters; at most 1000 are allowed",
        ),
        (
            role(json!({"description": "runs dbt – at night"})),
            "description: contains '–'; IAM allows only Latin-1 characters (Western European letters)",
        ),
        (
            role(json!({"managedPolicyArns": ["ReadOnlyAccess"]})),
            "managedPolicyArns: \"ReadOnlyAccess\" is not an ARN such as arn:aws:iam::111122223333:policy/...",
        ),
        (
            statement(json!({"actions": ["GetObject"]})),
            "inlinePolicies.dbt.statements[0].actions: \"GetObject\" is not an action such as s3:GetObject",
        ),
        (
            statement(json!({"resources": null})),
            "inlinePolicies.dbt.statements[0].resources: give exactly one of resources, notResources",
        ),
        (
            statement(json!({"efect": "Allow"})),
            "inlinePolicies.dbt.statements[0].efect: is not a property here; did you mean effect?",
        ),
    ];
    refuses("dbt-aws:iam:Role", &rows);
}
