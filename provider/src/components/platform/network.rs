//! The platform's network: a new one, or one that is there already.

use super::zones::{self, NetworkZone, ZonePlace};
use crate::{
    prelude::*,
    resources::ec2::{
        self,
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
    },
};
use ipnet::Ipv4Net;
use pulumi_aws_framework::{
    component::{Child, Scope},
    output::{all, defaults},
};
use std::net::Ipv4Addr;

/// A VPC's block, where none is given.
const BLOCK: Cidr = Cidr(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16));
/// A VPC's block is cut into 2 to the power of this many: one in eight is a zone's private subnet, one its public one.
const CUT: u8 = 4;
/// The first public block.
const PUBLIC: u32 = 8;

words! {
    /// How tasks reach the internet.
    pub enum NetworkMode {
        /// From private subnets through NAT.
        Nat = "nat",
        /// From public subnets with public addresses, without NAT: about 37 USD a month less.
        Public = "public",
    }
}

words! {
    /// How many NAT gateways there are.
    pub enum NetworkNatGateways {
        /// One for all zones.
        One = "one",
        /// One in each zone, so that a zone that fails does not affect the others.
        PerZone = "perZone",
    }
}

/// The network. Either a new one, or `existing`. Another VPC replaces the database with an empty one.
#[derive(Clone, Debug, Props)]
pub struct PlatformNetwork {
    /// How tasks reach the internet. Default: `nat`.
    #[prop(plain)]
    pub mode: Option<NetworkMode>,
    /// The VPC's IPv4 addresses, preferably private: a block of /16 to /22, which all have space for six zones. A change
    /// replaces the VPC, and the database with an empty one. Default: `10.0.0.0/16`.
    #[prop(check = size)]
    pub cidr_block: Option<Cidr>,
    /// The number of availability zones that get subnets: 2 to 6. A change keeps the subnets of zones that stay.
    /// Default: 2.
    #[prop(plain, check = formats::between(2, i64::from(zones::MOST)))]
    pub zone_count: Option<i64>,
    /// The names of the availability zones that get subnets: 2 to 6, in any order. A change keeps the subnets of zones
    /// that stay. AWS refuses to remove the zone of the database. Excludes `zoneCount`. Default: `zoneCount` zones, the
    /// first of AWS's list.
    #[prop(plain)]
    pub zones: Option<Vec<String>>,
    /// The number of NAT gateways: one, or one in each zone. Only with `mode: nat`. Default: `one`.
    #[prop(plain)]
    pub nat_gateways: Option<NetworkNatGateways>,
    /// An existing network, which is not changed. Excludes the other properties of `network`.
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
    /// The ids of the subnets that tasks run in: at least one.
    #[prop(check = subnets)]
    pub task_subnet_ids: Vec<String>,
    /// The ids of the subnets of the warehouse, in at least two availability zones. Default: `taskSubnetIds`.
    #[prop(check = subnets)]
    pub warehouse_subnet_ids: Option<Vec<String>>,
    /// Whether tasks get public addresses. Default: `false`.
    #[prop(default = false)]
    pub assign_public_ip: bool,
    /// The ids of more security groups for the tasks, besides the platform's own. Default: none.
    #[prop(check = formats::each(formats::id("sg")))]
    pub security_group_ids: Option<Vec<String>>,
}

fn subnets(ids: &[String]) -> Result<(), String> {
    match ids.is_empty() {
        true => Err("give at least one subnet".to_owned()),
        false => formats::each(formats::id("subnet"))(ids),
    }
}

fn size(block: &Cidr) -> Result<(), String> {
    match block.0.prefix_len() {
        16..=22 => ec2::block(block),
        0..=15 => Err(format!("{block} is too large; give a /16 to /22")),
        _ => Err(format!(
            "{block} is too small: its addresses are laid out for up to six zones; give a /16 to /22"
        )),
    }
}

pub(super) fn check(check: &mut Check<'_>) {
    let Some(given) = check.value("network").map(Value::into_properties) else {
        return;
    };
    let has = |key: &str| given.get(key).is_some_and(|v| !v.is_null());
    if has("existing") {
        let others = PlatformNetwork::table().fields.iter().map(|f| f.name);
        for key in others.filter(|key| *key != "existing" && has(key)) {
            check.fail(
                format!("network.{key}"),
                "applies only to a new network; give only one of this and network.existing",
            );
        }
    }
    check.at_most_one(&["network.zones", "network.zoneCount"]);
    if let Some(Value::List(zones)) = given.get("zones").map(Value::peel) {
        if !(2..=zones::MOST as usize).contains(&zones.len()) {
            check.fail("network.zones", format!("name 2 to {} zones", zones::MOST));
        }
        if (1..zones.len()).any(|i| zones[..i].contains(&zones[i])) {
            check.fail("network.zones", "names a zone twice; name each once");
        }
    }
    if has("natGateways") && given.get("mode").and_then(Value::as_str) == Some("public") {
        check.fail(
            "network.natGateways",
            "applies only with network.mode nat; leave it out",
        );
    }
}

/// Where tasks and the warehouse are.
pub(super) struct Placement {
    pub(super) vpc_id: Output<String>,
    pub(super) task_subnets: Output<Vec<String>>,
    pub(super) private_subnets: Output<Vec<String>>,
    pub(super) public_subnets: Output<Vec<String>>,
    pub(super) assign_public_ip: Output<bool>,
    /// The way to the internet of a network that is made here.
    pub(super) gateway: Option<Child<InternetGateway>>,
    /// The tasks' own group.
    pub(super) task_group: Child<SecurityGroup>,
    /// All groups that tasks are in.
    pub(super) task_groups: Output<Vec<String>>,
}

