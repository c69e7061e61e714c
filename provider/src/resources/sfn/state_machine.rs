//! `dbt-aws:sfn:StateMachine`.

use super::definition;
use crate::{prelude::*, run::StateMachineDbtRun};
use aws_sdk_sfn::{
    operation::describe_state_machine::DescribeStateMachineOutput,
    types::{
        CloudWatchLogsLogGroup, ExecutionStatus, LogDestination, LoggingConfiguration,
        StateMachineStatus, TracingConfiguration,
    },
};
use futures::future::try_join_all;
use pulumi_aws_framework::props::Enum as _;

/// A workflow: states and the ways between them.
#[derive(Debug)]
pub struct StateMachine;

words! {
    /// How a state machine runs.
    pub enum StateMachineType {
        /// For up to a year, each step once, with a history.
        Standard = "STANDARD",
        /// For up to five minutes, cheaply, each step at least once.
        Express = "EXPRESS",
    }
}

words! {
    /// What of its executions a state machine logs.
    pub enum StateMachineLoggingLevel {
        /// Nothing.
        Off = "OFF",
        /// What ended an execution.
        Fatal = "FATAL",
        /// Every error.
        Error = "ERROR",
        /// Every event.
        All = "ALL",
    }
}

/// The log of a state machine's executions.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct StateMachineLogging {
    /// What is logged. Default: `OFF`.
    #[prop(default = StateMachineLoggingLevel::Off)]
    pub level: StateMachineLoggingLevel,
    /// The ARN of the log group. Required unless the level is `OFF`.
    #[prop(check = formats::arn("logs", "log-group:"))]
    pub log_group_arn: Option<String>,
    /// Whether inputs and outputs are logged too. Default: `false`.
    #[prop(default = false)]
    pub include_execution_data: bool,
}

