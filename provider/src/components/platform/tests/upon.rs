//! What the platform expands to upon what a stack has.

use super::*;
use crate::components::recorder::{Recording, record_upon};
use expect_test::expect;

fn from(sources: &serde_json::Value) -> Properties {
    inputs(&json!({ "warehouse": { "postgres": { "allowFrom": sources } } }))
}

/// The rules for who may connect: their names, what they were called, and who it is.
fn entrances(recording: &Recording) -> Vec<String> {
    let rules = recording.registrations.values();
    let own =
        rules.filter(|r| r.name.starts_with("shop-warehouse-from-") && !r.name.ends_with("tasks"));
    let line = |r: &pulumi_aws_framework::component::Registration| {
        let who = |key: &str| r.inputs.get(key).map(Value::plain).unwrap_or_default();
        let who = [who("cidrBlock"), who("sourceSecurityGroupId")];
        let who: Vec<_> = who.iter().filter_map(Value::as_str).collect();
        let was = r.former.as_deref().unwrap_or("-");
        format!("{} {was} {}", r.name, who.join(" "))
    };
    own.map(line).collect()
}

#[tokio::test]
async fn who_may_connect_has_a_rule_by_its_own_name() {
    let platform = erase::<DbtPlatform>();
    let made = async |sources: serde_json::Value, had| {
        let (recording, _) = record_upon(platform.as_ref(), from(&sources), As::Update, had).await;
        entrances(&recording)
    };
    let (a, b) = ("10.0.0.0/8", "sg-0a1b");
    let new = made(json!([a, b]), Some(&[][..])).await;
    assert_eq!(
        new,
        [
            "shop-warehouse-from-10-0-0-0-8 shop-warehouse-from-0 10.0.0.0/8",
            "shop-warehouse-from-sg-0a1b shop-warehouse-from-1 sg-0a1b",
        ]
    );
    let rule = "dbt-aws:ec2:SecurityGroupRule";
    let one = |key: &str, value: &str| Properties::from([(key.to_owned(), Value::from(value))]);
    let old = [
        (rule, "shop-warehouse-from-0", one("cidrBlock", a)),
        (
            rule,
            "shop-warehouse-from-1",
            one("sourceSecurityGroupId", b),
        ),
        (rule, "shop-warehouse-from-tasks", Properties::new()),
    ];
    let upgraded = made(json!([b, "192.0.2.0/24", a]), Some(&old)).await;
    assert_eq!(
        upgraded,
        [
            "shop-warehouse-from-10-0-0-0-8 shop-warehouse-from-0 10.0.0.0/8",
            "shop-warehouse-from-192-0-2-0-24 - 192.0.2.0/24",
            "shop-warehouse-from-sg-0a1b shop-warehouse-from-1 sg-0a1b",
        ],
        "what a rule was is found by who it lets in"
    );
    let current = [
        (rule, "shop-warehouse-from-10-0-0-0-8", one("cidrBlock", a)),
        (rule, "shop-warehouse-from-tasks", Properties::new()),
    ];
    assert_eq!(
        made(json!([b, a]), Some(&current)).await,
        [
            "shop-warehouse-from-10-0-0-0-8 - 10.0.0.0/8",
            "shop-warehouse-from-sg-0a1b - sg-0a1b",
        ]
    );
    let mut unknown = from(&json!([a, b]));
    if let Some(Value::Object(warehouse)) = unknown.get_mut("warehouse")
        && let Some(Value::Object(postgres)) = warehouse.get_mut("postgres")
    {
        let list = vec![a.into(), Value::Unknown];
        postgres.insert("allowFrom".to_owned(), Value::List(list));
    }
    let (recording, _) = record(platform.as_ref(), unknown, As::Preview).await;
    assert_eq!(recording.failures, [""; 0]);
    assert_eq!(
        entrances(&recording)[..1],
        ["shop-warehouse-from-1 - ".to_owned()],
        "what is not known yet has its place for a name"
    );
}

