//! The product: its components.

mod exposure;
mod overrides;
pub mod platform;
pub(crate) mod policies;
pub mod project;
#[cfg(test)]
pub(crate) mod recorder;
#[cfg(test)]
pub(crate) mod refusals;
pub mod run;
pub mod schedule;

use pulumi_aws_framework::{
    component::{DynamicComponent, erase},
    identity::short_hash,
    props::Failure,
};

/// All components.
#[must_use]
pub fn all() -> Vec<Box<dyn DynamicComponent>> {
    vec![
        erase::<platform::DbtPlatform>(),
        erase::<project::DbtProject>(),
        erase::<run::DbtRun>(),
        erase::<schedule::DbtSchedule>(),
    ]
}

/// What is wrong with something of another region than the provider's, where all children are made.
pub(crate) fn elsewhere(path: &str, theirs: Option<&str>, region: &str) -> Option<Failure> {
    let theirs = theirs.filter(|theirs| !theirs.is_empty() && *theirs != region)?;
    Some(Failure {
        path: path.to_owned(),
        reason: format!(
            "is in {theirs}, but the provider is for {region}; give this component a provider for {theirs}"
        ),
    })
}

/// The partition of an ARN.
pub(crate) fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or("aws")
}

/// The longest name that stays as it is.
const LONGEST: usize = 128;

/// A name as a part of a path in S3 and of a log stream's name: no two names have the same. One of letters, digits and
/// `-_.` stays as it is; any other loses what does not fit, and a hash of all of it tells it apart.
pub(crate) fn log_location(name: &str) -> String {
    const HASH: &str = "--";
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let looks_hashed = name
        .rsplit_once(HASH)
        .is_some_and(|(_, hash)| hash.len() == short_hash("").len());
    if name.len() <= LONGEST
        && name.chars().all(fits)
        && name.contains(|c: char| c.is_ascii_alphanumeric())
        && !looks_hashed
    {
        return name.to_owned();
    }
    let readable: String = name
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .take(LONGEST)
        .collect();
    let readable = match readable.trim_matches(['-', '.']) {
        "" => "x",
        readable => readable,
    };
    format!("{readable}{HASH}{}", short_hash(name))
}

#[cfg(test)]
mod tests {
    use super::log_location;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_names_share_a_place() {
        for name in ["shop", "my-shop", "Shop_1.2", "a-1", "shop--eu"] {
            assert_eq!(log_location(name), name);
        }
        let taken = log_location("my shop");
        let long = "a".repeat(300);
        let longer = format!("{long}a");
        let names = [
            "my-shop", "my shop", "my/shop", "分析", "解析", "..", ".", "-", "", "shop eu",
            "shop/eu", &taken, &long, &longer,
        ];
        let places: BTreeSet<_> = names.iter().map(|name| log_location(name)).collect();
        assert_eq!(places.len(), names.len(), "{places:?}");
        for place in &places {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            assert!(place.len() <= 140 && place.chars().all(fits), "{place}");
            assert!(
                !place.starts_with('.') && !place.starts_with('-'),
                "{place}"
            );
        }
        assert!(taken.starts_with("my-shop--"));
    }
}
