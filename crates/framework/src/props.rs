//! Properties as one table: what the `Props` derive makes of a struct, and the types a field can have.
//!
//! [`check`], [`diff`] and [`schema`](crate::schema) interpret the table; resource code sees only the typed struct.

pub mod check;
pub mod diff;
mod json;
mod secret;
pub mod tags;
#[cfg(test)]
mod tests;
mod types;

pub use json::digits;
pub use json::{Json, Payload};
pub use pulumi_aws_framework_derive::Props;
pub(crate) use secret::REDACTED;
pub use secret::SecretText;
pub use types::{Cidr, Enum, Set};

use crate::{
    context::Tags,
    value::{Properties, Value},
};

/// The fields of one struct of properties.
#[derive(Debug)]
pub struct Table {
    /// The Rust struct's name; a nested object's type name in the schema.
    pub name: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// The fields, in the order of the struct.
    pub fields: Vec<Field>,
}

impl Table {
    /// These properties without what is null: it is absent, except in documents, where it means something.
    #[must_use]
    pub fn without_nulls(&self, properties: Properties) -> Properties {
        let each = |(key, value): (String, Value)| {
            let value = match self.field(&key) {
                Some(field) => field.ty.without_nulls(value),
                None => value,
            };
            (!value.is_null()).then_some((key, value))
        };
        properties.into_iter().filter_map(each).collect()
    }

    /// The field of that wire name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// One field: what its attributes say.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Field {
    /// The name on the wire, in camelCase.
    pub name: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// The type.
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
    /// Whether a change replaces the resource.
    pub replace: bool,
    /// Whether the state keeps it encrypted.
    pub secret: bool,
    /// Whether a program must know it when it runs (components only).
    pub plain: bool,
    /// Whether only inputs have it: it is not echoed in the outputs.
    pub input_only: bool,
    /// Whether the outputs have no more of it than a digest, which tells a change as well.
    pub digest: bool,
    /// For an output: the inputs whose change changes it.
    pub follows: &'static [&'static str],
    /// What stands for an absent value: a promise, so that another value in AWS is drift.
    pub default: Option<Value>,
    /// What the value itself must fulfil.
    pub rule: Option<Rule>,
}

/// A rule of one value; the error completes "`path`: ...".
pub type Rule = fn(&Value) -> Result<(), String>;

