//! What the policies of components have in common.

use super::partition;
use crate::{
    prelude::*,
    resources::iam::policy::{Policy, PolicyStatement},
};
use serde_json::{Value as Document, json};

/// Where the objects of a component are.
#[derive(Clone, Debug, Props)]
pub(crate) struct Location {
    /// The account.
    pub(crate) account_id: String,
    /// The region.
    pub(crate) region: String,
    /// The cluster, whose ARN also tells the partition.
    pub(crate) cluster_arn: String,
}

impl Location {
    /// The ARN of an object there.
    pub(crate) fn arn(&self, service: &str, object: &str) -> String {
        let (partition, region, account) =
            (partition(&self.cluster_arn), &self.region, &self.account_id);
        format!("arn:{partition}:{service}:{region}:{account}:{object}")
    }
}

/// The trust policy of a role that a service assumes for this account alone, and there for what has such an ARN.
pub(crate) fn trust(service: &str, at: &Location, source: &str) -> Policy {
    let mut policy = Policy::trusting(service);
    let account = &at.account_id;
    let arn = at.arn(source_service(service), source);
    let condition = json!({
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": arn},
    });
    for statement in &mut policy.statements {
        statement.conditions = Some(Json(condition.clone()));
    }
    policy
}

/// What the ARNs of what works in a service's name have.
fn source_service(principal: &str) -> &str {
    match principal.split('.').next().unwrap_or_default() {
        "ecs-tasks" => "ecs",
        service => service,
    }
}

/// A statement that allows actions.
pub(crate) fn allow<R: Into<String>>(
    actions: &[&str],
    resources: impl IntoIterator<Item = R>,
) -> PolicyStatement {
    PolicyStatement::allow(actions.iter().copied(), resources)
}

/// A statement that counts only so.
pub(crate) fn when(statement: PolicyStatement, condition: Document) -> PolicyStatement {
    PolicyStatement {
        conditions: Some(Json(condition)),
        ..statement
    }
}
