//! What the Jinja of a file mentions: macros, and values that change from run to run.

use std::collections::{HashMap, HashSet};

use super::jinja::{Span, Token, is_name};

/// Names that stand for values of the run, and macros of dbt's that use one.
const CHANGING: &[&str] = &[
    "dbt_metadata_envs",
    "flags",
    "invocation_args_dict",
    "invocation_id",
    "lipsum",
    "py_current_timestring",
    "run_started_at",
    "should_full_refresh",
    "should_store_failures",
    "thread_id",
];

/// Functions of Python's `datetime` that ask the clock. Packages have macros of the same names.
const TIMES: &[&str] = &["now", "today", "utcnow"];

/// What has those names as members.
const GLOBAL: &[&str] = &["builtins", "context", "dbt"];

/// Other members that differ from run to run, or with an option of which dbt takes no note.
const CHANGING_MEMBERS: &[(&str, &str)] = &[("model", "created_at"), ("target", "threads")];

/// Functions of which dbt keeps what they are given.
const KEEPING: &[&str] = &["config", "function", "metric", "ref", "source"];

/// How long a macro's name may be.
const MAX_NAME: usize = 256;

/// Names that are mentioned, with the first file to do so.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) names: HashMap<String, String>,
    /// Those of [`TIMES`], with what stands before a dot.
    pub(super) times: HashMap<String, String>,
    /// A value that changes from run to run.
    pub(super) changing: Option<(String, String)>,
    /// A macro whose name only dbt can know.
    pub(super) any: Option<String>,
    /// Whether dbt keeps something that is given there, other than text.
    pub(super) keeps: bool,
    /// The parameters of the macro.
    own: HashSet<String>,
}

impl Mentions {
    /// Those of a macro that begins with a span.
    pub(super) fn of_macro(span: &Span<'_>) -> Self {
        let mut own = HashSet::new();
        let mut depth = 0_usize;
        for pair in span.tokens.windows(2) {
            match pair[0] {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if let [Token::Sign('(' | ','), Token::Name(name)] = *pair
                && depth == 1
            {
                own.insert(name.to_owned());
            }
        }
        Self {
            own,
            ..Self::default()
        }
    }

    /// Adds what files mention that come later.
    pub(super) fn extend(&mut self, later: Self) {
        for (all, more) in [
            (&mut self.names, later.names),
            (&mut self.times, later.times),
        ] {
            for (name, file) in more {
                all.entry(name).or_insert(file);
            }
        }
        self.changing = self.changing.take().or(later.changing);
        self.any = self.any.take().or(later.any);
        self.keeps |= later.keeps;
    }

    /// Adds what a span of a file mentions.
    pub(super) fn add(&mut self, span: &Span<'_>, file: &str, packages: &HashSet<String>) {
        for (index, token) in span.tokens.iter().enumerate() {
            let place = Place {
                tokens: &span.tokens,
                index,
            };
            match *token {
                Token::Name(name) => {
                    self.name(name, place, file);
                    if place.is_any_macro(name, packages) && self.any.is_none() {
                        self.any = Some(file.to_owned());
                    }
                }
                Token::Text(text) => self.text(text, place, file),
                Token::Sign(_) => {}
            }
        }
    }

    fn name(&mut self, name: &str, place: Place<'_>, file: &str) {
        let of = place.of();
        let argument = place.is_argument();
        let global = of.is_none_or(|of| GLOBAL.contains(&of)) && !argument;
        let random = name == "random" && place.is_after('|');
        if random || CHANGING.contains(&name) && global {
            self.changes(name, file);
        }
        if TIMES.contains(&name) && !argument {
            let whole = of.map_or_else(|| name.to_owned(), |of| format!("{of}.{name}"));
            insert(&mut self.times, whole, file);
        }
        self.member(of.or(place.subscribed()), name, file);
        let has_changing =
            GLOBAL.contains(&name) || CHANGING_MEMBERS.iter().any(|(of, _)| *of == name);
        let is_it = has_changing && of.is_none() && !argument && !self.own.contains(name);
        if is_it && place.is_whole() {
            self.changes(&format!("{name} as a whole"), file);
        }
        self.keeps |= KEEPING.contains(&name) && place.is_before(1, '(');
        insert(&mut self.names, name.to_owned(), file);
    }

    fn text(&mut self, text: &str, place: Place<'_>, file: &str) {
        let of = place.subscribed();
        let of_map = place.at(-2) == Some(Token::Name("map"));
        if of.is_some() && (CHANGING.contains(&text) || TIMES.contains(&text))
            || text == "random" && of_map
        {
            self.changes(text, file);
        }
        self.member(of, text, file);
        let last = text.rsplit('.').next().unwrap_or_default();
        if !last.is_empty() && last.len() < MAX_NAME && last.chars().all(is_name) {
            insert(&mut self.names, last.to_owned(), file);
        }
    }

    fn member(&mut self, of: Option<&str>, name: &str, file: &str) {
        if let Some(of) = of.filter(|of| CHANGING_MEMBERS.contains(&(of, name))) {
            self.changes(&format!("{of}.{name}"), file);
        }
    }

    fn changes(&mut self, value: &str, file: &str) {
        self.changing
            .get_or_insert_with(|| (file.to_owned(), value.to_owned()));
    }
}

fn insert(names: &mut HashMap<String, String>, name: String, file: &str) {
    names.entry(name).or_insert_with(|| file.to_owned());
}

/// Where a name or text stands among others.
#[derive(Clone, Copy)]
struct Place<'a> {
    tokens: &'a [Token<'a>],
    index: usize,
}

