//! The platform's network: a new one, or one that is there already.

use crate::{
    aws::Aws,
    component::{Child, Scope},
    output::{all, defaults},
    prelude::*,
    resources::ec2::{
        elastic_ip::{ElasticIp, ElasticIpArgs},
        internet_gateway::{InternetGateway, InternetGatewayArgs},
        nat_gateway::{NatGateway as Nat, NatGatewayArgs},
        route::{Route, RouteArgs},
        route_table::{RouteTable, RouteTableArgs},
        route_table_association::{RouteTableAssociation, RouteTableAssociationArgs},
        security_group::{SecurityGroup, SecurityGroupArgs},
        security_group_rule::{
            SecurityGroupRule, SecurityGroupRuleArgs, SecurityGroupRuleProtocol,
            SecurityGroupRuleType,
        },
        subnet::{Subnet, SubnetArgs},
        vpc::{Vpc, VpcArgs},
        vpc_endpoint::{VpcEndpoint, VpcEndpointArgs},
        zones,
    },
    words,
};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// A VPC's block, where none is given.
const BLOCK: Cidr = Cidr(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16));
/// Blocks for this many zones are reserved from the start, so that growth renumbers nothing.
const MOST_ZONES: u32 = 6;
/// A VPC's block is cut into 2 to the power of this many: one in eight is a zone's private subnet, one its public one.
const CUT: u8 = 4;
/// The first public block.
const PUBLIC: u32 = 8;

words! {
    /// How tasks reach the internet.
    pub enum NetworkMode {
        /// From private subnets through NAT.
        Nat = "nat",
        /// From public subnets with public addresses, without NAT: about 33 USD a month less.
        Public = "public",
    }
}

words! {
    /// How many NAT gateways there are.
    pub enum NetworkNatGateways {
        /// One for all zones.
        One = "one",
        /// One in each zone: a failing zone takes no other with it.
        PerZone = "perZone",
    }
}

/// The network. Either a new one, or `existing`. Another VPC replaces the database with an empty one.
#[derive(Clone, Debug, Props)]
pub struct PlatformNetwork {
    /// How tasks reach the internet. Default: `nat`.
    #[prop(plain)]
    pub mode: Option<NetworkMode>,
    /// The VPC's addresses, a block of /16 to /22. A change replaces the VPC, and the database with an empty one. Default:
    /// `10.0.0.0/16`.
    #[prop(check = size)]
    pub cidr_block: Option<Cidr>,
    /// In how many availability zones there are subnets, 2 to 6. Growing it replaces nothing. Default: 2.
    #[prop(plain, check = zone_count)]
    pub zone_count: Option<i64>,
    /// The availability zones by name, 2 to 6. Excludes `zoneCount`.
    #[prop(plain)]
    pub zones: Option<Vec<String>>,
    /// One NAT gateway, or one in each zone; only with `mode: nat`. Default: `one`.
    #[prop(plain)]
    pub nat_gateways: Option<NetworkNatGateways>,
    /// An existing network; nothing of it is changed. Excludes the rest.
    #[prop(plain)]
    pub existing: Option<NetworkExisting>,
}

/// An existing network. Tasks must be able to reach ECR, S3, CloudWatch Logs, Secrets Manager and the warehouse
/// from its subnets.
#[derive(Clone, Debug, Props)]
pub struct NetworkExisting {
    /// The VPC's id. A change replaces the database with an empty one.
    #[prop(check = formats::id("vpc"))]
    pub vpc_id: String,
    /// The subnets that tasks run in.
    #[prop(check = subnets)]
    pub task_subnet_ids: Vec<String>,
    /// The subnets of the warehouse, in two zones at least. Default: the tasks'.
    #[prop(check = subnets)]
    pub warehouse_subnet_ids: Option<Vec<String>>,
    /// Whether tasks get public addresses. Default: `false`.
    #[prop(default = false)]
    pub assign_public_ip: bool,
    /// More security groups for the tasks, beside the one that is made.
    #[prop(check = formats::each(formats::id("sg")))]
    pub security_group_ids: Option<Vec<String>>,
}

fn subnets(ids: &[String]) -> Result<(), String> {
    match ids.is_empty() {
        true => Err("give one subnet at least".to_owned()),
        false => formats::each(formats::id("subnet"))(ids),
    }
}

