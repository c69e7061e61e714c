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
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ];
    assert_eq!(anything, any);
}

#[tokio::test]
async fn a_shell_is_open_only_where_it_is_asked_for() {
    for shell in [None, Some(false), Some(true)] {
        let given = json!({"platform": platform(), "path": PATH, "enableExecuteCommand": shell});
        let (recording, _) = recorded(inputs(&given), As::Update).await;
        let of = |name: &str| {
            Value::Object(recording.registrations[name].inputs.clone())
                .plain()
                .to_json()
        };
        let open = shell == Some(true);
        let task = of("shop-task");
        let [role, dbt] = [0, 1].map(|index| &task["containerDefinitions"][index]);
        assert_eq!(dbt["readonlyRootFilesystem"], !open);
        let dropped = &dbt["linuxParameters"]["capabilities"]["drop"];
        assert_eq!(*dropped, if open { json!(null) } else { json!(["ALL"]) });
        assert_eq!(role["readonlyRootFilesystem"], true);
        assert_eq!(
            role["linuxParameters"]["capabilities"]["drop"],
            json!(["ALL"])
        );
        let policies = of("shop-task-role")["inlinePolicies"].to_string();
        assert_eq!(policies.contains("ssmmessages:"), open);
        let machine = of("shop-state-machine");
        assert_eq!(machine["dbtRun"]["enableExecuteCommand"], open);
    }
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
