//! What a file of a resource or component needs.

pub(crate) use crate::{
    clients::Services,
    resources::sdk::{from_tags, importable, kept, list, listed, retag, to_tags},
};
pub use pulumi_aws_framework::prelude::*;
