//! A Pulumi resource provider that runs dbt on AWS.

mod clients;
pub mod components;
pub(crate) mod keys;
pub mod prelude;
pub mod resources;
pub mod run;
#[cfg(test)]
mod tests;

use pulumi_aws_framework::{catalogue::Catalogue, package::Package};
use serde_json::json;

/// The package `dbt-aws`.
#[must_use]
pub fn catalogue() -> Catalogue {
    let metadata = json!({
        "displayName": "dbt on AWS",
        "description": "Runs dbt Core in your own AWS account: network, warehouse, image, schedules.",
        "keywords": ["dbt", "aws", "category/cloud", "kind/component"],
        "license": "Apache-2.0",
        "publisher": "dbt-aws",
        "language": {
            "nodejs": { "packageName": "@dbt-aws/pulumi", "respectSchemaVersion": true },
            "python": { "packageName": "pulumi_dbt_aws", "respectSchemaVersion": true, "pyproject": { "enabled": true } },
            "go": {
                "importBasePath": "github.com/dbt-aws/pulumi-dbt-aws/sdk/go/dbtaws",
                "respectSchemaVersion": true,
                "generateResourceContainerTypes": true,
            },
            "csharp": { "respectSchemaVersion": true },
            "java": { "buildFiles": "gradle" },
        },
    });
    let package = Package {
        name: "dbt-aws",
        version: env!("CARGO_PKG_VERSION"),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        families: &["dbt-aws:iam:Policy"],
        services: &clients::SERVICES,
    };
    let mut catalogue = Catalogue::new(package);
    catalogue.components = components::all();
    catalogue.resources = resources::all();
    catalogue.functions = resources::functions();
    catalogue
}
