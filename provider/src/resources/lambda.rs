//! Lambda.

pub mod function;
mod function_code;
mod function_found;
mod function_rules;
mod invokers;
#[cfg(test)]
mod tests;
