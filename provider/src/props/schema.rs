//! Writes the package schema from the tables.
//!
//! See Pulumi's [schema reference](https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/).

use super::{EnumType, Field, Table, Type};
use crate::{props::Props, resource, value::Value};
use serde_json::{Map, Value as Json, json};

/// The package's name.
pub const PACKAGE: &str = "dbt-aws";

/// The package schema, as committed in schema.json.
#[must_use]
pub fn package() -> Json {
    let tokens = crate::components::all()
        .iter()
        .map(|component| component.token())
        .chain(crate::resources::all().iter().map(|r| r.token()))
        .chain(crate::resources::functions().iter().map(|f| f.token()))
        .collect();
    let mut types = Types {
        tokens,
        met: Map::new(),
    };
    let mut resources = Map::new();
    for component in &crate::components::all() {
        let spec = types.resource(component.doc(), component.tables(), true);
        resources.insert(component.token().to_owned(), spec);
    }
    for resource in crate::resources::all()
        .iter()
        .filter(|r| r.token() != SEED_TOKEN)
    {
        resources.insert(
            resource.token().to_owned(),
            types.resource(resource.doc(), resource.tables(), false),
        );
    }
    let mut functions = Map::new();
    for function in &crate::resources::functions() {
        let (inputs, outputs) = function.tables();
        let spec = json!({
            "description": function.doc(),
            "inputs": types.object(inputs),
            "outputs": types.object(outputs),
        });
        functions.insert(function.token().to_owned(), spec);
    }
    let configuration = crate::aws::Configuration::table();
    let provider = json!({
        "description": "The provider of the dbt-aws package.",
        "inputProperties": types.properties(configuration.fields.iter(), false),
        "properties": types.properties(configuration.fields.iter().filter(|f| matches!(f.ty, Type::String)), false),
    });
    json!({
        "name": PACKAGE,
        "version": env!("CARGO_PKG_VERSION"),
        "displayName": "dbt on AWS",
        "description": "Runs dbt Core in your own AWS account: network, warehouse, image, schedules.",
        "keywords": ["dbt", "aws", "category/cloud", "kind/component"],
        "license": "Apache-2.0",
        "publisher": "dbt-aws",
        "meta": { "moduleFormat": "(.*)" },
        "config": { "variables": types.properties(configuration.fields.iter(), false) },
        "provider": provider,
        "types": types.met,
        "resources": resources,
        "functions": functions,
        "language": {
            "nodejs": { "packageName": "@dbt-aws/pulumi", "respectSchemaVersion": true },
            "python": { "packageName": "pulumi_dbt_aws", "respectSchemaVersion": true, "pyproject": { "enabled": true } },
            "go": {
                "importBasePath": "github.com/dbt-aws/pulumi-dbt-aws/sdk/go/dbtaws",
                "respectSchemaVersion": true,
                "generateResourceContainerTypes": true,
            },
            "csharp": { "respectSchemaVersion": true },
            "java": { "buildFiles": "gradle" },
        },
    })
}

const SEED_TOKEN: &str = <crate::resources::seed::Seed as resource::CustomResource>::TOKEN;

struct Types {
    /// The tokens of all resources and functions.
    tokens: Vec<&'static str>,
    /// The nested types met so far.
    met: Map<String, Json>,
}

/// A nested type that is named after no resource.
const SHARED: &str = "dbt-aws:iam:Policy";

impl Types {
    /// The token of a nested type: in the module of the resource whose name its own begins with, else in `index`.
    fn token(&self, name: &str) -> String {
        let parts = |token: &'static str| token.split_once(':')?.1.split_once(':');
        let tokens = self.tokens.iter().copied().chain([SHARED]);
        let owners = tokens
            .filter_map(parts)
            .filter(|(_, of)| name.starts_with(of));
        let owner = owners.max_by_key(|(_, of)| of.len());
        format!(
            "{PACKAGE}:{}:{name}",
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
