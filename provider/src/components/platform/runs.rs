//! What the runs of all projects share: the table of what must be decided once, and the state machine that ends each.

use crate::{
    components::{
        partition,
        policies::{Location, allow, trust, when},
    },
    prelude::*,
    resources::{
        dynamodb::table::{Table, TableArgs},
        iam::{
            policy::Policy,
            role::{Role, RoleArgs},
        },
        sfn::state_machine::{StateMachine, StateMachineArgs},
    },
    run,
};
use pulumi_aws_framework::{component::Scope, output::all};
use serde_json::json;

/// What projects need of it.
pub(super) struct Runs {
    pub(super) table_name: Output<String>,
    pub(super) finish_arn: Output<String>,
    pub(super) starter_role_arn: Output<String>,
}

pub(super) fn expand(
    scope: &Scope,
    at: &Output<Location>,
    boundary: &Output<String>,
    tags: &Output<Tags>,
) -> Runs {
    let table = scope.child::<Table>(
        "runs",
        TableArgs {
            hash_key: "pk".into(),
            range_key: "sk".into(),
            ttl_attribute: "expires".into(),
            tags: tags.clone(),
            ..Default::default()
        },
    );
    let role = |name: &str, trusted: (&'static str, &'static str), policy: Output<Policy>| {
        let args = RoleArgs {
            assume_role_policy: at.map(move |at| trust(trusted.0, &at, trusted.1)),
            inline_policies: Output::dictionary([("dbt", policy)]),
            permissions_boundary: boundary.clone(),
            tags: tags.clone(),
            ..Default::default()
        };
        scope.child::<Role>(name, args).arn.clone()
    };
    let policy = all((at.clone(), table.arn.clone())).map(|(at, table)| finish(&at, &table));
    let finish_role = role(
        "finish-role",
        ("states.amazonaws.com", "stateMachine:*"),
        policy,
    );
    let definition = all((at.clone(), table.id.clone()));
    let finish = scope.child::<StateMachine>(
        "finish",
        StateMachineArgs {
            definition: definition
                .map(|(at, table)| run::finish(partition(&at.cluster_arn), &table)),
            role_arn: finish_role,
            tags: tags.clone(),
            ..Default::default()
        },
    );
    let policy = finish
        .arn
        .map(|finish| Policy::new(vec![allow(&["states:StartExecution"], [finish])]));
    Runs {
        table_name: table.id.clone(),
        finish_arn: finish.arn.clone(),
        starter_role_arn: role(
            "finish-starter-role",
            ("events.amazonaws.com", "rule/*"),
            policy,
        ),
    }
}

/// What ends runs: it looks at executions, their schedules and tasks, writes the table, and tells who wants to hear of it.
fn finish(at: &Location, table: &str) -> Policy {
    let on_cluster = json!({"ArnEquals": {"ecs:cluster": at.cluster_arn}});
    let tasks = at.cluster_arn.replacen(":cluster/", ":task/", 1) + "/*";
    let topics = format!("arn:{}:sns:{}:*:*", partition(&at.cluster_arn), at.region);
    Policy::new(vec![
        allow(&["dynamodb:GetItem", "dynamodb:PutItem"], [table]),
        allow(
            &["states:DescribeExecution"],
            [at.arn("states", "execution:*")],
        ),
        // A token says of itself which execution it is for: AWS takes no other resource.
        allow(&["states:SendTaskSuccess"], ["*"]),
        allow(
            &["scheduler:GetSchedule"],
            [at.arn("scheduler", "schedule/*")],
        ),
        // The dead-letter queues of projects, whatever they are called.
        when(
            allow(&["sqs:ReceiveMessage"], [at.arn("sqs", "*")]),
            json!({"Null": {"aws:ResourceTag/dbt-aws:marker": "false"}}),
        ),
        when(allow(&["ecs:ListTasks"], ["*"]), on_cluster.clone()),
        when(
            allow(&["ecs:DescribeTasks", "ecs:StopTask"], [tasks]),
            on_cluster,
        ),
        when(
            allow(
                &["events:PutEvents"],
                [at.arn("events", "event-bus/default")],
            ),
            json!({"StringEquals": {"events:source": "dbt-aws"}}),
        ),
        // Metrics have no ARNs.
        when(
            allow(&["cloudwatch:PutMetricData"], ["*"]),
            json!({"StringEquals": {"cloudwatch:namespace": "dbt-aws"}}),
        ),
        // A topic may be of another account, and who uses the platform names it later.
        allow(&["sns:Publish"], [topics]),
        when(
            allow(&["kms:Decrypt", "kms:GenerateDataKey"], ["*"]),
            json!({"StringLike": {"kms:ViaService": "sns.*"}}),
        ),
    ])
}
