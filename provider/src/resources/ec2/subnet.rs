//! `dbt-aws:ec2:Subnet`.

use super::Zone;
use super::{filter, guardduty, nat_gateway::NatGateway, refused, sweep, tag_specification};
use crate::prelude::*;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Subnet as Found};

/// A part of a VPC's addresses, in one availability zone.
#[derive(Debug)]
pub struct Subnet;

/// What a subnet is made from.
#[derive(Clone, Debug, Props)]
pub struct SubnetInputs {
    /// The id of the VPC.
    #[prop(replace, check = formats::id("vpc"))]
    pub vpc_id: String,
    /// The IPv4 addresses: a block of /16 to /28 inside the VPC's block.
    #[prop(replace, check = super::block)]
    pub cidr_block: Cidr,
    /// The availability zone, such as `eu-west-1a`. Excludes `zoneIndex` and `excludedZones`.
    #[prop(replace)]
    pub availability_zone: Option<String>,
    /// The index of the availability zone in the region's list of zones, from 0. Zones where AWS has no NAT gateways, no
    /// Fargate or no newer machines come last: `apne1-az3`, `cac1-az3`, `cnn1-az3`, `use1-az3` and `usw1-az2`. The zone is
    /// chosen when the subnet is created, and does not change with the list or the index. Default: 0.
    #[prop(input_only, check = formats::at_least(0))]
    pub zone_index: Option<i64>,
    /// The names of the availability zones that `zoneIndex` skips, because they already have subnets. They only count when
    /// the subnet is created. Default: none.
    #[prop(input_only)]
    pub excluded_zones: Option<Vec<String>>,
    /// Whether network interfaces get a public IPv4 address. Default: `false`.
    #[prop(default = false)]
    pub map_public_ip_on_launch: bool,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a subnet.
#[derive(Clone, Debug, Props)]
pub struct SubnetOutputs {
    /// The subnet's id.
    pub subnet_id: String,
    /// The ARN.
    pub arn: String,
    /// The availability zone that it is in.
    pub availability_zone: String,
}

impl CustomResource for Subnet {
    const TOKEN: &'static str = "dbt-aws:ec2:Subnet";
    const DOC: &'static str = "A part of a VPC's addresses, in one availability zone.\n\nImport with the subnet's id, `subnet-...`, or the ARN. See [subnets](https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSubnet",
        "ec2:CreateTags",
        "ec2:DeleteSubnet",
        "ec2:DeleteTags",
        "ec2:DeleteVpcEndpoints",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeNatGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:ModifySubnetAttribute",
        "ec2:ModifyVpcEndpoint",
    ];
    const IDS: Option<Ids> = Some(Ids::number("subnet-0123456789abcdef0", "ec2", "subnet/"));
    const EXCLUSIVE_SLOT: &'static [&'static str] = &["vpcId"];
    type Inputs = SubnetInputs;
    type Outputs = SubnetOutputs;
    type Tagging = super::Retag;

    fn check(check: &mut Check<'_>) {
        check.at_most_one(&["availabilityZone", "zoneIndex"]);
        check.at_most_one(&["availabilityZone", "excludedZones"]);
    }

    /// The zone stays: another index, or none, means the next subnet.
    fn fill_in(
        _scope: &CheckScope<'_>,
        inputs: &mut Properties,
        old: &Properties,
        _warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let kept = |key: &str| Some((key.to_owned(), old.get(key)?.clone()));
        if !old.is_empty() {
            for key in ["zoneIndex", "excludedZones"] {
                inputs.remove(key);
                inputs.extend(kept(key));
            }
            if !inputs.contains_key("availabilityZone") {
                inputs.extend(kept("availabilityZone"));
            }
        }
        Ok(())
    }

    async fn create(cx: &Context, inputs: &SubnetInputs) -> Result<Created<Self>> {
        let what = format!("the subnet {} ({})", cx.identity.name(), inputs.cidr_block);
        let zone = match &inputs.availability_zone {
            Some(zone) => zone.clone(),
            None => {
                let excluded = inputs.excluded_zones.as_deref().unwrap_or_default();
                zone_at(cx, inputs.zone_index.unwrap_or(0), excluded).await?
            }
        };
        let made = cx
            .aws
            .ec2()
            .create_subnet()
            .vpc_id(&inputs.vpc_id)
            .cidr_block(inputs.cidr_block.to_string())
            .availability_zone(zone)
            .tag_specifications(tag_specification(
                ResourceType::Subnet,
                cx.tags(inputs.tags.as_ref()),
            ))
            .send()
            .await
            .during(format!("create {what}"));
        let error = match made {
            Ok(made) => {
                let subnet = made.subnet.unwrap_or_else(|| Found::builder().build());
                let id = subnet.subnet_id().unwrap_or_default();
                return Ok(Created::Known(id.to_owned(), outputs(&subnet)));
            }
            Err(error) if error.is_already_exists() => error,
            Err(error) => return Err(error),
        };
        // AWS keeps two subnets from the same addresses: the one that is there may be ours.
        let place = [
            filter("vpc-id", &inputs.vpc_id),
            filter("cidr-block", &inputs.cidr_block.to_string()),
        ];
        let there = cx
            .aws
            .ec2()
            .describe_subnets()
            .set_filters(Some(place.into()))
            .send()
            .await
            .during(format!("look for {what}"))?;
        match there.subnets().first() {
            Some(subnet) => Created::adopt(
                cx,
                subnet.subnet_id().unwrap_or_default(),
                &what,
                &from_tags(subnet.tags()),
            ),
            None => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &SubnetInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        if new.map_public_ip_on_launch != old.is_some_and(|o| o.inputs.map_public_ip_on_launch) {
            let value = AttributeBooleanValue::builder()
                .value(new.map_public_ip_on_launch)
                .build();
            let modify = cx
                .aws
                .ec2()
                .modify_subnet_attribute()
                .subnet_id(id)
                .map_public_ip_on_launch(value);
            modify
                .send()
                .await
                .during(format!("set public addresses of {id}"))?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&SubnetInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = cx
            .aws
            .ec2()
            .describe_subnets()
            .subnet_ids(id)
            .send()
            .await
            .during(format!("read {id}"))
            .gone()?;
        let Some(subnet) = found.as_ref().and_then(|f| f.subnets().first()) else {
            return Ok(None);
        };
        let zone = subnet.availability_zone().unwrap_or_default().to_owned();
        Ok(Some(State {
            inputs: SubnetInputs {
                vpc_id: subnet.vpc_id().unwrap_or_default().to_owned(),
                cidr_block: Cidr::parse(subnet.cidr_block().unwrap_or_default())
                    .map_err(Error::failed)?,
                availability_zone: Some(zone.clone()),
                zone_index: known.and_then(|k| k.zone_index),
                excluded_zones: known.and_then(|k| k.excluded_zones.clone()),
                map_public_ip_on_launch: subnet.map_public_ip_on_launch().unwrap_or(false),
                tags: Some(from_tags(subnet.tags())),
            },
            outputs: outputs(subnet),
        }))
    }

    list!(
        ec2.describe_subnets[next_token, set_next_token, set_filters].subnets,
        |subnet| subnet.subnet_id(),
        subnet.tags()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let deleted = cx.aws.ec2().delete_subnet().subnet_id(id).send().await;
        match deleted.during(format!("delete {id}")) {
            Ok(_) => Ok(()),
            Err(error) if cx.is_still_in_use(&error) => {
                sweep::<NatGateway>(cx, "subnet-id", id).await?;
                guardduty::leave_subnet(cx, &state.inputs.vpc_id, id).await?;
                Err(refused(cx, error, filter("subnet-id", id)).await)
            }
            Err(error) => Err(error),
        }
    }
}

fn outputs(subnet: &Found) -> SubnetOutputs {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    SubnetOutputs {
        subnet_id: text(subnet.subnet_id()),
        arn: text(subnet.subnet_arn()),
        availability_zone: text(subnet.availability_zone()),
    }
}

/// The zones that lack what others have, by their ids, which mean the same place in every account.
const CONSTRAINED: [&str; 5] = ["apne1-az3", "cac1-az3", "cnn1-az3", "use1-az3", "usw1-az2"];

/// The zone at that place, without those that are excluded: the constrained ones come last.
fn at<'a>(zones: &'a [Zone], index: i64, excluded: &[String]) -> Option<&'a Zone> {
    let left = zones.iter().filter(|zone| !excluded.contains(&zone.name));
    let (last, first): (Vec<_>, Vec<_>) =
        left.partition(|zone| CONSTRAINED.contains(&zone.id.as_str()));
    let mut all = first.into_iter().chain(last);
    all.nth(usize::try_from(index).ok()?)
}

