//! The availability zones of a new network. A zone has a number: its blocks of addresses and its children's names have
//! it, and it keeps it while the network has the zone, however the program says which zones there are.

use crate::{
    prelude::*,
    resources::ec2::{subnet::Subnet, zones},
};
use pulumi_aws_framework::{aws::Aws, component::Scope};

/// Blocks for this many zones are reserved from the start, so that growth renumbers nothing.
pub(super) const MOST: u32 = 6;

/// A zone of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NetworkZone {
    pub(super) number: u32,
    pub(super) place: ZonePlace,
}

/// Which of the region's zones it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ZonePlace {
    /// The one with the name that the program gives there.
    Named(usize),
    /// The one that the stack has subnets in.
    Kept(String),
    /// Of those that the stack has no subnets in, the one in that place of AWS's list.
    New(u32),
}

/// The number and the name of each zone that the stack has subnets in.
pub(super) fn had(scope: &Scope) -> BTreeMap<u32, String> {
    let subnets = |kind| scope.had::<Subnet>(kind).unwrap_or_default().into_iter();
    let subnets = subnets("public-").chain(subnets("private-"));
    let zone = |(number, outputs): (String, Properties)| {
        let name = outputs.get("availabilityZone")?.as_str()?.to_owned();
        Some((number.parse().ok()?, name))
    };
    subnets.filter_map(zone).collect()
}

/// Whether the stack has the subnet of that kind and number.
pub(super) fn has(scope: &Scope, kind: &str, number: u32) -> bool {
    let own = scope.had::<Subnet>(&format!("{kind}-{number}"));
    own.is_some_and(|own| own.contains_key(""))
}

/// The zones of these names, as far as they are known. Those that the stack has keep their numbers; a new one takes
/// none whose addresses are in use until the update ends.
pub(super) fn named(
    names: &[Option<String>],
    had: &BTreeMap<u32, String>,
) -> Result<Vec<NetworkZone>, Failure> {
    let number_of = |name: &Option<String>| {
        let name = name.as_ref()?;
        had.iter().find(|(_, own)| *own == name).map(|(n, _)| *n)
    };
    let mut free = (0..MOST).filter(|number| !had.contains_key(number));
    let mut all = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let Some(number) = number_of(name).or_else(|| free.next()) else {
            let stays = |own: &&String| names.iter().flatten().any(|name| name == *own);
            let going = had.values().filter(|own| !stays(own));
            let going: Vec<_> = going.map(String::as_str).collect();
            let reason = format!(
                "has no addresses left: the VPC has room for {MOST} zones, and {} still have subnets; remove those from the list and run `pulumi up` before you add another",
                going.join(", ")
            );
            let path = format!("network.zones[{index}]");
            return Err(Failure { path, reason });
        };
        let place = ZonePlace::Named(index);
        all.push(NetworkZone { number, place });
    }
    all.sort_by_key(|zone| zone.number);
    Ok(all)
}

/// So many zones: first those that the stack has, then the first of AWS's list that it does not have.
pub(super) fn counted(count: usize, had: &BTreeMap<u32, String>) -> Vec<NetworkZone> {
    let kept = had.iter().map(|(number, name)| NetworkZone {
        number: *number,
        place: ZonePlace::Kept(name.clone()),
    });
    let free = (0..MOST).filter(|number| !had.contains_key(number));
    let new = free.zip(0..).map(|(number, index)| NetworkZone {
        number,
        place: ZonePlace::New(index),
    });
    let mut all: Vec<_> = kept.chain(new).take(count).collect();
    all.sort_by_key(|zone| zone.number);
    all
}

/// Asks for the region's zones where more are wanted than every region has, or some by name.
pub(super) async fn check_online(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
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
        let what = format!("{count} are too many; give fewer");
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

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn had(names: &[&str]) -> BTreeMap<u32, String> {
        let all = (0..).zip(names).filter(|(_, name)| !name.is_empty());
        all.map(|(number, name)| (number, (*name).to_owned()))
            .collect()
    }

    #[test]
    fn a_zone_keeps_its_number() {
        let names = |names: &[&str], stack: &[&str]| {
            let known: Vec<_> = names.iter().map(|name| Some((*name).to_owned())).collect();
            named(&known, &had(stack)).map(|zones| {
                let name = |zone: &NetworkZone| match zone.place {
                    ZonePlace::Named(index) => names[index],
                    _ => "",
                };
                let all = zones
                    .iter()
                    .map(|zone| format!("{}{}", name(zone), zone.number));
                all.collect::<Vec<_>>().join(" ")
            })
        };
        for (wanted, stack, zones) in [
            (&["b", "a"][..], &[][..], "b0 a1"),
            (&["b", "a"], &["a", "b"], "a0 b1"),
            (&["c", "a"], &["a", "b"], "a0 c2"),
            (&["a", "c"], &["a", "b", "c"], "a0 c2"),
            (&["d", "c", "a"], &["a", "", "c"], "a0 d1 c2"),
        ] {
            assert_eq!(names(wanted, stack).as_deref(), Ok(zones));
        }
        let full = names(&["a", "g"], &["a", "b", "c", "d", "e", "f"]);
        let failure = full.expect_err("no block is left").to_string();
        assert!(
            failure.starts_with("network.zones[1]: has no addresses left"),
            "{failure}"
        );
    }

    #[test]
    fn a_number_of_zones_keeps_those_there_are() {
        let zones = |count, stack: &[&str]| {
            let place = |zone: &NetworkZone| match &zone.place {
                ZonePlace::Kept(name) => format!("{}{name}", zone.number),
                place => format!("{}{place:?}", zone.number),
            };
            let zones = counted(count, &had(stack));
            zones.iter().map(place).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(zones(2, &[]), "0New(0) 1New(1)");
        assert_eq!(zones(2, &["a", "", "c"]), "0a 2c");
        assert_eq!(zones(3, &["a", "", "c"]), "0a 1New(0) 2c");
        assert_eq!(zones(4, &["a", "c"]), "0a 1c 2New(0) 3New(1)");
        assert_eq!(zones(2, &["a", "b", "c"]), "0a 1b");
    }

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
            network.zoneCount: 4 are too many; give fewer; eu-west-1 has 3 availability zones: eu-west-1a, eu-west-1b, eu-west-1c
            network.zones[1]: there is no zone "eu-west-1d"; eu-west-1 has 3 availability zones: eu-west-1a, eu-west-1b, eu-west-1c
        "#]]
        .assert_eq(&look(4.0, &["eu-west-1a", "eu-west-1d"]));
    }
}
