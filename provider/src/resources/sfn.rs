//! State machines.

pub mod dbt_run;
mod definition;
pub mod state_machine;
