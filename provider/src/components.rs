//! The product: the three components.

use crate::component::DynamicComponent;

/// All components.
#[must_use]
pub fn all() -> Vec<Box<dyn DynamicComponent>> {
    vec![]
}
