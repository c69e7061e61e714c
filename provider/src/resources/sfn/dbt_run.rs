//! The state machine of a project: one execution is one run.
//!
//! Step Functions' own words for a failed task do not tell a failed model from a task that never started, so the run's
//! end is read from the runner's `outcome.json`; what is known of the task itself only counts without one.

mod input;

pub(crate) use input::{LONGEST, overrides};

use crate::prelude::*;
use pulumi_aws_framework::{
    aws::{console, partition},
    formats, identity,
};
use serde_json::{Value as Document, json};

/// The container that dbt runs in.
pub(crate) const CONTAINER: &str = "dbt";

/// How much longer than its attempt a task may take to start and to end, in seconds.
const MARGIN: i64 = 600;

/// The only attempt.
const ATTEMPT: &str = "1";

words! {
    /// What the input of an execution may change.
    pub enum StateMachineDbtRunOverrides {
        /// Commands, environment, CPU and memory.
        All = "all",
        /// The commands.
        Commands = "commands",
        /// Nothing: it runs the default, or what a schedule says.
        None = "none",
    }
}

/// A run of a dbt project, as `DbtProject` makes it.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct StateMachineDbtRun {
    /// The ARN of the cluster.
    #[prop(check = formats::arn("ecs", "cluster/"))]
    pub cluster_arn: String,
    /// The ARN of the task definition's family, of which the newest revision is run. Its container is called `dbt` and has
    /// the runner of an image that this provider packs.
    #[prop(check = family_arn)]
    pub task_definition_arn: String,
    /// The subnets of the task: 1 to 16.
    #[prop(check = subnets)]
    pub subnet_ids: Vec<String>,
    /// The security groups of the task.
    #[prop(check = formats::each(formats::id("sg")))]
    pub security_group_ids: Vec<String>,
    /// Whether the task has a public address. Default: `false`.
    #[prop(default = false)]
    pub assign_public_ip: bool,
    /// The bucket of the artifacts.
    pub artifacts_bucket: String,
    /// Where they are in the bucket.
    pub artifacts_prefix: String,
    /// The log group that the container writes to.
    pub log_group_name: String,
    /// What the names of its log streams begin with.
    pub log_stream_prefix: String,
    /// How long the runner may take, in minutes: 1 to 10080. The task ends 10 minutes after that.
    #[prop(check = formats::between(1, 10_080))]
    pub timeout_minutes: i64,
    /// What the input of an execution may change.
    pub overrides: StateMachineDbtRunOverrides,
    /// The digest of the definition that the provider makes of it. The provider fills it in: leave it out.
    pub definition_digest: Option<String>,
}

fn family_arn(arn: &str) -> Result<(), String> {
    formats::arn("ecs", "task-definition/")(arn)?;
    match family(arn).split_once(':') {
        None => Ok(()),
        Some((family, _)) => Err(format!(
            "{arn:?} is one revision; end it with {family}, for the newest"
        )),
    }
}

fn subnets(ids: &Vec<String>) -> Result<(), String> {
    match ids.len() {
        1..=16 => formats::each(formats::id("subnet"))(ids),
        n => Err(format!("must be 1 to 16 subnets, not {n}")),
    }
}

/// What tells a definition from others, in whatever order its keys are.
pub(super) fn digest(definition: &Json) -> String {
    let mut document = definition.0.clone();
    document.sort_all_objects();
    identity::of_document(&document.to_string())
}

impl StateMachineDbtRun {
    /// The definition, in the Amazon States Language with JSONata.
    pub(super) fn definition(&self) -> Json {
        let states = [
            self.begin(),
            self.claim(),
            self.run(),
            self.stop(),
            self.judge(),
        ];
        let states: serde_json::Map<_, _> = states
            .into_iter()
            .filter_map(|part| match part {
                Document::Object(states) => Some(states),
                _ => None,
            })
            .flatten()
            .collect();
        Json(json!({
            "Comment": "One execution is one run of the dbt project.",
            "QueryLanguage": "JSONata",
            "StartAt": "Begin",
            "States": states,
        }))
    }

