//! Property values as Pulumi knows them: a tree whose leaves can be unknown, secret, or know what they depend on.

use crate::{props::REDACTED, urn::Urn};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The properties of an object, by name.
pub type Properties = BTreeMap<String, Value>;

/// One property value.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// Absent; left out of objects on the wire.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; Pulumi has only doubles.
    Number(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// An object or a map.
    Object(Properties),
    /// A value that is not known yet.
    Unknown,
    /// A value that the state keeps encrypted.
    Secret(Box<Value>),
    /// A value together with the resources it was made from; only components see it.
    Output {
        /// The value, [`Value::Unknown`] where it is not known yet.
        value: Box<Value>,
        /// The URNs of the resources it depends on.
        dependencies: BTreeSet<Urn>,
    },
    /// An asset, an archive or a resource reference: carried through as it came.
    Opaque(Properties),
}

impl Value {
    /// The value with its outputs' and secrets' wrappings taken off, at every depth.
    #[must_use]
    pub fn plain(&self) -> Self {
        match self {
            Self::Secret(value) | Self::Output { value, .. } => value.plain(),
            Self::List(items) => Self::List(items.iter().map(Self::plain).collect()),
            Self::Object(fields) => {
                Self::Object(fields.iter().map(|(k, v)| (k.clone(), v.plain())).collect())
            }
            other => other.clone(),
        }
    }

    /// The value without its own wrappings; those further down stay.
    #[must_use]
    pub fn peel(&self) -> &Self {
        match self {
            Self::Secret(value) | Self::Output { value, .. } => value.peel(),
            other => other,
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.peel(), Self::Null)
    }

