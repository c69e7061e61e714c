//! Container images.

pub mod image;
pub mod repository;
