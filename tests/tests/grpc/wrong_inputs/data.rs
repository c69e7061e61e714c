//! Of what holds data.

use super::*;

#[tokio::test]
async fn are_refused() {
    let instance = |over: Json| {
        let all = json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"});
        merged(all, &over)
    };
    let long = "x".repeat(81);
    let cases = [
        (
            "logs:LogGroup",
            json!({"retentionDays": 31}),
            "retentionDays: CloudWatch keeps logs for certain numbers of days only; the nearest to 31 is 30",
        ),
        (
            "logs:LogGroup",
            json!({"name": "a b"}),
            "name: ' ' cannot be in a name; use letters, digits and \"_-/.#\"",
        ),
        (
            "logs:LogGroup",
            json!({"name": "aws/mine"}),
            "name: names that begin with aws/ are AWS's own",
        ),
        (
            "sqs:Queue",
            json!({"name": "mine.fifo"}),
            "name: a FIFO queue cannot be made here",
        ),
        (
            "sqs:Queue",
            json!({"name": long}),
            "name: must have 1 to 80 characters, not 81",
        ),
        (
            "sqs:Queue",
            json!({"messageRetentionSeconds": 59}),
            "messageRetentionSeconds: must be 60 to 1209600, not 59",
        ),
        (
            "sqs:Queue",
            json!({"visibilityTimeoutSeconds": 43_201}),
            "visibilityTimeoutSeconds: must be 0 to 43200, not 43201",
        ),
        (
            "sqs:Queue",
            json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:alias/mine", "sqsManagedSse": true}),
            "sqsManagedSse: give only one of kmsKeyArn, sqsManagedSse",
        ),
        (
            "sqs:Queue",
            json!({"kmsKeyArn": "alias/mine"}),
            "kmsKeyArn: \"alias/mine\" is not an ARN such as arn:aws:kms:eu-west-1:111122223333:key/...",
        ),
        (
            "sqs:Queue",
            json!({"redrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:q", "maxReceiveCount": 0}}),
            "redrivePolicy.maxReceiveCount: must be 1 to 1000, not 0",
        ),
        (
            "sqs:Queue",
            json!({"policy": "{"}),
            "policy: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "s3:Bucket",
            json!({"bucket": "Mine"}),
            "bucket: 'M' cannot be in a bucket's name; use lower-case letters, digits, dots and hyphens",
        ),
        (
            "s3:Bucket",
            json!({"bucket": "a..b"}),
            "bucket: must begin and end with a letter or digit and have no two dots side by side",
        ),
        (
            "s3:Bucket",
            json!({"bucket": "10.0.0.1"}),
            "bucket: must not look like an address",
        ),
        (
            "s3:Bucket",
            json!({"bucket": "xn--mine"}),
            "bucket: names that begin with xn-- are AWS's own",
        ),
        (
            "s3:Bucket",
            json!({"bucket": "mine-s3alias"}),
            "bucket: names that end with -s3alias are AWS's own",
        ),
        (
            "s3:Bucket",
            json!({"forceDestroy": true, "retainNonEmpty": true}),
            "retainNonEmpty: give only one of forceDestroy, retainNonEmpty",
        ),
        (
            "s3:Bucket",
            json!({"lifecycleRules": [{"id": "a"}]}),
            "lifecycleRules[0]: does nothing; give at least one of expirationDays, noncurrentDays, abortIncompleteMultipartDays",
        ),
        (
            "s3:Bucket",
            json!({"lifecycleRules": [{"id": "a", "expirationDays": 1}, {"id": "a", "noncurrentDays": 1}]}),
            "lifecycleRules[1].id: another rule is called \"a\"",
        ),
        (
            "s3:Bucket",
            json!({"lifecycleRules": [{"id": "a", "expirationDays": 0}]}),
            "lifecycleRules[0].expirationDays: must be 1 or more, not 0",
        ),
        (
            "s3:Bucket",
            json!({"lifecycleRules": [{"id": "a", "tags": {"a": "b"}, "abortIncompleteMultipartDays": 1}]}),
            "lifecycleRules[0].abortIncompleteMultipartDays: an upload has no tags; give this a rule of its own without tags",
        ),
        (
            "logs:LogGroup",
            json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:alias/mine"}),
            "kmsKeyArn: \"arn:aws:kms:eu-west-1:123456789012:alias/mine\" is an alias; give the ARN of the key that the alias refers to",
        ),
        (
            "secretsmanager:Secret",
            json!({"description": "x".repeat(2049)}),
            "description: has 2049 characters, at most 2048 fit",
        ),
        (
            "secretsmanager:Secret",
            json!({"name": "a b"}),
            "name: ' ' cannot be in a name; use letters, digits and \"/_+=.@-\"",
        ),
        (
            "secretsmanager:Secret",
            json!({"recoveryWindowDays": 3}),
            "recoveryWindowDays: must be 7 to 30, or 0, not 3",
        ),
        (
            "secretsmanager:Secret",
            json!({"secretString": "x", "generate": {}}),
            "generate: give only one of secretString, generate",
        ),
        (
            "secretsmanager:Secret",
            json!({"secretString": ""}),
            "secretString: must not be empty",
        ),
        (
            "secretsmanager:Secret",
            json!({"generate": {"length": 7}}),
            "generate.length: must be 8 to 1024, not 7",
        ),
        (
            "secretsmanager:Secret",
            json!({"generate": {"excludeCharacters": "0123456789"}}),
            "generate.excludeCharacters: must leave a lower-case letter, a capital and a digit",
        ),
        (
            "secretsmanager:Secret",
            json!({"generate": {"template": {"password": "x"}}}),
            "generate.template: has the key \"password\", where the password goes",
        ),
        (
            "secretsmanager:Secret",
            json!({"generate": {"template": [1]}}),
            "generate.template: must be an object",
        ),
        (
            "rds:SubnetGroup",
            json!({"subnetIds": ["subnet-1"]}),
            "subnetIds: a database needs subnets in at least two availability zones",
        ),
        (
            "rds:SubnetGroup",
            json!({"subnetIds": ["subnet-1", "subnet-2"], "name": "default"}),
            "name: \"default\" is AWS's own",
        ),
        (
            "rds:SubnetGroup",
            json!({"subnetIds": ["subnet-1", "vpc-1"]}),
            "subnetIds: \"vpc-1\" is not an id such as subnet-0123456789abcdef0",
        ),
        (
            "rds:ParameterGroup",
            json!({"family": "postgres17", "description": ""}),
            "description: must not be empty",
        ),
        (
            "rds:Instance",
            instance(json!({"kmsKeyArn": "alias/mine"})),
            "kmsKeyArn: \"alias/mine\" is an alias; give the ARN of the key that the alias refers to",
        ),
        (
            "rds:Instance",
            instance(json!({"dbSubnetGroupName": "Mine"})),
            "dbSubnetGroupName: \"Mine\" must be in lower case, as AWS keeps it; give \"mine\"",
        ),
        (
            "rds:ParameterGroup",
            json!({"family": "postgres"}),
            "family: \"postgres\" is not an engine with its major version, such as postgres17",
        ),
        (
            "rds:Instance",
            json!({"instanceClass": "db.t4g.micro"}),
            "masterUserSecretArn: is required, but for a restore from a snapshotIdentifier",
        ),
        (
            "rds:Instance",
            instance(json!({"masterPassword": "x"})),
            "masterPassword: is not a property here; did you mean masterUsername?",
        ),
        (
            "rds:Instance",
            instance(json!({"identifier": "9lives"})),
            "identifier: \"9lives\" must begin with a lower-case letter",
        ),
        (
            "rds:Instance",
            instance(json!({"identifier": "a--b"})),
            "identifier: \"a--b\" must be lower-case letters, digits and single hyphens, and not end with one",
        ),
        (
            "rds:Instance",
            instance(json!({"engine": "mysql"})),
            "engine: \"mysql\" cannot be made here; there is postgres",
        ),
        (
            "rds:Instance",
            instance(json!({"engineVersion": "13.4"})),
            "engineVersion: is no longer in standard support, and AWS makes no such database; give 14 or later",
        ),
        (
            "rds:Instance",
            instance(json!({"engineVersion": "17.2.1"})),
            "engineVersion: \"17.2.1\" is not a version such as 17 or 17.2, from 14 on",
        ),
        (
            "rds:Instance",
            instance(json!({"instanceClass": "t4g.micro"})),
            "instanceClass: \"t4g.micro\" is not an instance class; did you mean db.t4g.micro?",
        ),
        (
            "rds:Instance",
            instance(json!({"allocatedStorage": 19})),
            "allocatedStorage: must be 20 to 65536, not 19",
        ),
        (
            "rds:Instance",
            instance(json!({"maxAllocatedStorage": 21})),
            "maxAllocatedStorage: must be at least a tenth more than allocatedStorage: 22 or more",
        ),
        (
            "rds:Instance",
            instance(
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k", "storageEncrypted": false}),
            ),
            "kmsKeyArn: needs storageEncrypted",
        ),
        (
            "rds:Instance",
            instance(json!({"dbName": "1st"})),
            "dbName: \"1st\" must have 1 to 63 characters and begin with a letter",
        ),
        (
            "rds:Instance",
            instance(json!({"masterUsername": "admin"})),
            "masterUsername: \"admin\" is reserved; use another, such as dbt",
        ),
        (
            "rds:Instance",
            instance(json!({"backupRetentionDays": 36})),
            "backupRetentionDays: must be 0 to 35, not 36",
        ),
        (
            "rds:Instance",
            instance(json!({"databaseInsights": "on"})),
            "databaseInsights: \"on\" is not one of off, standard, advanced",
        ),
        (
            "rds:Instance",
            instance(json!({"skipFinalSnapshot": true, "finalSnapshotIdentifier": "last"})),
            "finalSnapshotIdentifier: give only one of skipFinalSnapshot, finalSnapshotIdentifier",
        ),
    ];
    refused(cases).await;
}
