//! Checks properties against their table, collecting every failure with its path.

use super::{
    Failure, Field, HandleType, Property, REDACTED, Table, Type, below, join_index,
    json::unsafe_number, tags,
};
use crate::{
    formats::nearest,
    reads::Reads,
    value::{Properties, UNSAFE, Value},
};

/// Everything that is wrong with these properties. Unknown values are passed over.
#[must_use]
pub fn failures(table: &Table, properties: &Properties) -> Vec<Failure> {
    let mut found = Vec::new();
    check_object(table, properties, "", &mut found);
    for failure in &mut found {
        take_out_secrets(properties, &mut failure.reason);
    }
    found
}

/// Hiding shorter secrets would make reasons unreadable, and keep nothing secret.
const SHORTEST: usize = 4;

/// Takes the secrets among these properties out of a reason.
pub(crate) fn take_out_secrets(properties: &Properties, reason: &mut String) {
    let mut secrets: Vec<_> = properties.values().flat_map(Value::secret_texts).collect();
    secrets.retain(|secret| secret.chars().count() >= SHORTEST);
    // One may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        *reason = reason
            .replace(&format!("{secret:?}"), REDACTED)
            .replace(&secret, REDACTED);
    }
}

/// The properties under check, as a resource's own rules see them.
pub struct Check<'a> {
    properties: &'a Properties,
    table: &'a Table,
    /// What the same RPC has read.
    pub reads: Reads,
    /// What is wrong with them so far.
    pub failures: Vec<Failure>,
    /// What the user should look at.
    pub warnings: Vec<String>,
}

impl<'a> Check<'a> {
    /// These properties, and what is wrong with each by itself.
    #[must_use]
    pub fn new(table: &'a Table, properties: &'a Properties) -> Self {
        Self {
            properties,
            table,
            reads: Reads::default(),
            failures: failures(table, properties),
            warnings: Vec::new(),
        }
    }

    /// Refuses tags that AWS refuses on an object of that type token, beside the provider's default tags.
    pub fn tags(&mut self, token: &str, defaults: &Value) {
        let Some(own) = self.properties.get("tags") else {
            return;
        };
        let package = token.split(':').next().unwrap_or_default();
        let rules = tags::Rules::of(token);
        for Failure { path, reason } in tags::failures(rules, package, "tags", own, defaults) {
            self.fail(path, reason);
        }
    }

    /// The value of a field: `None` while it is unknown or wrong in itself. An absent optional field is `Some(None)`
    /// for an `Option`.
    #[must_use]
    pub fn get<T: Property>(&self, name: &str) -> Option<T> {
        let field = self.table.field(name)?;
        let value = self
            .properties
            .get(name)
            .filter(|v| !v.is_null())
            .or(field.default.as_ref());
        let value = value.map(Value::plain).unwrap_or_default();
        if value.has_unknown() {
            None
        } else {
            T::decode(&value).ok()
        }
    }

