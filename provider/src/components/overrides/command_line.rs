//! dbt's command line, read as dbt's own parser reads it: [click](https://click.palletsprojects.com).

use jiff::civil::{Date, DateTime};
use pulumi_aws_framework::formats::nearest;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::LazyLock,
};

/// What the versions take that are known: `update.py` writes it from dbt itself.
static KNOWN: LazyLock<BTreeMap<&str, CommandLine>> = LazyLock::new(|| {
    let texts = [
        ("1.11", include_str!("command_line/dbt-1.11.json")),
        ("1.12", include_str!("command_line/dbt-1.12.json")),
    ];
    let read = |(version, text)| Some((version, serde_json::from_str(text).ok()?));
    texts.into_iter().filter_map(read).collect()
});

/// What a version takes.
#[derive(Debug, Deserialize)]
pub(super) struct CommandLine {
    /// The commands by their words, with their arguments; `?` says that one may be left out.
    commands: BTreeMap<String, Vec<String>>,
    options: Vec<Choice>,
}

/// An option: its spellings, what it takes, and the commands that have it; all, where none is named.
#[derive(Debug, Deserialize)]
struct Choice(String, String, Vec<String>);

impl Choice {
    fn spellings(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    fn is_of(&self, command: &str) -> bool {
        self.2.is_empty() || self.2.iter().any(|of| of == command)
    }

    fn takes_value(&self) -> bool {
        !["nothing", "end"].contains(&self.1.as_str())
    }
}

/// A command line as dbt understands it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// The command's words, such as `docs generate`; none where it asks for help or the version.
    pub(super) command: String,
    /// Each option by its first spelling, with its values.
    pub(super) options: Vec<(String, Vec<String>)>,
}

impl Parsed {
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, _)| name == option)
    }

    /// The last value of an option.
    pub(super) fn value(&self, option: &str) -> Option<&str> {
        let given = self.options.iter().rev().find(|(name, _)| name == option);
        given?.1.last().map(String::as_str)
    }
}

