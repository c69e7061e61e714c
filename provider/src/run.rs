//! A run of a dbt project: one execution of its state machine.
//!
//! The machine is `run/machine.asl.json`, the same for every project, in the Amazon States Language; a long expression of a
//! state is a file in `run/expressions/`, named by `{% include NAME %}`. What differs is put in here: the partition, and one
//! object, which the first state assigns as `$config`. `run/finish.asl.json` is the machine of a platform that ends each
//! run once, whoever tells of it.
//!
//! Step Functions' own words for a failed task do not tell a failed model from a task that never started, so the run's
//! end is read from the runner's `outcome.json`; what is known of the task itself only counts without one.

mod overrides;

pub(crate) use overrides::{LONGEST_OVERRIDES, overrides_length};

use crate::prelude::*;
use pulumi_aws_framework::{
    aws::{console, partition},
    props,
};
use serde_json::json;

/// The container that dbt runs in.
pub(crate) const CONTAINER: &str = "dbt";

/// The container that makes the role as which dbt logs in, in tasks that have one.
pub(crate) const ROLE_CONTAINER: &str = "role";

/// The `version` of the events that tell of the ends of runs.
pub(crate) const EVENT_VERSION: &str = "1";

const MACHINE: &str = include_str!("run/machine.asl.json");
const FINISH: &str = include_str!("run/finish.asl.json");

macro_rules! expressions {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("run/expressions/", $name, ".jsonata")))),*]
    };
}

const EXPRESSIONS: [(&str, &str); 24] = expressions![
    "attributes",
    "dead_letter",
    "end",
    "failed_task",
    "given_by_schedule",
    "last",
    "late",
    "lock",
    "message",
    "metrics",
    "not_started",
    "record",
    "refused",
    "release_lock",
    "run",
    "run_task",
    "schedule",
    "schedule_of_arn",
    "summary",
    "take_lock",
    "task",
    "told",
    "topics",
    "wait_for_lock",
];

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

words! {
    /// What a run does while another of the project is under way.
    pub enum StateMachineDbtRunOverlap {
        /// It does nothing, and says so.
        Skip = "skip",
        /// It waits for its turn.
        Queue = "queue",
        /// It runs beside the other.
        Allow = "allow",
    }
}

words! {
    /// What Fargate capacity a run's task takes.
    pub enum StateMachineDbtRunCapacity {
        /// On demand.
        OnDemand = "onDemand",
        /// Spot.
        Spot = "spot",
        /// Spot for the first attempt, on demand for those that follow one that was lost or did not start.
        SpotThenOnDemand = "spotThenOnDemand",
    }
}

/// How often a run is tried again.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct StateMachineDbtRunRetry {
    /// How often after a task that did not start or was lost, or a warehouse that could not be reached: 0 to 5. Default: 2.
    #[prop(default = 2, check = formats::between(0, 5))]
    pub attempts: i64,
    /// How often after failed nodes, with `dbt retry`: 0 to 5. Default: 0.
    #[prop(default = 0, check = formats::between(0, 5))]
    pub failed_nodes: i64,
}

