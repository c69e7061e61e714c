//! The roles of a project.

use super::{
    Expansion,
    policies::{self, Artifacts, ArtifactsArgs, SharedArgs},
};
use crate::{
    components::policies::{Location, LocationArgs, trust as trusted},
    prelude::*,
    resources::iam::{
        policy::Policy,
        role::{Role, RoleArgs},
    },
};
use pulumi_aws_framework::output::all;

/// The role with which ECS starts the task.
pub(super) fn execution(
    project: &Expansion<'_>,
    repository_arn: Output<Option<String>>,
    secrets: &Output<BTreeMap<String, String>>,
    has_login: bool,
) -> Output<String> {
    let (platform, log_prefix) = (&project.platform, project.log_prefix.clone());
    let policy = all((
        platform.log_group_arn.clone(),
        platform.warehouse_secret_kms_key_arn.optional(),
        repository_arn,
        secrets.clone(),
        project.args.secret_kms_key_arns.optional(),
        platform.warehouse_secret_arn.optional(),
    ))
    .map(
        move |(group, warehouse_key, repository, secrets, keys, administrator)| {
            let mut secrets: Vec<_> = secrets.into_values().collect();
            secrets.extend(administrator.filter(|_| has_login));
            let mut keys = keys.unwrap_or_default();
            keys.extend(warehouse_key);
            policies::execution(&group, &log_prefix, repository.as_deref(), &secrets, &keys)
        },
    );
    // ECS sends no source account with this one.
    let trust = Policy::trusting("ecs-tasks.amazonaws.com").into();
    make(project, "execution-role", trust, policy)
}

/// The role that dbt has.
pub(super) fn task(project: &Expansion<'_>) -> Output<String> {
    let trust = trust(project, "ecs-tasks.amazonaws.com", "*");
    let state = project.state_uri().optional();
    let shell = project.args.enable_execute_command.clone();
    let policy = all((artifacts(project), state, shell))
        .map(|(own, state, shell)| policies::task(&own, &own.of(state.as_deref()), shell));
    let own = project.args.policy_statements.filled().under("statements");
    make_with(project, "task-role", trust, policy, own)
}

/// The role of the state machine.
pub(super) fn machine(
    project: &Expansion<'_>,
    family_arn: &Output<String>,
    [execution, task]: [&Output<String>; 2],
) -> Output<String> {
    let trust = trust(project, "states.amazonaws.com", "stateMachine:*");
    let shared = SharedArgs {
        table_name: project.platform.table_name.clone(),
        finish_arn: project.platform.finish_arn.clone(),
    };
    let policy = all((
        location(project),
        artifacts(project),
        shared.into(),
        family_arn.clone(),
        Output::list([execution.clone(), task.clone()]),
    ))
    .map(|(at, artifacts, shared, family, roles)| {
        policies::machine(&at, &artifacts, &shared, &family, &roles)
    });
    make(project, "machine-role", trust, policy)
}

/// The role of schedules, and of the rules of those that follow others.
pub(super) fn scheduler(
    project: &Expansion<'_>,
    machine_arn: &Output<String>,
    dead_letters_arn: &Output<String>,
) -> Output<String> {
    // Scheduler names the group, which is all that a role may be made for.
    let trust = location(project).map(|at| {
        let mut policy = trusted("scheduler.amazonaws.com", &at, "schedule-group/*");
        let rules = trusted("events.amazonaws.com", &at, "rule/*");
        policy.statements.extend(rules.statements);
        policy
    });
    let finish = project.platform.finish_arn.clone();
    let policy = all((machine_arn.clone(), finish, dead_letters_arn.clone())).map(
        |(machine, finish, dead_letters)| policies::scheduler(&[machine, finish], &dead_letters),
    );
    make(project, "scheduler-role", trust, policy)
}

/// Lets a service take a role, for what has such an ARN.
fn trust(project: &Expansion<'_>, service: &'static str, source: &'static str) -> Output<Policy> {
    location(project).map(move |at| trusted(service, &at, source))
}

pub(super) fn location(project: &Expansion<'_>) -> Output<Location> {
    let platform = &project.platform;
    let at = LocationArgs {
        account_id: platform.account_id.clone(),
        region: platform.region.clone(),
        cluster_arn: platform.cluster_arn.clone(),
    };
    at.into()
}

fn artifacts(project: &Expansion<'_>) -> Output<Artifacts> {
    let platform = &project.platform;
    let artifacts = ArtifactsArgs {
        bucket_arn: platform.artifacts_bucket_arn.clone(),
        kms_key_arn: platform.artifacts_kms_key_arn.clone(),
        prefix: project.artifacts_prefix.clone(),
    };
    artifacts.into()
}

fn make(
    project: &Expansion<'_>,
    name: &str,
    trust: Output<Policy>,
    policy: Output<Policy>,
) -> Output<String> {
    make_with(project, name, trust, policy, Output::default())
}

/// The same with a second policy, of which parts may be known while nothing is of the first.
fn make_with(
    project: &Expansion<'_>,
    name: &str,
    trust: Output<Policy>,
    policy: Output<Policy>,
    own: Output<Policy>,
) -> Output<String> {
    let args = RoleArgs {
        assume_role_policy: trust,
        inline_policies: Output::dictionary([("dbt", policy), ("own", own)]),
        permissions_boundary: project.platform.permissions_boundary_arn.clone(),
        tags: project.tags.clone(),
        ..Default::default()
    };
    project.scope.child::<Role>(name, args).arn.clone()
}
