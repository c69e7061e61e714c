//! What a component refuses, its children's checks included, and which of its inputs a child's property is told by.

use pulumi_aws_framework::{
    component::{DynamicComponent, Registration, judge, rehearse},
    props::{Failure, Table, Type, below, join_index},
    reads::Reads,
    value::{Properties, Value},
};
use std::{cell::RefCell, collections::BTreeSet};

const URN: &str = "urn:pulumi:dev::demo::component::shop";

async fn judged(
    component: &dyn DynamicComponent,
    inputs: &Properties,
    reads: &Reads,
    judge: impl Fn(&Registration) -> Vec<Failure>,
) -> Vec<Failure> {
    let own = ("shop", &URN.into());
    rehearse(component, own, inputs, None, reads, judge).await
}

/// What is wrong with inputs, as `Construct` finds it.
pub(crate) async fn refused(component: &dyn DynamicComponent, inputs: &Properties) -> Vec<Failure> {
    refused_by(component, inputs, &Reads::default()).await
}

/// As [`refused`], by an RPC that has read that much.
pub(crate) async fn refused_by(
    component: &dyn DynamicComponent,
    inputs: &Properties,
    reads: &Reads,
) -> Vec<Failure> {
    let own = component.check(inputs, reads).failures;
    if !own.is_empty() {
        return own;
    }
    let catalogue = crate::catalogue();
    let judge = |child: &Registration| {
        let resource = catalogue.resource(&child.token).expect("a known token");
        judge(resource, child, "eu-west-1", &Value::Null, reads)
    };
    judged(component, inputs, reads, judge).await
}

/// Sets each of these inputs, by its path, to a value that is refused with that path for that reason, and with no
/// other.
pub(crate) async fn each_is_refused(
    component: &dyn DynamicComponent,
    given: &serde_json::Value,
    rows: &[(&str, serde_json::Value, &str, &str)],
) {
    let properties = |json: &serde_json::Value| Value::from_json(json).into_properties();
    assert_eq!(refused(component, &properties(given)).await, []);
    let mut missed = Vec::new();
    for (pointer, value, path, reason) in rows {
        let mut changed = given.clone();
        let (whole, key) = pointer.rsplit_once('/').expect("a pointer");
        changed.pointer_mut(whole).expect("its whole")[key] = value.clone();
        let found = refused(component, &properties(&changed)).await;
        let is_it = |f: &Failure| f.path == *path && f.reason.contains(reason);
        if !matches!(&found[..], [failure] if is_it(failure)) {
            missed.push(format!("{pointer} = {value}: {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Has a check refuse each property that a child has. Every input of the component is told for one, but `alone`, which
/// reach no child, or only as a part of a text that the component writes.
pub(crate) async fn every_input_is_told(
    component: &dyn DynamicComponent,
    examples: &[Properties],
    alone: &[&str],
) {
    let (mut told, mut given) = (BTreeSet::new(), BTreeSet::new());
    let table = component.tables().0;
    for example in examples {
        let properties = RefCell::new(BTreeSet::new());
        let judge = |child: &Registration| {
            let mut paths = Vec::new();
            for (name, value) in &child.inputs {
                parts(value, name, &mut paths);
            }
            let names = paths.iter().map(|path| format!("{}.{path}", child.name));
            properties.borrow_mut().extend(names);
            let refuse = |path| Failure {
                path,
                reason: "is refused".to_owned(),
            };
            paths.into_iter().map(refuse).collect()
        };
        let found = judged(component, example, &Reads::default(), judge).await;
        assert!(!properties.borrow().is_empty());
        told.extend(found.into_iter().map(|failure| failure.path));
        leaves(table, example, "", &mut given);
    }
    let inside = |path: &str, whole: &str| {
        path.strip_prefix(whole)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let all = fields(table, "");
    let none = |of: &BTreeSet<String>| -> Vec<&str> {
        let missing = |path: &&String| !of.iter().any(|one| inside(one, path));
        all.iter().filter(missing).map(String::as_str).collect()
    };
    assert_eq!(none(&given), [""; 0], "each input is in an example");
    assert_eq!(none(&told), alone, "what no child tells");
}

/// The paths of a value and of its parts.
fn parts(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value.peel() {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, part)| parts(part, &below(path, key), all)),
        Value::List(items) => items
            .iter()
            .enumerate()
            .for_each(|(i, part)| parts(part, &format!("{path}{}", join_index(i, "")), all)),
        _ => {}
    }
}

/// The paths of a table's fields that hold no objects with fields of their own.
fn fields(table: &Table, path: &str) -> Vec<String> {
    let of = |field: &pulumi_aws_framework::props::Field| {
        let path = below(path, field.name);
        match &field.ty {
            Type::Object(table) => fields(table, &path),
            _ => vec![path],
        }
    };
    table.fields.iter().flat_map(of).collect()
}

fn leaves(table: &Table, given: &Properties, path: &str, all: &mut BTreeSet<String>) {
    for (key, value) in given {
        let path = below(path, key);
        match (&table.field(key).expect("a known key").ty, value.peel()) {
            (Type::Object(table), Value::Object(given)) => leaves(table, given, &path, all),
            _ => drop(all.insert(path)),
        }
    }
}
