//! What a project gives to its schedules and runs.

use super::DbtProject;
use crate::{components::platform::handle::TagsText, prelude::*};
use pulumi_aws_framework::{
    component::Component,
    handle::{Digits, HandleFields, Joined},
};

/// What a project gives to its schedules and runs. What it does not tell of a run is not judged.
#[derive(Clone, Debug, Props)]
pub struct ProjectHandle {
    /// The form of the handle.
    pub version: String,
    /// The project's name.
    pub name: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The account's id.
    pub account_id: Option<String>,
    /// The ARN of the state machine of which each execution is a run.
    pub state_machine_arn: String,
    /// The ARN of the role that EventBridge Scheduler starts runs with.
    pub scheduler_role_arn: String,
    /// The ARN of the queue of what could not be started.
    pub dead_letter_arn: String,
    /// The ARN of the topic of messages by e-mail.
    pub topic_arn: Option<String>,
    /// Who hears of how runs end, as a JSON object.
    pub notify: Option<String>,
    /// The ARN of the platform's state machine that ends runs.
    pub finish_arn: Option<String>,
    /// The ARN of the log group of runs.
    pub log_group_arn: Option<String>,
    /// The name of that log group.
    pub log_group_name: Option<String>,
    /// What the names of the log streams of runs begin with.
    pub log_stream_prefix: Option<String>,
    /// The ARN of the managed policy that bounds every role.
    pub permissions_boundary_arn: Option<String>,
    /// The ARNs of the KMS keys of secrets.
    pub secret_kms_key_arns: Option<Joined>,
    /// The tags of everything in the project, as a JSON object.
    pub tags: Option<TagsText>,
    /// Where runs leave their artifacts.
    pub artifacts_uri: Option<String>,
    /// CPU units of a run.
    pub cpu: Option<Digits<i32>>,
    /// Memory of a run, in MiB.
    pub memory: Option<Digits<i32>>,
    /// How long a run may take, in minutes.
    pub timeout_minutes: Option<Digits<i64>>,
    /// What the input of an execution may change.
    pub overrides: Option<String>,
    /// The names of the variables that are secrets.
    pub secret_names: Option<Joined>,
    /// The words of the profile's templates.
    pub profile_variables: Option<Joined>,
    /// The names of the variables that the dbt project reads or that are in the project's environment.
    pub variables: Option<Joined>,
    /// The version of dbt that is packed, where a lock names it.
    pub dbt_version: Option<String>,
    /// The name of the profile that is written for a run.
    pub profile_name: Option<String>,
    /// Its target.
    pub profile_target: Option<String>,
    /// The commands that fail in every run.
    pub failing_commands: Option<Joined>,
    /// The form of the events of the ends of runs.
    pub event_version: Option<String>,
}

impl HandleFields for ProjectHandle {
    const COMPONENT: &'static str = DbtProject::TOKEN;
    const VERSION: &'static str = "1";
}