    /// A time of a schedule is run once, however often it is delivered: who writes its claim first has it.
    fn claim(&self) -> Document {
        json!({
            "Claim the time": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:s3:putObject"),
                "Arguments": {
                    "Bucket": self.artifacts_bucket,
                    "Key": query("$claim"),
                    "Body": query("$states.context.Execution.Id"),
                    "IfNoneMatch": "*",
                    "Tagging": "dbt-aws-kind=run",
                },
                // Whatever it was, also two claims at the same moment: who has it tells what to do.
                "Catch": [{
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"problem": query(PROBLEM), "tries": query("$tries + 1")},
                    "Next": "Read the claim",
                }],
                "Next": "Run dbt",
            },
            "Read the claim": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:s3:getObject"),
                "Arguments": {"Bucket": self.artifacts_bucket, "Key": query("$claim")},
                "Retry": retry_s3(),
                // Step Functions writes a text in quotes.
                "Assign": {"owner": query("$replace($string($states.result.Body), '\"', '')")},
                "Catch": [
                    {"ErrorEquals": NO_OBJECT, "Next": "Claim again?"},
                    {
                        "ErrorEquals": ["States.ALL"],
                        "Assign": {"problem": query(&format!("$problem & '; nor could the claim be read: ' & {PROBLEM}"))},
                        "Next": "ClaimFailed",
                    },
                ],
                "Next": "Whose is it?",
            },
            "Claim again?": {
                "Type": "Choice",
                "Choices": [{"Condition": query(&format!("$tries < {CLAIMS}")), "Next": "Before the next claim"}],
                "Default": "ClaimFailed",
            },
            "Before the next claim": {"Type": "Wait", "Seconds": 5, "Next": "Claim the time"},
            "Whose is it?": {
                "Type": "Choice",
                // A repeated call finds this execution's own claim.
                "Choices": [{
                    "Condition": query("$owner = $states.context.Execution.Id"),
                    "Assign": {"problem": ""},
                    "Next": "Run dbt",
                }],
                "Default": "Started already",
            },
            "Started already": {
                "Type": "Pass",
                "End": true,
                "Output": {"class": "duplicate", "message": "another execution has this scheduled time", "execution": query("$owner")},
            },
            "ClaimFailed": {
                "Type": "Fail",
                "Error": "ClaimFailed",
                "Cause": query(&format!(
                    "'could not claim the scheduled time in s3://' & {} & '/' & $claim & ', so that it is not run twice: ' & $problem",
                    text(&self.artifacts_bucket)
                )),
            },
        })
    }

    fn run(&self) -> Document {
        let overrides = self.overridden();
        // Of a task's description only what the end of the run may need is kept.
        let of = |task: &str| {
            format!(
                "($task := {task}; $dbt := $task.Containers[Name = '{}']; {{'arn': $task.TaskArn, 'code': $task.StopCode, \
                 'reason': $substring($exists($dbt.Reason) ? $dbt.Reason : $exists($task.Failures) \
                 ? $join($task.Failures.($exists(Detail) ? Reason & ': ' & Detail : Reason), ', ') : $task.StoppedReason, 0, 600), \
                 'exit': $dbt.ExitCode}})",
                CONTAINER
            )
        };
        let failed = of(&one_line(include_str!("dbt_run/failed.jsonata")));
        json!({
            "Run dbt": {
                "Type": "Task",
                "Resource": self.action("ecs:runTask.sync"),
                "Arguments": {
                    "Cluster": self.cluster_arn,
                    "TaskDefinition": family(&self.task_definition_arn),
                    "LaunchType": "FARGATE",
                    "PropagateTags": "TASK_DEFINITION",
                    // The integration takes no StartedBy, and the group tells the run's task as well.
                    "Group": query("$states.context.Execution.Name"),
                    "NetworkConfiguration": {"AwsvpcConfiguration": {
                        "Subnets": self.subnet_ids,
                        "SecurityGroups": self.security_group_ids,
                        "AssignPublicIp": if self.assign_public_ip { "ENABLED" } else { "DISABLED" },
                    }},
                    "Overrides": query(&overrides),
                },
                // The runner ends the attempt itself.
                "TimeoutSeconds": self.timeout_seconds() + MARGIN,
                // `AmazonECS.Unknown` is an answer with failures: nothing was started.
                "Retry": [{
                    "ErrorEquals": [
                        "AmazonECS.Unknown", "ECS.AmazonECSException", "ECS.SdkClientException", "ECS.ServerException",
                        "ECS.ThrottlingException",
                    ],
                    "IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 2, "JitterStrategy": "FULL",
                }],
                "Assign": {"task": query(&of("$states.result"))},
                "Output": {},
                "Catch": [
                    {
                        "ErrorEquals": ["States.Timeout"],
                        "Assign": {"problem": "States.Timeout"},
                        "Output": {},
                        "Next": "List the tasks",
                    },
                    {
                        "ErrorEquals": ["States.ALL"],
                        "Assign": {"problem": query("$states.errorOutput.Error"), "task": query(&failed)},
                        "Output": {},
                        "Next": "Read the outcome",
                    },
                ],
                "Next": "Read the outcome",
            },
        })
    }

    /// A state's timeout does not promise to stop the task. Where there is none to find or to stop, that is an error as any.
    fn stop(&self) -> Document {
        let go_on =
            json!([{"ErrorEquals": ["States.ALL"], "Output": {}, "Next": "Read the outcome"}]);
        json!({
            "List the tasks": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:ecs:listTasks"),
                "Arguments": {"Cluster": self.cluster_arn, "Family": family(&self.task_definition_arn)},
                "Output": {"tasks": query("$append([], $states.result.TaskArns)")},
                "Catch": go_on,
                "Next": "Find the task",
            },
            "Find the task": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:ecs:describeTasks"),
                "Arguments": {"Cluster": self.cluster_arn, "Tasks": query("$states.input.tasks")},
                "Assign": {"task": query("{'arn': $states.result.Tasks[Group = $states.context.Execution.Name].TaskArn}")},
                "Output": {},
                "Catch": go_on,
                "Next": "Stop the task",
            },
            "Stop the task": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:ecs:stopTask"),
                "Arguments": {"Cluster": self.cluster_arn, "Task": query("$task.arn"), "Reason": "dbt-aws: the run is out of time"},
                "Output": {},
                "Catch": go_on,
                "Next": "Read the outcome",
            },
        })
    }

    fn judge(&self) -> Document {
        let place = self.place();
        let minutes = (self.timeout_seconds() + MARGIN).div_euclid(60);
        let cluster = self.cluster_arn.rsplit('/').next().unwrap_or_default();
        let fail = |error: &str, cause: String| json!({"Type": "Fail", "Error": error, "Cause": query(&format!("{cause} & {place}"))});
        let by_class = "$lookup({'failed-nodes': 'DbtFailedNodes', 'dbt-error': 'DbtError', 'usage': 'DbtUsageError', \
                        'timeout': 'Timeout', 'out-of-memory': 'OutOfMemory', 'terminated': 'TaskStopped', \
                        'internal': 'RunnerError'}, $outcome.class)";
        let exit = "$exists($task.exit) ? ' (exit code ' & $string($task.exit) & ')' : ''";
        let reason = "$exists($task.reason) and $task.reason != '' ? ': ' & $task.reason : ''";
        json!({
            "Read the outcome": {
                "Type": "Task",
                "Resource": self.action("aws-sdk:s3:getObject"),
                "Arguments": {"Bucket": self.artifacts_bucket, "Key": query("$attempt & '/outcome.json'")},
                "Retry": retry_s3(),
                "Assign": {"outcome": query("$parse($states.result.Body)")},
                "Output": {},
                "Catch": [
                    {"ErrorEquals": NO_OBJECT, "Output": {}, "Next": "Without an outcome"},
                    {"ErrorEquals": ["States.ALL"], "Assign": {"problem": query(PROBLEM)}, "Output": {}, "Next": "OutcomeUnreadable"},
                ],
                "Next": "How did it end?",
            },
            "How did it end?": {
                "Type": "Choice",
                "Choices": [{"Condition": query("$outcome.class = 'success'"), "Next": "Succeeded"}],
                "Default": "Failed",
            },
            "Succeeded": {
                "Type": "Pass",
                "End": true,
                "Output": {
                    "class": "success",
                    "message": query("$outcome.message"),
                    "warnings": query("$append([], $outcome.warnings)"),
                    "artifacts": query(&format!("{} & $attempt & '/'", text(&format!("s3://{}/", self.artifacts_bucket)))),
                },
            },
            "Failed": {
                "Type": "Fail",
                "Error": query(&format!("($error := {by_class}; $exists($error) ? $error : 'RunFailed')")),
                "Cause": query(&format!("$outcome.message & ' (exit code ' & $string($outcome.exitCode) & ')' & {place}")),
            },
            "Without an outcome": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": query("$problem = 'States.Timeout'"), "Next": "Timeout"},
                    {
                        // Who or what stops a task kills it after a while, with the same exit code.
                        "Condition": query("$contains($string($task.reason), 'OutOfMemory') or $task.exit = 137 and \
                            $not($task.code in ['SpotInterruption', 'TerminationNotice', 'UserInitiated'])"),
                        "Next": "OutOfMemory",
                    },
                    {"Condition": query("$task.code = 'UserInitiated'"), "Next": "TaskStopped"},
                    {
                        "Condition": query("$task.code = 'TaskFailedToStart' or ($problem != '' and $not($exists($task.arn)))"),
                        "Next": "TaskNotStarted",
                    },
                ],
                "Default": "TaskLost",
            },
            "OutcomeUnreadable": fail("OutcomeUnreadable", format!(
                "'the task has ended' & ({exit}) & ', but its outcome.json could not be read: ' & $problem & '; look at the log for how \
                 the run went, and see that the state machine role may read it'"
            )),
            "Timeout": fail("Timeout", format!(
                "'the task had not ended after {minutes} min, {} min more than timeoutMinutes, and was stopped; it may have waited \
                 for its image or for capacity; start the run again'",
                MARGIN / 60
            )),
            "OutOfMemory": fail("OutOfMemory", format!(
                "'the task ran out of memory and was ended' & ({exit}) & '; give it more memory, or fewer threads'"
            )),
            "TaskNotStarted": {
                "Type": "Fail",
                "Error": "TaskNotStarted",
                "Cause": query(&one_line(include_str!("dbt_run/not_started.jsonata")).replace("CLUSTER", cluster)),
            },
            "TaskStopped": fail("TaskStopped", format!(
                "'the task was stopped, and ended without saying how the run went' & ({exit}) & ({reason}) & '; start the run again'"
            )),
            "TaskLost": fail("TaskLost", format!(
                "'the task ended without saying how the run went' & ({exit}) & ({reason}) & '; start the run again'"
            )),
        })
    }

    /// Where the log and the artifacts are, as the end of a sentence.
    fn place(&self) -> String {
        // The console wants a slash of a name encoded twice.
        let encode = |name: &str| name.replace('/', "$252F");
        let region = self.region();
        let host = console(region);
        let log = format!(
            "{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{}",
            encode(&self.log_group_name)
        );
        let stream = format!(
            "/log-events/{}",
            encode(&format!("{}/{}/", self.log_stream_prefix, CONTAINER))
        );
        format!(
            "'; the log is at ' & {} & ($exists($task.arn) ? {} & $split($task.arn, '/')[-1] : '') & \
             ' and the artifacts are in ' & {} & $attempt & '/'",
            text(&log),
            text(&stream),
            text(&format!("s3://{}/", self.artifacts_bucket)),
        )
    }

    /// What tells its definition from others.
    pub(super) fn digest(&self) -> String {
        digest(&self.definition())
    }

    fn action(&self, name: &str) -> String {
        format!("arn:{}:states:::{name}", partition(self.region()))
    }

    fn region(&self) -> &str {
        self.cluster_arn.split(':').nth(3).unwrap_or_default()
    }

    fn timeout_seconds(&self) -> i64 {
        self.timeout_minutes * 60
    }
}

