//! The package schema, written from the tables.
//!
//! See Pulumi's [schema reference](https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/).

use crate::{
    aws::Configuration,
    catalogue::Catalogue,
    package::Package,
    props::{EnumType, Field, Props, Table, Type},
    value::Value,
};
use serde_json::{Map, Value as Json, json};

/// The package schema.
#[must_use]
pub fn package(catalogue: &Catalogue) -> Json {
    let Catalogue {
        package,
        components,
        resources: all,
        functions: asked,
        ..
    } = catalogue;
    let tokens = components.iter().map(|c| c.token());
    let tokens = tokens.chain(all.iter().map(|r| r.token()));
    let tokens = tokens.chain(asked.iter().map(|f| f.token()));
    let tokens = tokens.chain(package.families.iter().copied());
    let mut types = Types {
        package: package.name,
        tokens: tokens.collect(),
        met: Map::new(),
    };
    let mut resources = Map::new();
    for component in components {
        let spec = types.resource(component.doc(), component.tables(), true);
        resources.insert(component.token().to_owned(), spec);
    }
    for resource in all {
        let mut spec = types.resource(resource.doc(), resource.tables(), false);
        if resource.is_importable() {
            spec["listInputs"] = json!({ "type": "object" });
        }
        resources.insert(resource.token().to_owned(), spec);
    }
    let mut functions = Map::new();
    for function in asked {
        let (inputs, outputs) = function.tables();
        let spec = json!({
            "description": function.doc(),
            "inputs": types.object(inputs),
            "outputs": types.object(outputs),
        });
        functions.insert(function.token().to_owned(), spec);
    }
    let (inputs, outputs) = configuration(&mut types, package);
    let mut schema = Map::new();
    schema.insert("name".to_owned(), package.name.into());
    schema.insert("version".to_owned(), package.version.into());
    schema.extend(package.metadata.clone());
    let provider = json!({
        "description": format!("The provider of the {} package.", package.name),
        "inputProperties": inputs,
        "properties": outputs,
    });
    for (key, value) in [
        ("meta", json!({ "moduleFormat": "(.*)" })),
        ("config", json!({ "variables": inputs })),
        ("provider", provider),
        ("types", types.met.into()),
        ("resources", resources.into()),
        ("functions", functions.into()),
    ] {
        schema.insert(key.to_owned(), value);
    }
    schema.into()
}

/// The provider's inputs and outputs.
fn configuration(types: &mut Types<'_>, package: &Package) -> (Json, Json) {
    let fields = &Configuration::table().fields;
    let named = |(name, what): &(&str, &str)| match *what {
        "" => format!("`{name}`"),
        what => format!("`{name}` ({what})"),
    };
    let services: Vec<_> = package.services.iter().map(named).collect();
    let mut inputs = types.properties(fields.iter(), false);
    let endpoints = &mut inputs["endpoints"]["description"];
    let doc = endpoints.as_str().unwrap_or_default();
    *endpoints = doc.replace("{services}", &services.join(", ")).into();
    let texts = fields.iter().filter(|f| matches!(f.ty, Type::String));
    (inputs, types.properties(texts, false))
}

struct Types<'a> {
    package: &'a str,
    /// The tokens of all resources and functions.
    tokens: Vec<&'a str>,
    /// The nested types met so far.
    met: Map<String, Json>,
}

impl Types<'_> {
    /// The token of a nested type: in the module of the resource whose name its own begins with, else in `index`.
    fn token(&self, name: &str) -> String {
        let owners = self.tokens.iter();
        let owners = owners.filter_map(|token| token.split_once(':')?.1.split_once(':'));
        let owners = owners.filter(|(_, of)| name.starts_with(of));
        let owner = owners.max_by_key(|(_, of)| of.len());
        format!(
            "{}:{}:{name}",
            self.package,
            owner.map_or("index", |(module, _)| module)
        )
    }

    fn resource(
        &mut self,
        doc: &str,
        (inputs, outputs): (&Table, &Table),
        component: bool,
    ) -> Json {
        let echoed = inputs
            .fields
            .iter()
            .filter(|f| !component && f.is_echoed() && outputs.field(f.name).is_none());
        let properties: Vec<&Field> = echoed.chain(&outputs.fields).collect();
        let required = |fields: &mut dyn Iterator<Item = &Field>| -> Vec<&'static str> {
            let mut names: Vec<_> = fields.filter(|f| f.required).map(|f| f.name).collect();
            names.sort_unstable();
            names
        };
        let mut spec = json!({
            "description": doc,
            "properties": self.properties(properties.iter().copied(), false),
            "required": required(&mut properties.iter().copied()),
            "inputProperties": self.properties(inputs.fields.iter(), true),
            "requiredInputs": required(&mut inputs.fields.iter()),
        });
        if component {
            spec["isComponent"] = true.into();
        }
        spec
    }

    fn object(&mut self, table: &Table) -> Json {
        let mut required: Vec<_> = table
            .fields
            .iter()
            .filter(|f| f.required)
            .map(|f| f.name)
            .collect();
        required.sort_unstable();
        let mut spec = json!({
            "type": "object",
            "properties": self.properties(table.fields.iter(), true),
            "required": required,
        });
        if !table.doc.is_empty() {
            spec["description"] = table.doc.into();
        }
        spec
    }

    fn properties<'a>(&mut self, fields: impl Iterator<Item = &'a Field>, inputs: bool) -> Json {
        let mut all: Vec<_> = fields
            .map(|f| (f.name.to_owned(), self.property(f, inputs)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Json::Object(all.into_iter().collect())
    }

    fn property(&mut self, field: &Field, inputs: bool) -> Json {
        let mut spec = self.spec(&field.ty);
        spec["description"] = field.doc.into();
        // Of what is plain and secret, Pulumi's generator for Go writes what does not compile.
        if field.secret && !field.plain {
            spec["secret"] = true.into();
        }
        if inputs && field.plain {
            spec["plain"] = true.into();
        }
        if inputs && field.replace {
            spec["willReplaceOnChanges"] = true.into();
        }
        if inputs
            && let Some(default @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) =
                &field.default
        {
            spec["default"] = default.to_json();
        }
        spec
    }

    fn spec(&mut self, ty: &Type) -> Json {
        match ty {
            Type::Bool => json!({ "type": "boolean" }),
            Type::Integer => json!({ "type": "integer" }),
            Type::Number => json!({ "type": "number" }),
            Type::String | Type::Text(_) => json!({ "type": "string" }),
            Type::Json | Type::Payload => json!({ "$ref": "pulumi.json#/Any" }),
            Type::List(item) | Type::Set(item) => {
                json!({ "type": "array", "items": self.spec(item) })
            }
            Type::Map(item) => json!({ "type": "object", "additionalProperties": self.spec(item) }),
            Type::Handle(_) => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            Type::Object(table) => {
                let token = self.token(table.name);
                if !self.met.contains_key(&token) {
                    self.met.insert(token.clone(), Json::Null);
                    let spec = self.object(table);
                    self.met.insert(token.clone(), spec);
                }
                json!({ "$ref": format!("#/types/{token}") })
            }
            Type::Enum(words) => {
                let token = self.token(words.name);
                self.met
                    .entry(token.clone())
                    .or_insert_with(|| enumeration(words));
                json!({ "$ref": format!("#/types/{token}") })
            }
        }
    }
}

fn enumeration(words: &EnumType) -> Json {
    let values = words
        .values
        .iter()
        .map(|(word, doc)| json!({ "value": word, "description": doc.trim() }));
    json!({ "type": "string", "description": words.doc.trim(), "enum": values.collect::<Vec<_>>() })
}
