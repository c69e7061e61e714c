//! Message queues.

pub mod queue;
