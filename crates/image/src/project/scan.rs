//! What the runner must know of a project's files before dbt reads them: which environment variables they name, and
//! whether what dbt keeps of a parse could be another thing in the next run.
//!
//! dbt renders a file's Jinja when it parses, and keeps what `config`, `ref` and the like were given; it notices itself
//! when variables, the target or the environment change. What it does not notice are values that change from run to run.
//! They reach a parse where they are mentioned by something that is parsed itself (models, snapshots, tests, analyses,
//! properties, `dbt_project.yml`), or by a macro that one of these names, or dbt itself ([`IMPLICIT`]), or another such
//! macro. Macros are told apart by name alone, whatever package they are in, so a name too much is possible and one too
//! few is not. A generic test, which properties name, counts if it or a macro that it names calls something that dbt
//! keeps, as its text is made again in each run. Assumed is that dbt's own macros use such values only where dbt does
//! not keep them, but for those in `CHANGING`, and that names are not put together from parts, except of members of
//! what has such values ([`mentions`]), which may then be any, and in `dispatch(...)` and `package[...]`, which may be
//! any macro.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::{self, Read},
};

use serde::Serialize;

use super::settings::Reads;
use crate::yaml::Yaml;

mod jinja;
mod mentions;

use self::{
    jinja::{Span, Token},
    mentions::Mentions,
};

/// How often a macro's name may have `__` in it, each of which may end an adapter's prefix.
const MAX_PREFIXES: usize = 100;

/// How large a file may be to be looked into.
const MAX_TEXT: u64 = 8 << 20;

/// Macros that dbt calls at parse although no file names them.
const IMPLICIT: &[&str] = &[
    "generate_alias_name",
    "generate_database_name",
    "generate_schema_name",
    "ref",
    "source",
];

/// What the runner is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    version: u32,
    variables: BTreeSet<String>,
    parse_afresh: Option<String>,
}

/// What is known of the files so far.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// The names of the project and of its packages.
    packages: &'a HashSet<String>,
    /// The names of the environment variables that they read.
    pub(super) variables: BTreeSet<String>,
    /// Why the project is to be parsed afresh, as soon as that is known.
    afresh: Option<String>,
    macros: Vec<Macro>,
    /// What is mentioned by files that are parsed themselves, and by which of them first.
    mentions: Mentions,
    /// The words of property files, which may be the names of tests, and the first file with each.
    words: HashMap<String, String>,
}

#[derive(Debug)]
struct Macro {
    name: String,
    file: String,
    mentions: Mentions,
}

/// A file as it is packed, with its text where that is looked into.
pub(super) struct Text<R> {
    inner: R,
    name: String,
    reads: Reads,
    text: Option<Vec<u8>>,
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(text) = &mut self.text {
            text.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}

fn is_sql(name: &str) -> bool {
    name.to_lowercase().ends_with(".sql")
}

fn is_yaml(name: &str) -> bool {
    [".yml", ".yaml"]
        .iter()
        .any(|end| name.to_lowercase().ends_with(end))
}

impl<'a> Scan<'a> {
    /// A scan of files of which dbt reads others too if that is `unknown`, for the reason that is given.
    pub(super) fn new(packages: &'a HashSet<String>, unknown: Option<String>) -> Self {
        Self {
            packages,
            variables: BTreeSet::new(),
            afresh: unknown,
            macros: vec![],
            mentions: Mentions::default(),
            words: HashMap::new(),
        }
    }

    /// A reader that keeps what is to be looked into.
    pub(super) fn reader<R: Read>(
        &mut self,
        name: &str,
        reads: Reads,
        size: u64,
        inner: R,
    ) -> Text<R> {
        let parsed = is_sql(name) || is_yaml(name);
        let other = [".md", ".py"]
            .iter()
            .any(|end| name.to_lowercase().ends_with(end));
        if parsed && size > MAX_TEXT && (reads.macros || reads.nodes) {
            let reason = || format!("{name} is too large to look into");
            self.afresh.get_or_insert_with(reason);
        }
        Text {
            inner,
            name: name.to_owned(),
            reads,
            text: (parsed || other)
                .then_some(vec![])
                .filter(|_| size <= MAX_TEXT),
        }
    }