#[tokio::test]
async fn zones_keep_their_subnets() {
    let platform = erase::<DbtPlatform>();
    let subnet = "dbt-aws:ec2:Subnet";
    let zone = |name: &str| Properties::from([("availabilityZone".to_owned(), Value::from(name))]);
    let had = [
        (subnet, "shop-private-0", zone("eu-west-1a")),
        (subnet, "shop-public-0", zone("eu-west-1a")),
        (subnet, "shop-private-1", zone("eu-west-1b")),
        (subnet, "shop-public-1", zone("eu-west-1b")),
    ];
    let made = async |network: serde_json::Value, had| {
        let given = inputs(&json!({ "network": network }));
        let (recording, outputs) = record_upon(platform.as_ref(), given, As::Update, had).await;
        assert_eq!(recording.failures, [""; 0]);
        let mut lines = Vec::new();
        for (name, r) in &recording.registrations {
            let zone =
                ["availabilityZone", "zoneIndex"].map(|key| r.inputs.get(key).map(Value::plain));
            let zone = zone.into_iter().flatten().find(|zone| !zone.is_null());
            if let (true, Some(zone)) = (name.contains("private"), zone) {
                let block = r.inputs["cidrBlock"].plain();
                lines.push(format!("{name} {} {}", zone.to_json(), block.to_json()));
            }
        }
        let names: Vec<_> = recording.registrations.into_keys().collect();
        (
            lines,
            names,
            outputs.expect("outputs")["taskSubnetIds"].plain(),
        )
    };
    let counted = made(json!({ "zoneCount": 2 }), Some(&had[..])).await;
    let named = made(json!({ "zones": ["eu-west-1a", "eu-west-1b"] }), Some(&had)).await;
    let turned = made(json!({ "zones": ["eu-west-1b", "eu-west-1a"] }), Some(&had)).await;
    assert_eq!((&named, &counted.1), (&turned, &named.1));
    assert_eq!(
        named.0,
        [
            r#"shop-private-0 "eu-west-1a" "10.0.0.0/20""#,
            r#"shop-private-1 "eu-west-1b" "10.0.16.0/20""#,
        ]
    );
    let (moved, names, _) = made(
        json!({ "zones": ["eu-west-1c", "eu-west-1b"], "natGateways": "perZone" }),
        Some(&had),
    )
    .await;
    assert_eq!(
        moved,
        [
            r#"shop-private-1 "eu-west-1b" "10.0.16.0/20""#,
            r#"shop-private-2 "eu-west-1c" "10.0.32.0/20""#,
        ],
        "the addresses of a zone that goes away are used until the end"
    );
    for child in [
        "nat-1",
        "nat-2",
        "private-route-2",
        "public-association-2",
        "private-routes-1",
    ] {
        assert!(names.contains(&format!("shop-{child}")), "{child}");
    }
}

#[tokio::test]
async fn a_new_zone_is_none_that_is_used() {
    let platform = erase::<DbtPlatform>();
    let subnet = "dbt-aws:ec2:Subnet";
    let zone = |name: &str| Properties::from([("availabilityZone".to_owned(), Value::from(name))]);
    let had = [
        (subnet, "shop-private-0", zone("eu-west-1a")),
        (subnet, "shop-public-0", zone("eu-west-1a")),
        (subnet, "shop-private-1", zone("eu-west-1c")),
    ];
    let given = inputs(&json!({ "network": { "zoneCount": 3 } }));
    let (recording, _) = record_upon(platform.as_ref(), given, As::Update, Some(&had)).await;
    assert_eq!(recording.failures, [""; 0]);
    let subnets = recording.registrations.values();
    let subnets = subnets.filter(|child| child.token == subnet);
    let lines = subnets.map(|child| {
        let zone = ["availabilityZone", "zoneIndex", "excludedZones"];
        let zone = zone.map(|key| Some((key, child.inputs.get(key)?.plain().to_json())));
        let zone = zone.into_iter().flatten();
        let zone = zone.map(|(key, value)| format!(" {key}: {value}"));
        format!("{}{}\n", child.name, zone.collect::<String>())
    });
    expect![[r#"
        shop-private-0 zoneIndex: 0
        shop-private-1 zoneIndex: 1
        shop-private-2 zoneIndex: 0 excludedZones: ["eu-west-1a","eu-west-1c"]
        shop-public-0 zoneIndex: 0
        shop-public-1 availabilityZone: "eu-west-1c"
        shop-public-2 zoneIndex: 0 excludedZones: ["eu-west-1a","eu-west-1c"]
    "#]]
    .assert_eq(&lines.collect::<String>());
}
