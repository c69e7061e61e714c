//! What holds for all kinds in the catalogue.

mod imports;
mod properties;

use crate::resources::{self, refusals::refused};
use pulumi_aws_framework::{
    resource::erase,
    value::{Properties, Value},
};
use serde_json::json;

#[test]
fn what_stays_in_its_place_goes_before_the_new_one_comes() {
    let subnet = erase::<resources::ec2::subnet::Subnet>();
    let inputs = |vpc: &str, block: &str| {
        let inputs = json!({ "vpcId": vpc, "cidrBlock": block, "availabilityZone": "eu-west-1a" });
        Value::from_json(&inputs).into_properties()
    };
    let old = inputs("vpc-1", "10.0.0.0/24");
    let first = |new: Properties| {
        subnet
            .diff(&old, &Properties::new(), &new, &[])
            .delete_before_replace
    };
    assert!(first(inputs("vpc-1", "10.0.0.0/20")));
    assert!(!first(inputs("vpc-2", "10.0.0.0/20")) && !first(old.clone()));
}

/// The longest name passes, a longer one does not.
#[test]
fn names_that_are_too_long_are_refused() {
    for (kind, field, longest) in [
        ("dynamodb:Table", "name", 255),
        ("ec2:SecurityGroup", "name", 255),
        ("ecr:Repository", "name", 256),
        ("ecs:Cluster", "name", 255),
        ("ecs:TaskDefinition", "family", 255),
        ("events:Rule", "name", 64),
        ("iam:Role", "name", 64),
        ("lambda:Function", "name", 64),
        ("logs:LogGroup", "name", 512),
        ("rds:Instance", "identifier", 63),
        ("rds:ParameterGroup", "name", 255),
        ("rds:SubnetGroup", "name", 255),
        ("s3:Bucket", "bucket", 63),
        ("scheduler:Schedule", "name", 64),
        ("secretsmanager:Secret", "name", 512),
        ("sfn:StateMachine", "name", 80),
        ("sns:Topic", "name", 256),
        ("sqs:Queue", "name", 80),
    ] {
        for (length, wrong) in [(longest, 0), (longest + 1, 1)] {
            let inputs = json!({ field: "x".repeat(length) });
            let mut found = refused(&format!("dbt-aws:{kind}"), &inputs, &Value::Null);
            found.retain(|failure| failure.starts_with(&format!("{field}: ")));
            assert_eq!(found.len(), wrong, "{kind} with {length}: {found:?}");
        }
    }
}

#[test]
fn default_tags_count_beside_a_resource_s_own() {
    let tags = |numbers: std::ops::Range<usize>| -> serde_json::Map<_, _> {
        numbers.map(|i| (format!("k{i}"), json!("v"))).collect()
    };
    let mut default = tags(0..40);
    default.insert("Team".to_owned(), json!("data"));
    let default = Value::from_json(&default.into());
    let trust = json!({"statements": [{"principals": {"Service": ["states.amazonaws.com"]}, "actions": ["sts:AssumeRole"]}]});
    let role = json!({"assumeRolePolicy": trust, "tags": {"team": "x", "a,b": "x"}});
    assert_eq!(
        refused("dbt-aws:iam:Role", &role, &default),
        [
            "tags[\"a,b\"]: ',' cannot be in a tag's key; AWS takes letters, digits, spaces and _ . : / = + - @",
            "tags.team: differs from the default tag Team only in case, and IAM treats the two as one key; use one spelling"
        ]
    );
    let vpc = |tags: serde_json::Value| {
        let inputs = json!({"cidrBlock": "10.0.0.0/16", "tags": tags});
        refused("dbt-aws:ec2:Vpc", &inputs, &default)
    };
    assert_eq!(
        vpc(tags(30..48).into()),
        ["tags: has 49 tags with the provider's default tags; at most 48 are allowed"]
    );
    assert_eq!(vpc(json!({"team": "x", "a,b": "R&D (EU)"})), [""; 0]);
}
