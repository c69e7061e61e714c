//! Where containers run: clusters and task definitions.

pub mod cluster;
pub mod container;
pub mod linux;
mod size;
pub mod task_definition;
#[cfg(test)]
mod tests;

pub use container::{
    TaskDefinitionContainer, TaskDefinitionDependency, TaskDefinitionDependencyCondition,
    TaskDefinitionLinuxParameters, TaskDefinitionLogConfiguration, TaskDefinitionMountPoint,
};

pub(crate) use size::check_size;

use crate::clients::Services;
use crate::resources::sdk::{retag, to_tags};
use pulumi_aws_framework::aws::During;
use pulumi_aws_framework::context::{Context, Tags};
use pulumi_aws_framework::error::Result;
use pulumi_aws_framework::identity::Naming;

retag!(
    ecs,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    to_tags
);

/// What names of clusters, families, containers and volumes are made of.
const NAME: Naming = Naming::new("name", 255);
