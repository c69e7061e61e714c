//! Databases.

mod groups;
mod snapshots;

use super::SECRET;
use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Stack, shown};

const INSTANCE: &str = "dbt-aws:rds:Instance";

async fn subnets(stack: &Stack) -> Vec<String> {
    let vpc = json!({"cidrBlock": "10.0.0.0/16"});
    let vpc = stack.make("dbt-aws:ec2:Vpc", "vpc", vpc).await;
    let mut ids = Vec::new();
    for index in 0..3 {
        let block = format!("10.0.{index}.0/24");
        let inputs = json!({"vpcId": vpc.id, "cidrBlock": block, "zoneIndex": index % 2});
        let name = format!("subnet-{index}");
        ids.push(stack.make("dbt-aws:ec2:Subnet", &name, inputs).await.id);
    }
    ids
}

fn not_the_default(name: &Json) -> Json {
    let name = name.as_str().filter(|name| !name.starts_with("default"));
    json!(name)
}

async fn master(stack: &Stack, name: &str) -> Made {
    let inputs = json!({"generate": {"template": {"username": "dbt"}}});
    stack.make(SECRET, name, inputs).await
}

/// The security group of a database without any: the default one, to moto that of the default VPC.
fn default_group(stack: &Stack) -> Json {
    let vpc = json!({"Filters": [{"Name": "is-default", "Values": ["true"]}]});
    let vpc = stack.aws("ec2", "describe_vpcs", &vpc).expect("answers");
    let group = json!({"Filters": [
        {"Name": "vpc-id", "Values": [vpc["Vpcs"][0]["VpcId"]]}, {"Name": "group-name", "Values": ["default"]},
    ]});
    let group = stack.aws("ec2", "describe_security_groups", &group);
    group.expect("answers")["SecurityGroups"][0]["GroupId"].take()
}

