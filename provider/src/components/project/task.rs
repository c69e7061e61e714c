//! The task of a project: the runner's container and its environment.

use super::{DbtProjectProfile, Expansion, login::Login, tags, variables::RESERVED};
use crate::{
    prelude::*,
    resources::{
        ecr::image,
        ecs::{container::*, task_definition::*},
    },
    run::{CONTAINER, ROLE_CONTAINER},
};
use pulumi_aws_framework::{component::Child, output::all, reads::Reads};
use serde_json::{Map, Value as Document, json};

/// From SIGTERM until the container is killed: the longest that Fargate gives.
const STOP_SECONDS: i32 = 120;

/// The volume that dbt writes to, since the rest of the file system is read-only.
const TMP: &str = "tmp";

/// The user of the images that are made here: nobody, by number, since it needs no name.
const USER: &str = "65534:65534";

/// The variable with the secret of whoever logs in to the warehouse.
pub(super) const WAREHOUSE_SECRET: &str = "DBT_AWS_WAREHOUSE_SECRET";

/// The task definition, with these containers and the roles of ECS and of dbt.
pub(super) fn definition(
    project: &Expansion<'_>,
    containers: Output<Vec<TaskDefinitionContainer>>,
    [execution, task]: [&Output<String>; 2],
) -> Child<TaskDefinition> {
    let args = project.args;
    let runtime_platform = TaskDefinitionRuntimePlatformArgs {
        cpu_architecture: args.architecture.clone(),
        ..Default::default()
    };
    let volume = TaskDefinitionVolume {
        name: TMP.to_owned(),
    };
    project.scope.child::<TaskDefinition>(
        "task",
        TaskDefinitionArgs {
            cpu: args.cpu.clone(),
            memory: args.memory.clone(),
            ephemeral_storage_gb: args.ephemeral_storage_gb.clone(),
            container_definitions: containers,
            volumes: Set::from([volume]).into(),
            execution_role_arn: execution.clone(),
            task_role_arn: task.clone(),
            runtime_platform: runtime_platform.into(),
            tags: tags::of_task(&project.tags, &project.artifacts_prefix),
            ..Default::default()
        },
    )
}

/// The containers: dbt's, and before it the one that makes the role as which dbt logs in.
pub(super) fn containers(
    project: &Expansion<'_>,
    image: &Output<String>,
    secrets: &Output<BTreeMap<String, String>>,
    profile: &Output<String>,
    login: Option<&Login>,
) -> Output<Vec<TaskDefinitionContainer>> {
    let shell = &project.args.enable_execute_command;
    let dbt = TaskDefinitionContainerArgs {
        name: CONTAINER.into(),
        // AWS: ECS Exec does not work where the file system is read-only.
        readonly_root_filesystem: shell.map(|shell| !shell),
        linux_parameters: linux(shell),
        environment: environment(project, secrets, profile),
        secrets: secrets.clone(),
        stop_timeout: STOP_SECONDS.into(),
        ..container(project, image)
    };
    let Some(login) = login else {
        return Output::list([dbt.into()]);
    };
    let role = TaskDefinitionContainerArgs {
        name: ROLE_CONTAINER.into(),
        environment: environment_of_role(project, profile),
        secrets: Output::dictionary([
            (
                WAREHOUSE_SECRET,
                project.platform.warehouse_secret_arn.clone(),
            ),
            ("DBT_AWS_ROLE_SECRET", login.secret_arn.clone()),
        ]),
        essential: false.into(),
        ..container(project, image)
    };
    let after = TaskDefinitionDependency {
        container_name: ROLE_CONTAINER.to_owned(),
        condition: TaskDefinitionDependencyCondition::Success,
    };
    let dbt = TaskDefinitionContainerArgs {
        depends_on: Set::from([after]).into(),
        ..dbt
    };
    Output::list([role.into(), dbt.into()])
}

