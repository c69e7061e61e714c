//! Compares properties by meaning, and projects what was read onto what the user set.

use super::{Field, Json, Payload, Props, Table, Type, below, encode, join_index};
use crate::value::{Properties, Value};

/// What happened to a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was not there.
    Add,
    /// It is no longer there.
    Delete,
    /// It means something else.
    Update,
}

/// One changed property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The top-level property.
    pub name: &'static str,
    /// The path of the change below and with it.
    pub path: String,
    /// What happened.
    pub kind: Kind,
    /// Whether it replaces the resource.
    pub replace: bool,
}

/// The changes from `old` to `new`. An absent value equals its default.
#[must_use]
pub fn changes(table: &'static Table, old: &Properties, new: &Properties) -> Vec<Change> {
    let mut all = Vec::new();
    for field in &table.fields {
        let (a, b) = (
            with_default(field, old.get(field.name)),
            with_default(field, new.get(field.name)),
        );
        let mut paths = Vec::new();
        compare(&field.ty, &a, &b, field.name.to_owned(), &mut paths);
        all.extend(paths.into_iter().map(|(path, kind)| Change {
            name: field.name,
            path,
            kind,
            replace: field.replace,
        }));
    }
    all
}

/// In what `found` differs from `wanted`, as far as `wanted` says anything.
#[must_use]
pub fn differences<P: Props>(found: &P, wanted: &P) -> Vec<Change> {
    let (table, wanted) = (P::table(), encode(wanted));
    changes(table, &project(table, &encode(found), &wanted), &wanted)
}

fn with_default(field: &Field, value: Option<&Value>) -> Value {
    value
        .filter(|v| !v.is_null())
        .or(field.default.as_ref())
        .cloned()
        .unwrap_or_default()
}

fn compare(ty: &Type, old: &Value, new: &Value, path: String, paths: &mut Vec<(String, Kind)>) {
    let (old, new) = (old.peel(), new.peel());
    match (ty, old, new) {
        _ if same(ty, old, new) => {}
        (_, Value::Null, _) => paths.push((path, Kind::Add)),
        (_, _, Value::Null) => paths.push((path, Kind::Delete)),
        (Type::Object(table), Value::Object(a), Value::Object(b)) => {
            for field in &table.fields {
                let (a, b) = (
                    with_default(field, a.get(field.name)),
                    with_default(field, b.get(field.name)),
                );
                compare(&field.ty, &a, &b, below(&path, field.name), paths);
            }
        }
        (Type::Map(item), Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                );
                compare(item, a, b, below(&path, key), paths);
            }
        }
        (Type::List(item), Value::List(a), Value::List(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(item, a, b, format!("{path}{}", join_index(i, "")), paths);
            }
        }
        _ => paths.push((path, Kind::Update)),
    }
}

/// Whether two values of a type mean the same. An unknown value equals nothing.
#[must_use]
pub fn same(ty: &Type, a: &Value, b: &Value) -> bool {
    match (ty, a.peel(), b.peel()) {
        (_, Value::Unknown, _) | (_, _, Value::Unknown) => false,
        (_, Value::Null, Value::Null) => true,
        (_, Value::Null, _) | (_, _, Value::Null) => false,
        (Type::Text(text), Value::String(a), Value::String(b)) => a == b || (text.same)(a, b),
        (Type::Json, a, b) => {
            !a.has_unknown() && !b.has_unknown() && Json::parse(a) == Json::parse(b)
        }
        (Type::Payload, a, b) => {
            !a.has_unknown() && !b.has_unknown() && Payload::of(a) == Payload::of(b)
        }
        (Type::List(item), Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(item, a, b))
        }
        (Type::Set(item), Value::List(a), Value::List(b)) => {
            let within =
                |x: &[Value], y: &[Value]| x.iter().all(|v| y.iter().any(|w| same(item, v, w)));
            within(a, b) && within(b, a)
        }
        (Type::Map(item), Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(k, v)| b.get(k).is_some_and(|w| same(item, v, w)))
        }
        (Type::Object(table), Value::Object(a), Value::Object(b)) => table.fields.iter().all(|f| {
            same(
                &f.ty,
                &with_default(f, a.get(f.name)),
                &with_default(f, b.get(f.name)),
            )
        }),
        (_, a, b) => a.plain() == b.plain(),
    }
}

/// What was read, as the user would have written it: what the user set, in the user's words where they mean the same,
/// and what is no longer as a default promises. AWS's own defaults stay out.
#[must_use]
pub fn project(table: &'static Table, read: &Properties, user: &Properties) -> Properties {
    let field = |f: &'static Field| {
        let theirs = with_default(f, read.get(f.name));
        let value = match user.get(f.name).filter(|v| !v.is_null()) {
            Some(mine) if same(&f.ty, mine, &theirs) => mine.clone(),
            Some(mine) => project_value(&f.ty, &theirs, mine),
            None if f.default.is_some() && !is_default(f, &theirs) => sparse(&f.ty, &theirs),
            None => return None,
        };
        (!value.is_null()).then(|| (f.name.to_owned(), value))
    };
    let hidden = user
        .iter()
        .filter(|(k, _)| k.starts_with("__"))
        .map(|(k, v)| (k.clone(), v.clone()));
    table
        .fields
        .iter()
        .filter_map(field)
        .chain(hidden)
        .collect()
}

fn project_value(ty: &Type, read: &Value, user: &Value) -> Value {
    match (ty, read, user.peel()) {
        (Type::Object(table), Value::Object(theirs), Value::Object(mine)) => {
            Value::Object(project(table, theirs, mine)).marked_like(user)
        }
        _ => read.clone().marked_like(user),
    }
}

/// What was read of an import: everything but what equals its default.
#[must_use]
pub fn without_defaults(table: &'static Table, read: &Properties) -> Properties {
    let kept = |f: &'static Field| {
        let value = read.get(f.name)?;
        let told = !value.is_null() && !is_default(f, value);
        told.then(|| (f.name.to_owned(), sparse(&f.ty, value)))
    };
    table.fields.iter().filter_map(kept).collect()
}

fn is_default(field: &Field, value: &Value) -> bool {
    let default = field.default.as_ref();
    default.is_some_and(|default| same(&field.ty, default, value))
}

/// A value without the defaults that its objects hold.
fn sparse(ty: &Type, value: &Value) -> Value {
    match (ty, value) {
        (Type::Object(table), Value::Object(fields)) => {
            Value::Object(without_defaults(table, fields))
        }
        (Type::List(item) | Type::Set(item), Value::List(items)) => {
            Value::List(items.iter().map(|v| sparse(item, v)).collect())
        }
        (Type::Map(item), Value::Object(entries)) => {
            let entries = entries.iter().map(|(k, v)| (k.clone(), sparse(item, v)));
            Value::Object(entries.collect())
        }
        _ => value.clone(),
    }
}
