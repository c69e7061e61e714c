//! `dbt-aws:index:DbtProject`.

pub(crate) mod checks;
pub(crate) mod handle;
mod image;
mod roles;
pub(crate) mod tags;
mod task;
#[cfg(test)]
mod tests;
mod told;
pub(crate) mod variables;

use self::{
    handle::{Handle, pick},
    roles::Roles,
};
use crate::{
    components::{log_location, partition},
    keys,
    prelude::*,
    resources::{
        ecs::task_definition::{
            TaskDefinition, TaskDefinitionArgs, TaskDefinitionCpuArchitecture,
            TaskDefinitionRuntimePlatformArgs, TaskDefinitionVolume,
        },
        iam::policy::{Policy, PolicyStatement},
        secretsmanager::secret::{Secret, SecretArgs},
        sfn::state_machine::{StateMachine, StateMachineArgs},
        sqs::queue::{Queue, QueueArgs},
    },
    run::{StateMachineDbtRunArgs, StateMachineDbtRunOverrides},
};
use pulumi_aws_framework::{
    aws::{Aws, console},
    component::{Component, Scope},
    output::all,
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

/// What a project is made from.
#[derive(Clone, Debug, Props)]
pub struct DbtProjectInputs {
    /// The platform that it runs on: the `handle` of a `DbtPlatform`, in TypeScript and Go not
    /// that of the project's `parent`.
    pub platform: BTreeMap<String, String>,
    /// The directory that holds `dbt_project.yml`, relative to the program's. The provider packs it into an image and
    /// needs no Docker, with the directories and local packages beside it that the project names. What `.dockerignore`
    /// names stays out; so do `target/`, `logs/`, `profiles.yml`, virtual environments, what tools leave behind
    /// (`*.duckdb`, `.git/`, `node_modules/`, ...) and what looks like a secret (`.env`, `*.pem`, `secrets.*`, ...),
    /// unless dbt reads it or a `!` in `.dockerignore` names it. Run `dbt deps` before `pulumi up`: a run installs no
    /// packages. Excludes `image`.
    #[prop(plain)]
    pub path: Option<String>,
    /// The URI of an existing image, by digest or tag: with the project in `/project`, dbt, the
    /// runner, and `/tmp` as a volume (see `docs/recipes.md`). Excludes `path`.
    #[prop(given)]
    pub image: Option<String>,
    /// The dbt in the image. Default: dbt Core 1.12 with the warehouse's adapter.
    pub dbt: Option<DbtProjectDbt>,
    /// The URI of the image under dbt and the project: one with Python 3.10 or later and glibc. In ECR it is read with the
    /// provider's credentials, elsewhere with Docker's. What a tag stands for is looked up once and kept until the URI
    /// or `baseImageRefresh` changes. Default, also where it is empty: a slim Python image,
    /// `public.ecr.aws/docker/library/python:3.12-slim-bookworm`.
    #[prop(check = checks::base_image)]
    pub base_image: Option<String>,
    /// Any text, such as a month: when it changes, the newest image of `baseImage`'s tag is taken. Previews say how old the
    /// one in use is, and warn after 90 days.
    pub base_image_refresh: Option<String>,
    /// How dbt connects. Default: as `dbt_project.yml` and the platform's warehouse say. With `image`, no profile is
    /// written unless this is given.
    #[prop(given)]
    pub profile: Option<DbtProjectProfile>,
    /// Environment variables, by name. Values are plain text in AWS: see `secrets`. Names that begin with `DBT_AWS_`
    /// are the runner's own. Schedules and executions may give these variables other values.
    pub environment: Option<BTreeMap<String, String>>,
    /// Environment variables with secret values, by name: each is kept in Secrets Manager, and encrypted in Pulumi's state.
    #[prop(plain, secret)]
    pub secrets: Option<BTreeMap<String, String>>,
    /// Environment variables with the values of existing secrets: for each name the ARN of a Secrets Manager secret
    /// (`ARN:key::` for one key of a JSON object) or of an SSM parameter.
    pub secret_arns: Option<BTreeMap<String, String>>,
    /// The ARNs of the KMS keys that encrypt what `secretArns` names, where they are not AWS's own: of keys, not aliases.
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
    /// The CPU architecture. Default: `X86_64`.
    #[prop(default = TaskDefinitionCpuArchitecture::X8664)]
    pub architecture: TaskDefinitionCpuArchitecture,
    /// How long a run may take, in minutes: 1 to 10080. Then its queries are cancelled, its artifacts kept, and it
    /// fails. Default: 60.
    #[prop(default = 60, check = checks::timeout)]
    pub timeout_minutes: i64,
    /// Whether a run fails in which a command that selects nodes selected none. Default: `false`, which warns.
    #[prop(default = false)]
    pub fail_if_nothing_selected: bool,
    /// What the input of an execution may change of a run. With `commands` and `none`, a schedule's values are read from
    /// the schedule itself, which must be in the group `default`. Default: `all`.
    #[prop(default = ProjectOverrides::All)]
    pub overrides: ProjectOverrides,
    /// What else dbt may do in AWS, besides keeping its artifacts.
    pub policy_statements: Option<Vec<PolicyStatement>>,
    /// Tags, on everything of this project that can carry them, its tasks too. They come on top of the platform's, and
    /// go before those whose keys differ in case at most.
    pub tags: Option<Tags>,
}

/// The dbt in an image.
#[derive(Clone, Debug, Props)]
pub struct DbtProjectDbt {
    /// The minor version: of dbt Core, `1.12` and `1.11` are bundled, and any other comes with `requirements`; `2.0` is dbt 2
    /// (Fusion), whose licence you accept by choosing it: see `docs/recipes.md`. Default: `1.12`.
    #[prop(default = "1.12")]
    pub version: String,
    /// The adapter. Bundled with dbt Core are `athena`, `bigquery`, `databricks`, `postgres`, `redshift`, `snowflake` and
    /// `trino`; any other comes with `requirements`. dbt 2 has `bigquery`, `databricks`, `duckdb`, `redshift` and `snowflake`. With `requirements` it must be among them, and with `image` it names the profile's type alone. Default: the
    /// warehouse's.
    pub adapter: Option<String>,
    /// The path of a requirements file, relative to the program's directory, that is installed instead of all that is
    /// bundled: dbt-core and the adapter must be in it or come with what is. With hashes it is taken as it is. Without, it is resolved for the image's Python and processor, as `pip` and `uv` do, when the image
    /// is made; it stays as it came out until the file's text or `exclude` changes. Wheels alone are installed.
    pub requirements: Option<String>,
    /// Packages to leave out although another package requires them, such as one that has no wheel and serves only a
    /// feature that you do not use. Needs `requirements` without hashes.
    pub exclude: Option<Vec<String>>,
}

/// How dbt connects.
///
/// See [profiles](https://docs.getdbt.com/docs/core/connect-data-platform/connection-profiles).
#[derive(Clone, Debug, Props)]
pub struct DbtProjectProfile {
    /// The profile's name, as `dbt_project.yml` has it. Default: what it says there, which cannot be a template.
    #[prop(check = checks::given)]
    pub name: Option<String>,
    /// The target's name, also in the path of the artifacts: letters, digits, `-` and `_`. Default: `prod`.
    #[prop(default = "prod", check = checks::target)]
    pub target: String,
    /// The schema that dbt builds in. Default: the dbt project's name.
    #[prop(check = checks::given)]
    pub schema: Option<String>,
    /// How many models dbt builds at once. Default: 4.
    #[prop(default = 4, check = checks::threads)]
    pub threads: i64,
    /// More settings of the adapter, over the platform's: an object. They are plain text in AWS.
    #[prop(check = checks::settings)]
    pub settings: Option<Json>,
}

/// What a project answers.
#[derive(Clone, Debug, Props)]
pub struct DbtProjectOutputs {
    /// What a `DbtSchedule` takes as `project`. Do not make the project the `parent` of that schedule: a program in
    /// TypeScript or Go would never end.
    pub handle: BTreeMap<String, String>,
    /// The URL of the repository that holds the images; none with `image`.
    pub repository_url: Option<String>,
    /// The URI of the image: by digest, unless `image` says otherwise.
    pub image_uri: String,
    /// The ARN of the newest revision of the task definition.
    pub task_definition_arn: String,
    /// The ARN of the state machine: one execution is one run.
    pub state_machine_arn: String,
    /// The ARN of the role that dbt has in AWS.
    pub task_role_arn: String,
    /// Where runs leave their artifacts: `s3://BUCKET/PROJECT/TARGET`.
    pub artifacts_uri: String,
    /// The command line that starts a run by hand, with the AWS CLI.
    pub start_run_command: String,
    /// The page of the runs in AWS's console.
    pub console_url: String,
    /// The URL of the SQS queue with the starts that EventBridge Scheduler could not deliver, kept for 14 days.
    pub dead_letter_queue_url: String,
}

impl Component for DbtProject {
    const TOKEN: &'static str = "dbt-aws:index:DbtProject";
    const DOC: &'static str = "One dbt project, packaged into an image and runnable in AWS: by a `DbtSchedule`, or by hand with the command in `startRunCommand`.\n\nIt makes an ECR repository and the image in it, a task definition, a state machine of which each execution is one run, the roles that these need, and a queue for runs that could not be started.";
    const MAY_ORPHAN: &'static [&'static str] = &[
        "dbt-aws:ecr:Repository",
        "dbt-aws:ecs:TaskDefinition",
        "dbt-aws:iam:Role",
        "dbt-aws:secretsmanager:Secret",
        "dbt-aws:sfn:StateMachine",
        "dbt-aws:sqs:Queue",
    ];
    type Inputs = DbtProjectInputs;
    type Outputs = DbtProjectOutputs;

    fn check(check: &mut Check<'_>) {
        checks::project(check);
    }

    async fn check_online(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
        Ok(handle::check_online(aws, inputs, "platform"))
    }

    fn construct(scope: &Scope, args: DbtProjectArgs) -> Result<DbtProjectFields, Failure> {
        let platform = &args.platform;
        let tags = &tags::of(platform, &args.tags);
        let found = task::found(args.path.as_deref())?;
        let told = told::of(&args, &found);
        let profile = args.profile.clone().unwrap_or_default();
        let target = profile.fields().target;
        let log_prefix = log_location(scope.name());
        let name = log_prefix.clone();
        let prefix = target.map(move |target| format!("{name}/{target}"));

        let packed = args
            .path
            .as_ref()
            .map(|path| image::pack(scope, path, &args, tags));
        let image_uri = match (&packed, &args.image) {
            (Some((_, image)), _) => image.image_uri.clone(),
            (None, Some(image)) => image.clone(),
            (None, None) => Output::default(),
        };

        let mut secrets: BTreeMap<String, Output<String>> = BTreeMap::new();
        for (key, value) in args.secrets.iter().flatten() {
            let secret = scope.child::<Secret>(
                &format!("secret-{key}"),
                SecretArgs {
                    description: format!("{key} of the dbt project {}", scope.name()).into(),
                    secret_string: value.secret(),
                    tags: tags.clone(),
                    ..Default::default()
                },
            );
            secrets.insert(key.clone(), secret.arn.clone());
        }
        secrets.insert(
            "DBT_AWS_WAREHOUSE_SECRET".to_owned(),
            platform.key("warehouseSecretArn"),
        );
        let secrets = all((Output::dictionary(secrets), args.secret_arns.optional()))
            .map(|(made, given)| made.into_iter().chain(given.unwrap_or_default()).collect());

        let roles = Roles {
            scope,
            platform,
            tags,
        };
        let repository = match &packed {
            Some((repository, _)) => repository.arn.optional(),
            None => all((image_uri.clone(), platform.key::<String>("clusterArn")))
                .map(|(image, cluster)| checks::ecr_arn(&image, partition(&cluster))),
        };
        let prefix_of_log = log_prefix.clone();
        let execution_role = roles.make(
            "execution-role",
            // ECS sends no source account with this one.
            Policy::trusting("ecs-tasks.amazonaws.com").into(),
            all((
                pick(platform, ["logGroupArn", "warehouseSecretKmsKeyArn"]),
                repository,
                secrets.clone(),
                args.secret_kms_key_arns.optional(),
            ))
            .map(move |(platform, repository, secrets, keys)| {
                let mut keys = keys.unwrap_or_default();
                keys.extend(platform.0.get("warehouseSecretKmsKeyArn").cloned());
                roles::execution(
                    &platform,
                    &prefix_of_log,
                    repository.as_deref(),
                    &secrets,
                    &keys,
                )
            }),
        );
        let task_role = roles.make_with(
            "task-role",
            roles.trust("ecs-tasks.amazonaws.com", "*"),
            all((
                pick(platform, ["artifactsBucketArn", "artifactsKmsKeyArn"]),
                prefix.clone(),
            ))
            .map(|(platform, prefix)| roles::task(&platform, &prefix)),
            args.policy_statements.filled().under("statements"),
        );

        let artifacts_uri = all((platform.key::<String>("artifactsBucket"), prefix.clone()))
            .map(|(bucket, prefix)| format!("s3://{bucket}/{prefix}"));
        let profile = match (&args.profile, &args.path) {
            (None, None) => Output::default(),
            _ => all((
                profile.optional(),
                args.dbt.fields().adapter.optional(),
                pick(platform, ["adapter", "warehouseSettings"]),
            ))
            .try_map(move |(own, adapter, platform)| {
                let own = own.map_or_else(
                    || DbtProjectProfile::decode(&Value::Object(Properties::new())),
                    Ok,
                )?;
                let adapter = adapter.or_else(|| platform.0.get("adapter").cloned());
                let warehouse = platform.0.get("warehouseSettings").map(String::as_str);
                Ok(task::profile(&found, &own, adapter.as_deref(), warehouse))
            }),
        };
        let profile_variables = variables::of_profile(&profile);
        // What another image reads is not known.
        let own_variables = packed
            .as_ref()
            .map(|(_, image)| variables::own(&image.variables, &args.environment));
        let environment = all((
            args.environment.optional(),
            artifacts_uri.clone(),
            profile.optional(),
            args.timeout_minutes.clone(),
            args.fail_if_nothing_selected.clone(),
            secrets.clone(),
        ))
        .map(|(own, artifacts, profile, timeout, fail, secrets)| {
            task::environment(own, &artifacts, profile, timeout, fail, &secrets)
        });
        let prefix_of_log = log_prefix.clone();
        let log = pick(platform, ["logGroupName", "region"])
            .map(move |platform| task::log_options(&platform, &prefix_of_log));
        // An image made elsewhere names its own user.
        let user = match &packed {
            Some(_) => task::USER.into(),
            None => Output::default(),
        };
        let container = task::container(image_uri.clone(), user, environment, secrets, log);
        let task_definition = scope.child::<TaskDefinition>(
            "task",
            TaskDefinitionArgs {
                cpu: args.cpu.clone(),
                memory: args.memory.clone(),
                container_definitions: Output::list([container]),
                volumes: Set::from([TaskDefinitionVolume {
                    name: task::VOLUME.to_owned(),
                }])
                .into(),
                execution_role_arn: execution_role.clone(),
                task_role_arn: task_role.clone(),
                runtime_platform: TaskDefinitionRuntimePlatformArgs {
                    cpu_architecture: args.architecture.clone(),
                    ..Default::default()
                }
                .into(),
                tags: tags::of_task(tags, &prefix),
                ..Default::default()
            },
        );

        let machine_role = roles.make(
            "machine-role",
            roles.trust("states.amazonaws.com", "stateMachine:*"),
            all((
                pick(
                    platform,
                    [
                        "accountId",
                        "artifactsBucketArn",
                        "artifactsKmsKeyArn",
                        "clusterArn",
                        "region",
                    ],
                ),
                prefix.clone(),
                task_definition.family_arn.clone(),
                execution_role,
                task_role.clone(),
                args.overrides.clone(),
            ))
            .map(|(platform, prefix, family, execution, task, overrides)| {
                roles::machine(&platform, &prefix, &family, [&execution, &task], overrides)
            }),
        );
        let state_machine = scope.child::<StateMachine>(
            "state-machine",
            StateMachineArgs {
                dbt_run: StateMachineDbtRunArgs {
                    cluster_arn: platform.key("clusterArn"),
                    task_definition_arn: task_definition.family_arn.clone(),
                    subnet_ids: handle::list(platform, "taskSubnetIds"),
                    security_group_ids: handle::list(platform, "taskSecurityGroupIds"),
                    assign_public_ip: pick(platform, ["assignPublicIp"])
                        .map(|platform| platform.text("assignPublicIp") == "ENABLED"),
                    artifacts_bucket: platform.key("artifactsBucket"),
                    artifacts_prefix: prefix,
                    log_group_name: platform.key("logGroupName"),
                    log_stream_prefix: log_prefix.into(),
                    timeout_minutes: args.timeout_minutes.clone(),
                    overrides: args.overrides.map(|overrides| match overrides {
                        ProjectOverrides::All => StateMachineDbtRunOverrides::All,
                        ProjectOverrides::Commands => StateMachineDbtRunOverrides::Commands,
                        ProjectOverrides::None => StateMachineDbtRunOverrides::None,
                    }),
                    ..Default::default()
                }
                .into(),
                role_arn: machine_role,
                tags: tags.clone(),
                ..Default::default()
            },
        );

        let dead_letters = scope.child::<Queue>(
            "dead-letters",
            QueueArgs {
                message_retention_seconds: 1_209_600.into(),
                tags: tags.clone(),
                ..Default::default()
            },
        );
        let scheduler_role = roles.make(
            "scheduler-role",
            // Scheduler names the group, which is all that a role may be made for.
            roles.trust("scheduler.amazonaws.com", "schedule-group/*"),
            all((state_machine.arn.clone(), dead_letters.arn.clone()))
                .map(|(machine, dead_letters)| roles::scheduler(&machine, &dead_letters)),
        );

        let secret_names = variables::of_secrets(args.secrets.as_ref(), &args.secret_arns);
        let region = platform.key::<String>("region");
        let number = |n: &Output<i32>| n.map(|n| n.to_string());
        let own = [
            ("version", "1".into()),
            ("name", scope.name().into()),
            ("region", region.clone()),
            ("accountId", platform.key("accountId")),
            ("stateMachineArn", state_machine.arn.clone()),
            ("schedulerRoleArn", scheduler_role),
            ("deadLetterArn", dead_letters.arn.clone()),
            ("artifactsUri", artifacts_uri.clone()),
            ("cpu", number(&args.cpu)),
            ("memory", number(&args.memory)),
            ("secretNames", secret_names),
            ("profileVariables", profile_variables),
            ("variables", own_variables.unwrap_or_default()),
        ];
        let handle = Output::dictionary(own.into_iter().chain(told));
        let place = all((region, state_machine.arn.clone()));
        Ok(DbtProjectFields {
            handle,
            repository_url: packed.map(|(repository, _)| repository.repository_url.clone()).unwrap_or_default(),
            image_uri,
            task_definition_arn: task_definition.arn.clone(),
            state_machine_arn: state_machine.arn.clone(),
            task_role_arn: task_role,
            artifacts_uri,
            start_run_command: place.map(|(region, machine)| {
                format!("aws stepfunctions start-execution --region {region} --state-machine-arn {machine}")
            }),
            dead_letter_queue_url: dead_letters.url.clone(),
            console_url: place.map(|(region, machine)| {
                let console = console(&region);
                format!("{console}/states/home?region={region}#/statemachines/view/{machine}")
            }),
        })
    }
}
