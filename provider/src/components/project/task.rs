//! The task of a project: the runner's container and its environment.

use super::{Handle, variables::RESERVED};
use crate::{prelude::*, resources::ecs::container::*, run::CONTAINER};
use dbt_aws_image::Project;
use serde_json::{Map, Value as Document, json};

/// From SIGTERM until the container is killed: the longest that Fargate gives.
const STOP_SECONDS: i32 = 120;

const TMP: &str = "tmp";

/// The user of the images that are made here: nobody, by number, since it needs no name.
pub(super) const USER: &str = "65534:65534";

/// The volume that dbt writes to, since the rest of the file system is read-only.
pub(super) const VOLUME: &str = TMP;

/// The container.
pub(super) fn container(
    image: Output<String>,
    user: Output<String>,
    environment: Output<BTreeMap<String, String>>,
    secrets: Output<BTreeMap<String, String>>,
    log: Output<BTreeMap<String, String>>,
) -> Output<TaskDefinitionContainer> {
    let tmp = TaskDefinitionMountPoint {
        source_volume: TMP.to_owned(),
        container_path: "/tmp".to_owned(),
        read_only: false,
    };
    TaskDefinitionContainerArgs {
        name: CONTAINER.into(),
        image,
        environment,
        secrets,
        readonly_root_filesystem: true.into(),
        user,
        linux_parameters: TaskDefinitionLinuxParametersArgs {
            capabilities: TaskDefinitionCapabilitiesArgs {
                drop: Set::from(["ALL".to_owned()]).into(),
                ..Default::default()
            }
            .into(),
            ..Default::default()
        }
        .into(),
        stop_timeout: STOP_SECONDS.into(),
        log_configuration: TaskDefinitionLogConfigurationArgs {
            options: log,
            ..Default::default()
        }
        .into(),
        mount_points: Set::from([tmp]).into(),
        ..Default::default()
    }
    .into()
}

/// The options of the log driver. Its defaults may drop lines sooner.
pub(super) fn log_options(platform: &Handle, prefix: &str) -> BTreeMap<String, String> {
    let options = [
        ("awslogs-group", platform.text("logGroupName")),
        ("awslogs-region", platform.text("region")),
        ("awslogs-stream-prefix", prefix.to_owned()),
        ("mode", "non-blocking".to_owned()),
        ("max-buffer-size", "25m".to_owned()),
    ];
    options.map(|(k, v)| (k.to_owned(), v)).into()
}

/// The environment: the user's variables and the runner's.
pub(super) fn environment(
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
pub(super) fn found(path: Option<&str>) -> Result<Found, Failure> {
    let Some(path) = path else {
        return Ok(Found::default());
    };
    let project =
        Project::read(path.as_ref()).map_err(|e| Failure::here(e.to_string()).under("path"))?;
    Ok(Found {
        name: Some(project.name),
        profile: project.profile,
        clean_fails: !project.cleans_inside,
    })
}

/// The profile that the runner writes, as it takes it.
pub(super) fn profile(
    found: &Found,
    own: &super::DbtProjectProfile,
    adapter: Option<&str>,
    warehouse: Option<&str>,
) -> String {
    let mut settings: Map<String, Document> = warehouse
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    if let Some(Json(Document::Object(own))) = &own.settings {
        settings.extend(own.clone());
    }
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
