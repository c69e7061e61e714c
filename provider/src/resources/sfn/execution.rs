//! `dbt-aws:sfn:Execution`.

mod lines;

use self::lines::Lines;
use crate::prelude::*;
use aws_sdk_sfn::{operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus};
use pulumi_aws_framework::{identity::of_document, resource::Untagged};
use serde_json::{Map, Value as Document, json};
use std::time::{Duration, Instant};

/// One execution of a state machine, as a step of a deployment.
#[derive(Debug)]
pub struct Execution;

/// What an execution is made from.
#[derive(Clone, Debug, Props)]
pub struct ExecutionInputs {
    /// What the names of its executions begin with: 1 to 60 letters, digits, `-`, `_` and `.`. Default: made from the
    /// resource's name.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// The ARN of the state machine, whose type is `STANDARD`.
    #[prop(check = formats::arn("states", "stateMachine:"))]
    pub state_machine_arn: String,
    /// The input: an object. A change starts another execution. Default: `{}`.
    #[prop(check = object)]
    pub input: Option<Json>,
    /// Texts by name, such as the digest of what it works on: a change of any starts another execution. Default: none.
    pub triggers: Option<BTreeMap<String, String>>,
    /// Whether a deployment waits until it has ended, and fails where it does. Default: `true`.
    #[prop(default = true)]
    pub wait_for_completion: bool,
    /// What its output has where it went well: some keys of an object, and their values. An execution with another output
    /// counts as failed, for the reason that the output's `message` gives. Default: any output will do.
    #[prop(check = object)]
    pub expected_output: Option<Json>,
    /// The input of an execution that a delete runs and waits for: an object, in which `<execution>` is the name of the last
    /// execution of this resource. Default: a delete runs nothing.
    #[prop(check = object)]
    pub delete_input: Option<Json>,
    /// Where the ECS task that it runs writes its log, whose lines a deployment shows. Default: none is shown.
    pub task_log: Option<ExecutionTaskLog>,
}

/// The log of a container with the log driver `awslogs`.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct ExecutionTaskLog {
    /// The name of the log group.
    pub log_group_name: String,
    /// What the names of the log streams begin with: the driver's prefix and the container's name, such as `shop/dbt`.
    pub log_stream_prefix: String,
}

/// What AWS says of an execution.
#[derive(Clone, Debug, Default, PartialEq, Props)]
pub struct ExecutionOutputs {
    /// The ARN of the last execution; empty where none could be started.
    #[prop(follows(input, state_machine_arn, triggers))]
    pub arn: String,
    /// The name of the last execution.
    #[prop(follows(input, state_machine_arn, triggers))]
    pub execution_name: String,
    /// How it stands: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    #[prop(follows(input, state_machine_arn, triggers))]
    pub status: String,
    /// Its output, as JSON text: empty where it has not succeeded.
    #[prop(follows(input, state_machine_arn, triggers))]
    pub output: String,
    /// The digest of the input and the triggers that it was started with.
    #[prop(follows(input, state_machine_arn, triggers))]
    pub digest: String,
}

const NAME: Naming = Naming {
    field: "name",
    longest: 60,
    others: "-_.",
    lower: false,
};

const RUNNING: &str = "RUNNING";
/// For how long AWS may not show an execution that it has started.
const UNSEEN: Duration = Duration::from_secs(60);
/// What stands for the name of the last execution in the input of a delete.
const LAST: &str = "<execution>";
/// How many executions of the same digest are looked through for one that has not failed.
const MOST: usize = 32;
/// The longest reason of a failure that is shown, in characters.
const LONGEST_REASON: usize = 4_000;

fn object(document: &Json) -> Result<(), String> {
    match document.0.is_object() {
        true => Ok(()),
        false => Err("must be an object, such as {\"key\": \"value\"}".to_owned()),
    }
}

