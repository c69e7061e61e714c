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

/// What only a shell reads.
const OPERATORS: [&str; 7] = ["&&", "||", "|", ";", "&", ">", ">>"];

/// Refuses what is no dbt command line.
pub(super) fn check(line: &str) -> Result<(), String> {
    let words = split(line).map_err(|reason| format!("cannot be read: {reason}"))?;
    if let Some(operator) = words.iter().find(|word| OPERATORS.contains(&word.as_str())) {
        return Err(format!(
            "holds {operator:?}, and no shell runs it; give each dbt command as one of its own"
        ));
    }
    let own = match words.first() {
        Some(word) if word == "dbt" => &words[1..],
        _ => &words[..],
    };
    match own.first() {
        None => Err("names no dbt command; did you mean dbt build?".to_owned()),
        Some(word)
            if own.len() == words.len()
                && !word.starts_with('-')
                && !COMMANDS.contains(&word.as_str()) =>
        {
            Err(format!(
                "{line:?} is not one of dbt's; a run takes dbt commands only, such as dbt build"
            ))
        }
        Some(_) => Ok(()),
    }
}

/// A line's words, as Python's `shlex` splits it.
fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
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
        None => Ok(words),
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
            assert_eq!(split(line).expect(line), words);
        }
        assert!(split("a 'b").is_err() && split("a \\").is_err());
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
    }
}
