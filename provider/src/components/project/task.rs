//! The task of a project: the runner's container and its environment.

use super::Handle;
use crate::{prelude::*, resources::ecs::container::*};
use dbt_aws_image::Project;
use serde_json::{Map, Value as Document, json};

/// The name of the container.
pub(super) const CONTAINER: &str = "dbt";

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

/// What the names of the runner's own variables begin with.
pub(crate) const RESERVED: &str = "DBT_AWS_";

/// What is wrong with the name of an environment variable, if anything.
pub(crate) fn variable(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(RESERVED) {
        Err(format!(
            "names that begin with {RESERVED} are the runner's own; choose another"
        ))
    } else if name.chars().all(fits) && name.starts_with(|c: char| !c.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!(
            "{name:?} cannot be an environment variable; use letters, digits and _, a digit not first"
        ))
    }
}

/// The variables that no run takes from an execution, nor from a schedule, `*` being anything: the same as in the runner's
/// `variables.py`.
const NEVER: &str = "\
    AWS_* BOTO* PG* PYTHON* LD_* DYLD_* GLIBC_* GCONV_* MALLOC_* JAVA_* JDK_* CLASSPATH PERL5* \
    RUBYLIB RUBYOPT NODE_EXTRA* NODE_OPTIONS NODE_PATH NODE_TLS* PATH HOME SHELL BASH_ENV IFS PWD \
    TMP TEMP TMPDIR TZDIR LOCPATH NLSPATH XDG_* *_PROXY *_CA_BUNDLE *_CERT_FILE *_CERT_DIR \
    *_EMULATOR_HOST *_LIBRARY_PATH HOSTALIASES LOCALDOMAIN RES_OPTIONS NETRC SSL_* SSLKEYLOGFILE \
    OPENSSL_* CURL_* GRPC_* NSS_* KRB5* ODBCINI ODBCINSTINI ODBCSYSINI TNS_ADMIN MOTHERDUCK_TOKEN \
    AZURE_AUTHORITY* AZURE_CLIENT* AZURE_CONFIG* AZURE_FEDERATED* AZURE_PASSWORD \
    AZURE_POD_IDENTITY* AZURE_TENANT* AZURE_USERNAME IDENTITY_ENDPOINT IDENTITY_HEADER \
    IMDS_ENDPOINT MSI_ENDPOINT MSI_SECRET CLOUDSDK_* GCE_METADATA* NO_GCE_CHECK GOOGLE_API* \
    GOOGLE_APPLICATION* GOOGLE_AUTH* GOOGLE_CLOUD_QUOTA* GOOGLE_CLOUD_UNIVERSE* \
    GOOGLE_EXTERNAL_ACCOUNT* DATABRICKS_AUTH* DATABRICKS_AZURE* DATABRICKS_CLI_PATH \
    DATABRICKS_CLIENT* DATABRICKS_CONFIG* DATABRICKS_GOOGLE* DATABRICKS_HOST DATABRICKS_METADATA* \
    DATABRICKS_OIDC* DATABRICKS_PASSWORD DATABRICKS_SERVER* DATABRICKS_TOKEN DATABRICKS_USERNAME \
    SNOWFLAKE_AUTH* SNOWFLAKE_CONNECTION* SNOWFLAKE_DEFAULT_CONNECTION* SNOWFLAKE_ENABLE* \
    SNOWFLAKE_HOME SNOWFLAKE_TOKEN* GIT_ALTERNATE* GIT_ASKPASS GIT_CONFIG* GIT_DIR GIT_EDITOR \
    GIT_EXEC* GIT_EXTERNAL* GIT_OBJECT* GIT_PAGER GIT_PROXY* GIT_SSH* GIT_SSL* GIT_TEMPLATE* \
    GIT_TRACE* GIT_WORK_TREE DBT_AWS_* DBT_ENGINE_* DBT_ENV_SECRET* DBT_PROFILES_DIR \
    DBT_PROJECT_DIR DBT_TARGET_PATH DBT_LOG_PATH DBT_STATE DBT_DEFER_STATE DBT_ARTIFACT_STATE_PATH \
    DBT_PARTIAL_PARSE_FILE_* DBT_PP_* DBT_HOST DBT_PACKAGES_INSTALL_PATH DBT_PACKAGE_HUB_URL \
    DBT_DOWNLOAD_DIR DBT_MACRO_DEBUGGING DBT_RECORD* DBT_UPLOAD_TO_ARTIFACTS_INGEST_API";

/// Refuses the name of such a variable: it reaches more than the dbt project.
pub(crate) fn of_an_execution(name: &str) -> Result<(), String> {
    let upper = name.to_uppercase();
    let fits = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => upper.ends_with(end),
        (_, Some(start)) => upper.starts_with(start),
        _ => upper == pattern,
    };
    if NEVER.split_whitespace().any(fits) {
        return Err(
            "reaches more than the dbt project, so no run takes it from a schedule; set it in the project's environment"
                .to_owned(),
        );
    }
    Ok(())
}

/// What the directory of the project says.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    name: Option<String>,
    profile: Option<String>,
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