/// The family of a task definition: run by its name, the newest revision does. Of ARNs, ECS documents those of revisions.
fn family(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// How often a time is claimed, at most.
const CLAIMS: u32 = 4;

/// That an object is missing, as Step Functions names it.
const NO_OBJECT: [&str; 2] = ["S3.NoSuchKeyException", "S3.NoSuchKey"];

/// An error that was caught, as a text.
const PROBLEM: &str =
    "$states.errorOutput.Error & ': ' & $substring($states.errorOutput.Cause, 0, 300)";

/// Retries a read. What S3's model has no name for, such as that it is busy, is an `S3Exception`.
fn retry_s3() -> Document {
    json!([{
        "ErrorEquals": ["S3.S3Exception", "S3.SdkClientException"],
        "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2, "JitterStrategy": "FULL",
    }])
}

fn query(expression: &str) -> String {
    format!("{{% {expression} %}}")
}

/// An expression that is written in lines.
fn one_line(expression: &str) -> String {
    let lines = expression.lines().map(str::trim);
    let lines: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("/*"))
        .collect();
    lines.join(" ")
}

/// A text as JSONata has it, which is as JSON has it.
fn text(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    /// The tests of the local AWS run this very definition.
    #[test]
    fn the_definition() {
        let arn =
            |kind: &str, name: &str| format!("arn:aws:ecs:us-east-1:000000000000:{kind}/{name}");
        let run = StateMachineDbtRun {
            cluster_arn: arn("cluster", "CLUSTER"),
            task_definition_arn: arn("task-definition", "FAMILY"),
            subnet_ids: vec!["subnet-1".to_owned()],
            security_group_ids: vec!["sg-1".to_owned()],
            assign_public_ip: false,
            artifacts_bucket: "BUCKET".to_owned(),
            artifacts_prefix: "shop/prod".to_owned(),
            log_group_name: "/dbt/analytics".to_owned(),
            log_stream_prefix: "shop".to_owned(),
            timeout_minutes: 60,
            overrides: StateMachineDbtRunOverrides::All,
            definition_digest: None,
        };
        let text = serde_json::to_string_pretty(&run.definition().0).expect("JSON");
        expect_file!["dbt_run.json"].assert_eq(&(text + "\n"));
    }
}
