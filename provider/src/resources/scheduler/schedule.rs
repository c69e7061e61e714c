//! `dbt-aws:scheduler:Schedule`.

use super::{daylight, expression, never, timezone};
use crate::{keys, prelude::*};
use aws_sdk_scheduler::{
    operation::get_schedule::GetScheduleOutput,
    types::{
        ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
        RetryPolicy, ScheduleState as AwsState, Target,
    },
};
use aws_smithy_types::{DateTime, date_time::Format};
use pulumi_aws_framework::props::Enum as _;

/// What calls a target at given times.
#[derive(Debug)]
pub struct Schedule;

words! {
    /// Whether a schedule runs.
    pub enum ScheduleStatus {
        /// It runs.
        Enabled = "ENABLED",
        /// It waits to be enabled.
        Disabled = "DISABLED",
    }
}

/// What a schedule calls.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct ScheduleTarget {
    /// The ARN of what is called, such as a state machine's, or of an AWS API: `arn:aws:scheduler:::aws-sdk:...`.
    pub arn: String,
    /// The ARN of the role that may call it.
    #[prop(check = formats::arn("iam", "role/"))]
    pub role_arn: String,
    /// What it is called with: a JSON document or, for a queue and its like, any text; 256 KB at most.
    /// `<aws.scheduler.scheduled-time>` and its like stand for the values of each call.
    #[prop(default = None)]
    pub input: Option<Payload>,
    /// The ARN of the SQS queue that receives what could not be delivered. Default: none.
    #[prop(default = None, check = formats::arn("sqs", ""))]
    pub dead_letter_arn: Option<String>,
    /// The number of seconds for which delivery is tried: 60 to 86400. Default: 86400.
    #[prop(default = 86_400, check = formats::between(60, 86_400))]
    pub maximum_age_seconds: i32,
    /// The number of retries of a delivery: 0 to 185. Default: 185.
    #[prop(default = 185, check = formats::between(0, 185))]
    pub maximum_retry_attempts: i32,
}

/// What a schedule is made from.
#[derive(Clone, Debug, Props)]
pub struct ScheduleInputs {
    /// The name: 1 to 64 letters, digits, `-`, `_` and `.`, unique in its group. Default: made from the resource's name.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// The name of the schedule group, which must exist. Default: `default`.
    #[prop(replace, default = "default", check = NAME.check)]
    pub group_name: String,
    /// When it calls: `cron(30 6 * * ? *)`, `rate(1 hour)` or `at(2026-01-31T06:30:00)`.
    ///
    /// See [schedule types](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
    #[prop(check = expression::check)]
    pub schedule_expression: String,
    /// The time zone of cron expressions and single times, by its name in the tz database. A warning says when
    /// daylight saving time skips a run. Default: `UTC`.
    #[prop(default = "UTC", check = timezone)]
    pub timezone: String,
    /// The time before which it does not call, in RFC 3339, such as `2026-01-31T00:00:00Z`. A time in the past means at
    /// once. Default: none.
    #[prop(default = None, check = moment)]
    pub start: Option<String>,
    /// The time after which it no longer calls, in RFC 3339, such as `2026-12-31T00:00:00Z`. Default: none.
    #[prop(default = None, check = moment)]
    pub end: Option<String>,
    /// The number of minutes after each time within which it may call: 1 to 1440. Default: it calls at the time.
    #[prop(default = None, check = formats::between(1, 1440))]
    pub flexible_window_minutes: Option<i32>,
    /// Whether it runs. Default: `ENABLED`.
    #[prop(default = ScheduleStatus::Enabled)]
    pub state: ScheduleStatus,
    /// What it calls.
    pub target: ScheduleTarget,
    /// The ARN of the KMS key that encrypts the input. Default: a key of AWS's.
    #[prop(default = None, check = keys::key_or_alias)]
    pub kms_key_arn: Option<String>,
}

/// What AWS says of a schedule.
#[derive(Clone, Debug, Props)]
pub struct ScheduleOutputs {
    /// The ARN.
    pub arn: String,
}

