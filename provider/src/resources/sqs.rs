//! Message queues.

pub mod queue;
#[cfg(test)]
mod tests;
