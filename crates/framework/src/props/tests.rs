//! The interpreter over a table, on a sample of every type.

use super::{
    check::Check,
    diff::{changes, project, without_defaults},
    *,
};
use crate::words;
use expect_test::{Expect, expect};
use serde_json::json;
use std::collections::BTreeMap;

words! {
    /// A size.
    pub enum Size {
        /// Little.
        Small = "small",
        /// Much.
        Large = "large",
    }
}

/// A sample.
#[derive(Clone, Debug, Props)]
struct Sample {
    /// The name.
    #[prop(replace)]
    name: String,
    /// How many.
    #[prop(default = 3, check = few)]
    count: i64,
    /// The size.
    size: Option<Size>,
    /// The block.
    cidr_block: Option<Cidr>,
    /// A document.
    document: Option<Json>,
    /// Some zones.
    zones: Option<Vec<String>>,
    /// Some groups.
    groups: Option<Set<String>>,
    /// Some tags.
    tags: Option<BTreeMap<String, String>>,
    /// The inner one.
    inner: Option<SampleInner>,
    /// A note.
    #[prop(default = None)]
    note: Option<String>,
}

/// The inner one.
#[derive(Clone, Debug, Props)]
struct SampleInner {
    /// Whether.
    #[prop(default = true)]
    on: bool,
    /// The port.
    port: Option<i64>,
}

fn few(count: &i64) -> Result<(), String> {
    if *count < 10 {
        Ok(())
    } else {
        Err(format!("{count} is too many, give 9 or fewer"))
    }
}

fn properties(json: &serde_json::Value) -> Properties {
    Value::from_json(json).into_properties()
}

fn check(input: &serde_json::Value, expected: Expect) {
    let input = properties(input);
    let failures: Vec<_> = check::failures(Sample::table(), &input)
        .iter()
        .map(ToString::to_string)
        .collect();
    expected.assert_eq(&failures.join("\n"));
}

