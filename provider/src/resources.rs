//! Every custom resource and function: one AWS object, one file, one line here.

pub mod ec2;
pub mod seed;

use crate::resource::{Dynamic, DynamicFunction, erase};

/// All resources, by module and name.
#[must_use]
pub fn all() -> Vec<Box<dyn Dynamic>> {
    vec![
        erase::<ec2::subnet::Subnet>(),
        erase::<ec2::vpc::Vpc>(),
        erase::<seed::Seed>(),
    ]
}

/// All functions.
#[must_use]
pub fn functions() -> Vec<Box<dyn DynamicFunction>> {
    vec![]
}
