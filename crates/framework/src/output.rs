//! Values that a component passes between its children: a typed view of a tree in which any leaf can be unknown or
//! secret, and knows the resources it depends on.

use crate::{
    props::{Cidr, Failure, Field, Json, Property, Props, SecretText},
    value::Value,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, join_all, ready},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::Arc,
};

/// What an output resolves to. A failure is a bug of this provider, found too late to be a type error.
pub type Resolved = Result<Arc<Value>, Arc<Failure>>;

/// A value of type `T` that is there later, perhaps unknown or secret. Absent by default.
pub struct Output<T> {
    node: Shared<BoxFuture<'static, Resolved>>,
    of: PhantomData<fn() -> T>,
}

/// An output of no particular type.
#[derive(Clone, Copy, Debug)]
pub struct Any;

/// A struct of properties whose every field can be an output.
pub trait Fields: Props {
    /// The struct with outputs for values.
    type Fields;
    /// The fields of an output of the struct.
    fn project(whole: &Output<Self>) -> Self::Fields;
    /// The output made of its fields.
    fn collect(fields: Self::Fields) -> Output<Self>;
}

/// A type as a component's argument: what is plain is known at once, the rest are outputs.
pub trait Lift: Property {
    /// The form as an argument.
    type Args;
    /// The argument of a value that was checked.
    ///
    /// # Errors
    /// What does not fit, with its path.
    fn lift(value: Value) -> Result<Self::Args, Failure>;
}

impl<T> Clone for Output<T> {
    fn clone(&self) -> Self {
        Self {
            node: self.node.clone(),
            of: PhantomData,
        }
    }
}

impl<T> Default for Output<T> {
    fn default() -> Self {
        Self::from_value(Value::Null)
    }
}

impl<T> Output<T> {
    pub(crate) fn from_future(node: impl Future<Output = Resolved> + Send + 'static) -> Self {
        Self {
            node: node.boxed().shared(),
            of: PhantomData,
        }
    }

    /// The output of a value that is there.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self::from_future(ready(Ok(Arc::new(value))))
    }

    /// The value, when it is there.
    ///
    /// # Errors
    /// What did not fit on the way.
    pub async fn resolve(&self) -> Resolved {
        self.node.clone().await
    }

    /// The same output, its type forgotten.
    #[must_use]
    pub fn erase(&self) -> Output<Any> {
        self.cast()
    }

    /// The same output as one of an optional value.
    #[must_use]
    pub fn optional(&self) -> Output<Option<T>> {
        self.cast()
    }

    pub(crate) fn cast<U>(&self) -> Output<U> {
        Output {
            node: self.node.clone(),
            of: PhantomData,
        }
    }

    fn transform<U>(
        &self,
        f: impl FnOnce(&Value) -> Result<Value, Failure> + Send + 'static,
    ) -> Output<U> {
        Output::from_future(
            self.node
                .clone()
                .map(move |value| Ok(Arc::new(f(&*value?).map_err(Arc::new)?))),
        )
    }

    /// The same value, kept encrypted.
    #[must_use]
    pub fn secret(&self) -> Self {
        self.transform(|value| {
            Ok(if value.is_null() {
                Value::Null
            } else {
                Value::secret(value.clone())
            })
        })
    }

    /// The object that has it under a key; absent where it is.
    #[must_use]
    pub fn under<U>(&self, key: impl Into<String>) -> Output<U> {
        let key = key.into();
        self.transform(|value| {
            Ok(match value.is_null() {
                true => Value::Null,
                false => Value::Object([(key, value.clone())].into()),
            })
        })
    }

    /// A key's value in a map or object.
    #[must_use]
    pub fn key<U>(&self, key: impl Into<String>) -> Output<U> {
        let key = key.into();
        self.transform(move |value| Ok(value.field(&key)))
    }

    /// A field of an object, or its default; for derived code.
    #[must_use]
    pub fn field_of<U>(&self, field: &'static Field) -> Output<U> {
        self.transform(move |value| Ok(field_or_default(value, field)))
    }

    /// A field of a value that is there, or its default; for derived code.
    #[must_use]
    pub fn of_field(value: &Value, field: &'static Field) -> Self {
        Self::from_value(field_or_default(value, field))
    }

    /// A field of a value that is there, if it is given; for derived code.
    #[must_use]
    pub fn given_field(value: &Value, field: &'static Field) -> Option<Self> {
        let own = value.field(field.name);
        (!own.is_null()).then(|| Self::from_value(own))
    }

    /// The object made of these fields; each keeps its own secrecy and dependencies.
    #[must_use]
    pub fn object<K: Into<String>>(fields: impl IntoIterator<Item = (K, Output<Any>)>) -> Self {
        let (keys, nodes): (Vec<String>, Vec<_>) =
            fields.into_iter().map(|(k, v)| (k.into(), v.node)).unzip();
        Self::from_future(join_all(nodes).map(move |values| {
            let mut object = BTreeMap::new();
            for (key, value) in keys.into_iter().zip(values) {
                let value = value?;
                if !value.is_null() {
                    object.insert(key, Value::clone(&value));
                }
            }
            Ok(Arc::new(Value::Object(object)))
        }))
    }
}

