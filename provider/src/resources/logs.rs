//! Logs.

pub mod log_group;
#[cfg(test)]
mod tests;
