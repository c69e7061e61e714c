//! What the parts of a project have in common, and those that need no file of their own.

use super::{
    DbtProjectArgs, ProjectCapacity, ProjectOverlap, ProjectOverrides, checks, ends, lines,
    login::Login, policies, roles, tags, task,
};
use crate::{
    components::{
        log_location, partition,
        platform::handle::{AssignPublicIp, PlatformHandleArgs},
    },
    prelude::*,
    resources::{
        secretsmanager::secret::{Secret, SecretArgs},
        sfn::state_machine::{StateMachine, StateMachineArgs},
        sqs::queue::{Queue, QueueArgs},
    },
    run::{
        StateMachineDbtRun, StateMachineDbtRunArgs, StateMachineDbtRunCapacity,
        StateMachineDbtRunOverlap, StateMachineDbtRunOverrides, StateMachineDbtRunRetryArgs,
    },
};
use pulumi_aws_framework::{
    component::{Child, Scope},
    output::all,
};

/// A project under construction.
pub(super) struct Expansion<'a> {
    pub(super) scope: &'a Scope,
    pub(super) args: &'a DbtProjectArgs,
    pub(super) platform: PlatformHandleArgs,
    /// The tags of everything in it.
    pub(super) tags: Output<Tags>,
    /// What its directory says.
    pub(super) found: task::Found,
    /// What the names of its log streams begin with.
    pub(super) log_prefix: String,
    /// What the names of its objects in the bucket for artifacts begin with.
    pub(super) artifacts_prefix: Output<String>,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(scope: &'a Scope, args: &'a DbtProjectArgs) -> Result<Self, Failure> {
        let platform = args.platform.fields();
        let target = args.profile.clone().unwrap_or_default().fields().target;
        let log_prefix = log_location(scope.name());
        let name = log_prefix.clone();
        Ok(Self {
            scope,
            args,
            tags: tags::of(&platform.tags, &args.tags),
            platform,
            found: task::found(scope.reads(), args.path.as_deref())?,
            log_prefix,
            artifacts_prefix: target.map(move |target| format!("{name}/{target}")),
        })
    }

    pub(super) fn artifacts_uri(&self) -> Output<String> {
        let parts = all((
            self.platform.artifacts_bucket.clone(),
            self.artifacts_prefix.clone(),
        ));
        parts.map(|(bucket, prefix)| format!("s3://{bucket}/{prefix}"))
    }

    pub(super) fn docs_command(&self) -> Output<String> {
        all((self.platform.region.clone(), self.artifacts_uri()))
            .map(|(region, artifacts)| lines::docs(&region, &artifacts))
    }

    pub(super) fn runs_command(&self) -> Output<String> {
        let (platform, place) = (&self.platform, self.artifacts_prefix.clone());
        all((platform.region.clone(), platform.table_name.clone(), place))
            .map(|(region, table, place)| lines::runs(&region, &table, &place))
    }

    /// Where another project's artifacts are, of which the last green run is the state.
    pub(super) fn state_uri(&self) -> Output<String> {
        self.args.state_from.fields().artifacts_uri
    }

    /// The ARN of the repository in ECR that an image made elsewhere is in.
    pub(super) fn repository_of(&self, image: &Output<String>) -> Output<Option<String>> {
        all((image.clone(), self.platform.cluster_arn.clone()))
            .map(|(image, cluster)| checks::ecr_arn(&image, partition(&cluster)))
    }

    /// The secrets that become variables of a run, those that are made for it and others: their ARNs by name.
    pub(super) fn secrets(&self, login: Option<&Login>) -> Output<BTreeMap<String, String>> {
        let make = |(key, value): (&String, &Output<SecretText>)| {
            let args = SecretArgs {
                description: format!("{key} of the dbt project {}", self.scope.name()).into(),
                secret_string: value.secret(),
                tags: self.tags.clone(),
                ..Default::default()
            };
            let secret = self.scope.child::<Secret>(&format!("secret-{key}"), args);
            (key.clone(), secret.arn.clone())
        };
        let mut arns: BTreeMap<_, _> = self.args.secrets.iter().flatten().map(make).collect();
        let own = login.map(|login| &login.secret_arn);
        let warehouse = own.unwrap_or(&self.platform.warehouse_secret_arn);
        arns.insert(task::WAREHOUSE_SECRET.to_owned(), warehouse.clone());
        all((Output::dictionary(arns), self.args.secret_arns.optional()))
            .map(|(made, given)| made.into_iter().chain(given.unwrap_or_default()).collect())
    }

    /// What its runs are.
    pub(super) fn run(
        &self,
        family_arn: &Output<String>,
        topic_arn: &Output<String>,
    ) -> Output<StateMachineDbtRun> {
        let (platform, args) = (&self.platform, self.args);
        let public = |assign| matches!(assign, AssignPublicIp::Enabled);
        let retry = args.retry.fields();
        let run = StateMachineDbtRunArgs {
            cluster_arn: platform.cluster_arn.clone(),
            task_definition_arn: family_arn.clone(),
            subnet_ids: platform.task_subnet_ids.map(|ids| ids.0),
            security_group_ids: platform.task_security_group_ids.map(|ids| ids.0),
            assign_public_ip: platform.assign_public_ip.map(public),
            enable_execute_command: args.enable_execute_command.clone(),
            artifacts_bucket: platform.artifacts_bucket.clone(),
            artifacts_prefix: self.artifacts_prefix.clone(),
            log_group_name: platform.log_group_name.clone(),
            log_stream_prefix: self.log_prefix.clone().into(),
            timeout_minutes: args.timeout_minutes.clone(),
            overrides: args.overrides.map(|overrides| match overrides {
                ProjectOverrides::All => StateMachineDbtRunOverrides::All,
                ProjectOverrides::Commands => StateMachineDbtRunOverrides::Commands,
                ProjectOverrides::None => StateMachineDbtRunOverrides::None,
            }),
            table_name: platform.table_name.clone(),
            finish_arn: platform.finish_arn.clone(),
            topic_arn: topic_arn.clone(),
            capacity: args.capacity.map(|capacity| match capacity {
                ProjectCapacity::OnDemand => StateMachineDbtRunCapacity::OnDemand,
                ProjectCapacity::Spot => StateMachineDbtRunCapacity::Spot,
                ProjectCapacity::SpotThenOnDemand => StateMachineDbtRunCapacity::SpotThenOnDemand,
            }),
            overlap: args.overlap.map(|overlap| match overlap {
                ProjectOverlap::Skip => StateMachineDbtRunOverlap::Skip,
                ProjectOverlap::Queue => StateMachineDbtRunOverlap::Queue,
                ProjectOverlap::Allow => StateMachineDbtRunOverlap::Allow,
            }),
            queue_minutes: args.queue_minutes.clone(),
            retry: StateMachineDbtRunRetryArgs {
                attempts: retry.attempts,
                failed_nodes: retry.failed_nodes,
            }
            .into(),
            notify: ends::for_finish(args.notify.as_ref()),
            ..Default::default()
        };
        run.into()
    }

    /// The state machine: each execution is a run.
    pub(super) fn state_machine(
        &self,
        run: &Output<StateMachineDbtRun>,
        role_arn: Output<String>,
    ) -> Child<StateMachine> {
        let args = StateMachineArgs {
            dbt_run: run.clone(),
            role_arn,
            tags: self.tags.clone(),
            ..Default::default()
        };
        self.scope.child("state-machine", args)
    }

    /// The queue of starts that could not be delivered, kept for 14 days. Scheduler sends to it with a role, the rules of
    /// schedules that follow others without.
    pub(super) fn dead_letters(&self) -> Child<Queue> {
        let args = QueueArgs {
            message_retention_seconds: 1_209_600.into(),
            policy: roles::location(self).map(|at| Json(policies::of_dead_letters(&at))),
            tags: self.tags.clone(),
            ..Default::default()
        };
        self.scope.child("dead-letters", args)
    }
}
