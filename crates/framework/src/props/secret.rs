//! Text that no log and no error shows.

use super::{Failure, Property, Type};
use crate::value::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What stands for a secret wherever one would be shown, in Pulumi's own word.
pub(crate) const HIDDEN: &str = "[secret]";

/// The text of a secret property: its `Debug` hides it, it has no `Display`, and only [`SecretText::expose`] gives it.
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
        f.write_str(HIDDEN)
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

/// A type whose `Debug` shows no secret: what a field with `#[prop(secret)]` must have.
///
/// ```
/// # use pulumi_aws_framework::props::{Props, SecretText};
/// /// Whom to let in.
/// #[derive(Clone, Debug, Props)]
/// pub struct LoginInputs {
///     /// The password.
///     #[prop(secret)]
///     pub password: Option<SecretText>,
/// }
/// let password = Some("swordfish".into());
/// assert_eq!(
///     format!("{:?}", LoginInputs { password }),
///     "LoginInputs { password: Some([secret]) }"
/// );
/// ```
///
/// The same with plain text does not compile:
///
/// ```compile_fail,E0277
/// # use pulumi_aws_framework::props::{Props, SecretText};
/// /// Whom to let in.
/// #[derive(Clone, Debug, Props)]
/// pub struct LoginInputs {
///     /// The password.
///     #[prop(secret)]
///     pub password: Option<String>,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the `Debug` of `{Self}` would show a secret",
    label = "a property with `#[prop(secret)]` is a `SecretText`, or an `Option`, a list or a map of them"
)]
pub trait HidesSecret {}

impl HidesSecret for SecretText {}
impl<T: HidesSecret> HidesSecret for Option<T> {}
impl<T: HidesSecret> HidesSecret for Vec<T> {}
impl<T: HidesSecret> HidesSecret for BTreeSet<T> {}
impl<T: HidesSecret> HidesSecret for BTreeMap<String, T> {}

/// Whether a secret field's type hides it, as a constant; for derived code.
#[must_use]
pub const fn hidden<T: HidesSecret>() -> bool {
    true
}
