//! Functions: they only look things up.

pub mod get_availability_zones;
pub mod get_caller_identity;
