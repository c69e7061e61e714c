//! What an execution is given, and what of it reaches the task.

use super::{ATTEMPT, CONTAINER, PROBLEM, StateMachineDbtRun, one_line, query, text};
use crate::prelude::*;
use pulumi_aws_framework::props::Enum as _;
use serde_json::{Value as Document, json};

/// The variable with an execution's own variables: the runner says which of them dbt may have.
const ENVIRONMENT: &str = "DBT_AWS_ENVIRONMENT";

/// The most characters that ECS takes of overrides.
pub(crate) const LONGEST: usize = 8_192;

impl StateMachineDbtRun {
    /// Refuses an input that cannot be meant so. Where an execution may not change everything, a schedule's values are
    /// read from the schedule itself: whoever may start executions can say anything in its name.
    pub(super) fn begin(&self) -> Document {
        let claims = text(&format!("{}/claims/", self.artifacts_prefix));
        let runs = text(&format!("{}/runs/", self.artifacts_prefix));
        let part = |index: u8| {
            let path = "$substringAfter($given.scheduleArn, ':schedule/')";
            query(&format!("$split({path}, '/')[{index}]"))
        };
        let ours = "$states.result.Target.Arn = $states.context.StateMachine.Id";
        json!({
            "Begin": {
                "Type": "Pass",
                "Assign": {
                    "overrides": self.overrides.word(),
                    "attempt": query(&format!("{runs} & $states.context.Execution.Name & '/{ATTEMPT}'")),
                    "given": query("$states.input"),
                    "problem": "",
                    "tries": 0,
                    "task": {},
                    "outcome": {},
                },
                "Next": "Check the input",
            },
            "Check the input": {
                "Type": "Pass",
                "Assign": {"refused": query(&one_line(include_str!("refused.jsonata")))},
                "Next": "Is it right?",
            },
            "Is it right?": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": query("$refused != ''"), "Next": "InputRefused"},
                    {
                        "Condition": query("$overrides != 'all' and $exists($given.scheduleArn)"),
                        "Next": "Read the schedule",
                    },
                ],
                "Default": "Scheduled?",
            },
            "Read the schedule": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:scheduler:getSchedule"),
                "Arguments": {"GroupName": part(0), "Name": part(1)},
                "Retry": [{
                    "ErrorEquals": [
                        "Scheduler.InternalServerException", "Scheduler.SchedulerException",
                        "Scheduler.SdkClientException", "Scheduler.ThrottlingException",
                    ],
                    "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2, "JitterStrategy": "FULL",
                }],
                "Assign": {
                    "refused": query(&format!("{ours} ? '' : 'scheduleArn is that of a schedule of something else'")),
                    "given": query(&format!(
                        "$merge([{ours} ? $sift($parse($states.result.Target.Input), function($v, $k) \
                         {{ $k in ['commands', 'environment', 'cpu', 'memory'] }}) : {{}}, {{'scheduleArn': $given.scheduleArn}}, \
                         $exists($given.scheduledTime) ? {{'scheduledTime': $given.scheduledTime}} : {{}}])"
                    )),
                },
                "Catch": [{
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"refused": query(&format!("'the schedule in scheduleArn could not be read: ' & {PROBLEM}"))},
                    "Next": "InputRefused",
                }],
                "Next": "Is it ours?",
            },
            "Is it ours?": {
                "Type": "Choice",
                "Choices": [{"Condition": query("$refused != ''"), "Next": "InputRefused"}],
                "Default": "Scheduled?",
            },
            "InputRefused": {
                "Type": "Fail",
                "Error": "InputRefused",
                "Cause": query("'the input of the execution cannot be used, and nothing was run: ' & $refused"),
            },
            "Scheduled?": {
                "Type": "Choice",
                "Choices": [{
                    "Condition": query("$exists($given.scheduleArn) and $exists($given.scheduledTime)"),
                    "Assign": {"claim": query(&format!(
                        "{claims} & $substringAfter($given.scheduleArn, ':schedule/') & '/' & $given.scheduledTime"
                    ))},
                    "Next": "Claim the time",
                }],
                "Default": "Run dbt",
            },
        })
    }

    /// What an execution has of its own, as ECS takes it. As variables of the container, its environment would reach the
    /// runner and the warehouse's client too.
    pub(super) fn overridden(&self) -> String {
        let environment = format!(
            "$append([{{'Name': 'DBT_AWS_RUN_ID', 'Value': $states.context.Execution.Name}}, \
             {{'Name': 'DBT_AWS_ATTEMPT', 'Value': '{ATTEMPT}'}}], \
             $append($exists($given.commands) \
             ? [{{'Name': 'DBT_AWS_COMMANDS', 'Value': $string($given.commands)}}] : [], \
             $count($keys($given.environment)) > 0 ? [{{'Name': '{ENVIRONMENT}', 'Value': $string($merge(\
             $each($given.environment, function($v, $k) {{ {{$k: $string($v)}} }})))}}] : []))"
        );
        format!(
            "$merge([$exists($given.cpu) ? {{'Cpu': $string($given.cpu)}} : {{}}, \
             $exists($given.memory) ? {{'Memory': $string($given.memory)}} : {{}}, \
             {{'ContainerOverrides': [{{'Name': '{}', 'Environment': {environment}}}]}}])",
            CONTAINER
        )
    }
}

/// How many characters ECS counts of a run's overrides, of which it takes [`LONGEST`].
pub(crate) fn overrides(
    commands: Option<&[String]>,
    environment: &BTreeMap<String, String>,
) -> usize {
    let pair = |name: &str, value: &str| json!({"name": name, "value": value});
    // The longest name that an execution can have.
    let mut all = vec![
        pair("DBT_AWS_RUN_ID", &"x".repeat(80)),
        pair("DBT_AWS_ATTEMPT", ATTEMPT),
    ];
    all.extend(commands.map(|commands| pair("DBT_AWS_COMMANDS", &json!(commands).to_string())));
    if !environment.is_empty() {
        all.push(pair(ENVIRONMENT, &json!(environment).to_string()));
    }
    let container = json!({"name": CONTAINER, "environment": all});
    let overrides = json!({"containerOverrides": [container], "cpu": "16384", "memory": "122880"});
    overrides.to_string().chars().count()
}
