//! Wrong inputs are refused by the check, with the property's path, before anything is made.

use serde_json::{Value as Json, json};
use tests::Stack;

/// Each of these inputs of a kind of block, with all that is wrong with them.
async fn refused<const N: usize>(cases: [(&str, Json, &str); N]) {
    let stack = Stack::new("wrong").await;
    let mut others = Vec::new();
    for (kind, inputs, reason) in cases {
        let kind = format!("dbt-aws:{kind}");
        let found = stack.refused(&kind, inputs.clone()).await;
        if found != [reason.replace("REGION", stack.region)] {
            others.push(format!("{kind} {inputs}: {found:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

fn merged(mut all: Json, over: &Json) -> Json {
    for (key, value) in over.as_object().expect("an object") {
        all[key] = value.clone();
    }
    all
}

#[tokio::test]
async fn of_the_network() {
    let rule = |over: Json| {
        let all = json!({
            "securityGroupId": "sg-1", "type": "ingress", "protocol": "tcp", "fromPort": 80, "toPort": 80,
            "cidrBlock": "10.0.0.0/8",
        });
        merged(all, &over)
    };
    let cases = [
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.1/16"}),
            "cidrBlock: 10.0.0.1/16 is not aligned; the block of that size that holds it is 10.0.0.0/16",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.0/16", "cidr": "10.0.0.0/16"}),
            "cidr: is not a property here; did you mean cidrBlock?",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.0/16", "tags": {"aws:x": "y"}}),
            "tags[\"aws:x\"]: keys that begin with aws: are AWS's own",
        ),
        (
            "ec2:ElasticIp",
            json!({"tags": {"team": "x".repeat(257)}}),
            "tags.team: has 257 characters, at most 256 fit",
        ),
        (
            "ec2:NatGateway",
            json!({"allocationId": "eipalloc-1", "subnetId": "subnet-1", "tags": {"dbt-aws:marker": "x"}}),
            "tags[\"dbt-aws:marker\"]: keys that begin with dbt-aws: are the provider's own",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "zoneIndex": -1}),
            "zoneIndex: must be 0 or more",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "availabilityZone": "eu-west-1a", "zoneIndex": 0}),
            "zoneIndex: give only one of availabilityZone, zoneIndex",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "127.0.0.0/16"}),
            "cidrBlock: 127.0.0.0/16 is in 127.0.0.0/8, which AWS refuses; use private addresses such as 10.0.0.0/16",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "shop", "cidrBlock": "10.0.0.0/24"}),
            "vpcId: \"shop\" is not an id such as vpc-0123456789abcdef0",
        ),
        (
            "ec2:VpcEndpoint",
            json!({"vpcId": "vpc-1", "serviceName": "com.amazonaws.mars-1.s3"}),
            "serviceName: com.amazonaws.mars-1.s3 is not in REGION, where the endpoint is; give s3",
        ),
        (
            "ec2:Route",
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}),
            "gatewayId: give exactly one of gatewayId, natGatewayId",
        ),
        (
            "ec2:Route",
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "natGatewayId": "nat-1"}),
            "natGatewayId: give only one of gatewayId, natGatewayId",
        ),
        (
            "ec2:SecurityGroup",
            json!({"vpcId": "vpc-1", "name": "sg-mine"}),
            "name: must not begin with sg-",
        ),
        (
            "ec2:SecurityGroup",
            json!({"vpcId": "vpc-1", "description": "été"}),
            "description: must not have 'é'; AWS takes letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"fromPort": 90})),
            "toPort: must not be less than fromPort, 90",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"toPort": 70_000})),
            "toPort: must be 0 to 65535",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"toPort": null})),
            "toPort: is required for tcp",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"protocol": "-1", "toPort": null})),
            "fromPort: protocol -1 is everything, leave the ports out",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"protocol": "http"})),
            "protocol: \"http\" is not one of tcp, udp, icmp, -1",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"prefixListId": "pl-1"})),
            "prefixListId: give only one of cidrBlock, sourceSecurityGroupId, prefixListId",
        ),
        (
            "ec2:VpcEndpoint",
            json!({"vpcId": "vpc-1", "serviceName": "ecr.dkr"}),
            "serviceName: ecr.dkr has no gateway endpoint; s3 and dynamodb have",
        ),
    ];
    refused(cases).await;
}

