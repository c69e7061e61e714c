//! The product: the three components.

pub(crate) mod formats;
pub mod platform;
pub mod project;
pub mod schedule;

use crate::component::{DynamicComponent, erase};

/// All components.
#[must_use]
pub fn all() -> Vec<Box<dyn DynamicComponent>> {
    vec![
        erase::<platform::DbtPlatform>(),
        erase::<project::DbtProject>(),
        erase::<schedule::DbtSchedule>(),
    ]
}
