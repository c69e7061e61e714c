//! Object storage.

pub mod bucket;
