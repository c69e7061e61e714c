//! `dbt-aws:index:DbtSchedule`.

#[cfg(test)]
mod tests;

use super::project::{checks::variable, handle};
use crate::{
    component::{Component, Scope},
    output::all,
    prelude::*,
    props::below,
    resources::{
        ecs::task_definition::fargate_size,
        scheduler::{
            expression,
            schedule::{Schedule, ScheduleArgs, ScheduleStatus, ScheduleTargetArgs, moment},
            timezone,
        },
    },
};
use serde_json::{Map, json};

/// When a project runs.
#[derive(Debug)]
pub struct DbtSchedule;

/// What a schedule is made from.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleInputs {
    /// The project that it runs: the `handle` of a `DbtProject`.
    pub project: BTreeMap<String, String>,
    /// When: six fields, minutes, hours, day of month, month, day of week, year, such as `30 6 * * ? *`. One of
    /// the two days is `?`. Give exactly one of `cron`, `rate` and `at`.
    ///
    /// See [schedule types](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
    #[prop(given, check = (|text: &String| expression::cron(text).map(drop)))]
    pub cron: Option<String>,
    /// How often: `5 minutes`, `1 hour`, `7 days`.
    #[prop(given, check = (|text: &String| expression::rate(text)))]
    pub rate: Option<String>,
    /// Once, at this time: `2026-01-31T06:30:00`.
    #[prop(given, check = (|text: &String| expression::at(text)))]
    pub at: Option<String>,
    /// The time zone of `cron` and `at`, by its name in the tz database. A warning says when daylight saving
    /// time skips a run. Default: `UTC`.
    #[prop(default = "UTC", check = (|name: &String| timezone(name)))]
    pub timezone: String,
    /// dbt command lines, run in order in one process until one fails. Default: `["dbt build"]`.
    #[prop(check = commands)]
    pub commands: Option<Vec<String>>,
    /// Environment variables of these runs, over the project's. Values are plain text in AWS. Together with `commands`,
    /// 6,000 characters at most.
    pub environment: Option<BTreeMap<String, String>>,
    /// CPU units of these runs. Default: the project's.
    pub cpu: Option<i32>,
    /// Memory of these runs, in MiB. Default: the project's.
    pub memory: Option<i32>,
    /// Whether it runs. Default: `true`.
    #[prop(default = true)]
    pub enabled: bool,
    /// Before this time it does not run, as RFC 3339 text such as `2026-01-31T00:00:00Z`.
    #[prop(check = (|text: &String| moment(text)))]
    pub start: Option<String>,
    /// After this time it no longer runs, as RFC 3339 text.
    #[prop(check = (|text: &String| moment(text)))]
    pub end: Option<String>,
    /// Within how many minutes after the time a run may start: 1 to 1440. Default: at the time.
    #[prop(check = (|minutes: &i32| between(*minutes, 1, 1440)))]
    pub flexible_window_minutes: Option<i32>,
    /// How long AWS tries to start a run.
    pub delivery: Option<DbtScheduleDelivery>,
}

/// How long AWS tries to start a run. What could not be started lands in the project's dead-letter queue.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleDelivery {
    /// For how many minutes: 1 to 1440. Default: 60.
    #[prop(default = 60, check = (|minutes: &i32| between(*minutes, 1, 1440)))]
    pub maximum_age_minutes: i32,
    /// How often it is tried again: 0 to 185. Default: 10.
    #[prop(default = 10, check = (|attempts: &i32| between(*attempts, 0, 185)))]
    pub maximum_retry_attempts: i32,
}

/// What a schedule answers.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleOutputs {
    /// The ARN of the schedule.
    pub schedule_arn: String,
    /// The name of the schedule.
    pub schedule_name: String,
}

/// The keys of a project's handle without which no schedule can be made.
const PROJECT: [&str; 3] = ["deadLetterArn", "schedulerRoleArn", "stateMachineArn"];

/// ECS takes 8,192 characters of overrides, of which the run's own variables need some.
const LONGEST: usize = 6_000;

fn between(value: i32, least: i32, most: i32) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("{value} is not between {least} and {most}"))
    }
}

fn commands(commands: &[String]) -> Result<(), String> {
    if commands.is_empty() {
        return Err("needs at least one command, such as dbt build".to_owned());
    }
    match commands.iter().find(|c| c.trim().is_empty()) {
        Some(_) => {
            Err("has an empty command; write a dbt command line, such as dbt build".to_owned())
        }
        None => Ok(()),
    }
}

