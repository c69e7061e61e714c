//! OCI images of dbt projects, made and pushed without a Docker daemon and without Python.
//!
//! An image is a base with three layers on it: the runner (`/opt/dbt-aws`), dbt (`/opt/dbt`) and
//! the project (`/project`). Each is the same bits for the same input on every machine. What was
//! built is kept as descriptors, so a change of the project alone is planned without a network.
//!
//! Packages are not compiled to bytecode, for which Python would be needed.

mod base;
mod bundled;
mod cache;
mod credentials;
mod digest;
mod error;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod host;
mod html;
mod http;
mod ignore;
mod images;
mod index;
mod layer;
mod limits;
mod lock;
mod manifest;
mod metadata;
mod packages;
mod page;
mod pip;
mod platform;
mod project;
mod reference;
mod registry;
mod requirement;
mod requirements;
mod resolve;
#[cfg(test)]
mod server;
mod settings;
mod spec;
mod trust;
mod versions;
mod waiting;
mod wheel;
mod yaml;

pub use self::{
    base::Base,
    bundled::is_engine,
    cache::Cache,
    credentials::Login,
    digest::Digest,
    error::{Error, Result},
    http::Credentials,
    images::Images,
    index::Index,
    layer::Layer,
    lock::Resolved,
    manifest::{AGAIN, again},
    packages::{PackagesLayer, Runner},
    platform::{Platform, Python},
    project::{Contents, FileChanges, Fingerprint, Project, ProjectLayer},
    reference::{Reference, ecr_registry},
    spec::{Built, DEFAULT_BASE, Dbt, Registry, Spec},
    yaml::mapping,
};

#[cfg(test)]
mod tests;
