//! State machines and their executions.

pub(crate) mod definition;
pub mod execution;
pub mod state_machine;
#[cfg(test)]
mod tests;
