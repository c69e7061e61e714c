//! A Pulumi resource provider that runs dbt on AWS.
