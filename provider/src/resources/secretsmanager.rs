//! Secrets.

pub mod secret;
#[cfg(test)]
mod tests;
