//! Functions of Lambda.

use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, properties, shown};

const FUNCTION: &str = "dbt-aws:lambda:Function";

fn of_function(operation: &'static str, pick: &'static str) -> Call {
    Call::new("lambda", operation, json!({"FunctionName": "{id}"}), pick)
}

fn code(text: &str) -> Json {
    json!({"main.py": format!("def handler(event, context):\n    return {text:?}\n")})
}

/// The statements of a policy as a program writes them.
fn in_our_words(policy: &Json) -> Json {
    let policy: Json = serde_json::from_str(policy.as_str().unwrap_or("{}")).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let words = |s: &Json| {
        json!({
            "service": s["Principal"]["Service"],
            "sourceArn": s["Condition"]["ArnLike"]["AWS:SourceArn"],
        })
    };
    match statements.map(words).collect::<Vec<_>>() {
        none if none.is_empty() => Json::Null,
        all => Json::Array(all),
    }
}

async fn role(stack: &Stack, name: &str) -> String {
    let inputs = json!({"name": name, "assumeRolePolicy": super::trust("lambda.amazonaws.com")});
    stack
        .make("dbt-aws:iam:Role", name, inputs)
        .await
        .get("arn")
}

#[tokio::test]
async fn function_lives() {
    let stack = Stack::new("function").await;
    let (one, other) = (
        role(&stack, "functions-one").await,
        role(&stack, "functions-other").await,
    );
    let queue = stack.make("dbt-aws:sqs:Queue", "letters", json!({})).await;
    let topic = |name: &str| format!("arn:aws:sns:{}:123456789012:{name}", stack.region);
    let by = |topics: &[&str]| -> Json {
        let topics = topics.iter();
        topics
            .map(|t| json!({"service": "sns.amazonaws.com", "sourceArn": topic(t)}))
            .collect()
    };
    let by_hand = |path: &'static str, over: Json| {
        let mut all = json!({"FunctionName": "{id}"});
        for (key, value) in over.as_object().expect("an object") {
            all[key] = value.clone();
        }
        let call = Call::bare("lambda", "update_function_configuration", all);
        (path, call)
    };
    let tries = |key: &str, value: i32| {
        let all = json!({"FunctionName": "{id}", key: value});
        Call::bare("lambda", "put_function_event_invoke_config", all)
    };
    let permission = json!({
        "FunctionName": "{id}", "StatementId": "theirs", "Action": "lambda:InvokeFunction",
        "Principal": "sns.amazonaws.com", "SourceArn": topic("theirs"),
    });
    stack
        .test(Block {
            token: FUNCTION,
            inputs: json!({"runtime": "python3.13", "handler": "main.handler", "code": code("first"), "roleArn": one}),
            updates: vec![
                json!({"description": "tells of runs"}),
                json!({"code": code("second")}),
                json!({"architecture": "arm64"}),
                json!({"handler": "main.other", "runtime": "python3.14"}),
                json!({"roleArn": other, "timeoutSeconds": 60}),
                json!({"environment": {"NAME": "1"}, "memory": 256}),
                json!({"environment": null}),
                json!({"logGroupName": "/dbt/functions", "logFormat": "JSON"}),
                json!({"logGroupName": null}),
                json!({"deadLetterArn": queue.get("arn")}),
                json!({"deadLetterArn": null}),
                json!({"maximumRetryAttempts": 0, "maximumEventAgeSeconds": 60}),
                json!({"invokedBy": by(&["runs", "others"])}),
                json!({"invokedBy": by(&["others", "more"])}),
                json!({"invokedBy": null}),
            ],
            replaces: vec![("name", json!("mine"))],
            by_hand: vec![
                by_hand("description", json!({"Description": "theirs"})),
                by_hand("environment", json!({"Environment": {"Variables": {"THEIRS": "1"}}})),
                by_hand("timeoutSeconds", json!({"Timeout": 3})),
                by_hand("memory", json!({"MemorySize": 512})),
                by_hand("logGroupName", json!({"LoggingConfig": {"LogFormat": "Text", "LogGroup": "/theirs"}})),
                by_hand("logFormat", json!({"LoggingConfig": {"LogFormat": "JSON"}})),
                by_hand("deadLetterArn", json!({"DeadLetterConfig": {"TargetArn": queue.get("arn")}})),
                ("maximumRetryAttempts", tries("MaximumRetryAttempts", 1)),
                ("maximumEventAgeSeconds", tries("MaximumEventAgeInSeconds", 120)),
                ("invokedBy", Call::bare("lambda", "add_permission", permission)),
            ],
            steady: vec![("architecture", "only new code changes it")],
            write_only: vec!["code"],
            listed: Call::new("lambda", "list_functions", json!({}), "Functions[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(of_function("get_function", "Tags")),
            described: Some(of_function("get_function", "Configuration")),
            shows: vec![
                shown("name", "FunctionName"),
                shown("description", "Description"),
                shown("runtime", "Runtime"),
                shown("handler", "Handler"),
                shown("roleArn", "Role"),
                shown("environment", "Environment.Variables"),
                shown("timeoutSeconds", "Timeout"),
                shown("memory", "MemorySize"),
                shown("architecture", "Architectures[]"),
                shown("logGroupName", "LoggingConfig.LogGroup")
                    .read(|group| match group.as_str() {
                        Some(own) if own.starts_with("/aws/lambda/") => Json::Null,
                        _ => group.clone(),
                    }),
                shown("logFormat", "LoggingConfig.LogFormat"),
                shown("deadLetterArn", "DeadLetterConfig.TargetArn"),
                shown("maximumRetryAttempts", "MaximumRetryAttempts").by(of_function("get_function_event_invoke_config", ""))
                    .read(|n| json!(n.as_i64().unwrap_or(2))),
                shown("maximumEventAgeSeconds", "MaximumEventAgeInSeconds")
                    .by(of_function("get_function_event_invoke_config", ""))
                    .read(|n| json!(n.as_i64().unwrap_or(21_600))),
                shown("invokedBy", "Policy").by(of_function("get_policy", "")).read(in_our_words),
            ],
            unseen: vec![("code", "AWS tells its digest alone, which a test of its own looks at")],
            anew: vec![json!({
                "name": "anew-0-mine", "invokedBy": by(&["runs"]), "logGroupName": "/dbt/mine", "logFormat": "JSON",
                "deadLetterArn": queue.get("arn"), "maximumRetryAttempts": 1,
            })],
            ..Block::default()
        })
        .await;
}

