//! What a package is, beside what it has.

/// What a package is.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// The name, with which tokens begin: `acme`.
    pub name: &'static str,
    /// The version, as semver has it.
    pub version: &'static str,
    /// What else the schema says of the package: `displayName`, `license`, `language` and the like.
    ///
    /// See Pulumi's [schema reference](https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/).
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Tokens that give nested types their module where no resource has the name that theirs begins with: by
    /// `acme:iam:Policy`, the type `PolicyStatement` is in the module `iam`.
    pub families: &'static [&'static str],
    /// The services of AWS of which the provider's configuration can name the endpoint, each perhaps with what it is.
    pub services: &'static [(&'static str, &'static str)],
}

impl Package {
    /// A package of which nothing else is said.
    #[must_use]
    pub fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            ..Self::default()
        }
    }
}
