//! Ways out of the network: gateways, routes, addresses and endpoints.

use super::{left, subnet, vpc};
use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Marked, Stack, shown};

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
            shows: vec![shown("vpcId", "Attachments[].VpcId")],
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
            shows: vec![shown("vpcId", "VpcId")],
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
            shows: vec![
                shown("destinationCidrBlock", "DestinationCidrBlock"),
                shown("gatewayId", "GatewayId"),
                shown("natGatewayId", "NatGatewayId"),
            ],
            unseen: vec![("routeTableId", "the list is that table's")],
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
            shows: vec![
                shown("subnetId", "SubnetId"),
                shown("routeTableId", "RouteTableId"),
            ],
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
            shows: vec![
                shown("allocationId", "NatGatewayAddresses[].AllocationId"),
                shown("subnetId", "SubnetId"),
            ],
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn a_nat_gateway_that_is_left_goes_with_its_subnet() {
    let stack = Stack::new("nat-left").await;
    let vpc = vpc(&stack).await;
    let address = stack.make("dbt-aws:ec2:ElasticIp", "nat", json!({})).await;
    let subnet = json!({"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24"});
    let subnet = left(&stack, "dbt-aws:ec2:Subnet", "subnet", subnet).await;
    let inputs = json!({"allocationId": address.id, "subnetId": subnet.id});
    let nat = left(&stack, "dbt-aws:ec2:NatGateway", "nat", inputs).await;
    let limit = std::time::Duration::from_secs(90);
    let deleted = tokio::time::timeout(limit, stack.provider.delete(&subnet)).await;
    deleted.expect("does not wait for it").expect("deletes");
    assert!(stack.provider.read(&nat).await.expect("reads").is_none());
}

/// A token that was used for what has gone leads to another object, not to the one that has gone.
async fn made_again(stack: &Stack, token: &str, inputs: Json) {
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

fn after_the_last_dot(name: &Json) -> Json {
    json!(name.as_str().and_then(|name| name.rsplit('.').next()))
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
    let everything = json!({"Version": "2008-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
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
            shows: vec![
                shown("vpcId", "VpcId"),
                shown("serviceName", "ServiceName").read(after_the_last_dot),
                shown("routeTableIds", "RouteTableIds[]"),
                shown("policy", "PolicyDocument").or(everything),
            ],
            ..Block::default()
        })
        .await;
}

/// GuardDuty puts an endpoint and a security group into a VPC of tasks, and leaves them there.
#[tokio::test]
async fn what_guardduty_adds_goes_with_the_vpc() {
    let stack = Stack::new("guardduty").await;
    let vpc = vpc(&stack).await;
    let mut subnets = Vec::new();
    for index in 0..2 {
        let block = format!("10.0.{index}.0/24");
        let inputs = json!({"vpcId": vpc.id, "cidrBlock": block, "zoneIndex": index});
        let name = format!("private-{index}");
        subnets.push(stack.make("dbt-aws:ec2:Subnet", &name, inputs).await);
    }
    let tags = |kind: &str| json!([{"ResourceType": kind, "Tags": [{"Key": "GuardDutyManaged", "Value": "true"}]}]);
    let group = json!({
        "VpcId": vpc.id, "Description": "GuardDuty's", "TagSpecifications": tags("security-group"),
        "GroupName": format!("GuardDutyManagedSecurityGroup-{}", vpc.id),
    });
    let group = stack.aws("ec2", "create_security_group", &group);
    let group = group.expect("makes")["GroupId"].take();
    let endpoint = |subnets: &[&Made], tags: Json| {
        let subnets: Vec<_> = subnets.iter().map(|subnet| &subnet.id).collect();
        let service = format!("com.amazonaws.{}.guardduty-data", stack.region);
        let endpoint = json!({
            "VpcId": vpc.id, "ServiceName": service, "VpcEndpointType": "Interface", "SubnetIds": subnets,
            "SecurityGroupIds": [group], "TagSpecifications": tags,
        });
        let made = stack.aws("ec2", "create_vpc_endpoint", &endpoint);
        made.expect("makes")["VpcEndpoint"]["VpcEndpointId"].take()
    };
    let state = |id: &Json| {
        let found = stack.aws(
            "ec2",
            "describe_vpc_endpoints",
            &json!({"VpcEndpointIds": [id]}),
        );
        let found = found.expect("is there")["VpcEndpoints"][0].take();
        (found["State"].clone(), found["SubnetIds"].clone())
    };
    let shared = endpoint(&[&subnets[0], &subnets[1]], tags("vpc-endpoint"));
    stack.provider.delete(&subnets[0]).await.expect("deletes");
    assert_eq!(state(&shared), (json!("available"), json!([subnets[1].id])));
    let (subnet, network) = tokio::join!(
        stack.provider.delete(&subnets[1]),
        stack.provider.delete(&vpc)
    );
    subnet.expect("deletes the subnet");
    network.expect("deletes the VPC");
    assert_eq!(state(&shared).0, json!("deleted"));
    let groups = json!({"Filters": [{"Name": "group-id", "Values": [group]}]});
    let groups = stack.aws("ec2", "describe_security_groups", &groups);
    assert_eq!(groups.expect("lists")["SecurityGroups"], json!([]));
}
