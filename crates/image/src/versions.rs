//! Specifiers of versions as ranges.

use pep440_rs::{Operator, Version, VersionSpecifiers};
use pubgrub::Ranges;

use super::Python;

pub(super) type Range = Ranges<Version>;

/// The versions that specifiers allow. A version stands for its local ones too, such as `1.0+cpu`.
pub(super) fn range(specifiers: &VersionSpecifiers) -> Range {
    let one = |specifier: &pep440_rs::VersionSpecifier| {
        let version = specifier.version();
        match specifier.operator() {
            Operator::Equal if !version.is_local() => {
                Ranges::from_range_bounds(version.clone()..after(version))
            }
            Operator::NotEqual if !version.is_local() => {
                Ranges::from_range_bounds(version.clone()..after(version)).complement()
            }
            Operator::LessThanEqual => Ranges::strictly_lower_than(after(version)),
            _ => Ranges::from(specifier.clone()),
        }
    };
    specifiers.iter().fold(Ranges::full(), |all, specifier| {
        all.intersection(&one(specifier))
    })
}

/// The least version after a version and its local ones.
fn after(version: &Version) -> Version {
    let version = version.clone().without_local();
    match (version.dev(), version.post()) {
        (Some(dev), _) => version.with_dev(Some(dev + 1)),
        (None, Some(post)) => version.with_post(Some(post + 1)).with_dev(Some(0)),
        (None, None) => version.with_post(Some(0)).with_dev(Some(0)),
    }
}

/// Whether a range is that of one version.
pub(super) fn is_exact(range: &Range) -> bool {
    use std::ops::Bound::{Excluded, Included};
    let mut segments = range.iter();
    match (segments.next(), segments.next()) {
        (Some((Included(first), Included(last))), None) => first == last,
        (Some((Included(first), Excluded(next))), None) => after(first) == *next,
        _ => false,
    }
}

/// Whether specifiers of Pythons allow a release of a minor version.
pub(crate) fn runs_on(specifiers: &VersionSpecifiers, python: Python) -> bool {
    let minor = |minor: u32| Version::new([3, u64::from(minor)]);
    let releases = Ranges::from_range_bounds(minor(python.minor)..minor(python.minor + 1));
    !range(specifiers).is_disjoint(&releases)
}