impl<T: Property> Output<BTreeMap<String, T>> {
    /// The keys, known and no secret where the map is, whatever its values are.
    #[must_use]
    pub fn keys(&self) -> Output<Vec<String>> {
        self.transform(|value| {
            Ok(value.child(|map| match map {
                Value::Object(map) => {
                    Value::List(map.keys().map(|key| key.as_str().into()).collect())
                }
                Value::Null => Value::List(Vec::new()),
                other => other.clone(),
            }))
        })
    }
}

fn field_or_default(value: &Value, field: &Field) -> Value {
    match value.field(field.name) {
        Value::Null => field.default.clone().unwrap_or_default(),
        other => other,
    }
}

impl<T: Property> Output<T> {
    /// The output of `f` of the value: unknown when any leaf is, secret when any leaf is, and depending on all. An
    /// absent value stays absent, unless `T` is an `Option`.
    #[must_use]
    pub fn map<U: Property>(&self, f: impl FnOnce(T) -> U + Send + 'static) -> Output<U> {
        self.try_map(|value| Ok(f(value)))
    }

    /// As [`Output::map`], with a function that can fail; a failure is reported as a bug.
    #[must_use]
    pub fn try_map<U: Property>(
        &self,
        f: impl FnOnce(T) -> Result<U, Failure> + Send + 'static,
    ) -> Output<U> {
        self.transform(move |value| {
            if T::REQUIRED && value.is_null() {
                return Ok(Value::Null);
            }
            let result = if value.has_unknown() {
                Value::Unknown
            } else {
                f(T::decode(&value.plain())?)?.encode()
            };
            let result = if value.has_secret() {
                Value::secret(result)
            } else {
                result
            };
            Ok(Value::depending(result, value.dependencies()))
        })
    }

    /// The value, where it is there already.
    #[must_use]
    pub fn now(&self) -> Option<T> {
        let value = self.node.clone().now_or_never()?.ok()?;
        match value.has_unknown() {
            true => None,
            false => T::decode(&value.plain()).ok(),
        }
    }

    /// The value, or that of another output where it is absent.
    #[must_use]
    pub fn or_else(&self, other: &Self) -> Self {
        let (own, other) = (self.node.clone(), other.node.clone());
        Self::from_future(async move {
            let own = own.await?;
            match own.is_null() {
                true => other.await,
                false => Ok(own),
            }
        })
    }

    /// The value, or this one where it is absent.
    #[must_use]
    pub fn or(&self, default: impl Into<T>) -> Self {
        let default = default.into().encode();
        self.transform(move |value| {
            Ok(if value.is_null() {
                default
            } else {
                value.clone()
            })
        })
    }
}

impl<T: Property> Output<Option<T>> {
    /// The same output, absent where there is no value.
    #[must_use]
    pub fn flatten(&self) -> Output<T> {
        self.cast()
    }
}

impl<T: Fields> Output<T> {
    /// The fields, each an output of its own.
    #[must_use]
    pub fn fields(&self) -> T::Fields {
        T::project(self)
    }
}

impl<T: Property> Output<Vec<T>> {
    /// The list, absent where it is empty.
    #[must_use]
    pub fn filled(&self) -> Self {
        self.transform(|value| {
            Ok(match value.peel() {
                Value::List(items) if items.is_empty() => Value::Null,
                _ => value.clone(),
            })
        })
    }

    /// The list of these.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Output<T>>) -> Self {
        let nodes: Vec<_> = items.into_iter().map(|o| o.node).collect();
        Self::from_future(join_all(nodes).map(|values| {
            let values: Result<Vec<_>, _> = values
                .into_iter()
                .map(|v| v.map(|v| Value::clone(&v)))
                .collect();
            Ok(Arc::new(Value::List(values?)))
        }))
    }
}