/// What a state machine is made from.
#[derive(Clone, Debug, Props)]
pub struct StateMachineInputs {
    /// The name: 1 to 80 letters, digits, `-` and `_`, unique in account and region. Default: made from the resource's
    /// name.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// The definition, in the Amazon States Language: at most 1 MiB. Required unless `dbtRun` is given. From YAML and Go, which leave null out of objects,
    /// a definition with null (`"ResultPath": null`) must be JSON text, such as `fn::toJSON` makes.
    ///
    /// See [the language](https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html).
    #[prop(digest)]
    pub definition: Option<Json>,
    /// Makes this the state machine of a dbt run, as `DbtProject` does: the provider writes the definition. Needs the type
    /// `STANDARD`.
    #[prop(digest)]
    pub dbt_run: Option<StateMachineDbtRun>,
    /// The ARN of the role that it runs with.
    #[prop(check = formats::arn("iam", "role/"))]
    pub role_arn: String,
    /// How it runs. Default: `STANDARD`.
    #[prop(replace, default = StateMachineType::Standard)]
    pub r#type: StateMachineType,
    /// The log of its executions. Default: none.
    #[prop(default = None)]
    pub logging: Option<StateMachineLogging>,
    /// Whether AWS X-Ray traces its executions. Default: `false`.
    #[prop(default = false)]
    pub tracing_enabled: bool,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a state machine.
#[derive(Clone, Debug, Props)]
pub struct StateMachineOutputs {
    /// The ARN.
    pub arn: String,
}

const NAME: Naming = Naming::new("name", 80);

impl CustomResource for StateMachine {
    const TOKEN: &'static str = "dbt-aws:sfn:StateMachine";
    const DOC: &'static str = "A workflow: states and the ways between them.\n\nImport with the name or the ARN. Deleting the state machine stops the executions that still run.\n\nSee [state machines](https://docs.aws.amazon.com/step-functions/latest/dg/concepts-statemachines.html).";
    const ACTIONS: &'static [&'static str] = &[
        "iam:PassRole",
        "states:CreateStateMachine",
        "states:DeleteStateMachine",
        "states:DescribeStateMachine",
        "states:ListExecutions",
        "states:ListStateMachines",
        "states:ListTagsForResource",
        "states:StopExecution",
        "states:TagResource",
        "states:UntagResource",
        "states:UpdateStateMachine",
    ];
    const IDS: Option<Ids> = Some(Ids::name("nightly", "states", "stateMachine:"));
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = StateMachineInputs;
    type Outputs = StateMachineOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        check.exactly_one(&["definition", "dbtRun"]);
        if let Some(run) = check.value("dbtRun") {
            if !run.field("definitionDigest").is_null() {
                check.fail(
                    "dbtRun.definitionDigest",
                    "is filled in by the provider; leave it out",
                );
            }
            if check.get("type") == Some(StateMachineType::Express) {
                check.fail(
                    "type",
                    "must be STANDARD with dbtRun: an express machine cannot wait for a task",
                );
            }
        }
        if let Some(Some(Json(document))) = check.get("definition") {
            for failure in definition::failures(&document) {
                let failure = failure.under("definition");
                check.fail(failure.path, failure.reason);
            }
        }
        if let Some(Some(logging)) = check.get::<Option<StateMachineLogging>>("logging")
            && logging.level != StateMachineLoggingLevel::Off
            && logging.log_group_arn.is_none()
        {
            check.fail("logging.logGroupArn", "is required unless the level is OFF");
        }
    }

    fn fill_in(
        _scope: &CheckScope<'_>,
        inputs: &mut Properties,
        _old: &Properties,
        _warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if let Some(run) = inputs.get_mut("dbtRun") {
            let plain = run.plain();
            let digest = match plain.has_unknown() {
                true => Value::Unknown,
                false => {
                    definition::digest(&StateMachineDbtRun::decode(&plain)?.definition().0).into()
                }
            };
            *run = run.child(|run| {
                let mut filled = run.clone().into_properties();
                filled.insert("definitionDigest".to_owned(), digest.clone());
                Value::Object(filled)
            });
        }
        Ok(())
    }

    async fn create(cx: &Context, inputs: &StateMachineInputs) -> Result<Created<Self>> {
        let name = inputs.name.clone().unwrap_or_default();
        let what = format!("the state machine {name}");
        // AWS answers a second create of the same machine like the first: a name of somebody's choice may be taken.
        if !Naming::is_ours(&name, &cx.identity.generation)
            && let Some((arn, tags)) = there(cx, &name).await?
        {
            return Created::adopt(cx, arn, &what, &tags);
        }
        let made = cx
            .aws
            .sfn()
            .create_state_machine()
            .name(&name)
            .definition(inputs.definition().to_string())
            .role_arn(&inputs.role_arn)
            .r#type(inputs.r#type.word().into())
            .logging_configuration(to_logging(inputs))
            .tracing_configuration(to_tracing(inputs))
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) if cx.is_first() => {
                let arn = made.state_machine_arn;
                Ok(Created::Known(arn.clone(), StateMachineOutputs { arn }))
            }
            // AWS answers a create that differs in role or tags alone with the machine that an earlier one left.
            Ok(made) => Ok(Created::Adopted(made.state_machine_arn)),
            Err(error) if error.is_already_exists() => match there(cx, &name).await? {
                Some((arn, tags)) => Created::adopt(cx, arn, &what, &tags),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &StateMachineInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old.map(|o| &o.inputs) else {
            return Ok(());
        };
        if !same(new, old) {
            cx.aws
                .sfn()
                .update_state_machine()
                .state_machine_arn(id)
                .definition(new.definition().to_string())
                .role_arn(&new.role_arn)
                .logging_configuration(to_logging(new))
                .tracing_configuration(to_tracing(new))
                .send()
                .await
                .during(format!("update {id}"))?;
            // AWS goes on showing the old one for a moment.
            cx.wait(&format!("updating {id}"), async || {
                let shown = Self::read(cx, id, Some(new)).await?.map(|s| s.inputs);
                let is_new = |s: StateMachineInputs| s.does_as(new) && s.role_arn == new.role_arn;
                Ok(match shown.is_some_and(is_new) {
                    true => Progress::Done(()),
                    false => Progress::Pending("the old one is still shown".to_owned()),
                })
            })
            .await?;
        }
        Ok(())
    }

    async fn find(cx: &Context, id: String) -> Result<Option<String>> {
        let account = cx.account.caller().await?.account_id;
        Ok(Some(cx.arn(
            "states",
            &account,
            &format!("stateMachine:{id}"),
        )))
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&StateMachineInputs>,
    ) -> Result<Option<State<Self>>> {
        let (machine, tags) = tokio::join!(describe(cx, id), tags(cx, id));
        let Some(machine) = machine? else {
            return Ok(None);
        };
        let definition = serde_json::from_str(machine.definition())
            .map(Json)
            .map_err(|e| {
                Error::failed(format!(
                    "could not read {id}: its definition is not JSON: {e}"
                ))
            })?;
        let dbt_run = known.and_then(|k| k.dbt_run.as_ref());
        let is_as_made = |run: &&StateMachineDbtRun| {
            run.definition_digest.as_deref() == Some(&definition::digest(&definition.0))
        };
        let dbt_run = dbt_run.filter(is_as_made);
        Ok(Some(State {
            inputs: StateMachineInputs {
                name: Some(machine.name().to_owned()),
                definition: dbt_run.is_none().then_some(definition),
                dbt_run: dbt_run.cloned(),
                role_arn: machine.role_arn().to_owned(),
                r#type: StateMachineType::from_word(machine.r#type().as_str())
                    .unwrap_or(StateMachineType::Standard),
                logging: from_logging(&machine, known),
                tracing_enabled: machine.tracing_configuration().is_some_and(|t| t.enabled()),
                tags: Some(tags?),
            },
            outputs: StateMachineOutputs { arn: id.to_owned() },
        }))
    }

    list!(
        sfn.list_state_machines[next_token, set_next_token].state_machines,
        |machine| machine.state_machine_arn()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let stop = async || match state.inputs.r#type {
            StateMachineType::Standard => stop_executions(cx, id).await,
            StateMachineType::Express => Ok(()),
        };
        let delete = cx.aws.sfn().delete_state_machine().state_machine_arn(id);
        // Only a machine that is there tells a later destroy which executions go on.
        stop().await.gone()?;
        delete.send().await.during(format!("delete {id}"))?;
        cx.wait(&format!("deleting {id}"), async || {
            let look = cx.aws.sfn().describe_state_machine().state_machine_arn(id);
            // One may have started in between.
            let (there, stopped) = tokio::join!(look.send(), stop());
            stopped.gone()?;
            Ok(match there.during(format!("look at {id}")).gone()? {
                Some(_) => Progress::Pending("its executions end".to_owned()),
                None => Progress::Done(()),
            })
        })
        .await
    }
}

