//! `dbt-aws:lambda:Function`.

pub use super::invokers::{FunctionInvokedBy, FunctionInvokedByArgs};
use super::{
    function_code as code,
    function_found::{architecture, foreign, runtime},
    function_rules::{self as rules, NAME},
    invokers::{self, Invokers},
};
use crate::prelude::*;
use aws_sdk_lambda::{
    operation::{
        get_function::GetFunctionOutput,
        get_function_event_invoke_config::GetFunctionEventInvokeConfigOutput,
    },
    primitives::Blob,
    types::{
        DeadLetterConfig, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus,
        LogFormat, LoggingConfig, State as Condition,
    },
};
use pulumi_aws_framework::{aws, props::Enum as _};
use std::collections::HashMap;

/// A function that AWS Lambda runs.
#[derive(Debug)]
pub struct Function;

words! {
    /// What runs a function's code.
    pub enum FunctionRuntime {
        /// Python 3.12.
        Python312 = "python3.12",
        /// Python 3.13.
        Python313 = "python3.13",
        /// Python 3.14.
        Python314 = "python3.14",
        /// Node.js 22.
        Nodejs22 = "nodejs22.x",
        /// Node.js 24.
        Nodejs24 = "nodejs24.x",
        /// Ruby 3.4.
        Ruby34 = "ruby3.4",
    }
}

words! {
    /// The processor that a function runs on.
    pub enum FunctionArchitecture {
        /// AWS Graviton.
        Arm64 = "arm64",
        /// Intel or AMD.
        X8664 = "x86_64",
    }
}

words! {
    /// How Lambda writes a function's log.
    pub enum FunctionLogFormat {
        /// As lines of text.
        Text = "Text",
        /// As a JSON object a line.
        Json = "JSON",
    }
}

/// What a function is made from.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct FunctionInputs {
    /// The name: 1 to 64 letters, digits, `-` and `_`, unique in account and region. Default: made from the resource's
    /// name.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// A description for people: at most 256 characters. Default: none.
    #[prop(default = None, check = rules::description)]
    pub description: Option<String>,
    /// What runs the code.
    pub runtime: FunctionRuntime,
    /// What is called: for `main.handler`, the function `handler` of the file `main`.
    #[prop(check = rules::handler)]
    pub handler: String,
    /// The code: the text of each file by its path, such as `{"main.py": "..."}`; at most 100 files and 1 MiB in all. AWS
    /// tells no more of it than whether it has changed, so that an imported function gets its code anew.
    #[prop(digest, check = code::check)]
    pub code: BTreeMap<String, String>,
    /// The ARN of the role that it runs with.
    #[prop(check = formats::arn("iam", "role/"))]
    pub role_arn: String,
    /// Environment variables, at most 4 KiB as JSON; who may look at the function sees them. Default: none.
    #[prop(default = None, check = rules::environment)]
    pub environment: Option<BTreeMap<String, String>>,
    /// The number of seconds after which a call is ended: 1 to 900. Default: 30.
    #[prop(default = 30, check = formats::between(1, 900))]
    pub timeout_seconds: i32,
    /// Memory in MiB, which processor time goes with: 128 to 10240. Default: 128.
    #[prop(default = 128, check = formats::between(128, 10_240))]
    pub memory: i32,
    /// The processor. Default: `x86_64`.
    #[prop(default = FunctionArchitecture::X8664)]
    pub architecture: FunctionArchitecture,
    /// The name of the log group that it writes to. Default: `/aws/lambda/` and the function's name, a log group that Lambda
    /// makes and that a delete leaves.
    #[prop(default = None, check = rules::log_group)]
    pub log_group_name: Option<String>,
    /// How Lambda writes the log. Default: `Text`.
    #[prop(default = FunctionLogFormat::Text)]
    pub log_format: FunctionLogFormat,
    /// The ARN of the SQS queue or SNS topic that gets the events that could not be handled; the role must be allowed to send
    /// there. Default: none, and they are lost.
    #[prop(default = None, check = rules::dead_letters)]
    pub dead_letter_arn: Option<String>,
    /// How often an event that could not be handled is tried again: 0 to 2 times. Default: 2.
    #[prop(default = 2, check = formats::between(0, 2))]
    pub maximum_retry_attempts: i32,
    /// The number of seconds for which an event is tried: 60 to 21600. Default: 21600.
    #[prop(default = 21_600, check = formats::between(60, 21_600))]
    pub maximum_event_age_seconds: i32,
    /// The services that may invoke it, each on behalf of one object; others are removed. Default: none.
    #[prop(default = None)]
    pub invoked_by: Option<Set<FunctionInvokedBy>>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a function.
