//! What one component gives to another: a flat map of texts on the wire, a struct in code.

use crate::{
    output::{Fields, Output},
    props::{Failure, HandleType, Property, Props, Table, Type, check::Check},
    value::{Properties, Value},
};
use std::{fmt::Display, str::FromStr};

/// What a component gives to others: a struct of properties, of which each is a text on the wire. An optional one is one
/// that older components do not give.
pub trait HandleFields: Fields {
    /// The token of the component, which answers it as `handle`.
    const COMPONENT: &'static str;
    /// What it has as `version`. A handle of another is refused.
    const VERSION: &'static str;
}

/// The handle of a component: `T` as a flat map of texts.
#[derive(Clone, Debug)]
pub struct Handle<T>(pub T);

impl<T: HandleFields> Property for Handle<T> {
    fn ty() -> Type {
        Type::Handle(HandleType {
            component: T::COMPONENT,
            version: T::VERSION,
            table: T::table(),
        })
    }

    fn decode(value: &Value) -> Result<Self, Failure> {
        T::decode(value).map(Self)
    }

    fn encode(&self) -> Value {
        self.0.encode()
    }
}

impl<T: HandleFields> Props for Handle<T> {
    fn table() -> &'static Table {
        T::table()
    }
}

impl<T: HandleFields> Fields for Handle<T> {
    type Fields = T::Fields;

    fn project(whole: &Output<Self>) -> T::Fields {
        T::project(&whole.cast())
    }

    fn collect(fields: T::Fields) -> Output<Self> {
        T::collect(fields).cast()
    }
}

impl<T: HandleFields> Handle<T> {
    /// What a property of a component's inputs has of a handle, as far as it is known.
    #[must_use]
    pub fn given(inputs: &Properties, name: &str) -> T::Fields {
        let value = inputs.get(name).cloned().unwrap_or_default();
        Output::<Self>::from_value(value).fields()
    }

    /// The same of inputs under check.
    #[must_use]
    pub fn checked(check: &Check<'_>, name: &str) -> T::Fields {
        Output::<Self>::from_value(check.value(name).unwrap_or_default()).fields()
    }
}

/// A list as one text, with commas between its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined(pub Vec<String>);

impl Property for Joined {
    fn ty() -> Type {
        Type::String
    }

    fn decode(value: &Value) -> Result<Self, Failure> {
        let text = String::decode(value)?;
        let items = text.split(',').filter(|item| !item.is_empty());
        Ok(Self(items.map(str::to_owned).collect()))
    }

    fn encode(&self) -> Value {
        self.0.join(",").into()
    }
}

/// A number as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits<T>(pub T);

impl<T: FromStr<Err: Display> + Display + Clone + Send + Sync + 'static> Property for Digits<T> {
    fn ty() -> Type {
        Type::String
    }

    fn decode(value: &Value) -> Result<Self, Failure> {
        let text = String::decode(value)?;
        let number = text
            .parse()
            .map_err(|e| Failure::here(format!("{text:?} is not a number: {e}")));
        number.map(Self)
    }

    fn encode(&self) -> Value {
        self.0.to_string().into()
    }
}
