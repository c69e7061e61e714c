//! The network: a VPC and what is in it.

pub mod elastic_ip;
mod guardduty;
pub mod internet_gateway;
pub mod nat_gateway;
pub mod route;
pub mod route_table;
pub mod route_table_association;
pub mod security_group;
pub mod security_group_rule;
pub mod subnet;
#[cfg(test)]
mod tests;
pub mod vpc;
pub mod vpc_endpoint;

use crate::{clients::Services, resources::sdk::to_tags};
use aws_sdk_ec2::{
    config::retry::RetryConfig,
    types::{Filter, ResourceType, RouteTable, Tag, TagSpecification},
};
use ipnet::Ipv4Net;
use pulumi_aws_framework::{
    aws::{self, Clients, During, calls_of},
    context::{Context, Phase, Tags},
    error::{Error, Gone, Result},
    props::Cidr,
    resource::{self, Created, CustomResource, Listed, Tagged, Tagging},
};
use std::{net::Ipv4Addr, sync::Arc};
use tokio::sync::OnceCell;

/// The tags of a new object.
pub(crate) fn tag_specification(kind: ResourceType, tags: Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(to_tags(tags)))
        .build()
}

/// The tags of EC2's objects.
#[derive(Debug)]
pub struct Retag;

impl Tagging for Retag {
    async fn change(
        cx: &Context,
        object: Tagged<'_>,
        set: Tags,
        removed: Vec<String>,
    ) -> Result<()> {
        if !set.is_empty() {
            let tags = cx.aws.ec2().create_tags().resources(object.id);
            let tags = tags.set_tags(Some(to_tags(set))).send().await;
            tags.during(format!("tag {}", object.id))?;
        }
        if !removed.is_empty() {
            let key = |key| Tag::builder().key(key).build();
            let keys = removed.into_iter().map(key).collect();
            let tags = cx.aws.ec2().delete_tags().resources(object.id);
            let tags = tags.set_tags(Some(keys)).send().await;
            tags.during(format!("untag {}", object.id))?;
        }
        Ok(())
    }
}

/// A list's filters.
pub(crate) fn filters(all: &[resource::Filter]) -> Option<Vec<Filter>> {
    let filters = all.iter().map(|(name, value)| filter(name, value));
    Some(filters.collect())
}

/// The error of a refused delete, with the network interfaces that are the reason, found by that filter.
pub(crate) async fn refused(cx: &Context, error: Error, within: Filter) -> Error {
    let Error::Aws(mut error) = error else {
        return error;
    };
    let found = cx
        .aws
        .ec2()
        .describe_network_interfaces()
        .filters(within)
        .send()
        .await;
    let named = found
        .iter()
        .flat_map(|found| found.network_interfaces())
        .map(|interface| {
            let id = interface.network_interface_id().unwrap_or_default();
            format!(
                "{id} ({})",
                interface.description().unwrap_or("without description")
            )
        });
    let named: Vec<_> = named.collect();
    if !named.is_empty() {
        error.message = format!(
            "{}; it has the network interfaces {}",
            error.message,
            named.join(", ")
        );
    }
    (*error).into()
}

/// Removes what an interrupted run left of a kind, in what AWS refuses to delete, which a filter names: what carries our
/// seed, of a kind that holds no data.
pub(crate) async fn sweep<R: CustomResource>(
    cx: &Context,
    filter: &str,
    within: &str,
) -> Result<()> {
    // Another resource of the program may have made what shares the seed, and keep it.
    if cx.is_outside_component() {
        return Ok(());
    }
    let filters = [(filter.to_owned(), within.to_owned()), cx.identity.seeded()];
    let ours = |each: &Listed| cx.identity.shares_seed(&each.tags);
    let ids = resource::list::<R>(cx, &filters, ours).await?;
    remove::<R>(cx, ids.iter().map(String::as_str)).await
}

/// The same for all that a VPC holds.
pub(crate) async fn sweep_vpc(cx: &Context, vpc: &str) -> Result<()> {
    sweep::<nat_gateway::NatGateway>(cx, "vpc-id", vpc).await?;
    sweep::<vpc_endpoint::VpcEndpoint>(cx, "vpc-id", vpc).await?;
    sweep::<internet_gateway::InternetGateway>(cx, "attachment.vpc-id", vpc).await?;
    sweep::<subnet::Subnet>(cx, "vpc-id", vpc).await?;
    sweep::<security_group::SecurityGroup>(cx, "vpc-id", vpc).await?;
    sweep::<route_table::RouteTable>(cx, "vpc-id", vpc).await
}

