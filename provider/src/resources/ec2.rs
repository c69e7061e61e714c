//! The network: a VPC and what is in it.

pub mod subnet;
pub mod vpc;

use crate::aws::{Clients, During};
use crate::context::{Context, Tags};
use crate::error::Result;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

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

/// The names of the region's availability zones, sorted; local and wavelength zones are left out.
pub(crate) async fn zones(aws: &Clients) -> Result<Vec<String>> {
    let zones = aws
        .ec2()
        .describe_availability_zones()
        .filters(filter("zone-type", "availability-zone"))
        .filters(filter("state", "available"))
        .send()
        .await
        .during(format!("list the availability zones of {}", aws.region()))?;
    let mut names: Vec<_> = zones
        .availability_zones()
        .iter()
        .filter_map(|z| z.zone_name().map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}
