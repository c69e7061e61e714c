//! Object storage.

pub mod bucket;
#[cfg(test)]
mod tests;
