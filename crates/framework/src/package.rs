//! What a package is, beside what it has.

/// What a package is.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// The name, with which tokens begin: `dbt-aws`.
    pub name: &'static str,
    /// The version, as semver has it.
    pub version: &'static str,
    /// What else the schema says of the package: `displayName`, `license`, `language` and the like.
    ///
    /// See Pulumi's [schema reference](https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/).
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Tokens with which those of nested types begin that are named after no resource: types are in the module of what
    /// they are named after.
    pub families: &'static [&'static str],
    /// The services of AWS of which the provider's configuration can name the endpoint, each perhaps with what it is.
    pub services: &'static [(&'static str, &'static str)],
}