#[tokio::test]
async fn instance_lives() {
    let stack = Stack::new("instance").await;
    let ids = subnets(&stack).await;
    let group = json!({"subnetIds": ids});
    let group = stack.make("dbt-aws:rds:SubnetGroup", "group", group).await;
    let parameters = json!({"family": "postgres17"});
    let parameters = stack.make("dbt-aws:rds:ParameterGroup", "parameters", parameters);
    let parameters = parameters.await;
    let default_group = default_group(&stack);
    let security = json!({"vpcId": group.get("vpcId")});
    let security = stack
        .make("dbt-aws:ec2:SecurityGroup", "security", security)
        .await;
    let (secret, other) = (
        master(&stack, "secret").await,
        master(&stack, "other").await,
    );
    let by_hand = |path: &'static str, mut arguments: Json| {
        arguments["DBInstanceIdentifier"] = "{id}".into();
        arguments["ApplyImmediately"] = true.into();
        (path, Call::bare("rds", "modify_db_instance", arguments))
    };
    stack
        .test(Block {
            token: INSTANCE,
            inputs: json!({
                "engineVersion": "17.2",
                "instanceClass": "db.t4g.micro",
                "masterUserSecretArn": secret.get("arn"),
                "dbSubnetGroupName": group.id,
                "dbName": "analytics",
            }),
            updates: vec![
                json!({"instanceClass": "db.t4g.small"}),
                json!({"engineVersion": "17.5", "autoMinorVersionUpgrade": false}),
                json!({"engineVersion": "18.1"}),
                json!({"autoMinorVersionUpgrade": null}),
                json!({"allocatedStorage": 30}),
                json!({"maxAllocatedStorage": 100}),
                json!({"maxAllocatedStorage": null}),
                json!({"storageType": "gp2"}),
                json!({"multiAz": true}),
                json!({"masterUserSecretArn": other.get("arn")}),
                json!({"vpcSecurityGroupIds": [security.id]}),
                json!({"parameterGroupName": parameters.id}),
                json!({"parameterGroupName": null}),
                json!({"parameterGroupName": parameters.id}),
                json!({"backupRetentionDays": 1}),
                json!({"deletionProtection": true}),
                json!({"deletionProtection": null}),
                json!({"publiclyAccessible": true}),
                json!({"copyTagsToSnapshot": false}),
                json!({"caCertificateIdentifier": "rds-ca-rsa2048-g1"}),
                json!({"finalSnapshotIdentifier": "last"}),
                json!({"finalSnapshotIdentifier": null, "skipFinalSnapshot": true}),
                json!({"applyImmediately": false}),
                json!({"applyImmediately": null}),
            ],
            replaces: vec![
                ("identifier", json!("mine")),
                ("storageEncrypted", json!(false)),
                (
                    "kmsKeyArn",
                    json!("arn:aws:kms:eu-west-1:123456789012:key/mine"),
                ),
                ("dbName", json!("another")),
                ("masterUsername", json!("another")),
                ("dbSubnetGroupName", json!("another")),
                ("snapshotIdentifier", json!("another")),
            ],
            unchanged: vec![
                ("engine", "there is one"),
                ("engineLifecycleSupport", "moto forgets it"),
                ("databaseInsights", "moto forgets it"),
            ],
            by_hand: vec![
                by_hand("maxAllocatedStorage", json!({"MaxAllocatedStorage": 100})),
                by_hand("storageType", json!({"StorageType": "gp2"})),
                by_hand("multiAz", json!({"MultiAZ": true})),
                by_hand("backupRetentionDays", json!({"BackupRetentionPeriod": 0})),
                by_hand("deletionProtection", json!({"DeletionProtection": true})),
                by_hand("publiclyAccessible", json!({"PubliclyAccessible": true})),
                by_hand("copyTagsToSnapshot", json!({"CopyTagsToSnapshot": false})),
                by_hand(
                    "autoMinorVersionUpgrade",
                    json!({"AutoMinorVersionUpgrade": false}),
                ),
            ],
            steady: vec![
                ("engine", "there is one"),
                ("engineLifecycleSupport", "moto forgets it"),
                ("allocatedStorage", "storage cannot shrink"),
                ("storageEncrypted", "AWS cannot change it"),
                ("databaseInsights", "moto forgets it"),
                ("applyImmediately", "AWS does not have it"),
                ("skipFinalSnapshot", "AWS does not have it"),
            ],
            // What AWS chooses where the program does not, and what only a delete or an update uses.
            write_only: vec![
                "applyImmediately",
                "caCertificateIdentifier",
                "finalSnapshotIdentifier",
                "kmsKeyArn",
                "masterUsername",
                "parameterGroupName",
                "skipFinalSnapshot",
                "vpcSecurityGroupIds",
            ],
            listed: Call::new("rds", "describe_db_instances", json!({}), "DBInstances[]"),
            shows: vec![
                shown("identifier", "DBInstanceIdentifier"),
                shown("engine", "Engine"),
                shown("engineVersion", "EngineVersion"),
                shown("instanceClass", "DBInstanceClass"),
                shown("allocatedStorage", "AllocatedStorage"),
                shown("maxAllocatedStorage", "MaxAllocatedStorage"),
                shown("storageType", "StorageType"),
                shown("storageEncrypted", "StorageEncrypted"),
                shown("kmsKeyArn", "KmsKeyId").read(not_the_default),
                shown("multiAz", "MultiAZ"),
                shown("dbName", "DBName"),
                shown("masterUsername", "MasterUsername").or("dbt"),
                shown("dbSubnetGroupName", "DBSubnetGroup.DBSubnetGroupName"),
                shown("vpcSecurityGroupIds", "VpcSecurityGroups[].VpcSecurityGroupId").or(default_group),
                shown("parameterGroupName", "DBParameterGroups[].DBParameterGroupName").read(not_the_default),
                shown("backupRetentionDays", "BackupRetentionPeriod"),
                shown("deletionProtection", "DeletionProtection"),
                shown("publiclyAccessible", "PubliclyAccessible"),
                shown("copyTagsToSnapshot", "CopyTagsToSnapshot"),
                shown("caCertificateIdentifier", "CACertificateIdentifier").or("rds-ca-default"),
                shown("autoMinorVersionUpgrade", "AutoMinorVersionUpgrade"),
            ],
            unseen: vec![
                ("engineLifecycleSupport", "moto forgets it"),
                ("databaseInsights", "moto forgets it"),
                ("masterUserSecretArn", "RDS shows no password"),
                ("snapshotIdentifier", "RDS does not keep it; tests of its own restore"),
                ("applyImmediately", "AWS does not have it"),
                ("skipFinalSnapshot", "AWS does not have it"),
                ("finalSnapshotIdentifier", "AWS does not have it"),
            ],
            anew: vec![
                json!({"identifier": "mine", "masterUsername": "dbt", "dbName": "another", "skipFinalSnapshot": true}),
                json!({"storageEncrypted": false, "skipFinalSnapshot": true}),
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine", "skipFinalSnapshot": true}),
            ],
..Block::default()
        })
        .await;
}

