//! dbt command lines, refused where the runner would refuse them.

/// dbt's commands, as the runner has them.
const COMMANDS: [&str; 19] = [
    "build",
    "clean",
    "clone",
    "compile",
    "debug",
    "deps",
    "docs",
    "init",
    "list",
    "ls",
    "parse",
    "retry",
    "run",
    "run-operation",
    "seed",
    "show",
    "snapshot",
    "source",
    "test",
];

/// What begins, ends or leads a command of a shell.
const OPERATORS: &str = ";&|<>";

/// The options that a run has itself, and why they cannot work.
const OPTIONS: [(&str, &str); 2] = [
    (
        "--log-path",
        "dbt's log is the run's own, and is kept with the artifacts",
    ),
    (
        "--target-path",
        "dbt writes to the run's own target, and only what is there is kept",
    ),
];

/// The commands that fail in every run, and why.
const FAILING: [(&str, &str); 3] = [
    (
        "clean",
        "a run begins with an empty target, so leave dbt clean out",
    ),
    (
        "deps",
        "a run installs no packages: run dbt deps in the project's folder before pulumi up, which packs them, and leave it out here",
    ),
    (
        "retry",
        "a run has no results of an earlier one: name what failed, such as dbt build --select my_model+",
    ),
];

/// Refuses what is no dbt command line, or fails whenever it runs.
pub(super) fn check(line: &str) -> Result<(), String> {
    let (words, operator) = split(line).map_err(|reason| format!("cannot be read: {reason}"))?;
    if let Some(operator) = operator {
        return Err(format!(
            "holds {operator:?}, and no shell runs it; give each dbt command as one of its own"
        ));
    }
    let own = match words.first() {
        Some(word) if word == "dbt" => &words[1..],
        _ => &words[..],
    };
    let Some(first) = own.first() else {
        return Err("names no dbt command; did you mean dbt build?".to_owned());
    };
    if !first.starts_with('-') && !COMMANDS.contains(&first.as_str()) {
        let nearest = COMMANDS
            .iter()
            .map(|command| (strsim::jaro_winkler(command, first), command))
            .filter(|(likeness, _)| own.len() < words.len() && *likeness > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        return Err(match nearest {
            Some((_, command)) => format!("dbt has no command {first:?}; did you mean {command}?"),
            None => format!(
                "{line:?} is not one of dbt's; a run takes dbt commands only, such as dbt build"
            ),
        });
    }
    if own.len() > 1 && own[..2] == ["docs", "serve"] {
        return Err("never ends, and nobody can reach a run; use dbt docs generate".to_owned());
    }
    for (option, reason) in OPTIONS {
        if own
            .iter()
            .any(|word| word.split('=').next() == Some(option))
        {
            return Err(format!("has {option}: {reason}; leave the option out"));
        }
    }
    let command = own.iter().find(|word| COMMANDS.contains(&word.as_str()));
    match FAILING
        .iter()
        .find(|(name, _)| command.is_some_and(|c| c == name))
    {
        Some((name, reason)) => Err(format!("dbt {name} fails in every run: {reason}")),
        None => Ok(()),
    }
}

/// A variable as a shell would replace it.
pub(super) fn variable(line: &str) -> Option<&str> {
    line.match_indices('$').find_map(|(at, _)| {
        let rest = &line[at + 1..];
        let end = match rest.strip_prefix('{') {
            Some(inner) => inner.find('}')? + 2,
            None => rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
        };
        let name = rest[..end].trim_matches(['{', '}']);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        is_name.then(|| &line[at..=at + end])
    })
}

/// A line's words, as Python's `shlex` splits it, and the first operator of a shell in it.
fn split(line: &str) -> Result<(Vec<String>, Option<String>), &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let (mut operator, mut ended) = (String::new(), false);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        if quote.is_none() && OPERATORS.contains(c) && !ended {
            operator.push(c);
        } else {
            ended = !operator.is_empty();
        }
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, ' ' | '\t' | '\r' | '\n') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = characters.next().ok_or("no character after the last \\")?;
                let word = word.get_or_insert_default();
                if quote.is_some() && !matches!(next, '\\' | '"') {
                    word.push('\\');
                }
                word.push(next);
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(_) => Err("no closing quotation"),
        None => Ok((words, Some(operator).filter(|o| !o.is_empty()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_shlex() {
        for (line, words) in [
            (
                "build --select 'tag:a tag:b'",
                vec!["build", "--select", "tag:a tag:b"],
            ),
            (
                r#"run --vars "{a: \"b\", c: \d}" """#,
                vec!["run", "--vars", r#"{a: "b", c: \d}"#, ""],
            ),
            (r"a\ b'c\'d", vec![r"a bc\d"]),
            (" \t\n", vec![]),
        ] {
            assert_eq!(split(line).expect(line).0, words);
        }
        assert!(split("a 'b").is_err() && split("a \\").is_err());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let wrong = |line: &str, reason: &str| {
            let found = check(line).expect_err(line);
            assert!(found.contains(reason), "{line}: {found}");
        };
        wrong("dbt biuld", "did you mean build?");
        wrong("dbt sl query", "is not one of dbt's");
        wrong("dbt run; dbt test", "holds \";\"");
        wrong("dbt run&&dbt test", "holds \"&&\"");
        wrong("dbt run > out", "holds \">\"");
        wrong(
            "dbt deps",
            "run dbt deps in the project's folder before pulumi up",
        );
        wrong("clean", "a run begins with an empty target");
        wrong("dbt --quiet retry", "name what failed");
        wrong("dbt docs serve --port 80", "never ends");
        wrong(
            "dbt docs generate --target-path /tmp/docs",
            "has --target-path",
        );
        wrong("dbt build --log-path=/tmp", "has --log-path");
        for line in [
            "dbt build --select 'a;b' \"c|d\" e\\;f",
            "dbt --no-partial-parse build --select deps",
            "docs generate",
            "dbt run-operation clean_up --args '{a: <b>}'",
            "dbt build --select deps+ clean",
        ] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn variables_of_a_shell_are_found() {
        for (line, found) in [
            ("dbt run --select $MODEL", Some("$MODEL")),
            ("dbt run --select ${MODEL}+", Some("${MODEL}")),
            ("dbt run --vars '{a: $x}'", Some("$x")),
            ("dbt show --inline 'select $1, $$ from a'", None),
            ("dbt run --vars '{a: \"^b$\"}' $", None),
        ] {
            assert_eq!(variable(line), found, "{line}");
        }
    }

    #[test]
    fn the_runner_has_the_same_commands() {
        let runner = include_str!("../../../runner/dbt_aws/commands.py");
        let list = runner
            .split_once("COMMANDS = {")
            .and_then(|(_, rest)| rest.split_once('}'));
        let theirs: Vec<_> = list
            .expect("a list")
            .0
            .split('"')
            .skip(1)
            .step_by(2)
            .collect();
        assert_eq!(theirs, COMMANDS);
        for (name, reason) in OPTIONS.iter().chain(&FAILING) {
            assert!(runner.contains(name) && runner.contains(reason), "{name}");
        }
    }
}
