//! The product: the three components.

pub mod platform;
pub mod project;
pub mod schedule;

use crate::{
    component::{DynamicComponent, erase},
    props::Failure,
};

/// All components.
#[must_use]
pub fn all() -> Vec<Box<dyn DynamicComponent>> {
    vec![
        erase::<platform::DbtPlatform>(),
        erase::<project::DbtProject>(),
        erase::<schedule::DbtSchedule>(),
    ]
}

/// What is wrong with something of another region than the provider's, where all children are made.
pub(crate) fn elsewhere(path: &str, theirs: Option<&str>, region: &str) -> Option<Failure> {
    let theirs = theirs.filter(|theirs| !theirs.is_empty() && *theirs != region)?;
    Some(Failure {
        path: path.to_owned(),
        reason: format!(
            "is of {theirs}, but the provider is for {region}; give this component a provider for {theirs}"
        ),
    })
}

/// The partition of an ARN.
pub(crate) fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or("aws")
}
