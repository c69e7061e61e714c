//! The network's building blocks over gRPC against moto.

use serde_json::json;
use tests::{Block, Call, Made, Marked, Stack};

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

#[tokio::test]
async fn vpc_lives() {
    let stack = Stack::new("vpc").await;
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
            untold: vec!["closeDefaultSecurityGroup"],
            replaces: vec![("cidrBlock", json!("10.1.0.0/16"))],
            by_hand: ["enableDnsHostnames", "enableDnsSupport"]
                .map(|name| {
                    let attribute = format!("E{}", &name[1..]);
                    let off = json!({"VpcId": "{id}", attribute: {"Value": false}});
                    (name, Call::bare("ec2", "modify_vpc_attribute", off))
                })
                .into(),
            listed: Call::new("ec2", "describe_vpcs", json!({}), "Vpcs[]"),
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
    assert_eq!(*closed_now, dbt_aws::value::Value::Bool(false));
    let updated = stack.provider.update(&read, &vpc.inputs, false).await;
    updated.expect("updates");
    let found = group();
    assert!(closed(&found), "{found}");
}

/// The zone is chosen once.
#[tokio::test]
async fn another_zone_index_changes_nothing() {
    let stack = Stack::new("zone-index").await;
    let vpc = vpc(&stack).await;
    let inputs =
        |index: i32| json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24", "zoneIndex": index});
    let subnet = stack.make("dbt-aws:ec2:Subnet", "subnet", inputs(1)).await;
    let news = tests::properties(&inputs(2));
    let news = stack.provider.check(&subnet.urn, &subnet.inputs, &news);
    let news = news.await.expect("checks");
    let diff = stack.provider.diff(&subnet, &news).await;
    assert_eq!(diff.diffs, Vec::<String>::new());
}

#[tokio::test]
async fn an_excluded_zone_is_passed_over() {
    let stack = Stack::new("excluded-zones").await;
    let vpc = vpc(&stack).await;
    let zone = |letter: &str| format!("{}{letter}", stack.region);
    let inputs = json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24", "excludedZones": [zone("a"), zone("c")]});
    let subnet = stack.make("dbt-aws:ec2:Subnet", "subnet", inputs).await;
    assert_eq!(subnet.state["availabilityZone"].to_json(), zone("b"));
}

#[tokio::test]
async fn subnet_lives() {
    let stack = Stack::new("subnet").await;
    let vpc = vpc(&stack).await;
    let zone = format!("{}c", stack.region);
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
                    json!({"availabilityZone": zone, "zoneIndex": null}),
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
            untold: vec!["availabilityZone", "zoneIndex", "excludedZones"],
            listed: Call::new("ec2", "describe_subnets", json!({}), "Subnets[]"),
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn internet_gateway_lives() {
    let stack = Stack::new("igw").await;
    let vpc = vpc(&stack).await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:InternetGateway",
            inputs: json!({"vpcId": vpc.id}),
            replaces: vec![("vpcId", json!("vpc-2"))],
            listed: Call::new(
                "ec2",
                "describe_internet_gateways",
                json!({}),
                "InternetGateways[]",
            ),
            ..Block::default()
        })
        .await;
}

/// What a create that was killed between its two calls leaves is attached by the next one.
#[tokio::test]
async fn a_gateway_that_was_left_is_attached() {
    let stack = Stack::new("igw-left").await;
    let vpc = vpc(&stack).await;
    let made = stack
        .make(
            "dbt-aws:ec2:InternetGateway",
            "igw",
            json!({"vpcId": vpc.id}),
        )
        .await;
    let detach = json!({"InternetGatewayId": made.id, "VpcId": vpc.id});
    stack
        .aws("ec2", "detach_internet_gateway", &detach)
        .expect("detaches");
    let again = stack
        .provider
        .create(&made.urn, &made.inputs, false)
        .await
        .expect("creates");
    assert_eq!(again.id, made.id);
    let found = stack.aws(
        "ec2",
        "describe_internet_gateways",
        &json!({"InternetGatewayIds": [made.id]}),
    );
    assert_eq!(
        found.expect("is there")["InternetGateways"][0]["Attachments"][0]["VpcId"],
        json!(vpc.id)
    );
}

