//! Container images.

pub mod repository;