impl<T: Property + Ord> Output<BTreeSet<T>> {
    /// The set of these.
    #[must_use]
    pub fn set(items: impl IntoIterator<Item = Output<T>>) -> Self {
        Output::<Vec<T>>::list(items).cast()
    }
}

impl<T: Property> Output<BTreeMap<String, T>> {
    /// The map of these.
    #[must_use]
    pub fn dictionary<K: Into<String>>(entries: impl IntoIterator<Item = (K, Output<T>)>) -> Self {
        Self::object(entries.into_iter().map(|(k, v)| (k, v.erase())))
    }
}

impl<T: Property> From<T> for Output<T> {
    fn from(value: T) -> Self {
        Self::from_value(value.encode())
    }
}

impl From<&str> for Output<String> {
    fn from(text: &str) -> Self {
        Self::from_value(text.into())
    }
}

/// Several outputs as one of a tuple: `all((a, b)).map(|(a, b)| ..)`.
#[must_use]
pub fn all<A: All>(outputs: A) -> Output<A::Tuple> {
    outputs.all()
}

/// A tuple of outputs.
pub trait All {
    /// The tuple of values.
    type Tuple: Property;
    /// The output of the tuple.
    fn all(self) -> Output<Self::Tuple>;
}

macro_rules! tuples {
    ($(($($letter:ident $index:literal),+))+) => { $(
        impl<$($letter: Property),+> Property for ($($letter,)+) {
            fn ty() -> crate::props::Type {
                crate::props::Type::Json
            }
            fn decode(value: &Value) -> Result<Self, Failure> {
                let Value::List(items) = value else { return Err(Failure::here("must be a tuple")) };
                let item = |index: usize| items.get(index).unwrap_or(&Value::Null);
                Ok(($($letter::decode(item($index))?,)+))
            }
            #[allow(non_snake_case)]
            fn encode(&self) -> Value {
                let ($($letter,)+) = self;
                Value::List(vec![$($letter.encode()),+])
            }
        }
        impl<$($letter: Property),+> All for ($(Output<$letter>,)+) {
            type Tuple = ($($letter,)+);
            #[allow(non_snake_case)]
            fn all(self) -> Output<Self::Tuple> {
                let ($($letter,)+) = self;
                Output::<Vec<Json>>::list([$($letter.cast()),+]).cast()
            }
        }
    )+ };
}
tuples! { (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5) }

/// The arguments of whoever gives none: all defaults.
///
/// # Errors
/// A field that has none.
pub fn defaults<T: Lift>() -> Result<T::Args, Failure> {
    T::lift(Value::Object(BTreeMap::new()))
}

/// The typed value of an argument that is known; for derived code.
///
/// # Errors
/// What does not fit.
pub fn lift_known<T: Property>(value: &Value) -> Result<T, Failure> {
    T::decode(&value.plain())
}

/// A plain field as an argument; for derived code.
///
/// # Errors
/// What does not fit, with its path.
pub fn lift_field<T: Lift>(value: &Value, field: &'static Field) -> Result<T::Args, Failure> {
    T::lift(field_or_default(value, field)).map_err(|e| e.under(field.name))
}

macro_rules! lift_scalars {
    ($($ty:ty)+) => { $(
        impl Lift for $ty {
            type Args = Self;
            fn lift(value: Value) -> Result<Self, Failure> {
                lift_known(&value)
            }
        }
    )+ };
}
lift_scalars! { bool i32 i64 f64 String SecretText Json Cidr }

impl<T: Lift> Lift for Option<T> {
    type Args = Option<T::Args>;
    fn lift(value: Value) -> Result<Self::Args, Failure> {
        if value.is_null() {
            Ok(None)
        } else {
            T::lift(value).map(Some)
        }
    }
}

impl<T: Property> Lift for Vec<T> {
    type Args = Vec<Output<T>>;
    fn lift(value: Value) -> Result<Self::Args, Failure> {
        let Value::List(items) = value.peel() else {
            return Err(Failure::here("must be a list"));
        };
        Ok((0..items.len())
            .map(|i| {
                Output::from_value(value.child(|v| {
                    if let Value::List(v) = v {
                        v[i].clone()
                    } else {
                        Value::Null
                    }
                }))
            })
            .collect())
    }
}

impl<T: Property> Lift for BTreeMap<String, T> {
    type Args = BTreeMap<String, Output<T>>;
    fn lift(value: Value) -> Result<Self::Args, Failure> {
        let Value::Object(fields) = value.peel() else {
            return Err(Failure::here("must be a map"));
        };
        Ok(fields
            .keys()
            .map(|key| (key.clone(), Output::from_value(value.field(key))))
            .collect())
    }
}
