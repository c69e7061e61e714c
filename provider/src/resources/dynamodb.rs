//! Tables of items.

pub mod table;
#[cfg(test)]
mod tests;
