//! `dbt-aws:index:DbtSchedule`.

mod after;
pub mod handle;
mod late;
#[cfg(test)]
mod tests;

pub use after::{DbtScheduleAfter, DbtScheduleAfterOn};

use self::handle::{ScheduleHandle, ScheduleHandleArgs};
use super::project::{
    ends::{self, ProjectNotify},
    handle::{ProjectHandle, ProjectHandleArgs},
    webhooks,
};
use crate::{
    components::{elsewhere, exposure, overrides},
    prelude::*,
    resources::scheduler::{
        expression,
        schedule::{Schedule, ScheduleArgs, ScheduleStatus, ScheduleTargetArgs, moment},
        timezone,
    },
};
use pulumi_aws_framework::{
    aws::Aws,
    component::{Component, Scope},
    handle::{Digits, HandleFields},
    output::{Fields, all},
};
use serde_json::{Map, json};

/// When a project runs.
#[derive(Debug)]
pub struct DbtSchedule;

/// The inputs of a schedule.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleInputs {
    /// The `handle` of the `DbtProject` to run. In TypeScript and Go that project must not be the schedule's `parent`.
    pub project: Handle<ProjectHandle>,
    /// When: six fields, minutes, hours, day of month, month, day of week, year, such as `30 6 * * ? *`. One of
    /// the two days is `?`. Give exactly one of `cron`, `rate`, `at` and `after`.
    ///
    /// See [schedule types](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
    #[prop(given, check = (|text: &str| expression::cron(text).map(drop)))]
    pub cron: Option<String>,
    /// How often, in minutes, hours or days: `5 minutes`, `1 hour`, `7 days`. Excludes `cron`, `at` and `after`.
    #[prop(given, check = expression::rate)]
    pub rate: Option<String>,
    /// Once, at this time in `timezone`: `2026-01-31T06:30:00`. Excludes `cron`, `rate` and `after`.
    #[prop(given, check = expression::at)]
    pub at: Option<String>,
    /// After the runs of another schedule: those that succeed, or as `on` says. Excludes `cron`, `rate` and `at`.
    #[prop(plain)]
    pub after: Option<DbtScheduleAfter>,
    /// The time zone of `cron` and `at`, by its name in the tz database. A warning says when daylight saving
    /// time skips a run. Not with `after`. Default: `UTC`.
    #[prop(default = "UTC", check = timezone)]
    pub timezone: String,
    /// Command lines, 1 to 100, run in order until one fails: dbt's, `python <file>` and `python -m <module>`. One with a
    /// leading `-`, such as `-dbt source freshness`, decides nothing when it fails. Default: `["dbt build"]`.
    #[prop(check = overrides::some_commands)]
    pub commands: Option<Vec<String>>,
    /// Environment variables of these runs, which override the project's. Allowed are those that the dbt project reads with
    /// `env_var`, those in the project's `environment`, and dbt's own, but no secret of the project; the preview refuses
    /// others, unless the project has an `image`. Values are plain text in AWS. ECS limits them, together with `commands`,
    /// to 8,192 characters of JSON, of which some 6,000 are yours.
    pub environment: Option<BTreeMap<String, String>>,
    /// CPU units of these runs, 1024 to a virtual CPU, valid together with `memory`: see
    /// [Fargate's table](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size).
    /// Default: the project's.
    #[prop(given)]
    pub cpu: Option<i32>,
    /// Memory of these runs, in MiB, valid together with `cpu`: see
    /// [Fargate's table](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size).
    /// Default: the project's.
    #[prop(given)]
    pub memory: Option<i32>,
    /// Whether the schedule is enabled. Default: `true`.
    #[prop(default = true)]
    pub enabled: bool,
    /// The time before which it does not run, in RFC 3339, such as `2026-01-31T00:00:00Z`. Not with `after`. Default: none.
    #[prop(check = moment)]
    pub start: Option<String>,
    /// The time after which it no longer runs, in RFC 3339, such as `2026-12-31T00:00:00Z`. Not with `after`. Default: none.
    #[prop(check = moment)]
    pub end: Option<String>,
    /// The number of minutes after each time within which a run may start: 1 to 1440. Not with `after`. Default: it starts at the time.
    #[prop(check = formats::between(1, 1440))]
    pub flexible_window_minutes: Option<i32>,
    /// After how many hours without a successful run it is `late`, which `notify` tells of: 1 to 168. That is looked at every
    /// hour, whatever the reason: also where runs fail, are skipped, or do not start. Counted is from the last success, or
    /// from when the schedule was made or changed, if that is later. A disabled schedule is never late. Excludes `at`. Default: never.
    #[prop(given, check = formats::between(1, 168))]
    pub alert_if_no_success_hours: Option<i32>,
    /// Who hears of how its runs end, instead of those that the project names. Default: as the project says.
    #[prop(plain)]
    pub notify: Option<ProjectNotify>,
    /// How long AWS tries to start a run.
    pub delivery: Option<DbtScheduleDelivery>,
}

