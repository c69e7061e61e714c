//! Databases, secrets, buckets, log groups and queues over gRPC against moto.
//!
//! moto makes a database at once and takes any version of it; a restore there does not say what the password is; it
//! keeps no Database Insights; parameters cannot be reset.

use dbt_aws::value::Value;
use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Marked, Stack};

const SECRET: &str = "dbt-aws:secretsmanager:Secret";
const INSTANCE: &str = "dbt-aws:rds:Instance";
const BUCKET: &str = "dbt-aws:s3:Bucket";

/// The ARN of an object with the id `{id}`.
fn arn(stack: &Stack, service: &str, kind: &str) -> String {
    let caller = stack.aws("sts", "get_caller_identity", &json!({}));
    let account = caller.expect("answers")["Account"].take();
    let account = account.as_str().expect("text").to_owned();
    format!("arn:aws:{service}:{}:{account}:{kind}:{{id}}", stack.region)
}

#[tokio::test]
async fn log_group_lives() {
    let stack = Stack::new("log-group").await;
    let arn = arn(&stack, "logs", "log-group");
    stack
        .test(Block {
            token: "dbt-aws:logs:LogGroup",
            inputs: json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
            updates: vec![
                json!({"retentionDays": 30}),
                json!({"retentionDays": 3653}),
                json!({"retentionDays": null}),
            ],
            replaces: vec![("name", json!("/dbt/mine"))],
            unchanged: vec![("kmsKeyArn", "moto cannot change it")],
            listed: Call::new("logs", "describe_log_groups", json!({}), "logGroups[]"),
            mentions: Some("tested-".to_owned()),
            marked: Marked::Call(Call::new(
                "logs",
                "list_tags_for_resource",
                json!({"resourceArn": arn}),
                "tags",
            )),
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn queue_lives() {
    let stack = Stack::new("queue").await;
    let dead = stack.make("dbt-aws:sqs:Queue", "dead", json!({})).await;
    let policy = |action: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": "*"},
        ]})
    };
    stack
        .test(Block {
            token: "dbt-aws:sqs:Queue",
            inputs: json!({"messageRetentionSeconds": 1_209_600}),
            updates: vec![
                json!({"visibilityTimeoutSeconds": 120}),
                json!({"messageRetentionSeconds": null}),
                json!({"policy": policy("sqs:SendMessage")}),
                json!({"policy": policy("sqs:*").to_string()}),
                json!({"policy": null}),
                json!({"redrivePolicy": {"deadLetterTargetArn": dead.get("arn"), "maxReceiveCount": 5}}),
                json!({"redrivePolicy": {"deadLetterTargetArn": dead.get("arn"), "maxReceiveCount": 6}}),
                json!({"sqsManagedSse": false}),
                json!({"sqsManagedSse": null, "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
            ],
            replaces: vec![("name", json!("mine"))],
            listed: Call::new("sqs", "list_queues", json!({}), "QueueUrls[]"),
            mentions: Some("tested-".to_owned()),
            marked: Marked::Call(Call::new(
                "sqs",
                "list_queue_tags",
                json!({"QueueUrl": "{id}"}),
                "Tags",
            )),
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn bucket_lives() {
    let stack = Stack::new("bucket").await;
    let rule = |id: &str, days: i32| json!({"id": id, "expirationDays": days});
    stack
        .test(Block {
            token: BUCKET,
            updates: vec![
                json!({"versioning": true}),
                json!({"versioning": null}),
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
                json!({"kmsKeyArn": null}),
                json!({"tlsOnly": false}),
                json!({"tlsOnly": null}),
                json!({"publicAccessBlock": {"blockPublicPolicy": false, "restrictPublicBuckets": false}}),
                json!({"publicAccessBlock": null}),
                json!({"lifecycleRules": [rule("b", 3), rule("a", 90)]}),
                json!({"lifecycleRules": [{"id": "a", "prefix": "runs/", "noncurrentDays": 2, "abortIncompleteMultipartDays": 1}]}),
                json!({"lifecycleRules": null}),
                json!({"retainNonEmpty": true}),
                json!({"retainNonEmpty": null, "forceDestroy": true}),
            ],
            replaces: vec![("bucket", json!("mine"))],
            untold: vec!["retainNonEmpty", "forceDestroy"],
            listed: Call::new("s3", "list_buckets", json!({}), "Buckets[]"),
            mentions: Some("tested-".to_owned()),
            marked: Marked::Call(Call::new(
                "s3",
                "get_bucket_tagging",
                json!({"Bucket": "{id}"}),
                "TagSet[]",
            )),
            ..Block::default()
        })
        .await;
}

/// Puts more than one page of objects, one of them twice, and a delete marker into a bucket that keeps versions.
fn fill(stack: &Stack, bucket: &Made) {
    let put = |key: &str| {
        let object = json!({"Bucket": bucket.id, "Key": key, "Body": "x"});
        stack.aws("s3", "put_object", &object).expect("puts");
    };
    (0..1_001).for_each(|i| put(&format!("runs/{i} & more")));
    put("runs/0 & more");
    put("gone");
    let gone = json!({"Bucket": bucket.id, "Key": "gone"});
    stack.aws("s3", "delete_object", &gone).expect("deletes");
}

fn versions(stack: &Stack, bucket: &Made) -> Result<usize, String> {
    let found = stack.aws("s3", "list_object_versions", &json!({"Bucket": bucket.id}))?;
    Ok(found["Versions"].as_array().map_or(0, Vec::len))
}

#[tokio::test]
async fn a_bucket_is_emptied_only_when_asked() {
    let stack = Stack::new("full-bucket").await;
    // moto takes the policy that refuses requests without TLS for one that refuses all.
    let inputs = json!({"versioning": true, "tlsOnly": false});
    let mut bucket = stack.make(BUCKET, "full", inputs).await;
    fill(&stack, &bucket);
    let held = versions(&stack, &bucket);
    assert!(held.as_ref().is_ok_and(|count| *count > 0));
    let refused = stack.provider.delete(&bucket).await.expect_err("refuses");
    assert_eq!(
        refused.message(),
        format!(
            "could not delete the bucket {}: it holds objects; empty it, or set forceDestroy to true and run \
             `pulumi up` first",
            bucket.id
        )
    );
    assert_eq!(versions(&stack, &bucket), held);

    bucket
        .outputs
        .insert("retainNonEmpty".to_owned(), Value::Bool(true));
    stack.provider.delete(&bucket).await.expect("keeps");
    let kept = format!("the bucket {} holds objects and is kept", bucket.id);
    stack.provider.said(&kept).await;
    assert_eq!(versions(&stack, &bucket), held);

    bucket.outputs.remove("retainNonEmpty");
    bucket
        .outputs
        .insert("forceDestroy".to_owned(), Value::Bool(true));
    stack.provider.delete(&bucket).await.expect("empties");
    assert_eq!(versions(&stack, &bucket), Err("NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn the_rest_of_a_bucket_policy_stays() {
    let stack = Stack::new("policy").await;
    let bucket = stack.make(BUCKET, "shared", json!({})).await;
    let policy = |stack: &Stack| {
        let found = stack.aws("s3", "get_bucket_policy", &json!({"Bucket": bucket.id}));
        let text = found.expect("has a policy")["Policy"].take();
        serde_json::from_str::<Json>(text.as_str().expect("text")).expect("JSON")
    };
    let mut both = policy(&stack);
    assert_eq!(
        both["Statement"][0]["Resource"],
        json!([
            format!("arn:aws:s3:::{}", bucket.id),
            format!("arn:aws:s3:::{}/*", bucket.id)
        ])
    );
    assert_eq!(
        both["Statement"][0]["Condition"],
        json!({"Bool": {"aws:SecureTransport": "false"}})
    );
    let other = json!({
        "Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{}/*", bucket.id),
    });
    both["Statement"]
        .as_array_mut()
        .expect("a list")
        .push(other.clone());
    let put = json!({"Bucket": bucket.id, "Policy": both.to_string()});
    stack.aws("s3", "put_bucket_policy", &put).expect("puts");
    let news = stack
        .provider
        .check(
            &bucket.urn,
            &bucket.inputs,
            &tests::properties(&json!({"tlsOnly": false})),
        )
        .await
        .expect("checks");
    stack
        .provider
        .update(&bucket, &news, false)
        .await
        .expect("updates");
    assert_eq!(policy(&stack)["Statement"], json!([other]));
}

/// What is there under a name that a program gives, and was not made by it, is never taken over.
#[tokio::test]
async fn the_objects_of_others_are_left_alone() {
    let stack = Stack::new("others").await;
    let bucket = "others-of-the-data-tests";
    let made = [
        ("sqs", "create_queue", json!({"QueueName": "theirs"})),
        (
            "logs",
            "create_log_group",
            json!({"logGroupName": "theirs"}),
        ),
        (
            "secretsmanager",
            "create_secret",
            json!({"Name": "theirs", "SecretString": "x"}),
        ),
        (
            "s3",
            "create_bucket",
            match stack.region {
                "us-east-1" => json!({"Bucket": bucket}),
                region => {
                    json!({"Bucket": bucket, "CreateBucketConfiguration": {"LocationConstraint": region}})
                }
            },
        ),
        (
            "rds",
            "create_db_parameter_group",
            json!({"DBParameterGroupName": "theirs", "DBParameterGroupFamily": "postgres17", "Description": "x"}),
        ),
    ];
    for (service, operation, arguments) in made {
        stack.aws(service, operation, &arguments).expect("makes");
    }
    let cases = [
        (
            "dbt-aws:sqs:Queue",
            json!({"name": "theirs"}),
            "the queue theirs",
        ),
        (
            "dbt-aws:logs:LogGroup",
            json!({"name": "theirs"}),
            "the log group theirs",
        ),
        (SECRET, json!({"name": "theirs"}), "the secret theirs"),
        (
            BUCKET,
            json!({"bucket": bucket}),
            "the bucket others-of-the-data-tests",
        ),
        (
            "dbt-aws:rds:ParameterGroup",
            json!({"name": "theirs", "family": "postgres17"}),
            "the DB parameter group theirs",
        ),
    ];
    for (token, inputs, what) in cases {
        let urn = stack.urn(token, "mine");
        let none = tests::properties(&json!({}));
        let inputs = stack
            .provider
            .check(&urn, &none, &tests::properties(&inputs))
            .await;
        let inputs = inputs.expect("checks");
        let refused = stack
            .provider
            .create(&urn, &inputs, false)
            .await
            .expect_err("refuses");
        assert_eq!(
            refused.message(),
            format!(
                "could not create {what}: it exists already and {urn} did not make it; choose another name, remove it, \
                 or take it over with `pulumi import`"
            )
        );
    }
}

#[tokio::test]
async fn secret_lives() {
    let stack = Stack::new("secret").await;
    stack
        .test(Block {
            token: SECRET,
            inputs: json!({"secretString": "first"}),
            updates: vec![
                json!({"secretString": "second"}),
                // moto cannot take it away.
                json!({"description": "what it is for"}),
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
                json!({"kmsKeyArn": null}),
                json!({"recoveryWindowDays": 7}),
                json!({"recoveryWindowDays": null}),
            ],
            replaces: vec![
                ("name", json!("mine")),
                ("generate", json!({"secretString": null, "generate": {}})),
            ],
            untold: vec!["secretString", "recoveryWindowDays"],
            listed: Call::new("secretsmanager", "list_secrets", json!({}), "SecretList[]"),
            ..Block::default()
        })
        .await;
}

fn value(stack: &Stack, id: &str) -> Json {
    let found = stack.aws(
        "secretsmanager",
        "get_secret_value",
        &json!({"SecretId": id}),
    );
    let text = found.expect("has a value")["SecretString"].take();
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

/// A password that the provider makes is nowhere but in AWS.
#[tokio::test]
async fn a_generated_password_is_not_in_the_state() {
    let stack = Stack::new("generated").await;
    let generate =
        json!({"length": 40, "excludeCharacters": "-_.~0Oo1lI", "template": {"username": "dbt"}});
    let made = stack
        .make(SECRET, "master", json!({"generate": generate}))
        .await;
    let value_of = value(&stack, &made.id);
    let password = value_of["password"]
        .as_str()
        .expect("a password")
        .to_owned();
    assert_eq!(value_of, json!({"username": "dbt", "password": password}));
    assert_eq!(password.len(), 40);
    assert!(
        password
            .chars()
            .all(|c| c.is_ascii_alphanumeric() && !"0Oo1lI".contains(c))
    );
    let read = stack
        .provider
        .read(&made)
        .await
        .expect("reads")
        .expect("is there");
    let shown = format!("{:?} {:?} {:?}", made, read, stack.provider.messages());
    assert!(!shown.contains(&password));
    // As after a process that was killed before it could answer.
    let again = stack.provider.create(&made.urn, &made.inputs, false).await;
    assert_eq!(
        again.expect("creates").get("versionId"),
        made.get("versionId")
    );
    assert_eq!(value(&stack, &made.id), value_of);
}

/// A deleted secret is gone, yet its name is not free; AWS restores it with its value.
#[tokio::test]
async fn a_secret_that_waits_for_its_deletion_is_restored() {
    let stack = Stack::new("restored").await;
    let inputs = json!({"name": "master", "generate": {}, "recoveryWindowDays": 7});
    let made = stack.make(SECRET, "master", inputs.clone()).await;
    let before = value(&stack, &made.id);
    stack.provider.delete(&made).await.expect("deletes");
    stack.provider.delete(&made).await.expect("deletes again");
    assert!(stack.provider.read(&made).await.expect("reads").is_none());
    let again = stack.make(SECRET, "master", inputs).await;
    assert_eq!(again.get("arn"), made.get("arn"));
    assert_eq!(value(&stack, &made.id), before);
}

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

fn rds_tags(stack: &Stack, kind: &str) -> Marked {
    let arn = arn(stack, "rds", kind);
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
    stack
        .test(Block {
            token: "dbt-aws:rds:SubnetGroup",
            inputs: json!({"subnetIds": [ids[1], ids[0]]}),
            updates: vec![
                json!({"subnetIds": ids}),
                json!({"description": "what it is for"}),
                json!({"description": null}),
            ],
            replaces: vec![("name", json!("mine"))],
            listed: Call::new(
                "rds",
                "describe_db_subnet_groups",
                json!({}),
                "DBSubnetGroups[]",
            ),
            mentions: Some("tested-".to_owned()),
            marked: rds_tags(&stack, "subgrp"),
            ..Block::default()
        })
        .await;
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
            listed: Call::new(
                "rds",
                "describe_db_parameter_groups",
                json!({}),
                "DBParameterGroups[]",
            ),
            mentions: Some("tested-".to_owned()),
            marked: rds_tags(&stack, "pg"),
            ..Block::default()
        })
        .await;
}

async fn master(stack: &Stack, name: &str) -> Made {
    let inputs = json!({"generate": {"template": {"username": "dbt"}}});
    stack.make(SECRET, name, inputs).await
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
    let security = json!({"vpcId": group.get("vpcId")});
    let security = stack
        .make("dbt-aws:ec2:SecurityGroup", "security", security)
        .await;
    let (secret, other) = (
        master(&stack, "secret").await,
        master(&stack, "other").await,
    );
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
            // What AWS chooses where the program does not, and what only a delete or an update uses.
            untold: vec![
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
async fn a_database_leaves_a_snapshot_that_another_is_made_from() {
    let stack = Stack::new("snapshot").await;
    let first = database(
        &stack,
        json!({"dbName": "analytics", "allocatedStorage": 30}),
    )
    .await;
    stack.provider.delete(&first).await.expect("deletes");
    let found = stack
        .aws("rds", "describe_db_snapshots", &json!({}))
        .expect("lists");
    let found: Vec<_> = found["DBSnapshots"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    let [snapshot] = found.as_slice() else {
        panic!("there are {} snapshots", found.len());
    };
    let name = snapshot["DBSnapshotIdentifier"].as_str().expect("a name");
    assert!(name.starts_with(&format!("{}-final-", first.id)));
    let message = format!(
        "the database {} leaves the snapshot {name}; restore it with snapshotIdentifier",
        first.id
    );
    stack.provider.said(&message).await;

    let secret = master(&stack, "other").await;
    let inputs = json!({
        "instanceClass": "db.t4g.small",
        "masterUserSecretArn": secret.get("arn"),
        "snapshotIdentifier": name,
        "dbName": "analytics",
        "backupRetentionDays": 3,
        "skipFinalSnapshot": true,
    });
    let second = stack.make(INSTANCE, "restored", inputs).await;
    let found = stack.aws(
        "rds",
        "describe_db_instances",
        &json!({"DBInstanceIdentifier": second.id}),
    );
    let found = found.expect("is there")["DBInstances"][0].take();
    assert_eq!(
        (
            &found["AllocatedStorage"],
            &found["BackupRetentionPeriod"],
            &found["DBInstanceClass"]
        ),
        (&json!(30), &json!(3), &json!("db.t4g.small"))
    );
    // The tag is written after the password was set.
    let tags = found["TagList"].as_array().expect("a list");
    assert!(
        tags.contains(&json!({"Key": "dbt-aws:master-user-secret", "Value": secret.get("arn")}))
    );
    let news = stack
        .provider
        .check(&second.urn, &second.inputs, &second.inputs)
        .await;
    let diff = stack.provider.diff(&second, &news.expect("checks")).await;
    assert_eq!(diff.diffs, Vec::<String>::new());
    stack.provider.delete(&second).await.expect("deletes");
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
            "it has no text \"password\"",
        ),
        (
            "no-username",
            json!({"password": "hunter2hunter2"}),
            "it has no text \"username\"; add it, or give masterUsername",
        ),
        (
            "short",
            json!({"username": "dbt", "password": "hunter2"}),
            "the password must have 8 to 128 characters",
        ),
        (
            "slash",
            json!({"username": "dbt", "password": "hunter2/hunter2"}),
            "RDS takes no '/' in a password; use printable ASCII without / \" @ and space",
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
