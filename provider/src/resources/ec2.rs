//! The network: a VPC and what is in it.

pub mod elastic_ip;
pub mod internet_gateway;
pub mod nat_gateway;
pub mod route;
pub mod route_table;
pub mod route_table_association;
pub mod security_group;
pub mod security_group_rule;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;

use crate::{
    aws::{self, Clients, During, Zone},
    context::{Context, Phase, Tags},
    error::{Error, Gone, Result},
    resource::CustomResource,
};
use aws_sdk_ec2::{
    primitives::DateTime,
    types::{Filter, ResourceType, RouteTable, Tag, TagSpecification},
};
use std::time::SystemTime;

/// The tags of a new object.
pub(crate) fn tag_specification(kind: ResourceType, tags: Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(to_tags(tags)))
        .build()
}

fn to_tags(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

/// The tags of a described object.
pub(crate) fn from_tags(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|t| {
            Some((
                t.key()?.to_owned(),
                t.value().unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

/// Brings the tags of an object from `old` to `new`.
pub(crate) async fn retag(
    cx: &Context,
    id: &str,
    old: Option<&Tags>,
    new: Option<&Tags>,
) -> Result<()> {
    let (set, removed) = cx.tag_changes(old, new);
    if !set.is_empty() {
        let tags = Some(to_tags(set));
        cx.aws
            .ec2()
            .create_tags()
            .resources(id)
            .set_tags(tags)
            .send()
            .await
            .during(format!("tag {id}"))?;
    }
    if !removed.is_empty() {
        let tags = removed
            .into_iter()
            .map(|key| Tag::builder().key(key).build())
            .collect();
        cx.aws
            .ec2()
            .delete_tags()
            .resources(id)
            .set_tags(Some(tags))
            .send()
            .await
            .during(format!("untag {id}"))?;
    }
    Ok(())
}

/// The filter for the object that an interrupted create of this very resource and generation left.
pub(crate) fn marked(cx: &Context) -> Filter {
    filter(
        &format!("tag:{}", crate::identity::MARKER),
        &cx.identity.marker(),
    )
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

/// What AWS takes as a name or a description in a security group.
pub(crate) fn description(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() > 255 {
        return Err(format!(
            "must have 255 characters at most, not {}",
            text.len()
        ));
    }
    match text.chars().find(|c| !allowed(*c)) {
        Some(other) => Err(format!(
            "must not have {other:?}; AWS takes letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
        )),
        None => Ok(()),
    }
}

/// Whether something was made since the operation began, to the second, as AWS tells it.
pub(crate) fn is_new(cx: &Context, made: Option<&DateTime>) -> bool {
    let began = SystemTime::now().checked_sub(cx.started.elapsed());
    match (made, began.map(DateTime::from)) {
        (Some(made), Some(began)) => made.secs() >= began.secs(),
        _ => false,
    }
}

/// Whether the object that AWS answered a token with lives: to a token that was used before it answers with what it
/// made then, even when that has gone.
pub(crate) async fn lives<R: CustomResource>(
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

/// Every token leads to an object that has gone.
pub(crate) fn spent(what: &str) -> Error {
    Error::failed(format!(
        "could not create {what}: AWS answers with one that was deleted; run the command again tomorrow, or rename \
         the resource"
    ))
}

/// The region's availability zones, sorted by name; local and wavelength zones are left out. Asked once.
pub(crate) async fn zones(aws: &Clients) -> Result<&[Zone]> {
    let zones = aws.zones.get_or_try_init(|| async {
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
    Ok(zones.await?)
}
