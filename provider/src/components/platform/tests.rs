//! What the platform expands to.

use super::*;
use crate::components::{
    recorder::{As, each_input_in_turn, record},
    refusals::{each_is_refused, every_input_is_told},
};
use expect_test::{ExpectFile, expect_file};
use pulumi_aws_framework::aws::Configuration;
use pulumi_aws_framework::component::erase;
use pulumi_aws_framework::reads::Reads;
use serde_json::json;

mod upon;

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
        crate::components::recorder::properties(&outputs)
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
async fn a_public_warehouse_in_an_existing_network_is_in_its_subnets() {
    let existing = json!({
        "vpcId": "vpc-1", "taskSubnetIds": ["subnet-1"], "warehouseSubnetIds": ["subnet-2", "subnet-3"],
    });
    let input = json!({
        "network": { "existing": existing }, "warehouse": { "postgres": { "publiclyAccessible": true } },
    });
    let platform = erase::<DbtPlatform>();
    let (recording, _) = record(platform.as_ref(), inputs(&input), As::Update).await;
    let subnets = &recording.registrations["shop-warehouse-subnets"].inputs["subnetIds"];
    assert_eq!(
        subnets.plain(),
        Value::List(vec!["subnet-2".into(), "subnet-3".into()])
    );
}

#[tokio::test]
async fn existing_network_and_warehouse() {
    let existing =
        json!({ "vpcId": "vpc-1", "taskSubnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"] });
    let external = json!({ "adapter": "snowflake", "settings": { "account": "a" }, "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s" });
    let input = json!({
        "network": { "existing": existing }, "warehouse": { "external": external },
        "cluster": { "existingArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/c" },
        "artifacts": { "bucket": "team-artifacts", "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k" },
    });
    check(input, As::Update, expect_file!["snapshots/existing.txt"]).await;
}

#[tokio::test]
async fn what_the_profile_says_of_an_external_warehouse_is_in_the_outputs() {
    let external = json!({
        "adapter": "redshift", "securityGroupId": "sg-1",
        "settings": { "host": "h.example.com", "port": "5439", "dbname": "shop", "ra3_node": true },
    });
    let input = json!({ "warehouse": { "external": external } });
    let platform = erase::<DbtPlatform>();
    let (_, outputs) = record(platform.as_ref(), inputs(&input), As::Update).await;
    let outputs = outputs.expect("constructs");
    let expected = json!({
        "adapter": "redshift", "host": "h.example.com", "port": 5439, "database": "shop", "securityGroupId": "sg-1",
    });
    assert_eq!(outputs["warehouse"].plain().to_json(), expected);
    let settings = outputs["handle"].plain().field("warehouseSettings");
    let settings: serde_json::Value =
        serde_json::from_str(settings.as_str().expect("text")).expect("JSON");
    assert_eq!(settings, external["settings"]);
}

