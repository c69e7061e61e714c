//! `dbt-aws:index:DbtProject`.

pub(crate) mod checks;
pub(crate) mod ends;
mod expansion;
pub(crate) mod handle;
mod image;
mod lines;
mod login;
mod not_started;
mod policies;
mod roles;
pub(crate) mod tags;
mod task;
#[cfg(test)]
mod tests;
mod told;
pub(crate) mod variables;
pub(crate) mod webhooks;

pub use ends::{
    ProjectNotify, ProjectNotifyEvent, ProjectNotifyWebhook, ProjectNotifyWebhookFormat,
};

use self::{
    expansion::Expansion,
    handle::{ProjectHandle, ProjectHandleArgs},
};
use super::platform::handle::{PlatformHandle, TagsText};
use crate::{
    components::elsewhere,
    keys,
    prelude::*,
    resources::{
        ecs::task_definition::TaskDefinitionCpuArchitecture, iam::policy::PolicyStatement,
    },
};
use pulumi_aws_framework::{
    aws::{Aws, console},
    component::{Component, Scope},
    handle::{Digits, HandleFields, Joined},
    output::{Fields, all},
};

/// One dbt project, packaged and runnable.
#[derive(Debug)]
pub struct DbtProject;

words! {
    /// What the input of an execution may change.
    pub enum ProjectOverrides {
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
    pub enum ProjectOverlap {
        /// It does nothing, and says so.
        Skip = "skip",
        /// It waits for its turn.
        Queue = "queue",
        /// It runs beside the other.
        Allow = "allow",
    }
}

words! {
    /// What Fargate capacity runs take.
    pub enum ProjectCapacity {
        /// On demand.
        OnDemand = "onDemand",
        /// Spot, which costs less and which AWS may take away with two minutes' notice.
        Spot = "spot",
        /// Spot; on demand for what follows an attempt that was lost or did not start.
        SpotThenOnDemand = "spotThenOnDemand",
    }
}

/// How often a run is tried again, within `timeoutMinutes`.
#[derive(Clone, Debug, Props)]
pub struct ProjectRetry {
    /// How often after a task that did not start, after one that was lost on its way, and after a warehouse that could not be
    /// reached: 0 to 5. The first waits 30 seconds, the second 2 minutes, later ones 5. What was lost on its way goes on with
    /// `dbt retry`. Default: 2.
    #[prop(default = 2, check = formats::between(0, 5))]
    pub attempts: i64,
    /// How often after failed nodes, with `dbt retry`: 0 to 5. Default: 0.
    #[prop(default = 0, check = formats::between(0, 5))]
    pub failed_nodes: i64,
}

/// The inputs of a project.
#[derive(Clone, Debug, Props)]
pub struct DbtProjectInputs {
    /// The `handle` of the `DbtPlatform` to run on. In TypeScript and Go that platform must not be the project's
    /// `parent`.
    pub platform: Handle<PlatformHandle>,
    /// The directory that holds `dbt_project.yml`, relative to the program's directory. The provider packs it into an
    /// image, without Docker; `docs/recipes.md` says what it leaves out, such as what looks like a secret. Run `dbt deps`
    /// before `pulumi up`, because a run installs no packages. Excludes `image`.
    #[prop(plain)]
    pub path: Option<String>,
    /// The URI of an existing image, by digest or tag. It must have the project in `/project`, dbt, the runner, and
    /// `/tmp` as a volume: see `docs/recipes.md`. Excludes `path`.
    #[prop(given)]
    pub image: Option<String>,
    /// The dbt in the image. Default: dbt Core 1.12 with the warehouse's adapter.
    pub dbt: Option<DbtProjectDbt>,
    /// The URI of the base image, to which dbt and the project are added. It needs Python 3.10 or later and glibc (so
    /// not Alpine Linux). An image in ECR is read with the provider's credentials, any other with Docker's. A tag is
    /// resolved to a digest once; the digest stays until this URI or `baseImageRefresh` changes. Default, also for an
    /// empty text: `public.ecr.aws/docker/library/python:3.12-slim-bookworm`.
    #[prop(check = checks::base_image)]
    pub base_image: Option<String>,
    /// Any text, such as `2026-01`: a change resolves the tag of `baseImage` again, to its newest image. Previews say how
    /// old the image in use is, and warn after 90 days.
    pub base_image_refresh: Option<String>,
    /// The dbt profile. Default: one for the platform's warehouse, named as in `dbt_project.yml`. With `image`, a profile
    /// is written only if this is given.
    #[prop(given)]
    pub profile: Option<DbtProjectProfile>,
    /// Environment variables, by name: letters, digits and `_`, not beginning with a digit or with `DBT_AWS_`. A name may be
    /// in only one of `environment`, `secrets` and `secretArns`. Values are plain text in AWS: see `secrets`. Schedules and
    /// executions may give these variables other values. Default: none.
    pub environment: Option<BTreeMap<String, String>>,
    /// Environment variables with secret values, by name as in `environment`: each is kept in Secrets Manager, and encrypted
    /// in Pulumi's state. Default: none.
    #[prop(plain)]
    pub secrets: Option<BTreeMap<String, SecretText>>,
    /// Environment variables with the values of existing secrets: for each name, as in `environment`, the ARN of a Secrets
    /// Manager secret (`ARN:key::` for one key of a JSON object) or of an SSM parameter. Default: none.
    pub secret_arns: Option<BTreeMap<String, String>>,
    /// The ARNs of the customer managed KMS keys that encrypt the secrets in `secretArns`: of keys, not of aliases.
    #[prop(check = formats::each(keys::key))]
    pub secret_kms_key_arns: Option<Vec<String>>,
    /// CPU units, 1024 to a virtual CPU: 256, 512, 1024, 2048, 4096, 8192 or 16384. Default: 1024.
    #[prop(default = 1024)]
    pub cpu: i32,
    /// Memory in MiB; which values are valid depends on `cpu`: see
    /// [Fargate's table](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size).
    /// Default: 2048.
    #[prop(default = 2048)]
    pub memory: i32,
    /// Disk space of a run in GiB, for `/tmp`: 21 to 200. Default: 20, which costs nothing.
    #[prop(check = formats::between(21, 200))]
    pub ephemeral_storage_gb: Option<i32>,
    /// The CPU architecture. Default: `X86_64`.
    #[prop(default = TaskDefinitionCpuArchitecture::X8664)]
    pub architecture: TaskDefinitionCpuArchitecture,
    /// How long a run may take, in minutes, with all its attempts: 1 to 10080. After that its queries are cancelled and the
    /// run fails; its artifacts are kept. Default: 60.
    #[prop(default = 60, check = formats::between(1, 10_080))]
    pub timeout_minutes: i64,
    /// What Fargate capacity runs take. [Spot](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html)
    /// costs about a third of on demand, and AWS may take a task away with two minutes' notice: `retry` goes on with what was
    /// not done. An existing cluster needs the capacity provider `FARGATE_SPOT`. Default: `onDemand`.
    #[prop(default = ProjectCapacity::OnDemand)]
    pub capacity: ProjectCapacity,
    /// Whether [ECS Exec](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html) may open a shell in the
    /// task of a run: see `docs/running.md`. The container of dbt then can write to its own file system and has Docker's
    /// default capabilities, and whoever may use ECS Exec on the cluster has the project's secrets. Default: `false`.
    #[prop(default = false)]
    pub enable_execute_command: bool,
    /// What a run does while another of this project is under way. Default: `skip`.
    #[prop(default = ProjectOverlap::Skip)]
    pub overlap: ProjectOverlap,
    /// For how many minutes a run waits for another: 1 to 1440. Only with `overlap: queue`. Default: 60.
    #[prop(check = formats::between(1, 1440))]
    pub queue_minutes: Option<i64>,
    /// How often a run is tried again. Default: `{attempts: 2, failedNodes: 0}`.
    pub retry: Option<ProjectRetry>,
    /// Who hears of how runs end, but for those of schedules with their own `notify`. Default: nobody.
    #[prop(plain)]
    pub notify: Option<ProjectNotify>,
    /// The `handle` of another project, whose last successful run is the state that `--state` and `--defer` compare with: for
    /// example production's, for a project of a pull request. Default: this project's own.
    pub state_from: Option<Handle<ProjectHandle>>,
    /// What of the platform's Postgres the project's role may read beside its own schemas: names of schemas, and of other
    /// projects' roles (their output `warehouseRole`) for all schemas that those own, also later ones. What is taken out of
    /// the list is revoked by the next run. A schema that is not there yet is granted by a run that begins once it is.
    /// Default: nothing.
    pub grants: Option<Vec<String>>,
    /// Whether a run fails when a command selects no nodes. Default: `false`, which only warns.
    #[prop(default = false)]
    pub fail_if_nothing_selected: bool,
    /// What the input of an execution may change in a run. With `commands` or `none`, a schedule's values are read from
    /// the schedule itself, which must be in the group `default`. Default: `all`.
    #[prop(default = ProjectOverrides::All)]
    pub overrides: ProjectOverrides,
    /// More that dbt may do in AWS: IAM policy statements for the task role, which may already write its artifacts.
    pub policy_statements: Option<Vec<PolicyStatement>>,
    /// Tags for everything in this project, including its tasks. They are added to the platform's tags and override those
    /// with the same key, in upper or lower case.
    pub tags: Option<Tags>,
}

/// The dbt in an image.
#[derive(Clone, Debug, Props)]
pub struct DbtProjectDbt {
    /// The minor version. `1.12` and `1.11` are the bundled versions of dbt Core; any other needs `requirements`. `2.0` is
    /// dbt 2 (Fusion), whose licence you accept by choosing it: see `docs/recipes.md`. Default: `1.12`.
    #[prop(default = "1.12")]
    pub version: String,
    /// The dbt adapter. `athena`, `bigquery`, `databricks`, `postgres`, `redshift`, `snowflake` and `trino` are bundled with
    /// dbt Core; any other needs `requirements`, which must include it. dbt 2 has `bigquery`, `databricks`, `duckdb`,
    /// `redshift` and `snowflake`. With `image`, it is only the `type` of the profile. Default: the warehouse's adapter.
    pub adapter: Option<String>,
    /// The path of a requirements file, relative to the program's directory. It replaces all that is bundled, so dbt-core
    /// and the adapter must be in it, or be required by a package in it. A file with hashes is installed as it is. One
    /// without hashes is resolved when the image is made, for the image's Python and processor, as `pip` and `uv` do; the
    /// result stays until the file's text or `exclude` changes. Only wheels are installed.
    pub requirements: Option<String>,
    /// Names of packages to leave out although another package requires them, such as one without a wheel, for a feature
    /// that you do not use. Needs `requirements` without hashes. Default: none.
    pub exclude: Option<Vec<String>>,
}

/// How dbt connects.
///
/// See [profiles](https://docs.getdbt.com/docs/core/connect-data-platform/connection-profiles).
#[derive(Clone, Debug, Props)]
pub struct DbtProjectProfile {
    /// The profile's name, the same as `profile` in `dbt_project.yml`. Default: that. Required with `image`, and if
    /// `dbt_project.yml` has a template there: give the name that it comes to.
    #[prop(check = checks::given)]
    pub name: Option<String>,
    /// The target's name, which is also part of the artifacts' path: letters, digits, `-` and `_`. Default: `prod`.
    #[prop(default = "prod", check = checks::target)]
    pub target: String,
    /// The schema that dbt builds in. Default: the dbt project's name. Required with `image`.
    #[prop(check = checks::given)]
    pub schema: Option<String>,
    /// How many models dbt builds at once: 1 or more. Default: 4.
    #[prop(default = 4, check = formats::at_least(1))]
    pub threads: i64,
    /// More keys of the adapter's profile, which override the platform's: an object. They are plain text in AWS.
    #[prop(check = checks::settings)]
    pub settings: Option<Json>,
}

/// The outputs of a project.
#[derive(Clone, Debug, Props)]
pub struct DbtProjectOutputs {
    /// What a `DbtSchedule` takes as `project`. Do not make the project the `parent` of that schedule: a program in
    /// TypeScript or Go would never end.
    pub handle: Handle<ProjectHandle>,
    /// The URL of the repository that holds the images; none with `image`.
    pub repository_url: Option<String>,
    /// The URI of the image: by digest, unless `image` says otherwise.
    pub image_uri: String,
    /// The ARN of the newest revision of the task definition.
    pub task_definition_arn: String,
    /// The ARN of the state machine: one execution is one run.
    pub state_machine_arn: String,
    /// The ARN of the IAM role that dbt uses: the task role.
    pub task_role_arn: String,
    /// The role in the platform's Postgres as which dbt logs in, for `grants` of other projects and for those of your own;
    /// none where the project connects to another warehouse or in another way.
    pub warehouse_role: Option<String>,
    /// Where runs leave their artifacts: `s3://BUCKET/PROJECT/TARGET`.
    pub artifacts_uri: String,
    /// The command line that starts a run by hand, with the AWS CLI.
    pub start_run_command: String,
    /// The command line that shows the last 20 runs, newest first, with the AWS CLI.
    pub runs_command: String,
    /// The command line that prints a link to dbt's documentation, as the last successful run with `dbt docs generate` left
    /// it; for version 2 of the AWS CLI. Whoever has the link can read the page for an hour.
    pub docs_command: String,
    /// The page of the runs in AWS's console.
    pub console_url: String,
    /// The URL of the SQS queue that keeps, for 14 days, messages about runs that could not be started.
    pub dead_letter_queue_url: String,
    /// The addresses in `notify.emails` that have not confirmed yet that they want to hear of runs.
    pub pending_emails: Vec<String>,
}

impl Component for DbtProject {
    const TOKEN: &'static str = "dbt-aws:index:DbtProject";
    const DOC: &'static str = "One dbt project, packaged into an image and runnable in AWS: by a `DbtSchedule`, or by hand with the command in `startRunCommand`.\n\nIt makes an ECR repository and the image in it, a task definition, a state machine of which each execution is one run, the roles that these need, a queue for runs that could not be started, a topic and a rule by which people hear of how runs end, and a function where a webhook is to hear of it.";
    const MAY_ORPHAN: &'static [&'static str] = &[
        "dbt-aws:cloudwatch:MetricAlarm",
        "dbt-aws:ecr:Repository",
        "dbt-aws:ecs:TaskDefinition",
        "dbt-aws:events:Rule",
        "dbt-aws:iam:Role",
        "dbt-aws:lambda:Function",
        "dbt-aws:secretsmanager:Secret",
        "dbt-aws:sfn:StateMachine",
        "dbt-aws:sns:Topic",
        "dbt-aws:sqs:Queue",
    ];
    const ACTIONS: &'static [&'static str] = &["ecs:DescribeClusters"];
    type Inputs = DbtProjectInputs;
    type Outputs = DbtProjectOutputs;

    fn check(check: &mut Check<'_>) {
        checks::project(check);
    }

    async fn check_online(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
        let platform = Handle::<PlatformHandle>::given(inputs, "platform");
        let region = platform.region.now();
        let mut found = ends::check_online(inputs, aws.region());
        match elsewhere("platform", region.as_deref(), aws.region()) {
            Some(failure) => found.push(failure),
            None => found.extend(checks::spot(aws, inputs, &platform).await?),
        }
        Ok(found)
    }

    fn construct(scope: &Scope, args: DbtProjectArgs) -> Result<DbtProjectFields, Failure> {
        let project = &Expansion::new(scope, &args)?;
        let packed = args.path.as_ref().map(|path| image::pack(project, path));
        let image_uri = match (&packed, &args.image) {
            (Some((_, image)), _) => image.image_uri.clone(),
            (None, Some(image)) => image.clone(),
            (None, None) => Output::default(),
        };
        let repository_arn = match &packed {
            Some((repository, _)) => repository.arn.optional(),
            None => project.repository_of(&image_uri),
        };
        let login = login::of(project);
        let (secrets, profile) = (
            project.secrets(login.as_ref()),
            task::profile(project, login.as_ref()),
        );
        let execution_role = &roles::execution(project, repository_arn, &secrets, login.is_some());
        let task_role = &roles::task(project);
        let roles = [execution_role, task_role];
        let containers = task::containers(project, &image_uri, &secrets, &profile, login.as_ref());
        let task = task::definition(project, containers, roles);
        let machine_role = roles::machine(project, &task.family_arn, roles);
        let topic = project.topic();
        let run = project.run(&task.family_arn, &topic.arn);
        let machine = project.state_machine(&run, machine_role);
        project.ends(&machine.arn, &run);
        let dead_letters = project.dead_letters();
        project.not_started(&dead_letters, &machine.arn, &run);
        project.webhooks(&topic.arn, &dead_letters.arn);
        let scheduler_role = roles::scheduler(project, &machine.arn, &dead_letters.arn);
        // What another image reads is not known.
        let variables = packed
            .as_ref()
            .map(|(_, image)| variables::own(&image.variables, &args.environment));
        let handle = ProjectHandleArgs {
            version: ProjectHandle::VERSION.into(),
            name: scope.name().into(),
            region: project.platform.region.clone(),
            account_id: project.platform.account_id.clone(),
            state_machine_arn: machine.arn.clone(),
            scheduler_role_arn: scheduler_role,
            dead_letter_arn: dead_letters.arn.clone(),
            topic_arn: topic.arn.clone(),
            log_group_arn: project.platform.log_group_arn.clone(),
            permissions_boundary_arn: project.platform.permissions_boundary_arn.clone(),
            secret_kms_key_arns: args.secret_kms_key_arns.map(Joined),
            tags: project.tags.map(TagsText),
            artifacts_uri: project.artifacts_uri(),
            cpu: args.cpu.map(Digits),
            memory: args.memory.map(Digits),
            secret_names: variables::of_secrets(args.secrets.as_ref(), &args.secret_arns),
            profile_variables: variables::of_profile(&profile),
            variables: variables.unwrap_or_default(),
            ..told::of_runs(project)
        };
        let at = all((project.platform.region.clone(), machine.arn.clone()));
        let repository_url = packed.map(|(repository, _)| repository.repository_url.clone());
        Ok(DbtProjectFields {
            handle: Handle::collect(handle),
            repository_url: repository_url.unwrap_or_default(),
            image_uri,
            task_definition_arn: task.arn.clone(),
            state_machine_arn: machine.arn.clone(),
            task_role_arn: task_role.clone(),
            warehouse_role: login.map(|login| login.role).unwrap_or_default(),
            artifacts_uri: project.artifacts_uri(),
            start_run_command: at.map(|(region, machine)| lines::start_run(&region, &machine)),
            runs_command: project.runs_command(),
            docs_command: project.docs_command(),
            dead_letter_queue_url: dead_letters.url.clone(),
            pending_emails: project.emails(&topic.arn),
            console_url: at.map(|(region, machine)| console_url(&region, &machine)),
        })
    }
}

fn console_url(region: &str, machine: &str) -> String {
    let console = console(region);
    format!("{console}/states/home?region={region}#/statemachines/view/{machine}")
}
