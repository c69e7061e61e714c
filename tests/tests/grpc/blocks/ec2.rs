//! The network's building blocks over gRPC against moto.

mod security_groups;
mod ways;

use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Stack, shown};

async fn vpc(stack: &Stack) -> Made {
    stack
        .make(
            "dbt-aws:ec2:Vpc",
            "vpc",
            json!({"cidrBlock": "10.0.0.0/16"}),
        )
        .await
}

async fn subnet(stack: &Stack, vpc: &Made) -> Made {
    let inputs = json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24"});
    stack.make("dbt-aws:ec2:Subnet", "subnet", inputs).await
}

async fn group(stack: &Stack, vpc: &Made, name: &str) -> Made {
    stack
        .make("dbt-aws:ec2:SecurityGroup", name, json!({"vpcId": vpc.id}))
        .await
}

/// What an interrupted run of a component left.
async fn left(stack: &Stack, token: &str, name: &str, mut inputs: Json) -> Made {
    inputs["__seed"] = "a-component".into();
    stack.make(token, name, inputs).await
}

#[tokio::test]
async fn vpc_lives() {
    let stack = Stack::new("vpc").await;
    let attribute = |name: &str| {
        let asked = json!({"VpcId": "{id}", "Attribute": name});
        Call::new("ec2", "describe_vpc_attribute", asked, "")
    };
    let default_group = json!({"Filters": [
        {"Name": "vpc-id", "Values": ["{id}"]}, {"Name": "group-name", "Values": ["default"]},
    ]});
    stack
        .test(Block {
            token: "dbt-aws:ec2:Vpc",
            inputs: json!({"cidrBlock": "10.0.0.0/16"}),
            updates: vec![
                json!({"enableDnsHostnames": false}),
                json!({"enableDnsSupport": false}),
                json!({"enableDnsSupport": null, "enableDnsHostnames": null}),
                json!({"closeDefaultSecurityGroup": true}),
            ],
            steady: vec![("closeDefaultSecurityGroup", "off, it is not looked at")],
            write_only: vec!["closeDefaultSecurityGroup"],
            replaces: vec![("cidrBlock", json!("10.1.0.0/16"))],
            by_hand: ["enableDnsHostnames", "enableDnsSupport"]
                .map(|name| {
                    let attribute = format!("E{}", &name[1..]);
                    let off = json!({"VpcId": "{id}", attribute: {"Value": false}});
                    (name, Call::bare("ec2", "modify_vpc_attribute", off))
                })
                .into(),
            listed: Call::new("ec2", "describe_vpcs", json!({}), "Vpcs[]"),
            shows: vec![
                shown("cidrBlock", "CidrBlock"),
                shown("enableDnsHostnames", "EnableDnsHostnames.Value")
                    .by(attribute("enableDnsHostnames")),
                shown("enableDnsSupport", "EnableDnsSupport.Value")
                    .by(attribute("enableDnsSupport")),
                shown("closeDefaultSecurityGroup", "IpPermissionsEgress")
                    .by(Call::new(
                        "ec2",
                        "describe_security_groups",
                        default_group,
                        "SecurityGroups[]",
                    ))
                    .read(|rules| json!(*rules == json!([]))),
            ],
            ..Block::default()
        })
        .await;
}

/// Rules that come back are drift, and go with the next update.
#[tokio::test]
async fn the_default_security_group_is_closed() {
    let stack = Stack::new("default-group").await;
    let inputs = json!({"cidrBlock": "10.0.0.0/16", "closeDefaultSecurityGroup": true});
    let vpc = stack.make("dbt-aws:ec2:Vpc", "vpc", inputs).await;
    let filters = json!([
        {"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "group-name", "Values": ["default"]},
    ]);
    let group = || {
        let filters = json!({"Filters": filters});
        let found = stack.aws("ec2", "describe_security_groups", &filters);
        found.expect("groups")["SecurityGroups"][0].clone()
    };
    let closed = |group: &serde_json::Value| {
        group["IpPermissions"] == json!([]) && group["IpPermissionsEgress"] == json!([])
    };
    let found = group();
    assert!(closed(&found), "{found}");
    let permission = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]);
    let opened = json!({"GroupId": found["GroupId"], "IpPermissions": permission});
    stack
        .aws("ec2", "authorize_security_group_ingress", &opened)
        .expect("opens");
    let read = stack.provider.read(&vpc).await.expect("reads");
    let read = read.expect("is there");
    let closed_now = &read.outputs["closeDefaultSecurityGroup"];
    assert_eq!(*closed_now, pulumi_aws_framework::value::Value::Bool(false));
    let updated = stack.provider.update(&read, &vpc.inputs, false).await;
    updated.expect("updates");
    let found = group();
    assert!(closed(&found), "{found}");
}

