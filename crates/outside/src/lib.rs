//! The world outside this machine: which proxy leads there, and how a terminal shows what it says.

mod printable;
mod proxy;

pub use printable::{printable, printable_line};
pub use proxy::{Proxies, Refusal, refusal, shown};
