//! The definition of a state machine: what AWS would refuse of it, and what tells it from others.
//!
//! See [the Amazon States Language](https://states-language.net/spec.html).

use crate::prelude::*;
use pulumi_aws_framework::{identity, props::below};
use serde_json::{Map, Value as Json};

type States = Map<String, Json>;

const TYPES: [&str; 8] = [
    "Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait",
];

/// What is wrong with a definition, each with its path inside it.
pub(crate) fn failures(definition: &Json) -> Vec<Failure> {
    let mut found = Found {
        failures: Vec::new(),
        names: Set::new(),
    };
    // AWS counts the text's characters.
    let size = definition.to_string().len();
    if size > 1_048_576 {
        found.fail("", format!("has {size} bytes; at most 1048576 are allowed"));
    }
    found.machine(definition, "");
    found.failures
}

/// What tells a definition from others, in whatever order its keys are.
pub(super) fn digest(definition: &Json) -> String {
    let mut document = definition.clone();
    document.sort_all_objects();
    identity::of_document(&document.to_string())
}

struct Found {
    failures: Vec<Failure>,
    names: Set<String>,
}

impl Found {
    fn fail(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        let (path, reason) = (path.into(), reason.into());
        self.failures.push(Failure { path, reason });
    }

    /// A whole machine, or one inside of a state.
    fn machine(&mut self, machine: &Json, path: &str) {
        let Some(machine) = machine.as_object() else {
            return self.fail(path, "must be an object with StartAt and States");
        };
        let Some(states) = machine
            .get("States")
            .and_then(Json::as_object)
            .filter(|s| !s.is_empty())
        else {
            return self.fail(below(path, "States"), "needs at least one state");
        };
        let start = machine.get("StartAt").and_then(Json::as_str);
        match start {
            None => self.fail(
                below(path, "StartAt"),
                "is required: the name of the first state",
            ),
            Some(start) => self.target(states, start, below(path, "StartAt")),
        }
        for (name, state) in states {
            let path = below(&below(path, "States"), name);
            if !self.names.insert(name.clone()) {
                self.fail(
                    &path,
                    "another state of this machine has the same name; give each its own",
                );
            }
            if name.chars().count() > 80 {
                self.fail(&path, "the name has more than 80 characters");
            }
            self.state(states, state, &path);
        }
        let reached = start
            .map(|start| reached(states, start))
            .unwrap_or_default();
        if !reached.is_empty() {
            for name in states
                .keys()
                .filter(|name| !reached.contains(name.as_str()))
            {
                self.fail(below(&below(path, "States"), name), "no state leads here");
            }
        }
    }

    fn state(&mut self, states: &States, state: &Json, path: &str) {
        let kind = state["Type"].as_str().unwrap_or_default();
        if !TYPES.contains(&kind) {
            return self.fail(
                below(path, "Type"),
                format!("must be one of {}", TYPES.join(", ")),
            );
        }
        for (at, target) in targets(state) {
            self.target(states, target, format!("{path}.{at}"));
        }
        let next = state.get("Next").is_some();
        let end = state["End"] == true;
        match (kind, next, end) {
            ("Choice" | "Fail" | "Succeed", true, _) => {
                self.fail(
                    below(path, "Next"),
                    format!("a {kind} state cannot have it; leave it out"),
                );
            }
            ("Choice" | "Fail" | "Succeed", _, true) => {
                self.fail(
                    below(path, "End"),
                    format!("a {kind} state cannot have it; leave it out"),
                );
            }
            ("Choice" | "Fail" | "Succeed", ..) => {}
            (_, true, true) => self.fail(path, "give only one of Next, End"),
            (_, false, false) => self.fail(path, "needs Next, or End: true"),
            _ => {}
        }
        match kind {
            "Task" if state["Resource"].as_str().is_none_or(str::is_empty) => {
                self.fail(
                    below(path, "Resource"),
                    "is required: the ARN of what the task does",
                );
            }
            "Choice" => self.choices(state, path),
            "Wait" => {
                let ways = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
                if ways.iter().filter(|way| state.get(**way).is_some()).count() != 1 {
                    self.fail(path, format!("give exactly one of {}", ways.join(", ")));
                }
            }
            "Parallel" => match state["Branches"].as_array().filter(|b| !b.is_empty()) {
                None => self.fail(below(path, "Branches"), "needs at least one machine"),
                Some(branches) => {
                    for (i, branch) in branches.iter().enumerate() {
                        self.machine(branch, &format!("{}[{i}]", below(path, "Branches")));
                    }
                }
            },
            "Map" => {
                // The older name is still valid.
                let key = match state.get("Iterator") {
                    Some(_) => "Iterator",
                    None => "ItemProcessor",
                };
                self.machine(&state[key], &below(path, key));
            }
            _ => {}
        }
    }

