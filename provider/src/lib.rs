//! A Pulumi resource provider that runs dbt on AWS.

pub mod aws;
pub mod component;
pub mod components;
pub mod context;
pub mod error;
pub(crate) mod formats;
pub mod identity;
pub mod output;
pub mod prelude;
pub mod props;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod pulumirpc;
pub mod resource;
pub mod resources;
pub mod server;
pub mod urn;
pub mod value;
pub mod wire;
