//! `dbt-aws:ecs:TaskDefinition`.

mod revisions;

use super::{Retag, container, container::TaskDefinitionContainer, size::check_size};
use crate::prelude::*;
use aws_sdk_ecs::{
    config::{Builder as Config, retry::RetryConfig},
    operation::describe_task_definition::DescribeTaskDefinitionOutput,
    types::{
        Compatibility, CpuArchitecture, EphemeralStorage, NetworkMode, OsFamily, RuntimePlatform,
        TaskDefinition as Registered, TaskDefinitionFamilyStatus, TaskDefinitionField,
        TaskDefinitionStatus, Volume,
    },
};
use pulumi_aws_framework::props::{Enum as _, diff::differences};
use revisions::{deregister, erase, list, remove};
use std::collections::BTreeSet;

/// What a task runs, on Fargate.
#[derive(Debug)]
pub struct TaskDefinition;

words! {
    /// The CPU architecture of a task.
    pub enum TaskDefinitionCpuArchitecture {
        /// Intel and AMD.
        X8664 = "X86_64",
        /// Graviton.
        Arm64 = "ARM64",
    }
}

/// The machine that a task runs on.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct TaskDefinitionRuntimePlatform {
    /// The CPU architecture. Default: `X86_64`.
    #[prop(default = TaskDefinitionCpuArchitecture::X8664)]
    pub cpu_architecture: TaskDefinitionCpuArchitecture,
    /// The operating system: `LINUX`, or one of Fargate's for Windows. Default: `LINUX`.
    #[prop(default = "LINUX")]
    pub operating_system_family: String,
}

/// A volume that lives as long as its task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Props)]
pub struct TaskDefinitionVolume {
    /// The name: 1 to 255 letters, digits, `-` and `_`.
    #[prop(check = super::NAME.check)]
    pub name: String,
}

/// What a task definition is made from.
#[derive(Clone, Debug, Props)]
pub struct TaskDefinitionInputs {
    /// The family, the name that all its revisions share: 1 to 255 letters, digits, `-` and `_`. Default: made from the
    /// resource's name.
    #[prop(replace, check = super::NAME.check)]
    pub family: Option<String>,
    /// CPU units, 1024 to a virtual CPU: 256, 512, 1024, 2048, 4096, 8192 or 16384.
    pub cpu: i32,
    /// Memory in MiB; which values are valid depends on `cpu`: see
    /// [Fargate's table](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size).
    pub memory: i32,
    /// The containers: 1 to 10.
    #[prop(digest)]
    pub container_definitions: Vec<TaskDefinitionContainer>,
    /// The volumes that its containers share.
    pub volumes: Option<Set<TaskDefinitionVolume>>,
    /// The ARN of the role with which ECS pulls images, writes logs and reads `secrets`.
    #[prop(check = formats::arn("iam", "role/"))]
    pub execution_role_arn: Option<String>,
    /// The ARN of the role that the containers' own code has.
    #[prop(check = formats::arn("iam", "role/"))]
    pub task_role_arn: Option<String>,
    /// The machine. Default: Linux on `X86_64`.
    pub runtime_platform: Option<TaskDefinitionRuntimePlatform>,
    /// Disk space in GiB: 21 to 200. Default: 20.
    #[prop(check = formats::between(21, 200))]
    pub ephemeral_storage_gb: Option<i32>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a task definition.
#[derive(Clone, Debug, Props)]
pub struct TaskDefinitionOutputs {
    /// The ARN of the newest revision.
    #[prop(follows(
        cpu,
        memory,
        container_definitions,
        volumes,
        execution_role_arn,
        task_role_arn,
        runtime_platform,
        ephemeral_storage_gb
    ))]
    pub arn: String,
    /// The ARN without a revision: whoever runs it gets the newest. It never changes.
    pub family_arn: String,
    /// The number of the newest revision.
    #[prop(follows(
        cpu,
        memory,
        container_definitions,
        volumes,
        execution_role_arn,
        task_role_arn,
        runtime_platform,
        ephemeral_storage_gb
    ))]
    pub revision: i32,
}

/// The newest revisions, that stay active: runs under way and queued may still use those before the last.
const ACTIVE: usize = 3;

