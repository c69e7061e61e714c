//! Who may do what: roles and policies.

pub mod policy;
pub mod role;
#[cfg(test)]
mod tests;

use crate::clients::Services;
use crate::resources::sdk::{retag, to_tags};
use pulumi_aws_framework::aws::During;
use pulumi_aws_framework::context::{Context, Tags};
use pulumi_aws_framework::error::Result;

retag!(iam, tag_role, untag_role, role_name = id, to_tags);
