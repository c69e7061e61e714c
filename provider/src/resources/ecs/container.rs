//! The containers of a task definition.

pub use super::linux::*;

use crate::prelude::*;
use aws_sdk_ecs::types::{
    ContainerCondition, ContainerDefinition, ContainerDependency, KeyValuePair, LinuxParameters,
    LogConfiguration, LogDriver, MountPoint, Secret, TaskDefinition, Volume,
};
use pulumi_aws_framework::props::Enum as _;

use dbt_aws_image::{Error as ImageError, Reference};

/// One container of a task.
///
/// See [container definitions](https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
#[derive(Clone, Debug, PartialEq, Props)]
pub struct TaskDefinitionContainer {
    /// The name: 1 to 255 letters, digits, `-` and `_`, unique in the task.
    #[prop(check = super::NAME.check)]
    pub name: String,
    /// The image: a URI with a digest or tag, of up to 255 characters.
    #[prop(check = image)]
    pub image: String,
    /// The arguments of the entry point. Default: the image's.
    pub command: Option<Vec<String>>,
    /// The entry point. Default: the image's.
    pub entry_point: Option<Vec<String>>,
    /// Environment variables, by name. Everyone who may describe the task definition can read them.
    pub environment: Option<BTreeMap<String, String>>,
    /// Environment variables with secret values: for each name the ARN of a Secrets Manager secret (`ARN:key::` for one
    /// key of a JSON object) or of an SSM parameter. Needs `executionRoleArn`.
    pub secrets: Option<BTreeMap<String, String>>,
    /// Whether the task ends when this container does. Default: `true`.
    #[prop(default = true)]
    pub essential: bool,
    /// Whether the container cannot write to its own file system. Default: `false`.
    #[prop(default = false)]
    pub readonly_root_filesystem: bool,
    /// The user that it runs as: `user`, `uid`, `user:group` or `uid:gid`. Default: the image's.
    pub user: Option<String>,
    /// The number of seconds between SIGTERM and SIGKILL: 0 to 120. Default: 30.
    #[prop(check = formats::between(0, 120))]
    pub stop_timeout: Option<i32>,
    /// The destination of its log output. Default: none, so that the output is lost.
    pub log_configuration: Option<TaskDefinitionLogConfiguration>,
    /// The volumes of the task that are mounted in it. Default: none.
    pub mount_points: Option<Set<TaskDefinitionMountPoint>>,
    /// Linux options. Default: those of Fargate.
    pub linux_parameters: Option<TaskDefinitionLinuxParameters>,
    /// The containers that it waits for before it starts. Default: none.
    pub depends_on: Option<Set<TaskDefinitionDependency>>,
}

/// Where a container's output goes.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct TaskDefinitionLogConfiguration {
    /// The driver: `awslogs`, `awsfirelens` or `splunk`. Default: `awslogs`.
    #[prop(default = "awslogs", check = driver)]
    pub log_driver: String,
    /// The driver's options. `awslogs` needs `awslogs-group`, `awslogs-region` and `awslogs-stream-prefix`.
    pub options: Option<BTreeMap<String, String>>,
}

/// A volume in a container's file system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Props)]
pub struct TaskDefinitionMountPoint {
    /// The volume's name.
    pub source_volume: String,
    /// The path in the container, such as `/tmp`.
    pub container_path: String,
    /// Whether the container can only read it. Default: `false`.
    #[prop(default = false)]
    pub read_only: bool,
}

words! {
    /// What a container waits for.
    pub enum TaskDefinitionDependencyCondition {
        /// The other has started.
        Start = "START",
        /// The other has ended, in whatever way.
        Complete = "COMPLETE",
        /// The other has ended with exit code 0.
        Success = "SUCCESS",
    }
}

/// A container that another waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Props)]
pub struct TaskDefinitionDependency {
    /// The other container's name.
    pub container_name: String,
    /// What is waited for.
    pub condition: TaskDefinitionDependencyCondition,
}