impl CustomResource for TaskDefinition {
    const TOKEN: &'static str = "dbt-aws:ecs:TaskDefinition";
    const DOC: &'static str = "What a task runs, on Fargate.\n\nA change registers a new revision. The two revisions before it stay active, older ones are removed.\n\nImport with the family, or the ARN of a revision.\n\nSee [task definitions](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definitions.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ecs:DeleteTaskDefinitions",
        "ecs:DeregisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitionFamilies",
        "ecs:ListTaskDefinitions",
        "ecs:RegisterTaskDefinition",
        "ecs:TagResource",
        "ecs:UntagResource",
        "iam:PassRole",
    ];
    const IDS: Option<Ids> = Some(Ids {
        // A revision's number follows: the resource is all of them.
        of: |given| {
            given
                .text()
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned()
        },
        ..Ids::name("shop", "ecs", "task-definition/")
    });
    const NAMING: Option<Naming> = Some(Naming {
        field: "family",
        ..super::NAME
    });
    type Inputs = TaskDefinitionInputs;
    type Outputs = TaskDefinitionOutputs;
    type Tagging = Untagged;

    fn check(check: &mut Check<'_>) {
        check_size(check, check.get("cpu"), check.get("memory"));
        let Some(containers) = check.get::<Vec<TaskDefinitionContainer>>("containerDefinitions")
        else {
            return;
        };
        if !(1..=10).contains(&containers.len()) {
            let reason = format!("has {} containers; give 1 to 10", containers.len());
            check.fail("containerDefinitions", reason);
            return;
        }
        let needed = containers.iter().enumerate().find_map(|(i, container)| {
            let (property, reason) = container.needs_execution_role()?;
            Some((format!("containerDefinitions[{i}].{property}"), reason))
        });
        if let Some((path, does)) = needed.filter(|_| !check.has("executionRoleArn")) {
            check.fail(
                path,
                format!("needs executionRoleArn, the role that {does}"),
            );
        }
        let Some(volumes) = check.get::<Option<Set<TaskDefinitionVolume>>>("volumes") else {
            return;
        };
        let volumes = volumes.into_iter().flatten().map(|v| v.name).collect();
        for failure in container::failures(&containers, &volumes) {
            let failure = failure.under("containerDefinitions");
            check.fail(failure.path, failure.reason);
        }
    }

    async fn create(cx: &Context, inputs: &TaskDefinitionInputs) -> Result<Created<Self>> {
        let family = inputs.family.clone().unwrap_or_default();
        // AWS takes any number of revisions: an interrupted create may have left the first.
        let made_here = Naming::is_ours(&family, &cx.identity.generation);
        let may_be_there = !made_here || !cx.is_first();
        if may_be_there && let Some(there) = describe(cx, &family).await? {
            let what = format!("the task definition {family}");
            return Created::adopt(cx, family, &what, &from_tags(there.tags()));
        }
        // The SDK would register a second when the answer to the first is lost.
        let once = Config::new().retry_config(RetryConfig::disabled());
        let made = register(cx, &family, inputs, once).await?;
        Ok(Created::Known(family, outputs(&made)))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &TaskDefinitionInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else { return Ok(()) };
        if differs(&old.inputs, new) {
            let arn = outputs(&register(cx, id, new, Config::new()).await?).arn;
            // What depends on it takes the revision from the read that follows.
            cx.wait(&format!("the task definition {id}"), async || {
                let newest = describe(cx, id).await?;
                let newest = newest
                    .as_ref()
                    .and_then(|n| n.task_definition()?.task_definition_arn());
                Ok(match newest == Some(&arn) {
                    true => Progress::Done(()),
                    false => Progress::Pending("the new revision is not visible yet".to_owned()),
                })
            })
            .await?;
        } else {
            // A new revision has its tags from the start.
            let (set, removed) = cx.tag_changes(old.inputs.tags.as_ref(), new.tags.as_ref());
            let arn = &old.outputs.arn;
            Retag::change(cx, Tagged { id, arn }, set, removed).await?;
        }
        let revisions = list(cx, id, TaskDefinitionStatus::Active).await?;
        let mut ours = Vec::new();
        for arn in revisions.into_iter().skip(ACTIVE) {
            let there = describe(cx, &arn).await?;
            if there.is_some_and(|t| cx.identity.owns(&from_tags(t.tags()))) {
                ours.push(arn);
            }
        }
        remove(cx, &ours).await
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&TaskDefinitionInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(there) = describe(cx, id).await? else {
            return Ok(None);
        };
        let Some(definition) = there.task_definition() else {
            return Ok(None);
        };
        if known.is_none() && !cx.identity.shares_seed(&from_tags(there.tags())) {
            importable(
                &format!("the task definition {id}"),
                container::foreign(definition),
            )?;
        }
        let size = |text: Option<&str>| text.and_then(|t| t.parse().ok()).unwrap_or_default();
        let of = |name: Option<&str>| {
            let all = known.into_iter().flat_map(|k| &k.container_definitions);
            all.enumerate().find(|(_, c)| Some(c.name.as_str()) == name)
        };
        let mut containers: Vec<_> = definition.container_definitions().iter().collect();
        // Their order means nothing; the program's stays.
        containers.sort_by_key(|c| of(c.name()).map(|(i, _)| i));
        let volumes: Set<_> = definition
            .volumes()
            .iter()
            .filter_map(|v| {
                Some(TaskDefinitionVolume {
                    name: v.name()?.to_owned(),
                })
            })
            .collect();
        let no_volumes = known.is_none_or(|k| k.volumes.is_none()) && volumes.is_empty();
        let text = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        Ok(Some(State {
            inputs: TaskDefinitionInputs {
                family: text(definition.family()),
                cpu: size(definition.cpu()),
                memory: size(definition.memory()),
                container_definitions: containers
                    .into_iter()
                    .map(|c| TaskDefinitionContainer::from_aws(c, of(c.name()).map(|(_, k)| k)))
                    .collect(),
                volumes: (!no_volumes).then_some(volumes),
                execution_role_arn: text(definition.execution_role_arn()),
                task_role_arn: text(definition.task_role_arn()),
                runtime_platform: definition.runtime_platform().map(platform),
                ephemeral_storage_gb: definition.ephemeral_storage().map(|s| s.size_in_gib()),
                tags: Some(from_tags(there.tags())),
            },
            outputs: outputs(definition),
        }))
    }

    list!(
        ecs.list_task_definition_families(status = TaskDefinitionFamilyStatus::Active)
            [next_token, set_next_token].families,
        |family| family.as_str()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let own = &state.outputs.arn;
        let (active, inactive, deregistered) = tokio::join!(
            list(cx, id, TaskDefinitionStatus::Active),
            list(cx, id, TaskDefinitionStatus::Inactive),
            deregister(cx, std::slice::from_ref(own)),
        );
        let (mut all, inactive) = (active?, inactive?);
        // An interrupted removal leaves it inactive, or half deleted.
        if all.contains(own) {
            deregistered?;
        }
        all.retain(|arn| arn != own);
        deregister(cx, &all).await?;
        let every: BTreeSet<_> = all
            .into_iter()
            .chain(inactive)
            .chain([own.clone()])
            .collect();
        erase(cx, &Vec::from_iter(every)).await
    }
}

