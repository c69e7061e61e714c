//! Text that no log and no error shows.

use super::{Failure, Property, Type};
use crate::value::Value;
use std::fmt;

/// What stands for a secret wherever one would be shown, in Pulumi's own word.
pub(crate) const REDACTED: &str = "[secret]";

/// The text of a secret property: its `Debug` hides it, it has no `Display`, and only [`SecretText::expose`] gives it.
/// A property of this type is marked as a secret, and so is a list or a map of them.
///
/// ```
/// # use pulumi_aws_framework::props::{Props, SecretText};
/// /// Whom to let in.
/// #[derive(Clone, Debug, Props)]
/// pub struct LoginInputs {
///     /// The password.
///     pub password: Option<SecretText>,
/// }
/// let password = Some("swordfish".into());
/// assert_eq!(
///     format!("{:?}", LoginInputs { password }),
///     "LoginInputs { password: Some([secret]) }"
/// );
/// assert!(LoginInputs::table().fields[0].secret);
/// ```
///
/// Nothing else can be a secret, so this does not compile:
///
/// ```compile_fail
/// # use pulumi_aws_framework::props::Props;
/// /// Whom to let in.
/// #[derive(Clone, Debug, Props)]
/// pub struct LoginInputs {
///     /// The password.
///     #[prop(secret)]
///     pub password: Option<String>,
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretText(String);

impl SecretText {
    /// The text itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Property for SecretText {
    const SECRET: bool = true;
    fn ty() -> Type {
        Type::String
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        String::decode(value).map(Self)
    }
    fn encode(&self) -> Value {
        Value::String(self.0.clone())
    }
}
