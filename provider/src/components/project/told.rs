//! What a project's handle tells of its runs beside their variables: schedules are judged by it.

use super::{Expansion, ends, handle::ProjectHandleArgs};
use crate::prelude::*;
use pulumi_aws_framework::{
    handle::{Digits, Joined},
    output::all,
    props::Enum as _,
};

/// The dbt that is packed, where a lock names it; the profile that is written for a run; and what fails in every run.
pub(super) fn of_runs(project: &Expansion<'_>) -> ProjectHandleArgs {
    let (args, found) = (project.args, &project.found);
    let is_packed = args.path.is_some();
    let dbt = args.dbt.fields();
    let version = all((dbt.version, dbt.requirements.optional()));
    let version =
        version.map(move |(version, own)| (is_packed && own.is_none()).then_some(version));
    let profile = args.profile.clone().unwrap_or_default().fields();
    let name = match &found.profile {
        Some(own) => profile.name.or(own.clone()),
        None => profile.name,
    };
    let is_written = is_packed || args.profile.is_some();
    let written = |text: Output<String>| if is_written { text } else { Output::default() };
    let failing = found
        .clean_fails
        .then(|| Joined(vec!["clean".to_owned()]).into());
    ProjectHandleArgs {
        dbt_version: version.flatten(),
        profile_name: written(name),
        profile_target: written(profile.target),
        failing_commands: failing.unwrap_or_default(),
        notify: ends::for_finish(args.notify.as_ref())
            .map(|own| own.encode().to_json().to_string()),
        finish_arn: project.platform.finish_arn.clone(),
        event_version: project.platform.event_version.clone(),
        log_group_name: project.platform.log_group_name.clone(),
        log_stream_prefix: project.log_prefix.as_str().into(),
        timeout_minutes: args.timeout_minutes.map(Digits),
        overrides: args.overrides.map(|own| own.word().to_owned()),
        ..Default::default()
    }
}
