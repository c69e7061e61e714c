//! What the environment and the shared configuration files say of regions and credentials, without asking anybody.

use crate::{props::Failure, value::Properties};
use aws_config::{
    meta::region::ProvideRegion,
    profile::{ProfileFileRegionProvider, ProfileSet},
};
use aws_types::os_shim_internal::{Env, Fs};
use std::collections::BTreeSet;

/// The region that the configured profile, the environment or its profile names. Asks nobody.
pub async fn ambient_region(profile: Option<&str>) -> Option<String> {
    let set = |key: &&str| std::env::var(key).ok().filter(|r| !r.is_empty());
    let mut files = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        files = files.profile_name(profile);
    }
    let files = files.build();
    let of_profile = async || files.region().await.map(|region| region.to_string());
    let environment = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(set);
    match (profile, environment) {
        (Some(_), environment) => of_profile().await.or(environment),
        (None, None) => of_profile().await,
        (None, environment) => environment,
    }
}

/// Refuses what cannot be credentials, of all that the configuration and the environment name. Asks nobody.
pub(crate) async fn unusable(configuration: &Properties) -> Option<Failure> {
    let given = |key: &str| configuration.get(key).filter(|value| !value.is_null());
    let failure = |path: &str, reason: String| Failure {
        path: path.to_owned(),
        reason,
    };
    if let Some(profile) = given("profile") {
        let name = profile.as_str().filter(|name| !name.is_empty())?;
        return unusable_profile(name)
            .await
            .map(|reason| failure("profile", reason));
    }
    if given("accessKey").is_some() {
        return None;
    }
    if let Some(reason) = half_a_pair() {
        return Some(failure("", format!("{reason}: set both, or neither")));
    }
    // Who has others does without a profile.
    let others = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if others.iter().any(is_set) {
        return None;
    }
    let name = std::env::var("AWS_PROFILE")
        .ok()
        .filter(|name| !name.is_empty())?;
    let reason = unusable_profile(&name).await?;
    Some(failure("", format!("AWS_PROFILE: {reason}")))
}

fn is_set(key: &&str) -> bool {
    std::env::var_os(key).is_some_and(|value| !value.is_empty())
}

/// What is wrong with keys in the environment of which one is missing: the SDK would use other credentials.
pub(super) fn half_a_pair() -> Option<&'static str> {
    match (
        is_set(&"AWS_ACCESS_KEY_ID"),
        is_set(&"AWS_SECRET_ACCESS_KEY"),
    ) {
        (true, false) => Some("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"),
        (false, true) => Some("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not"),
        _ => None,
    }
}

/// Why a profile of the shared configuration files, or one that it takes its credentials from, cannot be used.
async fn unusable_profile(name: &str) -> Option<String> {
    let (files, env, usual) = (Fs::real(), Env::real(), Default::default());
    let profiles = match aws_config::profile::load(&files, &env, &usual, None).await {
        Ok(profiles) => profiles,
        Err(error) => {
            let causes =
                std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
            let why = causes.last().map(ToString::to_string).unwrap_or_default();
            return Some(format!("the profile {name:?} cannot be looked up: {why}"));
        }
    };
    let (mut seen, mut next) = (BTreeSet::new(), name);
    while seen.insert(next) {
        let Some(profile) = profiles.get_profile(next) else {
            let from = match next == name {
                true => String::new(),
                false => format!(", which {name} takes its credentials from"),
            };
            return Some(format!(
                "there is no profile {next:?}{from}; {}",
                listed(&profiles)
            ));
        };
        let has = |key| profile.get(key).is_some();
        let (id, key) = ("aws_access_key_id", "aws_secret_access_key");
        for (one, other) in [(id, key), (key, id)] {
            if has(one) && !has(other) {
                return Some(format!("the profile {next:?} has {one}, but no {other}"));
            }
        }
        profile.get("role_arn")?;
        next = profile.get("source_profile")?;
    }
    None
}

fn listed(profiles: &ProfileSet) -> String {
    let mut names: Vec<_> = profiles.profiles().collect();
    names.sort_unstable();
    match names.is_empty() {
        true => "the shared configuration files have none (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, ~/.aws)".to_owned(),
        false => format!("there are {}", names.join(", ")),
    }
}

/// What is wrong when there is no region.
#[must_use]
pub fn no_region(package: &str) -> Failure {
    Failure {
        path: "region".to_owned(),
        reason: format!(
            "is required; set it with `pulumi config set {package}:region eu-west-1`, or AWS_REGION"
        ),
    }
}
