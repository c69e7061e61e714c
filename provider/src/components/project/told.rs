//! What a project's handle tells of its runs beside their variables: schedules are judged by it.

use super::{DbtProjectArgs, task::Found};
use crate::prelude::*;
use pulumi_aws_framework::output::all;

/// The dbt that is packed, where a lock names it; the profile that is written for a run; and what fails in every run.
pub(super) fn of(args: &DbtProjectArgs, found: &Found) -> [(&'static str, Output<String>); 4] {
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
    let failing = found.clean_fails.then(|| "clean".into());
    [
        ("dbtVersion", version.flatten()),
        ("profileName", written(name)),
        ("profileTarget", written(profile.target)),
        ("failingCommands", failing.unwrap_or_default()),
    ]
}