fn size(block: &Cidr) -> Result<(), String> {
    match block.0.prefix_len() {
        16..=22 => Ok(()),
        0..=15 => Err(format!("{block} is too large; give a /16 to /22")),
        _ => Err(format!(
            "{block} is too small for six zones; give a /16 to /22"
        )),
    }
}

fn zone_count(count: &i64) -> Result<(), String> {
    if (2..=i64::from(MOST_ZONES)).contains(count) {
        Ok(())
    } else {
        Err(format!("{count} is not 2 to {MOST_ZONES}"))
    }
}

pub(super) fn check(check: &mut Check<'_>) {
    let Some(given) = check.value("network").map(Value::into_properties) else {
        return;
    };
    let has = |key: &str| given.get(key).is_some_and(|v| !v.is_null());
    let rest = ["mode", "cidrBlock", "zoneCount", "zones", "natGateways"];
    if has("existing") {
        for key in rest.into_iter().filter(|key| has(key)) {
            check.fail(
                format!("network.{key}"),
                "goes with a new network, not with network.existing; give only one of them",
            );
        }
    }
    check.at_most_one(&["network.zones", "network.zoneCount"]);
    if let Some(Value::List(zones)) = given.get("zones").map(Value::peel) {
        if !(2..=MOST_ZONES as usize).contains(&zones.len()) {
            check.fail("network.zones", format!("name 2 to {MOST_ZONES} zones"));
        }
        if (1..zones.len()).any(|i| zones[..i].contains(&zones[i])) {
            check.fail("network.zones", "names a zone twice");
        }
    }
    if has("natGateways") && given.get("mode").and_then(Value::as_str) == Some("public") {
        check.fail("network.natGateways", "goes with network.mode nat alone");
    }
}

/// Asks for the region's zones where more are wanted than every region has, or some by name.
pub(super) async fn look(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
    let given = inputs.get("network").map(Value::plain).unwrap_or_default();
    let (count, names) = (given.field("zoneCount"), given.field("zones"));
    if names.is_null() && !matches!(count, Value::Number(n) if n > 2.0) {
        return Ok(Vec::new());
    }
    let clients = aws.clients(aws.region()).await?;
    let there = zones(&clients).await?;
    let there: Vec<_> = there.iter().map(|zone| zone.name.as_str()).collect();
    Ok(missing(&count, &names, aws.region(), &there))
}

/// The zones that a region does not have.
fn missing(count: &Value, names: &Value, region: &str, there: &[&str]) -> Vec<Failure> {
    let has = format!(
        "{region} has {} availability zones: {}",
        there.len(),
        there.join(", ")
    );
    let failure = |path: String, what: String| Failure {
        path,
        reason: format!("{what}; {has}"),
    };
    let mut found = Vec::new();
    if let Value::Number(count) = count
        && *count > there.len() as f64
    {
        let what = format!("{count} are too many");
        found.push(failure("network.zoneCount".to_owned(), what));
    }
    if let Value::List(names) = names {
        for (index, name) in names.iter().enumerate() {
            if let Some(name) = name.as_str().filter(|name| !there.contains(name)) {
                let what = format!("there is no zone {name:?}");
                found.push(failure(format!("network.zones[{index}]"), what));
            }
        }
    }
    found
}

/// Where tasks and the warehouse are.
pub(super) struct Place {
    pub(super) vpc_id: Output<String>,
    pub(super) task_subnets: Output<Vec<String>>,
    pub(super) private_subnets: Output<Vec<String>>,
    pub(super) public_subnets: Output<Vec<String>>,
    pub(super) assign_public_ip: Output<bool>,
    /// The tasks' own group.
    pub(super) task_group: Child<SecurityGroup>,
    /// All groups that tasks are in.
    pub(super) task_groups: Output<Vec<String>>,
}

pub(super) fn expand(
    scope: &Scope,
    network: Option<PlatformNetworkArgs>,
    tags: &Output<Tags>,
) -> Result<Place, Failure> {
    let network = network.map_or_else(defaults::<PlatformNetwork>, Ok)?;
    Ok(match network.existing {
        Some(existing) => found(scope, existing, tags),
        None => made(scope, network, tags),
    })
}