async fn database(stack: &Stack, inputs: Json) -> Made {
    let secret = master(stack, "secret").await;
    let mut all =
        json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": secret.get("arn")});
    for (key, value) in inputs.as_object().expect("an object") {
        all[key] = value.clone();
    }
    stack.make(INSTANCE, "database", all).await
}

#[tokio::test]
async fn a_database_with_other_storage_is_not_imported() {
    let stack = Stack::new("io1").await;
    let other = json!({
        "DBInstanceIdentifier": "other-storage", "Engine": "postgres", "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": 100, "StorageType": "io1", "Iops": 1000, "MasterUsername": "dbt",
        "MasterUserPassword": "hunter2hunter2",
    });
    stack
        .aws("rds", "create_db_instance", &other)
        .expect("makes");
    let urn = stack.urn(INSTANCE, "other");
    let refused = stack.provider.import(&urn, "other-storage").await;
    let refused = refused.expect_err("refuses");
    assert!(
        refused.message().starts_with(
            "could not import the database other-storage: it has another kind of storage than gp2 or gp3, for which"
        ),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn a_class_that_a_region_lacks_says_which_it_has() {
    let stack = Stack::new("lacking").await;
    let secret = master(&stack, "secret").await;
    let inputs =
        json!({"instanceClass": "db.t4g.nowhere", "masterUserSecretArn": secret.get("arn")});
    let (urn, none) = (
        stack.urn(INSTANCE, "database"),
        tests::properties(&json!({})),
    );
    let inputs = stack
        .provider
        .check(&urn, &none, &tests::properties(&inputs))
        .await;
    let refused = stack
        .provider
        .create(&urn, &inputs.expect("checks"), false)
        .await;
    let refused = refused.expect_err("refuses");
    let advice = format!(
        "give one of `aws rds describe-orderable-db-instance-options --region {} --engine postgres --query \
         'OrderableDBInstanceOptions[].DBInstanceClass'`",
        stack.region
    );
    assert!(refused.message().contains(&advice), "{}", refused.message());
}

#[tokio::test]
async fn taking_away_what_a_database_must_have_is_refused() {
    let stack = Stack::new("taken").await;
    let given = json!({"caCertificateIdentifier": "rds-ca-rsa2048-g1", "skipFinalSnapshot": true});
    let made = database(&stack, given).await;
    let mut news = made.inputs.clone();
    news.remove("caCertificateIdentifier");
    let refused = stack.provider.update(&made, &news, false).await;
    assert_eq!(
        refused.expect_err("refuses").message(),
        format!(
            "could not update the database {}: caCertificateIdentifier cannot be removed, only changed; give it a value",
            made.id
        )
    );
}

#[tokio::test]
async fn a_protected_database_says_what_to_do() {
    let stack = Stack::new("protected").await;
    let made = database(&stack, json!({"deletionProtection": true})).await;
    let refused = stack.provider.delete(&made).await.expect_err("refuses");
    assert_eq!(
        refused.message(),
        format!(
            "could not delete the database {}: it is protected; set deletionProtection to false and run `pulumi up` \
             first",
            made.id
        )
    );
}

/// Storage that grew by itself, and a minor version that AWS installed, are no differences.
#[tokio::test]
async fn what_a_database_does_by_itself_is_no_drift() {
    let stack = Stack::new("grown").await;
    let inputs =
        json!({"engineVersion": "17", "maxAllocatedStorage": 100, "skipFinalSnapshot": true});
    let made = database(&stack, inputs).await;
    let grown = json!({
        "DBInstanceIdentifier": made.id, "AllocatedStorage": 55, "EngineVersion": "17.6", "ApplyImmediately": true,
    });
    stack
        .aws("rds", "modify_db_instance", &grown)
        .expect("modifies");
    let read = stack
        .provider
        .read(&made)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(read.inputs, made.inputs);
    assert_eq!(read.outputs["allocatedStorageActual"].to_json(), json!(55));
    assert_eq!(read.get("engineVersionActual"), "17.6");

    let news = json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": made.get("masterUserSecretArn"),
        "engineVersion": "17", "skipFinalSnapshot": true});
    let news = stack
        .provider
        .check(&made.urn, &made.inputs, &tests::properties(&news))
        .await;
    let refused = stack
        .provider
        .update(&read, &news.expect("checks"), false)
        .await;
    assert_eq!(
        refused.expect_err("refuses").message(),
        format!(
            "could not update the database {}: allocatedStorage 20 is less than the 55 GiB that it has, and storage \
             cannot shrink; give 55 or more",
            made.id
        )
    );
}

