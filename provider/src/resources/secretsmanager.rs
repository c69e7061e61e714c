//! Secrets.

pub mod secret;
