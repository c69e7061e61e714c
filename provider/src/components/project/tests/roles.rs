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
async fn where_executions_change_less_schedules_are_read() {
    for (overrides, reads) in [("all", false), ("commands", true), ("none", true)] {
        let given = json!({"platform": platform(), "path": PATH, "overrides": overrides});
        let (recording, _) = recorded(inputs(&given), As::Update).await;
        let of = |name: &str| {
            Value::Object(recording.registrations[name].inputs.clone())
                .plain()
                .to_json()
        };
        assert_eq!(of("shop-state-machine")["dbtRun"]["overrides"], overrides);
        let role = of("shop-machine-role").to_string();
        let may = "{\"actions\":[\"scheduler:GetSchedule\"],\"effect\":\"Allow\",\"resources\":[\"arn:aws:scheduler:eu-west-1:111122223333:schedule/default/*\"]}";
        assert_eq!(role.contains(may), reads, "{role}");
        assert_eq!(role.contains("scheduler:"), reads, "{role}");
    }
}