/// The name of the region's zone at that place.
async fn zone_at(cx: &Context, index: i64, excluded: &[String]) -> Result<String> {
    let zones = super::zones(&cx.aws).await?;
    let zone = at(&zones, index, excluded);
    zone.map(|zone| zone.name.clone()).ok_or_else(|| {
        let names: Vec<_> = zones.iter().map(|zone| zone.name.as_str()).collect();
        let without = match excluded {
            [] => String::new(),
            excluded => format!(", of which {} are excluded", excluded.join(", ")),
        };
        Error::failed(format!(
            "zoneIndex: {index} is too large, {} has {} availability zones ({}){without}; give a smaller one",
            cx.aws.region(),
            zones.len(),
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::refusals::scoped;
    use pulumi_aws_framework::resource::erase;

    fn properties(zone: &[(&str, Value)]) -> Properties {
        let place = [
            ("vpcId", Value::from("vpc-1")),
            ("cidrBlock", Value::from("10.0.0.0/20")),
        ];
        let all = place.iter().chain(zone);
        all.map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn constrained_zones_come_last() {
        let ids = ["use1-az6", "use1-az3", "use1-az1"];
        let zone = |(index, id): (usize, &&str)| Zone {
            name: format!("us-east-1{}", ['a', 'b', 'c'][index]),
            id: (*id).to_owned(),
        };
        let zones: Vec<_> = ids.iter().enumerate().map(zone).collect();
        let chosen = |excluded: &[&str]| {
            let excluded: Vec<_> = excluded.iter().map(|e| (*e).to_owned()).collect();
            let all = (0..).map_while(|index| at(&zones, index, &excluded));
            all.map(|zone| zone.id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[]), ["use1-az6", "use1-az1", "use1-az3"]);
        assert_eq!(chosen(&["us-east-1a"]), ["use1-az1", "use1-az3"]);
        assert!(at(&zones, -1, &[]).is_none());
    }

    #[test]
    fn the_zone_is_chosen_once() {
        let (a, b) = (
            ("availabilityZone", Value::from("a")),
            ("availabilityZone", Value::from("b")),
        );
        let (by_index, by_name) = (
            properties(&[("zoneIndex", Value::Number(0.0))]),
            properties(std::slice::from_ref(&a)),
        );
        let replaces = |old: &Properties, mut news: Properties| {
            scoped(false, &Value::Null, |scope| {
                Subnet::fill_in(scope, &mut news, old, &mut Vec::new()).expect("completes");
            });
            let found =
                erase::<Subnet>().diff(old, &properties(std::slice::from_ref(&a)), &news, &[]);
            found
                .changes
                .into_iter()
                .map(|c| c.replace)
                .collect::<Vec<_>>()
        };
        assert_eq!(replaces(&by_index, by_name.clone()), [false; 0]);
        assert_eq!(replaces(&by_index, properties(&[b])), [true]);
        assert_eq!(replaces(&by_name, by_index.clone()), [false; 0]);
        let another_index = properties(&[("zoneIndex", Value::Number(2.0))]);
        assert_eq!(replaces(&by_index, another_index), [false; 0]);
    }
}
