//! AWS: the provider's configuration, one client per service and region, and errors by class.

mod clients;
mod config;
mod error;
mod http;
mod partition;

pub(crate) use clients::Zone;
pub use clients::{Aws, Caller, Clients};
pub(crate) use config::missing_profile;
pub use config::{AssumeRole, Configuration, DefaultTags, ambient_region, no_region, unquoted};
pub use error::{Class, During, Error};
pub(crate) use partition::{console, partition};
