//! Wrong inputs are refused by the check, with the property's path, before anything is made.

mod data;
mod network;
mod runs;

use serde_json::{Value as Json, json};
use tests::Stack;

/// Each of these inputs of a kind of block, with all that is wrong with them.
async fn refused<const N: usize>(cases: [(&str, Json, &str); N]) {
    let stack = Stack::new("wrong").await;
    let mut others = Vec::new();
    for (kind, inputs, reason) in cases {
        let kind = format!("dbt-aws:{kind}");
        let found = stack.refused(&kind, inputs.clone()).await;
        if found != [reason.replace("REGION", stack.region)] {
            others.push(format!("{kind} {inputs}: {found:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

fn merged(mut all: Json, over: &Json) -> Json {
    for (key, value) in over.as_object().expect("an object") {
        all[key] = value.clone();
    }
    all
}

/// The longest name passes, a longer one does not.
#[tokio::test]
async fn names_that_are_too_long() {
    let stack = Stack::new("long").await;
    for (kind, field, longest) in [
        ("ec2:SecurityGroup", "name", 255),
        ("ecr:Repository", "name", 256),
        ("ecs:Cluster", "name", 255),
        ("ecs:TaskDefinition", "family", 255),
        ("iam:Role", "name", 64),
        ("logs:LogGroup", "name", 512),
        ("rds:Instance", "identifier", 63),
        ("rds:ParameterGroup", "name", 255),
        ("rds:SubnetGroup", "name", 255),
        ("s3:Bucket", "bucket", 63),
        ("scheduler:Schedule", "name", 64),
        ("secretsmanager:Secret", "name", 512),
        ("sfn:StateMachine", "name", 80),
        ("sqs:Queue", "name", 80),
    ] {
        for (length, wrong) in [(longest, 0), (longest + 1, 1)] {
            let inputs = json!({ field: "x".repeat(length) });
            let mut found = stack.refused(&format!("dbt-aws:{kind}"), inputs).await;
            found.retain(|failure| failure.starts_with(&format!("{field}: ")));
            assert_eq!(found.len(), wrong, "{kind} with {length}: {found:?}");
        }
    }
}