/// AWS has the code that was given, and a change of it by hand is undone.
#[tokio::test]
async fn the_code_of_a_function_is_told_by_its_digest() {
    let stack = Stack::new("function-code").await;
    let role = role(&stack, "functions-late").await;
    let inputs = |text: &str| json!({"runtime": "python3.13", "handler": "main.handler", "code": code(text), "roleArn": role});
    let made = stack.make(FUNCTION, "told", inputs("first")).await;
    let digest = || {
        let asked = json!({"FunctionName": made.id});
        let found = stack.aws("lambda", "get_function_configuration", &asked);
        found.expect("answers")["CodeSha256"].take()
    };
    let first = digest();
    let mut other = made.inputs.clone();
    other.extend(properties(&json!({"code": code("second")})));
    let changed = stack.provider.update(&made, &other, false).await;
    let changed = changed.expect("updates");
    assert_ne!(digest(), first);

    // To the first state the second code is somebody else's.
    let read = stack.provider.read(&made).await.expect("reads");
    let read = read.expect("is there");
    let diff = stack.provider.diff(&read, &made.inputs).await;
    assert_eq!(diff.diffs, ["code"]);
    let back = stack.provider.update(&read, &made.inputs, false).await;
    let back = back.expect("updates");
    assert_eq!(digest(), first);
    let read = stack.provider.read(&back).await.expect("reads");
    assert_eq!(read.expect("is there").inputs, made.inputs);

    // Another's function of that name stays as it is.
    let mut taken = inputs("third");
    taken["name"] = made.id.clone().into();
    let urn = stack.urn(FUNCTION, "another");
    let none = properties(&json!({}));
    let taken = stack.provider.check(&urn, &none, &properties(&taken)).await;
    let taken = taken.expect("checks");
    let refused = stack.provider.create(&urn, &taken, false).await;
    let refused = refused.expect_err("refuses").message().to_owned();
    assert!(refused.contains("did not make it"), "{refused}");
    assert_eq!(digest(), first);
    stack.provider.delete(&changed).await.expect("deletes");
}
