//! Schedules that follow another one. Each has a schedule of Scheduler too, which never comes due: runs, messages and
//! lateness are looked up by it. A rule starts the runs in its name.

use super::{DbtScheduleDeliveryArgs, handle::ScheduleHandle, lacks};
use crate::{
    components::project::handle::ProjectHandleArgs,
    prelude::*,
    resources::events::{
        rule::{Rule, RuleArgs},
        target::{RuleInputTransformerArgs, RuleTargetArgs},
    },
};
use pulumi_aws_framework::{component::Scope, output::all};
use serde_json::{Value as Document, json};

/// In the [last year](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html) of cron expressions.
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
    /// Which ends of its runs are followed; a run that was skipped is followed by none. Default: `success`.
    #[prop(default = DbtScheduleAfterOn::Success)]
    pub on: DbtScheduleAfterOn,
}

/// Refuses what only times have, a schedule whose events do not come here, and components whose runs put none.
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
    let (project, theirs) = (given("project"), given("after").field("schedule"));
    let older = "was made by an older version of the provider: run pulumi up in the stack of its platform and then in its own first";
    if lacks(&project, "stateMachineArn", "eventVersion") {
        check.fail("project", older);
    }
    if lacks(&theirs, "scheduleArn", "eventVersion") {
        check.fail("after.schedule", older);
    }
    let place = |arn: &Value| {
        let parts: Vec<_> = arn.as_str()?.split(':').collect();
        Some((parts.get(3)?.to_string(), parts.get(4)?.to_string()))
    };
    let places = (
        place(&theirs.field("scheduleArn")),
        place(&project.field("stateMachineArn")),
    );
    if let (Some(theirs), Some(own)) = places
        && theirs != own
    {
        let reason = format!(
            "is in {} of the account {}, but the project is in {} of {}; events of runs stay in their region and account",
            theirs.0, theirs.1, own.0, own.1
        );
        check.fail("after.schedule", reason);
    }
}

/// Makes the rule that starts runs as the schedule of that ARN says.
pub(super) fn expand(
    scope: &Scope,
    after: DbtScheduleAfterArgs,
    schedule_arn: &Output<String>,
    project: &ProjectHandleArgs,
    enabled: Output<bool>,
    delivery: &DbtScheduleDeliveryArgs,
) {
    let transformer = RuleInputTransformerArgs {
        paths: BTreeMap::from([("time".to_owned(), "$.time".to_owned())]).into(),
        template: schedule_arn
            .map(|arn| json!({"scheduleArn": arn, "scheduledTime": "<time>"}).to_string()),
    };
    let target = RuleTargetArgs {
        id: "run".into(),
        arn: project.state_machine_arn.clone(),
        role_arn: project.scheduler_role_arn.clone(),
        input_transformer: transformer.into(),
        dead_letter_arn: project.dead_letter_arn.clone(),
        maximum_retry_attempts: delivery.maximum_retry_attempts.clone(),
        maximum_event_age_seconds: delivery.maximum_age_minutes.map(|minutes| minutes * 60),
        ..Default::default()
    };
    scope.child::<Rule>(
        "after",
        RuleArgs {
            event_pattern: all((after.schedule.fields().schedule_arn, after.on))
                .map(|(arn, on)| Json(pattern(&arn, on))),
            enabled,
            targets: Output::set([target.into()]),
            tags: project.tags.map(|tags| tags.0),
            ..Default::default()
        },
    );
}

/// The ends of a schedule's runs, as its own account tells them: a bus may let others put events.
fn pattern(schedule_arn: &str, on: DbtScheduleAfterOn) -> Document {
    let statuses: &[&str] = match on {
        DbtScheduleAfterOn::Success => &["succeeded"],
        DbtScheduleAfterOn::Failure => &["failed"],
        DbtScheduleAfterOn::Always => &["succeeded", "failed"],
    };
    json!({
        "source": ["dbt-aws"],
        "account": [schedule_arn.split(':').nth(4)],
        "detail-type": ["dbt run ended"],
        "detail": {"scheduleArn": [schedule_arn], "status": statuses},
    })
}
