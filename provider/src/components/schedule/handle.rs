//! The handle of a schedule.

use super::DbtSchedule;
use crate::prelude::*;
use pulumi_aws_framework::{component::Component, handle::HandleFields};

/// What a schedule gives to those that follow it.
#[derive(Clone, Debug, Props)]
pub struct ScheduleHandle {
    /// The form of the handle.
    pub version: String,
    /// The ARN of the schedule, which the events of its runs have.
    #[prop(check = formats::arn("scheduler", "schedule/"))]
    pub schedule_arn: String,
    /// The form of these events.
    pub event_version: Option<String>,
}

impl HandleFields for ScheduleHandle {
    const COMPONENT: &'static str = DbtSchedule::TOKEN;
    const VERSION: &'static str = "1";
}
