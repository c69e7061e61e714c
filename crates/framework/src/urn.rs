//! The parts of a URN: `urn:pulumi:STACK::PROJECT::TYPE$TYPE::NAME`.
//!
//! See [URNs](https://www.pulumi.com/docs/iac/concepts/resources/names/#urns).

/// The parts of a URN that tell resources of one stack apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The type tokens of the parents and its own, with `$` between them.
    pub types: &'a str,
    /// The name, which may have `::` in it.
    pub name: &'a str,
}

/// The parts of a URN; of a text that is none, all of it is the name.
#[must_use]
pub fn parts(urn: &str) -> Parts<'_> {
    let mut parts = urn.splitn(4, "::").skip(2);
    match (parts.next(), parts.next()) {
        (Some(types), Some(name)) => Parts { types, name },
        _ => Parts {
            types: "",
            name: urn,
        },
    }
}

impl<'a> Parts<'a> {
    /// The resource's own type token.
    #[must_use]
    pub fn token(self) -> &'a str {
        self.types.rsplit('$').next().unwrap_or_default()
    }

    /// Whether it may be a child of that component of ours: ours begin their children's names with their own.
    #[must_use]
    pub fn is_below(self, component: Parts<'_>) -> bool {
        let below = |text: &'a str, whole: &str, mark: char| {
            let rest = text.strip_prefix(whole);
            rest.is_some_and(|rest| rest.starts_with(mark))
        };
        below(self.types, component.types, '$') && below(self.name, component.name, '-')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_has_its_parts() {
        let urn = "urn:pulumi:dev::shop::other:index:Team$acme:ec2:Vpc::a::b";
        let vpc = parts(urn);
        assert_eq!(vpc.types, "other:index:Team$acme:ec2:Vpc");
        assert_eq!((vpc.token(), vpc.name), ("acme:ec2:Vpc", "a::b"));
        let none = Parts {
            types: "",
            name: "shop",
        };
        assert_eq!(parts("shop"), none);
        assert_eq!(parts("shop").token(), "");
    }
}
