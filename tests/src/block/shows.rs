//! What AWS shows of each property. Here boto3 alone reads: the provider's own read makes the mistakes of its writes.

use super::{Block, Life};
use crate::{
    aws::{Call, pick},
    provider::Made,
};
use pulumi_aws_framework::{
    props::{Field, Table, Type},
    value::Value,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Where AWS shows a property.
pub struct Shown {
    property: &'static str,
    path: &'static str,
    call: Option<Call>,
    absent: Json,
    read: fn(&Json) -> Json,
}

/// AWS shows that property, or that field of one, at this path of what is described: as the program gives it, else as
/// its default promises, else not at all.
#[must_use]
pub fn shown(property: &'static str, path: &'static str) -> Shown {
    Shown {
        property,
        path,
        call: None,
        absent: Json::Null,
        read: Json::clone,
    }
}

impl Shown {
    /// It is in the answer to another call.
    #[must_use]
    pub fn by(self, call: Call) -> Self {
        let call = Some(call);
        Self { call, ..self }
    }

    /// What AWS shows where the property is absent and has no default.
    #[must_use]
    pub fn or(self, absent: impl Into<Json>) -> Self {
        let absent = absent.into();
        Self { absent, ..self }
    }

    /// What AWS shows, in the words of the program.
    #[must_use]
    pub fn read(self, read: fn(&Json) -> Json) -> Self {
        Self { read, ..self }
    }
}

/// Whether the tests run against moto, and not against what `DBT_AWS_TEST_ENDPOINT` names.
pub(super) fn is_moto() -> bool {
    std::env::var_os("DBT_AWS_TEST_ENDPOINT").is_none_or(|endpoint| endpoint.is_empty())
}

impl Block {
    /// A property that no row names, or that only ever has its default, is never witnessed.
    pub(super) fn covers_values(&self, table: &Table) {
        let shown = self.shows.iter().map(|shown| shown.property);
        let unseen = self.unseen.iter().map(|(path, _)| *path);
        let named: BTreeSet<_> = shown.chain(unseen).collect();
        let forgotten = forgotten(table, "", &named);
        assert!(
            forgotten.is_empty(),
            "{}: nobody says where AWS shows {forgotten:?}",
            self.token
        );
        for Shown { property, .. } in &self.shows {
            let field = field(table, property);
            let default = field.default.as_ref().map(Value::to_json);
            let given = self.updates.iter().chain(&self.anew).chain([&self.inputs]);
            let mut values = given.map(|inputs| at(inputs, property));
            let unchanged = self.unchanged.iter().any(|(name, _)| name == property);
            assert!(
                unchanged || values.any(|v| !v.is_null() && Some(v) != default.as_ref()),
                "{}: nothing gives {property} another value than its default",
                self.token
            );
        }
    }
}

impl Life<'_> {
    /// AWS has the values that the program gave.
    pub(super) fn witness(&self, made: &Made, inputs: &Json) {
        // The second emulator does not show much of what AWS shows.
        if !is_moto() {
            return;
        }
        let described = self.block.described.as_ref().unwrap_or(&self.block.listed);
        let mut answers = BTreeMap::new();
        for shown in &self.block.shows {
            let found = answers
                .entry(shown.call.as_ref().map(|call| format!("{call:?}")))
                .or_insert_with(|| match &shown.call {
                    Some(call) => call.items(self.stack.region, &made.id),
                    None => self.mine(described, &made.id, &made.inputs),
                });
            let seen = found.iter().flat_map(|item| pick(item.clone(), shown.path));
            let seen = match seen.collect::<Vec<_>>() {
                mut one if one.len() == 1 => one.remove(0),
                many => Json::Array(many),
            };
            let seen = (shown.read)(&seen);
            let wanted = match self.value(shown.property, made, inputs) {
                Json::Null => shown.absent.clone(),
                value => value,
            };
            assert_eq!(
                meaning(&seen),
                meaning(&wanted),
                "{}: {} in AWS (left) and in the program (right), which has {inputs}",
                self.urn,
                shown.property
            );
        }
    }

    /// What the program gives, or what stands for it: the table's default, or the name that the check chose.
    fn value(&self, property: &str, made: &Made, inputs: &Json) -> Json {
        let default = || field(self.inputs, property).default.as_ref();
        match at(inputs, property) {
            Json::Null => default()
                .or_else(|| made.inputs.get(property))
                .map_or(Json::Null, |value| value.plain().to_json()),
            given => given.clone(),
        }
    }
}

fn at<'a>(inputs: &'a Json, path: &str) -> &'a Json {
    path.split('.').fold(inputs, |json, key| &json[key])
}

fn field<'a>(table: &'a Table, path: &str) -> &'a Field {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = table.field(first);
    let field = field.unwrap_or_else(|| panic!("{} has no {first}", table.name));
    match &field.ty {
        Type::Object(inner) if !rest.is_empty() => self::field(inner, rest),
        _ => field,
    }
}

/// The paths that no name covers; an object's name covers its fields, and all its fields' names the object.
fn forgotten(table: &Table, object: &str, named: &BTreeSet<&str>) -> Vec<String> {
    let fields = table.fields.iter().filter(|field| field.name != "tags");
    fields
        .flat_map(|field| {
            let path = format!("{object}{}", field.name);
            let inside = format!("{path}.");
            match &field.ty {
                _ if named.contains(path.as_str()) => Vec::new(),
                Type::Object(inner) if named.iter().any(|name| name.starts_with(&inside)) => {
                    forgotten(inner, &inside, named)
                }
                _ => vec![path],
            }
        })
        .collect()
}

/// A value such that what means the same is the same: documents for their text, lists without order, one for a list of
/// one, text for numbers, and null for what is empty.
fn meaning(json: &Json) -> Json {
    match json {
        Json::String(text) => match serde_json::from_str(text) {
            Ok(document @ (Json::Object(_) | Json::Array(_))) => meaning(&document),
            _ if text.is_empty() => Json::Null,
            _ => json.clone(),
        },
        Json::Array(items) => {
            let mut items: Vec<_> = items.iter().map(meaning).collect();
            items.sort_by_cached_key(Json::to_string);
            match items.as_slice() {
                [] => Json::Null,
                [one] => one.clone(),
                _ => items.into(),
            }
        }
        Json::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key, meaning(value)));
            let fields = fields.filter(|(_, value)| !value.is_null());
            let fields: serde_json::Map<_, _> = fields.map(|(k, v)| (k.clone(), v)).collect();
            if fields.is_empty() {
                Json::Null
            } else {
                fields.into()
            }
        }
        Json::Null => Json::Null,
        Json::Bool(_) | Json::Number(_) => Json::String(json.to_string()),
    }
}
