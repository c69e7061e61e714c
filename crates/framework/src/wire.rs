//! The edge of the protocol: property values to and from protobuf's `Struct`.

use crate::{
    urn::Urn,
    value::{Properties, Value},
};
use prost_types::{ListValue, Struct, value::Kind};
use std::collections::BTreeMap;

/// The key that marks an object as something else than an object.
const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT: &str = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/// The string that stands for an unknown value; the receiver does not distinguish its types.
pub const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS: [&str; 7] = [
    UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
];

/// The properties in a message's struct; none when it is missing. A property that is null is absent; what is null
/// further down may be a part of a document.
#[must_use]
pub fn from_struct(wire: Option<Struct>) -> Properties {
    let mut properties = wire.map(|s| from_fields(s.fields)).unwrap_or_default();
    properties.retain(|_, v| *v != Value::Null);
    properties
}

/// The struct for a message. Properties that are null are left out, outputs' dependencies too.
#[must_use]
pub fn to_struct(properties: &Properties) -> Struct {
    let mut fields = to_fields(properties);
    fields.retain(|k, _| !properties[k].is_null());
    Struct { fields }
}

fn from_fields(fields: BTreeMap<String, prost_types::Value>) -> Properties {
    fields.into_iter().map(|(k, v)| (k, from_wire(v))).collect()
}

fn from_wire(wire: prost_types::Value) -> Value {
    match wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(b)) => Value::Bool(b),
        Some(Kind::NumberValue(n)) => Value::Number(n),
        Some(Kind::StringValue(s)) if UNKNOWNS.contains(&s.as_str()) => Value::Unknown,
        Some(Kind::StringValue(s)) => Value::String(s),
        Some(Kind::ListValue(list)) => {
            Value::List(list.values.into_iter().map(from_wire).collect())
        }
        Some(Kind::StructValue(Struct { fields })) => from_object(fields),
    }
}

fn from_object(mut fields: BTreeMap<String, prost_types::Value>) -> Value {
    let Some(Kind::StringValue(signature)) = fields.get(SIGNATURE).and_then(|v| v.kind.clone())
    else {
        return Value::Object(from_fields(fields));
    };
    let value =
        |fields: &mut BTreeMap<String, prost_types::Value>| fields.remove("value").map(from_wire);
    match signature.as_str() {
        SECRET => Value::secret(value(&mut fields).unwrap_or_default()),
        OUTPUT => {
            let inner = value(&mut fields).unwrap_or(Value::Unknown);
            let rest = from_fields(fields);
            let inner = if rest.get("secret") == Some(&Value::Bool(true)) {
                Value::secret(inner)
            } else {
                inner
            };
            let dependencies = match rest.get("dependencies") {
                Some(Value::List(urns)) => {
                    let urns = urns.iter().filter_map(Value::as_str);
                    urns.map(Urn::from).collect()
                }
                _ => Default::default(),
            };
            Value::depending(inner, dependencies)
        }
        _ => Value::Opaque(from_fields(fields)),
    }
}

fn to_fields(properties: &Properties) -> BTreeMap<String, prost_types::Value> {
    properties
        .iter()
        .map(|(k, v)| (k.clone(), to_wire(v)))
        .collect()
}