/// Who hears of how runs end.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct StateMachineDbtRunNotify {
    /// Whether the topic of `topicArn` does.
    pub emails: bool,
    /// The ARNs of other topics.
    #[prop(check = formats::each(formats::arn("sns", "")))]
    pub topic_arns: Vec<String>,
    /// The ids of webhooks: each has a message of its own on the topic of `topicArn`, with the attribute `webhook`.
    pub webhooks: Option<Vec<String>>,
    /// Of what: `failure`, `success`, `recovery`, `skipped` and `late`.
    pub on: Vec<String>,
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
    /// Whether ECS Exec may open a shell in the task. Default: `false`.
    #[prop(default = false)]
    pub enable_execute_command: bool,
    /// The bucket of the artifacts.
    #[prop(check = literal)]
    pub artifacts_bucket: String,
    /// Where they are in the bucket.
    #[prop(check = literal)]
    pub artifacts_prefix: String,
    /// The log group that the container writes to.
    #[prop(check = literal)]
    pub log_group_name: String,
    /// What the names of its log streams begin with.
    #[prop(check = literal)]
    pub log_stream_prefix: String,
    /// How long the runner may take, in minutes: 1 to 10080. The task ends 10 minutes after that.
    #[prop(check = formats::between(1, 10_080))]
    pub timeout_minutes: i64,
    /// What the input of an execution may change.
    pub overrides: StateMachineDbtRunOverrides,
    /// The name of the platform's table of runs.
    #[prop(check = literal)]
    pub table_name: String,
    /// The ARN of the platform's state machine that ends runs.
    #[prop(check = formats::arn("states", "stateMachine:"))]
    pub finish_arn: String,
    /// The topic of the project's messages by e-mail.
    #[prop(check = formats::arn("sns", ""))]
    pub topic_arn: String,
    /// What Fargate capacity its task takes. Default: `onDemand`.
    #[prop(default = StateMachineDbtRunCapacity::OnDemand)]
    pub capacity: StateMachineDbtRunCapacity,
    /// What a run does while another is under way. Default: `skip`.
    #[prop(default = StateMachineDbtRunOverlap::Skip)]
    pub overlap: StateMachineDbtRunOverlap,
    /// How long a run waits for another, in minutes: 1 to 1440. Default: 60.
    #[prop(default = 60, check = formats::between(1, 1440))]
    pub queue_minutes: i64,
    /// How often a run is tried again.
    pub retry: StateMachineDbtRunRetry,
    /// Who hears of how runs end, but for the schedules that say so themselves.
    pub notify: StateMachineDbtRunNotify,
    /// The digest of the definition that the provider makes of it. The provider fills it in: leave it out.
    pub definition_digest: Option<String>,
}

/// Of ARNs, ECS documents those of revisions: a run names the family, which is the newest.
fn family_arn(arn: &str) -> Result<(), String> {
    formats::arn("ecs", "task-definition/")(arn)?;
    let family = arn.rsplit('/').next().unwrap_or_default();
    match family.split_once(':') {
        None => Ok(()),
        Some((family, _)) => Err(format!(
            "{arn:?} names one revision; end it with {family}, so that a run uses the newest"
        )),
    }
}

fn literal(text: &str) -> Result<(), String> {
    match text.starts_with("{%") {
        false => Ok(()),
        true => Err(format!(
            "{text:?} begins with {{%: Step Functions would evaluate it"
        )),
    }
}

fn subnets(ids: &Vec<String>) -> Result<(), String> {
    match ids.len() {
        1..=16 => formats::each(formats::id("subnet"))(ids),
        n => Err(format!("must be 1 to 16 subnets, not {n}")),
    }
}

impl StateMachineDbtRun {
    /// The definition, in the Amazon States Language with JSONata.
    pub(crate) fn definition(&self) -> Json {
        let config = serde_json::Value::Object(self.config());
        assembled(MACHINE, partition(self.region()), "config", &config)
    }

    /// What one machine has of its own: these properties, and the URL of the console.
    pub(crate) fn config(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut config = props::encode(self);
        config.remove("definitionDigest");
        config.insert("consoleUrl".to_owned(), console(self.region()).into());
        config
            .iter()
            .map(|(key, value)| (key.clone(), value.to_json()))
            .collect()
    }

    fn region(&self) -> &str {
        self.cluster_arn.split(':').nth(3).unwrap_or_default()
    }
}

/// The definition of the machine that ends the runs of a platform, whose table has that name.
pub(crate) fn finish(partition: &str, table_name: &str) -> Json {
    assembled(FINISH, partition, "tableName", &json!(table_name))
}