impl CommandLine {
    /// That of a version, if it is known.
    pub(super) fn of(version: &str) -> Option<&'static Self> {
        KNOWN.get(version)
    }

    /// The first words of the commands.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.after("")
    }

    /// The words that may follow others.
    fn after(&self, command: &str) -> BTreeSet<&str> {
        let rest = self
            .commands
            .keys()
            .filter_map(|all| match command.is_empty() {
                true => Some(all.as_str()),
                false => all.strip_prefix(command)?.strip_prefix(' '),
            });
        rest.filter_map(|rest| rest.split(' ').next()).collect()
    }

    /// What the words after `dbt` mean.
    ///
    /// # Errors
    /// Why dbt takes no such words, as the end of a sentence about them.
    pub(super) fn parse(&self, words: &[String]) -> Result<Parsed, String> {
        let mut rest: VecDeque<String> = words.iter().cloned().collect();
        let (mut parsed, mut given) = (Parsed::default(), Vec::new());
        while let Some(word) = rest.pop_front() {
            let is_whole = self.commands.contains_key(&parsed.command);
            if word == "--" {
                given.extend(rest.drain(..).filter(|_| is_whole));
            } else if word.len() > 1 && word.starts_with('-') {
                if self.option(&word, &mut rest, &mut parsed)? {
                    return Ok(Parsed::default());
                }
            } else if is_whole {
                given.push(word);
            } else {
                parsed.command = self.named(&parsed.command, &word)?;
            }
        }
        let command = shown(&parsed.command);
        let Some(wanted) = self.commands.get(&parsed.command) else {
            let names = Vec::from_iter(self.after(&parsed.command)).join(", ");
            return Err(format!(
                "names no subcommand of {command}; give one of {names}"
            ));
        };
        if let Some(lacking) = wanted.get(given.len()).filter(|name| !name.ends_with('?')) {
            return Err(format!("lacks the {lacking} that {command} needs"));
        }
        match given.get(wanted.len()) {
            Some(word) if self.find("--select", &parsed.command).is_some() => Err(format!(
                "has {word:?}, but {command} takes no such argument; did you mean --select {word}?"
            )),
            Some(word) => Err(format!(
                "has {word:?}, but {command} takes no such argument; leave it out"
            )),
            None => Ok(parsed),
        }
    }

    /// A command with one more word.
    fn named(&self, command: &str, word: &str) -> Result<String, String> {
        let names = self.after(command);
        if names.contains(word) {
            return Ok(format!("{command} {word}").trim_start().to_owned());
        }
        let command = shown(command);
        Err(match nearest(word, names.iter().copied()) {
            Some(name) => format!("{command} has no command {word:?}; did you mean {name}?"),
            None => {
                let names = Vec::from_iter(names).join(", ");
                format!("{command} has no command {word:?}; its commands are {names}")
            }
        })
    }

    fn find(&self, spelling: &str, command: &str) -> Option<&Choice> {
        let is_it = |choice: &&Choice| {
            choice.is_of(command) && choice.spellings().any(|own| own == spelling)
        };
        self.options.iter().find(is_it)
    }

    /// Takes an option with its values off what is left; whether dbt does no more after it.
    fn option(
        &self,
        word: &str,
        rest: &mut VecDeque<String>,
        parsed: &mut Parsed,
    ) -> Result<bool, String> {
        let (long, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        if word.starts_with("--") {
            let choice = self.find(long, &parsed.command);
            let choice = choice.ok_or_else(|| self.unknown(long, &parsed.command))?;
            return self.take(choice, long, value, rest, parsed);
        }
        let meant = format!("-{long}");
        if long.len() > 2 && self.find(&meant, &parsed.command).is_some() {
            return Err(format!("has {long}; did you mean {meant}?"));
        }
        // Of several letters each is an option, until one takes the rest for its value.
        for (at, letter) in word.char_indices().skip(1) {
            let short = format!("-{letter}");
            let choice = self.find(&short, &parsed.command);
            let choice = choice.ok_or_else(|| self.unknown(&short, &parsed.command))?;
            let after = &word[at + letter.len_utf8()..];
            let value = (choice.takes_value() && !after.is_empty()).then(|| after.to_owned());
            if self.take(choice, &short, value, rest, parsed)? {
                return Ok(true);
            }
            if choice.takes_value() {
                break;
            }
        }
        Ok(false)
    }

    fn take(
        &self,
        choice: &Choice,
        spelled: &str,
        value: Option<String>,
        rest: &mut VecDeque<String>,
        parsed: &mut Parsed,
    ) -> Result<bool, String> {
        let takes = choice.1.as_str();
        let mut values = Vec::new();
        if !choice.takes_value() {
            if let Some(value) = value {
                return Err(format!(
                    "has {spelled}={value}, but {spelled} takes no value; remove ={value}"
                ));
            }
        } else {
            let is_option = |word: &String| self.find(word, &parsed.command).is_some();
            let first = value.or_else(|| rest.pop_front().filter(|word| !is_option(word)));
            let first = first.ok_or_else(|| format!("has {spelled} without its value"))?;
            match takes.strip_suffix("...") {
                Some(kind) => {
                    values.extend(first.split(' ').map(str::to_owned));
                    while rest.front().is_some_and(|word| !word.starts_with('-')) {
                        values.extend(rest.pop_front());
                    }
                    values.iter().try_for_each(|value| fits(kind, value))
                }
                None => {
                    values.push(first);
                    fits(takes, &values[0])
                }
            }
            .map_err(|reason| format!("has {spelled}{reason}"))?;
        }
        let name = choice.spellings().find(|own| own.starts_with("--"));
        let name = name.unwrap_or(spelled).to_owned();
        parsed.options.push((name, values));
        Ok(takes == "end")
    }

    /// What is to be said of an option that a command does not have.
    fn unknown(&self, spelled: &str, command: &str) -> String {
        let is_it = |choice: &Choice| choice.spellings().any(|own| own == spelled);
        if !self.commands.contains_key(command) && self.options.iter().any(is_it) {
            return format!("has {spelled} before the command's name; write it after the name");
        }
        let of_command = self.options.iter().filter(|choice| choice.is_of(command));
        let spellings = of_command.flat_map(Choice::spellings);
        let meant = nearest(
            spelled.trim_start_matches('-'),
            spellings.filter_map(|own| own.strip_prefix("--")),
        );
        let advice = match meant.filter(|_| spelled.starts_with("--")) {
            Some(own) => format!("did you mean --{own}?"),
            None => "leave it out".to_owned(),
        };
        format!(
            "has {spelled}, which {} does not take; {advice}",
            shown(command)
        )
    }
}

