//! Where containers run: clusters and task definitions.

pub mod cluster;
pub mod container;
pub mod linux;
mod size;
pub mod task_definition;

pub use container::{
    TaskDefinitionContainer, TaskDefinitionDependency, TaskDefinitionDependencyCondition,
    TaskDefinitionLinuxParameters, TaskDefinitionLogConfiguration, TaskDefinitionMountPoint,
};

pub(crate) use size::check_size;

use crate::clients::Services;
use crate::resources::sdk::to_tags;
use pulumi_aws_framework::aws::During;
use pulumi_aws_framework::context::{Context, Tags};
use pulumi_aws_framework::error::Result;
use pulumi_aws_framework::identity::Naming;

/// Brings the tags of an object from `old` to `new`.
async fn retag(cx: &Context, arn: &str, old: Option<&Tags>, new: Option<&Tags>) -> Result<()> {
    let (set, removed) = cx.tag_changes(old, new);
    if !set.is_empty() {
        let tag = cx
            .aws
            .ecs()
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(to_tags(set)));
        tag.send().await.during(format!("tag {arn}"))?;
    }
    if !removed.is_empty() {
        let untag = cx
            .aws
            .ecs()
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(removed));
        untag.send().await.during(format!("untag {arn}"))?;
    }
    Ok(())
}

/// What names of clusters, families, containers and volumes are made of.
const NAME: Naming = Naming {
    field: "name",
    longest: 255,
    others: "-_",
    lower: false,
};
