//! Groups of subnets, and of parameters.

use super::subnets;
use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, shown};

fn rds_tags(stack: &Stack, kind: &str) -> Marked {
    let arn = stack.arn("rds", &format!("{kind}:"));
    Marked::Call(Call::new(
        "rds",
        "list_tags_for_resource",
        json!({"ResourceName": arn}),
        "TagList[]",
    ))
}

#[tokio::test]
async fn subnet_group_lives() {
    let stack = Stack::new("subnet-group").await;
    let ids = subnets(&stack).await;
    let vpc = stack.aws("ec2", "describe_subnets", &json!({"SubnetIds": ids}));
    let vpc = vpc.expect("answers")["Subnets"][0]["VpcId"].take();
    stack
        .test(Block {
            token: "dbt-aws:rds:SubnetGroup",
            inputs: json!({"subnetIds": [ids[1], ids[0]]}),
            updates: vec![
                json!({"subnetIds": ids}),
                json!({"description": "what it is for"}),
                json!({"description": null}),
            ],
            replaces: vec![("name", json!("mine")), ("vpcId", json!("vpc-2"))],
            by_hand: vec![(
                "description",
                Call::bare(
                    "rds",
                    "modify_db_subnet_group",
                    json!({
                        "DBSubnetGroupName": "{id}", "DBSubnetGroupDescription": "mine",
                        "SubnetIds": [ids[1], ids[0]],
                    }),
                ),
            )],
            listed: Call::new(
                "rds",
                "describe_db_subnet_groups",
                json!({}),
                "DBSubnetGroups[]",
            ),
            mentions: Some("{name}-".to_owned()),
            marked: rds_tags(&stack, "subgrp"),
            shows: vec![
                shown("name", "DBSubnetGroupName"),
                shown("description", "DBSubnetGroupDescription"),
                shown("subnetIds", "Subnets[].SubnetIdentifier"),
                shown("vpcId", "VpcId").or(vpc.clone()),
            ],
            anew: vec![json!({"name": "anew-0-mine", "vpcId": vpc})],
            ..Block::default()
        })
        .await;
}

fn parameters(found: &Json) -> Json {
    let found = found.as_array().into_iter().flatten();
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let pairs = found.map(|each| (text(&each["ParameterName"]), each["ParameterValue"].clone()));
    Json::Object(pairs.collect())
}

#[tokio::test]
async fn parameter_group_lives() {
    let stack = Stack::new("parameter-group").await;
    // More than RDS takes in one call.
    let mut many = json!({"rds.force_ssl": "0", "log_statement": "all"});
    (0..30).for_each(|i| many[format!("p{i}")] = json!("1"));
    stack
        .test(Block {
            token: "dbt-aws:rds:ParameterGroup",
            inputs: json!({"family": "postgres17", "parameters": {"rds.force_ssl": "1"}}),
            updates: vec![
                json!({"parameters": {"rds.force_ssl": "0", "log_statement": "all"}}),
                json!({"parameters": many}),
            ],
            replaces: vec![
                ("name", json!("mine")),
                ("family", json!("postgres18")),
                ("description", json!("what it is for")),
            ],
            by_hand: vec![(
                "parameters",
                Call::bare(
                    "rds",
                    "modify_db_parameter_group",
                    json!({"DBParameterGroupName": "{id}", "Parameters": [
                        {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"},
                    ]}),
                ),
            )],
            steady: vec![("description", "AWS cannot change it")],
            listed: Call::new(
                "rds",
                "describe_db_parameter_groups",
                json!({}),
                "DBParameterGroups[]",
            ),
            mentions: Some("{name}-".to_owned()),
            marked: rds_tags(&stack, "pg"),
            shows: vec![
                shown("name", "DBParameterGroupName"),
                shown("family", "DBParameterGroupFamily"),
                shown("description", "Description"),
                shown("parameters", "Parameters")
                    .by(Call::new("rds", "describe_db_parameters", json!({"DBParameterGroupName": "{id}"}), ""))
                    .read(parameters),
            ],
            anew: vec![json!({"name": "anew-0-mine", "description": "what it is for"})],
..Block::default()
        })
        .await;
}
