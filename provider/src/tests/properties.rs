//! The tables of all properties.

use pulumi_aws_framework::{
    aws::Configuration,
    catalogue::Catalogue,
    props::{Props, Table, Type, check},
    value::{Properties, Value},
};

#[test]
fn an_output_follows_inputs_that_there_are() {
    for resource in crate::catalogue().resources {
        let (inputs, outputs) = resource.tables();
        for output in &outputs.fields {
            for input in output.follows {
                let there = inputs.field(input).is_some();
                assert!(
                    there,
                    "{}.{} follows {input}",
                    resource.token(),
                    output.name
                );
            }
        }
    }
}

/// The properties of every component, resource and function, and of the provider itself.
fn all_tables(catalogue: &Catalogue) -> Vec<(&str, &'static Table)> {
    let mut all = vec![("the provider", Configuration::table())];
    let components = catalogue.components.iter();
    all.extend(components.map(|c| (c.token(), c.tables().0)));
    let resources = catalogue.resources.iter();
    all.extend(resources.map(|r| (r.token(), r.tables().0)));
    let functions = catalogue.functions.iter();
    all.extend(functions.map(|f| (f.token(), f.tables().0)));
    all
}

#[test]
fn every_property_refuses_another_type_and_its_name_misspelt() {
    let catalogue = crate::catalogue();
    for (token, table) in all_tables(&catalogue) {
        refuses_others(table, "", &|properties| {
            let found = check::failures(table, &properties);
            found.into_iter().map(|f| format!("{token} {f}")).collect()
        });
        let found = check::failures(table, &Properties::new());
        let missing: Vec<_> = found.iter().map(ToString::to_string).collect();
        let required = table.fields.iter().filter(|f| f.required);
        let expected: Vec<_> = required
            .map(|f| format!("{}: is required", f.name))
            .collect();
        assert_eq!(missing, expected, "{token}");
    }
}

/// Tries each field of an object at `path`; `check` is given the object and answers what is wrong with the whole.
fn refuses_others(table: &'static Table, path: &str, check: &dyn Fn(Properties) -> Vec<String>) {
    for field in &table.fields {
        let inside = |value: Value| Properties::from([(field.name.to_owned(), value)]);
        refuses(&field.ty, &format!("{path}{}", field.name), &|value| {
            check(inside(value))
        });
        let misspelt = format!("{}s", field.name);
        let found = check([(misspelt.clone(), Value::Null)].into());
        let hint = format!(" {path}{misspelt}: is not a property here; did you mean ");
        let named = |f: &&String| f.contains(&hint);
        assert_eq!(
            found.iter().filter(named).count(),
            1,
            "{hint} is not in {found:?}"
        );
    }
}

fn refuses(ty: &'static Type, path: &str, check: &dyn Fn(Value) -> Vec<String>) {
    let (text, number) = (Value::from("?"), Value::Number(1.5));
    let (wrong, reason) = match ty {
        Type::Bool => (text, "must be true or false, not text"),
        Type::Integer => (number, "must be a whole number, not a number"),
        Type::Number => (text, "must be a number, not text"),
        Type::String | Type::Text(_) => (number, "must be text, not a number"),
        Type::Enum(_) => (text, "\"?\" is not one of "),
        Type::Json => (number, "must be an object or JSON text, not a number"),
        Type::Payload => (number, "must be an object or text, not a number"),
        Type::List(_) | Type::Set(_) => (text, "must be a list, not text"),
        Type::Map(_) => (text, "must be a map, not text"),
        Type::Handle(kind) => {
            for field in &kind.table.fields {
                let ty = &field.ty;
                let is_text = matches!(ty, Type::String | Type::Text(_) | Type::Enum(_));
                assert!(is_text, "{path}.{} is no text on the wire", field.name);
            }
            (text, "must be the handle of a ")
        }
        Type::Object(_) => (text, "must be an object, not text"),
    };
    let found = check(wrong);
    let wanted = format!(" {path}: {reason}");
    let named = |f: &&String| f.contains(&wanted);
    assert_eq!(
        found.iter().filter(named).count(),
        1,
        "{wanted} is not in {found:?}"
    );
    match ty {
        Type::Object(table) => {
            refuses_others(table, &format!("{path}."), &|fields| {
                check(Value::Object(fields))
            });
        }
        Type::List(item) | Type::Set(item) => {
            refuses(item, &format!("{path}[0]"), &|value| {
                check(Value::List(vec![value]))
            });
        }
        Type::Map(item) => refuses(item, &format!("{path}.k"), &|value| {
            check(Value::Object([("k".to_owned(), value)].into()))
        }),
        _ => {}
    }
}
