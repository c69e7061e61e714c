//! Topics of SNS, and who gets their messages.

pub mod subscription;
#[cfg(test)]
mod tests;
pub mod topic;
