//! JSON documents: exact to the last digit, and compared by meaning.

use super::{Failure, Property, Type, below, join_index, types::mismatch};
use crate::value::{UNSAFE, Value};
use serde_json::{Number, Value as Document};
use std::fmt;

/// A JSON document, given as an object or as its text. Two documents are equal when they mean the same.
#[derive(Clone, Debug)]
pub struct Json(pub Document);

impl Json {
    /// The document of a value; the text of a document is the document.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        match value.plain() {
            Value::String(text) => serde_json::from_str(&text).ok().map(Self),
            other => Some(Self(other.to_json())),
        }
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Property for Json {
    fn ty() -> Type {
        Type::Json
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Null => mismatch("JSON", value),
            _ => Self::parse(value).ok_or_else(|| Failure::here("must be JSON, or an object")),
        }
    }
    fn encode(&self) -> Value {
        to_value(&self.0)
    }
}

/// A JSON document, given as an object or as its text, or text that is no JSON.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A document.
    Json(Document),
    /// Any other text.
    Text(String),
}

impl Payload {
    /// What a text stands for.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(document) => Self::Json(document),
            Err(_) => Self::Text(text.to_owned()),
        }
    }

    /// What a value stands for.
    pub(crate) fn of(value: &Value) -> Self {
        match value.plain() {
            Value::String(text) => Self::parse(&text),
            other => Self::Json(other.to_json()),
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => same(a, b),
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(document) => document.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl Property for Payload {
    fn ty() -> Type {
        Type::Payload
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Null => mismatch("JSON or text", value),
            _ => Ok(Self::of(value)),
        }
    }
    fn encode(&self) -> Value {
        match self {
            Self::Json(document) => to_value(document),
            Self::Text(text) => text.as_str().into(),
        }
    }
}

/// An object or a list; as text, where a value could not hold its numbers, or where it is neither.
fn to_value(document: &Document) -> Value {
    match document {
        Document::Object(_) | Document::Array(_) if is_held(document) => Value::from_json(document),
        other => other.to_string().into(),
    }
}

/// Whether all numbers are the same as doubles.
fn is_held(document: &Document) -> bool {
    match document {
        Document::Number(number) => number.as_f64().is_some_and(|double| {
            let safe = double.fract() != 0.0 || double.abs() < UNSAFE;
            let again = Number::from_f64(double);
            safe && again.is_some_and(|again| digits(&again) == digits(number))
        }),
        Document::Array(items) => items.iter().all(is_held),
        Document::Object(fields) => fields.values().all(is_held),
        _ => true,
    }
}

/// Whether two documents mean the same: `2.0` is `2`, and the order of keys says nothing.
pub(super) fn same(a: &Document, b: &Document) -> bool {
    match (a, b) {
        (Document::Number(a), Document::Number(b)) => digits(a) == digits(b),
        (Document::Array(a), Document::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Document::Object(a), Document::Object(b)) => {
            let within = |(key, value)| b.get(key).is_some_and(|other| same(value, other));
            a.len() == b.len() && a.iter().all(within)
        }
        (a, b) => a == b,
    }
}

/// A number in the one form of all that mean the same: its digits without zeros around them, and a power of ten.
#[must_use]
pub fn digits(number: &Number) -> String {
    let text = number.to_string();
    let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => ("-", whole),
        None => ("", whole),
    };
    let all = format!("{whole}{fraction}");
    let shifted = all.trim_end_matches('0');
    let digits = shifted.trim_start_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let beyond = if power.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let power = power.parse().unwrap_or(beyond);
    let power = i64::saturating_add(power, length(&all) - length(shifted) - length(fraction));
    format!("{sign}{digits}e{power}")
}

/// Where a document that came as a value has a whole number that may have lost digits on its way, and the number.
pub(super) fn unsafe_number(value: &Value) -> Option<(String, f64)> {
    let mut below_this: Box<dyn Iterator<Item = (String, &Value)>> = match value.peel() {
        Value::Number(number) if number.fract() == 0.0 && number.abs() >= UNSAFE => {
            return Some((String::new(), *number));
        }
        Value::List(items) => Box::new(
            items
                .iter()
                .enumerate()
                .map(|(i, v)| (join_index(i, ""), v)),
        ),
        Value::Object(fields) => Box::new(fields.iter().map(|(k, v)| (below("", k), v))),
        _ => return None,
    };
    below_this.find_map(|(path, value)| {
        let (rest, number) = unsafe_number(value)?;
        let dot = if rest.is_empty() || rest.starts_with('[') {
            ""
        } else {
            "."
        };
        Some((format!("{path}{dot}{rest}"), number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn numbers_are_equal_by_meaning() {
        let equal = |a: &str, b: &str| Json::parse(&text(a)) == Json::parse(&text(b));
        for (a, b) in [
            ("2.0", "2"),
            ("1e3", "1000"),
            ("1E+3", "1000.00"),
            ("0.10", "1e-1"),
            ("-0.0", "0"),
            ("-20", "-2e1"),
            (r#"{"a": [2.0], "b": null}"#, r#"{"b": null, "a": [2]}"#),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            assert!(equal(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("2.01", "2"),
            ("20", "2"),
            ("-2", "2"),
            ("0.2", "2"),
            (r#"{"a": null}"#, "{}"),
            ("[1]", "[1, 1]"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
            ),
        ] {
            assert!(!equal(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_document_keeps_every_digit_and_every_null() {
        for (document, value) in [
            (r#"{"ResultPath":null}"#, None),
            (r#"[1,2.5,1e3]"#, None),
            ("null", Some("null")),
            ("\"x\"", Some("\"x\"")),
            ("true", Some("true")),
            ("[9007199254740993]", Some("[9007199254740993]")),
            ("[123456789012345678901]", Some("[123456789012345678901]")),
            ("[0.12345678901234567890]", Some("[0.12345678901234567890]")),
            ("[1e999]", Some("[1e+999]")),
        ] {
            let json = Json::parse(&text(document)).expect("is JSON");
            let encoded = json.encode();
            if let Some(value) = value {
                assert_eq!(encoded, text(value));
            }
            assert_eq!(Json::decode(&encoded), Ok(json), "{document}");
            let payload = Payload::parse(document);
            assert_eq!(
                Payload::decode(&payload.encode()),
                Ok(payload),
                "{document}"
            );
        }
    }
}
