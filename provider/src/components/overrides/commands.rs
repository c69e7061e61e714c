//! The command lines of a run, refused where the runner would refuse them.

use super::command_line::{CommandLine, Parsed};
use pulumi_aws_framework::formats::nearest;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

/// What dbt takes and a run refuses, as the runner has it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    /// How many commands a run takes.
    most_commands: usize,
    commands: Vec<String>,
    /// The options before a command's name that take a value.
    valued_options: Vec<String>,
    /// What begins, ends or leads a command of a shell.
    shell_operators: String,
    /// The options that a run has itself, and why they cannot work.
    own_options: BTreeMap<String, String>,
    python: Named,
    /// The commands that are neither dbt's nor Python's.
    own: Named,
    /// What has no effect in a run, and what to do instead.
    advice: BTreeMap<String, String>,
}

/// What a command line that is not dbt's begins with.
#[derive(Default, Deserialize)]
struct Named {
    name: String,
    /// Why a command line with anything else after it is refused.
    refusal: String,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let text = include_str!("../../../runner/dbt_aws/commands.json");
    serde_json::from_str(text).unwrap_or_default()
});

/// Refuses more commands than a run takes.
pub(super) fn at_most(count: usize) -> Result<(), String> {
    let most = FACTS.most_commands;
    match count <= most {
        true => Ok(()),
        false => Err(format!(
            "has {count} commands, and a run takes {most} at most"
        )),
    }
}

/// What a project's handle tells of its runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// The minor version of dbt Core in the image, where it is known.
    pub(super) version: Option<String>,
    /// The name of the profile that is written for it, and its only target.
    pub(super) profile: Option<String>,
    pub(super) target: Option<String>,
    /// The commands that fail in every run.
    pub(super) failing: Vec<String>,
}

impl Run {
    /// Refuses what is no command line of a run, or fails whenever it runs; else says what is likely to be wrong with it.
    pub(super) fn judge(&self, line: &str) -> Result<Vec<String>, String> {
        let (words, operator) =
            split(unmarked(line)).map_err(|reason| format!("cannot be read: {reason}"))?;
        if let Some(operator) = operator {
            return Err(format!(
                "contains {operator:?}, but no shell runs commands; give each command as an item of its own"
            ));
        }
        let shell = variable(line).map(|name| {
            format!("contains {name}, but no shell expands variables; write the value")
        });
        let mut warnings = Vec::from_iter(shell);
        if words.first() == Some(&FACTS.python.name) {
            return match starts_python(&words[1..]) {
                true => Ok(warnings),
                false => Err(FACTS.python.refusal.clone()),
            };
        }
        if words.first() == Some(&FACTS.own.name) {
            return match is_own(&words[1..]) {
                true => Ok(warnings),
                false => Err(FACTS.own.refusal.clone()),
            };
        }
        let own = match words.first() {
            Some(word) if word == "dbt" => &words[1..],
            _ => &words[..],
        };
        let Some(first) = own.first() else {
            return Err("names no dbt command; did you mean dbt build?".to_owned());
        };
        let known = self.version.as_deref().and_then(CommandLine::of);
        let names = match known {
            Some(known) => known.names(),
            None => FACTS.commands.iter().map(String::as_str).collect(),
        };
        if !first.starts_with('-') && !names.contains(first.as_str()) {
            let is_dbts = own.len() < words.len();
            return Err(match nearest(first, names).filter(|_| is_dbts) {
                Some(command) => {
                    format!("dbt has no command {first:?}; did you mean {command}?")
                }
                None => format!(
                    "{line:?} is not a dbt command; a run takes only dbt commands, such as dbt build, and python"
                ),
            });
        }
        let parsed = match known {
            Some(known) => known.parse(own)?,
            None => guessed(own),
        };
        self.refuse(&parsed)?;
        let name = parsed.command.as_str();
        let fails = match name {
            "clean" => {
                !parsed.has("--no-clean-project-files-only")
                    && self.failing.iter().any(|f| f == name)
            }
            "deps" => true,
            "init" => !parsed.has("--skip-profile-setup"),
            _ => false,
        };
        match FACTS.advice.get(name) {
            Some(advice) if fails => Err(format!("dbt {name} fails in every run: {advice}")),
            Some(advice) => {
                warnings.push(format!("dbt {name} has no effect in a run: {advice}"));
                Ok(warnings)
            }
            None => Ok(warnings),
        }
    }

