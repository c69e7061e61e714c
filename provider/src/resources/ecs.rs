//! Where containers run: clusters and task definitions.

pub mod cluster;
pub mod container;
pub mod task_definition;

pub use container::{
    TaskDefinitionContainer, TaskDefinitionDependency, TaskDefinitionDependencyCondition,
    TaskDefinitionLinuxParameters, TaskDefinitionLogConfiguration, TaskDefinitionMountPoint,
};

use crate::aws::During;
use crate::context::{Context, Tags};
use crate::error::Result;
use crate::resources::sdk::to_tags;

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

/// What is wrong with a name of letters, digits, `-` and `_`.
fn name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if (1..=255).contains(&name.len()) && name.chars().all(fits) {
        Ok(())
    } else {
        Err(format!(
            "{name:?} must be 1 to 255 letters, digits, - and _"
        ))
    }
}