fn found(scope: &Scope, existing: NetworkExistingArgs, tags: &Output<Tags>) -> Place {
    let NetworkExistingArgs {
        vpc_id,
        task_subnet_ids,
        warehouse_subnet_ids,
        assign_public_ip,
        security_group_ids,
    } = existing;
    let task_group = task_group(scope, &vpc_id, tags);
    let task_groups =
        all((task_group.id.clone(), security_group_ids.optional())).map(|(own, more)| {
            let mut groups = vec![own];
            groups.extend(more.unwrap_or_default());
            groups
        });
    let private_subnets = all((warehouse_subnet_ids.optional(), task_subnet_ids.clone()))
        .map(|(own, tasks)| own.unwrap_or(tasks));
    Place {
        vpc_id,
        task_subnets: task_subnet_ids,
        private_subnets,
        public_subnets: Vec::new().into(),
        assign_public_ip,
        task_group,
        task_groups,
    }
}

fn made(scope: &Scope, network: PlatformNetworkArgs, tags: &Output<Tags>) -> Place {
    let mode = network.mode.unwrap_or(NetworkMode::Nat);
    let block = network.cidr_block.or(BLOCK);
    let named = network.zones.unwrap_or_default();
    let zones = match named.len() {
        0 => usize::try_from(network.zone_count.unwrap_or(2)).unwrap_or(2),
        count => count,
    };
    let vpc = scope.child::<Vpc>(
        "vpc",
        VpcArgs {
            cidr_block: block.clone(),
            close_default_security_group: true.into(),
            tags: tags.clone(),
            ..Default::default()
        },
    );
    let subnet = |kind: &str, zone: usize, first: u32| {
        let index = first + u32::try_from(zone).unwrap_or_default();
        let own = block.map(move |block| part(block, index));
        let (name, by_index) = match named.get(zone) {
            Some(name) => (name.clone(), Output::default()),
            None => (
                Output::default(),
                Output::from(i64::try_from(zone).unwrap_or_default()),
            ),
        };
        let args = SubnetArgs {
            vpc_id: vpc.id.clone(),
            cidr_block: own,
            availability_zone: name,
            zone_index: by_index,
            tags: tags.clone(),
            ..Default::default()
        };
        scope.child::<Subnet>(&format!("{kind}-{zone}"), args)
    };
    let private: Vec<_> = (0..zones).map(|zone| subnet("private", zone, 0)).collect();
    let public: Vec<_> = (0..zones)
        .map(|zone| subnet("public", zone, PUBLIC))
        .collect();
    let table = |name: &str| {
        let args = RouteTableArgs {
            vpc_id: vpc.id.clone(),
            tags: tags.clone(),
        };
        scope.child::<RouteTable>(name, args)
    };
    let associate = |kind: &str, zone: usize, subnet: &Child<Subnet>, table: &Child<RouteTable>| {
        let args = RouteTableAssociationArgs {
            route_table_id: table.id.clone(),
            subnet_id: subnet.id.clone(),
        };
        scope.child::<RouteTableAssociation>(&format!("{kind}-association-{zone}"), args);
    };

    let gateway = scope.child::<InternetGateway>(
        "internet",
        InternetGatewayArgs {
            vpc_id: vpc.id.clone(),
            tags: tags.clone(),
        },
    );
    let public_table = table("public-routes");
    let out = RouteArgs {
        route_table_id: public_table.id.clone(),
        destination_cidr_block: anywhere(),
        gateway_id: gateway.id.clone(),
        ..Default::default()
    };
    scope.child::<Route>("public-route", out);
    for (zone, subnet) in public.iter().enumerate() {
        associate("public", zone, subnet, &public_table);
    }
    // A table for each zone, so that more NAT gateways change routes and nothing else.
    let private_tables: Vec<_> = (0..zones)
        .map(|zone| table(&format!("private-routes-{zone}")))
        .collect();
    for (zone, subnet) in private.iter().enumerate() {
        associate("private", zone, subnet, &private_tables[zone]);
    }
    if mode == NetworkMode::Nat {
        let gateways = match network.nat_gateways {
            Some(NetworkNatGateways::PerZone) => zones,
            _ => 1,
        };
        let nats: Vec<_> = (0..gateways)
            .map(|zone| {
                let address = scope.child::<ElasticIp>(
                    &format!("nat-address-{zone}"),
                    ElasticIpArgs { tags: tags.clone() },
                );
                let args = NatGatewayArgs {
                    allocation_id: address.id.clone(),
                    subnet_id: public[zone].id.clone(),
                    tags: tags.clone(),
                };
                // AWS makes none in a VPC without a way to the internet.
                scope.child_after::<Nat>(&format!("nat-{zone}"), args, [gateway.id.erase()])
            })
            .collect();
        for (zone, table) in private_tables.iter().enumerate() {
            let args = RouteArgs {
                route_table_id: table.id.clone(),
                destination_cidr_block: anywhere(),
                nat_gateway_id: nats[zone.min(gateways - 1)].id.clone(),
                ..Default::default()
            };
            scope.child::<Route>(&format!("private-route-{zone}"), args);
        }
    }
    let tables = private_tables
        .iter()
        .chain([&public_table])
        .map(|t| t.id.clone());
    let endpoint = VpcEndpointArgs {
        vpc_id: vpc.id.clone(),
        service_name: Output::from_value("s3".into()),
        route_table_ids: Output::set(tables),
        tags: tags.clone(),
        ..Default::default()
    };
    scope.child::<VpcEndpoint>("s3-endpoint", endpoint);

    let ids = |subnets: &[Child<Subnet>]| Output::list(subnets.iter().map(|s| s.id.clone()));
    let task_group = task_group(scope, &vpc.id, tags);
    Place {
        vpc_id: vpc.id.clone(),
        task_subnets: if mode == NetworkMode::Public {
            ids(&public)
        } else {
            ids(&private)
        },
        private_subnets: ids(&private),
        public_subnets: ids(&public),
        assign_public_ip: (mode == NetworkMode::Public).into(),
        task_groups: Output::list([task_group.id.clone()]),
        task_group,
    }
}