    /// Refuses what no run can do, whatever the version of dbt is.
    fn refuse(&self, parsed: &Parsed) -> Result<(), String> {
        if parsed.command == "docs serve" {
            return Err("never ends, and nobody can reach a run; use dbt docs generate".to_owned());
        }
        for (option, reason) in &FACTS.own_options {
            if parsed.has(option) && (option != "--profiles-dir" || self.profile.is_some()) {
                return Err(format!("has {option}: {reason}; leave the option out"));
            }
        }
        for (option, own, property) in [
            ("--profile", &self.profile, "profile.name"),
            ("--target", &self.target, "profile.target"),
        ] {
            if let (Some(own), Some(given)) = (own, parsed.value(option))
                && own != given
            {
                let kind = &option[2..];
                return Err(format!(
                    "has {option} {given}, but the only {kind} of a run is {own}; leave the option out, or set \
                     {property} of the project"
                ));
            }
        }
        Ok(())
    }
}

/// A line without the `-` that lets it decide nothing; dbt's own options may stand first too.
fn unmarked(line: &str) -> &str {
    let Some(rest) = line.trim_start().strip_prefix('-') else {
        return line;
    };
    let end = rest
        .find(|c: char| !c.is_ascii_lowercase() && c != '-')
        .unwrap_or(rest.len());
    let first = &rest[..end];
    let is_command = ["dbt", &FACTS.python.name, &FACTS.own.name].contains(&first);
    let is_mark = first.is_empty() && rest.chars().next().is_none_or(char::is_whitespace);
    if is_mark || is_command || FACTS.commands.iter().any(|name| name == first) {
        return rest;
    }
    line
}

/// Whether Python is told a file or a module.
fn starts_python(words: &[String]) -> bool {
    let starts = match words.first() {
        Some(word) if word == "-m" => words.get(1),
        first => first,
    };
    starts.is_some_and(|word| !word.is_empty() && !word.starts_with('-'))
}

/// Whether the words after the name are those of a command of ours.
fn is_own(words: &[String]) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_id = |id: &String| (1..=80).contains(&id.len()) && id.chars().all(fits);
    match words {
        [command] => command == "drop-schemas",
        [command, id] => command == "drop-schemas" && is_id(id),
        _ => false,
    }
}

/// What the words mean in any version of dbt, as far as that can be said.
fn guessed(words: &[String]) -> Parsed {
    let command = from_name(words);
    let mut name = command.first().cloned().unwrap_or_default();
    let mut of_docs = words.iter().map(String::as_str);
    if name == "docs"
        && let Some(second) = of_docs.find(|word| ["generate", "serve"].contains(word))
    {
        name = format!("docs {second}");
    }
    let after = words.iter().skip(1).map(Some).chain([None]);
    let options = words.iter().zip(after).map(|(word, next)| {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), next.cloned()),
        };
        let name = match name {
            "-t" => "--target",
            name => name,
        };
        (name.to_owned(), Vec::from_iter(value))
    });
    Parsed {
        command: name,
        options: options.filter(|(name, _)| name.starts_with('-')).collect(),
    }
}

/// A command without the options before its name.
fn from_name(words: &[String]) -> &[String] {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if FACTS.commands.contains(word) {
            return &words[at..];
        }
        at += 1 + usize::from(FACTS.valued_options.contains(word));
    }
    &[]
}