#[tokio::test]
async fn route_table_lives() {
    let stack = Stack::new("route-table").await;
    let vpc = vpc(&stack).await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:RouteTable",
            inputs: json!({"vpcId": vpc.id}),
            replaces: vec![("vpcId", json!("vpc-2"))],
            listed: Call::new("ec2", "describe_route_tables", json!({}), "RouteTables[]"),
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn route_lives() {
    let stack = Stack::new("route").await;
    let vpc = vpc(&stack).await;
    let igw = stack
        .make(
            "dbt-aws:ec2:InternetGateway",
            "igw",
            json!({"vpcId": vpc.id}),
        )
        .await;
    let nat = nat(&stack, &vpc).await;
    let table = stack
        .make("dbt-aws:ec2:RouteTable", "table", json!({"vpcId": vpc.id}))
        .await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:Route",
            inputs: json!({"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.id}),
            updates: vec![json!({"gatewayId": null, "natGatewayId": nat.id})],
            replaces: vec![
                ("routeTableId", json!("rtb-2")),
                ("destinationCidrBlock", json!("10.9.0.0/16")),
            ],
            by_hand: vec![(
                "natGatewayId",
                Call::bare(
                    "ec2",
                    "replace_route",
                    json!({"RouteTableId": table.id, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat.id}),
                ),
            )],
            steady: vec![("gatewayId", "the inputs give it")],
            listed: Call::new(
                "ec2",
                "describe_route_tables",
                json!({"RouteTableIds": [table.id]}),
                "RouteTables[].Routes[]",
            ),
            mentions: Some("\"0.0.0.0/0\"".to_owned()),
            marked: Marked::Nowhere,
            ..Block::default()
        })
        .await;
}

/// A route of a table that somebody else made is not taken over.
#[tokio::test]
async fn a_route_of_others_is_left_alone() {
    let stack = Stack::new("route-of-others").await;
    let vpc = vpc(&stack).await;
    let igw = stack
        .make(
            "dbt-aws:ec2:InternetGateway",
            "igw",
            json!({"vpcId": vpc.id}),
        )
        .await;
    let table = stack
        .aws("ec2", "create_route_table", &json!({"VpcId": vpc.id}))
        .expect("creates");
    let table = &table["RouteTable"]["RouteTableId"];
    let route =
        json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": igw.id});
    stack.aws("ec2", "create_route", &route).expect("creates");
    let urn = stack.urn("dbt-aws:ec2:Route", "route");
    let inputs =
        json!({"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": igw.id});
    let inputs = stack
        .provider
        .check(&urn, &Default::default(), &tests::properties(&inputs))
        .await;
    let refused = stack
        .provider
        .create(&urn, &inputs.expect("fits"), false)
        .await;
    let message = refused.expect_err("refuses").message().to_owned();
    assert!(message.contains("it exists already"), "{message}");
}

#[tokio::test]
async fn route_table_association_lives() {
    let stack = Stack::new("association").await;
    let vpc = vpc(&stack).await;
    let subnet = subnet(&stack, &vpc).await;
    let first = stack
        .make("dbt-aws:ec2:RouteTable", "first", json!({"vpcId": vpc.id}))
        .await;
    let second = stack
        .make("dbt-aws:ec2:RouteTable", "second", json!({"vpcId": vpc.id}))
        .await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:RouteTableAssociation",
            inputs: json!({"subnetId": subnet.id, "routeTableId": first.id}),
            updates: vec![json!({"routeTableId": second.id})],
            replaces: vec![("subnetId", json!("subnet-2"))],
            listed: Call::new(
                "ec2",
                "describe_route_tables",
                json!({}),
                "RouteTables[].Associations[]",
            ),
            mentions: Some(subnet.id.clone()),
            marked: Marked::Nowhere,
            ..Block::default()
        })
        .await;
    // The subnet shares its id with the association; neither's delete is taken for the other's.
    stack.provider.delete(&subnet).await.expect("deletes");
    assert!(stack.provider.read(&subnet).await.expect("reads").is_none());
}