impl CustomResource for Execution {
    const TOKEN: &'static str = "dbt-aws:sfn:Execution";
    const DOC: &'static str = "An execution of a state machine, as a step of a deployment: one when the resource is made, and another when its input or a trigger changes.\n\nAn execution that fails fails the deployment, and the next deployment starts another. Where a deployment was interrupted, the next one finds the execution that it started. Cancelling a deployment stops the execution, and so does deleting the resource. It cannot be imported.\n\nSee [executions](https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-executions.html).";
    const ACTIONS: &'static [&'static str] = &[
        "logs:GetLogEvents",
        "states:DescribeExecution",
        "states:GetExecutionHistory",
        "states:StartExecution",
        "states:StopExecution",
    ];
    const NAMING: Option<Naming> = Some(NAME);
    /// Of a replacement, what a delete runs comes before what the new one does.
    const EXCLUSIVE_SLOT: &'static [&'static str] = &["stateMachineArn"];
    /// The longest that a run may take is the state machine's to say.
    const TIMEOUT: Duration = Duration::from_secs(8 * 24 * 60 * 60);
    type Inputs = ExecutionInputs;
    type Outputs = ExecutionOutputs;
    type Tagging = Untagged;

    /// The execution itself is started by `apply`: that it fails leaves the resource, whose next update starts another.
    async fn create(_cx: &Context, inputs: &ExecutionInputs) -> Result<Created<Self>> {
        Ok(inputs.name.clone().unwrap_or_default().into())
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &ExecutionInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let last = old.map(|old| &old.outputs);
        let digest = new.digest();
        let arn = match last {
            Some(last) if last.digest == digest && last.status == RUNNING => last.arn.clone(),
            // What has gone well is not looked at again: AWS forgets it after 90 days.
            Some(last) if last.digest == digest && new.accepts(last) => return Ok(()),
            _ => {
                let before = last.map_or("", |last| &last.execution_name);
                let arn = start(cx, new, id, new.input.as_ref(), before).await?;
                let started = [
                    ("arn", &*arn),
                    ("digest", &digest),
                    ("status", RUNNING),
                    ("output", ""),
                ];
                for (name, value) in started {
                    cx.keep(name, &value.to_owned());
                }
                arn
            }
        };
        match new.wait_for_completion {
            true => complete(cx, new, &arn).await,
            false => Ok(()),
        }
    }

    async fn read(
        cx: &Context,
        _id: &str,
        known: Option<&ExecutionInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(inputs) = known.cloned() else {
            return Ok(None);
        };
        let recall = |name| cx.recall::<String>(name).unwrap_or_default();
        let arn = recall("arn");
        let found = match arn.is_empty() {
            true => None,
            false => describe(cx, &arn).await.gone()?,
        };
        // AWS forgets an execution after 90 days, and with its state machine: that it was is no less true.
        let (status, output) = match &found {
            Some(found) => (
                found.status().as_str().to_owned(),
                found.output().unwrap_or_default().to_owned(),
            ),
            None => (recall("status"), recall("output")),
        };
        let outputs = ExecutionOutputs {
            execution_name: name_of(&arn).to_owned(),
            arn,
            status,
            output,
            digest: recall("digest"),
        };
        Ok(Some(State { inputs, outputs }))
    }

    fn unhealthy(state: &State<Self>) -> Option<String> {
        let State { inputs, outputs } = state;
        (inputs.wait_for_completion && !inputs.accepts(outputs))
            .then(|| "has not gone well; run `pulumi up` to start another execution".to_owned())
    }

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let State { inputs, outputs } = state;
        if !outputs.arn.is_empty() {
            stop(cx, &outputs.arn, "its resource is deleted").await?;
        }
        let Some(Json(input)) = &inputs.delete_input else {
            return Ok(());
        };
        let input = Json(with_last(input, &outputs.execution_name));
        let started = start(cx, inputs, &format!("{id}-delete"), Some(&input), "").await;
        match started.gone()? {
            Some(arn) => complete(cx, inputs, &arn).await,
            None => {
                let machine = &inputs.state_machine_arn;
                cx.warn(&format!(
                    "{machine} is gone, so what was to run at the end of {id} did not"
                ));
                Ok(())
            }
        }
    }
}

impl ExecutionInputs {
    /// What tells executions apart that have to do different things.
    fn digest(&self) -> String {
        let input = self.input.as_ref().map(|input| &input.0);
        of_document(&json!([input, self.triggers]).to_string())
    }

    /// Whether an execution is under way or went well.
    fn accepts(&self, outputs: &ExecutionOutputs) -> bool {
        match outputs.status.as_str() {
            RUNNING => true,
            "SUCCEEDED" => self.is_expected(&outputs.output),
            _ => false,
        }
    }

    fn is_expected(&self, output: &str) -> bool {
        let output: Document = serde_json::from_str(output).unwrap_or_default();
        let expected = self
            .expected_output
            .as_ref()
            .and_then(|own| own.0.as_object());
        let has = |(key, value): (&String, &Document)| output.get(key) == Some(value);
        expected.is_none_or(|expected| expected.iter().all(has))
    }
}