fn image(image: &str) -> Result<(), String> {
    match image.parse::<Reference>() {
        Ok(_) if image.len() <= 255 => Ok(()),
        Ok(_) => Err(format!(
            "has {} characters; at most 255 are allowed",
            image.len()
        )),
        Err(ImageError::Base { reason, .. }) => Err(format!("{image:?} is not an image: {reason}")),
        Err(error) => Err(error.to_string()),
    }
}

fn driver(driver: &str) -> Result<(), String> {
    if ["awslogs", "awsfirelens", "splunk"].contains(&driver) {
        Ok(())
    } else {
        Err(format!(
            "{driver:?} is not one of awslogs, awsfirelens, splunk, the drivers of Fargate"
        ))
    }
}

/// What AWS would refuse of a task's containers, each with its path.
pub(super) fn failures(
    containers: &[TaskDefinitionContainer],
    volumes: &Set<String>,
) -> Vec<Failure> {
    let mut found = Vec::new();
    let names: Vec<_> = containers.iter().map(|c| c.name.as_str()).collect();
    if !containers.iter().any(|c| c.essential) {
        let reason = "at least one container must be essential";
        found.push(Failure::here(reason));
    }
    for (i, container) in containers.iter().enumerate() {
        let mut fail = |path: &str, reason: String| {
            let path = pulumi_aws_framework::props::join_index(i, path);
            found.push(Failure { path, reason });
        };
        if names[..i].contains(&container.name.as_str()) {
            fail(
                "name",
                format!(
                    "another container has the name {}; give each its own",
                    container.name
                ),
            );
        }
        let plain = container.environment.as_ref();
        for name in container.secrets.iter().flat_map(BTreeMap::keys) {
            if plain.is_some_and(|plain| plain.contains_key(name)) {
                fail(
                    "secrets",
                    format!("{name} is also in environment; leave out one of them"),
                );
            }
        }
        for mount in container.mount_points.iter().flatten() {
            if !volumes.contains(&mount.source_volume) {
                let reason = format!("{} is not one of the task's volumes", mount.source_volume);
                fail("mountPoints", reason);
            }
        }
        for dependency in container.depends_on.iter().flatten() {
            let other = &dependency.container_name;
            if let Some(reason) = refused(dependency, container, containers) {
                fail("dependsOn", format!("{other}: {reason}"));
            }
        }
        if let Some(log) = container
            .log_configuration
            .as_ref()
            .filter(|l| l.log_driver == "awslogs")
        {
            for option in ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"] {
                if !log.options.as_ref().is_some_and(|o| o.contains_key(option)) {
                    fail(
                        "logConfiguration.options",
                        format!("awslogs needs {option}"),
                    );
                }
            }
        }
    }
    found
}

fn refused(
    dependency: &TaskDefinitionDependency,
    own: &TaskDefinitionContainer,
    all: &[TaskDefinitionContainer],
) -> Option<&'static str> {
    use TaskDefinitionDependencyCondition::{Complete, Success};
    let Some(other) = all.iter().find(|c| c.name == dependency.container_name) else {
        return Some("there is no container of that name");
    };
    if other.essential && matches!(dependency.condition, Complete | Success) {
        return Some("the task would end with it; set its essential to false, or wait for START");
    }
    let mut waiting = vec![other];
    let mut met = Set::from([other.name.as_str()]);
    while let Some(next) = waiting.pop() {
        if next.name == own.name {
            return Some("it waits for this container itself");
        }
        let further = next.depends_on.iter().flatten().map(|d| &d.container_name);
        let further = further.filter_map(|name| all.iter().find(|c| &c.name == name));
        waiting.extend(further.filter(|c| met.insert(c.name.as_str())));
    }
    None
}