#[derive(Clone, Debug, Props)]
pub struct FunctionOutputs {
    /// The ARN.
    pub arn: String,
}

impl CustomResource for Function {
    const TOKEN: &'static str = "dbt-aws:lambda:Function";
    const DOC: &'static str = "A function that AWS Lambda runs, of code that is text.\n\nImport with the name or the ARN. See [Lambda functions](https://docs.aws.amazon.com/lambda/latest/dg/concepts-basics.html).";
    const ACTIONS: &'static [&'static str] = &[
        "iam:PassRole",
        "lambda:AddPermission",
        "lambda:CreateFunction",
        "lambda:DeleteFunction",
        "lambda:GetFunction",
        "lambda:GetFunctionEventInvokeConfig",
        "lambda:GetPolicy",
        "lambda:ListFunctions",
        "lambda:ListTags",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:RemovePermission",
        "lambda:TagResource",
        "lambda:UntagResource",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
    ];
    const IDS: Option<Ids> = Some(Ids::name("dbt-webhooks", "lambda", "function:"));
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = FunctionInputs;
    type Outputs = FunctionOutputs;
    type Tagging = Retag;

    async fn create(cx: &Context, inputs: &FunctionInputs) -> Result<Created<Self>> {
        let name = inputs.name.clone().unwrap_or_default();
        let what = format!("the function {name}");
        let zip = Blob::new(code::archive(&inputs.code)?);
        let made = cx
            .aws
            .lambda()
            .create_function()
            .function_name(&name)
            .description(inputs.description.clone().unwrap_or_default())
            .runtime(inputs.runtime.word().into())
            .handler(&inputs.handler)
            .code(FunctionCode::builder().zip_file(zip).build())
            .role(&inputs.role_arn)
            .timeout(inputs.timeout_seconds)
            .memory_size(inputs.memory)
            .architectures(inputs.architecture.word().into())
            .environment(variables(inputs))
            .logging_config(to_logging(&name, inputs))
            .set_dead_letter_config(inputs.dead_letter_arn.as_deref().map(dead_letters))
            .set_tags(Some(cx.tags(inputs.tags.as_ref()).into_iter().collect()))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => {
                let arn = made.function_arn.unwrap_or_default();
                Ok(Created::Known(name, FunctionOutputs { arn }))
            }
            Err(error) if error.is_already_exists() => match described(cx, &name).await? {
                Some(there) => Created::adopt(cx, name, &what, &tags_of(&there)?),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &FunctionInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let old = old.map(|o| &o.inputs);
        if old.is_some_and(|old| (&old.code, old.architecture) != (&new.code, new.architecture)) {
            let update = cx.aws.lambda().update_function_code().function_name(id);
            update
                .zip_file(Blob::new(code::archive(&new.code)?))
                .architectures(new.architecture.word().into())
                .send()
                .await
                .during(format!("update the code of the function {id}"))?;
            settled(cx, id).await?;
        }
        if old.is_some_and(|old| settings(old) != settings(new)) {
            configure(cx, id, new).await?;
            settled(cx, id).await?;
        }
        let tries = |i: &FunctionInputs| (i.maximum_retry_attempts, i.maximum_event_age_seconds);
        if tries(new) != old.map_or((RETRIES, EVENT_AGE), tries) {
            cx.aws
                .lambda()
                .put_function_event_invoke_config()
                .function_name(id)
                .maximum_retry_attempts(new.maximum_retry_attempts)
                .maximum_event_age_in_seconds(new.maximum_event_age_seconds)
                .send()
                .await
                .during(format!("set how often the function {id} tries an event"))?;
        }
        let invokers = |i: &FunctionInputs| i.invoked_by.clone().unwrap_or_default();
        let (before, after) = (old.map(invokers).unwrap_or_default(), invokers(new));
        if before != after {
            invokers::set(cx, id, &after).await?;
        }
        Ok(())
    }

    async fn ready(cx: &Context, id: &str) -> Result<Option<FunctionOutputs>> {
        settled(cx, id).await.map(Some)
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&FunctionInputs>,
    ) -> Result<Option<State<Self>>> {
        let (found, statements, tries) = tokio::join!(
            described(cx, id),
            invokers::statements(cx, id),
            tries_of(cx, id)
        );
        let Some(found) = found? else {
            return Ok(None);
        };
        let (statements, tries) = (statements?, tries?);
        let tags = tags_of(&found)?;
        let function = found.configuration.unwrap_or_else(empty);
        if known.is_none() {
            let mut parts = foreign(&function);
            let more = statements.iter().any(|s| s.invoker.is_none());
            parts.push(("other permissions than invokedBy has", more));
            let destinations = tries.as_ref().and_then(|t| t.destination_config());
            let any = |d: &aws_sdk_lambda::types::DestinationConfig| {
                d.on_success().is_some_and(|s| s.destination().is_some())
                    || d.on_failure().is_some_and(|f| f.destination().is_some())
            };
            parts.push(("destinations", destinations.is_some_and(any)));
            importable(&format!("the function {id}"), parts)?;
        }
        let is_there = |known: &&FunctionInputs| {
            let archive = code::archive(&known.code).ok();
            archive.map(|a| code::digest(&a)).as_deref() == function.code_sha256()
        };
        let text = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        let invoked_by: Invokers = statements.into_iter().filter_map(|s| s.invoker).collect();
        let own = |given: fn(&FunctionInputs) -> bool| known.is_some_and(given);
        let variables = function.environment().and_then(|e| e.variables());
        let variables: BTreeMap<_, _> =
            variables.cloned().unwrap_or_default().into_iter().collect();
        let logging = function.logging_config();
        let group = logging.and_then(|l| l.log_group()).unwrap_or_default();
        let own_group = own(|k| k.log_group_name.is_some());
        Ok(Some(State {
            inputs: FunctionInputs {
                name: Some(id.to_owned()),
                description: text(function.description()),
                runtime: runtime(&function).unwrap_or(FunctionRuntime::Python314),
                handler: function.handler().unwrap_or_default().to_owned(),
                code: known
                    .filter(is_there)
                    .map(|k| k.code.clone())
                    .unwrap_or_default(),
                role_arn: function.role().unwrap_or_default().to_owned(),
                environment: (own(|k| k.environment.is_some()) || !variables.is_empty())
                    .then_some(variables),
                timeout_seconds: function.timeout().unwrap_or_default(),
                memory: function.memory_size().unwrap_or_default(),
                architecture: architecture(&function),
                log_group_name: (own_group || group != own_log_group(id))
                    .then(|| group.to_owned())
                    .filter(|group| !group.is_empty()),
                log_format: match logging.and_then(|l| l.log_format()) {
                    Some(LogFormat::Json) => FunctionLogFormat::Json,
                    _ => FunctionLogFormat::Text,
                },
                dead_letter_arn: text(function.dead_letter_config().and_then(|d| d.target_arn())),
                maximum_retry_attempts: tries
                    .as_ref()
                    .and_then(|t| t.maximum_retry_attempts)
                    .unwrap_or(RETRIES),
                maximum_event_age_seconds: tries
                    .and_then(|t| t.maximum_event_age_in_seconds)
                    .unwrap_or(EVENT_AGE),
                invoked_by: (own(|k| k.invoked_by.is_some()) || !invoked_by.is_empty())
                    .then_some(invoked_by),
                tags: Some(tags),
            },
            outputs: outputs(&function),
        }))
    }

    list!(
        lambda.list_functions[next_marker, set_marker].functions,
        |function| function.function_name()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let delete = cx.aws.lambda().delete_function().function_name(id);
        let deleted = delete.send().await;
        deleted.during(format!("delete the function {id}"))?;
        Ok(())
    }
}