/// Removes objects by their ids. One that is still in use is left for the next time.
async fn remove<R: CustomResource>(cx: &Context, ids: impl Iterator<Item = &str>) -> Result<()> {
    for id in ids {
        let read = calls_of(R::TOKEN, R::read(cx, id, None)).await;
        if let Some(state) = read.gone()?.flatten() {
            match calls_of(R::TOKEN, R::delete(cx, id, &state)).await.gone() {
                Ok(Some(())) => cx.say(&format!("removed {id}, left by an interrupted run")),
                Err(error) if error.class() != Some(aws::Class::InUse) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The SDK does not repeat such a call: where a service takes no client token, repeating a call whose answer was lost
/// creates a second object. [`Context::retry`] looks for the first before it tries again.
pub(crate) fn without_sdk_retries() -> aws_sdk_ec2::config::Builder {
    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// A filter for one value.
pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// A route table with its routes and associations.
pub(crate) async fn route_table(cx: &Context, id: &str) -> Result<Option<RouteTable>> {
    let found = cx
        .aws
        .ec2()
        .describe_route_tables()
        .route_table_ids(id)
        .send()
        .await
        .during(format!("read {id}"))
        .gone()?;
    Ok(found.and_then(|f| f.route_tables?.into_iter().next()))
}

/// What AWS takes as the addresses of a VPC or a subnet.
pub(crate) fn block(block: &Cidr) -> Result<(), String> {
    const RESERVED: [(Ipv4Addr, u8); 4] = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
    ];
    if !(16..=28).contains(&block.0.prefix_len()) {
        return Err(format!("{block} must be a /16 to /28"));
    }
    let reserved = RESERVED.map(|(address, length)| Ipv4Net::new_assert(address, length));
    match reserved.iter().find(|net| net.contains(&block.0)) {
        Some(net) => Err(format!(
            "{block} is in {net}, which AWS refuses; use private addresses such as 10.0.0.0/16"
        )),
        None => Ok(()),
    }
}

/// What AWS takes as a name or a description in a security group.
pub(crate) fn description(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() > 255 {
        return Err(format!(
            "has {} characters; at most 255 are allowed",
            text.len()
        ));
    }
    match text.chars().find(|c| !allowed(*c)) {
        Some(other) => Err(format!(
            "contains {other:?}; AWS allows only letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
        )),
        None => Ok(()),
    }
}

/// Whether the object of an answer still exists: to a token that was used before, AWS answers with the object that it
/// made then, even after that was deleted.
async fn still_exists<R: CustomResource>(
    cx: &Context,
    id: &str,
    inputs: &R::Inputs,
) -> Result<bool> {
    let look = || async {
        match R::read(cx, id, Some(inputs)).await? {
            Some(_) => Ok(()),
            None => Err(aws::Error::missing(format!("read {id}")).into()),
        }
    };
    let found = cx.retry("looking", Phase::Create, look).await.gone()?;
    Ok(found.is_some())
}

/// Makes an object with a token, so that a repetition makes no second. `make` answers what AWS made.
pub(crate) async fn with_token<R, M>(
    cx: &Context,
    what: &str,
    inputs: &R::Inputs,
    make: impl Fn(String) -> M,
) -> Result<Created<R>>
where
    R: CustomResource,
    M: Future<Output = Result<Created<R>>>,
{
    for token in cx.identity.tokens() {
        let created = match make(token).await {
            // An interrupted create made it before the program changed.
            Err(error) if error.code() == Some("IdempotentParameterMismatch") => {
                match Created::interrupted(cx).await? {
                    Some(left) => return Ok(left),
                    None => continue,
                }
            }
            made => made?,
        };
        if cx.is_first() || still_exists::<R>(cx, created.id(), inputs).await? {
            return Ok(created);
        }
    }
    Err(Error::failed(format!(
        "could not create {what}: AWS answers with one that was deleted; run the command again tomorrow, or rename \
         the resource"
    )))
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) id: String,
}

/// The region's availability zones, sorted by name; local and wavelength zones are left out. Asked once.
pub(crate) async fn zones(aws: &Clients) -> Result<Vec<Zone>> {
    let known = aws.shared(|_| Arc::<OnceCell<Vec<Zone>>>::default());
    let zones = known.get_or_try_init(|| async {
        let found = aws
            .ec2()
            .describe_availability_zones()
            .filters(filter("zone-type", "availability-zone"))
            .filters(filter("state", "available"))
            .send()
            .await
            .during(format!("list the availability zones of {}", aws.region()))?;
        let zone = |z: &aws_sdk_ec2::types::AvailabilityZone| Zone {
            name: z.zone_name().unwrap_or_default().to_owned(),
            id: z.zone_id().unwrap_or_default().to_owned(),
        };
        let mut zones: Vec<_> = found.availability_zones().iter().map(zone).collect();
        zones.sort();
        Ok::<_, Error>(zones)
    });
    zones.await.cloned()
}