retag!(
    sfn,
    tag_resource,
    untag_resource,
    resource_arn = id,
    to_tags
);

impl StateMachineInputs {
    /// What the machine does.
    fn definition(&self) -> Json {
        let run = self.dbt_run.as_ref().map(StateMachineDbtRun::definition);
        run.or_else(|| self.definition.clone())
            .unwrap_or(Json(serde_json::Value::Null))
    }

    /// What tells it from others. Another version of the provider makes another definition of the same run.
    fn digest(&self) -> String {
        let run = self.dbt_run.as_ref();
        run.and_then(|run| run.definition_digest.clone())
            .unwrap_or_else(|| definition::digest(&self.definition().0))
    }

    /// Whether the other does the same.
    fn does_as(&self, other: &Self) -> bool {
        match (&self.definition, &other.definition) {
            (Some(own), Some(others)) => own == others,
            _ => self.digest() == other.digest(),
        }
    }
}

/// Whether two machines agree in all that an update sets.
fn same(a: &StateMachineInputs, b: &StateMachineInputs) -> bool {
    a.does_as(b)
        && a.role_arn == b.role_arn
        && to_logging(a) == to_logging(b)
        && a.tracing_enabled == b.tracing_enabled
}

/// The machine, unless it is gone or about to be.
async fn describe(cx: &Context, arn: &str) -> Result<Option<DescribeStateMachineOutput>> {
    let found = cx
        .aws
        .sfn()
        .describe_state_machine()
        .state_machine_arn(arn)
        .send()
        .await;
    let found = found.during(format!("read {arn}")).gone()?;
    Ok(found.filter(|m| m.status() != Some(&StateMachineStatus::Deleting)))
}

