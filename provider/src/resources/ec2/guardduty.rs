//! What GuardDuty puts into a VPC in which it watches tasks: an endpoint and a security group. They hold the VPC and its
//! subnets, and GuardDuty does not take them away.

use super::{filter, vpc_endpoint};
use crate::clients::Services;
use aws_sdk_ec2::types::{Filter, VpcEndpoint};
use pulumi_aws_framework::{
    aws::{Class, During},
    context::Context,
    error::{Gone, Result},
};

/// What is GuardDuty's in a VPC.
fn managed(vpc: &str) -> Vec<Filter> {
    vec![
        filter("vpc-id", vpc),
        filter("tag:GuardDutyManaged", "true"),
    ]
}

async fn endpoints(cx: &Context, vpc: &str) -> Result<Vec<VpcEndpoint>> {
    let found = cx.aws.ec2().describe_vpc_endpoints();
    let found = found.set_filters(Some(managed(vpc))).send().await;
    let found = found.during(format!("look for GuardDuty's endpoints in {vpc}"))?;
    let all = found.vpc_endpoints.unwrap_or_default().into_iter();
    Ok(all.filter(|e| !vpc_endpoint::is_dead(e.state())).collect())
}

/// Takes its endpoint out of a subnet that is to go, and away with the last one.
pub(super) async fn leave_subnet(cx: &Context, vpc: &str, subnet: &str) -> Result<()> {
    for endpoint in endpoints(cx, vpc).await? {
        let id = endpoint.vpc_endpoint_id().unwrap_or_default();
        match endpoint.subnet_ids() {
            [only] if only == subnet => remove_endpoint(cx, id).await?,
            subnets if subnets.iter().any(|each| each == subnet) => {
                let modify = cx.aws.ec2().modify_vpc_endpoint().vpc_endpoint_id(id);
                let modified = modify.remove_subnet_ids(subnet).send().await;
                later(modified.during(format!("take {id} out of {subnet}")))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes both from a VPC that is to go.
pub(super) async fn leave_vpc(cx: &Context, vpc: &str) -> Result<()> {
    for endpoint in endpoints(cx, vpc).await? {
        remove_endpoint(cx, endpoint.vpc_endpoint_id().unwrap_or_default()).await?;
    }
    let groups = cx.aws.ec2().describe_security_groups();
    let groups = groups.set_filters(Some(managed(vpc))).send().await;
    let groups = groups.during(format!("look for GuardDuty's security group in {vpc}"))?;
    for id in groups.security_groups().iter().filter_map(|g| g.group_id()) {
        let deleted = cx.aws.ec2().delete_security_group().group_id(id);
        later(deleted.send().await.during(format!("delete {id}")))?;
    }
    Ok(())
}

async fn remove_endpoint(cx: &Context, id: &str) -> Result<()> {
    later(vpc_endpoint::remove(cx, id).await)?;
    cx.say(&format!("removes {id}, which GuardDuty made"));
    Ok(())
}

/// What AWS refuses now is done the next time, unless it never will be.
fn later<T>(done: Result<T>) -> Result<()> {
    match done.gone() {
        Err(error) if error.class() == Some(Class::Denied) => Err(error),
        _ => Ok(()),
    }
}