/// The type of a property.
#[derive(Clone, Debug)]
pub enum Type {
    /// A boolean.
    Bool,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// Text.
    String,
    /// Text of a certain form, with its own sense of equality.
    Text(&'static Text),
    /// One of a closed set of words.
    Enum(&'static EnumType),
    /// Any JSON: an object, or its text. Compared by meaning.
    Json,
    /// Any JSON, or text that is none.
    Payload,
    /// A list, in order.
    List(Box<Type>),
    /// A list without order or duplicates.
    Set(Box<Type>),
    /// A map from names to values.
    Map(Box<Type>),
    /// An object with known keys.
    Object(&'static Table),
    /// The handle of another component: a map of texts.
    Handle(HandleType),
}

impl Field {
    /// Whether the outputs have it as the inputs do.
    #[must_use]
    pub fn is_echoed(&self) -> bool {
        !self.input_only && !self.digest
    }
}

impl Type {
    fn without_nulls(&self, value: Value) -> Value {
        match (self, value) {
            (ty, Value::Secret(value)) => Value::secret(ty.without_nulls(*value)),
            (
                ty,
                Value::Output {
                    value,
                    dependencies,
                },
            ) => Value::depending(ty.without_nulls(*value), dependencies),
            (Self::List(item) | Self::Set(item), Value::List(items)) => {
                Value::List(items.into_iter().map(|v| item.without_nulls(v)).collect())
            }
            (Self::Map(item), Value::Object(fields)) => {
                let fields = fields.into_iter().filter(|(_, v)| !v.is_null());
                Value::Object(fields.map(|(k, v)| (k, item.without_nulls(v))).collect())
            }
            (Self::Object(table), Value::Object(fields)) => {
                Value::Object(table.without_nulls(fields))
            }
            (_, value) => value,
        }
    }
}

/// The handle of a component.
#[derive(Clone, Copy, Debug)]
pub struct HandleType {
    /// The component's type token.
    pub component: &'static str,
    /// The version that it must have.
    pub version: &'static str,
    /// Its keys; it may have others, of a later version of the component.
    pub table: &'static Table,
}

/// A form of text.
#[derive(Debug)]
pub struct Text {
    /// What is wrong with a text, if anything.
    pub check: fn(&str) -> Result<(), String>,
    /// Whether two texts mean the same.
    pub same: fn(&str, &str) -> bool,
}

/// A closed set of words.
#[derive(Debug)]
pub struct EnumType {
    /// The type's name in the schema.
    pub name: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// Each word with its doc comment.
    pub values: &'static [(&'static str, &'static str)],
}

/// A type that a property can have.
pub trait Property: Clone + Send + Sync + Sized + 'static {
    /// Whether an absent value is an error.
    const REQUIRED: bool = true;
    /// Whether it is marked as a secret, on the wire and in the state.
    const SECRET: bool = false;
    /// The type in the table.
    fn ty() -> Type;
    /// The typed value of one without unknowns or wrappings.
    ///
    /// # Errors
    /// What does not fit, with its path inside the value.
    fn decode(value: &Value) -> Result<Self, Failure>;
    /// The value on the wire.
    fn encode(&self) -> Value;
}

/// A struct of properties; derived.
pub trait Props: Property {
    /// The struct's table.
    fn table() -> &'static Table;
    /// The tags, where it has a property `tags` of the type `Option<Tags>`.
    fn tags(&self) -> Option<&Tags> {
        None
    }
    /// Sets the tags, where it has such a property.
    fn set_tags(&mut self, _tags: Option<Tags>) {}
}

/// What is wrong with a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The property's path, such as `network.zones[0]`.
    pub path: String,
    /// What is wrong and what to do; lower case, no final stop.
    pub reason: String,
}

impl Failure {
    /// A failure of the value itself.
    pub fn here(reason: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            reason: reason.into(),
        }
    }

    /// The failure as seen from the object that holds the value under `key`.
    #[must_use]
    pub fn under(mut self, key: &str) -> Self {
        self.path = join(key, &self.path);
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path, self.reason)
        }
    }
}

/// `rest` below `key`, in Pulumi's notation for property paths.
pub fn join(key: &str, rest: &str) -> String {
    let simple = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    let key = if simple {
        key.to_owned()
    } else {
        format!("[{key:?}]")
    };
    match rest.chars().next() {
        None => key,
        Some('[') => format!("{key}{rest}"),
        Some(_) => format!("{key}.{rest}"),
    }
}

/// `key` below `path`.
pub fn below(path: &str, key: &str) -> String {
    let key = join(key, "");
    if path.is_empty() || key.starts_with('[') {
        format!("{path}{key}")
    } else {
        format!("{path}.{key}")
    }
}

/// `rest` below the item at `index`.
pub fn join_index(index: usize, rest: &str) -> String {
    match rest.chars().next() {
        None => format!("[{index}]"),
        Some('[') => format!("[{index}]{rest}"),
        Some(_) => format!("[{index}].{rest}"),
    }
}

/// The typed struct of properties that were checked.
///
/// # Errors
/// The first property that does not fit.
pub fn decode<P: Props>(properties: &Properties) -> Result<P, Failure> {
    P::decode(&Value::Object(properties.clone()))
}

/// The properties of a typed struct, absent ones left out.
pub fn encode<P: Props>(props: &P) -> Properties {
    props.encode().into_properties()
}

/// A field's value inside an object, or its default; for derived code.
///
/// # Errors
/// What does not fit, with its path.
pub fn decode_field<T: Property>(value: &Value, field: &'static Field) -> Result<T, Failure> {
    let own = match value {
        Value::Object(fields) => fields.get(field.name),
        _ => return Err(Failure::here("must be an object")),
    };
    let own = own
        .filter(|v| !matches!(v, Value::Null))
        .or(field.default.as_ref())
        .unwrap_or(&Value::Null);
    T::decode(own).map_err(|e| e.under(field.name))
}
