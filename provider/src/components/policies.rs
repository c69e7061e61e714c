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
    /// Where the object of that ARN is, which stands for the cluster here.
    pub(crate) fn of(arn: &str) -> Self {
        let part = |index| arn.split(':').nth(index).unwrap_or_default().to_owned();
        Self {
            account_id: part(4),
            region: part(3),
            cluster_arn: arn.to_owned(),
        }
    }

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
    for statement in &mut policy.statements {
        statement.conditions = Some(Json(works_for(service, at, source)));
    }
    policy
}

/// The condition that a service works for this account, and there for what has such an ARN.
pub(crate) fn works_for(service: &str, at: &Location, source: &str) -> Document {
    json!({
        "StringEquals": {"aws:SourceAccount": at.account_id},
        "ArnLike": {"aws:SourceArn": at.arn(source_service(service), source)},
    })
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
