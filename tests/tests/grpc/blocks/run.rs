//! Roles, clusters, task definitions, repositories, state machines, schedules, rules, topics and functions over gRPC against moto.
//!
//! moto lists task definitions by revision, takes any role for assumable at once, and never runs anything.

mod executions;
mod functions;
mod machines;
mod metrics;
mod rules;
mod topics;

use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, shown};

fn trust(service: &str) -> Json {
    json!({"statements": [
        {"effect": "Allow", "actions": ["sts:AssumeRole"], "principals": {"Service": [service]}},
    ]})
}

fn policy(action: &str) -> Json {
    json!({"statements": [{"effect": "Allow", "actions": [action], "resources": ["*"]}]})
}

async fn role(stack: &Stack) -> String {
    let inputs = json!({"assumeRolePolicy": trust("states.amazonaws.com")});
    stack
        .make("dbt-aws:iam:Role", "role", inputs)
        .await
        .get("arn")
}

/// A policy document as a program writes it.
fn in_our_words(document: &Json) -> Json {
    let statement = |statement: &Json| {
        json!({
            "effect": statement["Effect"], "actions": statement["Action"], "resources": statement["Resource"],
            "principals": statement["Principal"],
        })
    };
    let statements = document["Statement"].as_array().into_iter().flatten();
    json!({"statements": statements.map(statement).collect::<Json>()})
}

fn by_name(policies: &Json) -> Json {
    let policies = policies.as_array().into_iter().flatten();
    let name = |policy: &Json| policy["PolicyName"].as_str().map(str::to_owned);
    let named = policies.map(|p| {
        (
            name(p).unwrap_or_default(),
            in_our_words(&p["PolicyDocument"]),
        )
    });
    Json::Object(named.collect())
}

