//! Schedules that follow another one: a rule starts their runs. Their own schedule has no time left to come, and is all
//! else that a schedule is: what its runs do, whose they are, and whether they are late.

use super::{DbtScheduleDeliveryArgs, handle::ScheduleHandle};
use crate::{
    components::{
        policies::{Location, allow, trust},
        project::handle::ProjectHandleArgs,
    },
    prelude::*,
    resources::{
        events::{
            rule::{Rule, RuleArgs},
            target::{RuleInputTransformerArgs, RuleTargetArgs},
        },
        iam::{
            policy::Policy,
            role::{Role, RoleArgs},
        },
    },
};
use pulumi_aws_framework::{component::Scope, output::all};
use serde_json::{Value as Document, json};

/// The last year that Scheduler takes.
pub(super) const NEVER: &str = "cron(0 0 1 1 ? 2199)";

words! {
    /// Which ends of a run another one follows.
    pub enum DbtScheduleAfterOn {
        /// It succeeded.
        Success = "success",
        /// It failed.
        Failure = "failure",
        /// It succeeded or failed.
        Always = "always",
    }
}

/// The schedule that another one follows.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleAfter {
    /// The `handle` of the other `DbtSchedule`, of the same account and region; its project and platform may be others.
    pub schedule: Handle<ScheduleHandle>,
    /// Which ends of its runs are followed. A run that was skipped has none. Default: `success`.
    #[prop(default = DbtScheduleAfterOn::Success)]
    pub on: DbtScheduleAfterOn,
}

/// Refuses what only times have, and a schedule whose events do not come here.
pub(super) fn check(check: &mut Check<'_>) {
    if !check.has("after") {
        return;
    }
    for name in ["timezone", "start", "end", "flexibleWindowMinutes"] {
        if check.has(name) {
            check.fail(name, "applies only with cron, rate or at");
        }
    }
    let given = |name: &str| check.value(name).unwrap_or_default().plain();
    let theirs = given("after").field("schedule").field("scheduleArn");
    let own = given("project").field("stateMachineArn");
    let place = |arn: &Value| {
        let at = Location::of(arn.as_str()?);
        Some((at.region, at.account_id))
    };
    if let (Some(theirs), Some(own)) = (place(&theirs), place(&own))
        && theirs != own
    {
        let reason = format!(
            "is in {} of the account {}, but the project is in {} of {}; events of runs stay in their region and account",
            theirs.0, theirs.1, own.0, own.1
        );
        check.fail("after.schedule", reason);
    }
}

/// What is started, and whether and how.
pub(super) struct Run<'a> {
    /// The input of the execution, without what a schedule says of itself.
    pub(super) input: Output<Json>,
    /// Whether it is.
    pub(super) enabled: Output<bool>,
    /// How long it is tried.
    pub(super) delivery: &'a DbtScheduleDeliveryArgs,
}

/// The rule that starts runs, as the schedule of that ARN.
pub(super) fn expand(
    scope: &Scope,
    after: DbtScheduleAfterArgs,
    schedule_arn: &Output<String>,
    project: &ProjectHandleArgs,
    run: Run<'_>,
) {
    let machine = &project.state_machine_arn;
    let role = scope.child::<Role>(
        "starter-role",
        RoleArgs {
            assume_role_policy: machine
                .map(|machine| trust("events.amazonaws.com", &Location::of(&machine), "rule/*")),
            inline_policies: Output::dictionary([(
                "dbt",
                machine
                    .map(|machine| Policy::new(vec![allow(&["states:StartExecution"], [machine])])),
            )]),
            permissions_boundary: project.permissions_boundary_arn.clone(),
            tags: project.tags.map(|tags| tags.0),
            ..Default::default()
        },
    );
    let template = all((run.input, schedule_arn.clone())).map(|(Json(mut input), arn)| {
        input["scheduleArn"] = arn.into();
        // What a command has between angle brackets is no placeholder.
        let own = input.to_string().replace('<', "\\u003c");
        let rest = own.strip_prefix('{').unwrap_or_default();
        format!(r#"{{"scheduledTime":"<time>",{rest}"#)
    });
    let transformer = RuleInputTransformerArgs {
        paths: BTreeMap::from([("time".to_owned(), "$.time".to_owned())]).into(),
        template,
    };
    let target = RuleTargetArgs {
        id: "run".into(),
        arn: machine.clone(),
        role_arn: role.arn.clone(),
        input_transformer: transformer.into(),
        dead_letter_arn: project.dead_letter_arn.clone(),
        maximum_retry_attempts: run.delivery.maximum_retry_attempts.clone(),
        maximum_event_age_seconds: run.delivery.maximum_age_minutes.map(|minutes| minutes * 60),
        ..Default::default()
    };
    scope.child::<Rule>(
        "after",
        RuleArgs {
            event_pattern: all((after.schedule.fields().schedule_arn, after.on))
                .map(|(arn, on)| Json(pattern(&arn, on))),
            enabled: run.enabled,
            targets: Output::set([target.into()]),
            tags: project.tags.map(|tags| tags.0),
            ..Default::default()
        },
    );
}

/// The ends of the runs of a schedule.
fn pattern(schedule_arn: &str, on: DbtScheduleAfterOn) -> Document {
    let statuses: &[&str] = match on {
        DbtScheduleAfterOn::Success => &["succeeded"],
        DbtScheduleAfterOn::Failure => &["failed"],
        DbtScheduleAfterOn::Always => &["succeeded", "failed"],
    };
    json!({
        "source": ["dbt-aws"],
        "detail-type": ["dbt run ended"],
        "detail": {"scheduleArn": [schedule_arn], "status": statuses},
    })
}