/// A machine with its expressions, the partition, and one value.
fn assembled(machine: &str, partition: &str, name: &str, value: &serde_json::Value) -> Json {
    let mut text = machine.replace("${partition}", partition);
    for (name, expression) in EXPRESSIONS {
        let query = |text: &str| json!(format!("{{% {text} %}}")).to_string();
        text = text.replace(
            &query(&format!("include {name}")),
            &query(expression.trim()),
        );
    }
    let text = text.replace(&format!("\"${{{name}}}\""), &value.to_string());
    Json(serde_json::from_str(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::sfn::definition::failures;
    use expect_test::expect_file;
    use std::path::Path;

    fn run(region: &str, overrides: StateMachineDbtRunOverrides) -> StateMachineDbtRun {
        let arn = |object: &str| format!("arn:aws:ecs:{region}:000000000000:{object}");
        StateMachineDbtRun {
            cluster_arn: arn("cluster/CLUSTER"),
            task_definition_arn: arn("task-definition/FAMILY"),
            subnet_ids: vec!["subnet-1".to_owned()],
            security_group_ids: vec!["sg-1".to_owned()],
            assign_public_ip: false,
            enable_execute_command: false,
            artifacts_bucket: "BUCKET".to_owned(),
            artifacts_prefix: "shop/prod".to_owned(),
            log_group_name: "/dbt/analytics".to_owned(),
            log_stream_prefix: "shop".to_owned(),
            timeout_minutes: 60,
            overrides,
            table_name: "TABLE".to_owned(),
            finish_arn: format!("arn:aws:states:{region}:000000000000:stateMachine:FINISH"),
            topic_arn: format!("arn:aws:sns:{region}:000000000000:TOPIC"),
            capacity: StateMachineDbtRunCapacity::OnDemand,
            overlap: StateMachineDbtRunOverlap::Skip,
            queue_minutes: 60,
            retry: StateMachineDbtRunRetry {
                attempts: 2,
                failed_nodes: 0,
            },
            notify: StateMachineDbtRunNotify {
                emails: true,
                webhooks: None,
                topic_arns: Vec::new(),
                on: vec!["failure".to_owned(), "recovery".to_owned()],
            },
            definition_digest: Some("digest".to_owned()),
        }
    }

    fn take_config(definition: &mut Json) -> serde_json::Value {
        definition.0["States"]["Begin"]["Assign"]["config"].take()
    }

    /// The other tests of the machine begin with this config.
    #[test]
    fn the_machine_is_the_same_for_every_project() {
        let mut one = run("us-east-1", StateMachineDbtRunOverrides::All).definition();
        assert_eq!(failures(&one.0), []);
        let config = serde_json::to_string_pretty(&take_config(&mut one)).expect("JSON") + "\n";
        expect_file!["run/config.example.json"].assert_eq(&config);
        let text = one.0.to_string();
        assert!(
            !text.contains("${") && !text.contains("{% include"),
            "{text}"
        );

        let mut other = run("cn-north-1", StateMachineDbtRunOverrides::None).definition();
        let config = take_config(&mut other);
        assert_eq!(config["consoleUrl"], "https://console.amazonaws.cn");
        assert_eq!(config["overrides"], "none");
        assert_eq!(other.0.to_string(), text.replace("arn:aws:", "arn:aws-cn:"));
    }

    #[test]
    fn the_machine_that_ends_runs_is_the_same_for_every_platform() {
        let one = super::finish("aws", "TABLE").0;
        assert_eq!(failures(&one), []);
        let text = one.to_string();
        assert!(
            !text.contains("${") && !text.contains("{% include"),
            "{text}"
        );
        let other = super::finish("aws-cn", "OTHER").0.to_string();
        let expected = text.replace("arn:aws:", "arn:aws-cn:");
        assert_eq!(other, expected.replace("\"TABLE\"", "\"OTHER\""));
    }

    #[test]
    fn each_expression_is_a_file_that_a_machine_names() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run/expressions");
        let files = std::fs::read_dir(folder).expect("is there");
        let mut files: Vec<_> = files
            .map(|file| {
                file.expect("is read")
                    .path()
                    .file_stem()
                    .expect("has a name")
                    .to_owned()
            })
            .collect();
        files.sort();
        assert_eq!(files, EXPRESSIONS.map(|(name, _)| name));
        for (name, _) in EXPRESSIONS {
            let query = format!("\"{{% include {name} %}}\"");
            assert!(
                [MACHINE, FINISH].iter().any(|m| m.contains(&query)),
                "{name}"
            );
        }
    }
}