#[tokio::test]
async fn role_lives() {
    let stack = Stack::new("role").await;
    let get_role = || Call::new("iam", "get_role", json!({"RoleName": "{id}"}), "Role");
    stack
        .test(Block {
            token: "dbt-aws:iam:Role",
            inputs: json!({"assumeRolePolicy": trust("ecs-tasks.amazonaws.com"), "inlinePolicies": {"a": policy("s3:GetObject")}}),
            updates: vec![
                json!({"description": "runs dbt"}),
                json!({"assumeRolePolicy": trust("states.amazonaws.com")}),
                json!({"inlinePolicies": {"a": policy("s3:PutObject"), "b": policy("s3:ListBucket")}}),
                json!({"inlinePolicies": {"b": policy("s3:ListBucket")}}),
                json!({"managedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}),
                json!({"managedPolicyArns": null}),
                json!({"maxSessionDuration": 7200}),
                json!({"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"}),
            ],
            replaces: vec![("name", json!("mine")), ("path", json!("/dbt/"))],
            by_hand: vec![
                (
                    "description",
                    Call::bare("iam", "update_role", json!({"RoleName": "{id}", "Description": "mine"})),
                ),
                (
                    "maxSessionDuration",
                    Call::bare("iam", "update_role", json!({"RoleName": "{id}", "MaxSessionDuration": 43_200})),
                ),
                (
                    "permissionsBoundary",
                    Call::bare(
                        "iam",
                        "put_role_permissions_boundary",
                        json!({"RoleName": "{id}", "PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
                    ),
                ),
            ],
            steady: vec![
                ("path", "AWS cannot change it"),
                ("assumeRolePolicy.version", "moto takes no older one"),
            ],
            listed: Call::new("iam", "list_roles", json!({}), "Roles[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new("iam", "list_role_tags", json!({"RoleName": "{id}"}), "Tags")),
            described: Some(Call::new(
                "iam",
                "get_account_authorization_details",
                json!({"Filter": ["Role"]}),
                "RoleDetailList[]",
            )),
            shows: vec![
                shown("name", "RoleName"),
                shown("path", "Path"),
                shown("description", "Description").by(get_role()),
                shown("assumeRolePolicy", "AssumeRolePolicyDocument").read(in_our_words),
                shown("inlinePolicies", "RolePolicyList").read(by_name),
                shown("managedPolicyArns", "AttachedManagedPolicies[].PolicyArn"),
                shown("permissionsBoundary", "PermissionsBoundary.PermissionsBoundaryArn").by(get_role()),
                shown("maxSessionDuration", "MaxSessionDuration").by(get_role()),
            ],
            anew: vec![json!({"name": "anew-0-mine", "path": "/dbt/"})],
..Block::default()
        })
        .await;
}

#[tokio::test]
async fn cluster_lives() {
    let stack = Stack::new("cluster").await;
    stack
        .test(Block {
            token: "dbt-aws:ecs:Cluster",
            updates: vec![
                json!({"containerInsights": "enabled"}),
                json!({"capacityProviders": ["FARGATE", "FARGATE_SPOT"]}),
            ],
            replaces: vec![("name", json!("mine"))],
            by_hand: vec![
                (
                    "containerInsights",
                    Call::bare(
                        "ecs",
                        "update_cluster",
                        json!({"cluster": "{id}", "settings": [{"name": "containerInsights", "value": "enhanced"}]}),
                    ),
                ),
                (
                    "capacityProviders",
                    Call::bare(
                        "ecs",
                        "put_cluster_capacity_providers",
                        json!({"cluster": "{id}", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}),
                    ),
                ),
            ],
            listed: Call::new("ecs", "list_clusters", json!({}), "clusterArns[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "ecs",
                "describe_clusters",
                json!({"clusters": ["{id}"], "include": ["TAGS"]}),
                "clusters[]",
            )),
            described: Some(Call::new(
                "ecs",
                "describe_clusters",
                json!({"clusters": ["{id}"], "include": ["SETTINGS"]}),
                "clusters[]",
            )),
            shows: vec![
                shown("name", "clusterName"),
                shown("containerInsights", "settings[].value"),
                shown("capacityProviders", "capacityProviders[]"),
            ],
            anew: vec![json!({"name": "anew-0-mine"})],
..Block::default()
        })
        .await;
}

#[tokio::test]
async fn repository_lives() {
    let stack = Stack::new("repository").await;
    let rule = |count: i32| {
        let selection =
            json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count});
        json!({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})
    };
    stack
        .test(Block {
            token: "dbt-aws:ecr:Repository",
            updates: vec![
                json!({"imageTagMutability": "MUTABLE"}),
                json!({"scanOnPush": true}),
                json!({"lifecyclePolicy": rule(50)}),
                json!({"lifecyclePolicy": rule(60).to_string()}),
                json!({"lifecyclePolicy": null}),
                json!({"forceDelete": true}),
            ],
            replaces: vec![
                ("name", json!("mine")),
                (
                    "kmsKeyArn",
                    json!("arn:aws:kms:eu-west-1:123456789012:key/mine"),
                ),
            ],
            by_hand: vec![
                (
                    "imageTagMutability",
                    Call::bare(
                        "ecr",
                        "put_image_tag_mutability",
                        json!({"repositoryName": "{id}", "imageTagMutability": "MUTABLE"}),
                    ),
                ),
                (
                    "scanOnPush",
                    Call::bare(
                        "ecr",
                        "put_image_scanning_configuration",
                        json!({"repositoryName": "{id}", "imageScanningConfiguration": {"scanOnPush": true}}),
                    ),
                ),
            ],
            steady: vec![("forceDelete", "AWS does not have it")],
            write_only: vec!["forceDelete"],
            listed: Call::new("ecr", "describe_repositories", json!({}), "repositories[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Nowhere,
            shows: vec![
                shown("name", "repositoryName"),
                shown("imageTagMutability", "imageTagMutability"),
                shown("scanOnPush", "imageScanningConfiguration.scanOnPush"),
                shown("kmsKeyArn", "encryptionConfiguration.kmsKey"),
                shown("lifecyclePolicy", "lifecyclePolicyText").by(Call::new(
                    "ecr",
                    "get_lifecycle_policy",
                    json!({"repositoryName": "{id}"}),
                    "",
                )),
            ],
            unseen: vec![("forceDelete", "AWS does not have it")],
            anew: vec![json!({"name": "anew-0-mine", "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"})],
..Block::default()
        })
        .await;
}

#[tokio::test]
async fn schedule_lives() {
    let stack = Stack::new("schedule").await;
    let role = role(&stack).await;
    let queue = stack
        .make("dbt-aws:sqs:Queue", "queue", json!({}))
        .await
        .get("arn");
    let target = |more: Json| {
        let mut target = json!({"arn": queue, "roleArn": role});
        for (key, value) in more.as_object().expect("an object") {
            target[key] = value.clone();
        }
        json!({"target": target})
    };
    let mut inputs = target(json!({}));
    inputs["scheduleExpression"] = "rate(1 hour)".into();
    let by_hand = |path: &'static str, change: Json, aim: Json| {
        let mut all = json!({
            "GroupName": "default", "Name": "{name}", "ScheduleExpression": "rate(1 hour)",
            "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": queue, "RoleArn": role},
        });
        let merge = |into: &mut Json, from: Json| {
            let from = from.as_object().cloned().unwrap_or_default();
            into.as_object_mut().expect("an object").extend(from);
        };
        merge(&mut all, change);
        merge(&mut all["Target"], aim);
        (path, Call::bare("scheduler", "update_schedule", all))
    };
    let none = || json!({});
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}});
    stack
        .test(Block {
            token: "dbt-aws:scheduler:Schedule",
            inputs,
            updates: vec![
                json!({"scheduleExpression": "cron(30 6 * * ? *)"}),
                json!({"timezone": "Europe/Paris"}),
                json!({"state": "DISABLED"}),
                json!({"flexibleWindowMinutes": 15}),
                target(json!({"input": {"commands": ["dbt build"]}})),
                target(json!({"input": "run <aws.scheduler.execution-id>"})),
                target(json!({"maximumAgeSeconds": 3600, "maximumRetryAttempts": 3})),
                target(json!({"deadLetterArn": queue})),
            ],
            replaces: vec![("name", json!("mine")), ("groupName", json!("others"))],
            by_hand: vec![
                by_hand(
                    "timezone",
                    json!({"ScheduleExpressionTimezone": "Asia/Tokyo"}),
                    none(),
                ),
                by_hand("state", json!({"State": "DISABLED"}), none()),
                by_hand("end", json!({"EndDate": "2040-01-31T00:00:00Z"}), none()),
                by_hand("flexibleWindowMinutes", window, none()),
                by_hand("target.input", none(), json!({"Input": "{}"})),
                by_hand(
                    "target.deadLetterArn",
                    none(),
                    json!({"DeadLetterConfig": {"Arn": queue}}),
                ),
                by_hand(
                    "target.maximumAgeSeconds",
                    none(),
                    json!({"RetryPolicy": {"MaximumEventAgeInSeconds": 60}}),
                ),
                by_hand(
                    "target.maximumRetryAttempts",
                    none(),
                    json!({"RetryPolicy": {"MaximumRetryAttempts": 0}}),
                ),
            ],
            steady: vec![
                ("groupName", "it is a part of the id"),
                ("start", "moto answers another time zone"),
                ("kmsKeyArn", "moto does not keep it"),
            ],
            unchanged: vec![
                ("start", "moto answers another time zone"),
                ("end", "moto answers another time zone"),
                ("kmsKeyArn", "moto does not keep it"),
            ],
            listed: Call::new("scheduler", "list_schedules", json!({}), "Schedules[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Nowhere,
            described: Some(Call::new(
                "scheduler",
                "get_schedule",
                json!({"GroupName": "default", "Name": "{name}"}),
                "",
            )),
            shows: vec![
                shown("name", "Name"),
                shown("scheduleExpression", "ScheduleExpression"),
                shown("timezone", "ScheduleExpressionTimezone"),
                shown(
                    "flexibleWindowMinutes",
                    "FlexibleTimeWindow.MaximumWindowInMinutes",
                ),
                shown("state", "State"),
                shown("target.arn", "Target.Arn"),
                shown("target.roleArn", "Target.RoleArn"),
                shown("target.input", "Target.Input"),
                shown("target.deadLetterArn", "Target.DeadLetterConfig.Arn"),
                shown(
                    "target.maximumAgeSeconds",
                    "Target.RetryPolicy.MaximumEventAgeInSeconds",
                ),
                shown(
                    "target.maximumRetryAttempts",
                    "Target.RetryPolicy.MaximumRetryAttempts",
                ),
            ],
            unseen: vec![
                ("groupName", "the schedule is looked for in its group"),
                ("start", "moto answers another time zone"),
                ("end", "moto answers another time zone"),
                ("kmsKeyArn", "moto does not keep it"),
            ],
            anew: vec![json!({"name": "anew-0-mine"})],
            ..Block::default()
        })
        .await;
}