/// A variable as a shell would replace it.
fn variable(line: &str) -> Option<&str> {
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
        if quote.is_none() && FACTS.shell_operators.contains(c) && !ended {
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

    /// What the runner's own tests read too.
    #[derive(Deserialize)]
    struct Cases {
        words: Vec<(String, Vec<String>)>,
        #[serde(rename = "decidingNothing")]
        deciding_nothing: Vec<(String, Vec<String>)>,
        refused: Vec<(String, String)>,
    }

    fn cases() -> Cases {
        let text = include_str!("../../../runner/tests/command_lines.json");
        serde_json::from_str(text).expect("cases")
    }

    #[test]
    fn words_are_those_of_the_runner() {
        let cases = cases();
        for (line, words) in &cases.words {
            assert_eq!(unmarked(line), line);
            assert!(Run::default().judge(line).is_ok(), "{line}: {words:?}");
        }
        for (line, words) in cases.words.iter().chain(&cases.deciding_nothing) {
            let own = split(unmarked(line)).expect(line).0;
            let skip = usize::from(own.first().is_some_and(|word| word == "dbt"));
            assert_eq!(&own[skip..], words, "{line}");
        }
        for (line, _) in &cases.deciding_nothing {
            assert!(unmarked(line).len() < line.trim_start().len(), "{line}");
            assert_eq!(Run::default().judge(line), Ok(vec![]), "{line}");
        }
    }

    #[test]
    fn what_the_runner_refuses_is_refused() {
        let run = Run {
            profile: Some("shop".to_owned()),
            ..Run::default()
        };
        for (line, reason) in cases().refused {
            let found = run.judge(&line).expect_err(&line);
            assert!(found.replace('"', "`").contains(&reason), "{line}: {found}");
        }
        let found = run.judge("dbt biuld").expect_err("a mistake");
        assert!(found.contains("did you mean build?"), "{found}");
    }

    #[test]
    fn what_fails_in_every_run_is_refused() {
        let run = Run {
            failing: vec!["clean".to_owned()],
            ..Run::default()
        };
        let said = |run: &Run, line: &str| match run.judge(line) {
            Ok(warnings) if warnings.is_empty() => String::new(),
            Ok(warnings) => format!("warning: {}", warnings.join("\n")),
            Err(reason) => reason,
        };
        let unknown = Run::default();
        for (found, start, end) in [
            (
                said(&unknown, "dbt deps"),
                "dbt deps fails",
                "leave it out here",
            ),
            (
                said(&unknown, "dbt init"),
                "dbt init fails",
                "leave dbt init out",
            ),
            (
                said(&run, "clean"),
                "dbt clean fails",
                "leave dbt clean out",
            ),
            (
                said(&run, "dbt clean --no-clean-project-files-only"),
                "warning: dbt clean has no effect",
                "leave dbt clean out",
            ),
            (
                said(&unknown, "dbt --quiet clean"),
                "warning: dbt clean has no effect",
                "leave dbt clean out",
            ),
            (said(&run, "dbt --quiet retry"), "", ""),
            (said(&run, "dbt retry --state state"), "", ""),
            (said(&run, "dbt build --profiles-dir ."), "", ""),
            (said(&run, "dbt --log-level debug build"), "", ""),
        ] {
            assert!(found.starts_with(start) && found.ends_with(end), "{found}");
            assert_eq!(found.is_empty(), start.is_empty(), "{found}");
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
    fn what_the_packed_dbt_does_not_take_is_refused() {
        let run = Run {
            version: Some("1.11".to_owned()),
            profile: Some("shop".to_owned()),
            target: Some("prod".to_owned()),
            ..Run::default()
        };
        for (line, reason) in [
            ("dbt build --fullrefresh", "did you mean --full-refresh?"),
            ("dbt biuld", "did you mean build?"),
            ("dbt docs serve --port 80", "never ends"),
            ("dbt build --target-path x", "has --target-path: dbt writes"),
            (
                "dbt build -t dev",
                "has --target dev, but the only target of a run is prod; leave the option out, or set profile.target of the project",
            ),
            (
                "dbt --profile=other build",
                "has --profile other, but the only profile of a run is shop; leave",
            ),
        ] {
            let found = run.judge(line).expect_err(line);
            assert!(found.contains(reason), "{line}: {found}");
            let anywhere = Run {
                version: None,
                ..run.clone()
            };
            let holds_for_all = !reason.contains("--full-refresh");
            assert_eq!(anywhere.judge(line).is_err(), holds_for_all, "{line}");
        }
        assert_eq!(
            run.judge("dbt build --target prod --profile shop"),
            Ok(vec![])
        );
        // Another version may take anything.
        for version in [None, Some("1.10".to_owned())] {
            let other = Run {
                version,
                ..Run::default()
            };
            assert_eq!(other.judge("dbt build --new-option"), Ok(vec![]));
        }
    }
}