/// YAML's interpreter loses a secret that is a part of an output.
#[tokio::test]
async fn a_secret_setting_makes_the_whole_handle_secret() {
    let mut given = inputs(&json!({ "retainData": false }));
    let settings = [("account".to_owned(), Value::secret("acme".into()))];
    let external = [
        ("adapter".to_owned(), "snowflake".into()),
        ("settings".to_owned(), Value::Object(settings.into())),
    ];
    let warehouse = [("external".to_owned(), Value::Object(external.into()))];
    given.insert("warehouse".to_owned(), Value::Object(warehouse.into()));
    let (_, outputs) = record(erase::<DbtPlatform>().as_ref(), given, As::Update).await;
    let handle = outputs.expect("constructs").remove("handle");
    let Some(Value::Secret(handle)) = handle else {
        panic!("{handle:?} is no secret");
    };
    assert!(!handle.has_secret());
    let settings = handle.plain().field("warehouseSettings");
    assert_eq!(settings.as_str(), Some(r#"{"account":"acme"}"#));
}

#[tokio::test]
async fn a_cluster_of_another_region_is_refused() {
    let look = async |region: &str| {
        let aws = Aws::new("dbt-aws", Configuration::default(), region.to_owned());
        let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/c";
        let given = inputs(&json!({ "cluster": { "existingArn": cluster } }));
        let found = DbtPlatform::check_online(&aws, &given)
            .await
            .expect("no call");
        found.iter().map(ToString::to_string).collect::<String>()
    };
    assert_eq!(look("eu-west-1").await, "");
    assert!(
        look("us-east-1")
            .await
            .starts_with("cluster.existingArn: is in eu-west-1")
    );
}

/// Every input: of what is made, and of what is there.
fn everything() -> [serde_json::Value; 2] {
    let postgres = json!({
        "version": "16", "instanceClass": "db.t4g.small", "storageGb": 30, "maxStorageGb": 100, "multiAz": true,
        "database": "shop", "backupDays": 3, "deletionProtection": true, "snapshotIdentifier": "before",
        "parameters": { "work_mem": "64MB" }, "publiclyAccessible": false,
        "databaseInsights": "advanced", "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k",
    });
    let made = json!({
        "network": { "mode": "nat", "cidrBlock": "10.0.0.0/16", "natGateways": "perZone", "zones": ["eu-west-1a", "eu-west-1b"] },
        "warehouse": { "postgres": postgres },
        "cluster": { "containerInsights": "enabled" },
        "artifacts": { "expireRunsAfterDays": 7, "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k" },
        "retainData": true, "logRetentionDays": 7, "dashboard": false, "permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/p",
        "tags": { "a": "b" },
    });
    let existing = json!({
        "vpcId": "vpc-1", "taskSubnetIds": ["subnet-1", "subnet-2"], "warehouseSubnetIds": ["subnet-3", "subnet-4"],
        "assignPublicIp": true, "securityGroupIds": ["sg-1"],
    });
    let external = json!({
        "adapter": "snowflake", "settings": { "account": "a" }, "securityGroupId": "sg-2",
        "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s",
        "secretKmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k",
    });
    let found = json!({
        "network": { "existing": existing }, "warehouse": { "external": external },
        "cluster": { "existingArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/c" }, "artifacts": { "bucket": "team-artifacts" },
    });
    [made, found]
}

#[tokio::test]
async fn what_is_unknown_or_secret() {
    for given in everything() {
        each_input_in_turn(erase::<DbtPlatform>().as_ref(), &inputs(&given)).await;
    }
}

#[tokio::test]
async fn what_a_child_refuses_is_refused_first() {
    let [mut made, found] = everything();
    made["warehouse"]["postgres"]["allowFrom"] = json!(["192.0.2.0/24", "sg-1"]);
    let counted = json!({
        "network": { "zoneCount": 3, "existing": null }, "warehouse": { "postgres": {} },
    });
    let existing = json!({ "network": found["network"], "warehouse": { "postgres": {} } });
    let examples = [&made, &found, &counted, &existing].map(inputs);
    // The handle and the outputs have the rest.
    let alone = [
        "network.mode",
        "network.zoneCount",
        "network.natGateways",
        "network.existing.taskSubnetIds",
        "network.existing.assignPublicIp",
        "network.existing.securityGroupIds",
        "warehouse.postgres.publiclyAccessible",
        "warehouse.external.adapter",
        "warehouse.external.settings",
        "warehouse.external.secretArn",
        "warehouse.external.secretKmsKeyArn",
        "warehouse.external.securityGroupId",
        "artifacts.bucket",
        "dashboard",
    ];
    let platform = erase::<DbtPlatform>();
    every_input_is_told(platform.as_ref(), &examples, &alone).await;

    let given = json!({ "warehouse": { "postgres": {} }, "network": {}, "artifacts": {} });
    let postgres = |key: &str| {
        (
            format!("/warehouse/postgres/{key}"),
            format!("warehouse.postgres.{key}"),
        )
    };
    let rows = [
        ("instanceClass", json!("t4g.micro"), "db.t4g.micro"),
        ("storageGb", json!(10), "must be 20 to 65536, not 10"),
        ("maxStorageGb", json!(21), "10% more than storageGb: 22"),
        (
            "database",
            json!("my-db"),
            "must have only letters, digits and underscores",
        ),
        ("backupDays", json!(40), "must be 0 to 35, not 40"),
        ("version", json!("17.x"), "is not a supported version"),
        ("version", json!("13"), "is past standard support"),
    ];
    for (key, value, reason) in rows {
        let (pointer, path) = postgres(key);
        each_is_refused(
            platform.as_ref(),
            &given,
            &[(&pointer, value, &path, reason)],
        )
        .await;
    }
    let rows = [
        ("/logRetentionDays", json!(31), "logRetentionDays", "31"),
        (
            "/network/cidrBlock",
            json!("127.0.0.0/16"),
            "network.cidrBlock",
            "which AWS refuses",
        ),
    ];
    each_is_refused(platform.as_ref(), &given, &rows).await;
    let given = json!({
        "warehouse": { "postgres": {} },
        "network": { "existing": { "vpcId": "vpc-1", "taskSubnetIds": ["subnet-1", "subnet-2"] } },
    });
    let one = json!(["subnet-1"]);
    let rows = [
        (
            "/network/existing/taskSubnetIds",
            one.clone(),
            "network.existing.taskSubnetIds",
            "two",
        ),
        (
            "/network/existing/warehouseSubnetIds",
            one,
            "network.existing.warehouseSubnetIds",
            "two",
        ),
    ];
    each_is_refused(platform.as_ref(), &given, &rows).await;
}

#[test]
fn what_is_exposed_is_said() {
    let check = |warehouse: serde_json::Value, expected: expect_test::Expect| {
        let judged = erase::<DbtPlatform>().check(
            &inputs(&json!({ "warehouse": warehouse })),
            &Reads::default(),
        );
        assert_eq!(judged.failures, []);
        expected.assert_eq(&judged.warnings.join("\n"));
    };
    use expect_test::expect;
    check(
        json!({"postgres": {
            "allowFrom": ["0.0.0.0/0", "128.0.0.0/1", "203.0.113.0/24", "sg-1"], "publiclyAccessible": true,
            "parameters": {"rds.force_ssl": "0", "work_mem": "64MB"}}}),
        expect![[r#"
            warehouse.postgres.allowFrom[0]: 0.0.0.0/0 lets the whole internet try passwords; name the addresses that need to connect
            warehouse.postgres.allowFrom[1]: 128.0.0.0/1 lets a good part of the internet try passwords; name the addresses that need to connect
            warehouse.postgres.publiclyAccessible: gives the database a public address, and allowFrom alone says who may try passwords; leave it out if a VPN or a bastion will do
            warehouse.postgres.parameters["rds.force_ssl"]: lets clients connect without TLS, passwords included; leave it out"#]],
    );
    check(
        json!({"postgres": {"allowFrom": ["203.0.113.0/24"], "publiclyAccessible": false, "parameters": {"rds.force_ssl": "1"}}}),
        expect![[""]],
    );
    check(
        json!({"external": {"adapter": "postgres", "settings": {"host": "db", "password": "hunter2", "sslmode": "prefer"}}}),
        expect![[r#"
            warehouse.external.settings.password: looks like a secret, and AWS shows it in plain text; give it in warehouse.external.secretArn
            warehouse.external.settings.sslmode: prefer lets the password and the data go unencrypted; write verify-full, or require"#]],
    );
    check(
        json!({"external": {"adapter": "bigquery", "settings": "{\"keyfile_json\": {\"private_key\": \"k\"}, \"token_uri\": \"https://a\"}"}}),
        expect![
            "warehouse.external.settings.keyfile_json.private_key: looks like a secret, and AWS shows it in plain text; give it in warehouse.external.secretArn"
        ],
    );
}

#[test]
fn wrong_inputs() {
    let check = |input: serde_json::Value, expected: expect_test::Expect| {
        let failures: Vec<_> = erase::<DbtPlatform>()
            .check(&inputs(&input), &Reads::default())
            .failures
            .iter()
            .map(ToString::to_string)
            .collect();
        expected.assert_eq(&failures.join("\n"));
    };
    use expect_test::expect;
    check(
        json!({ "network": { "cidrBlock": "10.0.0.0/24" } }),
        expect![[
            "network.cidrBlock: 10.0.0.0/24 is too small: its addresses are laid out for up to six zones; give a /16 to /22"
        ]],
    );
    check(
        json!({ "network": { "cidrBlock": "10.0.1.0/16" } }),
        expect![[
            "network.cidrBlock: 10.0.1.0/16 is not aligned; the block of that size that holds it is 10.0.0.0/16"
        ]],
    );
    check(
        json!({ "network": { "zoneCount": 7 } }),
        expect!["network.zoneCount: must be 2 to 6, not 7"],
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
        json!({ "network": { "existing": { "vpcId": "vpc-1", "taskSubnetIds": ["subnet-1"] }, "mode": "nat", "zoneCount": 2 } }),
        expect![[r#"
            network.mode: applies only to a new network; give only one of this and network.existing
            network.zoneCount: applies only to a new network; give only one of this and network.existing"#]],
    );
    let alias = "arn:aws:kms:eu-west-1:123456789012:alias/a";
    check(
        json!({
            "network": { "existing": { "vpcId": "v", "taskSubnetIds": ["subnet-1", "sg-1"], "securityGroupIds": ["s"] } },
            "warehouse": { "postgres": { "kmsKeyArn": alias } },
            "cluster": { "existingArn": "arn:aws:ecs:eu-west-1:123456789012:service/c" },
            "artifacts": { "bucket": "arn:aws:s3:::b", "kmsKeyArn": alias },
            "permissionsBoundaryArn": "boundary",
        }),
        expect![[r#"
            artifacts.bucket: ':' cannot be in a bucket's name; use lower-case letters, digits, dots and hyphens
            artifacts.kmsKeyArn: "arn:aws:kms:eu-west-1:123456789012:alias/a" is an alias; give the ARN of the key that the alias refers to
            cluster.existingArn: "arn:aws:ecs:eu-west-1:123456789012:service/c" is not an ARN such as arn:aws:ecs:eu-west-1:111122223333:cluster/...
            network.existing.securityGroupIds: "s" is not an id such as sg-0123456789abcdef0
            network.existing.taskSubnetIds: "sg-1" is not an id such as subnet-0123456789abcdef0
            network.existing.vpcId: "v" is not an id such as vpc-0123456789abcdef0
            permissionsBoundaryArn: "boundary" is not an ARN such as arn:aws:iam::111122223333:policy/...
            warehouse.postgres.kmsKeyArn: "arn:aws:kms:eu-west-1:123456789012:alias/a" is an alias; give the ARN of the key that the alias refers to"#]],
    );
    check(
        json!({ "warehouse": { "external": { "adapter": "a", "settings": [], "secretKmsKeyArn": alias, "securityGroupId": "s" } } }),
        expect![[r#"
            warehouse.external.secretKmsKeyArn: "arn:aws:kms:eu-west-1:123456789012:alias/a" is an alias; give the ARN of the key that the alias refers to
            warehouse.external.securityGroupId: "s" is not an id such as sg-0123456789abcdef0
            warehouse.external.settings: must be an object of the adapter's settings"#]],
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
        json!({ "warehouse": { "external": { "adapter": "snowflake", "settings": { "account": "a" }, "secretArn": "foo" } } }),
        expect![[
            r#"warehouse.external.secretArn: "foo" is not an ARN such as arn:aws:secretsmanager:eu-west-1:111122223333:secret:..."#
        ]],
    );
    check(
        json!({ "artifacts": { "expireRunsAfterDays": 0 } }),
        expect![["artifacts.expireRunsAfterDays: must be 1 or more, not 0"]],
    );
    check(
        json!({
            "artifacts": { "bucket": "team-artifacts", "expireRunsAfterDays": 7 },
            "cluster": { "existingArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/c", "containerInsights": "enabled" },
        }),
        expect![[r#"
            artifacts.expireRunsAfterDays: applies only to a new one, but artifacts.bucket names an existing one; give only one of them
            cluster.containerInsights: applies only to a new one, but cluster.existingArn names an existing one; give only one of them"#]],
    );
    check(
        json!({ "warehouse": { "postgres": { "allowFrom": ["192.0.2.0/24", "sg-1", "sg-1", "10.0.0.0/8", "192.0.2.0/24"] } } }),
        expect![[r#"
            warehouse.postgres.allowFrom[2]: is the same as allowFrom[1]; leave out one of the two
            warehouse.postgres.allowFrom[4]: is the same as allowFrom[0]; leave out one of the two"#]],
    );
    check(
        json!({ "warehouse": { "postgres": { "allowFrom": ["192.0.2.0/24", "office", "sg-1", "192.0.2.1/24"] } } }),
        expect![[r#"
            warehouse.postgres.allowFrom[1]: "office" is not an IPv4 block such as 10.0.0.0/16, nor the id of a security group
            warehouse.postgres.allowFrom[3]: 192.0.2.1/24 is not aligned; the block of that size that holds it is 192.0.2.0/24"#]],
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