    fn choices(&mut self, state: &Json, path: &str) {
        let path = below(path, "Choices");
        match state["Choices"].as_array().filter(|c| !c.is_empty()) {
            None => self.fail(path, "needs at least one choice"),
            Some(choices) => {
                for (i, choice) in choices.iter().enumerate() {
                    if choice["Next"].as_str().is_none() {
                        self.fail(format!("{path}[{i}].Next"), "is required");
                    }
                }
            }
        }
    }

    fn target(&mut self, states: &States, name: &str, path: String) {
        if !states.contains_key(name) {
            self.fail(path, format!("{name:?} is not one of these states"));
        }
    }
}

/// The states that a state can lead to, with the paths that say so.
fn targets(state: &Json) -> Vec<(String, &str)> {
    let own = ["Next", "Default"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), state.get(key)?.as_str()?)));
    let listed = ["Choices", "Catch"].into_iter().flat_map(|key| {
        let items = state[key].as_array().into_iter().flatten().enumerate();
        items.filter_map(move |(i, item)| {
            Some((format!("{key}[{i}].Next"), item.get("Next")?.as_str()?))
        })
    });
    own.chain(listed).collect()
}

fn reached<'a>(states: &'a States, start: &'a str) -> Set<&'a str> {
    let (mut waiting, mut reached) = (vec![start], Set::new());
    while let Some(name) = waiting.pop() {
        if let Some(state) = states.get(name).filter(|_| reached.insert(name)) {
            waiting.extend(targets(state).into_iter().map(|(_, target)| target));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(definition: &Json, expected: &Expect) {
        let found = failures(definition);
        let lines: Vec<_> = found.iter().map(|f| format!("{f}\n")).collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn a_sound_machine_passes() {
        let run = json!({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Next": "Ended",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Lost"}]});
        let each = json!({"StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}});
        check(
            &json!({"StartAt": "Run", "QueryLanguage": "JSONata", "States": {
                "Run": run,
                "Ended": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Each"}], "Default": "Pause"},
                "Pause": {"Type": "Wait", "Seconds": 5, "Next": "Run"},
                "Each": {"Type": "Map", "ItemProcessor": each, "End": true},
                "Lost": {"Type": "Fail"},
            }}),
            &expect![""],
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        check(
            &json!([]),
            &expect![[r#"
            must be an object with StartAt and States
        "#]],
        );
        check(
            &json!({"StartAt": "A", "States": {}}),
            &expect![[r#"
            States: needs at least one state
        "#]],
        );
        check(
            &json!({"StartAt": "First", "States": {
                "Run it": {"Type": "Task", "Next": "Nowhere", "Catch": [{"Next": "No"}]},
                "Both": {"Type": "Pass", "Next": "Both", "End": true},
                "Neither": {"Type": "Pass"},
                "Odd": {"Type": "Taks"},
                "End": {"Type": "Succeed", "End": true},
                "Pause": {"Type": "Wait", "End": true},
                "Ask": {"Type": "Choice", "Choices": [{}], "Default": "Gone"},
                "Fork": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "Both", "States": {
                    "Both": {"Type": "Pass", "End": true}}}]},
                "Each": {"Type": "Map", "End": true},
            }}),
            &expect![[r#"
                StartAt: "First" is not one of these states
                States["Run it"].Next: "Nowhere" is not one of these states
                States["Run it"].Catch[0].Next: "No" is not one of these states
                States["Run it"].Resource: is required: the ARN of what the task does
                States.Both: give only one of Next, End
                States.Neither: needs Next, or End: true
                States.Odd.Type: must be one of Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait
                States.End.End: a Succeed state cannot have it; leave it out
                States.Pause: give exactly one of Seconds, SecondsPath, Timestamp, TimestampPath
                States.Ask.Default: "Gone" is not one of these states
                States.Ask.Choices[0].Next: is required
                States.Fork.Branches[0].States.Both: another state of this machine has the same name; give each its own
                States.Each.ItemProcessor: must be an object with StartAt and States
            "#]],
        );
        check(
            &json!({"StartAt": "A", "States": {
                "A": {"Type": "Pass", "End": true}, "Island": {"Type": "Pass", "Next": "A"}}}),
            &expect![[r#"
                States.Island: no state leads here
            "#]],
        );
    }
}
