use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_vpcs_are_refused() {
    let rows = [
        (
            json!({"cidrBlock": "10.0.0.1/16"}),
            "cidrBlock: 10.0.0.1/16 is not aligned; the block of that size that holds it is 10.0.0.0/16",
        ),
        (
            json!({"cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            json!({"cidrBlock": "10.0.0.0/16", "cidr": "10.0.0.0/16"}),
            "cidr: is not a property here; did you mean cidrBlock?",
        ),
        (
            json!({"cidrBlock": "10.0.0.0/16", "tags": {"aws:x": "y"}}),
            "tags[\"aws:x\"]: keys that begin with aws: are AWS's own",
        ),
        (
            json!({"cidrBlock": "127.0.0.0/16"}),
            "cidrBlock: 127.0.0.0/16 is in 127.0.0.0/8, which AWS refuses; use private addresses such as 10.0.0.0/16",
        ),
    ];
    refuses("dbt-aws:ec2:Vpc", &rows);
}

#[test]
fn wrong_inputs_of_elastic_ips_are_refused() {
    let rows = [(
        json!({"tags": {"team": "x".repeat(257)}}),
        "tags.team: has 257 characters; at most 256 are allowed",
    )];
    refuses("dbt-aws:ec2:ElasticIp", &rows);
}

#[test]
fn wrong_inputs_of_nat_gateways_are_refused() {
    let rows = [(
        json!({"allocationId": "eipalloc-1", "subnetId": "subnet-1", "tags": {"dbt-aws:marker": "x"}}),
        "tags[\"dbt-aws:marker\"]: keys that begin with dbt-aws: are the provider's own",
    )];
    refuses("dbt-aws:ec2:NatGateway", &rows);
}

#[test]
fn wrong_inputs_of_subnets_are_refused() {
    let rows = [
        (
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "zoneIndex": -1}),
            "zoneIndex: must be 0 or more, not -1",
        ),
        (
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "availabilityZone": "eu-west-1a", "zoneIndex": 0}),
            "zoneIndex: give only one of availabilityZone, zoneIndex",
        ),
        (
            json!({"vpcId": "shop", "cidrBlock": "10.0.0.0/24"}),
            "vpcId: \"shop\" is not an id such as vpc-0123456789abcdef0",
        ),
    ];
    refuses("dbt-aws:ec2:Subnet", &rows);
}

#[test]
fn wrong_inputs_of_vpc_endpoints_are_refused() {
    let rows = [
        (
            json!({"vpcId": "vpc-1", "serviceName": "com.amazonaws.mars-1.s3"}),
            "serviceName: com.amazonaws.mars-1.s3 is not in eu-west-1, where the endpoint is; give s3",
        ),
        (
            json!({"vpcId": "vpc-1", "serviceName": "ecr.dkr"}),
            "serviceName: ecr.dkr has no gateway endpoint; give s3 or dynamodb",
        ),
    ];
    refuses("dbt-aws:ec2:VpcEndpoint", &rows);
}

#[test]
fn wrong_inputs_of_routes_are_refused() {
    let rows = [
        (
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}),
            "gatewayId: give exactly one of gatewayId, natGatewayId",
        ),
        (
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "natGatewayId": "nat-1"}),
            "natGatewayId: give only one of gatewayId, natGatewayId",
        ),
    ];
    refuses("dbt-aws:ec2:Route", &rows);
}

#[test]
fn wrong_inputs_of_security_groups_are_refused() {
    let rows = [
        (
            json!({"vpcId": "vpc-1", "name": "sg-mine"}),
            "name: must not begin with sg-",
        ),
        (
            json!({"vpcId": "vpc-1", "description": "été"}),
            "description: contains 'é'; AWS allows only letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        ),
    ];
    refuses("dbt-aws:ec2:SecurityGroup", &rows);
}

#[test]
fn wrong_inputs_of_security_group_rules_are_refused() {
    let rule = |over: Json| {
        let all = json!({
            "securityGroupId": "sg-1", "type": "ingress", "protocol": "tcp", "fromPort": 80, "toPort": 80,
            "cidrBlock": "10.0.0.0/8",
        });
        merged(all, &over)
    };
    let rows = [
        (
            rule(json!({"fromPort": 90})),
            "toPort: must not be less than fromPort, 90",
        ),
        (
            rule(json!({"toPort": 70_000})),
            "toPort: must be 0 to 65535",
        ),
        (rule(json!({"toPort": null})), "toPort: is required for tcp"),
        (
            rule(json!({"protocol": "-1", "toPort": null})),
            "fromPort: protocol -1 means all traffic and has no ports; leave the ports out",
        ),
        (
            rule(json!({"protocol": "http"})),
            "protocol: \"http\" is not one of tcp, udp, icmp, -1",
        ),
        (
            rule(json!({"prefixListId": "pl-1"})),
            "prefixListId: give only one of cidrBlock, sourceSecurityGroupId, prefixListId",
        ),
    ];
    refuses("dbt-aws:ec2:SecurityGroupRule", &rows);
}