/// How long AWS tries to start a run. A run that could not be started is recorded in the project's dead-letter queue.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleDelivery {
    /// The number of minutes for which AWS tries: 1 to 1440. Default: 60.
    #[prop(default = 60, check = formats::between(1, 1440))]
    pub maximum_age_minutes: i32,
    /// How many retries: 0 to 185. Default: 10.
    #[prop(default = 10, check = formats::between(0, 185))]
    pub maximum_retry_attempts: i32,
}

/// The outputs of a schedule.
#[derive(Clone, Debug, Props)]
pub struct DbtScheduleOutputs {
    /// The ARN of the schedule.
    pub schedule_arn: String,
    /// The name of the schedule.
    pub schedule_name: String,
    /// The addresses in `notify.emails` that have not confirmed yet that they want to hear of runs.
    pub pending_emails: Vec<String>,
    /// What another `DbtSchedule` needs to follow this one: pass it as `after.schedule`. Holds no secret.
    pub handle: Handle<ScheduleHandle>,
}

/// Whether a handle, which has a key that all of its kind have, lacks one that those of older providers lack.
fn lacks(handle: &Value, always: &str, key: &str) -> bool {
    match handle.peel() {
        Value::Object(fields) => fields.contains_key(always) && !fields.contains_key(key),
        _ => false,
    }
}

/// Refuses to tell anybody of runs by what an older project does not have.
fn refuse_older_project(check: &mut Check<'_>) {
    let project = check.value("project").unwrap_or_default();
    let lacks = |key| lacks(&project, "stateMachineArn", key);
    if check.has("notify") && lacks("topicArn")
        || check.has("alertIfNoSuccessHours") && lacks("finishArn")
    {
        let reason = "was made by an older version of the provider, whose runs nobody can be told of: run pulumi up in its stack first";
        check.fail("project", reason);
    }
}