/// Whether a revision differs from what is wanted in more than its tags.
fn differs(there: &TaskDefinitionInputs, wanted: &TaskDefinitionInputs) -> bool {
    // What the program no longer gives goes too, but for the machine, which AWS names where nobody did.
    let gone = there.volumes.is_some() && wanted.volumes.is_none()
        || there.execution_role_arn.is_some() && wanted.execution_role_arn.is_none()
        || there.task_role_arn.is_some() && wanted.task_role_arn.is_none()
        || there.ephemeral_storage_gb.is_some() && wanted.ephemeral_storage_gb.is_none();
    let differences = differences(there, wanted);
    gone || differences.iter().any(|c| c.name != "tags")
}

fn platform(platform: &RuntimePlatform) -> TaskDefinitionRuntimePlatform {
    let cpu = platform.cpu_architecture().map(CpuArchitecture::as_str);
    let system = platform.operating_system_family().map(OsFamily::as_str);
    TaskDefinitionRuntimePlatform {
        cpu_architecture: cpu
            .and_then(TaskDefinitionCpuArchitecture::from_word)
            .unwrap_or(TaskDefinitionCpuArchitecture::X8664),
        operating_system_family: system.unwrap_or("LINUX").to_owned(),
    }
}

/// The newest active revision of a family, or one revision.
async fn describe(cx: &Context, family: &str) -> Result<Option<DescribeTaskDefinitionOutput>> {
    let found = cx
        .aws
        .ecs()
        .describe_task_definition()
        .task_definition(family)
        .include(TaskDefinitionField::Tags)
        .send()
        .await
        .during(format!("read the task definition {family}"))
        .gone()?;
    let active = |d: &DescribeTaskDefinitionOutput| {
        d.task_definition().and_then(|t| t.status()) == Some(&TaskDefinitionStatus::Active)
    };
    Ok(found.filter(active))
}

/// Registers a revision.
async fn register(
    cx: &Context,
    family: &str,
    inputs: &TaskDefinitionInputs,
    config: Config,
) -> Result<Registered> {
    let containers = inputs
        .container_definitions
        .iter()
        .map(TaskDefinitionContainer::to_aws);
    let platform = inputs.runtime_platform.as_ref().map(|p| {
        RuntimePlatform::builder()
            .cpu_architecture(p.cpu_architecture.word().into())
            .operating_system_family(p.operating_system_family.as_str().into())
            .build()
    });
    let volume = |v: &TaskDefinitionVolume| Volume::builder().name(&v.name).build();
    let disk = |gb| EphemeralStorage::builder().size_in_gib(gb).build();
    let made = cx
        .aws
        .ecs()
        .register_task_definition()
        .family(family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu(inputs.cpu.to_string())
        .memory(inputs.memory.to_string())
        .set_container_definitions(Some(containers.collect::<Result<_>>()?))
        .set_volumes(
            inputs
                .volumes
                .as_ref()
                .map(|all| all.iter().map(volume).collect()),
        )
        .set_execution_role_arn(inputs.execution_role_arn.clone())
        .set_task_role_arn(inputs.task_role_arn.clone())
        .set_runtime_platform(platform)
        .set_ephemeral_storage(inputs.ephemeral_storage_gb.map(disk))
        .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
        .customize()
        .config_override(config)
        .send()
        .await
        .during(format!("register the task definition {family}"))?;
    Ok(made
        .task_definition
        .unwrap_or_else(|| Registered::builder().build()))
}

fn outputs(definition: &Registered) -> TaskDefinitionOutputs {
    let arn = definition.task_definition_arn().unwrap_or_default();
    TaskDefinitionOutputs {
        arn: arn.to_owned(),
        family_arn: arn
            .rsplit_once(':')
            .map_or(arn, |(family, _)| family)
            .to_owned(),
        revision: definition.revision(),
    }
}
