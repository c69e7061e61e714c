use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_subnet_groups_are_refused() {
    let rows = [
        (
            json!({"subnetIds": ["subnet-1"]}),
            "subnetIds: a database needs subnets in at least two availability zones",
        ),
        (
            json!({"subnetIds": ["subnet-1", "subnet-2"], "name": "default"}),
            "name: \"default\" is AWS's own",
        ),
        (
            json!({"subnetIds": ["subnet-1", "vpc-1"]}),
            "subnetIds: \"vpc-1\" is not an id such as subnet-0123456789abcdef0",
        ),
    ];
    refuses("dbt-aws:rds:SubnetGroup", &rows);
}

#[test]
fn wrong_inputs_of_parameter_groups_are_refused() {
    let rows = [
        (
            json!({"family": "postgres17", "description": ""}),
            "description: must not be empty",
        ),
        (
            json!({"family": "postgres"}),
            "family: \"postgres\" is not an engine with its major version, such as postgres17",
        ),
    ];
    refuses("dbt-aws:rds:ParameterGroup", &rows);
}

#[test]
fn wrong_inputs_of_instances_are_refused() {
    let instance = |over: Json| {
        let all = json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"});
        merged(all, &over)
    };
    let rows = [
        (
            instance(json!({"kmsKeyArn": "alias/mine"})),
            "kmsKeyArn: \"alias/mine\" is an alias; give the ARN of the key that the alias refers to",
        ),
        (
            instance(json!({"dbSubnetGroupName": "Mine"})),
            "dbSubnetGroupName: \"Mine\" must be in lower case, as AWS keeps it; give \"mine\"",
        ),
        (
            json!({"instanceClass": "db.t4g.micro"}),
            "masterUserSecretArn: is required unless snapshotIdentifier is given",
        ),
        (
            instance(json!({"masterPassword": "x"})),
            "masterPassword: is not a property here; did you mean masterUsername?",
        ),
        (
            instance(json!({"identifier": "9lives"})),
            "identifier: \"9lives\" must begin with a lower-case letter",
        ),
        (
            instance(json!({"identifier": "a--b"})),
            "identifier: \"a--b\" must have only lower-case letters, digits and single hyphens, and not end with a hyphen",
        ),
        (
            instance(json!({"engine": "mysql"})),
            "engine: \"mysql\" is not supported; use postgres",
        ),
        (
            instance(json!({"engineVersion": "13.4"})),
            "engineVersion: is past standard support, and AWS does not create it without extended support; give 14 or later",
        ),
        (
            instance(json!({"engineVersion": "17.2.1"})),
            "engineVersion: \"17.2.1\" is not a supported version; give 14 or later, such as 17 or 17.2",
        ),
        (
            instance(json!({"instanceClass": "t4g.micro"})),
            "instanceClass: \"t4g.micro\" is not an instance class; did you mean db.t4g.micro?",
        ),
        (
            instance(json!({"allocatedStorage": 19})),
            "allocatedStorage: must be 20 to 65536, not 19",
        ),
        (
            instance(json!({"maxAllocatedStorage": 21})),
            "maxAllocatedStorage: must be at least 10% more than allocatedStorage: 22 or more",
        ),
        (
            instance(
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k", "storageEncrypted": false}),
            ),
            "kmsKeyArn: needs storageEncrypted to be true",
        ),
        (
            instance(json!({"dbName": "1st"})),
            "dbName: \"1st\" must have 1 to 63 characters and begin with a letter",
        ),
        (
            instance(json!({"masterUsername": "admin"})),
            "masterUsername: \"admin\" is reserved; use another, such as dbt",
        ),
        (
            instance(json!({"backupRetentionDays": 36})),
            "backupRetentionDays: must be 0 to 35, not 36",
        ),
        (
            instance(json!({"databaseInsights": "on"})),
            "databaseInsights: \"on\" is not one of off, standard, advanced",
        ),
        (
            instance(json!({"skipFinalSnapshot": true, "finalSnapshotIdentifier": "last"})),
            "finalSnapshotIdentifier: give only one of skipFinalSnapshot, finalSnapshotIdentifier",
        ),
    ];
    refuses("dbt-aws:rds:Instance", &rows);
}
