//! What a run takes over its project's own, from a schedule or a `DbtRun`.

mod command_line;
mod commands;

use self::commands::Run;
use super::project::{
    handle::ProjectHandle,
    variables::{self, Told},
};
use crate::{
    prelude::*,
    resources::ecs,
    run::{LONGEST_OVERRIDES, overrides_length},
};
use pulumi_aws_framework::{handle::Digits, props::below};

/// Refuses a list of no commands, and one of too many.
pub(super) fn some_commands(commands: &[String]) -> Result<(), String> {
    match commands.len() {
        0 => Err("needs at least one command, such as dbt build".to_owned()),
        count => commands::at_most(count),
    }
}

/// Refuses what no run could take over the project's own.
pub(super) fn check(check: &mut Check<'_>) {
    let project = Handle::<ProjectHandle>::checked(check, "project");
    let told = Told::by(&project);
    for name in check.keys("environment") {
        if let Err(reason) = variables::name(&name).and_then(|()| told.refusal(&name)) {
            check.fail(below("environment", &name), reason);
        }
    }
    let run = Run {
        version: project.dbt_version.now(),
        profile: project.profile_name.now(),
        target: project.profile_target.now(),
        failing: project.failing_commands.now().unwrap_or_default().0,
    };
    if let Some(Value::List(lines)) = check.value("commands").as_ref().map(Value::peel) {
        for (index, line) in lines.iter().enumerate() {
            let path = format!("commands[{index}]");
            let Some(line) = line.peel().as_str() else {
                continue;
            };
            match run.judge(line) {
                Err(reason) => check.fail(path, reason),
                Ok(warnings) => warnings.iter().for_each(|reason| check.warn(&path, reason)),
            }
        }
    }
    let size = |name, theirs: Output<Digits<i32>>| match check.get::<Option<i32>>(name)? {
        None => Some(theirs.now()?.0),
        own => own,
    };
    let (cpu, memory) = (size("cpu", project.cpu), size("memory", project.memory));
    ecs::check_size(check, cpu, memory);
    if let (Some(commands), Some(environment)) = (
        check.get::<Option<Vec<String>>>("commands"),
        check.get::<Option<BTreeMap<String, String>>>("environment"),
    ) {
        let environment = environment.unwrap_or_default();
        let length = overrides_length(commands.as_deref(), &environment);
        if length > LONGEST_OVERRIDES {
            let own = overrides_length(commands.as_deref(), &BTreeMap::new());
            let field = if own > length / 2 {
                "commands"
            } else {
                "environment"
            };
            let reason = format!(
                "commands and environment make overrides of {length} characters as JSON, but ECS allows at most {LONGEST_OVERRIDES}; move variables to the project's environment"
            );
            check.fail(field, reason);
        }
    }
}