/// The most bytes of a target's input.
const LARGEST: usize = 256 * 1024;

/// The services whose targets take nothing but JSON: functions, state machines, event buses, and any other AWS API.
const WANTS_JSON: [&str; 4] = ["lambda", "states", "events", "scheduler"];

const NAME: Naming = Naming {
    field: "name",
    longest: 64,
    others: "-_.",
    lower: false,
};

fn time(text: &str) -> Result<DateTime, String> {
    DateTime::from_str(text, Format::DateTimeWithOffset).map_err(|_| {
        format!("{text:?} is not a time with its offset, such as 2026-01-31T00:00:00Z")
    })
}

pub(crate) fn moment(text: &str) -> Result<(), String> {
    time(text).map(drop)
}

/// A create or an update with all that it sets.
macro_rules! settings {
    ($call:ident, $cx:ident, $inputs:ident) => {
        $call
            .description(description($cx))
            .schedule_expression(&$inputs.schedule_expression)
            .schedule_expression_timezone(&$inputs.timezone)
            .set_start_date(start($inputs))
            .set_end_date($inputs.end.as_deref().and_then(|t| time(t).ok()))
            .flexible_time_window(flexible($inputs)?)
            .state($inputs.state.word().into())
            .target(target(&$inputs.target)?)
            .set_kms_key_arn($inputs.kms_key_arn.clone())
    };
}

