//! What AWS would refuse.

use super::{InstanceEngineLifecycleSupport, InstanceInputs};
use crate::{prelude::*, resources::rds::check_name};

pub(super) fn identifier(name: &str) -> Result<(), String> {
    check_name(name, 63)
}

pub(super) fn snapshot(name: &str) -> Result<(), String> {
    check_name(name, 255)
}

pub(super) fn engine(engine: &str) -> Result<(), String> {
    match engine {
        "postgres" => Ok(()),
        other => Err(format!("{other:?} is not supported; use postgres")),
    }
}

/// The oldest major version in standard support, and the oldest in extended support.
const OLDEST: u32 = 14;
const OLDEST_EXTENDED: u32 = 11;

pub(super) fn version(version: &str) -> Result<(), String> {
    let parts = numbers(version);
    match parts.as_deref() {
        Some([major, rest @ ..]) if *major >= OLDEST_EXTENDED && rest.len() <= 1 => Ok(()),
        _ => Err(format!(
            "{version:?} is not a supported version; give {OLDEST} or later, such as 17 or 17.2"
        )),
    }
}

/// Refuses a version that AWS makes with extended support alone.
fn support(check: &mut Check<'_>) {
    let version = check.get::<Option<String>>("engineVersion").flatten();
    let major = version.and_then(|version| numbers(&version)?.first().copied());
    let support = check.get("engineLifecycleSupport");
    if let (Some(OLDEST_EXTENDED..OLDEST), Some(InstanceEngineLifecycleSupport::Disabled)) =
        (major, support)
    {
        check.fail(
            "engineVersion",
            format!("is past standard support, and AWS does not create it without extended support; give {OLDEST} or later"),
        );
    }
}

/// What is known to be missing: in a region, the classes that begin so.
const MISSING: [(&str, &str); 1] = [("ca-west-1", "db.t4g.")];

/// What to say of a class that a region is not known to have.
pub(super) fn missing(region: &str, class: &str) -> Option<String> {
    let mut known = MISSING.iter();
    known.any(|(of, start)| region == *of && class.starts_with(start)).then(|| {
        format!(
            "instanceClass: {region} may not have {class}, as it did not when this version of the provider was made; `aws rds \
             describe-orderable-db-instance-options --region {region} --engine postgres` lists the classes that it has"
        )
    })
}

pub(super) fn class(class: &str) -> Result<(), String> {
    let parts: Vec<_> = class.split('.').collect();
    let fits = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let (is_plain, has_start) = (parts.iter().all(fits), parts.first() == Some(&"db"));
    if has_start && parts.len() >= 3 && is_plain {
        Ok(())
    } else if !has_start && parts.len() >= 2 && is_plain {
        Err(format!(
            "{class:?} is not an instance class; did you mean db.{class}?"
        ))
    } else {
        Err(format!(
            "{class:?} is not an instance class, such as db.t4g.micro"
        ))
    }
}

pub(super) fn database(name: &str) -> Result<(), String> {
    word(name)
}

pub(super) fn username(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 4] = ["admin", "rdsadmin", "rdsrepladmin", "rds_superuser"];
    if RESERVED.contains(&name.to_lowercase().as_str()) || name.to_lowercase().starts_with("pg_") {
        return Err(format!("{name:?} is reserved; use another, such as dbt"));
    }
    word(name)
}

fn word(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.len() > 63 || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Err(format!(
            "{name:?} must have 1 to 63 characters and begin with a letter"
        ))
    } else if !name.chars().all(fits) {
        Err(format!(
            "{name:?} must have only letters, digits and underscores"
        ))
    } else {
        Ok(())
    }
}

pub(super) fn check(check: &mut Check<'_>) {
    support(check);
    if !check.has("masterUserSecretArn") && !check.has("snapshotIdentifier") {
        check.fail(
            "masterUserSecretArn",
            "is required unless snapshotIdentifier is given",
        );
    }
    if let (Some(least), Some(Some(most))) = (
        check.get::<i32>("allocatedStorage"),
        check.get::<Option<i32>>("maxAllocatedStorage"),
    ) && i64::from(most) * 10 < i64::from(least) * 11
    {
        let enough = (i64::from(least) * 11).div_euclid(10) + i64::from(least % 10 != 0);
        check.fail(
            "maxAllocatedStorage",
            format!("must be at least 10% more than allocatedStorage: {enough} or more"),
        );
    }
    if check.has("kmsKeyArn") && check.get("storageEncrypted") == Some(false) {
        check.fail("kmsKeyArn", "needs storageEncrypted to be true");
    }
    check.at_most_one(&["skipFinalSnapshot", "finalSnapshotIdentifier"]);
}

fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

/// Whether the version that runs is what was wanted: that one, one of that major version, or, where AWS upgrades minor
/// versions by itself, a later one of the same major version.
pub(super) fn fulfils(actual: &str, wanted: &str, known: Option<&InstanceInputs>) -> bool {
    let (Some(actual), Some(wanted)) = (numbers(actual), numbers(wanted)) else {
        return actual == wanted;
    };
    let upgrades = known.is_some_and(|k| k.auto_minor_version_upgrade);
    actual.starts_with(&wanted) || upgrades && actual.first() == wanted.first() && actual > wanted
}

/// The name of the engine's own parameter group.
pub(super) fn default_parameters(engine: &str, version: &str) -> String {
    let major = version.split('.').next().unwrap_or_default();
    format!("default.{engine}{major}")
}

/// Whether going from one version to the other changes the major one.
pub(super) fn is_major(from: &str, to: &str) -> bool {
    numbers(from).and_then(|v| v.first().copied()) != numbers(to).and_then(|v| v.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_a_region_lacks_is_said() {
        assert!(missing("ca-west-1", "db.t4g.micro").is_some());
        for (region, class) in [
            ("ca-central-1", "db.t4g.micro"),
            ("ca-west-1", "db.m6g.large"),
        ] {
            assert_eq!(missing(region, class), None);
        }
    }

    #[test]
    fn a_version_is_fulfilled_by_what_aws_chose() {
        let mut inputs = pulumi_aws_framework::props::decode::<InstanceInputs>(
            &Properties::from_iter([("instanceClass".to_owned(), "db.t4g.micro".into())]),
        )
        .unwrap();
        let cases = [
            ("17.2", "17", true, true),
            ("17.2", "17.2", true, true),
            ("17.5", "17.2", true, false),
            ("17.1", "17.2", false, false),
            ("17.20", "17.2", true, false),
            ("18.1", "17", false, false),
            ("16.9", "17", false, false),
        ];
        for (actual, wanted, upgrading, fixed) in cases {
            inputs.auto_minor_version_upgrade = true;
            assert_eq!(
                fulfils(actual, wanted, Some(&inputs)),
                upgrading,
                "{actual} for {wanted}, upgrading"
            );
            inputs.auto_minor_version_upgrade = false;
            assert_eq!(
                fulfils(actual, wanted, Some(&inputs)),
                fixed,
                "{actual} for {wanted}"
            );
        }
        assert!(is_major("17.2", "18") && !is_major("17.2", "17.5"));
    }
}