pub(super) fn expand(
    scope: &Scope,
    network: Option<PlatformNetworkArgs>,
    tags: &Output<Tags>,
) -> Result<Placement, Failure> {
    let network = network.map_or_else(defaults::<PlatformNetwork>, Ok)?;
    Ok(match network.existing {
        Some(existing) => found(scope, existing, tags),
        None => made(scope, network, tags)?,
    })
}

fn found(scope: &Scope, existing: NetworkExistingArgs, tags: &Output<Tags>) -> Placement {
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
    let private_subnets = warehouse_subnet_ids.or_else(&task_subnet_ids);
    Placement {
        vpc_id,
        task_subnets: task_subnet_ids,
        private_subnets,
        public_subnets: Vec::new().into(),
        assign_public_ip,
        gateway: None,
        task_group,
        task_groups,
    }
}

fn made(
    scope: &Scope,
    network: PlatformNetworkArgs,
    tags: &Output<Tags>,
) -> Result<Placement, Failure> {
    let mode = network.mode.unwrap_or(NetworkMode::Nat);
    let block = network.cidr_block.or(BLOCK);
    let had = zones::had(scope);
    let given = network.zones.unwrap_or_default();
    let names: Vec<_> = given.iter().map(Output::now).collect();
    let zones = match names.len() {
        1.. => zones::named(&names, &had)?,
        0 => {
            let count = usize::try_from(network.zone_count.unwrap_or(2)).unwrap_or(2);
            zones::counted(count, &had)
        }
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
    let subnet = |kind: &str, zone: &NetworkZone, first: u32| {
        let number = zone.number;
        let own = block.map(move |block| part(block, first + number));
        let mut args = SubnetArgs {
            vpc_id: vpc.id.clone(),
            cidr_block: own,
            tags: tags.clone(),
            ..Default::default()
        };
        match &zone.place {
            ZonePlace::Named(index) => {
                args.availability_zone = given.get(*index).cloned().unwrap_or_default();
            }
            // What is there stays where it is; in another region, the name would be wrong.
            ZonePlace::Kept(_) if zones::has(scope, kind, number) => {
                args.zone_index = i64::from(number).into();
            }
            ZonePlace::Kept(name) => args.availability_zone = name.clone().into(),
            ZonePlace::New(index) => {
                args.zone_index = i64::from(*index).into();
                let used: Vec<_> = had.values().cloned().collect();
                if !used.is_empty() {
                    args.excluded_zones = used.into();
                }
            }
        }
        scope.child::<Subnet>(&format!("{kind}-{number}"), args)
    };
    let of_each = |kind: &str, first: u32| -> Vec<_> {
        zones.iter().map(|zone| subnet(kind, zone, first)).collect()
    };
    let (private, public) = (of_each("private", 0), of_each("public", PUBLIC));
    let table = |name: &str| {
        let args = RouteTableArgs {
            vpc_id: vpc.id.clone(),
            tags: tags.clone(),
        };
        scope.child::<RouteTable>(name, args)
    };
    let associate =
        |kind: &str, zone: &NetworkZone, subnet: &Child<Subnet>, table: &Child<RouteTable>| {
            let args = RouteTableAssociationArgs {
                route_table_id: table.id.clone(),
                subnet_id: subnet.id.clone(),
            };
            let name = format!("{kind}-association-{}", zone.number);
            scope.child::<RouteTableAssociation>(&name, args);
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
    for (zone, subnet) in zones.iter().zip(&public) {
        associate("public", zone, subnet, &public_table);
    }
    // A table for each zone, so that more NAT gateways change routes and nothing else.
    let private_tables: Vec<_> = zones
        .iter()
        .map(|zone| table(&format!("private-routes-{}", zone.number)))
        .collect();
    for ((zone, subnet), table) in zones.iter().zip(&private).zip(&private_tables) {
        associate("private", zone, subnet, table);
    }
    if mode == NetworkMode::Nat {
        let nat = |number: u32, subnet: &Child<Subnet>| {
            let address = scope.child::<ElasticIp>(
                &format!("nat-address-{number}"),
                ElasticIpArgs { tags: tags.clone() },
            );
            let args = NatGatewayArgs {
                allocation_id: address.id.clone(),
                subnet_id: subnet.id.clone(),
                tags: tags.clone(),
            };
            // AWS makes none in a VPC without a way to the internet.
            scope.child_after::<Nat>(&format!("nat-{number}"), args, [gateway.id.erase()])
        };
        let nats: Vec<_> = match network.nat_gateways {
            Some(NetworkNatGateways::PerZone) => {
                let each = zones.iter().zip(&public);
                each.map(|(zone, subnet)| nat(zone.number, subnet))
                    .collect()
            }
            _ => public
                .first()
                .map(|subnet| nat(0, subnet))
                .into_iter()
                .collect(),
        };
        for ((zone, table), nat) in zones.iter().zip(&private_tables).zip(nats.iter().cycle()) {
            let args = RouteArgs {
                route_table_id: table.id.clone(),
                destination_cidr_block: anywhere(),
                nat_gateway_id: nat.id.clone(),
                ..Default::default()
            };
            scope.child::<Route>(&format!("private-route-{}", zone.number), args);
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
    Ok(Placement {
        vpc_id: vpc.id.clone(),
        task_subnets: if mode == NetworkMode::Public {
            ids(&public)
        } else {
            ids(&private)
        },
        private_subnets: ids(&private),
        public_subnets: ids(&public),
        assign_public_ip: (mode == NetworkMode::Public).into(),
        gateway: Some(gateway),
        task_groups: Output::list([task_group.id.clone()]),
        task_group,
    })
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
