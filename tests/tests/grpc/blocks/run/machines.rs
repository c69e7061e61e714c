//! State machines, and documents in general, as AWS has them.

use super::{role, trust};
use pulumi_aws_framework::{identity::of_document, value::Value};
use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Marked, Stack, properties, shown};

#[tokio::test]
async fn state_machine_lives() {
    let stack = Stack::new("machine").await;
    let (one, other) = (role(&stack).await, role_named(&stack, "other").await);
    let group = format!(
        "arn:aws:logs:{}:123456789012:log-group:runs:*",
        stack.region
    );
    let logging = json!({
        "level": "ALL", "includeExecutionData": true,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    });
    let definition = |comment: &str| json!({"Comment": comment, "QueryLanguage": "JSONata", "StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}});
    stack
        .test(Block {
            token: "dbt-aws:sfn:StateMachine",
            inputs: json!({"definition": definition("first"), "roleArn": one}),
            updates: vec![
                json!({"definition": definition("second")}),
                json!({"definition": definition("third").to_string()}),
                json!({"roleArn": other}),
                json!({"tracingEnabled": true}),
            ],
            replaces: vec![("name", json!("mine")), ("type", json!("EXPRESS"))],
            unchanged: vec![
                (
                    "logging",
                    "needs a log group with a policy, which moto does not look at",
                ),
                ("dbtRun", "a definition in other words, which an import does not have"),
            ],
            by_hand: vec![
                (
                    "tracingEnabled",
                    Call::bare(
                        "stepfunctions",
                        "update_state_machine",
                        json!({"stateMachineArn": "{id}", "tracingConfiguration": {"enabled": true}}),
                    ),
                ),
                (
                    "logging",
                    Call::bare(
                        "stepfunctions",
                        "update_state_machine",
                        json!({"stateMachineArn": "{id}", "loggingConfiguration": logging}),
                    ),
                ),
            ],
            steady: vec![("type", "AWS cannot change it")],
            listed: Call::new(
                "stepfunctions",
                "list_state_machines",
                json!({}),
                "stateMachines[]",
            ),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "stepfunctions",
                "list_tags_for_resource",
                json!({"resourceArn": "{id}"}),
                "tags",
            )),
            described: Some(Call::new(
                "stepfunctions",
                "describe_state_machine",
                json!({"stateMachineArn": "{id}"}),
                "",
            )),
            shows: vec![
                shown("name", "name"),
                shown("definition", "definition"),
                shown("roleArn", "roleArn"),
                shown("type", "type"),
                shown("logging.level", "loggingConfiguration.level"),
                shown("logging.logGroupArn", "loggingConfiguration.destinations[].cloudWatchLogsLogGroup.logGroupArn"),
                shown("logging.includeExecutionData", "loggingConfiguration.includeExecutionData").read(|with| json!(*with == true)),
                shown("tracingEnabled", "tracingConfiguration.enabled"),
            ],
            unseen: vec![("dbtRun", "AWS has the definition, which a test of its own looks at")],
            anew: vec![
                json!({"name": "anew-0-mine", "type": "EXPRESS"}),
                json!({"logging": {"level": "ALL", "logGroupArn": group, "includeExecutionData": true}}),
            ],
..Block::default()
        })
        .await;
}

