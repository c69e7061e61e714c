//! What the platform expands to.

use super::*;
use crate::component::{
    erase,
    recorder::{As, record},
};
use expect_test::{ExpectFile, expect_file};
use serde_json::json;

fn inputs(json: &serde_json::Value) -> Properties {
    Value::from_json(json).into_properties()
}

async fn check(input: serde_json::Value, how: As, expected: ExpectFile) {
    let (recording, outputs) = record(erase::<DbtPlatform>().as_ref(), inputs(&input), how).await;
    assert_eq!(
        recording.failures,
        Vec::<String>::new(),
        "what is known of a child's inputs passes its own check"
    );
    let outputs = outputs.expect("constructs");
    expected.assert_eq(&format!(
        "{}\noutputs\n{}",
        recording.text(),
        crate::component::recorder::properties(&outputs)
    ));
}

#[tokio::test]
async fn defaults() {
    check(
        json!({}),
        As::Preview,
        expect_file!["snapshots/defaults_preview.txt"],
    )
    .await;
    check(
        json!({}),
        As::Update,
        expect_file!["snapshots/defaults.txt"],
    )
    .await;
}

#[tokio::test]
async fn public() {
    let network = json!({ "mode": "public", "zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"], "cidrBlock": "10.8.0.0/20" });
    let warehouse = json!({ "postgres": { "publiclyAccessible": true, "allowFrom": ["192.0.2.0/24", "sg-1"], "parameters": { "work_mem": "64MB" } } });
    let input = json!({ "network": network, "warehouse": warehouse, "retainData": false, "tags": { "team": "data" } });
    check(input, As::Update, expect_file!["snapshots/public.txt"]).await;
}

#[tokio::test]
async fn existing_network_and_warehouse() {
    let existing =
        json!({ "vpcId": "vpc-1", "taskSubnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"] });
    let external = json!({ "adapter": "snowflake", "settings": { "account": "a" }, "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s" });
    let input = json!({
        "network": { "existing": existing }, "warehouse": { "external": external },
        "cluster": { "existingArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/c" }, "artifacts": { "bucket": "b" },
    });
    check(input, As::Update, expect_file!["snapshots/existing.txt"]).await;
}

/// Every input that need not be known, unknown: the children are the same.
#[tokio::test]
async fn an_unknown_input_changes_no_child() {
    let full = json!({
        "network": { "cidrBlock": "10.0.0.0/16", "natGateways": "perZone" },
        "warehouse": { "postgres": { "version": "16", "allowFrom": ["192.0.2.0/24"], "parameters": {}, "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k", "maxStorageGb": 100 } },
        "artifacts": { "expireRunsAfterDays": 7 },
        "retainData": true, "logRetentionDays": 7, "permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/p", "tags": { "a": "b" },
    });
    let component = erase::<DbtPlatform>();
    let children = async |input: Properties| {
        let (recording, outputs) = record(component.as_ref(), input, As::Preview).await;
        outputs.expect("constructs");
        recording
            .registrations
            .into_iter()
            .map(|(name, r)| (name, r.token))
            .collect::<Vec<_>>()
    };
    let known = children(inputs(&full)).await;
    for path in crate::component::recorder::leaves(component.tables().0, &inputs(&full)) {
        let unknown = crate::component::recorder::with_unknown(&inputs(&full), &path);
        assert_eq!(children(unknown).await, known, "{path:?} unknown");
    }
}

#[test]
fn wrong_inputs() {
    let check = |input: serde_json::Value, expected: expect_test::Expect| {
        let failures: Vec<_> = erase::<DbtPlatform>()
            .check(&inputs(&input))
            .iter()
            .map(ToString::to_string)
            .collect();
        expected.assert_eq(&failures.join("\n"));
    };
    use expect_test::expect;
    check(
        json!({ "network": { "cidrBlock": "10.0.0.0/24" } }),
        expect![["network.cidrBlock: 10.0.0.0/24 is too small for six zones; give a /16 to /22"]],
    );
    check(
        json!({ "network": { "cidrBlock": "10.0.1.0/16" } }),
        expect![[
            "network.cidrBlock: 10.0.1.0/16 is not aligned; the block of that size that holds it is 10.0.0.0/16"
        ]],
    );
    check(
        json!({ "network": { "zoneCount": 7 } }),
        expect![["network.zoneCount: 7 is not 2 to 6"]],
    );
    check(
        json!({ "network": { "zones": ["a"] } }),
        expect![["network.zones: name 2 to 6 zones"]],
    );
    check(
        json!({ "network": { "mode": "isolated" } }),
        expect![[r#"network.mode: "isolated" is not one of nat, public"#]],
    );
    check(
        json!({ "network": { "existing": { "vpcId": "v", "taskSubnetIds": ["s"] }, "mode": "nat" } }),
        expect![[
            "network.mode: goes with a new network, not with network.existing; give only one of them"
        ]],
    );
    check(
        json!({ "warehouse": {} }),
        expect![["warehouse: give exactly one of postgres, external"]],
    );
    check(
        json!({ "warehouse": { "postgress": {} } }),
        expect![["warehouse.postgress: is not a property here; did you mean postgres?"]],
    );
    check(
        json!({ "warehouse": { "postgres": { "version": "twelve" } } }),
        expect![[
            r#"warehouse.postgres.version: "twelve" is not a version of PostgreSQL such as 17"#
        ]],
    );
    check(
        json!({ "artifacts": { "expireRunsAfterDays": 0 } }),
        expect![["artifacts.expireRunsAfterDays: must be 1 or more"]],
    );
}

#[test]
fn blocks_for_six_zones_fit_and_do_not_overlap() {
    for block in ["10.0.0.0/16", "192.168.4.0/22"] {
        let block = Cidr::parse(block).expect("a block");
        let parts: Vec<_> = (0..6)
            .chain(8..14)
            .map(|i| network::part(block, i).0)
            .collect();
        for (i, part) in parts.iter().enumerate() {
            assert!(block.0.contains(part) && part.prefix_len() <= 28);
            assert!(parts[..i].iter().all(|other| !other.contains(part)));
        }
    }
}