    /// Whether the value itself is unknown, whatever its leaves.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.peel(), Self::Unknown)
    }

    /// Whether any leaf answers `true`; wrappings are leaves too.
    fn any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::Secret(value) | Self::Output { value, .. } => value.any(test),
                Self::List(items) => items.iter().any(|v| v.any(test)),
                Self::Object(fields) => fields.values().any(|v| v.any(test)),
                _ => false,
            }
    }

    /// Whether any leaf is unknown.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.any(&|v| matches!(v, Self::Unknown))
    }

    /// Whether any leaf is a secret.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.any(&|v| matches!(v, Self::Secret(_)))
    }

    /// The texts and numbers of all secrets.
    #[must_use]
    pub fn secret_texts(&self) -> Vec<String> {
        match self {
            Self::Secret(value) => value.plain().texts(),
            Self::Output { value, .. } => value.secret_texts(),
            Self::List(items) => items.iter().flat_map(Self::secret_texts).collect(),
            Self::Object(fields) => fields.values().flat_map(Self::secret_texts).collect(),
            _ => Vec::new(),
        }
    }

    /// The texts and numbers in a plain value.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::String(text) => vec![text.clone()],
            Self::Number(number) => vec![number.to_string()],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            Self::Object(fields) => fields.values().flat_map(Self::texts).collect(),
            _ => Vec::new(),
        }
    }

    /// The URNs that any leaf depends on.
    #[must_use]
    pub fn dependencies(&self) -> BTreeSet<Urn> {
        let mut all = BTreeSet::new();
        self.collect_dependencies(&mut all);
        all
    }

    fn collect_dependencies(&self, all: &mut BTreeSet<Urn>) {
        match self {
            Self::Output {
                value,
                dependencies,
            } => {
                all.extend(dependencies.iter().cloned());
                value.collect_dependencies(all);
            }
            Self::Secret(value) => value.collect_dependencies(all),
            Self::List(items) => items.iter().for_each(|v| v.collect_dependencies(all)),
            Self::Object(fields) => fields.values().for_each(|v| v.collect_dependencies(all)),
            _ => {}
        }
    }

    /// The value without outputs' wrappings; secrets stay marked.
    #[must_use]
    pub fn without_dependencies(&self) -> Self {
        match self {
            Self::Output { value, .. } => value.without_dependencies(),
            Self::Secret(value) => Self::secret(value.without_dependencies()),
            Self::List(items) => Self::List(items.iter().map(Self::without_dependencies).collect()),
            Self::Object(fields) => Self::Object(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.without_dependencies()))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// The value marked as a secret, once.
    #[must_use]
    pub fn secret(value: Self) -> Self {
        match value {
            Self::Secret(_) => value,
            other => Self::Secret(Box::new(other)),
        }
    }

    /// The value marked as depending on these resources, once.
    #[must_use]
    pub fn depending(value: Self, dependencies: BTreeSet<Urn>) -> Self {
        if dependencies.is_empty() {
            return value;
        }
        match value {
            Self::Output {
                value,
                dependencies: mut own,
            } => {
                own.extend(dependencies);
                Self::Output {
                    value,
                    dependencies: own,
                }
            }
            other => Self::Output {
                value: Box::new(other),
                dependencies,
            },
        }
    }

    /// The field `name` of an object: the object's own secrecy and dependencies go with it, a sibling's do not.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.child(|v| match v {
            Self::Object(fields) => fields.get(name).cloned().unwrap_or_default(),
            _ => Self::Null,
        })
    }

    /// A part of the value that `take` picks, in the wrappings of the whole.
    #[must_use]
    pub fn child(&self, take: impl Fn(&Self) -> Self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Secret(value) => match value.child(take) {
                Self::Null => Self::Null,
                part => Self::secret(part),
            },
            Self::Output {
                value,
                dependencies,
            } => match value.child(take) {
                Self::Null => Self::Null,
                part => Self::depending(part, dependencies.clone()),
            },
            other => take(other),
        }
    }

    /// This value with every secret of `like` marked at the same path.
    #[must_use]
    pub fn marked_like(self, like: &Self) -> Self {
        match (self, like) {
            (Self::Null, _) => Self::Null,
            (value, Self::Output { value: like, .. }) => value.marked_like(like),
            (value, Self::Secret(_)) => Self::secret(value),
            (Self::List(items), Self::List(likes)) if likes.iter().any(Self::has_secret) => {
                if items.len() == likes.len() {
                    Self::List(
                        items
                            .into_iter()
                            .zip(likes)
                            .map(|(v, l)| v.marked_like(l))
                            .collect(),
                    )
                } else {
                    Self::secret(Self::List(items))
                }
            }
            (Self::Object(fields), Self::Object(likes)) => Self::Object(
                fields
                    .into_iter()
                    .map(|(k, v)| {
                        let v = match likes.get(&k) {
                            Some(like) => v.marked_like(like),
                            None => v,
                        };
                        (k, v)
                    })
                    .collect(),
            ),
            (value, _) => value,
        }
    }

    /// The fields of an object; none for anything else.
    #[must_use]
    pub fn into_properties(self) -> Properties {
        match self {
            Self::Object(fields) => fields,
            Self::Secret(value) | Self::Output { value, .. } => value.into_properties(),
            _ => Properties::new(),
        }
    }

    /// The text, where it is known text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.peel() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Every secret inside moved to the value itself. YAML's interpreter loses a secret that is a part of an output.
    #[must_use]
    pub fn hoisted(self) -> Self {
        match self.has_secret() {
            true => Self::secret(self.without_secrets()),
            false => self,
        }
    }

    fn without_secrets(self) -> Self {
        match self {
            Self::Secret(value) => value.without_secrets(),
            Self::Output {
                value,
                dependencies,
            } => Self::depending(value.without_secrets(), dependencies),
            Self::List(items) => Self::List(items.into_iter().map(Self::without_secrets).collect()),
            Self::Object(fields) => Self::Object(
                fields
                    .into_iter()
                    .map(|(k, v)| (k, v.without_secrets()))
                    .collect(),
            ),
            other => other,
        }
    }

    /// The value as JSON; unknowns and secrets must have been taken off.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null | Self::Unknown => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Number(n) => number_to_json(*n),
            Self::String(s) => Json::String(s.clone()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(fields) | Self::Opaque(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.to_json()))
                    .collect(),
            ),
            Self::Secret(value) | Self::Output { value, .. } => value.to_json(),
        }
    }

    /// A value from JSON; numbers become doubles.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => Self::Number(n.as_f64().unwrap_or_default()),
            Json::String(s) => Self::String(s.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Json::Object(fields) => Self::Object(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), Self::from_json(v)))
                    .collect(),
            ),
        }
    }
}

/// The least whole number beside which some whole numbers are no doubles: such a number may have lost digits.
pub(crate) const UNSAFE: f64 = 9_007_199_254_740_992.0;

/// Integral doubles become JSON integers.
fn number_to_json(n: f64) -> serde_json::Value {
    #[allow(clippy::cast_possible_truncation)]
    if n.fract() == 0.0 && n.abs() < UNSAFE {
        (n as i64).into()
    } else {
        n.into()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Unknown => f.write_str("Unknown"),
            Self::Secret(_) => f.write_str(REDACTED),
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
            Self::List(items) => items.fmt(f),
            Self::Object(fields) => fields.fmt(f),
            Self::Opaque(fields) => f.debug_tuple("Opaque").field(fields).finish(),
            Self::Output {
                value,
                dependencies,
            } => f
                .debug_struct("Output")
                .field("value", value)
                .field("dependencies", dependencies)
                .finish(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let list = Value::List(vec![Value::Number(1.5), Value::secret("swordfish".into())]);
        let all = Value::Object([("a".to_owned(), list), ("b".to_owned(), "x".into())].into());
        assert_eq!(format!("{all:?}"), r#"{"a": [1.5, [secret]], "b": "x"}"#);
    }
}
