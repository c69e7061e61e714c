//! As whom dbt logs in to the platform's own Postgres: a role of the project, which the first container of each task makes.

use super::{DbtProjectDbt, DbtProjectProfile, Expansion};
use crate::{
    components::platform::handle::{PlatformHandle, PlatformHandleArgs},
    prelude::*,
    resources::secretsmanager::secret::{Secret, SecretArgs, SecretGenerateArgs},
};
use pulumi_aws_framework::identity::short_hash;

/// The most bytes that PostgreSQL takes of an identifier.
const LONGEST: usize = 63;

/// The role and its password.
pub(super) struct Login {
    /// The role's name.
    pub(super) role: Output<String>,
    /// The ARN of the secret with its password.
    pub(super) secret_arn: Output<String>,
}

/// The project's own login, unless it connects elsewhere. What a preview does not know is taken to be the platform's
/// database; when something is made, all is known.
pub(super) fn of(project: &Expansion<'_>) -> Option<Login> {
    let (args, platform) = (project.args, &project.platform);
    let adapter = args.dbt.fields().adapter.or_else(&platform.adapter).now();
    let profile = args.profile.clone().unwrap_or_default().now();
    let has_profile = args.path.is_some() || args.profile.is_some();
    if elsewhere(platform, adapter.as_deref(), profile.as_ref(), has_profile).is_some() {
        return None;
    }
    let secret = project.scope.child::<Secret>(
        "warehouse-secret",
        SecretArgs {
            description: format!(
                "the role of the dbt project {} in the warehouse",
                project.scope.name()
            )
            .into(),
            generate: SecretGenerateArgs::default().into(),
            tags: project.tags.clone(),
            ..Default::default()
        },
    );
    Some(Login {
        role: project.artifacts_prefix.map(|place| name(&place)),
        secret_arn: secret.arn.clone(),
    })
}

/// Where dbt is known to connect to another database than the platform's own, or in a way of its own.
fn elsewhere(
    platform: &PlatformHandleArgs,
    adapter: Option<&str>,
    profile: Option<&DbtProjectProfile>,
    has_profile: bool,
) -> Option<&'static str> {
    let setting = |key: &str| profile.and_then(|own| own.settings.as_ref()?.0.get(key));
    let kind = setting("type").map(|kind| kind.as_str().unwrap_or_default());
    if platform.warehouse_administrator.optional().now() == Some(None) {
        Some("with a warehouse that the platform has not made")
    } else if !has_profile {
        Some("with an image that has its own profile")
    } else if setting("host").is_some() {
        Some("with a host in profile.settings")
    } else if kind.or(adapter).is_some_and(|kind| kind != "postgres") {
        Some("with another adapter than the warehouse's")
    } else {
        None
    }
}

/// The role of the project with that place in the bucket, `PROJECT/TARGET`: a plain identifier, the end of which no other
/// place has.
fn name(place: &str) -> String {
    let hash = short_hash(place);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let readable = place
        .chars()
        .map(plain)
        .take(LONGEST - "dbt__".len() - hash.len());
    format!("dbt_{}_{hash}", readable.collect::<String>())
}

/// What cannot be meant as `grants`, and where they have no effect.
pub(super) fn check(check: &mut Check<'_>) {
    let grants = check.value("grants").unwrap_or_default();
    let Value::List(grants) = grants.peel() else {
        return;
    };
    let mut seen = BTreeMap::new();
    for (index, grant) in grants.iter().enumerate() {
        let Some(grant) = grant.peel().as_str() else {
            continue;
        };
        let reason = match seen.get(grant) {
            Some(first) => Some(format!(
                "is the same as grants[{first}]; leave out one of the two"
            )),
            None => refused(grant),
        };
        seen.entry(grant.to_owned()).or_insert(index);
        if let Some(reason) = reason {
            check.fail(format!("grants[{index}]"), reason);
        }
    }
    let platform = Handle::<PlatformHandle>::checked(check, "platform");
    let dbt: Option<DbtProjectDbt> = check.get("dbt").flatten();
    let adapter = dbt
        .and_then(|dbt| dbt.adapter)
        .or_else(|| platform.adapter.now());
    let profile: Option<DbtProjectProfile> = check.get("profile").flatten();
    let has_profile = check.has("path") || check.has("profile");
    if let Some(place) = elsewhere(&platform, adapter.as_deref(), profile.as_ref(), has_profile) {
        let reason =
            format!("has no effect {place}; grant there what the user of the connection may read");
        check.fail("grants", reason);
    }
}

/// Why a name is none of a schema or of a role.
fn refused(name: &str) -> Option<String> {
    let is_systems = name.starts_with("pg_") || name == "information_schema";
    match name.len() {
        0 => Some("must not be empty".to_owned()),
        _ if name.chars().any(char::is_control) => {
            Some("must be the name of a schema or of a role, without control characters".to_owned())
        }
        1..=LONGEST if is_systems => Some(format!(
            "{name} is PostgreSQL's own; name a schema with data, or another project's warehouseRole"
        )),
        1..=LONGEST => None,
        bytes => Some(format!(
            "has {bytes} bytes, of which PostgreSQL takes at most {LONGEST} in a name"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::name;
    use std::collections::BTreeSet;

    #[test]
    fn a_role_is_of_one_project_and_target() {
        let long = format!("{}/prod", "x".repeat(80));
        let places = [
            "shop/prod",
            "Shop/prod",
            "shop_prod/x",
            "shop/prod_x",
            "shop-prod/x",
            "pg/x",
            "1/1",
            "ö/prod",
            &long,
            &format!("{long}2"),
        ];
        let names: BTreeSet<_> = places.into_iter().map(name).collect();
        assert_eq!(names.len(), places.len(), "{names:?}");
        for name in &names {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(
                name.len() <= 63 && name.starts_with("dbt_") && name.chars().all(plain),
                "{name}"
            );
        }
        assert_eq!(name("shop/prod"), "dbt_shop_prod_qe7vuv5y");
    }
}