    /// A scan of other files of the same project.
    pub(super) fn another(&self) -> Self {
        Self::new(self.packages, None)
    }

    /// Adds what was found in files that come later.
    pub(super) fn add(&mut self, later: Self) {
        self.variables.extend(later.variables);
        self.afresh = self.afresh.take().or(later.afresh);
        self.macros.extend(later.macros);
        self.mentions.extend(later.mentions);
        for (word, file) in later.words {
            self.words.entry(word).or_insert(file);
        }
    }

    /// Looks into a whole file.
    pub(super) fn look(&mut self, name: &str, reads: Reads, content: &[u8]) {
        let mut read = self.reader(name, reads, content.len() as u64, io::empty());
        if let Some(text) = &mut read.text {
            text.extend_from_slice(content);
        }
        self.take(read);
    }

    /// Looks into what was read.
    pub(super) fn take<R>(&mut self, read: Text<R>) {
        if let Some(text) = read.text {
            self.file(&read.name, read.reads, &String::from_utf8_lossy(&text));
        }
    }

    pub(super) fn file(&mut self, name: &str, reads: Reads, text: &str) {
        let unescaped = match is_yaml(name) {
            true => jinja::unescaped(text),
            false => text.into(),
        };
        jinja::variables(&unescaped, &mut self.variables);
        if is_yaml(name) && (reads.macros || reads.nodes) {
            for word in jinja::words(&unescaped) {
                if !self.words.contains_key(word) {
                    self.words.insert(word.to_owned(), name.to_owned());
                }
            }
            // parsing takes longer than all else, and most files have none
            let parsed = jinja::may_be_in_values(&unescaped).then(|| Yaml::parse(text));
            match parsed {
                None => {}
                Some(Ok(document)) => {
                    for span in document.scalars().flat_map(jinja::of_value) {
                        self.mentions.add(&span, name, self.packages);
                    }
                }
                Some(Err(_)) => {
                    let span = jinja::of_unknown(&unescaped);
                    self.mentions.add(&span, name, self.packages);
                }
            }
        } else if is_sql(name) && (reads.macros || reads.nodes) {
            let spans = jinja::spans(text);
            if spans.iter().any(|span| span.is_open) {
                let reason = || format!("{name} has Jinja that does not end");
                self.afresh.get_or_insert_with(reason);
            }
            match reads.nodes {
                true => {
                    for span in &spans {
                        self.mentions.add(span, name, self.packages);
                    }
                }
                false => self.macros(name, &spans),
            }
        }
    }

