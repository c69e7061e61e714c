//! What the roles of a project may do.

use super::*;

#[tokio::test]
async fn no_role_may_more_than_it_needs() {
    let (recording, _) = recorded(everything(), As::Update).await;
    let mut anything = Vec::new();
    for registration in recording.registrations.values() {
        let inputs = Value::Object(registration.inputs.clone()).plain().to_json();
        let policies = inputs["inlinePolicies"].as_object().into_iter().flatten();
        let statements = policies.filter_map(|(_, policy)| policy["statements"].as_array());
        for statement in statements.flatten() {
            let texts = |key: &str| -> Vec<&str> {
                statement[key]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Document::as_str)
                    .collect()
            };
            let (actions, resources) = (texts("actions"), texts("resources"));
            assert!(!actions.is_empty() && !resources.is_empty(), "{statement}");
            assert!(
                !actions.iter().any(|action| action.contains('*')),
                "{statement}"
            );
            if resources.contains(&"*") {
                anything.extend(actions.into_iter().map(str::to_owned));
            }
        }
    }
    let any = [
        "ecr:GetAuthorizationToken",
        "ecs:ListTasks",
        "ecs:DescribeTaskDefinition",
    ];
    assert_eq!(anything, any);
}

#[tokio::test]
async fn what_executions_may_change_reaches_the_machine() {
    for overrides in ["all", "commands", "none"] {
        let given = json!({"platform": platform(), "path": PATH, "overrides": overrides});
        let (recording, _) = recorded(inputs(&given), As::Update).await;
        let machine = Value::Object(recording.registrations["shop-state-machine"].inputs.clone());
        assert_eq!(machine.plain().to_json()["dbtRun"]["overrides"], overrides);
    }
}