impl Component for DbtSchedule {
    const TOKEN: &'static str = "dbt-aws:index:DbtSchedule";
    const DOC: &'static str =
        "When a project runs.\n\nA scheduled time is run once, even if AWS delivers it twice.";
    const KINDS: &'static [&'static str] = &["dbt-aws:scheduler:Schedule"];
    type Inputs = DbtScheduleInputs;
    type Outputs = DbtScheduleOutputs;

    fn check(check: &mut Check<'_>) {
        handle::check(check, "project", "DbtProject", &PROJECT);
        check.exactly_one(&["cron", "rate", "at"]);
        for name in check.keys("environment") {
            if let Err(reason) = variable(&name) {
                check.fail(below("environment", &name), reason);
            }
        }
        let own = |check: &Check<'_>, name: &str| check.get::<Option<i32>>(name);
        if let (Some(Some(cpu)), Some(Some(memory))) = (own(check, "cpu"), own(check, "memory")) {
            if let Err(reason) = fargate_size(cpu, memory) {
                check.fail("memory", reason);
            }
        } else if check.has("cpu") != check.has("memory") {
            let missing = if check.has("cpu") { "memory" } else { "cpu" };
            check.fail(
                missing,
                "give both of cpu and memory, or neither: Fargate takes only certain pairs",
            );
        }
        if let (Some(commands), Some(environment)) = (
            check.get::<Option<Vec<String>>>("commands"),
            check.get::<Option<BTreeMap<String, String>>>("environment"),
        ) {
            let (commands, environment) =
                (json!(commands).to_string(), json!(environment).to_string());
            let length = commands.chars().count() + environment.chars().count();
            if length > LONGEST {
                let field = if commands.len() > environment.len() {
                    "commands"
                } else {
                    "environment"
                };
                let reason = format!(
                    "commands and environment together have {length} characters as JSON, and {LONGEST} at most fit into the \
                     overrides of an ECS task; move variables to the project's environment"
                );
                check.fail(field, reason);
            }
        }
    }

    fn construct(scope: &Scope, args: DbtScheduleArgs) -> Result<DbtScheduleFields, Failure> {
        let wrap = |kind: &'static str, text: Output<String>| {
            text.map(move |text| format!("{kind}({text})"))
        };
        let kinds = [("cron", args.cron), ("rate", args.rate), ("at", args.at)];
        let given = kinds
            .into_iter()
            .find_map(|(kind, text)| Some(wrap(kind, text?)));
        let input = all((
            args.commands.optional(),
            args.environment.optional(),
            args.cpu.optional(),
            args.memory.optional(),
        ))
        .map(|(commands, environment, cpu, memory)| {
            let mut input = Map::new();
            let mut put = |key: &str, value: Option<serde_json::Value>| {
                input.extend(value.map(|value| (key.to_owned(), value)));
            };
            put("commands", commands.map(|c| json!(c)));
            put("environment", environment.map(|e| json!(e)));
            put("cpu", cpu.map(|n| json!(n.to_string())));
            put("memory", memory.map(|n| json!(n.to_string())));
            put("scheduleArn", Some(json!("<aws.scheduler.schedule-arn>")));
            put(
                "scheduledTime",
                Some(json!("<aws.scheduler.scheduled-time>")),
            );
            Payload::Json(input.into())
        });
        let delivery = args.delivery.fields();
        let schedule = scope.child::<Schedule>(
            "schedule",
            ScheduleArgs {
                schedule_expression: given.unwrap_or_default(),
                timezone: args.timezone,
                start: args.start,
                end: args.end,
                flexible_window_minutes: args.flexible_window_minutes,
                state: args.enabled.map(|on| match on {
                    true => ScheduleStatus::Enabled,
                    false => ScheduleStatus::Disabled,
                }),
                target: ScheduleTargetArgs {
                    arn: args.project.key("stateMachineArn"),
                    role_arn: args.project.key("schedulerRoleArn"),
                    dead_letter_arn: args.project.key("deadLetterArn"),
                    input,
                    maximum_age_seconds: delivery.maximum_age_minutes.map(|minutes| minutes * 60),
                    maximum_retry_attempts: delivery.maximum_retry_attempts,
                }
                .into(),
                ..Default::default()
            },
        );
        Ok(DbtScheduleFields {
            schedule_arn: schedule.arn.clone(),
            // The id is the group's name and its own.
            schedule_name: schedule
                .id
                .map(|id| id.rsplit('/').next().unwrap_or_default().to_owned()),
        })
    }
}