    /// The macros of a file, and what each mentions.
    fn macros(&mut self, file: &str, spans: &[Span<'_>]) {
        let mut open: Option<Macro> = None;
        let mut depth = 0_u32;
        for span in spans {
            let first = match span.tokens.first() {
                Some(Token::Name(first)) if span.is_statement => *first,
                _ => "",
            };
            let begins = match (first, span.tokens.get(1)) {
                ("macro", Some(Token::Name(name))) => Some((*name).to_owned()),
                ("test" | "data_test", Some(Token::Name(name))) => Some(format!("test_{name}")),
                _ => None,
            };
            match (&mut open, begins) {
                (None, Some(name)) => {
                    let mut new = Macro {
                        name,
                        file: file.to_owned(),
                        mentions: Mentions::of_macro(span),
                    };
                    new.mentions.add(span, file, self.packages);
                    open = Some(new);
                    depth = 1;
                }
                (Some(macro_), begins) => {
                    depth += u32::from(begins.is_some());
                    depth -= u32::from(["endmacro", "endtest", "enddata_test"].contains(&first));
                    if depth == 0 {
                        self.macros.extend(open.take());
                    } else {
                        macro_.mentions.add(span, file, self.packages);
                    }
                }
                // dbt takes nothing else from such a file but materializations, which are for later
                (None, None) => {}
            }
        }
        self.macros.extend(open);
    }

    /// What the runner is told, as JSON.
    pub(super) fn facts(mut self) -> String {
        let facts = Facts {
            version: 1,
            variables: std::mem::take(&mut self.variables),
            parse_afresh: self.parse_afresh(),
        };
        serde_json::to_string(&facts).unwrap_or_default() + "\n"
    }

    fn parse_afresh(mut self) -> Option<String> {
        if self.afresh.is_some() {
            return self.afresh;
        }
        let known = MacrosByName::new(&self.macros);
        for name in IMPLICIT {
            if let Some(first) = known.named(name).first() {
                let file = self.macros[*first].file.clone();
                self.mentions
                    .names
                    .entry((*name).to_owned())
                    .or_insert(file);
            }
        }
        let changing = |mentions: &Mentions| {
            let asks = |name: &str| {
                let (of, name) = name.rsplit_once('.').unwrap_or(("", name));
                // a package may have a macro of that name
                known.named(name).is_empty() || !(of.is_empty() || self.packages.contains(of))
            };
            let times = mentions.times.iter().filter(|(name, _)| asks(name));
            let times = times.map(|(name, file)| (file.clone(), name.clone()));
            mentions.changing.clone().into_iter().chain(times).min()
        };
        if let Some((file, value)) = changing(&self.mentions) {
            return Some(format!("{file} mentions {value}"));
        }
        let values = self.macros.iter().map(|own| changing(&own.mentions));
        let values = values.map(|found| found.map(|(_, value)| value)).collect();
        let why = known.spread(&self.macros, values);
        let keeps = self
            .macros
            .iter()
            .map(|own| own.mentions.keeps.then_some(()));
        let keeps = known.spread(&self.macros, keeps.collect());
        let found = self
            .macros
            .iter()
            .zip(why.into_iter().zip(keeps))
            .filter_map(|(own, (why, keeps))| {
                let why = why?;
                let names = variants(&own.name);
                let by_name = names
                    .clone()
                    .filter_map(|name| self.mentions.names.get(name));
                // a test's text is made again in each run
                let as_test = names.filter(|_| keeps.is_some());
                let as_test =
                    as_test.filter_map(|name| self.words.get(name.strip_prefix("test_")?));
                let file = by_name.chain(as_test).chain(&self.mentions.any).min()?;
                Some((file, &own.name, &own.file, why))
            });
        let (file, name, defined, why) = found.min()?;
        Some(format!(
            "{file} can reach the macro {name} of {defined}, which mentions {why}"
        ))
    }
}

/// The names by which a macro may be called: its own, and what follows the prefix of an adapter.
fn variants(name: &str) -> impl Iterator<Item = &str> + Clone {
    let after = name.match_indices("__").take(MAX_PREFIXES);
    let after = after.map(|(at, _)| &name[at + 2..]);
    [name]
        .into_iter()
        .chain(after)
        .filter(|name| !name.is_empty())
}

/// The macros by the names that reach them.
struct MacrosByName<'a>(HashMap<&'a str, Vec<usize>>);

impl<'a> MacrosByName<'a> {
    fn new(macros: &'a [Macro]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, own) in macros.iter().enumerate() {
            for name in variants(&own.name) {
                by_name.entry(name).or_default().push(at);
            }
        }
        Self(by_name)
    }

    fn named(&self, name: &str) -> &[usize] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// For each macro what is found in it, or in a macro that it can reach.
    fn spread<T: Clone>(&self, macros: &[Macro], mut found: Vec<Option<T>>) -> Vec<Option<T>> {
        let mut callers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, own) in macros.iter().enumerate() {
            let names = own.mentions.names.keys().map(String::as_str);
            for name in names.filter(|name| self.0.contains_key(name)) {
                callers.entry(name).or_default().push(at);
            }
        }
        let mut ahead: Vec<usize> = (0..macros.len())
            .filter(|at| found[*at].is_some())
            .collect();
        if let Some(first) = ahead.first().and_then(|first| found[*first].clone()) {
            for (at, own) in macros.iter().enumerate() {
                if own.mentions.any.is_some() && found[at].is_none() {
                    found[at] = Some(first.clone());
                    ahead.push(at);
                }
            }
        }
        while let Some(at) = ahead.pop() {
            let names = variants(&macros[at].name);
            for caller in names.filter_map(|name| callers.remove(name)).flatten() {
                if found[caller].is_none() {
                    let reached = found[at].clone();
                    found[caller] = reached;
                    ahead.push(caller);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
