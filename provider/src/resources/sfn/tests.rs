use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_state_machines_are_refused() {
    let machine = |over: Json| {
        merged(
            json!({"roleArn": "arn:aws:iam::123456789012:role/r"}),
            &over,
        )
    };
    let rows = [
        (
            machine(json!({"definition": {"StartAt": "A", "States": {"B": {"Type": "Succeed"}}}})),
            "definition.StartAt: \"A\" is not one of these states",
        ),
        (
            machine(json!({"definition": "{"})),
            "definition: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            machine(
                json!({"definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "logging": {"level": "ALL"}}),
            ),
            "logging.logGroupArn: is required unless the level is OFF",
        ),
        (
            machine(json!({"definition": {"StartAt": "A", "States": {"A": {
                "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true,
                "Parameters": {"ids": [1, 9_007_199_254_740_993_u64]},
            }}}})),
            "definition.States.A.Parameters.ids[1]: 9007199254740992 may have lost digits: Pulumi has whole numbers up to \
             9007199254740991; give it as text, or all of definition as JSON text",
        ),
    ];
    refuses("dbt-aws:sfn:StateMachine", &rows);
}

#[test]
fn wrong_dbt_runs_are_refused() {
    let ecs = "arn:aws:ecs:eu-west-1:123456789012";
    let run = json!({
        "clusterArn": format!("{ecs}:cluster/data"), "taskDefinitionArn": format!("{ecs}:task-definition/shop"),
        "subnetIds": ["subnet-0a"], "securityGroupIds": ["sg-0a"], "artifactsBucket": "lake",
        "artifactsPrefix": "shop/prod", "logGroupName": "/dbt/data", "logStreamPrefix": "shop",
        "timeoutMinutes": 60, "overrides": "all", "tableName": "runs", "retry": {},
        "finishArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:finish",
        "topicArn": "arn:aws:sns:eu-west-1:123456789012:shop",
        "notify": {"emails": false, "topicArns": [], "on": ["failure"]},
    });
    let machine = |more: Json| {
        let role = "arn:aws:iam::123456789012:role/r";
        merged(json!({"dbtRun": run, "roleArn": role}), &more)
    };
    let other = |over: Json| machine(json!({"dbtRun": merged(run.clone(), &over)}));
    let revision = format!("{ecs}:task-definition/shop:3");
    let rows = [
        (
            other(json!({"overrides": "some"})),
            "dbtRun.overrides: \"some\" is not one of all, commands, none",
        ),
        (
            other(json!({"timeoutMinutes": 0})),
            "dbtRun.timeoutMinutes: must be 1 to 10080, not 0",
        ),
        (
            other(json!({"subnetIds": []})),
            "dbtRun.subnetIds: must be 1 to 16 subnets, not 0",
        ),
        (
            other(json!({"artifactsPrefix": "{% $uuid() %}"})),
            "dbtRun.artifactsPrefix: \"{% $uuid() %}\" begins with {%: Step Functions would evaluate it",
        ),
        (
            other(json!({"definitionDigest": "a"})),
            "dbtRun.definitionDigest: is filled in by the provider; leave it out",
        ),
        (
            other(json!({"taskDefinitionArn": revision})),
            &format!(
                "dbtRun.taskDefinitionArn: {revision:?} names one revision; end it with shop, so that a run uses the newest"
            ),
        ),
        (
            machine(json!({"type": "EXPRESS"})),
            "type: must be STANDARD with dbtRun: an express machine cannot wait for a task",
        ),
        (
            machine(
                json!({"definition": {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}}),
            ),
            "dbtRun: give only one of definition, dbtRun",
        ),
    ];
    refuses("dbt-aws:sfn:StateMachine", &rows);
}
