//! Rules of EventBridge.

mod pattern;
pub mod rule;
pub mod target;
mod template;
#[cfg(test)]
mod tests;
