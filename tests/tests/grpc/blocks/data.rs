//! Databases, tables, secrets, buckets, log groups, queues and imports over gRPC against moto.
//!
//! moto makes a database at once and takes any version of it; a restore there does not say what the password is; it
//! keeps no Database Insights; parameters cannot be reset.

mod dynamodb;
mod imports;
mod logs;
mod rds;
mod s3;
mod secretsmanager;
mod sqs;

use serde_json::json;
use tests::Stack;

const SECRET: &str = "dbt-aws:secretsmanager:Secret";
const BUCKET: &str = "dbt-aws:s3:Bucket";

/// What is there under a name that a program gives, and was not made by it, is never taken over.
#[tokio::test]
async fn the_objects_of_others_are_left_alone() {
    let stack = Stack::new("others").await;
    let bucket = "others-of-the-data-tests";
    let made = [
        (
            "events",
            "put_rule",
            json!({"Name": "theirs", "ScheduleExpression": "rate(1 day)"}),
        ),
        ("sns", "create_topic", json!({"Name": "theirs"})),
        ("sqs", "create_queue", json!({"QueueName": "theirs"})),
        (
            "dynamodb",
            "create_table",
            json!({
                "TableName": "theirs", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            }),
        ),
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
            "dbt-aws:sns:Topic",
            json!({"name": "theirs"}),
            "the topic theirs",
        ),
        (
            "dbt-aws:events:Rule",
            json!({"name": "theirs", "scheduleExpression": "rate(1 hour)", "targets": []}),
            "the rule theirs",
        ),
        (
            "dbt-aws:dynamodb:Table",
            json!({"name": "theirs", "hashKey": "pk"}),
            "the table theirs",
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