impl CustomResource for Schedule {
    const TOKEN: &'static str = "dbt-aws:scheduler:Schedule";
    const DOC: &'static str = "What calls a target at given times.\n\nImport with the group's and its own name, `default/nightly`, or the ARN. A schedule has no tags: its description says which resource made it.\n\nSee [schedules](https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule.html).";
    const ACTIONS: &'static [&'static str] = &[
        "iam:PassRole",
        "scheduler:CreateSchedule",
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "scheduler:ListSchedules",
        "scheduler:UpdateSchedule",
    ];
    const IDS: Option<Ids> = Some(Ids {
        form: Form::Other(|id| {
            let parts = id.split_once('/');
            parts.is_some_and(|(group, name)| NAME.check(group).and(NAME.check(name)).is_ok())
        }),
        ..Ids::name("default/nightly", "scheduler", "schedule/")
    });
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = ScheduleInputs;
    type Outputs = ScheduleOutputs;
    type Tagging = Untagged;

    fn check(check: &mut Check<'_>) {
        let moment = |name| {
            let text = check.get::<Option<String>>(name).flatten()?;
            jiff::Timestamp::from_second(time(&text).ok()?.secs()).ok()
        };
        let (now, times) = (jiff::Timestamp::now(), (moment("start"), moment("end")));
        let (expression, zone) = (check.get("scheduleExpression"), check.get("timezone"));
        if let (Some(start), Some(end)) = times
            && end <= start
        {
            check.fail("end", "must be after start");
        }
        if let (Some(expression), Some(zone)) = (expression, zone) {
            let (expression, zone): (String, String) = (expression, zone);
            if let Some(reason) = never::reason(&expression, &zone, now, times) {
                check.warn("scheduleExpression", reason);
            }
            if let Some(time) = daylight::first_skipped(&expression, &zone, now) {
                let reason = format!(
                    "daylight saving time skips {}, and AWS then skips the run; choose an hour that {zone} always has",
                    time.strftime("%H:%M on %Y-%m-%d")
                );
                check.warn("scheduleExpression", &reason);
            }
        }
        let Some(ScheduleTarget {
            arn,
            input: Some(input),
            ..
        }) = check.get("target")
        else {
            return;
        };
        let size = input.to_string().len();
        if size > LARGEST {
            let reason = format!("has {size} bytes; at most {LARGEST} are allowed");
            check.fail("target.input", reason);
        }
        let service = arn.split(':').nth(2).unwrap_or_default();
        if matches!(input, Payload::Text(_)) && WANTS_JSON.contains(&service) {
            check.fail(
                "target.input",
                "must be JSON: this target takes no other text",
            );
        }
    }

    async fn create(cx: &Context, inputs: &ScheduleInputs) -> Result<Created<Self>> {
        let name = inputs.name.clone().unwrap_or_default();
        let group = &inputs.group_name;
        let id = format!("{group}/{name}");
        let what = format!("the schedule {id}");
        let create = cx.aws.scheduler().create_schedule();
        let create = create.client_token(cx.identity.token());
        let create = create.name(&name).group_name(group);
        let made = settings!(create, cx, inputs).send().await;
        match made.during(format!("create {what}")) {
            Ok(made) => {
                let arn = made.schedule_arn;
                Ok(Created::Known(id, ScheduleOutputs { arn }))
            }
            Err(error) if error.is_already_exists() => {
                let there = get(cx, &id).await?;
                let tags = there
                    .map(|t| marker(cx, t.description()))
                    .unwrap_or_default();
                Created::adopt(cx, id, &what, &tags)
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &ScheduleInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        if old.is_none() {
            return Ok(());
        }
        let (group, name) = parts(id)?;
        // AWS takes what an update leaves out as its default.
        let update = cx.aws.scheduler().update_schedule();
        let update = update.name(name).group_name(group);
        let updated = settings!(update, cx, new).send().await;
        updated
            .during(format!("update the schedule {id}"))
            .map(drop)
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&ScheduleInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(there) = get(cx, id).await? else {
            return Ok(None);
        };
        if known.is_none() && !cx.identity.shares_seed(&marker(cx, there.description())) {
            importable(&format!("the schedule {id}"), foreign(&there))?;
        }
        let (group, name) = parts(id)?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let past = known
            .and_then(|k| k.start.clone())
            .filter(|t| !in_future(t));
        let window = there.flexible_time_window();
        Ok(Some(State {
            inputs: ScheduleInputs {
                name: Some(name.to_owned()),
                group_name: group.to_owned(),
                schedule_expression: text(there.schedule_expression()),
                timezone: there
                    .schedule_expression_timezone()
                    .unwrap_or("UTC")
                    .to_owned(),
                start: when(there.start_date(), known.and_then(|k| k.start.as_ref())).or(past),
                end: when(there.end_date(), known.and_then(|k| k.end.as_ref())),
                flexible_window_minutes: window.and_then(|w| w.maximum_window_in_minutes()),
                state: match there.state() {
                    Some(AwsState::Disabled) => ScheduleStatus::Disabled,
                    _ => ScheduleStatus::Enabled,
                },
                target: from_target(there.target()),
                kms_key_arn: there.kms_key_arn().map(str::to_owned),
            },
            outputs: ScheduleOutputs {
                arn: text(there.arn()),
            },
        }))
    }

    list!(
        scheduler.list_schedules[next_token, set_next_token].schedules,
        |schedule| Some(schedule.arn()?.split_once(":schedule/")?.1)
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let (group, name) = parts(id)?;
        let delete = cx
            .aws
            .scheduler()
            .delete_schedule()
            .group_name(group)
            .name(name);
        delete
            .send()
            .await
            .during(format!("delete the schedule {id}"))?;
        Ok(())
    }
}

fn parts(id: &str) -> Result<(&str, &str)> {
    id.split_once('/').ok_or_else(|| {
        Error::failed(format!(
            "{id:?} is not the id of a schedule; give the group's and its own name, such as default/{id}"
        ))
    })
}

async fn get(cx: &Context, id: &str) -> Result<Option<GetScheduleOutput>> {
    let (group, name) = parts(id)?;
    let get = cx
        .aws
        .scheduler()
        .get_schedule()
        .group_name(group)
        .name(name);
    get.send()
        .await
        .during(format!("read the schedule {id}"))
        .gone()
}

/// The marker: a schedule has no tags, but a description.
fn description(cx: &Context) -> String {
    format!("{}={}", cx.identity.marker_key(), cx.identity.marker())
}

fn marker(cx: &Context, description: Option<&str>) -> Tags {
    let key = cx.identity.marker_key();
    let marker = description.and_then(|d| d.strip_prefix(&key)?.strip_prefix('='));
    marker
        .map(|marker| (key.clone(), marker.to_owned()))
        .into_iter()
        .collect()
}

fn in_future(text: &str) -> bool {
    time(text).is_ok_and(|t| t > DateTime::from(std::time::SystemTime::now()))
}

/// The start, unless it has passed: AWS refuses that.
fn start(inputs: &ScheduleInputs) -> Option<DateTime> {
    inputs
        .start
        .as_deref()
        .filter(|t| in_future(t))
        .and_then(|t| time(t).ok())
}

/// A time in the program's words where they mean the same.
fn when(there: Option<&DateTime>, known: Option<&String>) -> Option<String> {
    let there = there?;
    let same = |text: &&String| time(text).is_ok_and(|t| t.secs() == there.secs());
    known
        .filter(same)
        .cloned()
        .or_else(|| there.fmt(Format::DateTime).ok())
}

fn flexible(inputs: &ScheduleInputs) -> Result<FlexibleTimeWindow> {
    let mode = match inputs.flexible_window_minutes {
        Some(_) => FlexibleTimeWindowMode::Flexible,
        None => FlexibleTimeWindowMode::Off,
    };
    Ok(FlexibleTimeWindow::builder()
        .mode(mode)
        .set_maximum_window_in_minutes(inputs.flexible_window_minutes)
        .build()?)
}

fn target(target: &ScheduleTarget) -> Result<Target> {
    let dead_letters = |arn| DeadLetterConfig::builder().arn(arn).build();
    let policy = RetryPolicy::builder()
        .maximum_event_age_in_seconds(target.maximum_age_seconds)
        .maximum_retry_attempts(target.maximum_retry_attempts)
        .build();
    Ok(Target::builder()
        .arn(&target.arn)
        .role_arn(&target.role_arn)
        .set_input(target.input.as_ref().map(Payload::to_string))
        .set_dead_letter_config(target.dead_letter_arn.as_ref().map(dead_letters))
        .retry_policy(policy)
        .build()?)
}

/// What of a schedule no property here is for, and whether it is there.
fn foreign(there: &GetScheduleOutput) -> Vec<(&'static str, bool)> {
    let has = |has: fn(&Target) -> bool| there.target().is_some_and(has);
    vec![
        ("ecsParameters", has(|t| t.ecs_parameters().is_some())),
        (
            "eventBridgeParameters",
            has(|t| t.event_bridge_parameters().is_some()),
        ),
        (
            "kinesisParameters",
            has(|t| t.kinesis_parameters().is_some()),
        ),
        (
            "sageMakerPipelineParameters",
            has(|t| t.sage_maker_pipeline_parameters().is_some()),
        ),
        ("sqsParameters", has(|t| t.sqs_parameters().is_some())),
        (
            "actionAfterCompletion",
            there.action_after_completion() == Some(&ActionAfterCompletion::Delete),
        ),
    ]
}

fn from_target(target: Option<&Target>) -> ScheduleTarget {
    let policy = target.and_then(Target::retry_policy);
    let input = target.and_then(Target::input);
    ScheduleTarget {
        arn: target.map(|t| t.arn().to_owned()).unwrap_or_default(),
        role_arn: target.map(|t| t.role_arn().to_owned()).unwrap_or_default(),
        input: input.map(Payload::parse),
        dead_letter_arn: target
            .and_then(Target::dead_letter_config)
            .and_then(|d| d.arn().map(str::to_owned)),
        maximum_age_seconds: policy
            .and_then(RetryPolicy::maximum_event_age_in_seconds)
            .unwrap_or(86_400),
        maximum_retry_attempts: policy
            .and_then(RetryPolicy::maximum_retry_attempts)
            .unwrap_or(185),
    }
}
