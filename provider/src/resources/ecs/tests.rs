use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_clusters_are_refused() {
    let rows = [
        (
            json!({"name": "a b"}),
            "name: ' ' cannot be in a name; use letters, digits and \"-_\"",
        ),
        (
            json!({"containerInsights": "on"}),
            "containerInsights: \"on\" is not one of disabled, enabled, enhanced",
        ),
    ];
    refuses("dbt-aws:ecs:Cluster", &rows);
}

#[test]
fn wrong_inputs_of_task_definitions_are_refused() {
    let task = |over: Json| {
        let containers = json!([{"name": "a", "image": "b"}]);
        merged(
            json!({"cpu": 256, "memory": 512, "containerDefinitions": containers}),
            &over,
        )
    };
    let logs =
        json!({"awslogs-group": "a", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "a"});
    let rows = [
        (
            task(json!({"memory": 4096})),
            "memory: Fargate has no cpu 256 with memory 4096; the nearest are 256 with 2048, 512 with 4096, 512 with 3072",
        ),
        (
            task(json!({"cpu": 300})),
            "cpu: Fargate has no cpu 300 with memory 512; the nearest are 256 with 512, 256 with 1024, 512 with 1024",
        ),
        (
            task(json!({"containerDefinitions": []})),
            "containerDefinitions: has 0 containers; give 1 to 10",
        ),
        (
            task(json!({"ephemeralStorageGb": 20})),
            "ephemeralStorageGb: must be 21 to 200, not 20",
        ),
        (
            task(json!({"containerDefinitions": [{"name": "a", "imge": "b", "image": "b"}]})),
            "containerDefinitions[0].imge: is not a property here; did you mean image?",
        ),
        (
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]}),
            ),
            "containerDefinitions[1].name: another container has the name a; give each its own",
        ),
        (
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "b", "secrets": {"A": "arn"}}]}),
            ),
            "containerDefinitions[0].secrets: needs executionRoleArn, the role that reads them",
        ),
        (
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/b:1"}]}),
            ),
            "containerDefinitions[0].image: needs executionRoleArn, the role that pulls it",
        ),
        (
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "b", "logConfiguration": {"options": logs}}]}),
            ),
            "containerDefinitions[0].logConfiguration: needs executionRoleArn, the role that writes the log",
        ),
    ];
    refuses("dbt-aws:ecs:TaskDefinition", &rows);
}
