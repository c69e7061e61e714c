//! Who may do what: roles and policies.

pub mod policy;
pub mod role;

use crate::clients::Services;
use crate::resources::sdk::to_tags;
use pulumi_aws_framework::aws::During;
use pulumi_aws_framework::context::{Context, Tags};
use pulumi_aws_framework::error::Result;

/// Brings the tags of a role from `old` to `new`.
async fn retag(cx: &Context, role: &str, old: Option<&Tags>, new: Option<&Tags>) -> Result<()> {
    let (set, removed) = cx.tag_changes(old, new);
    // In this order: a key that changes in case alone is one key to IAM.
    if !removed.is_empty() {
        cx.aws
            .iam()
            .untag_role()
            .role_name(role)
            .set_tag_keys(Some(removed))
            .send()
            .await
            .during(format!("untag the role {role}"))?;
    }
    if !set.is_empty() {
        cx.aws
            .iam()
            .tag_role()
            .role_name(role)
            .set_tags(Some(to_tags(set)))
            .send()
            .await
            .during(format!("tag the role {role}"))?;
    }
    Ok(())
}