fn to_wire(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(b) => Kind::BoolValue(*b),
        Value::Number(n) => Kind::NumberValue(*n),
        Value::String(s) => Kind::StringValue(s.clone()),
        Value::List(items) => Kind::ListValue(ListValue {
            values: items.iter().map(to_wire).collect(),
        }),
        Value::Object(fields) | Value::Opaque(fields) => Kind::StructValue(Struct {
            fields: to_fields(fields),
        }),
        Value::Unknown => Kind::StringValue(UNKNOWN.to_owned()),
        Value::Secret(inner) => return secret(to_wire(inner)),
        Value::Output { value, .. } => return to_wire(value),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Changes the list of what each output in a struct depends on.
pub fn edit_dependencies(wire: &mut Struct, edit: &impl Fn(&mut Vec<String>)) {
    let is_output = matches!(
        wire.fields.get(SIGNATURE).map(|v| &v.kind),
        Some(Some(Kind::StringValue(kind))) if kind == OUTPUT
    );
    for (key, value) in &mut wire.fields {
        match &mut value.kind {
            Some(Kind::ListValue(list)) if is_output && key == "dependencies" => {
                let own = std::mem::take(&mut list.values).into_iter();
                let mut urns = own
                    .filter_map(|urn| match urn.kind {
                        Some(Kind::StringValue(urn)) => Some(urn),
                        _ => None,
                    })
                    .collect();
                edit(&mut urns);
                list.values = urns.iter().map(|urn| string(urn)).collect();
            }
            _ => edit_within(value, edit),
        }
    }
}

fn edit_within(value: &mut prost_types::Value, edit: &impl Fn(&mut Vec<String>)) {
    match &mut value.kind {
        Some(Kind::StructValue(inner)) => edit_dependencies(inner, edit),
        Some(Kind::ListValue(items)) => {
            for item in &mut items.values {
                edit_within(item, edit);
            }
        }
        _ => {}
    }
}

/// A value of the wire, marked as a secret once.
#[must_use]
pub fn secret(mut value: prost_types::Value) -> prost_types::Value {
    if let Some(Kind::StructValue(Struct { fields })) = &mut value.kind {
        match fields.get(SIGNATURE).and_then(|v| v.kind.clone()) {
            Some(Kind::StringValue(kind)) if kind == SECRET => return value,
            Some(Kind::StringValue(kind)) if kind == OUTPUT => {
                let on = prost_types::Value {
                    kind: Some(Kind::BoolValue(true)),
                };
                fields.insert("secret".to_owned(), on);
                return value;
            }
            _ => {}
        }
    }
    let fields = [
        (SIGNATURE.to_owned(), string(SECRET)),
        ("value".to_owned(), value),
    ];
    prost_types::Value {
        kind: Some(Kind::StructValue(Struct {
            fields: fields.into(),
        })),
    }
}

fn string(text: &str) -> prost_types::Value {
    prost_types::Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_wire() {
        let object = |pairs: Vec<(&str, Value)>| {
            Value::Object(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
        };
        let asset = Value::Opaque(
            [
                (
                    SIGNATURE.to_owned(),
                    "c44067f5952c0a294b673a41bacd8c17".into(),
                ),
                ("hash".to_owned(), "abc".into()),
            ]
            .into(),
        );
        let all: Properties = [
            ("unknown".to_owned(), Value::Unknown),
            (
                "secret".to_owned(),
                Value::secret(object(vec![("n", Value::Number(1.5))])),
            ),
            (
                "list".to_owned(),
                Value::List(vec![Value::Bool(true), Value::Unknown, asset]),
            ),
            (
                "document".to_owned(),
                object(vec![("ResultPath", Value::Null), ("End", Value::Null)]),
            ),
        ]
        .into();
        assert_eq!(from_struct(Some(to_struct(&all))), all);
    }

    #[test]
    fn an_output_brings_its_dependencies_and_null_is_left_out() {
        let mut fields = to_fields(
            &[
                ("value".to_owned(), "x".into()),
                ("secret".to_owned(), Value::Bool(true)),
            ]
            .into(),
        );
        fields.insert(SIGNATURE.into(), string(OUTPUT));
        fields.insert(
            "dependencies".into(),
            prost_types::Value {
                kind: Some(Kind::ListValue(ListValue {
                    values: vec![string("urn:a")],
                })),
            },
        );
        let mut open = fields.clone();
        open.remove("secret");
        let expected = Value::depending(Value::secret("x".into()), ["urn:a".into()].into());
        let wire = |fields| prost_types::Value {
            kind: Some(Kind::StructValue(Struct { fields })),
        };
        for marked in [secret(wire(open)), secret(secret(wire(fields.clone())))] {
            assert_eq!(from_wire(marked), expected);
        }
        assert_eq!(from_wire(secret(string("x"))), Value::secret("x".into()));
        let value = from_object(fields);
        assert_eq!(value, expected);
        let wire =
            to_struct(&[("gone".to_owned(), Value::Null), ("kept".to_owned(), value)].into());
        assert_eq!(wire.fields.keys().collect::<Vec<_>>(), ["kept"]);
    }
}