/// What the containers have in common.
fn container(project: &Expansion<'_>, image: &Output<String>) -> TaskDefinitionContainerArgs {
    // An image made elsewhere names its own user.
    let user = match project.args.path {
        Some(_) => USER.into(),
        None => Output::default(),
    };
    let tmp = TaskDefinitionMountPoint {
        source_volume: TMP.to_owned(),
        container_path: "/tmp".to_owned(),
        read_only: false,
    };
    TaskDefinitionContainerArgs {
        image: image.clone(),
        readonly_root_filesystem: true.into(),
        user,
        linux_parameters: linux(&false.into()),
        log_configuration: TaskDefinitionLogConfigurationArgs {
            options: log_options(project),
            ..Default::default()
        }
        .into(),
        mount_points: Set::from([tmp]).into(),
        ..Default::default()
    }
}

/// No capabilities, or Docker's where a shell may be opened: root without any cannot read the files of dbt's user, nor become it.
fn linux(shell: &Output<bool>) -> Output<TaskDefinitionLinuxParameters> {
    let capabilities = shell.map(|shell| TaskDefinitionCapabilities {
        add: None,
        drop: (!shell).then(|| Set::from(["ALL".to_owned()])),
    });
    let linux = TaskDefinitionLinuxParametersArgs {
        capabilities,
        ..Default::default()
    };
    linux.into()
}

/// The options of the log driver. Its defaults may drop lines sooner.
fn log_options(project: &Expansion<'_>) -> Output<BTreeMap<String, String>> {
    let text = |text: &str| text.to_owned().into();
    Output::dictionary([
        ("awslogs-group", project.platform.log_group_name.clone()),
        ("awslogs-region", project.platform.region.clone()),
        ("awslogs-stream-prefix", text(&project.log_prefix)),
        ("mode", text("non-blocking")),
        ("max-buffer-size", text("25m")),
    ])
}

/// The environment: the user's variables and the runner's.
fn environment(
    project: &Expansion<'_>,
    secrets: &Output<BTreeMap<String, String>>,
    profile: &Output<String>,
) -> Output<BTreeMap<String, String>> {
    let args = project.args;
    let known = all((
        args.environment.optional(),
        project.artifacts_uri(),
        profile.optional(),
        args.timeout_minutes.clone(),
        args.fail_if_nothing_selected.clone(),
        secrets.clone(),
    ));
    let known = known.map(|(own, artifacts, profile, timeout, fail, secrets)| {
        variables_of(own, &artifacts, profile, timeout, fail, &secrets)
    });
    all((known, project.state_uri().optional())).map(|(mut known, state)| {
        known.extend(state.map(|state| (format!("{RESERVED}STATE_FROM"), state)));
        known
    })
}

/// The environment of the container that makes the role.
fn environment_of_role(
    project: &Expansion<'_>,
    profile: &Output<String>,
) -> Output<BTreeMap<String, String>> {
    let known = all((
        project.artifacts_uri(),
        profile.optional(),
        project.args.grants.optional(),
    ));
    known.map(|(artifacts, profile, grants)| {
        let ours = [
            ("ARTIFACTS", Some(artifacts)),
            // A runner that is too old to make a role refuses it.
            ("COMMANDS", Some(json!([ROLE_CONTAINER]).to_string())),
            ("PROFILE", profile),
            ("GRANTS", grants.map(|grants| json!(grants).to_string())),
        ];
        let ours = ours.into_iter();
        ours.filter_map(|(k, v)| Some((format!("{RESERVED}{k}"), v?)))
            .collect()
    })
}

