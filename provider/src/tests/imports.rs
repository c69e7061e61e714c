//! What an import may name an object by, of every kind.

use pulumi_aws_framework::{context::Context, error::Result, identity::Identity};
use std::collections::BTreeSet;

/// What people have, and the id that the state is to have. An ARN's account is left out: nobody is asked for ours.
const GIVEN: [(&str, &[&str], &str); 29] = [
    (
        "cloudwatch:Dashboard",
        &["arn:aws:cloudwatch:::dashboard/shop"],
        "shop",
    ),
    (
        "cloudwatch:MetricAlarm",
        &["arn:aws:cloudwatch:eu-west-1::alarm:shop"],
        "shop",
    ),
    (
        "dynamodb:Table",
        &["arn:aws:dynamodb:eu-west-1::table/shop"],
        "shop",
    ),
    (
        "ec2:ElasticIp",
        &["arn:aws:ec2:eu-west-1::elastic-ip/eipalloc-1"],
        "eipalloc-1",
    ),
    (
        "ec2:InternetGateway",
        &["arn:aws:ec2:eu-west-1::internet-gateway/igw-1"],
        "igw-1",
    ),
    (
        "ec2:NatGateway",
        &["arn:aws:ec2:eu-west-1::natgateway/nat-1"],
        "nat-1",
    ),
    ("ec2:Route", &["rtb-1_0.0.0.0/0"], "rtb-1_0.0.0.0/0"),
    (
        "ec2:RouteTable",
        &["arn:aws:ec2:eu-west-1::route-table/rtb-1"],
        "rtb-1",
    ),
    (
        "ec2:RouteTableAssociation",
        &["arn:aws:ec2:eu-west-1::subnet/subnet-1"],
        "subnet-1",
    ),
    (
        "ec2:SecurityGroup",
        &["arn:aws:ec2:eu-west-1::security-group/sg-1"],
        "sg-1",
    ),
    (
        "ec2:SecurityGroupRule",
        &["arn:aws:ec2:eu-west-1::security-group-rule/sgr-1"],
        "sgr-1",
    ),
    (
        "ec2:Subnet",
        &["arn:aws:ec2:eu-west-1::subnet/subnet-1"],
        "subnet-1",
    ),
    ("ec2:Vpc", &["arn:aws:ec2:eu-west-1::vpc/vpc-1"], "vpc-1"),
    (
        "ec2:VpcEndpoint",
        &["arn:aws:ec2:eu-west-1::vpc-endpoint/vpce-1"],
        "vpce-1",
    ),
    (
        "ecr:Repository",
        &["arn:aws:ecr:eu-west-1::repository/team/shop"],
        "team/shop",
    ),
    (
        "ecs:Cluster",
        &["arn:aws:ecs:eu-west-1::cluster/shop"],
        "shop",
    ),
    (
        "ecs:TaskDefinition",
        &["arn:aws:ecs:eu-west-1::task-definition/shop:7", "shop:7"],
        "shop",
    ),
    (
        "events:Rule",
        &["arn:aws:events:eu-west-1::rule/shop"],
        "shop",
    ),
    (
        "iam:Role",
        &["arn:aws:iam:::role/dbt/shop", "/dbt/shop"],
        "shop",
    ),
    ("rds:Instance", &["arn:aws:rds:eu-west-1::db:shop"], "shop"),
    (
        "rds:ParameterGroup",
        &["arn:aws:rds:eu-west-1::pg:shop"],
        "shop",
    ),
    (
        "rds:SubnetGroup",
        &["arn:aws:rds:eu-west-1::subgrp:shop"],
        "shop",
    ),
    (
        "lambda:Function",
        &["arn:aws:lambda:eu-west-1::function:shop"],
        "shop",
    ),
    (
        "logs:LogGroup",
        &["arn:aws:logs:eu-west-1::log-group:/dbt/shop:*"],
        "/dbt/shop",
    ),
    (
        "s3:Bucket",
        &["arn:aws:s3:::shop-data", "s3://shop-data/"],
        "shop-data",
    ),
    (
        "scheduler:Schedule",
        &["arn:aws:scheduler:eu-west-1::schedule/default/shop"],
        "default/shop",
    ),
    (
        "secretsmanager:Secret",
        &["arn:aws:secretsmanager:eu-west-1::secret:team/x-a1B2c3"],
        "team/x",
    ),
    ("sns:Topic", &["arn:aws:sns:eu-west-1::shop"], "shop"),
    (
        "sqs:Queue",
        &["https://sqs.eu-west-1.amazonaws.com/123456789012/shop"],
        "https://sqs.eu-west-1.amazonaws.com/123456789012/shop",
    ),
];

/// Asking AWS for an account, an ARN or a URL has a test with AWS; and nothing in AWS is an image's layers, or an execution
/// that its program asked for.
const OTHERWISE: [&str; 4] = [
    "ecr:Image",
    "sfn:Execution",
    "sfn:StateMachine",
    "sns:Subscription",
];

async fn find_id(token: &str, given: &str) -> Result<Option<String>> {
    let catalogue = crate::catalogue();
    let kind = catalogue.resource(&format!("dbt-aws:{token}"));
    let cx = Context::offline("eu-west-1", Identity::default());
    kind.expect("a known token").find_id(&cx, given).await
}

#[tokio::test]
async fn an_object_is_imported_by_what_people_have() {
    for (token, given, id) in GIVEN {
        let spaced = format!(" {id}\n");
        for given in given.iter().copied().chain([id, spaced.as_str()]) {
            let found = find_id(token, given).await.map_err(|e| e.to_string());
            assert_eq!(found, Ok(Some(id.to_owned())), "{token} {given:?}");
        }
    }
}

#[tokio::test]
async fn what_names_no_object_of_the_kind_is_refused_with_the_form() {
    let all = crate::catalogue().resources;
    let mut refused: BTreeSet<_> = OTHERWISE.map(str::to_owned).into();
    for (token, _, id) in GIVEN {
        refused.insert(token.to_owned());
        let other = match token {
            "s3:Bucket" => "arn:aws:sqs:eu-west-1::shop",
            _ => "arn:aws:s3:::shop-data",
        };
        for given in ["", "  ", "no such id!", other, &format!("{id}?")] {
            let error = find_id(token, given).await.expect_err(given).to_string();
            let begins = format!(
                "could not import {:?} as a dbt-aws:{token}: give ",
                given.trim()
            );
            assert!(error.starts_with(&begins), "{error}");
        }
    }
    let tokens = all.iter().map(|r| r.token().replace("dbt-aws:", ""));
    assert_eq!(refused, tokens.collect());
    for (given, why) in [
        (
            "subnet-1",
            "could not import \"subnet-1\" as a dbt-aws:ec2:Vpc: give an id such as vpc-0123456789abcdef0, or an ARN \
             of ec2 with vpc/",
        ),
        (
            "arn:aws:ec2:us-east-1::vpc/vpc-1",
            "could not import \"arn:aws:ec2:us-east-1::vpc/vpc-1\" as a dbt-aws:ec2:Vpc: it is in us-east-1, and the \
             provider in eu-west-1; use a provider of that region",
        ),
    ] {
        let error = find_id("ec2:Vpc", given).await.expect_err(given);
        assert_eq!(error.to_string(), why);
    }
    let error = find_id("index:Seed", "abc").await.expect_err("refuses");
    assert_eq!(
        error.to_string(),
        "could not import \"abc\" as a dbt-aws:index:Seed: only the provider makes it, from other resources"
    );
}
