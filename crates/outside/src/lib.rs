//! The world outside this machine: which proxy leads there, whose certificates vouch for it, and how a terminal shows
//! what it says.

mod authorities;
mod printable;
mod proxy;
#[cfg(feature = "testing")]
pub mod testing;

pub use authorities::{authorities, pem};
pub use printable::{printable, printable_line};
pub use proxy::{Proxies, Refusal, refusal, shown};