#[test]
fn wrong_inputs_are_all_named_with_their_paths() {
    check(
        &json!({ "name": "x", "count": 9, "cidrBlock": "10.0.0.0/16", "document": "{}", "inner": {} }),
        expect![[""]],
    );
    check(
        &json!({
            "count": 12, "size": "huge", "cidrBlock": "10.0.0.1/16", "document": "{", "zones": ["a", 1, null],
            "tags": { "a.b": true }, "inner": { "on": "yes", "prot": 1, "port": 3e9 }, "nmae": "x",
        }),
        expect![[r#"
            cidrBlock: 10.0.0.1/16 is not aligned; the block of that size that holds it is 10.0.0.0/16
            count: 12 is too many, give 9 or fewer
            document: is not JSON: EOF while parsing an object at line 1 column 1
            inner.on: must be true or false, not text
            inner.port: 3000000000 is too large
            inner.prot: is not a property here; did you mean port?
            nmae: is not a property here; did you mean name?
            size: "huge" is not one of small, large
            tags["a.b"]: must be text, not true or false
            zones[1]: must be text, not a number
            zones[2]: is required
            name: is required"#]],
    );
}

#[test]
fn unknown_and_secret_values_are_checked_as_far_as_they_are_known() {
    let mut input = properties(&json!({ "zones": ["a"] }));
    input.insert("name".into(), Value::Unknown);
    input.insert("count".into(), Value::secret(Value::Number(12.0)));
    input.insert("size".into(), Value::Unknown);
    let check = Check::new(Sample::table(), &input);
    assert_eq!(check.failures.len(), 1, "{:?}", check.failures);
    assert_eq!(check.get::<Option<Size>>("size"), None);
    assert_eq!(check.get::<Option<Cidr>>("cidrBlock"), Some(None));
    assert_eq!(
        check.get::<Vec<String>>("zones"),
        Some(vec!["a".to_owned()])
    );
}

#[test]
fn what_is_wrong_with_a_secret_does_not_show_it() {
    let mut input = properties(&json!({ "name": "x", "inner": { "port": "hunter2" } }));
    input.insert("cidrBlock".into(), Value::secret("swordfish\n".into()));
    input.insert("count".into(), Value::secret(Value::Number(123_456.0)));
    let zones = Value::List(vec!["xyzzy-1".into(), Value::secret("xyzzy-12".into())]);
    input.insert("zones".into(), zones);
    let mut check = Check::new(Sample::table(), &input);
    check.fail("zones", "neither xyzzy-12 nor xyzzy-1 is a zone");
    check.warn("cidrBlock", "swordfish\n is an odd block");
    let failures: Vec<_> = check.failures.iter().map(ToString::to_string).collect();
    expect![[r#"
        cidrBlock: [secret] is not an IPv4 block such as 10.0.0.0/16
        count: [secret] is too many, give 9 or fewer
        inner.port: must be a whole number, not text
        zones: neither [secret] nor xyzzy-1 is a zone"#]]
    .assert_eq(&failures.join("\n"));
    assert_eq!(check.warnings, ["cidrBlock: [secret] is an odd block"]);
}

#[test]
fn what_is_encoded_decodes() {
    let sample = properties(&json!({
        "name": "x", "size": "large", "cidrBlock": "10.0.0.0/16", "document": { "a": [1] }, "zones": ["b", "a"],
        "groups": ["y", "x"], "tags": { "k": "v" }, "inner": { "port": 5432 },
    }));
    let typed: Sample = decode(&sample).expect("decodes");
    assert_eq!(
        (typed.count, typed.inner.as_ref().map(|i| i.on)),
        (3, Some(true))
    );
    let again = encode(&typed);
    assert!(changes(Sample::table(), &sample, &again).is_empty());
    let twice: Sample = decode(&again).expect("decodes");
    assert_eq!(encode(&twice), again);
}

fn check_changes(old: &serde_json::Value, new: &serde_json::Value, expected: Expect) {
    let changes = changes(Sample::table(), &properties(old), &properties(new));
    let lines: Vec<_> = changes
        .iter()
        .map(|c| {
            format!(
                "{} {:?}{}",
                c.path,
                c.kind,
                if c.replace { " replace" } else { "" }
            )
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn equality_is_by_meaning() {
    check_changes(
        &json!({ "name": "x", "document": { "a": 1, "b": [2] }, "groups": ["a", "b"], "inner": {} }),
        &json!({ "name": "x", "count": 3, "document": "{\"b\": [2], \"a\": 1}", "groups": ["b", "a"], "inner": { "on": true } }),
        expect![[""]],
    );
    check_changes(
        &json!({ "name": "x", "zones": ["a", "b"], "tags": { "a": "1", "b.c": "2" }, "inner": { "port": 1 }, "size": "small" }),
        &json!({ "name": "y", "count": 4, "zones": ["a", "c"], "tags": { "a": "2" }, "inner": { "port": 2, "on": false } }),
        expect![[r#"
            name Update replace
            count Update
            size Delete
            zones[1] Update
            tags.a Update
            tags["b.c"] Delete
            inner.on Update
            inner.port Update"#]],
    );
}

#[test]
fn an_unknown_value_is_a_change() {
    let old = properties(&json!({ "name": "x" }));
    let new = [("name".to_owned(), Value::Unknown)].into();
    assert!(changes(Sample::table(), &old, &new)[0].replace);
}

#[test]
fn a_read_is_projected_onto_what_the_user_set() {
    let read = properties(&json!({
        "name": "x", "count": 5, "document": { "a": 1 }, "groups": ["a"], "zones": ["z"], "inner": { "on": true, "port": 9 },
    }));
    let mut user = properties(
        &json!({ "name": "x", "document": "{ \"a\": 1 }", "groups": ["a"], "inner": { "port": 1 } }),
    );
    user.insert("name".into(), Value::secret("x".into()));
    user.insert("__seed".into(), "s".into());
    let projected = project(Sample::table(), &read, &user);
    let mut expected = user.clone();
    expected.insert("count".into(), Value::Number(5.0));
    expected.insert("inner".into(), Value::from_json(&json!({ "port": 9 })));
    assert_eq!(projected, expected);
    let gone = project(
        Sample::table(),
        &properties(&json!({ "name": "x" })),
        &properties(&json!({ "zones": ["a"] })),
    );
    assert_eq!(gone, Properties::new());
}

#[test]
fn what_a_default_promises_is_compared_though_nobody_wrote_it() {
    let projected = |read: serde_json::Value, user: serde_json::Value| {
        Value::Object(project(
            Sample::table(),
            &properties(&read),
            &properties(&user),
        ))
        .to_json()
    };
    let unwritten = json!({ "name": "x", "inner": {} });
    let as_promised =
        json!({ "name": "x", "count": 3, "size": "small", "inner": { "on": true, "port": 9 } });
    assert_eq!(projected(as_promised, unwritten.clone()), unwritten);
    assert_eq!(
        projected(
            json!({ "name": "x", "inner": { "on": true } }),
            unwritten.clone()
        ),
        unwritten,
        "what was not read is not known to differ"
    );
    let otherwise = json!({
        "name": "x", "count": 4, "note": "theirs", "size": "small", "inner": { "on": false, "port": 9 },
    });
    let drifted = json!({ "name": "x", "count": 4, "note": "theirs", "inner": { "on": false } });
    assert_eq!(projected(otherwise, unwritten.clone()), drifted);
    let paths = |from: &serde_json::Value| -> Vec<_> {
        let changes = changes(Sample::table(), &properties(from), &properties(&unwritten));
        changes.into_iter().map(|c| c.path).collect()
    };
    assert_eq!(paths(&drifted), ["count", "inner.on", "note"]);
    assert_eq!(paths(&unwritten), [""; 0]);
}

#[test]
fn an_import_leaves_defaults_out() {
    let read = properties(&json!({
        "name": "x", "count": 3, "size": "small", "note": null, "inner": { "on": true, "port": 9 },
    }));
    assert_eq!(
        without_defaults(Sample::table(), &read),
        properties(&json!({ "name": "x", "size": "small", "inner": { "port": 9 } }))
    );
}
