//! A Pulumi resource provider that runs dbt on AWS.

pub mod output;
pub mod props;
pub mod value;
pub mod wire;
