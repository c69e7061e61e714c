//! Executions of a machine that does as its input says: `how` is `fail`, `wait`, or anything else.

use super::role;
use pulumi_aws_framework::{value::Properties, wire::from_struct};
use serde_json::{Value as Json, json};
use tests::{Made, Stack, init_failed, properties};

const EXECUTION: &str = "dbt-aws:sfn:Execution";

async fn machine(stack: &Stack) -> Made {
    let choice =
        |how: &str, next: &str| json!({"Variable": "$.how", "StringEquals": how, "Next": next});
    let definition = json!({"StartAt": "Which", "States": {
        "Which": {"Type": "Choice", "Choices": [choice("fail", "Failed"), choice("wait", "Waits")], "Default": "Done"},
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "DbtFailedNodes", "Cause": "model.shop.orders failed"},
        "Waits": {"Type": "Wait", "Seconds": 600, "Next": "Done"},
    }});
    let inputs = json!({"definition": definition, "roleArn": role(stack).await});
    stack
        .make("dbt-aws:sfn:StateMachine", "machine", inputs)
        .await
}

/// The inputs and states of all executions, the first ones first.
fn executions(stack: &Stack, machine: &Made) -> Vec<(Json, String)> {
    let machine = json!({"stateMachineArn": machine.id});
    let listed = stack
        .aws("stepfunctions", "list_executions", &machine)
        .expect("lists");
    let mut all: Vec<_> = listed["executions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let arn = json!({"executionArn": one["executionArn"]});
            let found = stack
                .aws("stepfunctions", "describe_execution", &arn)
                .expect("there");
            let input =
                serde_json::from_str(found["input"].as_str().expect("a text")).expect("JSON");
            let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
            (text("startDate"), input, text("status"))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter()
        .map(|(_, input, status)| (input, status))
        .collect()
}

fn statuses(stack: &Stack, machine: &Made) -> Vec<String> {
    executions(stack, machine)
        .into_iter()
        .map(|(_, status)| status)
        .collect()
}

async fn changed(stack: &Stack, old: &Made, change: Json) -> Result<Made, tonic::Status> {
    let mut news = old.inputs.clone();
    news.extend(properties(&change));
    stack.provider.update(old, &news, false).await
}

async fn checked(stack: &Stack, urn: &str, inputs: &Json) -> Properties {
    let (none, given) = (Properties::new(), properties(inputs));
    let checked = stack.provider.check(urn, &none, &given).await;
    checked.expect("accepts")
}

#[tokio::test]
async fn another_follows_a_change_of_what_it_does() {
    let stack = Stack::new("execution").await;
    let machine = machine(&stack).await;
    let inputs =
        json!({"stateMachineArn": machine.id, "input": {"day": 1}, "triggers": {"image": "a"}});
    let made = stack.make(EXECUTION, "run", inputs).await;
    let output: Json = serde_json::from_str(&made.get("output")).expect("JSON");
    assert_eq!(
        (made.get("status"), output),
        ("SUCCEEDED".into(), json!({"day": 1}))
    );
    // An interrupted deployment does not know that it has made it.
    let again = stack
        .provider
        .create(&made.urn, &made.inputs, false)
        .await
        .expect("finds it");
    assert_eq!(again.get("arn"), made.get("arn"));
    let same = changed(&stack, &made, json!({"waitForCompletion": false}))
        .await
        .expect("updates");
    assert_eq!(same.get("arn"), made.get("arn"));
    let other = changed(&stack, &made, json!({"triggers": {"image": "b"}}))
        .await
        .expect("updates");
    let back = changed(&stack, &other, json!({"triggers": {"image": "a"}}))
        .await
        .expect("updates");
    let arns = [&made, &other, &back].map(|made| made.get("arn"));
    assert!(
        arns[0] != arns[1] && arns[1] != arns[2] && arns[0] != arns[2],
        "{arns:?}"
    );
    let read = stack
        .provider
        .read(&back)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(read.outputs, back.outputs);
    stack.provider.delete(&back).await.expect("deletes");
    assert_eq!(statuses(&stack, &machine), ["SUCCEEDED"; 3]);
    // AWS forgets it, the state does not.
    stack.provider.delete(&machine).await.expect("deletes");
    let read = stack
        .provider
        .read(&back)
        .await
        .expect("reads")
        .expect("is known");
    assert_eq!(read.outputs, back.outputs);
    let waits = json!({"deleteInput": {"how": "well"}});
    let forgotten = changed(&stack, &back, waits).await.expect("updates");
    assert_eq!(forgotten.get("status"), "SUCCEEDED");
}

#[tokio::test]
async fn one_that_fails_is_followed_by_another() {
    let stack = Stack::new("failed-execution").await;
    let machine = machine(&stack).await;
    let urn = stack.urn(EXECUTION, "run");
    let inputs = json!({"stateMachineArn": machine.id, "input": {"how": "fail"}});
    let inputs = checked(&stack, &urn, &inputs).await;
    let mut failed = None;
    for count in 1..=3 {
        let ended = match &failed {
            None => stack.provider.create(&urn, &inputs, false).await,
            Some(old) => stack.provider.update(old, &inputs, false).await,
        };
        let error = ended.expect_err("fails");
        let kept = init_failed(&error).expect("is kept");
        assert!(
            kept.reasons[0].contains("DbtFailedNodes: model.shop.orders failed"),
            "{:?}",
            kept.reasons
        );
        assert_eq!(statuses(&stack, &machine).len(), count);
        let outputs = from_struct(kept.properties);
        failed = Some(Made {
            id: kept.id,
            urn: urn.clone(),
            inputs: inputs.clone(),
            outputs,
        });
    }
    let failed = failed.expect("failed");
    let refreshed = stack.provider.read(&failed).await.expect_err("is told");
    assert!(init_failed(&refreshed).is_some());
    let well = changed(&stack, &failed, json!({"input": {"how": "well"}}))
        .await
        .expect("succeeds");
    assert_eq!(well.get("status"), "SUCCEEDED");
}

#[tokio::test]
async fn another_output_than_expected_is_a_failure() {
    let stack = Stack::new("unexpected-execution").await;
    let machine = machine(&stack).await;
    let urn = stack.urn(EXECUTION, "run");
    let inputs = json!({
        "stateMachineArn": machine.id, "expectedOutput": {"class": "success"},
        "input": {"class": "skipped", "message": "another run is under way"},
    });
    let inputs = checked(&stack, &urn, &inputs).await;
    let error = stack
        .provider
        .create(&urn, &inputs, false)
        .await
        .expect_err("fails");
    let reasons = init_failed(&error).expect("is kept").reasons;
    assert!(
        reasons[0].ends_with(": another run is under way"),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn a_delete_stops_it_and_runs_what_it_is_told() {
    let stack = Stack::new("deleted-execution").await;
    let machine = machine(&stack).await;
    let inputs = |last: Json| {
        json!({
            "stateMachineArn": machine.id, "input": {"how": "wait"}, "waitForCompletion": false, "deleteInput": last,
        })
    };
    let made = stack
        .make(
            EXECUTION,
            "run",
            inputs(json!({"drop": ["of <execution>"]})),
        )
        .await;
    assert_eq!(
        (made.get("status"), made.get("output")),
        ("RUNNING".into(), String::new())
    );
    stack.provider.delete(&made).await.expect("deletes");
    let dropped = json!({"drop": [format!("of {}", made.get("executionName"))]});
    let expected = [
        (json!({"how": "wait"}), "ABORTED".to_owned()),
        (dropped, "SUCCEEDED".to_owned()),
    ];
    assert_eq!(executions(&stack, &machine), expected);

    let failing = stack
        .make(EXECUTION, "other", inputs(json!({"how": "fail"})))
        .await;
    let error = stack.provider.delete(&failing).await.expect_err("fails");
    assert!(
        error.message().contains("model.shop.orders failed"),
        "{error}"
    );
}

#[tokio::test]
async fn to_cancel_a_deployment_stops_it() {
    let stack = Stack::new("cancelled-execution").await;
    let machine = machine(&stack).await;
    let urn = stack.urn(EXECUTION, "run");
    let inputs = json!({"stateMachineArn": machine.id, "input": {"how": "wait"}});
    let inputs = checked(&stack, &urn, &inputs).await;
    let cancel = async {
        while statuses(&stack, &machine).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        stack.provider.client().cancel(()).await.expect("cancels");
    };
    let (ended, ()) = tokio::join!(stack.provider.create(&urn, &inputs, false), cancel);
    assert!(init_failed(&ended.expect_err("is cancelled")).is_some());
    assert_eq!(statuses(&stack, &machine), ["ABORTED"]);
}

/// What a task of ECS writes, moto alone can be made to have.
#[tokio::test]
async fn the_lines_of_its_task_are_shown() {
    let stack = Stack::new("shown-execution").await;
    let machine = machine(&stack).await;
    let log = json!({"logGroupName": "runs", "logStreamName": "shop/dbt/abc"});
    let group = json!({"logGroupName": "runs"});
    stack
        .aws("logs", "create_log_group", &group)
        .expect("makes");
    stack.aws("logs", "create_log_stream", &log).expect("makes");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = now.expect("after 1970").as_millis() as u64;
    let mut lines = log;
    lines["logEvents"] = json!([{"timestamp": millis, "message": "1 of 2 OK created orders\u{1b}[2J"}, {"timestamp": millis, "message": "2 of 2 OK"}]);
    stack.aws("logs", "put_log_events", &lines).expect("writes");
    let inputs = json!({
        "stateMachineArn": machine.id, "input": {"task": "abc"},
        "taskLog": {"logGroupName": "runs", "logStreamPrefix": "shop/dbt"},
    });
    stack.make(EXECUTION, "run", inputs).await;
    stack
        .provider
        .said("1 of 2 OK created orders\\u{1b}[2J")
        .await;
    stack.provider.said("2 of 2 OK").await;
}
