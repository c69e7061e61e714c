//! Of what runs.

use super::*;

#[tokio::test]
async fn are_refused() {
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
            "cpu: Fargate has no cpu 300 with memory 512; the nearest are 256 with 512, 256 with 1024, 512 with 1024",
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
            "kmsKeyArn: \"arn:aws:kms:eu-west-1:123456789012:alias/mine\" is an alias; give the ARN of the key that the alias refers to",
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
            "dbt: dbt 1.12 with postgress: none is bundled; these are: 1.12 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; 1.11 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; for any other give a requirements file",
        ),
        (
            "ecr:Image",
            image(json!({"dbt": {"adapter": "postgres", "version": "1.2"}})),
            "dbt: dbt 1.2 with postgres: none is bundled; these are: 1.12 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; 1.11 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; for any other give a requirements file",
        ),
        (
            "ecr:Image",
            image(json!({"dbt": {"requirements": "nowhere.txt"}})),
            "dbt: reading nowhere.txt: No such file or directory (os error 2)",
        ),
        (
            "iam:Role",
            statement(json!({"conditions": {"Null": {}}})),
            "inlinePolicies.dbt.statements[0].conditions: Null has no keys, or only such that are null; a value is text, such \
             as \"true\"",
        ),
        (
            "iam:Role",
            statement(json!({"conditions": {"Null": {"aws:TokenIssueTime": null}}})),
            "inlinePolicies.dbt.statements[0].conditions: Null.aws:TokenIssueTime is null; a value is text, such as \
             \"true\"",
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
