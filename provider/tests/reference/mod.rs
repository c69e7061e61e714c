//! The reference pages of the user's documentation, written from the package schema.

mod permissions;

pub(crate) use permissions::permissions;

use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt::Write};

const NOTE: &str =
    "<!-- Written from the package schema: UPDATE_EXPECT=1 cargo test --test schema -->";

/// The page of a component.
pub(crate) fn component(schema: &Value, name: &str) -> String {
    let spec = &schema["resources"][format!("dbt-aws:index:{name}")];
    let inputs = table(&spec["inputProperties"], &spec["requiredInputs"]);
    let outputs = table(&spec["properties"], &Value::Null);
    let types = types(schema, spec, &mut BTreeSet::new()).replace("\n#### ", "\n### ");
    let plain = if inputs.contains("*plain*") {
        "The value of a *plain* property cannot be an output; the values inside it can, unless they are *plain* too.\n\n"
    } else {
        ""
    };
    format!(
        "# {name}\n\n{NOTE}\n\n{}\n\n## Inputs\n\n{plain}{inputs}\n## Outputs\n\n{outputs}\n## Types\n{types}",
        text(spec)
    )
}

/// The page of all other resources and the functions.
pub(crate) fn building_blocks(schema: &Value) -> String {
    let resources = entries(&schema["resources"]).filter(|(_, spec)| spec["isComponent"] != true);
    let mut list = String::new();
    let mut body = String::new();
    let (mut module, mut seen) = ("", BTreeSet::new());
    for (token, spec) in resources {
        let (own, name) = split(token);
        if own == module {
            list += ", ";
        } else {
            module = own;
            let _ = write!(list, "\n- {module}: ");
            let _ = write!(body, "\n## {module}\n");
        }
        let _ = write!(list, "[{name}](#{})", name.to_lowercase());
        let _ = write!(body, "\n### {name}\n\n{}\n\n", text(spec));
        body += &table(&spec["inputProperties"], &spec["requiredInputs"]);
        let mut added = spec["properties"].clone();
        if let Some(added) = added.as_object_mut() {
            added.retain(|key, _| spec["inputProperties"].get(key).is_none());
        }
        if entries(&added).next().is_some() {
            body += "\nAdditional outputs:\n\n";
            body += &table(&added, &Value::Null);
        }
        body += &types(schema, spec, &mut seen);
    }
    list += "\n- functions: ";
    body += "\n## functions\n";
    for (index, (token, spec)) in entries(&schema["functions"]).enumerate() {
        let name = split(token).1;
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(list, "{comma}[{name}](#{})", name.to_lowercase());
        let outputs = table(&spec["outputs"]["properties"], &Value::Null);
        let _ = write!(body, "\n### {name}\n\n{}\n\n{outputs}", text(spec));
    }
    format!(
        "# Building blocks\n\n{NOTE}\n\nThe components are made of these resources; each is one AWS object. Programs can \
         use them alone. The first table of each has its inputs; changing a property marked *replaces* creates a new resource.\n{list}\n{body}"
    )
}

/// The nested types that these properties lead to and that the page does not have yet.
fn types(schema: &Value, of: &Value, seen: &mut BTreeSet<String>) -> String {
    let mut page = String::new();
    for token in references(of) {
        if !seen.insert(token.clone()) {
            continue;
        }
        let spec = &schema["types"][&token];
        let _ = write!(page, "\n#### {}\n\n{}\n\n", split(&token).1, text(spec));
        match spec["enum"].as_array() {
            Some(values) => {
                for value in values {
                    let (word, doc) = (&value["value"], text(value));
                    let word = word.as_str().unwrap_or_default();
                    let doc = if doc.is_empty() {
                        doc
                    } else {
                        format!(": {doc}")
                    };
                    let _ = writeln!(page, "- `{word}`{doc}");
                }
            }
            None => page += &table(&spec["properties"], &spec["required"]),
        }
        page += &types(schema, spec, seen);
    }
    page
}

/// The tokens of the types in a part of the schema, in its order.
fn references(part: &Value) -> Vec<String> {
    match part {
        Value::Object(fields) => {
            let own = fields
                .get("$ref")
                .and_then(|r| r.as_str()?.strip_prefix("#/types/"));
            let below = fields.values().flat_map(references);
            own.map(str::to_owned).into_iter().chain(below).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn table(properties: &Value, required: &Value) -> String {
    let required = |name: &str| {
        required
            .as_array()
            .is_some_and(|all| all.contains(&name.into()))
    };
    let mut rows = String::from("| property | type | |\n|---|---|---|\n");
    for (name, property) in entries(properties) {
        let marks = [
            (required(name), "*required*"),
            (property["plain"] == true, "*plain*"),
            (property["willReplaceOnChanges"] == true, "*replaces*"),
            (property["secret"] == true, "*secret*"),
        ];
        let marks = marks.into_iter().filter(|(set, _)| *set);
        let kind: Vec<_> = std::iter::once(kind(property))
            .chain(marks.map(|(_, mark)| mark.to_owned()))
            .collect();
        let doc = text(property)
            .replace("\n\n", "<br>")
            .replace('\n', " ")
            .replace('|', "\\|");
        let _ = writeln!(rows, "| `{name}` | {} | {doc} |", kind.join(", "));
    }
    rows
}

fn kind(spec: &Value) -> String {
    if let Some(reference) = spec["$ref"].as_str() {
        return match reference.strip_prefix("#/types/") {
            Some(token) => {
                let name = split(token).1;
                format!("[{name}](#{})", name.to_lowercase())
            }
            None => "any JSON".to_owned(),
        };
    }
    match spec["type"].as_str() {
        Some("array") => format!("list of {}", kind(&spec["items"])),
        Some("object") => format!("map of {}", kind(&spec["additionalProperties"])),
        other => other.unwrap_or_default().to_owned(),
    }
}

fn text(spec: &Value) -> String {
    let text = spec["description"].as_str().unwrap_or_default();
    text.trim().to_owned()
}

/// The module and the name in a token.
fn split(token: &str) -> (&str, &str) {
    let mut parts = token.split(':').skip(1);
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flat_map(Map::iter)
}
