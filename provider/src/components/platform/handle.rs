//! What a platform gives to its projects.

use super::DbtPlatform;
use crate::prelude::*;
use pulumi_aws_framework::{
    component::Component,
    handle::{HandleFields, Joined},
    props::{Text, Type},
};

words! {
    /// Whether tasks have public addresses, as ECS says it.
    pub enum AssignPublicIp {
        /// They have.
        Enabled = "ENABLED",
        /// They have none.
        Disabled = "DISABLED",
    }
}

impl From<bool> for AssignPublicIp {
    fn from(on: bool) -> Self {
        match on {
            true => Self::Enabled,
            false => Self::Disabled,
        }
    }
}

/// What a platform gives to its projects.
#[derive(Clone, Debug, Props)]
pub struct PlatformHandle {
    /// The form of the handle.
    pub version: String,
    /// The platform's name.
    pub name: Option<String>,
    /// The region.
    pub region: String,
    /// The account's id.
    pub account_id: String,
    /// The VPC's id.
    pub vpc_id: Option<String>,
    /// The ids of the subnets that tasks run in.
    pub task_subnet_ids: Joined,
    /// Whether tasks have public addresses.
    #[prop(default = AssignPublicIp::Disabled)]
    pub assign_public_ip: AssignPublicIp,
    /// The ids of the security groups of tasks.
    pub task_security_group_ids: Option<Joined>,
    /// The ECS cluster's ARN.
    pub cluster_arn: String,
    /// The capacity providers of a cluster that the platform made.
    pub cluster_capacity_providers: Option<Joined>,
    /// The name of the bucket for artifacts.
    pub artifacts_bucket: String,
    /// Its ARN.
    pub artifacts_bucket_arn: String,
    /// The ARN of the KMS key that encrypts it, if it is a key of its own.
    pub artifacts_kms_key_arn: Option<String>,
    /// The name of the log group of runs.
    pub log_group_name: String,
    /// Its ARN.
    pub log_group_arn: String,
    /// The name of the table of runs.
    pub table_name: String,
    /// The ARN of the state machine that ends runs.
    pub finish_arn: String,
    /// The ARN of the role with which EventBridge starts it.
    pub finish_starter_role_arn: String,
    /// The ARN of the managed policy that bounds every role.
    pub permissions_boundary_arn: Option<String>,
    /// The dbt adapter of the warehouse.
    pub adapter: Option<String>,
    /// What a profile of dbt says of the warehouse, as a JSON object.
    pub warehouse_settings: Option<String>,
    /// The ARN of the secret with the warehouse's user and password.
    pub warehouse_secret_arn: Option<String>,
    /// The ARN of the KMS key that encrypts the secret, if it is a key of its own.
    pub warehouse_secret_kms_key_arn: Option<String>,
    /// The user in that secret, where it is the administrator of a database that the platform has made: it makes each
    /// project a role.
    pub warehouse_administrator: Option<String>,
    /// The tags for everything that a project makes, as a JSON object.
    pub tags: Option<TagsText>,
    /// The form of the events of the ends of runs.
    pub event_version: Option<String>,
}

impl HandleFields for PlatformHandle {
    const COMPONENT: &'static str = DbtPlatform::TOKEN;
    const VERSION: &'static str = "1";
}

/// Tags as the text of a JSON object.
#[derive(Clone, Debug, Default)]
pub struct TagsText(pub Tags);

impl TagsText {
    fn read(text: &str) -> Result<Tags, String> {
        serde_json::from_str(text).map_err(|e| format!("must be a JSON object of texts: {e}"))
    }
}

impl Property for TagsText {
    fn ty() -> Type {
        Type::Text(&Text {
            check: |text| TagsText::read(text).map(drop),
            same: |a, b| TagsText::read(a) == TagsText::read(b),
        })
    }

    fn decode(value: &Value) -> Result<Self, Failure> {
        let read = Self::read(&String::decode(value)?);
        read.map(Self).map_err(Failure::here)
    }

    fn encode(&self) -> Value {
        serde_json::json!(self.0).to_string().into()
    }
}