    /// A field's value as it came, if it is given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        self.properties.get(name).filter(|v| !v.is_null()).cloned()
    }

    /// Whether a field is given, be it unknown.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The names in a map, of which the values need not be known.
    #[must_use]
    pub fn keys(&self, name: &str) -> Vec<String> {
        match self.properties.get(name).map(Value::peel) {
            Some(Value::Object(entries)) => entries.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Refuses the property at `path`.
    pub fn fail(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        let (path, mut reason) = (path.into(), reason.into());
        take_out_secrets(self.properties, &mut reason);
        self.failures.push(Failure { path, reason });
    }

    /// Has the user look at the property at `path`.
    pub fn warn(&mut self, path: &str, reason: &str) {
        let mut warning = format!("{path}: {reason}");
        take_out_secrets(self.properties, &mut warning);
        self.warnings.push(warning);
    }

    /// Refuses all but exactly one of these fields.
    pub fn exactly_one(&mut self, names: &[&str]) {
        if !names.iter().any(|name| self.has(name)) {
            let reason = format!("give exactly one of {}", names.join(", "));
            self.fail(names[0], reason);
        }
        self.at_most_one(names);
    }

    /// Refuses more than one of these fields, which may be parts of others, such as `network.zones`. One that is
    /// unknown may turn out to be absent, and one that is `false` is.
    pub fn at_most_one(&mut self, names: &[&str]) {
        let given = |path: &&&str| {
            let (field, part) = path.split_once('.').unwrap_or((path, ""));
            let value = self.value(field).unwrap_or_default();
            let value = match part {
                "" => value,
                part => value.field(part),
            };
            !matches!(
                value.peel(),
                Value::Null | Value::Unknown | Value::Bool(false)
            )
        };
        if let Some(second) = names.iter().filter(given).nth(1) {
            self.fail(*second, format!("give only one of {}", names.join(", ")));
        }
    }
}

fn check_object(table: &Table, properties: &Properties, path: &str, found: &mut Vec<Failure>) {
    for (key, value) in properties {
        if key.starts_with("__") {
            continue;
        }
        match table.field(key) {
            Some(field) => check_field(field, value, &below(path, key), found),
            None => found.push(unknown_key(table, path, key)),
        }
    }
    for field in table.fields.iter().filter(|f| f.required) {
        if properties.get(field.name).is_none_or(Value::is_null) {
            found.push(Failure {
                path: below(path, field.name),
                reason: "is required".to_owned(),
            });
        }
    }
}

fn unknown_key(table: &Table, path: &str, key: &str) -> Failure {
    let reason = match nearest(key, table.fields.iter().map(|f| f.name)) {
        Some(name) => format!("is not a property here; did you mean {name}?"),
        None => {
            let names: Vec<_> = table.fields.iter().map(|f| f.name).collect();
            format!("is not a property here; there are {}", names.join(", "))
        }
    };
    Failure {
        path: below(path, key),
        reason,
    }
}

fn check_field(field: &Field, value: &Value, path: &str, found: &mut Vec<Failure>) {
    let before = found.len();
    if field.plain && value.is_unknown() {
        let reason = "must be known when the program runs; it decides what is made, so it cannot come from another resource";
        found.push(Failure {
            path: path.to_owned(),
            reason: reason.to_owned(),
        });
        return;
    }
    check_type(&field.ty, value, path, found);
    if let Some(rule) = field.rule
        && found.len() == before
        && !value.is_null()
        && !value.has_unknown()
        && let Err(reason) = rule(&value.plain())
    {
        found.push(Failure {
            path: path.to_owned(),
            reason,
        });
    }
}

fn check_type(ty: &Type, value: &Value, path: &str, found: &mut Vec<Failure>) {
    let value = value.peel();
    let mut fail = |reason: String| {
        found.push(Failure {
            path: path.to_owned(),
            reason,
        })
    };
    match (ty, value) {
        (_, Value::Null | Value::Unknown) => {}
        (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::String, Value::String(_))
        | (Type::Payload, Value::String(_)) => {}
        (Type::Json | Type::Payload, Value::Object(_) | Value::List(_)) => {
            if let Some((at, number)) = unsafe_number(value) {
                let dot = if at.starts_with('[') { "" } else { "." };
                let reason = format!(
                    "{number} may have lost digits: Pulumi has whole numbers up to 9007199254740991; give it as text, or \
                     all of {path} as JSON text"
                );
                let path = format!("{path}{dot}{at}");
                found.push(Failure { path, reason });
            }
        }
        (Type::Integer, Value::Number(n)) if n.fract() == 0.0 => {
            if n.abs() > f64::from(i32::MAX) {
                fail(format!("{n} is too large"));
            }
        }
        (Type::Json, Value::String(text)) => {
            if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
                fail(format!("is not JSON: {e}"));
            }
        }
        (Type::Text(text), Value::String(s)) => {
            if let Err(reason) = (text.check)(s) {
                fail(reason);
            }
        }
        (Type::Enum(words), Value::String(s)) => {
            if !words.values.iter().any(|(word, _)| word == s) {
                fail(not_a_word(s, ty.clone()));
            }
        }
        (Type::List(item) | Type::Set(item), Value::List(items)) => {
            for (i, v) in items.iter().enumerate() {
                let path = format!("{path}{}", join_index(i, ""));
                if v.is_null() {
                    let reason = "is required".to_owned();
                    found.push(Failure { path, reason });
                } else {
                    check_type(item, v, &path, found);
                }
            }
        }
        (Type::Map(item), Value::Object(fields)) => {
            for (key, v) in fields {
                check_type(item, v, &below(path, key), found);
            }
        }
        (Type::Object(table), Value::Object(fields)) => check_object(table, fields, path, found),
        (Type::Handle(kind), value) => check_handle(*kind, value, path, found),
        (Type::String | Type::Text(_), Value::Number(number)) if number.abs() >= UNSAFE => fail(
            format!("must be text, not a number; {number} may have lost digits: put it in quotes"),
        ),
        (ty, value) => fail(format!(
            "must be {}, not {}",
            describe(ty),
            describe_value(value)
        )),
    }
}

fn check_handle(kind: HandleType, value: &Value, path: &str, found: &mut Vec<Failure>) {
    let name = kind.component.rsplit(':').next().unwrap_or_default();
    let handle = format!("the handle of a {name}, such as `{path}.handle`");
    let mut fail = |reason: String| {
        found.push(Failure {
            path: path.to_owned(),
            reason,
        });
    };
    let given = match value {
        Value::Object(given) if given.contains_key("handle") => {
            return fail(format!("must be {handle}, not all that it answers"));
        }
        Value::Opaque(_) => return fail(format!("must be {handle}, not the component itself")),
        Value::Object(given) => given,
        _ => return fail(format!("must be {handle}")),
    };
    let is_missing = |f: &&Field| f.required && given.get(f.name).is_none_or(Value::is_null);
    if let Some(missing) = kind.table.fields.iter().find(is_missing) {
        let reason = format!(
            "has no {}: give {handle}; if it is one, an older version of the provider made the {name}: run pulumi up in its stack first",
            missing.name
        );
        return fail(reason);
    }
    match given.get("version").and_then(Value::as_str) {
        Some(version) if version != kind.version => {
            return fail(format!(
                "has version {version}, and this version of the provider takes handles of version {}; use the same version \
                 of the provider for both components",
                kind.version
            ));
        }
        _ => {}
    }
    for (key, value) in given {
        let path = below(path, key);
        match kind.table.field(key) {
            Some(field) => check_field(field, value, &path, found),
            None => check_type(&Type::String, value, &path, found),
        }
    }
}

/// What is wrong with a word that is not in the set.
#[must_use]
pub fn not_a_word(word: &str, ty: Type) -> String {
    let Type::Enum(words) = ty else {
        return format!("{word:?} is not valid");
    };
    let all: Vec<_> = words.values.iter().map(|(w, _)| *w).collect();
    format!("{word:?} is not one of {}", all.join(", "))
}

fn describe(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "true or false",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::String | Type::Text(_) | Type::Enum(_) => "text",
        Type::Json => "an object or JSON text",
        Type::Payload => "an object or text",
        Type::List(_) | Type::Set(_) => "a list",
        Type::Map(_) | Type::Handle(_) => "a map",
        Type::Object(_) => "an object",
    }
}

fn describe_value(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
        Value::Opaque(_) => "an asset or a resource",
        _ => "nothing",
    }
}