#[tokio::test]
async fn elastic_ip_lives() {
    let stack = Stack::new("elastic-ip").await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:ElasticIp",
            listed: Call::new("ec2", "describe_addresses", json!({}), "Addresses[]"),
            ..Block::default()
        })
        .await;
}

async fn nat(stack: &Stack, vpc: &Made) -> Made {
    let address = stack.make("dbt-aws:ec2:ElasticIp", "nat", json!({})).await;
    let subnet = subnet(stack, vpc).await;
    let inputs = json!({"allocationId": address.id, "subnetId": subnet.id});
    stack.make("dbt-aws:ec2:NatGateway", "nat", inputs).await
}

#[tokio::test]
async fn nat_gateway_lives() {
    let stack = Stack::new("nat").await;
    let vpc = vpc(&stack).await;
    let subnet = subnet(&stack, &vpc).await;
    let address = stack.make("dbt-aws:ec2:ElasticIp", "nat", json!({})).await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:NatGateway",
            inputs: json!({"allocationId": address.id, "subnetId": subnet.id}),
            replaces: vec![
                ("allocationId", json!("eipalloc-2")),
                ("subnetId", json!("subnet-2")),
            ],
            listed: Call::new("ec2", "describe_nat_gateways", json!({}), "NatGateways[]"),
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn security_group_lives() {
    let stack = Stack::new("group").await;
    let vpc = vpc(&stack).await;
    stack
        .test(Block {
            token: "dbt-aws:ec2:SecurityGroup",
            inputs: json!({"vpcId": vpc.id}),
            replaces: vec![
                ("vpcId", json!("vpc-2")),
                ("name", json!("another")),
                ("description", json!("Another")),
            ],
            steady: vec![("description", "AWS cannot change it")],
            listed: Call::new(
                "ec2",
                "describe_security_groups",
                json!({}),
                "SecurityGroups[]",
            ),
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn a_security_group_has_no_rules_of_its_own() {
    let stack = Stack::new("group-rules").await;
    let vpc = vpc(&stack).await;
    let group = group(&stack, &vpc, "group").await;
    let rules = || {
        let filters = json!({"Filters": [{"Name": "group-id", "Values": [group.id]}]});
        let found = stack
            .aws("ec2", "describe_security_group_rules", &filters)
            .expect("lists");
        found["SecurityGroupRules"]
            .as_array()
            .expect("a list")
            .len()
    };
    assert_eq!(rules(), 0);
    // Killed before it could remove the rule, the next create does.
    let everything = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
    let allow = json!({"GroupId": group.id, "IpPermissions": everything});
    stack
        .aws("ec2", "authorize_security_group_egress", &allow)
        .expect("allows");
    assert_eq!(rules(), 1);
    let again = stack
        .provider
        .create(&group.urn, &group.inputs, false)
        .await
        .expect("creates");
    assert_eq!((again.id, rules()), (group.id.clone(), 0));
}

/// A group that lets everything out must not look finished to the next run.
#[tokio::test]
async fn a_security_group_that_stays_open_is_not_made() {
    let stack = Stack::new("group-open").await;
    let vpc = vpc(&stack).await;
    let (urn, none) = (
        stack.urn("dbt-aws:ec2:SecurityGroup", "open"),
        tests::properties(&json!({})),
    );
    let news = tests::properties(&json!({"vpcId": vpc.id, "description": "stays open"}));
    let news = stack.provider.check(&urn, &none, &news).await;
    let news = news.expect("checks");
    let refused = stack.provider.create(&urn, &news, false).await;
    let refused = refused.expect_err("refuses");
    assert!(
        refused
            .message()
            .starts_with("could not remove the default rule of sg-"),
        "{}",
        refused.message()
    );
    assert!(tests::init_failed(&refused).is_none());
    let filters = json!({"Filters": [{"Name": "vpc-id", "Values": [vpc.id]}]});
    let found = stack.aws("ec2", "describe_security_groups", &filters);
    let found = found.expect("lists")["SecurityGroups"].take();
    // The VPC's own.
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
}

/// A group that other groups' rules name goes with those that share its component's seed, and waits for others to go.
#[tokio::test]
async fn what_is_left_of_a_component_does_not_hold_its_security_group() {
    let stack = Stack::new("group-named").await;
    let vpc = vpc(&stack).await;
    let rule = |group: &Made, named: &Made, port: u16| {
        json!({
            "securityGroupId": group.id, "type": "ingress", "protocol": "tcp", "fromPort": port, "toPort": port,
            "sourceSecurityGroupId": named.id,
        })
    };
    let make = async |token: &str, name: &str, mut inputs: serde_json::Value| {
        inputs["__seed"] = "a-component".into();
        stack.make(token, name, inputs).await
    };
    let (named, other) = (
        make(
            "dbt-aws:ec2:SecurityGroup",
            "named",
            json!({"vpcId": vpc.id}),
        )
        .await,
        make(
            "dbt-aws:ec2:SecurityGroup",
            "other",
            json!({"vpcId": vpc.id}),
        )
        .await,
    );
    let token = "dbt-aws:ec2:SecurityGroupRule";
    let ours = make(token, "ours", rule(&other, &named, 1)).await;
    let theirs = stack.make(token, "theirs", rule(&other, &named, 2)).await;
    // Blocks used alone share a seed with what the program may keep.
    let lone = group(&stack, &vpc, "lone").await;
    let elsewhere = group(&stack, &vpc, "elsewhere").await;
    let kept = stack.make(token, "kept", rule(&elsewhere, &lone, 3)).await;
    // As after an upgrade, whose provider resource is another: the state still tells what no component made.
    let arguments = json!({"region": stack.region, "maxRetries": 0});
    let again = stack.provider.configure("another", &arguments);
    again.await.expect("configures");
    let there = |rule: &Made| {
        let id = json!({"SecurityGroupRuleIds": [rule.id]});
        stack
            .aws("ec2", "describe_security_group_rules", &id)
            .is_ok()
    };
    let removed_by_hand = async {
        while there(&ours) {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        for (group, rule) in [(&other, &theirs), (&elsewhere, &kept)] {
            let refusal = format!("rules of {} name it", group.id);
            stack.provider.said(&refusal).await;
            assert!(there(rule), "{} is gone", rule.urn);
            stack.provider.delete(rule).await.expect("deletes");
        }
    };
    let (first, second, removed) = tokio::join!(
        stack.provider.delete(&named),
        stack.provider.delete(&lone),
        tokio::time::timeout(std::time::Duration::from_secs(50), removed_by_hand),
    );
    removed.expect("sees the rule go");
    first.expect("deletes");
    second.expect("deletes");
}

#[tokio::test]
async fn security_group_rule_lives() {
    let stack = Stack::new("rule").await;
    let vpc = vpc(&stack).await;
    let (one, other) = (
        group(&stack, &vpc, "one").await,
        group(&stack, &vpc, "other").await,
    );
    let listed = || {
        let every = "SecurityGroupRules[]";
        Call::new("ec2", "describe_security_group_rules", json!({}), every)
    };
    let replaces = |back: &str| {
        vec![
            ("securityGroupId", json!("sg-2")),
            ("type", json!(back)),
            (
                "cidrBlock",
                json!({"cidrBlock": "10.1.0.0/16", "sourceSecurityGroupId": null}),
            ),
            (
                "sourceSecurityGroupId",
                json!({"cidrBlock": null, "sourceSecurityGroupId": "sg-2"}),
            ),
            (
                "prefixListId",
                json!({"cidrBlock": null, "sourceSecurityGroupId": null, "prefixListId": "pl-2"}),
            ),
        ]
    };
    for (way, back) in [("ingress", "egress"), ("egress", "ingress")] {
        stack
            .test(Block {
                token: "dbt-aws:ec2:SecurityGroupRule",
                inputs: json!({
                    "securityGroupId": one.id, "type": way, "protocol": "tcp", "fromPort": 5432, "toPort": 5432,
                    "cidrBlock": "10.0.0.0/8",
                }),
                // Not that the description goes: moto keeps one that a change leaves out.
                updates: vec![
                    json!({"description": "warehouse (dbt)"}),
                    json!({"fromPort": 5430, "toPort": 5440}),
                    json!({"protocol": "-1", "fromPort": null, "toPort": null}),
                ],
                replaces: replaces(back),
                steady: vec![("description", "moto keeps one that a change leaves out")],
                listed: listed(),
                ..Block::default()
            })
            .await;
        stack
            .test(Block {
                token: "dbt-aws:ec2:SecurityGroupRule",
                inputs: json!({
                    "securityGroupId": one.id, "type": way, "protocol": "-1", "sourceSecurityGroupId": other.id,
                }),
                updates: vec![json!({"protocol": "udp", "fromPort": 53, "toPort": 53})],
                replaces: replaces(back),
                unchanged: vec![("description", "moto keeps those of blocks only")],
                steady: vec![("description", "moto keeps those of blocks only")],
                apart: Some("a rule with other ports is another rule to AWS"),
                listed: listed(),
                ..Block::default()
            })
            .await;
    }
}

/// A token that was used for what has gone leads to another object, not to the one that has gone.
async fn made_again(stack: &Stack, token: &str, inputs: serde_json::Value) {
    let first = stack.make(token, "one", inputs).await;
    stack.provider.delete(&first).await.expect("deletes");
    let second = stack
        .provider
        .create(&first.urn, &first.inputs, false)
        .await;
    let second = second.unwrap_or_else(|status| panic!("{token}: {}", status.message()));
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn a_deleted_route_table_is_made_again() {
    let stack = Stack::new("table-again").await;
    let vpc = vpc(&stack).await;
    made_again(&stack, "dbt-aws:ec2:RouteTable", json!({"vpcId": vpc.id})).await;
}

#[tokio::test]
async fn a_deleted_endpoint_is_made_again() {
    let stack = Stack::new("endpoint-again").await;
    let vpc = vpc(&stack).await;
    let inputs = json!({"vpcId": vpc.id, "serviceName": "s3"});
    made_again(&stack, "dbt-aws:ec2:VpcEndpoint", inputs).await;
}

#[tokio::test]
async fn a_deleted_nat_gateway_is_made_again() {
    let stack = Stack::new("nat-again").await;
    let vpc = vpc(&stack).await;
    let subnet = subnet(&stack, &vpc).await;
    let address = stack.make("dbt-aws:ec2:ElasticIp", "nat", json!({})).await;
    let inputs = json!({"allocationId": address.id, "subnetId": subnet.id});
    made_again(&stack, "dbt-aws:ec2:NatGateway", inputs).await;
}

#[tokio::test]
async fn vpc_endpoint_lives() {
    let stack = Stack::new("endpoint").await;
    let vpc = vpc(&stack).await;
    let first = stack
        .make("dbt-aws:ec2:RouteTable", "first", json!({"vpcId": vpc.id}))
        .await;
    let second = stack
        .make("dbt-aws:ec2:RouteTable", "second", json!({"vpcId": vpc.id}))
        .await;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"},
    ]});
    stack
        .test(Block {
            token: "dbt-aws:ec2:VpcEndpoint",
            inputs: json!({"vpcId": vpc.id, "serviceName": "s3", "routeTableIds": [first.id]}),
            updates: vec![
                json!({"policy": policy}),
                json!({"policy": null}),
                json!({"routeTableIds": [second.id, first.id]}),
                json!({"routeTableIds": [second.id]}),
                // moto can only delete an endpoint with the tables that it was made with.
                json!({"routeTableIds": [first.id]}),
            ],
            replaces: vec![
                ("vpcId", json!("vpc-2")),
                ("serviceName", json!("dynamodb")),
            ],
            by_hand: vec![(
                "policy",
                Call::bare(
                    "ec2",
                    "modify_vpc_endpoint",
                    json!({"VpcEndpointId": "{id}", "PolicyDocument": policy.to_string()}),
                ),
            )],
            steady: vec![("routeTableIds", "the inputs give it")],
            listed: Call::new("ec2", "describe_vpc_endpoints", json!({}), "VpcEndpoints[]"),
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