impl Component for DbtSchedule {
    const TOKEN: &'static str = "dbt-aws:index:DbtSchedule";
    const DOC: &'static str = "Runs a `DbtProject` on a schedule, with EventBridge Scheduler, or after the runs of another schedule.\n\nEach scheduled time starts one run, even if AWS delivers it twice. The project says what a run does while another is under way, and how often it is tried again.";
    const MAY_ORPHAN: &'static [&'static str] = &[
        "dbt-aws:events:Rule",
        "dbt-aws:iam:Role",
        "dbt-aws:lambda:Function",
        "dbt-aws:scheduler:Schedule",
    ];
    type Inputs = DbtScheduleInputs;
    type Outputs = DbtScheduleOutputs;

    fn check(check: &mut Check<'_>) {
        check.exactly_one(&["cron", "rate", "at", "after"]);
        after::check(check);
        if check.has("at") && check.has("alertIfNoSuccessHours") {
            let reason = "applies only with cron, rate or after: a schedule that runs once would be late ever after";
            check.fail("alertIfNoSuccessHours", reason);
        }
        overrides::check(check);
        ends::check(check);
        refuse_older_project(check);
        for field in ["environment", "commands"] {
            exposure::plain_text(check, field, "secrets of the project");
        }
    }

    async fn check_online(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
        let project = Handle::<ProjectHandle>::given(inputs, "project");
        let region = project.region.now();
        let mut found = ends::check_online(inputs, aws.region());
        found.extend(elsewhere("project", region.as_deref(), aws.region()));
        Ok(found)
    }

    fn construct(scope: &Scope, args: DbtScheduleArgs) -> Result<DbtScheduleFields, Failure> {
        let project = args.project.fields();
        let input = input(scope.name(), &args, &project);
        let delivery = args.delivery.fields();
        let schedule = scope.child::<Schedule>(
            "schedule",
            ScheduleArgs {
                schedule_expression: times(&args),
                timezone: args.timezone,
                start: args.start,
                end: args.end,
                flexible_window_minutes: args.flexible_window_minutes,
                state: args.enabled.map(|on| match on {
                    true => ScheduleStatus::Enabled,
                    false => ScheduleStatus::Disabled,
                }),
                target: ScheduleTargetArgs {
                    arn: project.state_machine_arn.clone(),
                    role_arn: project.scheduler_role_arn.clone(),
                    dead_letter_arn: project.dead_letter_arn.clone(),
                    input,
                    maximum_age_seconds: delivery.maximum_age_minutes.map(|minutes| minutes * 60),
                    maximum_retry_attempts: delivery.maximum_retry_attempts.clone(),
                }
                .into(),
                ..Default::default()
            },
        );
        if let Some(after) = args.after {
            let enabled = args.enabled;
            after::expand(scope, after, &schedule.arn, &project, enabled, &delivery);
        }
        if let Some(hours) = args.alert_if_no_success_hours {
            late::expand(scope, hours, &schedule.arn, &project);
        }
        let pending_emails = ends::subscribe(
            scope,
            &project.topic_arn,
            &schedule.id,
            args.notify.as_ref(),
        );
        let placement = webhooks::Placement {
            topic_arn: project.topic_arn,
            audience: schedule.id.clone(),
            dead_letter_arn: project.dead_letter_arn,
            log_group_arn: project.log_group_arn,
            kms_key_arns: project.secret_kms_key_arns.map(|keys| keys.0),
            permissions_boundary_arn: project.permissions_boundary_arn,
            tags: project.tags.map(|tags| tags.0),
        };
        webhooks::expand(scope, &placement, args.notify.as_ref());
        let handle = ScheduleHandleArgs {
            version: ScheduleHandle::VERSION.into(),
            schedule_arn: schedule.arn.clone(),
            event_version: project.event_version,
        };
        Ok(DbtScheduleFields {
            handle: Handle::collect(handle),
            schedule_arn: schedule.arn.clone(),
            pending_emails,
            // The id is the group's name and its own.
            schedule_name: schedule
                .id
                .map(|id| id.rsplit('/').next().unwrap_or_default().to_owned()),
        })
    }
}

/// When, as Scheduler takes it.
fn times(args: &DbtScheduleArgs) -> Output<String> {
    let kinds = [("cron", &args.cron), ("rate", &args.rate), ("at", &args.at)];
    let given = kinds
        .into_iter()
        .find_map(|(kind, text)| Some((kind, text.as_ref()?)));
    match given {
        Some((kind, text)) => text.map(move |text| format!("{kind}({text})")),
        None => after::NEVER.into(),
    }
}

/// The input of an execution.
fn input(name: &str, args: &DbtScheduleArgs, project: &ProjectHandleArgs) -> Output<Payload> {
    // Fargate takes pairs: who gives one of them gets the project's other.
    let size = |own: &Option<Output<i32>>, has_other: bool, theirs: &Output<Digits<i32>>| match own
    {
        Some(own) => own.map(Digits),
        None if has_other => theirs.clone(),
        None => Output::default(),
    };
    let cpu = size(&args.cpu, args.memory.is_some(), &project.cpu);
    let memory = size(&args.memory, args.cpu.is_some(), &project.memory);
    let notify = match &args.notify {
        Some(own) => ends::for_finish(Some(own)),
        None => Output::default(),
    };
    let name = name.to_owned();
    all((
        args.commands.optional(),
        args.environment.optional(),
        cpu.optional(),
        memory.optional(),
        notify.optional(),
    ))
    .map(move |(commands, environment, cpu, memory, notify)| {
        let mut input = Map::new();
        let mut put = |key: &str, value: Option<serde_json::Value>| {
            input.extend(value.map(|value| (key.to_owned(), value)));
        };
        put("commands", commands.map(|c| json!(c)));
        put("environment", environment.map(|e| json!(e)));
        put("cpu", cpu.map(|n| json!(n.0.to_string())));
        put("memory", memory.map(|n| json!(n.0.to_string())));
        put("schedule", Some(json!(name)));
        put("notify", notify.map(|own| own.encode().to_json()));
        put("scheduleArn", Some(json!("<aws.scheduler.schedule-arn>")));
        put(
            "scheduledTime",
            Some(json!("<aws.scheduler.scheduled-time>")),
        );
        Payload::Json(input.into())
    })
}
