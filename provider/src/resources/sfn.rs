//! State machines.

mod definition;
pub mod state_machine;