#[tokio::test]
async fn of_data() {
    let instance = |over: Json| {
        let all = json!({"instanceClass": "db.t4g.micro", "masterUserSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"});
        merged(all, &over)
    };
    let long = "x".repeat(81);
    let cases = [
        (
            "logs:LogGroup",
            json!({"retentionDays": 31}),
            "retentionDays: CloudWatch does not know 31 days; the next that it knows is 60",
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
            "kmsKeyArn: \"arn:aws:kms:eu-west-1:123456789012:alias/mine\" is an alias; give the ARN of the key that it stands for",
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
            "subnetIds: needs subnets in at least two availability zones",
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
            "kmsKeyArn: \"alias/mine\" is an alias; give the ARN of the key that it stands for",
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
            instance(json!({"engineVersion": "17.2.1"})),
            "engineVersion: \"17.2.1\" is not a version such as 17 or 17.2, from 10 on",
        ),
        (
            "rds:Instance",
            instance(json!({"instanceClass": "t4g.micro"})),
            "instanceClass: \"t4g.micro\" is not an instance class such as db.t4g.micro",
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

#[tokio::test]
async fn of_runs() {
    let schedule = |over: Json| {
        let target = json!({"arn": "arn:aws:sqs:eu-west-1:123456789012:q", "roleArn": "arn:aws:iam::123456789012:role/r"});
        merged(
            json!({"scheduleExpression": "rate(1 hour)", "target": target}),
            &over,
        )
    };
    let machine = |over: Json| {
        merged(
            json!({"roleArn": "arn:aws:iam::123456789012:role/r"}),
            &over,
        )
    };
    let task = |over: Json| {
        let containers = json!([{"name": "a", "image": "b"}]);
        merged(
            json!({"cpu": 256, "memory": 512, "containerDefinitions": containers}),
            &over,
        )
    };
    let logs =
        json!({"awslogs-group": "a", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "a"});
    let trust = json!({"statements": [
        {"effect": "Allow", "actions": ["sts:AssumeRole"], "principals": {"Service": ["ecs-tasks.amazonaws.com"]}},
    ]});
    let role = |over: Json| merged(json!({"assumeRolePolicy": trust}), &over);
    let statement = |over: Json| {
        let statement = json!({"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]});
        role(json!({"inlinePolicies": {"dbt": {"statements": [merged(statement, &over)]}}}))
    };
    let image = |over: Json| {
        let url = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop";
        let all = json!({"repositoryUrl": url, "path": "../examples/jaffle-shop", "dbt": {"adapter": "postgres"}});
        merged(all, &over)
    };
    let rule = |over: Json| {
        let selection =
            json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1});
        let rule = json!({"rulePriority": 1, "selection": merged(selection, &over), "action": {"type": "expire"}});
        json!({"lifecyclePolicy": {"rules": [rule]}})
    };
    let cases = [
        (
            "ecs:Cluster",
            json!({"name": "a b"}),
            "name: ' ' cannot be in a name; use letters, digits and \"-_\"",
        ),
        (
            "ecs:Cluster",
            json!({"containerInsights": "on"}),
            "containerInsights: \"on\" is not one of disabled, enabled, enhanced",
        ),
        (
            "ecs:TaskDefinition",
            task(json!({"memory": 4096})),
            "memory: Fargate has no cpu 256 with memory 4096; the nearest are 256 with 2048, 512 with 4096, 512 with 3072",
        ),
        (
            "ecs:TaskDefinition",
            task(json!({"cpu": 300})),
            "memory: Fargate has no cpu 300 with memory 512; the nearest are 256 with 512, 256 with 1024, 512 with 1024",
        ),
        (
            "ecs:TaskDefinition",
            task(json!({"containerDefinitions": []})),
            "containerDefinitions: has 0 containers; a task has 1 to 10",
        ),
        (
            "ecs:TaskDefinition",
            task(json!({"ephemeralStorageGb": 20})),
            "ephemeralStorageGb: must be 21 to 200, not 20",
        ),
        (
            "ecs:TaskDefinition",
            task(json!({"containerDefinitions": [{"name": "a", "imge": "b", "image": "b"}]})),
            "containerDefinitions[0].imge: is not a property here; did you mean image?",
        ),
        (
            "ecs:TaskDefinition",
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]}),
            ),
            "containerDefinitions[1].name: there is a container a before this one",
        ),
        (
            "ecs:TaskDefinition",
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "b", "secrets": {"A": "arn"}}]}),
            ),
            "containerDefinitions[0].secrets: needs executionRoleArn, the role that reads them",
        ),
        (
            "ecs:TaskDefinition",
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/b:1"}]}),
            ),
            "containerDefinitions[0].image: needs executionRoleArn, the role that pulls it",
        ),
        (
            "ecs:TaskDefinition",
            task(
                json!({"containerDefinitions": [{"name": "a", "image": "b", "logConfiguration": {"options": logs}}]}),
            ),
            "containerDefinitions[0].logConfiguration: needs executionRoleArn, the role that writes the log",
        ),
        (
            "ecr:Repository",
            json!({"name": "Upper"}),
            "name: \"Upper\" must be 2 to 256 lower-case letters and digits, with single . _ - or / between them",
        ),
        (
            "ecr:Repository",
            json!({"lifecyclePolicy": {"rules": []}}),
            "lifecyclePolicy: needs a list of rules",
        ),
        (
            "ecr:Repository",
            rule(json!({"tagStatus": "all"})),
            "lifecyclePolicy: rules[0].selection.tagStatus must be one of tagged, untagged, any",
        ),
        (
            "ecr:Repository",
            rule(json!({"tagStatus": "tagged"})),
            "lifecyclePolicy: rules[0].selection needs tagPrefixList or tagPatternList",
        ),
        (
            "ecr:Repository",
            rule(json!({"countType": "count"})),
            "lifecyclePolicy: rules[0].selection.countType must be one of imageCountMoreThan, sinceImagePushed, sinceImagePulled, sinceImageTransitioned",
        ),
        (
            "ecr:Repository",
            json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:alias/mine"}),
            "kmsKeyArn: \"arn:aws:kms:eu-west-1:123456789012:alias/mine\" is an alias; give the ARN of the key that it stands for",
        ),
        (
            "ecr:Repository",
            rule(json!({"countNumber": 0})),
            "lifecyclePolicy: rules[0].selection.countNumber must be 1 or more",
        ),
        (
            "ecr:Image",
            image(json!({"path": "nowhere"})),
            "path: nowhere is not a dbt project: there is no such directory",
        ),
        (
            "ecr:Image",
            image(json!({"path": ".."})),
            "path: .. is not a dbt project: it has no dbt_project.yml; give the directory that holds one",
        ),
        (
            "ecr:Image",
            image(json!({"baseImage": "UPPER CASE"})),
            "baseImage: the base image UPPER CASE cannot be used: its repository's name has other characters than a-z, 0-9 and ._-/",
        ),
        (
            "ecr:Image",
            image(json!({"dbt": {}})),
            "dbt.adapter: is required without requirements, such as postgres",
        ),
        (
            "ecr:Image",
            image(json!({"dbt": {"adapter": "postgress"}})),
            "dbt: dbt 1.11 with postgress: there is no lock for it; there are 1.11 with athena, 1.11 with bigquery, 1.11 with databricks, 1.11 with postgres, 1.11 with redshift, 1.11 with snowflake, 1.11 with trino; for any other give a requirements file",
        ),
        (
            "ecr:Image",
            image(json!({"dbt": {"adapter": "postgres", "version": "1.2"}})),
            "dbt: dbt 1.2 with postgres: there is no lock for it; there are 1.11 with athena, 1.11 with bigquery, 1.11 with databricks, 1.11 with postgres, 1.11 with redshift, 1.11 with snowflake, 1.11 with trino; for any other give a requirements file",
        ),
        (
            "ecr:Image",
            image(json!({"dbt": {"requirements": "nowhere.txt"}})),
            "dbt: reading nowhere.txt: No such file or directory (os error 2)",
        ),
        (
            "iam:Role",
            json!({"assumeRolePolicy": {"statements": []}}),
            "assumeRolePolicy.statements: needs at least one statement",
        ),
        (
            "iam:Role",
            role(json!({"name": "a b"})),
            "name: ' ' cannot be in a name; use letters, digits and \"+=,.@-_\"",
        ),
        (
            "iam:Role",
            role(json!({"path": "dbt"})),
            "path: \"dbt\" must begin and end with /, such as /analytics/",
        ),
        (
            "iam:Role",
            role(json!({"maxSessionDuration": 60})),
            "maxSessionDuration: must be 3600 to 43200, not 60",
        ),
        (
            "iam:Role",
            role(json!({"description": "x".repeat(1001)})),
            "description: has 1001 characters, at most 1000 fit",
        ),
        (
            "iam:Role",
            role(json!({"description": "runs dbt – at night"})),
            "description: must not have '–'; IAM takes the letters of Western Europe alone",
        ),
        (
            "iam:Role",
            role(json!({"managedPolicyArns": ["ReadOnlyAccess"]})),
            "managedPolicyArns: \"ReadOnlyAccess\" is not an ARN such as arn:aws:iam::111122223333:policy/...",
        ),
        (
            "iam:Role",
            statement(json!({"actions": ["GetObject"]})),
            "inlinePolicies.dbt.statements[0].actions: \"GetObject\" is not an action such as s3:GetObject",
        ),
        (
            "iam:Role",
            statement(json!({"resources": null})),
            "inlinePolicies.dbt.statements[0].resources: give exactly one of resources, notResources",
        ),
        (
            "iam:Role",
            statement(json!({"efect": "Allow"})),
            "inlinePolicies.dbt.statements[0].efect: is not a property here; did you mean effect?",
        ),
        (
            "sfn:StateMachine",
            machine(json!({"definition": {"StartAt": "A", "States": {"B": {"Type": "Succeed"}}}})),
            "definition.StartAt: there is no state \"A\" here",
        ),
        (
            "sfn:StateMachine",
            machine(json!({"definition": "{"})),
            "definition: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "sfn:StateMachine",
            machine(
                json!({"definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "logging": {"level": "ALL"}}),
            ),
            "logging.logGroupArn: is required unless the level is OFF",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"scheduleExpression": "cron(0 25 * * ? *)"})),
            "scheduleExpression: the hours field \"25\" has 25, which is not 0 to 23",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"scheduleExpression": "every day"})),
            "scheduleExpression: \"every day\" is not cron(...), rate(...) or at(...)",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"scheduleExpression": "rate(1 hours)"})),
            "scheduleExpression: \"1 hours\" has the wrong number; write 1 hour",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"timezone": "Europe/Pariss"})),
            "timezone: \"Europe/Pariss\" is not a time zone; did you mean Europe/Paris?",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"groupName": "a b"})),
            "groupName: ' ' cannot be in a name; use letters, digits and \"-_.\"",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"start": "2027-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"})),
            "end: must be after start",
        ),
        (
            "scheduler:Schedule",
            schedule(
                json!({"target": {"arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "roleArn": "arn:aws:iam::123456789012:role/r", "input": "run"}}),
            ),
            "target.input: must be JSON: this target takes no other text",
        ),
        (
            "scheduler:Schedule",
            schedule(
                json!({"target": {"arn": "arn:aws:sqs:eu-west-1:123456789012:q", "roleArn": "arn:aws:iam::123456789012:role/r", "input": "x".repeat(262_145)}}),
            ),
            "target.input: has 262145 bytes, at most 262144 fit",
        ),
        (
            "scheduler:Schedule",
            schedule(json!({"flexibleWindowMinutes": 1441})),
            "flexibleWindowMinutes: must be 1 to 1440, not 1441",
        ),
    ];
    refused(cases).await;
}

/// The longest name passes, a longer one does not.
#[tokio::test]
async fn names_that_are_too_long() {
    let stack = Stack::new("long").await;
    for (kind, field, longest) in [
        ("ec2:SecurityGroup", "name", 255),
        ("ecr:Repository", "name", 256),
        ("ecs:Cluster", "name", 255),
        ("ecs:TaskDefinition", "family", 255),
        ("iam:Role", "name", 64),
        ("logs:LogGroup", "name", 512),
        ("rds:Instance", "identifier", 63),
        ("rds:ParameterGroup", "name", 255),
        ("rds:SubnetGroup", "name", 255),
        ("s3:Bucket", "bucket", 63),
        ("scheduler:Schedule", "name", 64),
        ("secretsmanager:Secret", "name", 512),
        ("sfn:StateMachine", "name", 80),
        ("sqs:Queue", "name", 80),
    ] {
        for (length, wrong) in [(longest, 0), (longest + 1, 1)] {
            let inputs = json!({ field: "x".repeat(length) });
            let mut found = stack.refused(&format!("dbt-aws:{kind}"), inputs).await;
            found.retain(|failure| failure.starts_with(&format!("{field}: ")));
            assert_eq!(found.len(), wrong, "{kind} with {length}: {found:?}");
        }
    }
}