/// What of a task definition no property here is for, and whether it is there.
pub(super) fn foreign(task: &TaskDefinition) -> Vec<(&'static str, bool)> {
    let other = |volume: &Volume| {
        volume.host().is_some_and(|h| h.source_path().is_some())
            || volume.docker_volume_configuration().is_some()
            || volume.efs_volume_configuration().is_some()
            || volume
                .fsx_windows_file_server_volume_configuration()
                .is_some()
            || volume.configured_at_launch() == Some(true)
    };
    let any = |has: fn(&ContainerDefinition) -> bool| task.container_definitions().iter().any(has);
    let linux = |l: &LinuxParameters| {
        l.shared_memory_size().is_some() || !l.devices().is_empty() || !l.tmpfs().is_empty()
    };
    vec![
        ("volumes of other kinds", task.volumes().iter().any(other)),
        (
            "placementConstraints",
            !task.placement_constraints().is_empty(),
        ),
        ("proxyConfiguration", task.proxy_configuration().is_some()),
        ("pidMode", task.pid_mode().is_some()),
        ("ipcMode", task.ipc_mode().is_some()),
        ("portMappings", any(|c| !c.port_mappings().is_empty())),
        ("healthCheck", any(|c| c.health_check().is_some())),
        ("cpu of a container", any(|c| c.cpu() != 0)),
        (
            "memory of a container",
            any(|c| c.memory().or(c.memory_reservation()).is_some()),
        ),
        (
            "repositoryCredentials",
            any(|c| c.repository_credentials().is_some()),
        ),
        ("restartPolicy", any(|c| c.restart_policy().is_some())),
        (
            "environmentFiles",
            any(|c| !c.environment_files().is_empty()),
        ),
        ("volumesFrom", any(|c| !c.volumes_from().is_empty())),
        ("startTimeout", any(|c| c.start_timeout().is_some())),
        ("workingDirectory", any(|c| c.working_directory().is_some())),
        (
            "dockerLabels",
            any(|c| c.docker_labels().is_some_and(|l| !l.is_empty())),
        ),
        ("ulimits", any(|c| !c.ulimits().is_empty())),
        ("systemControls", any(|c| !c.system_controls().is_empty())),
        (
            "resourceRequirements",
            any(|c| !c.resource_requirements().is_empty()),
        ),
        (
            "firelensConfiguration",
            any(|c| c.firelens_configuration().is_some()),
        ),
        ("credentialSpecs", any(|c| !c.credential_specs().is_empty())),
        ("interactive", any(|c| c.interactive() == Some(true))),
        ("pseudoTerminal", any(|c| c.pseudo_terminal() == Some(true))),
        (
            "secretOptions of a log",
            any(|c| {
                c.log_configuration()
                    .is_some_and(|l| !l.secret_options().is_empty())
            }),
        ),
        (
            "linuxParameters of other kinds",
            task.container_definitions()
                .iter()
                .any(|c| c.linux_parameters().is_some_and(linux)),
        ),
    ]
}

impl TaskDefinitionContainer {
    /// What ECS needs a role for before the container starts: the property, and what the role does.
    pub(super) fn needs_execution_role(&self) -> Option<(&'static str, &'static str)> {
        let host = self.image.split('/').next().unwrap_or_default();
        let logs = self.log_configuration.as_ref();
        if self.secrets.as_ref().is_some_and(|s| !s.is_empty()) {
            Some(("secrets", "reads them"))
        } else if logs.is_some_and(|l| l.log_driver == "awslogs") {
            Some(("logConfiguration", "writes the log"))
        } else if host.contains(".dkr.ecr.") || host.contains(".dkr-ecr.") {
            Some(("image", "pulls it"))
        } else {
            None
        }
    }