#[tokio::test]
async fn an_excluded_zone_is_passed_over() {
    let stack = Stack::new("excluded-zones").await;
    let vpc = vpc(&stack).await;
    let zone = |letter: &str| format!("{}{letter}", stack.region);
    let inputs = json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24", "excludedZones": [zone("a"), zone("c")]});
    let subnet = stack.make("dbt-aws:ec2:Subnet", "subnet", inputs).await;
    assert_eq!(subnet.get("availabilityZone"), zone("b"));
}

#[tokio::test]
async fn subnet_lives() {
    let stack = Stack::new("subnet").await;
    let vpc = vpc(&stack).await;
    let zone = |letter: &str| format!("{}{letter}", stack.region);
    stack
        .test(Block {
            token: "dbt-aws:ec2:Subnet",
            inputs: json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24", "zoneIndex": 1}),
            updates: vec![
                json!({"mapPublicIpOnLaunch": true}),
                json!({"mapPublicIpOnLaunch": null}),
            ],
            replaces: vec![
                ("vpcId", json!("vpc-2")),
                ("cidrBlock", json!("10.0.2.0/24")),
                (
                    "availabilityZone",
                    json!({"availabilityZone": zone("c"), "zoneIndex": null}),
                ),
            ],
            unchanged: ["zoneIndex", "excludedZones"]
                .map(|key| (key, "it only counts when the subnet is made"))
                .into(),
            by_hand: vec![(
                "mapPublicIpOnLaunch",
                Call::bare(
                    "ec2",
                    "modify_subnet_attribute",
                    json!({"SubnetId": "{id}", "MapPublicIpOnLaunch": {"Value": true}}),
                ),
            )],
            write_only: vec!["availabilityZone", "zoneIndex", "excludedZones"],
            listed: Call::new("ec2", "describe_subnets", json!({}), "Subnets[]"),
            shows: vec![
                shown("vpcId", "VpcId"),
                shown("cidrBlock", "CidrBlock"),
                shown("availabilityZone", "AvailabilityZone").or(zone("b")),
                shown("mapPublicIpOnLaunch", "MapPublicIpOnLaunch"),
            ],
            unseen: vec![
                ("zoneIndex", "AWS shows the zone that it leads to"),
                ("excludedZones", "AWS shows the zone that it leads to"),
            ],
            anew: vec![json!({"availabilityZone": zone("c"), "zoneIndex": null})],
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn functions_look_things_up() {
    let stack = Stack::new("functions").await;
    let zones = stack
        .provider
        .invoke("dbt-aws:index:getAvailabilityZones", &json!({}))
        .await
        .expect("answers");
    let told = stack
        .aws("ec2", "describe_availability_zones", &json!({}))
        .expect("answers");
    let told: Vec<_> = told["AvailabilityZones"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(
        zones["names"].to_json(),
        json!(told.iter().map(|z| &z["ZoneName"]).collect::<Vec<_>>())
    );
    assert_eq!(
        zones["zoneIds"].to_json(),
        json!(told.iter().map(|z| &z["ZoneId"]).collect::<Vec<_>>())
    );
    let caller = stack
        .provider
        .invoke("dbt-aws:index:getCallerIdentity", &json!({}))
        .await
        .expect("answers");
    let told = stack
        .aws("sts", "get_caller_identity", &json!({}))
        .expect("answers");
    assert_eq!(caller["accountId"].to_json(), told["Account"]);
    let wrong = stack
        .provider
        .invoke("dbt-aws:index:getCallerIdentity", &json!({"x": 1}))
        .await;
    assert_eq!(wrong.expect_err("is wrong").len(), 1);
}
