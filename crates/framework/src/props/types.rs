//! The types that a property can have, from `bool` to a CIDR block.

use super::{Failure, Property, Text, Type, join_index};
use crate::value::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub(super) fn mismatch<T>(wanted: &str, value: &Value) -> Result<T, Failure> {
    Err(Failure::here(match value {
        Value::Null => "is required".to_owned(),
        _ => format!("must be {wanted}"),
    }))
}

impl Property for bool {
    fn ty() -> Type {
        Type::Bool
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Bool(b) => Ok(*b),
            other => mismatch("true or false", other),
        }
    }
    fn encode(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Property for i64 {
    fn ty() -> Type {
        Type::Integer
    }
    #[allow(clippy::cast_possible_truncation)]
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Ok(*n as i64),
            other => mismatch("a whole number", other),
        }
    }
    #[allow(clippy::cast_precision_loss)]
    fn encode(&self) -> Value {
        Value::Number(*self as f64)
    }
}

impl Property for i32 {
    fn ty() -> Type {
        Type::Integer
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        i64::decode(value)?
            .try_into()
            .or_else(|_| mismatch("a whole number below 2147483648", value))
    }
    fn encode(&self) -> Value {
        Value::Number((*self).into())
    }
}

impl Property for f64 {
    fn ty() -> Type {
        Type::Number
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Number(n) => Ok(*n),
            other => mismatch("a number", other),
        }
    }
    fn encode(&self) -> Value {
        Value::Number(*self)
    }
}

impl Property for String {
    fn ty() -> Type {
        Type::String
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::String(s) => Ok(s.clone()),
            other => mismatch("text", other),
        }
    }
    fn encode(&self) -> Value {
        Value::String(self.clone())
    }
}

impl<T: Property> Property for Option<T> {
    const REQUIRED: bool = false;
    const SECRET: bool = T::SECRET;
    fn ty() -> Type {
        T::ty()
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Null => Ok(None),
            other => T::decode(other).map(Some),
        }
    }
    fn encode(&self) -> Value {
        self.as_ref().map(T::encode).unwrap_or_default()
    }
}

fn decode_items<T: Property, C: FromIterator<T>>(value: &Value) -> Result<C, Failure> {
    match value {
        Value::List(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| {
                T::decode(v).map_err(|e| Failure {
                    path: join_index(i, &e.path),
                    reason: e.reason,
                })
            })
            .collect(),
        other => mismatch("a list", other),
    }
}

impl<T: Property> Property for Vec<T> {
    const SECRET: bool = T::SECRET;
    fn ty() -> Type {
        Type::List(Box::new(T::ty()))
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        decode_items(value)
    }
    fn encode(&self) -> Value {
        Value::List(self.iter().map(T::encode).collect())
    }
}

/// A list whose order does not matter and in which nothing is twice.
pub type Set<T> = BTreeSet<T>;

impl<T: Property + Ord> Property for BTreeSet<T> {
    const SECRET: bool = T::SECRET;
    fn ty() -> Type {
        Type::Set(Box::new(T::ty()))
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        decode_items(value)
    }
    fn encode(&self) -> Value {
        Value::List(self.iter().map(T::encode).collect())
    }
}

impl<T: Property> Property for BTreeMap<String, T> {
    const SECRET: bool = T::SECRET;
    fn ty() -> Type {
        Type::Map(Box::new(T::ty()))
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(k, v)| Ok((k.clone(), T::decode(v).map_err(|e| e.under(k))?)))
                .collect(),
            other => mismatch("a map", other),
        }
    }
    fn encode(&self) -> Value {
        Value::Object(self.iter().map(|(k, v)| (k.clone(), v.encode())).collect())
    }
}

/// An IPv4 block such as `10.0.0.0/16`; its host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr(pub ipnet::Ipv4Net);

static CIDR: Text = Text {
    check: |text| Cidr::parse(text).map(drop),
    same: |a, b| Cidr::parse(a) == Cidr::parse(b),
};

impl Cidr {
    /// The block of a text.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about a property.
    pub fn parse(text: &str) -> Result<Self, String> {
        let net: ipnet::Ipv4Net = text
            .parse()
            .map_err(|_| format!("{text:?} is not an IPv4 block such as 10.0.0.0/16"))?;
        if net.addr() == net.network() {
            return Ok(Self(net));
        }
        Err(format!(
            "{text} is not aligned; the block of that size that holds it is {}",
            net.trunc()
        ))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Property for Cidr {
    fn ty() -> Type {
        Type::Text(&CIDR)
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        Self::parse(&String::decode(value)?).map_err(Failure::here)
    }
    fn encode(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A closed set of words; implemented by `props::words!`.
pub trait Enum: Copy + Send + Sync + 'static {
    /// The words with their documentation.
    const TYPE: &'static super::EnumType;
    /// The word.
    fn word(self) -> &'static str;
    /// The value of a word.
    fn from_word(word: &str) -> Option<Self>;
}

/// Declares a closed set of words as an enum that is a property.
///
/// ```ignore
/// words! {
///     /// How tasks reach the internet.
///     pub enum Mode {
///         /// Through NAT.
///         Nat = "nat",
///     }
/// }
/// ```
#[macro_export]
macro_rules! words {
    ($(#[doc = $doc:literal])* pub enum $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(unreachable_pub)]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)+ }

        impl $crate::props::Enum for $name {
            const TYPE: &'static $crate::props::EnumType = &$crate::props::EnumType {
                name: stringify!($name),
                doc: concat!($($doc, "\n",)*),
                values: &[$(($word, concat!($($vdoc, "\n",)*)),)+],
            };
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl $crate::props::Property for $name {
            fn ty() -> $crate::props::Type {
                $crate::props::Type::Enum(<Self as $crate::props::Enum>::TYPE)
            }
            fn decode(value: &$crate::value::Value) -> Result<Self, $crate::props::Failure> {
                let word = String::decode(value)?;
                <Self as $crate::props::Enum>::from_word(&word)
                    .ok_or_else(|| $crate::props::Failure::here($crate::props::check::not_a_word(&word, Self::ty())))
            }
            fn encode(&self) -> $crate::value::Value {
                $crate::props::Enum::word(*self).into()
            }
        }

        impl $crate::output::Lift for $name {
            type Args = Self;
            fn lift(value: $crate::value::Value) -> Result<Self, $crate::props::Failure> {
                $crate::output::lift_known(&value)
            }
        }
    };
}
