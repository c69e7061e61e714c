//! State machines.

pub(crate) mod definition;
pub mod state_machine;
#[cfg(test)]
mod tests;