retag!(
    lambda,
    tag_resource,
    untag_resource,
    resource = arn,
    HashMap::from_iter
);

/// How often AWS tries an event again of itself.
const RETRIES: i32 = 2;
/// For how many seconds AWS keeps an event of itself.
const EVENT_AGE: i32 = 21_600;

fn outputs(function: &FunctionConfiguration) -> FunctionOutputs {
    FunctionOutputs {
        arn: function.function_arn().unwrap_or_default().to_owned(),
    }
}

fn empty() -> FunctionConfiguration {
    FunctionConfiguration::builder().build()
}

/// The log group that Lambda makes by itself.
fn own_log_group(name: &str) -> String {
    format!("/aws/lambda/{name}")
}

fn to_logging(name: &str, inputs: &FunctionInputs) -> LoggingConfig {
    let group = inputs.log_group_name.clone();
    LoggingConfig::builder()
        .log_format(inputs.log_format.word().into())
        .log_group(group.unwrap_or_else(|| own_log_group(name)))
        .build()
}

fn variables(inputs: &FunctionInputs) -> Environment {
    let all = inputs.environment.clone().unwrap_or_default();
    Environment::builder()
        .set_variables(Some(all.into_iter().collect()))
        .build()
}

fn dead_letters(arn: &str) -> DeadLetterConfig {
    DeadLetterConfig::builder().target_arn(arn).build()
}

