//! A framework for Pulumi resource providers of AWS.
//!
//! A kind of resource is a type that implements [`resource::CustomResource`]; a kind of component implements
//! [`component::Component`]. A [`catalogue::Catalogue`] has all of a package, and [`server::run`] serves it.
//!
//! A whole provider, of one resource:
//!
//! ```ignore
#![doc = include_str!("../example/src/main.rs")]
//! ```

extern crate self as pulumi_aws_framework;

pub mod aws;
pub mod catalogue;
pub mod component;
pub mod context;
pub mod error;
pub mod formats;
pub mod function;
pub mod handle;
pub mod identity;
pub mod output;
pub mod package;
pub mod prelude;
pub mod props;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod pulumirpc;
pub mod reads;
pub mod resource;
pub mod schema;
pub mod server;
pub mod urn;
pub mod value;
pub mod wire;
