//! Container images.

pub mod image;
pub mod repository;
#[cfg(test)]
mod tests;