/// What one call sets.
fn settings(inputs: &FunctionInputs) -> FunctionInputs {
    FunctionInputs {
        name: None,
        code: BTreeMap::new(),
        architecture: FunctionArchitecture::X8664,
        maximum_retry_attempts: RETRIES,
        maximum_event_age_seconds: EVENT_AGE,
        invoked_by: None,
        tags: None,
        ..inputs.clone()
    }
}

async fn configure(cx: &Context, id: &str, inputs: &FunctionInputs) -> Result<()> {
    cx.aws
        .lambda()
        .update_function_configuration()
        .function_name(id)
        .description(inputs.description.clone().unwrap_or_default())
        .runtime(inputs.runtime.word().into())
        .handler(&inputs.handler)
        .role(&inputs.role_arn)
        .timeout(inputs.timeout_seconds)
        .memory_size(inputs.memory)
        .environment(variables(inputs))
        .logging_config(to_logging(id, inputs))
        // Empty text takes it away.
        .dead_letter_config(dead_letters(
            inputs.dead_letter_arn.as_deref().unwrap_or_default(),
        ))
        .send()
        .await
        .during(format!("update the function {id}"))?;
    Ok(())
}

/// Waits until a function can be called, as it was last set.
async fn settled(cx: &Context, id: &str) -> Result<FunctionOutputs> {
    cx.wait(&format!("the function {id}"), async || {
        let Some(found) = described(cx, id).await? else {
            return Ok(Progress::Pending("not visible yet".to_owned()));
        };
        let function = found.configuration.unwrap_or_else(empty);
        let failed = |reason: Option<&str>| {
            let reason = reason.unwrap_or("AWS says no reason").trim_end_matches('.');
            Err(Error::failed(format!(
                "the function {id} cannot be called: {reason}"
            )))
        };
        if function.last_update_status() == Some(&LastUpdateStatus::Failed) {
            return failed(function.last_update_status_reason());
        }
        match (function.state(), function.last_update_status()) {
            (Some(Condition::Failed), _) => failed(function.state_reason()),
            (Some(Condition::Pending), _) => Ok(Progress::Pending("being made".to_owned())),
            (_, Some(LastUpdateStatus::InProgress)) => {
                Ok(Progress::Pending("being updated".to_owned()))
            }
            _ => Ok(Progress::Done(outputs(&function))),
        }
    })
    .await
}

async fn described(cx: &Context, name: &str) -> Result<Option<GetFunctionOutput>> {
    let get = cx.aws.lambda().get_function().function_name(name);
    let found = get.send().await;
    found.during(format!("read the function {name}")).gone()
}

/// How often an event is tried, where somebody has set that.
async fn tries_of(cx: &Context, name: &str) -> Result<Option<GetFunctionEventInvokeConfigOutput>> {
    let get = cx.aws.lambda().get_function_event_invoke_config();
    let found = get.function_name(name).send().await;
    found
        .during(format!("read how often the function {name} tries an event"))
        .gone()
}

/// AWS leaves them out of its answer, and says why, for who may not see them.
fn tags_of(found: &GetFunctionOutput) -> Result<Tags> {
    if let Some(error) = found.tags_error() {
        let (code, message) = (error.error_code(), error.message());
        let what = "read the tags of a function";
        return Err(
            aws::Error::from_batch_failure(what, code.to_owned(), message.to_owned()).into(),
        );
    }
    let tags = found.tags().cloned().unwrap_or_default();
    Ok(tags.into_iter().collect())
}
