//! What EventBridge takes for a pattern of events.
//!
//! See [event patterns](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html).

use crate::prelude::*;
use pulumi_aws_framework::props::below;
use serde_json::Value as Document;

/// The most characters of a pattern.
const LONGEST: usize = 2_048;

/// What is wrong with a pattern, if anything.
pub(super) fn check(pattern: &Json) -> Result<(), String> {
    match &pattern.0 {
        Document::Object(fields) if !fields.is_empty() => fields_of(fields, "")?,
        _ => return Err("must be an object such as {\"source\": [\"aws.states\"]}".to_owned()),
    }
    match pattern.to_string().chars().count() {
        length if length > LONGEST => Err(format!(
            "has {length} characters; at most {LONGEST} are allowed"
        )),
        _ => Ok(()),
    }
}

fn fields_of(fields: &serde_json::Map<String, Document>, path: &str) -> Result<(), String> {
    for (key, value) in fields {
        let path = below(path, key);
        match value {
            Document::Object(inner) => fields_of(inner, &path)?,
            Document::Array(values) if values.is_empty() => {
                return Err(format!("{path} is empty; list the values that count"));
            }
            // Its values are patterns themselves.
            Document::Array(values) if key == "$or" => {
                for value in values {
                    let Document::Object(inner) = value else {
                        return Err(format!("{path} must be a list of objects"));
                    };
                    fields_of(inner, &path)?;
                }
            }
            Document::Array(_) => {}
            other => return Err(format!("{path} must be a list such as [{other}]")),
        }
    }
    Ok(())
}
