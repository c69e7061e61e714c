//! URNs: `urn:pulumi:STACK::PROJECT::TYPE$TYPE::NAME`.

use std::fmt;

/// The [URN](https://www.pulumi.com/docs/iac/concepts/resources/names/#urns) of a resource, as the engine names it.
///
/// Its parts are found leniently: of a text that is no URN, all is the name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Urn(String);

/// The parts of a URN that tell resources of one stack apart.
struct Parts<'a> {
    /// `urn:pulumi:STACK::PROJECT`.
    stack: &'a str,
    /// The type tokens of the parents and its own, with `$` between them.
    types: &'a str,
    /// The name, which may have `::` in it.
    name: &'a str,
}

impl Urn {
    /// The URN of a resource of that type and name, below one in a stack if there is a parent.
    pub(crate) fn new(stack: &str, project: &str, parent: &Self, token: &str, name: &str) -> Self {
        let chain = match parent.parts().types {
            "" | "pulumi:pulumi:Stack" => String::new(),
            parent => format!("{parent}$"),
        };
        Self(format!(
            "urn:pulumi:{stack}::{project}::{chain}{token}::{name}"
        ))
    }

    /// As the engine writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> Parts<'_> {
        let start = self.0.match_indices("::").nth(1).map(|(at, _)| at);
        let parts = start.and_then(|at| {
            let (types, name) = self.0[at + 2..].split_once("::")?;
            Some((&self.0[..at], types, name))
        });
        let (stack, types, name) = parts.unwrap_or(("", "", &self.0));
        Parts { stack, types, name }
    }

    /// The resource's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().name
    }

    /// The resource's own type token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.type_tokens().next().unwrap_or_default()
    }

    /// The resource's type token, its parent's, and so on.
    pub fn type_tokens(&self) -> impl Iterator<Item = &str> {
        self.parts().types.rsplit('$')
    }

    /// What the URNs of its children of a type begin with whose names begin with its own, a hyphen, and `prefix`.
    #[must_use]
    pub fn child_prefix(&self, token: &str, prefix: &str) -> String {
        let Parts { stack, types, name } = self.parts();
        format!("{stack}::{types}${token}::{name}-{prefix}")
    }

    /// Whether it may be a child of that component of ours: ours begin their children's names with their own.
    #[must_use]
    pub fn is_below(&self, component: &Self) -> bool {
        let (own, parent) = (self.parts(), component.parts());
        let below = |text: &str, whole: &str, mark: char| {
            let rest = text.strip_prefix(whole);
            rest.is_some_and(|rest| rest.starts_with(mark))
        };
        below(own.types, parent.types, '$') && below(own.name, parent.name, '-')
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Urn {
    fn from(urn: String) -> Self {
        Self(urn)
    }
}

impl From<&str> for Urn {
    fn from(urn: &str) -> Self {
        Self(urn.to_owned())
    }
}

impl From<Urn> for String {
    fn from(urn: Urn) -> Self {
        urn.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_has_its_parts() {
        let vpc = Urn::from("urn:pulumi:dev::shop::other:index:Team$acme:ec2:Vpc::a::b");
        assert_eq!((vpc.token(), vpc.name()), ("acme:ec2:Vpc", "a::b"));
        let all: Vec<_> = vpc.type_tokens().collect();
        assert_eq!(all, ["acme:ec2:Vpc", "other:index:Team"]);
        let none = Urn::from("shop");
        assert_eq!((none.token(), none.name()), ("", "shop"));
    }

    #[test]
    fn a_component_has_its_children_below_it() {
        let stack = Urn::from("urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev");
        let platform = Urn::new("dev", "shop", &stack, "acme:index:Platform", "prod");
        assert_eq!(
            platform.as_str(),
            "urn:pulumi:dev::shop::acme:index:Platform::prod"
        );
        let child = Urn::new("dev", "shop", &platform, "acme:ec2:Subnet", "prod-a");
        let start = platform.child_prefix("acme:ec2:Subnet", "");
        assert_eq!(child.as_str(), format!("{start}a"));
        assert!(child.is_below(&platform) && !platform.is_below(&platform));
        assert!(
            !Urn::new("dev", "shop", &platform, "acme:ec2:Subnet", "production")
                .is_below(&platform)
        );
    }
}