impl<'a> Place<'a> {
    /// What stands so many tokens later, or earlier.
    fn at(self, count: isize) -> Option<Token<'a>> {
        let index = self.index.checked_add_signed(count)?;
        self.tokens.get(index).copied()
    }

    fn is_after(self, sign: char) -> bool {
        self.at(-1) == Some(Token::Sign(sign))
    }

    fn is_before(self, count: isize, sign: char) -> bool {
        self.at(count) == Some(Token::Sign(sign))
    }

    /// The name of what it is a member of after a dot, if it is one; `?` where that is no name.
    fn of(self) -> Option<&'a str> {
        match self.at(-2) {
            _ if !self.is_after('.') => None,
            Some(Token::Name(of)) => Some(of),
            _ => Some("?"),
        }
    }

    /// The name of what is asked for it in `[...]`, `get(...)` or `attr(...)`, if it stands there; `?` where that is no
    /// name.
    fn subscribed(self) -> Option<&'a str> {
        match (self.at(-1)?, self.at(-2)?) {
            (Token::Sign('['), Token::Name(of)) => Some(of),
            (Token::Sign('['), Token::Sign(')' | ']')) => Some("?"),
            (Token::Sign('('), Token::Name("get" | "attr")) => match self.at(-4) {
                Some(Token::Name(of)) => Some(of),
                _ => Some("?"),
            },
            _ => None,
        }
    }

    /// Whether it names an argument that is given, or a default.
    fn is_argument(self) -> bool {
        self.is_before(1, '=') && !self.is_before(2, '=')
    }

    /// Whether a text that is known stands alone so many tokens later.
    fn has_text(self, count: isize) -> bool {
        matches!(self.at(count), Some(Token::Text(text)) if !text.contains('\\'))
            && matches!(self.at(count + 1), Some(Token::Sign(',' | ')' | ']')))
    }

    /// Whether it is more than one of its members that is used, or one that cannot be told.
    fn is_whole(self) -> bool {
        match (self.at(1), self.at(2)) {
            (Some(Token::Sign('[')), _) => !self.has_text(2),
            (Some(Token::Sign('.')), Some(Token::Name("get"))) => !self.has_text(4),
            (Some(Token::Sign('.')), Some(Token::Name(member))) => {
                ["items", "values"].contains(&member)
            }
            (Some(Token::Sign('|')), _) => true,
            _ => self.is_after('=') || self.is_after(':'),
        }
    }

    /// Whether a macro is called there of which only dbt knows the name.
    fn is_any_macro(self, name: &str, packages: &HashSet<String>) -> bool {
        if name == "dispatch" && self.is_before(1, '(') {
            let first = self.is_before(3, '=') && self.has_text(4);
            return !(first || self.has_text(2));
        }
        self.is_before(1, '[') && packages.contains(name) && !self.has_text(2)
    }
}
