//! Alarms and dashboards of CloudWatch.

pub mod dashboard;
pub mod metric_alarm;
#[cfg(test)]
mod tests;

use crate::prelude::*;

retag!(
    cloudwatch,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    to_tags
);

/// The tags of an alarm or a dashboard.
async fn tags_of(cx: &Context, arn: &str) -> Result<Tags> {
    let list = cx.aws.cloudwatch().list_tags_for_resource();
    let found = list.resource_arn(arn).send().await;
    let found = found.during(format!("list the tags of {arn}"))?;
    Ok(from_tags(found.tags()))
}