    /// The container as AWS takes it.
    pub(super) fn to_aws(&self) -> Result<ContainerDefinition> {
        let secrets = self
            .secrets
            .iter()
            .flatten()
            .map(|(name, arn)| Ok(Secret::builder().name(name).value_from(arn).build()?));
        let depends_on = self.depends_on.iter().flatten().map(|d| {
            Ok(ContainerDependency::builder()
                .container_name(&d.container_name)
                .condition(d.condition.word().into())
                .build()?)
        });
        let log = self.log_configuration.as_ref().map(|log| {
            LogConfiguration::builder()
                .log_driver(log.log_driver.as_str().into())
                .set_options(log.options.clone().map(|all| all.into_iter().collect()))
                .build()
        });
        let linux = self.linux_parameters.as_ref();
        Ok(ContainerDefinition::builder()
            .name(&self.name)
            .image(&self.image)
            .set_command(self.command.clone())
            .set_entry_point(self.entry_point.clone())
            .set_environment(self.environment.as_ref().map(|all| {
                let pair = |(k, v)| KeyValuePair::builder().name(k).value(v).build();
                all.clone().into_iter().map(pair).collect()
            }))
            .set_secrets(Some(secrets.collect::<Result<_>>()?))
            .essential(self.essential)
            .readonly_root_filesystem(self.readonly_root_filesystem)
            .set_user(self.user.clone())
            .set_stop_timeout(self.stop_timeout)
            .set_log_configuration(log.transpose()?)
            .set_mount_points(self.mount_points.as_ref().map(|all| {
                let mount = |m: &TaskDefinitionMountPoint| {
                    MountPoint::builder()
                        .source_volume(&m.source_volume)
                        .container_path(&m.container_path)
                        .read_only(m.read_only)
                        .build()
                };
                all.iter().map(mount).collect()
            }))
            .set_linux_parameters(linux.map(TaskDefinitionLinuxParameters::to_aws))
            .set_depends_on(Some(depends_on.collect::<Result<_>>()?))
            .build())
    }

    /// The container of AWS's; what is empty is absent, unless `known` gives it empty.
    pub(super) fn from_aws(container: &ContainerDefinition, known: Option<&Self>) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let driver = |driver: &LogDriver| driver.as_str().to_owned();
        let environment = container.environment().iter();
        let secrets = container.secrets().iter();
        let mounts = container
            .mount_points()
            .iter()
            .map(|m| TaskDefinitionMountPoint {
                source_volume: text(m.source_volume()),
                container_path: text(m.container_path()),
                read_only: m.read_only().unwrap_or(false),
            });
        let depends_on = container
            .depends_on()
            .iter()
            .map(|d| TaskDefinitionDependency {
                container_name: d.container_name().to_owned(),
                condition: condition(d.condition()),
            });
        let options = |log: &LogConfiguration| {
            log.options()
                .map(|all| all.clone().into_iter().collect())
                .unwrap_or_default()
        };
        let known_log = known.and_then(|k| k.log_configuration.as_ref());
        Self {
            name: text(container.name()),
            image: text(container.image()),
            command: kept(container.command().to_vec(), known.map(|k| &k.command)),
            entry_point: kept(
                container.entry_point().to_vec(),
                known.map(|k| &k.entry_point),
            ),
            environment: kept(
                environment
                    .map(|e| (text(e.name()), text(e.value())))
                    .collect(),
                known.map(|k| &k.environment),
            ),
            secrets: kept(
                secrets
                    .map(|s| (s.name().to_owned(), s.value_from().to_owned()))
                    .collect(),
                known.map(|k| &k.secrets),
            ),
            essential: container.essential().unwrap_or(true),
            readonly_root_filesystem: container.readonly_root_filesystem().unwrap_or(false),
            user: container.user().map(str::to_owned),
            stop_timeout: container.stop_timeout(),
            log_configuration: container.log_configuration().map(|log| {
                TaskDefinitionLogConfiguration {
                    log_driver: driver(log.log_driver()),
                    options: kept(options(log), known_log.map(|k| &k.options)),
                }
            }),
            mount_points: kept(mounts.collect(), known.map(|k| &k.mount_points)),
            linux_parameters: container.linux_parameters().and_then(|read| {
                let known = known.and_then(|k| k.linux_parameters.as_ref());
                TaskDefinitionLinuxParameters::from_aws(read, known)
            }),
            depends_on: kept(depends_on.collect(), known.map(|k| &k.depends_on)),
        }
    }
}

fn condition(condition: &ContainerCondition) -> TaskDefinitionDependencyCondition {
    TaskDefinitionDependencyCondition::from_word(condition.as_str())
        .unwrap_or(TaskDefinitionDependencyCondition::Start)
}