#[tokio::test]
async fn a_dbt_run_is_a_definition_of_the_providers_own() {
    let stack = Stack::new("dbt-run").await;
    let role = role(&stack).await;
    let inputs = |minutes| dbt_run(&stack, &role, minutes);
    let token = "dbt-aws:sfn:StateMachine";
    let made = stack.make(token, "run", inputs(60)).await;
    let minutes = |arn: &str| {
        let asked = json!({"stateMachineArn": arn});
        let shown = stack.aws("stepfunctions", "describe_state_machine", &asked);
        let shown = shown.expect("answers")["definition"].take();
        let definition: Json =
            serde_json::from_str(shown.as_str().expect("is text")).expect("is JSON");
        definition["States"]["Begin"]["Assign"]["config"]["timeoutMinutes"].as_i64()
    };
    assert_eq!(minutes(&made.id), Some(60));
    assert!(!made.inputs.contains_key("definition"));
    unchanged(&stack, &made, &inputs(60)).await;

    let news = stack
        .provider
        .check(&made.urn, &made.inputs, &properties(&inputs(90)))
        .await;
    let news = news.expect("is right");
    let made = stack
        .provider
        .update(&made, &news, false)
        .await
        .expect("updates");
    assert_eq!(minutes(&made.id), Some(90));
    unchanged(&stack, &made, &inputs(90)).await;

    // A change by hand is told, and undone.
    let other = json!({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}});
    let by_hand = json!({"stateMachineArn": made.id, "definition": other.to_string()});
    stack
        .aws("stepfunctions", "update_state_machine", &by_hand)
        .expect("updates");
    let read = stack
        .provider
        .read(&made)
        .await
        .expect("reads")
        .expect("is there");
    assert!(!read.inputs.contains_key("dbtRun"));
    let news = stack
        .provider
        .check(&made.urn, &read.inputs, &properties(&inputs(90)))
        .await;
    let made = stack
        .provider
        .update(&read, &news.expect("is right"), false)
        .await
        .expect("updates");
    assert_eq!(minutes(&made.id), Some(90));
    unchanged(&stack, &made, &inputs(90)).await;

    // Another version of the provider made another definition of the same run: it is no drift, and replaced.
    stack
        .aws("stepfunctions", "update_state_machine", &by_hand)
        .expect("updates");
    let theirs = of_document(&Value::from_json(&other).to_json().to_string());
    let mut older = made.clone();
    let mut run = older.inputs["dbtRun"].plain().into_properties();
    run.insert("definitionDigest".to_owned(), theirs.into());
    older.inputs.insert("dbtRun".to_owned(), Value::Object(run));
    let read = stack.provider.read(&older).await.expect("reads");
    let read = read.expect("is there");
    assert_eq!(read.inputs, older.inputs);
    let news = stack
        .provider
        .check(&made.urn, &read.inputs, &properties(&inputs(90)))
        .await;
    let news = news.expect("is right");
    assert_eq!(stack.provider.diff(&read, &news).await.diffs, ["dbtRun"]);
    let made = stack.provider.update(&read, &news, false).await;
    let made = made.expect("updates");
    assert_eq!(minutes(&made.id), Some(90));
    unchanged(&stack, &made, &inputs(90)).await;

    // Before there was `dbtRun`, the state had the definition.
    let before = json!({"definition": other, "roleArn": role});
    let made = stack.make(token, "before", before).await;
    let news = stack
        .provider
        .check(&made.urn, &made.inputs, &properties(&inputs(60)))
        .await;
    let news = news.expect("is right");
    assert_eq!(
        stack.provider.diff(&made, &news).await.diffs,
        ["dbtRun", "definition"]
    );
    let made = stack.provider.update(&made, &news, false).await;
    let made = made.expect("updates");
    assert_eq!(minutes(&made.id), Some(60));
    unchanged(&stack, &made, &inputs(60)).await;
}

/// A machine of a run, with its time in minutes.
fn dbt_run(stack: &Stack, role: &str, minutes: i32) -> Json {
    let ecs = format!("arn:aws:ecs:{}:123456789012", stack.region);
    let run = json!({
        "clusterArn": format!("{ecs}:cluster/data"), "taskDefinitionArn": format!("{ecs}:task-definition/shop"),
        "subnetIds": ["subnet-0a"], "securityGroupIds": ["sg-0a"], "artifactsBucket": "lake",
        "artifactsPrefix": "shop/prod", "logGroupName": "/dbt/data", "logStreamPrefix": "shop",
        "timeoutMinutes": minutes, "overrides": "all", "tableName": "runs", "retry": {},
        "finishArn": format!("arn:aws:states:{}:123456789012:stateMachine:finish", stack.region),
        "topicArn": format!("arn:aws:sns:{}:123456789012:shop", stack.region),
        "notify": {"emails": false, "topicArns": [], "on": ["failure"]},
    });
    json!({"dbtRun": run, "roleArn": role})
}

