//! Of the network.

use super::*;

#[tokio::test]
async fn are_refused() {
    let rule = |over: Json| {
        let all = json!({
            "securityGroupId": "sg-1", "type": "ingress", "protocol": "tcp", "fromPort": 80, "toPort": 80,
            "cidrBlock": "10.0.0.0/8",
        });
        merged(all, &over)
    };
    let cases = [
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.1/16"}),
            "cidrBlock: 10.0.0.1/16 is not aligned; the block of that size that holds it is 10.0.0.0/16",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.0/16", "cidr": "10.0.0.0/16"}),
            "cidr: is not a property here; did you mean cidrBlock?",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "10.0.0.0/16", "tags": {"aws:x": "y"}}),
            "tags[\"aws:x\"]: keys that begin with aws: are AWS's own",
        ),
        (
            "ec2:ElasticIp",
            json!({"tags": {"team": "x".repeat(257)}}),
            "tags.team: has 257 characters, at most 256 fit",
        ),
        (
            "ec2:NatGateway",
            json!({"allocationId": "eipalloc-1", "subnetId": "subnet-1", "tags": {"dbt-aws:marker": "x"}}),
            "tags[\"dbt-aws:marker\"]: keys that begin with dbt-aws: are the provider's own",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "zoneIndex": -1}),
            "zoneIndex: must be 0 or more",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "availabilityZone": "eu-west-1a", "zoneIndex": 0}),
            "zoneIndex: give only one of availabilityZone, zoneIndex",
        ),
        (
            "ec2:Vpc",
            json!({"cidrBlock": "127.0.0.0/16"}),
            "cidrBlock: 127.0.0.0/16 is in 127.0.0.0/8, which AWS refuses; use private addresses such as 10.0.0.0/16",
        ),
        (
            "ec2:Subnet",
            json!({"vpcId": "shop", "cidrBlock": "10.0.0.0/24"}),
            "vpcId: \"shop\" is not an id such as vpc-0123456789abcdef0",
        ),
        (
            "ec2:VpcEndpoint",
            json!({"vpcId": "vpc-1", "serviceName": "com.amazonaws.mars-1.s3"}),
            "serviceName: com.amazonaws.mars-1.s3 is not in REGION, where the endpoint is; give s3",
        ),
        (
            "ec2:Route",
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}),
            "gatewayId: give exactly one of gatewayId, natGatewayId",
        ),
        (
            "ec2:Route",
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "natGatewayId": "nat-1"}),
            "natGatewayId: give only one of gatewayId, natGatewayId",
        ),
        (
            "ec2:SecurityGroup",
            json!({"vpcId": "vpc-1", "name": "sg-mine"}),
            "name: must not begin with sg-",
        ),
        (
            "ec2:SecurityGroup",
            json!({"vpcId": "vpc-1", "description": "été"}),
            "description: must not have 'é'; AWS takes letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"fromPort": 90})),
            "toPort: must not be less than fromPort, 90",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"toPort": 70_000})),
            "toPort: must be 0 to 65535",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"toPort": null})),
            "toPort: is required for tcp",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"protocol": "-1", "toPort": null})),
            "fromPort: protocol -1 is everything, leave the ports out",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"protocol": "http"})),
            "protocol: \"http\" is not one of tcp, udp, icmp, -1",
        ),
        (
            "ec2:SecurityGroupRule",
            rule(json!({"prefixListId": "pl-1"})),
            "prefixListId: give only one of cidrBlock, sourceSecurityGroupId, prefixListId",
        ),
        (
            "ec2:VpcEndpoint",
            json!({"vpcId": "vpc-1", "serviceName": "ecr.dkr"}),
            "serviceName: ecr.dkr has no gateway endpoint; s3 and dynamodb have",
        ),
    ];
    refused(cases).await;
}
