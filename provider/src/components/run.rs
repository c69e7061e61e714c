//! `dbt-aws:index:DbtRun`.

mod summary;
#[cfg(test)]
mod tests;

use super::project::handle::ProjectHandle;
use crate::{
    components::{elsewhere, exposure, overrides},
    prelude::*,
    resources::sfn::execution::{Execution, ExecutionArgs, ExecutionTaskLogArgs},
    run::CONTAINER,
};
use pulumi_aws_framework::{
    aws::{Aws, console},
    component::{Component, Scope},
    output::all,
};
use serde_json::{Map, Value as Document, json};

/// A run as a part of a deployment.
#[derive(Debug)]
pub struct DbtRun;

/// The inputs of a run.
#[derive(Clone, Debug, Props)]
pub struct DbtRunInputs {
    /// The `handle` of the `DbtProject` to run. In TypeScript and Go that project must not be the run's `parent`.
    pub project: Handle<ProjectHandle>,
    /// Command lines, 1 to 100, as in a `DbtSchedule`. A change starts another run. Default: `["dbt build"]`.
    #[prop(check = overrides::some_commands)]
    pub commands: Option<Vec<String>>,
    /// Environment variables of the run, which override the project's, as in a `DbtSchedule`. A change starts another run.
    /// Default: none.
    pub environment: Option<BTreeMap<String, String>>,
    /// Texts by name: a change of any starts another run. With `{image: project.imageUri}` each new image is run once.
    /// Default: none.
    pub triggers: Option<BTreeMap<String, String>>,
    /// Whether `pulumi up` waits until the run has ended, and fails where it does. Default: `true`.
    #[prop(default = true)]
    pub wait_for_completion: bool,
    /// How long it may take, in minutes, with all its attempts: 1 to the project's `timeoutMinutes`. Default: that.
    #[prop(check = formats::between(1, 10_080))]
    pub timeout_minutes: Option<i64>,
    /// Whether the schemas that the last run and the project's last successful run built in are dropped, with all that is in
    /// them, when this resource is deleted: by `pulumi destroy`, and also where it is taken out of the program, or renamed
    /// without an alias. Refused, without dropping any, are `public`, schemas of sources, and those of the project that
    /// `stateFrom` names. Default: `false`.
    #[prop(default = false)]
    pub drop_schemas_on_destroy: bool,
}

/// The outputs of a run.
#[derive(Clone, Debug, Props)]
pub struct DbtRunOutputs {
    /// The run's id: the name of the execution.
    pub run_id: String,
    /// How it ended, such as `success`; `running` where nobody waited.
    pub class: String,
    /// What it did, as Markdown, such as for a comment on a pull request.
    pub summary: String,
    /// Where its artifacts are: empty where nobody waited.
    pub artifacts_uri: String,
    /// The page of the run in AWS's console.
    pub console_url: String,
}

/// Refuses what the project does not let an execution change.
fn refuse_barred(check: &mut Check<'_>) {
    let project = Handle::<ProjectHandle>::checked(check, "project");
    let barred: &[_] = match project.overrides.now().as_deref() {
        Some("none") => &[
            "commands",
            "environment",
            "timeoutMinutes",
            "dropSchemasOnDestroy",
        ],
        Some("commands") => &["environment", "timeoutMinutes"],
        _ => &[],
    };
    for field in barred {
        if check.has(field) && check.get::<Option<bool>>(field) != Some(Some(false)) {
            check.fail(
                *field,
                "is not for a run to change: overrides of the project says so",
            );
        }
    }
    let most = project.timeout_minutes.now().map(|digits| digits.0);
    let own = check.get::<Option<i64>>("timeoutMinutes").flatten();
    if let (Some(most), Some(own)) = (most, own)
        && own > most
    {
        let reason =
            format!("must be {most} at most, the timeoutMinutes of the project, not {own}");
        check.fail("timeoutMinutes", reason);
    }
}

impl Component for DbtRun {
    const TOKEN: &'static str = "dbt-aws:index:DbtRun";
    const DOC: &'static str = include_str!("run/run.md");
    const MAY_ORPHAN: &'static [&'static str] = &[];
    type Inputs = DbtRunInputs;
    type Outputs = DbtRunOutputs;

    fn check(check: &mut Check<'_>) {
        overrides::check(check);
        refuse_barred(check);
        for field in ["environment", "commands"] {
            exposure::plain_text(check, field, "secrets of the project");
        }
    }

    async fn check_online(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
        let project = Handle::<ProjectHandle>::given(inputs, "project");
        let region = project.region.now();
        let found = elsewhere("project", region.as_deref(), aws.region());
        Ok(found.into_iter().collect())
    }

    fn construct(scope: &Scope, args: DbtRunArgs) -> Result<DbtRunFields, Failure> {
        let project = args.project.fields();
        let input = all((
            args.commands.optional(),
            args.environment.optional(),
            args.timeout_minutes.optional(),
        ))
        .map(|(commands, environment, minutes)| {
            let fields = [
                ("commands", commands.map(|own| json!(own))),
                ("environment", environment.map(|own| json!(own))),
                ("timeoutMinutes", minutes.map(|own| json!(own))),
            ];
            let given = fields
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            Json(given.collect::<Map<_, _>>().into())
        });
        let drops = args.drop_schemas_on_destroy.map(|drops| {
            drops.then(|| Json(json!({"commands": ["dbt-aws drop-schemas <execution>"]})))
        });
        let log = ExecutionTaskLogArgs {
            log_group_name: project.log_group_name.clone(),
            log_stream_prefix: project
                .log_stream_prefix
                .map(|prefix| format!("{prefix}/{CONTAINER}")),
        };
        let execution = scope.child::<Execution>(
            "execution",
            ExecutionArgs {
                state_machine_arn: project.state_machine_arn,
                input,
                triggers: args.triggers,
                wait_for_completion: args.wait_for_completion,
                expected_output: Json(json!({"class": "success"})).into(),
                delete_input: drops.flatten(),
                task_log: log.into(),
                ..Default::default()
            },
        );
        let output = &execution.output;
        let text = |key: &'static str, otherwise: &'static str| {
            output.map(move |text| parsed(&text)[key].as_str().unwrap_or(otherwise).to_owned())
        };
        Ok(DbtRunFields {
            run_id: execution.execution_name.clone(),
            class: text("class", "running"),
            summary: all((project.name, output.clone()))
                .map(|(name, output)| summary::markdown(&name, &parsed(&output))),
            artifacts_uri: text("artifacts", ""),
            console_url: execution.arn.map(|arn| console_url(&arn)),
        })
    }
}

fn parsed(output: &str) -> Document {
    serde_json::from_str(output).unwrap_or_default()
}

fn console_url(arn: &str) -> String {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let console = console(region);
    format!("{console}/states/home?region={region}#/v2/executions/details/{arn}")
}
