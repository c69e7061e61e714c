//! Security groups and their rules.

use super::{group, left, vpc};
use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Stack, shown};

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
            shows: vec![
                shown("vpcId", "VpcId"),
                shown("name", "GroupName"),
                shown("description", "Description"),
            ],
            anew: vec![json!({"name": "another", "description": "Another"})],
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
    let make = async |token: &str, name: &str, mut inputs: Json| {
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
            let refusal = format!("rules of {} refer to it", group.id);
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

/// As where a run was interrupted before the state had them.
#[tokio::test]
async fn groups_that_are_left_go_with_their_vpc() {
    let stack = Stack::new("groups-left").await;
    let make = async |token: &str, name: &str, inputs| left(&stack, token, name, inputs).await;
    let vpc = json!({"cidrBlock": "10.0.0.0/16"});
    let vpc = make("dbt-aws:ec2:Vpc", "vpc", vpc).await;
    let inputs = json!({"vpcId": vpc.id});
    let group = "dbt-aws:ec2:SecurityGroup";
    let first = make(group, "first", inputs.clone()).await;
    let second = make(group, "second", inputs).await;
    for (owner, named) in [(&first, &second), (&second, &first)] {
        let rule = json!({
            "securityGroupId": owner.id, "type": "ingress", "protocol": "tcp", "fromPort": 1, "toPort": 1,
            "sourceSecurityGroupId": named.id,
        });
        let name = format!("of-{}", owner.id);
        make("dbt-aws:ec2:SecurityGroupRule", &name, rule).await;
    }
    let limit = std::time::Duration::from_secs(90);
    let deleted = tokio::time::timeout(limit, stack.provider.delete(&vpc)).await;
    deleted.expect("does not wait for them").expect("deletes");
    let ids = json!({"Filters": [{"Name": "group-id", "Values": [first.id, second.id]}]});
    let remaining = stack.aws("ec2", "describe_security_groups", &ids);
    assert_eq!(remaining.expect("lists")["SecurityGroups"], json!([]));
}

/// A rule for every protocol has -1 for its ports.
fn port(port: &Json) -> Json {
    if *port == -1 {
        Json::Null
    } else {
        port.clone()
    }
}

#[tokio::test]
async fn security_group_rule_lives() {
    let stack = Stack::new("rule").await;
    let vpc = vpc(&stack).await;
    let (one, other) = (
        group(&stack, &vpc, "one").await,
        group(&stack, &vpc, "other").await,
    );
    let list = json!({"PrefixListName": "theirs", "MaxEntries": 1, "AddressFamily": "IPv4"});
    let list = stack.aws("ec2", "create_managed_prefix_list", &list);
    let list = list.expect("makes")["PrefixList"]["PrefixListId"].take();
    let shows = || {
        vec![
            shown("securityGroupId", "GroupId"),
            shown("type", "IsEgress")
                .read(|egress| json!(if *egress == true { "egress" } else { "ingress" })),
            shown("protocol", "IpProtocol"),
            shown("fromPort", "FromPort").read(port),
            shown("toPort", "ToPort").read(port),
            shown("cidrBlock", "CidrIpv4"),
            shown("sourceSecurityGroupId", "ReferencedGroupInfo.GroupId"),
            shown("prefixListId", "PrefixListId"),
            shown("description", "Description"),
        ]
    };
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
                shows: shows(),
                anew: vec![
                    json!({"cidrBlock": null, "sourceSecurityGroupId": other.id}),
                    json!({"cidrBlock": null, "prefixListId": list}),
                ],
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
                shows: shows(),
                anew: vec![
                    json!({"sourceSecurityGroupId": null, "cidrBlock": "10.1.0.0/16"}),
                    json!({"sourceSecurityGroupId": null, "prefixListId": list}),
                ],
..Block::default()
            })
            .await;
    }
}
