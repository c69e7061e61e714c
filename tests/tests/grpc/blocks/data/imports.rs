//! What is imported, by what, and what is not.

use serde_json::json;
use tests::Stack;

/// An update could take away what no property is for.
#[tokio::test]
async fn what_cannot_be_said_here_is_not_imported() {
    let stack = Stack::new("foreign").await;
    let container = json!({
        "name": "web", "image": "a", "portMappings": [{"containerPort": 80}],
        "healthCheck": {"command": ["CMD", "true"]},
    });
    let volume = json!({"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}});
    let task = json!({
        "family": "foreign", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container], "volumes": [volume],
    });
    stack
        .aws("ecs", "register_task_definition", &task)
        .expect("registers");
    let target = json!({
        "Arn": "arn:aws:ecs:eu-west-1:123456789012:cluster/c", "RoleArn": "arn:aws:iam::123456789012:role/r",
        "EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/t"},
    });
    let schedule = json!({
        "Name": "foreign", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    });
    stack
        .aws("scheduler", "create_schedule", &schedule)
        .expect("makes");
    let fifo = json!({"QueueName": "foreign.fifo", "Attributes": {"FifoQueue": "true"}});
    stack.aws("sqs", "create_queue", &fifo).expect("makes");
    let table = json!({
        "TableName": "foreign", "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    });
    let rule = json!({"Name": "foreign", "ScheduleExpression": "rate(1 day)"});
    let target =
        json!({"Id": "x", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q", "InputPath": "$.detail"});
    for (service, operation, arguments) in [
        ("dynamodb", "create_table", table),
        ("events", "put_rule", rule),
        (
            "events",
            "put_targets",
            json!({"Rule": "foreign", "Targets": [target]}),
        ),
    ] {
        stack.aws(service, operation, &arguments).expect("makes");
    }
    let database = json!({
        "DBInstanceIdentifier": "foreign", "DBInstanceClass": "db.t4g.micro", "Engine": "mysql",
        "AllocatedStorage": 20, "MasterUsername": "admin", "MasterUserPassword": "not-a-secret",
    });
    stack
        .aws("rds", "create_db_instance", &database)
        .expect("makes");
    let vpc = stack
        .aws("ec2", "create_vpc", &json!({"CidrBlock": "10.0.0.0/16"}))
        .expect("makes");
    let interface = json!({
        "VpcId": vpc["Vpc"]["VpcId"], "VpcEndpointType": "Interface",
        "ServiceName": format!("com.amazonaws.{}.logs", stack.region),
    });
    let endpoint = stack
        .aws("ec2", "create_vpc_endpoint", &interface)
        .expect("makes");
    let endpoint = endpoint["VpcEndpoint"]["VpcEndpointId"]
        .as_str()
        .expect("an id");
    for (token, id, what) in [
        ("dbt-aws:sqs:Queue", "foreign.fifo", "the queue http"),
        (
            "dbt-aws:dynamodb:Table",
            "foreign",
            "the table foreign: it has attributes in its keys that are not text, provisioned capacity, for which",
        ),
        (
            "dbt-aws:events:Rule",
            "foreign",
            "the rule foreign: it has inputPath, for which",
        ),
        (
            "dbt-aws:rds:Instance",
            "foreign",
            "the database foreign: it has another engine than postgres, for which",
        ),
        (
            "dbt-aws:ec2:VpcEndpoint",
            endpoint,
            &format!("{endpoint}: it has another type than Gateway, for which"),
        ),
        (
            "dbt-aws:ecs:TaskDefinition",
            "foreign",
            "the task definition foreign: it has volumes of other kinds, portMappings, healthCheck, for which",
        ),
        (
            "dbt-aws:scheduler:Schedule",
            "default/foreign",
            "the schedule default/foreign: it has ecsParameters, for which",
        ),
    ] {
        let refused = stack
            .provider
            .import(&stack.urn(token, "foreign"), id)
            .await;
        let refused = refused.expect_err("refuses");
        let message = refused.message();
        assert!(
            message.starts_with(&format!("could not import {what}")),
            "{message}"
        );
    }
}

/// A queue is named by its URL, its name or its ARN, a state machine by its name, an association by its own id.
#[tokio::test]
async fn what_aws_is_asked_for_names_an_object_too() {
    let stack = Stack::new("named").await;
    let queue = stack.make("dbt-aws:sqs:Queue", "queue", json!({})).await;
    let trust = json!({"statements": [
        {"actions": ["sts:AssumeRole"], "principals": {"Service": ["states.amazonaws.com"]}},
    ]});
    let role = json!({"assumeRolePolicy": trust});
    let role = stack.make("dbt-aws:iam:Role", "role", role).await;
    let definition = json!({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}});
    let inputs = json!({"definition": definition, "roleArn": role.get("arn")});
    let machine = stack
        .make("dbt-aws:sfn:StateMachine", "machine", inputs)
        .await;
    let vpc = json!({"cidrBlock": "10.0.0.0/16"});
    let vpc = stack.make("dbt-aws:ec2:Vpc", "vpc", vpc).await;
    let subnet = json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24"});
    let subnet = stack.make("dbt-aws:ec2:Subnet", "subnet", subnet).await;
    let table = json!({"vpcId": vpc.id});
    let table = stack.make("dbt-aws:ec2:RouteTable", "table", table).await;
    let association = json!({"subnetId": subnet.id, "routeTableId": table.id});
    let association = stack
        .make(
            "dbt-aws:ec2:RouteTableAssociation",
            "association",
            association,
        )
        .await;
    for (made, given) in [
        (&queue, queue.get("name")),
        (&queue, queue.get("arn")),
        (&machine, machine.get("name")),
        (&association, association.get("associationId")),
    ] {
        let found = stack.provider.import(&made.urn, &given).await;
        assert_eq!(
            found.expect("reads").expect("is there").id,
            made.id,
            "{given}"
        );
    }
    let gone = stack.provider.import(&queue.urn, "no-such-queue").await;
    assert!(gone.expect("reads").is_none());
    let refused = stack
        .provider
        .import(
            &machine.urn,
            "arn:aws:states:eu-west-1:123456789012:activity:a",
        )
        .await;
    let refused = refused.expect_err("refuses");
    assert!(
        refused.message().contains("give an id such as nightly"),
        "{refused}"
    );
}
