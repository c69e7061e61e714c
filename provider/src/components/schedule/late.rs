//! What asks `finish` whether a schedule is late.

use crate::{
    components::project::handle::ProjectHandleArgs,
    prelude::*,
    resources::scheduler::schedule::{Schedule, ScheduleArgs, ScheduleTargetArgs},
};
use pulumi_aws_framework::{aws::console, component::Scope, output::all};
use serde_json::{Value as Document, json};

/// A schedule beside the one of that ARN, which is late when no run of it has succeeded for so many hours.
pub(super) fn expand(
    scope: &Scope,
    hours: Output<i32>,
    schedule_arn: &Output<String>,
    project: &ProjectHandleArgs,
) {
    let asked = all((
        hours,
        schedule_arn.clone(),
        project.state_machine_arn.clone(),
        project.topic_arn.clone(),
        project.artifacts_uri.clone(),
        project.notify.clone(),
    ));
    let input = asked.map(|(hours, schedule, machine, topic, artifacts, notify)| {
        let region = schedule.split(':').nth(3).unwrap_or_default();
        let place = artifacts.trim_start_matches("s3://").split_once('/');
        let notify: Document = serde_json::from_str(&notify).unwrap_or_default();
        Payload::Json(json!({
            "late": {"hours": hours, "machine": machine, "scheduleArn": schedule},
            "config": {
                "artifactsPrefix": place.map_or("", |(_, prefix)| prefix),
                "consoleUrl": console(region),
                "notify": notify,
                "topicArn": topic,
            },
        }))
    });
    let target = ScheduleTargetArgs {
        arn: project.finish_arn.clone(),
        role_arn: project.scheduler_role_arn.clone(),
        // What could not be asked is asked again in an hour: the queue's alarm is for runs.
        input,
        ..Default::default()
    };
    let args = ScheduleArgs {
        schedule_expression: "rate(1 hour)".into(),
        target: target.into(),
        ..Default::default()
    };
    scope.child::<Schedule>("late", args);
}