/// An input in which the last execution has its name.
fn with_last(input: &Document, name: &str) -> Document {
    match input {
        Document::String(text) => text.replace(LAST, name).into(),
        Document::Array(items) => items.iter().map(|item| with_last(item, name)).collect(),
        Document::Object(fields) => {
            let field = |(key, value): (&String, _)| (key.clone(), with_last(value, name));
            fields.iter().map(field).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The name of an execution, which its ARN ends with.
fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

/// Starts an execution, or finds the one that an interrupted deployment started. Its name follows from what it has to do and
/// from the one before it, so neither a repeated call nor a repeated deployment starts a second.
async fn start(
    cx: &Context,
    inputs: &ExecutionInputs,
    prefix: &str,
    input: Option<&Json>,
    before: &str,
) -> Result<String> {
    let machine = &inputs.state_machine_arn;
    let input = input.map_or_else(|| json!({}), |input| input.0.clone());
    let mut before = before.to_owned();
    for _ in 0..MOST {
        let told = json!([input, inputs.triggers, before]).to_string();
        let name = format!("{prefix}-{}", &of_document(&told)[..12]);
        let starting = cx.aws.sfn().start_execution();
        let starting = starting.state_machine_arn(machine).name(&name);
        let started = starting.input(input.to_string()).send().await;
        let error = match started.during(format!("start an execution of {machine}")) {
            Ok(started) => return Ok(started.execution_arn),
            Err(error) => error,
        };
        if error.code() != Some("ExecutionAlreadyExists") {
            return Err(error);
        }
        let arn = machine.replacen(":stateMachine:", ":execution:", 1) + ":" + &name;
        let found = describe(cx, &arn).await?;
        let outputs = ExecutionOutputs {
            status: found.status().as_str().to_owned(),
            output: found.output().unwrap_or_default().to_owned(),
            ..Default::default()
        };
        if inputs.accepts(&outputs) {
            return Ok(arn);
        }
        before = name;
    }
    Err(Error::failed(format!(
        "could not start an execution of {machine}: {MOST} of this resource have failed since it was made; change a trigger"
    )))
}

async fn describe(cx: &Context, arn: &str) -> Result<DescribeExecutionOutput> {
    let look = cx.aws.sfn().describe_execution().execution_arn(arn);
    look.send().await.during(format!("read {arn}"))
}

/// Stops an execution, unless it has ended; AWS may refuse that of one that ended meanwhile.
async fn stop(cx: &Context, arn: &str, cause: &str) -> Result<()> {
    if has_ended(cx, arn).await? {
        return Ok(());
    }
    let stop = cx.aws.sfn().stop_execution().execution_arn(arn);
    let stopped = stop.cause(cause).send().await;
    match stopped.during(format!("stop {arn}")).gone() {
        Err(error) if !has_ended(cx, arn).await? => Err(error),
        _ => Ok(()),
    }
}

/// Whether AWS shows that it has; what was started a moment ago it may not show yet.
async fn has_ended(cx: &Context, arn: &str) -> Result<bool> {
    let found = describe(cx, arn).await.gone()?;
    Ok(found.is_some_and(|found| *found.status() != ExecutionStatus::Running))
}

/// Waits until an execution has ended well, and shows the lines of its log.
async fn complete(cx: &Context, inputs: &ExecutionInputs, arn: &str) -> Result<()> {
    let lines = &tokio::sync::Mutex::new(Lines::of(inputs.task_log.as_ref()));
    let started = Instant::now();
    let look = || async move {
        let now = match describe(cx, arn).await {
            Err(error) if error.is_not_found() && started.elapsed() < UNSEEN => {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            }
            // To whoever deletes, what is not found would be gone.
            Err(error) if error.is_not_found() => return Err(Error::failed(error.to_string())),
            now => now?,
        };
        let line = lines.lock().await.show(cx, arn).await;
        Ok(match now.status() {
            ExecutionStatus::Running => Progress::Pending(line),
            _ => Progress::Done(now),
        })
    };
    let ended = cx.wait(name_of(arn), look).await;
    if ended.is_err() && cx.is_cancelled() {
        stop(cx, arn, "the deployment was cancelled").await?;
    }
    let ended = ended?;
    let reason = match ended.status() {
        ExecutionStatus::Succeeded => {
            let output = ended.output().unwrap_or_default();
            if inputs.is_expected(output) {
                return Ok(());
            }
            let output: Document = serde_json::from_str(output).unwrap_or_default();
            let message = output["message"].as_str();
            message
                .unwrap_or("its output is not as expected")
                .to_owned()
        }
        status => {
            let parts = [ended.error(), ended.cause()];
            let parts: Vec<_> = parts
                .into_iter()
                .flatten()
                .filter(|p| !p.is_empty())
                .collect();
            match parts.is_empty() {
                true => format!("it ended as {}", status.as_str()),
                false => parts.join(": "),
            }
        }
    };
    let reason: String = reason.chars().take(LONGEST_REASON).collect();
    let name = name_of(arn);
    Err(Error::failed(format!(
        "the execution {name} failed: {reason}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_of_a_delete_names_the_last_execution() {
        let input = json!({"commands": ["dbt-aws drop-schemas <execution>", "x"], "n": 1});
        let named = json!({"commands": ["dbt-aws drop-schemas run-1", "x"], "n": 1});
        assert_eq!(with_last(&input, "run-1"), named);
    }
}
