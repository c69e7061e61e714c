//! Inputs that do not fit are refused by the check, with the property's path, before anything is made.

use serde_json::json;
use tests::Stack;

#[tokio::test]
async fn of_the_network() {
    let stack = Stack::new("wrong").await;
    let rule = |over: serde_json::Value| {
        let mut inputs = json!({
            "securityGroupId": "sg-1", "type": "ingress", "protocol": "tcp", "fromPort": 80, "toPort": 80,
            "cidrBlock": "10.0.0.0/8",
        });
        for (key, value) in over.as_object().expect("an object") {
            inputs[key] = value.clone();
        }
        inputs
    };
    let cases = [
        (
            "Vpc",
            json!({"cidrBlock": "10.0.0.1/16"}),
            "cidrBlock: 10.0.0.1/16 is not aligned; the block of that size that holds it is 10.0.0.0/16",
        ),
        (
            "Vpc",
            json!({"cidrBlock": "10.0.0.0/29"}),
            "cidrBlock: 10.0.0.0/29 must be a /16 to /28",
        ),
        (
            "Vpc",
            json!({"cidrBlock": "10.0.0.0/16", "cidr": "10.0.0.0/16"}),
            "cidr: is not a property here; did you mean cidrBlock?",
        ),
        (
            "Route",
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}),
            "gatewayId: give exactly one of gatewayId, natGatewayId",
        ),
        (
            "Route",
            json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "natGatewayId": "nat-1"}),
            "natGatewayId: give only one of gatewayId, natGatewayId",
        ),
        (
            "SecurityGroup",
            json!({"vpcId": "vpc-1", "name": "sg-mine"}),
            "name: must not begin with sg-",
        ),
        (
            "SecurityGroup",
            json!({"vpcId": "vpc-1", "description": "été"}),
            "description: must not have 'é'; AWS takes letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        ),
        (
            "SecurityGroupRule",
            rule(json!({"fromPort": 90})),
            "toPort: must not be less than fromPort, 90",
        ),
        (
            "SecurityGroupRule",
            rule(json!({"toPort": 70_000})),
            "toPort: must be 0 to 65535",
        ),
        (
            "SecurityGroupRule",
            rule(json!({"toPort": null})),
            "toPort: is required for tcp",
        ),
        (
            "SecurityGroupRule",
            rule(json!({"protocol": "-1", "toPort": null})),
            "fromPort: protocol -1 is everything, leave the ports out",
        ),
        (
            "SecurityGroupRule",
            rule(json!({"protocol": "http"})),
            "protocol: \"http\" is not one of tcp, udp, icmp, -1",
        ),
        (
            "SecurityGroupRule",
            rule(json!({"prefixListId": "pl-1"})),
            "prefixListId: give only one of cidrBlock, sourceSecurityGroupId, prefixListId",
        ),
        (
            "VpcEndpoint",
            json!({"vpcId": "vpc-1", "serviceName": "ecr.dkr"}),
            "serviceName: ecr.dkr has no gateway endpoint; s3 and dynamodb have",
        ),
    ];
    for (kind, inputs, reason) in cases {
        assert_eq!(
            stack
                .refused(&format!("dbt-aws:ec2:{kind}"), inputs.clone())
                .await,
            [reason],
            "{inputs}"
        );
    }
}