/// The security group of tasks: out to anywhere, in from nowhere.
fn task_group(scope: &Scope, vpc_id: &Output<String>, tags: &Output<Tags>) -> Child<SecurityGroup> {
    let args = SecurityGroupArgs {
        vpc_id: vpc_id.clone(),
        description: "dbt tasks".into(),
        tags: tags.clone(),
        ..Default::default()
    };
    let group = scope.child::<SecurityGroup>("tasks", args);
    let out = SecurityGroupRuleArgs {
        security_group_id: group.id.clone(),
        r#type: SecurityGroupRuleType::Egress.into(),
        protocol: SecurityGroupRuleProtocol::All.into(),
        cidr_block: anywhere(),
        description: "to the warehouse, AWS and package indexes".into(),
        tags: tags.clone(),
        ..Default::default()
    };
    scope.child::<SecurityGroupRule>("tasks-out", out);
    group
}

pub(super) fn anywhere() -> Output<Cidr> {
    Cidr(Ipv4Net::default()).into()
}

/// The part of a VPC's block with that index.
pub(super) fn part(block: Cidr, index: u32) -> Cidr {
    let length = block.0.prefix_len() + CUT;
    let first = u32::from(block.0.network()) + (index << (32 - length));
    Ipv4Net::new(first.into(), length).map_or(block, Cidr)
}

#[cfg(test)]
mod tests {
    use super::missing;
    use crate::value::Value;
    use expect_test::expect;

    #[test]
    fn zones_that_a_region_does_not_have_are_named() {
        let there = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
        let look = |count, names: &[&str]| {
            let names = names.iter().map(|name| Value::from(*name)).collect();
            let found = missing(
                &Value::Number(count),
                &Value::List(names),
                "eu-west-1",
                &there,
            );
            found.iter().map(|f| format!("{f}\n")).collect::<String>()
        };
        assert_eq!(look(3.0, &there), "");
        expect![[r#"
            network.zoneCount: 4 are too many; eu-west-1 has 3 availability zones: eu-west-1a, eu-west-1b, eu-west-1c
            network.zones[1]: there is no zone "eu-west-1d"; eu-west-1 has 3 availability zones: eu-west-1a, eu-west-1b, eu-west-1c
        "#]]
        .assert_eq(&look(4.0, &["eu-west-1a", "eu-west-1d"]));
    }
}