/// The ARN and the tags of the machine of that name.
async fn there(cx: &Context, name: &str) -> Result<Option<(String, Tags)>> {
    let account = cx.account.caller().await?.account_id;
    let arn = cx.arn("states", &account, &format!("stateMachine:{name}"));
    if describe(cx, &arn).await?.is_none() {
        return Ok(None);
    }
    let tags = tags(cx, &arn).await?;
    Ok(Some((arn, tags)))
}

async fn tags(cx: &Context, arn: &str) -> Result<Tags> {
    let tags = cx
        .aws
        .sfn()
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    let tags = tags.during(format!("read the tags of {arn}"))?;
    Ok(from_tags(tags.tags()))
}

fn to_tracing(inputs: &StateMachineInputs) -> TracingConfiguration {
    TracingConfiguration::builder()
        .enabled(inputs.tracing_enabled)
        .build()
}

/// What AWS wants at the end of a log group's ARN.
const STREAMS: &str = ":*";

fn to_logging(inputs: &StateMachineInputs) -> LoggingConfiguration {
    let off = LoggingConfiguration::builder()
        .level(StateMachineLoggingLevel::Off.word().into())
        .include_execution_data(false);
    let Some(logging) = &inputs.logging else {
        return off.build();
    };
    let destination = logging.log_group_arn.as_ref().map(|arn| {
        let arn = format!("{}{STREAMS}", arn.trim_end_matches(STREAMS));
        let group = CloudWatchLogsLogGroup::builder().log_group_arn(arn).build();
        vec![
            LogDestination::builder()
                .cloud_watch_logs_log_group(group)
                .build(),
        ]
    });
    off.level(logging.level.word().into())
        .include_execution_data(logging.include_execution_data)
        .set_destinations(destination)
        .build()
}

fn from_logging(
    machine: &DescribeStateMachineOutput,
    known: Option<&StateMachineInputs>,
) -> Option<StateMachineLogging> {
    let known = known.and_then(|k| k.logging.as_ref());
    let logging = machine.logging_configuration()?;
    let arn = logging.destinations().first().and_then(|d| {
        let arn = d.cloud_watch_logs_log_group()?.log_group_arn()?;
        let plain = arn.trim_end_matches(STREAMS);
        let own = known.and_then(|k| k.log_group_arn.as_ref());
        Some(
            own.filter(|own| own.trim_end_matches(STREAMS) == plain)
                .map_or(plain, |own| own)
                .to_owned(),
        )
    });
    let read = StateMachineLogging {
        level: logging
            .level()
            .and_then(|l| StateMachineLoggingLevel::from_word(l.as_str()))
            .unwrap_or(StateMachineLoggingLevel::Off),
        log_group_arn: arn,
        include_execution_data: logging.include_execution_data(),
    };
    // AWS says of a machine without a log that it is off.
    (known.is_some() || read.level != StateMachineLoggingLevel::Off).then_some(read)
}

/// Stops what runs: AWS otherwise keeps the machine until a task under way has ended.
async fn stop_executions(cx: &Context, arn: &str) -> Result<()> {
    let pages = cx
        .aws
        .sfn()
        .list_executions()
        .state_machine_arn(arn)
        .status_filter(ExecutionStatus::Running)
        .into_paginator();
    let running: Vec<_> = pages
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .during(format!("list the executions of {arn}"))?;
    try_join_all(running.iter().map(async |execution| {
        let stop = cx
            .aws
            .sfn()
            .stop_execution()
            .execution_arn(execution.execution_arn());
        let stop = stop
            .cause("the state machine is being deleted")
            .send()
            .await;
        stop.during(format!("stop {}", execution.execution_arn()))
            .gone()
    }))
    .await?;
    Ok(())
}
