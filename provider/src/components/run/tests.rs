use super::DbtRun;
use crate::components::{
    recorder::{As, Recording, each_input_in_turn, record},
    refusals::{each_is_refused, every_input_is_told},
};
use expect_test::expect;
use pulumi_aws_framework::{
    component::erase,
    value::{Properties, Value},
};
use serde_json::{Value as Document, json};

fn project() -> Document {
    json!({
        "version": "1",
        "name": "shop",
        "stateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:shop",
        "schedulerRoleArn": "arn:aws:iam::111122223333:role/shop",
        "deadLetterArn": "arn:aws:sqs:eu-west-1:111122223333:shop",
        "region": "eu-west-1",
        "logGroupName": "/dbt/analytics",
        "logStreamPrefix": "shop",
        "timeoutMinutes": "60",
        "overrides": "all",
        "cpu": "1024",
        "memory": "2048",
        "secretNames": "PASSWORD",
    })
}

fn everything() -> Document {
    json!({
        "project": project(),
        "commands": ["dbt build --select state:modified+ --defer"],
        "environment": {"DBT_WARN_ERROR": "true"},
        "triggers": {"image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:1"},
        "waitForCompletion": false,
        "timeoutMinutes": 30,
        "dropSchemasOnDestroy": true,
    })
}

fn inputs(json: &Document) -> Properties {
    Value::from_json(json).into_properties()
}

async fn recorded(inputs: Properties, how: As) -> (Recording, Document) {
    let (recording, outputs) = record(erase::<DbtRun>().as_ref(), inputs, how).await;
    assert_eq!(recording.failures, [""; 0]);
    let outputs = Value::Object(outputs.expect("outputs")).plain();
    (recording, outputs.to_json())
}

#[tokio::test]
async fn the_shortest_run() {
    let (recording, answered) = recorded(inputs(&json!({"project": project()})), As::Update).await;
    expect![[r#"
        dbt-aws:sfn:Execution shop-execution
          expectedOutput = {class: "success"}
          input = {}
          stateMachineArn = "arn:aws:states:eu-west-1:111122223333:stateMachine:shop"
          taskLog = {logGroupName: "/dbt/analytics", logStreamPrefix: "shop/dbt"}
          waitForCompletion = true
        dbt-aws:index:Seed shop-seed
    "#]]
    .assert_eq(&recording.text());
    expect![[r#"{"artifactsUri":"","class":"running","consoleUrl":"https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/arn:aws:service:eu-west-1:123456789012:shop-execution","runId":"shop-execution.executionName","summary":"**shop**: the run has not ended"}"#]].assert_eq(&answered.to_string());
}

#[tokio::test]
async fn every_input_reaches_the_execution() {
    let (recording, _) = recorded(inputs(&everything()), As::Preview).await;
    expect![[r#"
        dbt-aws:sfn:Execution shop-execution
          deleteInput = {commands: ["dbt-aws drop-schemas <execution>"]}
          expectedOutput = {class: "success"}
          input = {commands: ["dbt build --select state:modified+ --defer"], environment: {DBT_WARN_ERROR: "true"}, timeoutMinutes: 30}
          stateMachineArn = "arn:aws:states:eu-west-1:111122223333:stateMachine:shop"
          taskLog = {logGroupName: "/dbt/analytics", logStreamPrefix: "shop/dbt"}
          triggers = {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:1"}
          waitForCompletion = false
        dbt-aws:index:Seed shop-seed
    "#]].assert_eq(&recording.text());
}

#[tokio::test]
async fn what_is_unknown_or_secret() {
    each_input_in_turn(erase::<DbtRun>().as_ref(), &inputs(&everything())).await;
}

#[tokio::test]
async fn wrong_inputs_are_refused_with_their_path() {
    let component = erase::<DbtRun>();
    let barred = "is not for a run to change: overrides of the project says so";
    let rows = [
        (
            "/commands",
            json!([]),
            "commands",
            "needs at least one command, such as dbt build",
        ),
        (
            "/commands",
            json!(["dbt bild"]),
            "commands[0]",
            "dbt has no command \"bild\"; did you mean build?",
        ),
        (
            "/environment",
            json!({"PASSWORD": "1"}),
            "environment.PASSWORD",
            "is a secret of the project, so no single run can set it; choose another name",
        ),
        (
            "/timeoutMinutes",
            json!(61),
            "timeoutMinutes",
            "must be 60 at most, the timeoutMinutes of the project, not 61",
        ),
        (
            "/timeoutMinutes",
            json!(0),
            "timeoutMinutes",
            "must be 1 to 10080, not 0",
        ),
    ];
    each_is_refused(component.as_ref(), &everything(), &rows).await;
    let mut short = json!({"project": project()});
    short["project"]["overrides"] = "none".into();
    let rows = [
        ("/commands", json!(["dbt build"]), "commands", barred),
        (
            "/environment",
            json!({"DBT_WARN_ERROR": "1"}),
            "environment",
            barred,
        ),
        ("/timeoutMinutes", json!(5), "timeoutMinutes", barred),
        (
            "/dropSchemasOnDestroy",
            json!(true),
            "dropSchemasOnDestroy",
            barred,
        ),
    ];
    each_is_refused(component.as_ref(), &short, &rows).await;
}

#[tokio::test]
async fn what_a_child_refuses_is_told_of_the_input_that_it_is_from() {
    every_input_is_told(erase::<DbtRun>().as_ref(), &[inputs(&everything())], &[]).await;
}
