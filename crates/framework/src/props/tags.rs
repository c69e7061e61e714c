//! What AWS takes for tags.
//!
//! See [the rules](https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html); EC2 takes any character, and to
//! IAM keys that differ in case alone are the same.

use super::{Failure, below};
use crate::value::Value;
use std::collections::BTreeSet;

/// The most on an object.
const MOST: usize = 50;
/// The provider's marker and `Name`.
const ADDED: usize = 2;
/// The most that a user can give.
pub const FREE: usize = MOST - ADDED;

/// Which rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Those of EC2.
    Ec2,
    /// Those of IAM, which are the strictest, so that they hold for what goes to several services.
    Iam,
    /// Those of the other services.
    Other,
}

impl Rules {
    /// The rules for a resource of that type token.
    pub fn of(token: &str) -> Self {
        match token.split(':').nth(1) {
            Some("ec2") => Self::Ec2,
            Some("iam") => Self::Iam,
            _ => Self::Other,
        }
    }
}

/// What is wrong with the tags at `path`, beside the provider's default tags: each with its path.
pub fn failures(
    rules: Rules,
    package: &str,
    path: &str,
    own: &Value,
    defaults: &Value,
) -> Vec<Failure> {
    let Value::Object(tags) = own.peel() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let others = keys(defaults);
    for (key, value) in tags.iter().filter(|(_, value)| !value.is_null()) {
        let mut fail = |reason| {
            let path = below(path, key);
            found.push(Failure { path, reason });
        };
        if let Err(reason) = tag(rules, package, key, value.as_str().unwrap_or_default()) {
            fail(reason);
            continue;
        }
        if rules != Rules::Iam {
            continue;
        }
        let folded = key.to_lowercase();
        let same = |other: &&&String| other.to_lowercase() == folded && ***other != *key;
        if let Some(other) = tags
            .keys()
            .take_while(|other| *other != key)
            .find(|o| same(&o))
        {
            fail(format!(
                "differs from {other} only in case, and IAM treats the two as one key; use one spelling"
            ));
        } else if let Some(other) = others.iter().find(|o| same(o)) {
            fail(format!(
                "differs from the default tag {other} only in case, and IAM treats the two as one key; use one spelling"
            ));
        }
    }
    let all: BTreeSet<_> = tags.keys().chain(others).collect();
    if all.len() > FREE {
        let beside = if all.len() > tags.len() {
            " with the provider's default tags"
        } else {
            ""
        };
        let reason = format!(
            "has {} tags{beside}; at most {} are allowed",
            all.len(),
            FREE
        );
        let path = path.to_owned();
        found.push(Failure { path, reason });
    }
    found
}

fn keys(tags: &Value) -> Vec<&String> {
    match tags.peel() {
        Value::Object(tags) => tags.keys().collect(),
        _ => Vec::new(),
    }
}

fn tag(rules: Rules, package: &str, key: &str, value: &str) -> Result<(), String> {
    let (key_length, length) = (key.chars().count(), value.chars().count());
    let fits = |c: &char| c.is_alphanumeric() || *c == ' ' || "_.:/=+-@".contains(*c);
    let other = |text: &str| {
        text.chars()
            .find(|c| !fits(c))
            .filter(|_| rules != Rules::Ec2)
    };
    if key.to_lowercase().starts_with("aws:") {
        Err("keys that begin with aws: are AWS's own".to_owned())
    } else if key
        .strip_prefix(package)
        .is_some_and(|rest| rest.starts_with(':'))
    {
        Err(format!(
            "keys that begin with {package}: are the provider's own"
        ))
    } else if !(1..=128).contains(&key_length) {
        Err(format!(
            "its key must have 1 to 128 characters, not {key_length}"
        ))
    } else if length > 256 {
        Err(format!("has {length} characters; at most 256 are allowed"))
    } else if let Some(c) = other(key) {
        Err(format!("{c:?} cannot be in a tag's key; {CHARACTERS}"))
    } else if let Some(c) = other(value) {
        Err(format!("{c:?} cannot be in a tag's value; {CHARACTERS}"))
    } else {
        Ok(())
    }
}

const CHARACTERS: &str = "AWS takes letters, digits, spaces and _ . : / = + - @";

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::{Value as Json, json};

    fn check(rules: Rules, own: &Json, defaults: &Json, expected: &Expect) {
        let (own, defaults) = (Value::from_json(own), Value::from_json(defaults));
        let found = failures(rules, "acme", "tags", &own, &defaults);
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn what_no_service_takes() {
        for rules in [Rules::Ec2, Rules::Iam, Rules::Other] {
            let long = "x".repeat(257);
            let tags =
                json!({ "AWS:x": "", "acme:x": "", "": "", "long": long, "équipe": "a/b @1" });
            check(
                rules,
                &tags,
                &json!({}),
                &expect![[r#"
                    tags[""]: its key must have 1 to 128 characters, not 0
                    tags["AWS:x"]: keys that begin with aws: are AWS's own
                    tags["acme:x"]: keys that begin with acme: are the provider's own
                    tags.long: has 257 characters; at most 256 are allowed"#]],
            );
        }
    }

    #[test]
    fn what_some_services_take() {
        let tags = json!({ "team,unit": "data", "unit": "R&D (EU)", "Team": "a", "team": "b" });
        check(Rules::Ec2, &tags, &json!({}), &expect![[""]]);
        let characters = expect![[r#"
            tags["team,unit"]: ',' cannot be in a tag's key; AWS takes letters, digits, spaces and _ . : / = + - @
            tags.unit: '&' cannot be in a tag's value; AWS takes letters, digits, spaces and _ . : / = + - @"#]];
        check(Rules::Other, &tags, &json!({}), &characters);
        check(
            Rules::Iam,
            &json!({ "Team": "a", "team": "b", "name": "x", "owner": "y" }),
            &json!({ "Name": "z", "owner": "z" }),
            &expect![[r#"
                tags.name: differs from the default tag Name only in case, and IAM treats the two as one key; use one spelling
                tags.team: differs from Team only in case, and IAM treats the two as one key; use one spelling"#]],
        );
    }

    #[test]
    fn default_tags_count() {
        let many = |from: usize, to: usize| -> Json {
            let tags = (from..to).map(|i| (format!("k{i}"), json!("v")));
            Json::Object(tags.collect())
        };
        check(Rules::Other, &many(0, 48), &many(0, 10), &expect![[""]]);
        check(
            Rules::Other,
            &many(0, 40),
            &many(30, 49),
            &expect![[
                "tags: has 49 tags with the provider's default tags; at most 48 are allowed"
            ]],
        );
        check(
            Rules::Other,
            &many(0, 49),
            &json!(null),
            &expect![["tags: has 49 tags; at most 48 are allowed"]],
        );
    }
}