/// This process has just made it.
#[tokio::test]
async fn a_new_password_is_not_asked_for() {
    let stack = Stack::new("new-password").await;
    let seed = stack.make("dbt-aws:index:Seed", "seed", json!({})).await;
    let secret = json!({"__seed": seed.id, "generate": {"template": {"username": "dbt"}}});
    let secret = stack.make(SECRET, "secret", secret).await;
    let gone = json!({"SecretId": secret.id, "ForceDeleteWithoutRecovery": true});
    let gone = stack.aws("secretsmanager", "delete_secret", &gone);
    gone.expect("deletes");
    let inputs = json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": secret.get("arn")});
    stack.make(INSTANCE, "database", inputs).await;
}

/// The secret is looked at before a database is made of it, and its value is in no message.
#[tokio::test]
async fn a_secret_that_is_no_login_is_refused() {
    let stack = Stack::new("no-login").await;
    let cases = [
        (
            "not-json",
            json!("hunter2"),
            "its value is not a JSON object",
        ),
        (
            "no-password",
            json!({"username": "dbt"}),
            "it has no string \"password\"",
        ),
        (
            "no-username",
            json!({"password": "hunter2hunter2"}),
            "it has no string \"username\"; add it, or give masterUsername",
        ),
        (
            "short",
            json!({"username": "dbt", "password": "hunter2"}),
            "the password must have 8 to 128 characters",
        ),
        (
            "slash",
            json!({"username": "dbt", "password": "hunter2/hunter2"}),
            "the password contains '/', which RDS does not allow; use printable ASCII without / \" @ and space",
        ),
    ];
    for (name, value, reason) in cases {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let secret = stack
            .make(SECRET, name, json!({"secretString": text}))
            .await;
        let urn = stack.urn(INSTANCE, name);
        let inputs =
            json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": secret.get("arn")});
        let none = tests::properties(&json!({}));
        let inputs = stack
            .provider
            .check(&urn, &none, &tests::properties(&inputs))
            .await;
        let refused = stack
            .provider
            .create(&urn, &inputs.expect("checks"), false)
            .await;
        assert_eq!(
            refused.expect_err("refuses").message(),
            format!(
                "could not take the master password from the secret {}: {reason}",
                secret.get("arn")
            )
        );
    }
}