fn shown(command: &str) -> String {
    format!("dbt {command}").trim_end().to_owned()
}

/// Whether a value is what an option takes; else the end of a sentence that begins with the option.
fn fits(kind: &str, value: &str) -> Result<(), String> {
    let is_time = || {
        let formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"];
        let is = |format: &&str| DateTime::strptime(format, value).is_ok();
        Date::strptime("%Y-%m-%d", value).is_ok() || formats.iter().any(is)
    };
    match kind {
        "integer" if value.trim().replace('_', "").parse::<i64>().is_err() => {
            Err(format!(" {value}, which is not a whole number"))
        }
        "time" if !is_time() => Err(format!(
            " {value}, which is not a time such as 2026-01-31T06:30:00"
        )),
        // What it holds may be long, and is nobody else's to read.
        "mapping" => dbt_aws_image::mapping(value).map_err(|reason| {
            format!(", which takes YAML with keys and values, such as '{{key: value}}': {reason}")
        }),
        words if words.contains('|') => {
            let is = |word: &str| word.eq_ignore_ascii_case(value);
            match words.split('|').any(is) {
                true => Ok(()),
                false => Err(format!(
                    " {value}, which is not one of {}",
                    words.replace('|', ", ")
                )),
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(version: &str, line: &str) -> Result<String, String> {
        let words: Vec<_> = line.split(' ').map(|word| word.replace('~', " ")).collect();
        let parsed = CommandLine::of(version).expect("a version").parse(&words)?;
        let options = parsed.options.iter();
        let options = options.map(|(name, values)| format!(" {name}={}", values.join(",")));
        Ok(format!(
            "{}:{}",
            parsed.command,
            options.collect::<String>()
        ))
    }

    #[test]
    fn what_is_known_of_dbt_is_whole_and_small() {
        for (version, known) in &*KNOWN {
            assert!(known.names().contains("build"), "{version}");
        }
        assert_eq!(KNOWN.len(), 2);
        let texts = [
            include_str!("command_line/dbt-1.11.json"),
            include_str!("command_line/dbt-1.12.json"),
        ];
        assert!(
            texts.iter().all(|text| text.len() < 20_000),
            "{:?}",
            texts.map(str::len)
        );
    }

    #[test]
    fn a_command_line_is_read_as_dbt_reads_it() {
        for (line, expected) in [
            ("build", "build:"),
            (
                "--quiet build -fx",
                "build: --quiet= --full-refresh= --fail-fast=",
            ),
            (
                "-tdev run -s a b +c --exclude d",
                "run: --target=dev --select=a,b,+c --exclude=d",
            ),
            (
                "run --select=a~b c --threads 4",
                "run: --select=a,b,c --threads=4",
            ),
            (
                "run --models a -m b --model c",
                "run: --select=a --select=b --select=c",
            ),
            ("ls --models a --select b", "ls: --models=a --select=b"),
            (
                "docs --quiet generate --no-compile --static",
                "docs generate: --quiet= --no-compile= --static=",
            ),
            (
                "source snapshot-freshness -o a.json",
                "source snapshot-freshness: --output=a.json",
            ),
            (
                "run-operation grant --args {a:~1}",
                "run-operation: --args={a: 1}",
            ),
            ("run-operation -- grant", "run-operation:"),
        ] {
            assert_eq!(parsed("1.11", line).as_deref(), Ok(expected), "{line}");
        }
        // What dbt takes though it is called something else today.
        for line in [
            "build --include-saved-query",
            "run --deprecated-state old --deprecated-defer true --deprecated-favor-state false",
            "--deprecated-no-print run --use-experimental-parser --macro-debugging",
            "list --output JSON --output-keys name config.materialized --resource-type model",
            "run --event-time-start 2020-01-01 --event-time-end 2020-01-02T00:00:00 --sample 3~days",
            "run --warn-error-options {error:~all} --vars {a:~[1]} --sqlparse {MAX_GROUPING_DEPTH:~1}",
            "--version",
            "-h",
            "build --help",
        ] {
            assert_eq!(parsed("1.11", line).map(drop), Ok(()), "{line}");
            assert_eq!(parsed("1.12", line).map(drop), Ok(()), "{line}");
        }
    }

    #[test]
    fn what_dbt_does_not_take_is_refused() {
        for (line, reason) in [
            (
                "build --fullrefresh",
                "has --fullrefresh, which dbt build does not take; did you mean --full-refresh?",
            ),
            (
                "build --selct a",
                "has --selct, which dbt build does not take; did you mean --select?",
            ),
            ("build -select a", "has -select; did you mean --select?"),
            (
                "build -z",
                "has -z, which dbt build does not take; leave it out",
            ),
            (
                "docs generate --full-refresh",
                "has --full-refresh, which dbt docs generate does not take",
            ),
            (
                "--select a build",
                "has --select before the command's name; write it after the name",
            ),
            (
                "--quiet biuld",
                "dbt has no command \"biuld\"; did you mean build?",
            ),
            (
                "--quiet",
                "names no subcommand of dbt; give one of build, clean,",
            ),
            (
                "docs",
                "names no subcommand of dbt docs; give one of generate, serve",
            ),
            (
                "docs genrate",
                "dbt docs has no command \"genrate\"; did you mean generate?",
            ),
            (
                "source status",
                "dbt source has no command \"status\"; its commands are freshness, snapshot-freshness",
            ),
            (
                "build my_model",
                "has \"my_model\", but dbt build takes no such argument; did you mean --select my_model?",
            ),
            (
                "parse all",
                "has \"all\", but dbt parse takes no such argument; leave it out",
            ),
            (
                "run-operation",
                "lacks the macro that dbt run-operation needs",
            ),
            ("run --select", "has --select without its value"),
            (
                "run --select --full-refresh",
                "has --select without its value",
            ),
            (
                "run --full-refresh=true",
                "has --full-refresh=true, but --full-refresh takes no value; remove =true",
            ),
            (
                "run --threads four",
                "has --threads four, which is not a whole number",
            ),
            (
                "--log-format yaml run",
                "has --log-format yaml, which is not one of text, debug, json, default",
            ),
            (
                "ls --resource-types model tables",
                "has --resource-types tables, which is not one of metric,",
            ),
            (
                "run --event-time-start today",
                "has --event-time-start today, which is not a time such as",
            ),
            (
                "run --vars a:1",
                "has --vars, which takes YAML with keys and values, such as '{key: value}': it has no key",
            ),
        ] {
            let found = parsed("1.11", line).expect_err(line);
            assert!(found.starts_with(reason), "{line}: {found}");
        }
        assert!(
            parsed("1.12", "run-operation --sql select~1").is_ok(),
            "new in 1.12"
        );
        assert!(
            parsed("1.11", "run-operation m --sql select~1").is_err(),
            "new in 1.12"
        );
    }
}
