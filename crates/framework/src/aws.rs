//! AWS: the provider's configuration, one client per service and region, and errors by class.

mod ambient;
mod calls;
mod clients;
mod config;
mod error;
mod http;
mod partition;

pub(crate) use ambient::unusable;
pub use ambient::{ambient_region, no_region};
pub use calls::{ACTIONS, calls_of};
pub use clients::{Aws, Caller, Clients};
pub use config::{AssumeRole, Configuration, DefaultTags, unquoted};
pub use error::{Class, During, Error};
pub use partition::{console, partition};
