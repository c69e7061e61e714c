//! Rules of EventBridge.

use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, properties, shown};

const RULE: &str = "dbt-aws:events:Rule";

/// Targets as a program writes them: without what it need not say.
fn in_our_words(targets: &Json) -> Json {
    let target = |target: &Json| {
        let retry = &target["RetryPolicy"];
        let unless = |value: &Json, default: i32| match *value == default {
            true => Json::Null,
            false => value.clone(),
        };
        let made = target["Id"]
            .as_str()
            .is_some_and(|id| id.starts_with("target-"));
        let transformer = &target["InputTransformer"];
        json!({
            "id": if made { &Json::Null } else { &target["Id"] },
            "arn": target["Arn"], "roleArn": target["RoleArn"], "input": target["Input"],
            "inputTransformer": {"paths": transformer["InputPathsMap"], "template": transformer["InputTemplate"]},
            "deadLetterArn": target["DeadLetterConfig"]["Arn"],
            "maximumRetryAttempts": unless(&retry["MaximumRetryAttempts"], 185),
            "maximumEventAgeSeconds": unless(&retry["MaximumEventAgeInSeconds"], 86_400),
        })
    };
    let targets = targets.as_array().into_iter().flatten();
    targets.map(target).collect()
}

async fn queue(stack: &Stack, name: &str) -> String {
    let queue = stack.make("dbt-aws:sqs:Queue", name, json!({})).await;
    queue.get("arn")
}

#[tokio::test]
async fn rule_lives() {
    let stack = Stack::new("rule").await;
    let (queue, other) = (queue(&stack, "queue").await, queue(&stack, "other").await);
    let role = super::role(&stack).await;
    let pattern =
        json!({"source": ["aws.states"], "detail": {"status": ["FAILED", {"prefix": "TIMED"}]}});
    let by_hand = |path: &'static str, over: Json| {
        let mut all = json!({"Name": "{id}", "EventPattern": pattern.to_string()});
        for (key, value) in over.as_object().expect("an object") {
            all[key] = value.clone();
        }
        (path, Call::bare("events", "put_rule", all))
    };
    let transformer = json!({"paths": {"run": "$.detail.name"}, "template": "{\"run\": <run>, \"all\": <aws.events.event>}"});
    stack
        .test(Block {
            token: RULE,
            inputs: json!({"eventPattern": pattern, "targets": [{"arn": queue}]}),
            updates: vec![
                json!({"description": "tells of failures"}),
                json!({"description": null}),
                json!({"eventPattern": {"source": ["dbt-aws"]}}),
                json!({"eventPattern": json!({"source": ["dbt-aws", "aws.states"]}).to_string()}),
                json!({"scheduleExpression": "rate(1 hour)"}),
                json!({"eventPattern": null}),
                json!({"scheduleExpression": "cron(30 6 * * ? *)"}),
                json!({"eventPattern": pattern, "scheduleExpression": null}),
                json!({"enabled": false}),
                json!({"enabled": null}),
                json!({"targets": [{"arn": other, "input": {"b": 1, "a": [2]}}, {"arn": queue, "roleArn": role}]}),
                json!({"targets": [{"arn": queue, "inputTransformer": transformer}, {"arn": queue, "input": "{}"}]}),
                json!({"targets": [{"arn": queue, "deadLetterArn": other, "maximumRetryAttempts": 3, "maximumEventAgeSeconds": 60}]}),
                json!({"targets": [{"id": "mine", "arn": queue}, {"id": "theirs", "arn": other}]}),
                json!({"targets": []}),
                json!({"targets": [{"arn": other, "inputTransformer": {"template": "\"a run failed\""}}, {"arn": queue}]}),
            ],
            replaces: vec![("name", json!("mine"))],
            by_hand: vec![
                by_hand("description", json!({"Description": "theirs"})),
                by_hand("eventPattern", json!({"EventPattern": "{\"source\": [\"aws.s3\"]}"})),
                by_hand("scheduleExpression", json!({"ScheduleExpression": "rate(1 day)"})),
                ("enabled", Call::bare("events", "disable_rule", json!({"Name": "{id}"}))),
            ],
            listed: Call::new("events", "list_rules", json!({}), "Rules[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "events",
                "list_tags_for_resource",
                json!({"ResourceARN": stack.arn("events", "rule/")}),
                "Tags",
            )),
            described: Some(Call::new("events", "describe_rule", json!({"Name": "{id}"}), "")),
            shows: vec![
                shown("name", "Name"),
                shown("description", "Description"),
                shown("eventPattern", "EventPattern"),
                shown("scheduleExpression", "ScheduleExpression"),
                shown("enabled", "State").read(|state| json!(state == "ENABLED")),
                shown("targets", "Targets")
                    .by(Call::new("events", "list_targets_by_rule", json!({"Rule": "{id}"}), ""))
                    .read(in_our_words),
            ],
            anew: vec![json!({"name": "anew-0-mine", "enabled": false})],
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn a_target_that_others_add_is_removed() {
    let stack = Stack::new("foreign-target").await;
    let queue = queue(&stack, "queue").await;
    let inputs = json!({"scheduleExpression": "rate(1 hour)", "targets": [{"arn": queue}]});
    let rule = stack.make(RULE, "rule", inputs.clone()).await;
    let theirs = json!({"Rule": rule.id, "Targets": [{"Id": "theirs", "Arn": queue}]});
    stack.aws("events", "put_targets", &theirs).expect("puts");
    let found = stack.provider.read(&rule).await.expect("reads");
    let found = found.expect("is there");
    let diff = stack.provider.diff(&found, &rule.inputs).await;
    assert_eq!(diff.diffs, ["targets"]);
    let updated = stack.provider.update(&found, &rule.inputs, false).await;
    let updated = updated.expect("updates");
    let left = stack.aws("events", "list_targets_by_rule", &json!({"Rule": rule.id}));
    let left = left.expect("answers");
    assert_eq!(left["Targets"].as_array().map(Vec::len), Some(1), "{left}");
    stack.provider.delete(&updated).await.expect("deletes");
}

/// What AWS refuses of a list is told in an answer that succeeds.
#[tokio::test]
async fn a_target_that_is_refused_is_told() {
    let stack = Stack::new("refused-target").await;
    let queue = queue(&stack, "queue").await;
    let inputs = json!({"scheduleExpression": "rate(1 hour)", "targets": [{"arn": queue}]});
    let rule = stack.make(RULE, "rule", inputs).await;
    let mut news = rule.inputs.clone();
    let target = json!({"id": "there", "arn": format!("{queue}:refused")});
    news.extend(properties(&json!({"targets": [target]})));
    let refused = stack.provider.update(&rule, &news, false).await;
    let message = refused.expect_err("refuses").message().to_owned();
    let told = format!(
        "could not set the targets of the rule {}: ValidationException: The target cannot be called (there)",
        rule.id
    );
    assert!(message.starts_with(&told), "{message}");
    stack.provider.delete(&rule).await.expect("deletes");
}