async fn role_named(stack: &Stack, name: &str) -> String {
    let inputs = json!({"assumeRolePolicy": trust("states.amazonaws.com")});
    stack
        .make("dbt-aws:iam:Role", name, inputs)
        .await
        .get("arn")
}

/// AWS has a document as it is meant, and a refresh finds nothing new in it.
#[tokio::test]
async fn a_document_keeps_its_nulls_and_digits() {
    let stack = Stack::new("documents").await;
    let role = role(&stack).await;
    let task = |more: &str| {
        let task = r#""Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true"#;
        format!(r#"{{"StartAt": "A", "States": {{"A": {{{task}, {more}}}}}}}"#)
    };
    let value = |text: &str| serde_json::from_str::<Json>(text).expect("is JSON");
    let result = r#""ResultPath": null, "Parameters": {"a": null, "b": [null]}"#;
    let big = r#""Parameters": {"id": 123456789012345678901234567890, "ids": [9007199254740993]}"#;
    let retry =
        r#""Retry": [{"ErrorEquals": ["States.ALL"], "BackoffRate": 2.0, "IntervalSeconds": 1e1}]"#;
    for (name, definition, kept) in [
        ("object", value(&task(result)), r#""ResultPath":null"#),
        ("text", task(result).into(), r#""b":[null]"#),
        ("big", task(big).into(), "123456789012345678901234567890"),
        ("odd", task(big).into(), "9007199254740993"),
        ("retry", task(retry).into(), r#""BackoffRate":2.0"#),
    ] {
        let inputs = json!({"definition": definition, "roleArn": role});
        let made = stack
            .make("dbt-aws:sfn:StateMachine", name, inputs.clone())
            .await;
        let asked = json!({"stateMachineArn": made.id});
        let shown = stack.aws("stepfunctions", "describe_state_machine", &asked);
        let shown = shown.expect("answers")["definition"].take();
        let shown = shown.as_str().expect("is text");
        assert!(shown.contains(kept), "{shown}");
        unchanged(&stack, &made, &inputs).await;
        if name == "odd" {
            // The last digit is all that changes, and as Pulumi's numbers the two are one.
            let other = task(&big.replace("9007199254740993", "9007199254740992"));
            let inputs = properties(&json!({"definition": other, "roleArn": role}));
            let news = stack.provider.check(&made.urn, &made.inputs, &inputs).await;
            let updated = stack
                .provider
                .update(&made, &news.expect("is right"), false)
                .await;
            updated.expect("updates");
            let shown = stack.aws("stepfunctions", "describe_state_machine", &asked);
            let shown = shown.expect("answers")["definition"].take();
            assert!(
                shown.as_str().is_some_and(|text| text.contains("740992")),
                "{shown}"
            );
        }
    }
    let queue = stack.make("dbt-aws:sqs:Queue", "queue", json!({})).await;
    for (index, input) in ["null", "true", "1e3", "[2.0, 9007199254740993]"]
        .into_iter()
        .enumerate()
    {
        let target = json!({"arn": queue.get("arn"), "roleArn": role, "input": input});
        let inputs = json!({"scheduleExpression": "rate(1 hour)", "target": target});
        let name = format!("schedule-{index}");
        let made = stack
            .make("dbt-aws:scheduler:Schedule", &name, inputs.clone())
            .await;
        unchanged(&stack, &made, &inputs).await;
    }
}

/// A refresh and an `up` find the object as it was made.
async fn unchanged(stack: &Stack, made: &Made, inputs: &Json) {
    let read = stack.provider.read(made).await.expect("reads");
    let read = read.expect("is there");
    assert_eq!(read.outputs, made.outputs);
    let news = stack
        .provider
        .check(&made.urn, &read.inputs, &properties(inputs))
        .await;
    let diff = stack.provider.diff(&read, &news.expect("fits")).await;
    assert!(diff.diffs.is_empty(), "{:?}", diff.diffs);
}