/// The strategy has no property here, and stays.
#[tokio::test]
async fn a_cluster_keeps_its_default_strategy() {
    let stack = Stack::new("strategy").await;
    let inputs = json!({"capacityProviders": ["FARGATE", "FARGATE_SPOT"]});
    let cluster = stack.make("dbt-aws:ecs:Cluster", "cluster", inputs).await;
    let strategy = json!([{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 4}]);
    let put = json!({
        "cluster": cluster.id, "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": strategy,
    });
    stack
        .aws("ecs", "put_cluster_capacity_providers", &put)
        .expect("puts");
    let mut news = cluster.inputs.clone();
    news.extend(tests::properties(
        &json!({"capacityProviders": ["FARGATE"]}),
    ));
    stack
        .provider
        .update(&cluster, &news, false)
        .await
        .expect("updates");
    let found = stack
        .aws(
            "ecs",
            "describe_clusters",
            &json!({"clusters": [cluster.id]}),
        )
        .expect("answers");
    let kept = &found["clusters"][0]["defaultCapacityProviderStrategy"];
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "{kept}");
    assert_eq!(kept[0]["capacityProvider"], "FARGATE");
}

/// A change is a new revision; the two before it stay, because runs under way still use them.
#[tokio::test]
async fn task_definition_lives() {
    let stack = Stack::new("task").await;
    let container = |image: &str| json!([{"name": "dbt", "image": image}]);
    let inputs = json!({"cpu": 256, "memory": 512, "containerDefinitions": container("a:1")});
    let mut made = stack
        .make("dbt-aws:ecs:TaskDefinition", "tested", inputs)
        .await;
    let listed = |family: &str, status: &str| {
        let asked = json!({"familyPrefix": family, "status": status});
        let listed = stack
            .aws("ecs", "list_task_definitions", &asked)
            .expect("answers");
        listed["taskDefinitionArns"]
            .as_array()
            .expect("a list")
            .len()
    };
    let active = |family: &str| listed(family, "ACTIVE");
    for (index, image) in ["a:2", "a:3", "a:4"].into_iter().enumerate() {
        let mut news = made.inputs.clone();
        news.extend(tests::properties(
            &json!({"containerDefinitions": container(image)}),
        ));
        let diff = stack.provider.diff(&made, &news).await;
        assert_eq!(
            (diff.diffs, diff.replaces),
            (vec!["containerDefinitions".to_owned()], vec![])
        );
        made = stack
            .provider
            .update(&made, &news, false)
            .await
            .expect("updates");
        assert_eq!(active(&made.id), (index + 2).min(3));
        assert_eq!(listed(&made.id, "INACTIVE"), 0);
    }
    let read = stack
        .provider
        .read(&made)
        .await
        .expect("reads")
        .expect("is there");
    let diff = stack.provider.diff(&read, &made.inputs).await;
    assert_eq!(diff.diffs, Vec::<String>::new());
    stack.provider.delete(&made).await.expect("deletes");
    assert_eq!(active(&made.id) + listed(&made.id, "INACTIVE"), 0);
    stack.provider.delete(&made).await.expect("is gone already");
}