fn variables_of(
    own: Option<BTreeMap<String, String>>,
    artifacts: &str,
    profile: Option<String>,
    timeout_minutes: i64,
    fail_if_nothing_selected: bool,
    secrets: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let own = own.unwrap_or_default();
    let joined = |names: Vec<String>| Some(names.join(",")).filter(|names| !names.is_empty());
    let names: Vec<_> = secrets
        .keys()
        .filter(|k| !k.starts_with(RESERVED))
        .cloned()
        .collect();
    let ours = [
        ("ARTIFACTS", Some(artifacts.to_owned())),
        ("PROFILE", profile),
        // What an execution may give another value.
        ("DECLARED", joined(own.keys().cloned().collect())),
        (
            "FAIL_IF_NOTHING_SELECTED",
            fail_if_nothing_selected.then(|| "true".to_owned()),
        ),
        ("SECRET_NAMES", joined(names)),
        ("STOP_SECONDS", Some(STOP_SECONDS.to_string())),
        ("TIMEOUT_SECONDS", Some((timeout_minutes * 60).to_string())),
    ];
    let ours = ours
        .into_iter()
        .filter_map(|(k, v)| Some((format!("{RESERVED}{k}"), v?)));
    own.into_iter().chain(ours).collect()
}

/// What the directory of the project says.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    name: Option<String>,
    pub(super) profile: Option<String>,
    /// Whether `dbt clean` fails in every run.
    pub(super) clean_fails: bool,
}

/// Reads it; nothing where the image is made elsewhere.
pub(super) fn found(reads: &Reads, path: Option<&str>) -> Result<Found, Failure> {
    let Some(path) = path else {
        return Ok(Found::default());
    };
    let read = image::read(reads, path);
    let failed = |e: &dbt_aws_image::Error| Failure::here(e.to_string()).under("path");
    let project = read.as_ref().as_ref().map_err(failed)?;
    Ok(Found {
        name: Some(project.name.clone()),
        profile: project.profile.clone(),
        clean_fails: !project.cleans_inside,
    })
}

/// The profile that the runner writes; none into an image made elsewhere, unless it is asked for.
pub(super) fn profile(project: &Expansion<'_>, login: Option<&Login>) -> Output<String> {
    let args = project.args;
    if args.profile.is_none() && args.path.is_none() {
        return Output::default();
    }
    let (found, platform) = (project.found.clone(), &project.platform);
    all((
        args.profile.clone().unwrap_or_default().optional(),
        args.dbt
            .fields()
            .adapter
            .or_else(&platform.adapter)
            .optional(),
        platform.warehouse_settings.optional(),
        login
            .map(|login| login.role.clone())
            .unwrap_or_default()
            .optional(),
    ))
    .try_map(move |(own, adapter, warehouse, user)| {
        let nothing = Value::Object(Properties::new());
        let own = own.map_or_else(|| DbtProjectProfile::decode(&nothing), Ok)?;
        Ok(written(
            &found,
            &own,
            adapter.as_deref(),
            warehouse.as_deref(),
            user,
        ))
    })
}

fn written(
    found: &Found,
    own: &DbtProjectProfile,
    adapter: Option<&str>,
    warehouse: Option<&str>,
    user: Option<String>,
) -> String {
    let mut settings: Map<String, Document> = warehouse
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    if let Some(Json(Document::Object(own))) = &own.settings {
        settings.extend(own.clone());
    }
    settings.extend(user.map(|user| ("user".to_owned(), user.into())));
    let or = |own: &Option<String>, found: &Option<String>| own.clone().or_else(|| found.clone());
    // What the user's settings say goes before the project's adapter, and that before the platform's.
    let theirs = settings.remove("type");
    let own_type = own.settings.as_ref().and_then(|s| s.0.get("type").cloned());
    let kind = own_type.or_else(|| adapter.map(|a| json!(a))).or(theirs);
    let all = [
        ("name", or(&own.name, &found.profile).map(Document::from)),
        ("target", Some(json!(own.target))),
        ("type", kind),
        ("schema", or(&own.schema, &found.name).map(Document::from)),
        ("threads", Some(json!(own.threads))),
        ("settings", Some(Document::Object(settings))),
    ];
    let all = all
        .into_iter()
        .filter_map(|(k, v)| Some((k.to_owned(), v?)));
    Document::Object(all.collect()).to_string()
}
