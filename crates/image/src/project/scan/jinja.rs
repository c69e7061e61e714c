//! Jinja, as far as names go: which stand in expressions and statements, beside which signs.

use std::{borrow::Cow, collections::BTreeSet};

/// A part of an expression or statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// A string, without its quotes.
    Text(&'a str),
    /// Any other character.
    Sign(char),
}

/// What stands between `{{` and `}}`, or `{%` and `%}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) is_statement: bool,
    /// Whether it has no end, so that Jinja cannot read it.
    pub(super) is_open: bool,
    pub(super) tokens: Vec<Token<'a>>,
}

pub(super) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many bytes of a text are a name.
fn name_length(text: &str) -> usize {
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

/// All spans of a SQL file, or of a text in a YAML file, without comments and what is raw.
pub(super) fn spans(text: &str) -> Vec<Span<'_>> {
    let mut spans = vec![];
    let mut rest = text;
    let mut ends = true;
    while let Some(start) = rest.find('{') {
        rest = &rest[start + 1..];
        let is_statement = match rest.bytes().next() {
            Some(b'{') => false,
            Some(b'%') => true,
            Some(b'#') => {
                // one that does not end is none, nor is any after it
                match ends.then(|| rest[1..].find("#}")).flatten() {
                    Some(end) => rest = &rest[end + 3..],
                    None => ends = false,
                }
                continue;
            }
            _ => continue,
        };
        let (span, after) = span(&rest[1..], is_statement);
        rest = after;
        if is_statement && span.tokens == [Token::Name("raw")] {
            rest = after_raw(rest);
            continue;
        }
        spans.push(span);
    }
    spans
}

/// A YAML file with what its double-quoted texts may write as `\x7b`, `\u007b` or in two lines, wherever that stands.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    let mut found = Cow::Borrowed("");
    let mut rest = text;
    while let Some(start) = rest.find('\\') {
        let after = &rest[start + 1..];
        let digits = match after.bytes().next() {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let code = after.get(1..=digits).filter(|_| digits > 0);
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        let (read, left) = match (
            code.and_then(char::from_u32),
            after.trim_start_matches('\r'),
        ) {
            (Some(c), _) => (Some(c), &after[digits + 1..]),
            (None, line) if line.starts_with('\n') => (None, line.trim_start()),
            // what follows is read by itself
            (None, _) => (Some('\\'), after),
        };
        found += &rest[..start];
        found.to_mut().extend(read);
        rest = left;
    }
    found + rest
}

/// What dbt takes for an expression without braces, as arguments of tests.
const CALLS: &[&str] = &["doc", "env_var", "ref", "source", "var"];

/// Whether a value of a YAML file may have spans, as far as its text without escapes tells.
pub(super) fn may_be_in_values(unescaped: &str) -> bool {
    let called = |name| {
        let mut found = unescaped.match_indices(name);
        found.any(|(at, name): (_, &str)| are_arguments(&unescaped[at + name.len()..]))
    };
    ["{{", "{%"].iter().any(|open| unescaped.contains(open)) || CALLS.iter().any(called)
}

/// Whether a parenthesis comes next, perhaps after what may be white space, which YAML can write as `\t`.
fn are_arguments(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(escaped) = rest.strip_prefix('\\') {
        let mut after = escaped.chars();
        after.next();
        rest = after.as_str().trim_start();
    }
    rest.starts_with('(')
}

/// All spans of a value in a YAML file.
pub(super) fn of_value(text: &str) -> Vec<Span<'_>> {
    let arguments = |name: &&str| text.trim_start().strip_prefix(name);
    let mut called = CALLS.iter().filter_map(arguments).map(str::trim_start);
    let mut spans = spans(text);
    if called.any(|arguments| arguments.starts_with('(')) {
        spans.push(span(text, false).0);
    }
    spans
}

/// All that may stand in spans of a YAML file that cannot be read: as quotes depend on YAML's own, each name counts, be
/// it in a string or a comment, up to the last end before a next span begins.
pub(super) fn of_unknown(text: &str) -> Span<'_> {
    let end = |part: &str| part.rfind("}}").max(part.rfind("%}"));
    let parts = text.split("{{").flat_map(|part| part.split("{%")).skip(1);
    let mut tokens = vec![];
    for part in parts {
        let mut rest = &part[..end(part).unwrap_or(part.len())];
        while let Some(c) = rest.chars().next() {
            let length = name_length(rest).max(c.len_utf8());
            if is_name(c) {
                tokens.push(Token::Name(&rest[..length]));
            } else if !c.is_whitespace() && !['"', '\'', '\\'].contains(&c) {
                tokens.push(Token::Sign(c));
            }
            rest = &rest[length..];
        }
    }
    Span {
        is_statement: false,
        is_open: true,
        tokens,
    }
}

/// The span whose inside a text begins with, and what follows it. As for Jinja, it does not end within brackets.
fn span(text: &str, is_statement: bool) -> (Span<'_>, &str) {
    let close = if is_statement { "%}" } else { "}}" };
    let mut tokens = vec![];
    let mut is_open = true;
    let mut depth = 0_usize;
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(close).filter(|_| depth == 0) {
            if tokens.last() == Some(&Token::Sign('-')) {
                tokens.pop();
            }
            is_open = false;
            rest = after;
            break;
        }
        // neither can be in one
        if ["{%", "{#"].iter().any(|open| rest.starts_with(open)) {
            break;
        }
        let length = name_length(rest);
        if length > 0 {
            tokens.push(Token::Name(&rest[..length]));
            rest = &rest[length..];
            continue;
        }
        if c == '"' || c == '\'' {
            let end = end_of_string(&rest[1..], c);
            tokens.push(Token::Text(&rest[1..=end]));
            rest = rest.get(end + 2..).unwrap_or_default();
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match (c, depth) {
            ('(' | '[' | '{', _) => depth += 1,
            (')' | ']' | '}', 0) => break,
            (')' | ']' | '}', _) => depth -= 1,
            _ => {}
        }
        if !c.is_whitespace() {
            tokens.push(Token::Sign(c));
        }
    }
    let span = Span {
        is_statement,
        is_open,
        tokens,
    };
    (span, rest)
}

/// How many bytes a string has before its closing quote.
fn end_of_string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn after_raw(text: &str) -> &str {
    let mut rest = text;
    while let Some(start) = rest.find("{%") {
        rest = &rest[start + 2..];
        let inside = rest.trim_start_matches(['-', '+']).trim_start();
        if let Some(after) = inside.strip_prefix("endraw") {
            return after.find("%}").map_or("", |end| &after[end + 2..]);
        }
    }
    ""
}

/// All words of a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_name(c)).filter(|word| !word.is_empty())
}

/// Adds the environment variables whose names a text gives to `env_var` as a whole.
pub(super) fn variables(text: &str, found: &mut BTreeSet<String>) {
    const CALL: &str = "env_var";
    const MAX_NAME: usize = 256;
    let quotes = |c: char| c == '"' || c == '\'' || c == '\\';
    for (at, _) in text.match_indices(CALL) {
        let before = text[..at].chars().next_back();
        let rest = text[at + CALL.len()..].trim_start();
        let Some(rest) = rest
            .strip_prefix('(')
            .filter(|_| !before.is_some_and(is_name))
        else {
            continue;
        };
        let rest = rest.trim_start();
        let named = rest.strip_prefix("var").map(str::trim_start);
        let rest = named
            .and_then(|rest| rest.strip_prefix('='))
            .map_or(rest, str::trim_start);
        // in YAML a quote may be written as \" or ''
        let inside = rest.trim_start_matches(quotes);
        if inside.len() == rest.len() {
            continue;
        }
        let mut letters = inside.char_indices().take(MAX_NAME + 1);
        let end = letters.find(|(_, c)| quotes(*c) || c.is_whitespace());
        let Some((end, _)) = end else {
            continue;
        };
        let (name, after) = inside.split_at(end);
        let ends = after.trim_start_matches(quotes).trim_start();
        let whole = after.starts_with(quotes) && ends.starts_with([',', ')']);
        if whole && !name.is_empty() {
            found.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(spans: &[Span<'_>]) -> Vec<String> {
        let tokens = spans.iter().flat_map(|span| &span.tokens);
        let names = tokens.filter_map(|token| match token {
            Token::Name(name) => Some((*name).to_owned()),
            Token::Text(text) => Some(format!("'{text}'")),
            Token::Sign(_) => None,
        });
        names.collect()
    }

    #[test]
    fn sql_has_names_in_jinja_alone() {
        for (text, expected) in [
            (
                "select now() -- {{ a }} {%- b -%}{{c}}",
                &["a", "b", "c"][..],
            ),
            ("{# {{ a }} #}{{ b }}", &["b"]),
            ("{# {{ a }}", &["a"]),
            (
                "{{ f('}}', \"it's\", 'it\\'s') }} x {{ g }}",
                &["f", "'}}'", "'it's'", "'it\\'s'", "g"],
            ),
            ("{% raw %}{{ a }}{% endraw %}{{ b }}", &["b"]),
            ("{%- raw -%}{{ a }}{%- endraw -%}{{ b }}", &["b"]),
            ("{{ a", &["a"]),
            ("{{ 'a", &["'a'"]),
            ("{ {{ é.x1 }} }", &["é", "x1"]),
            ("{", &[]),
            ("{{", &[]),
            ("{{'", &["''"]),
        ] {
            assert_eq!(names(&spans(text)), expected, "{text}");
        }
        assert_eq!(spans("{%- if a -%}")[0].tokens.len(), 2);
    }

    #[test]
    fn spans_end_where_jinja_ends_them() {
        for (text, expected, open) in [
            ("{{ {'a': {}} ~ b }} c {{ d }}", &["'a'", "b", "d"][..], 0),
            (
                "{{ {}}}{{ [{}]}}{% set a = {}%}{{ b }}",
                &["set", "a", "b"],
                0,
            ),
            ("{{ ( }} {% b %}", &["b"], 1),
            ("{{ a } {{ b }}", &["a", "b"], 1),
            ("{{ a %}{{ b }}", &["a", "b"], 1),
            ("{%} {{} {", &[], 2),
        ] {
            let found = spans(text);
            assert_eq!(names(&found), expected, "{text}");
            let ends = found.iter().filter(|span| span.is_open);
            assert_eq!(ends.count(), open, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_names_up_to_the_last_end() {
        for (text, expected) in [
            ("a: \"{{ f(\\\"x\\\") }}\" b", &["f", "x"][..]),
            ("a: '{{ f(''}}'') }}' b", &["f"]),
            ("{{ {a: {}} ~ b }} c {{ d }} e", &["a", "b", "d"]),
            ("{# {{ a }} #} {% b %} c", &["a", "b"]),
            ("a: {b: {c: d}}", &[]),
            ("{{ a", &["a"]),
            ("{%} {#} {{} {", &[]),
        ] {
            assert_eq!(names(&[of_unknown(text)]), expected, "{text}");
        }
    }

    #[test]
    fn values_may_be_calls_without_braces() {
        for (text, expected) in [
            (" ref ('x')", &["ref", "'x'"][..]),
            ("var('x')", &["var", "'x'"]),
            ("ref(a) {{ b }}", &["b", "ref", "a", "b"]),
            ("refer(x)", &[]),
            ("ref", &[]),
        ] {
            assert_eq!(names(&of_value(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_yaml_file_is_parsed_where_a_value_may_have_spans() {
        for (text, may) in [
            ("a: reference\nb: varchar(16) # ref", false),
            ("a: '{ {x} }'", false),
            ("a: '{{ x }}'", true),
            ("a: \"\\x7b% x %}\"", true),
            ("a: \"{\\\n  { x }}\"", true),
            ("a: ref('x')", true),
            ("a: >\n  source\n  ('x', 'y')", true),
            ("a: \"\\x72ef\\t\\x20 ('x')\"", true),
            ("a: \"var\\\r\n  ('x')\"", true),
        ] {
            assert_eq!(may_be_in_values(&unescaped(text)), may, "{text}");
            let document = crate::yaml::Yaml::parse(text).unwrap();
            let spans = document.scalars().any(|value| !of_value(value).is_empty());
            assert!(may || !spans, "{text}");
        }
    }

    #[test]
    fn no_value_with_spans_is_in_a_file_that_is_not_parsed() {
        const PARTS: &[&str] = &[
            "{",
            "%",
            "\\x7b",
            "\\u007b",
            "\\U00000025",
            "\\",
            "\n  ",
            "\r\n  ",
            " ",
            "\t",
            "\\t",
            "\\x20",
            "ref",
            "re",
            "\\x66",
            "var",
            "(",
            "\\x28",
            "'",
            "\"",
            "x",
            "#",
            "&a ",
            "*a",
            "!t ",
            ",",
            "]",
            "}",
            ": ",
            "- ",
            "\u{a0}",
        ];
        let mut state = 1_u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut with_spans = 0;
        for _ in 0..40_000 {
            let start = ["a: \"", "a: ", "a: >-\n  ", "a: '", "a: |\n  ", "- [\""][next(6)];
            let inside: String = (0..next(9)).map(|_| PARTS[next(PARTS.len())]).collect();
            let end = start
                .chars()
                .next_back()
                .filter(|c| ['\'', '"'].contains(c));
            let text = [start, &inside, &end.map(String::from).unwrap_or_default()].concat();
            let Ok(document) = crate::yaml::Yaml::parse(&text) else {
                continue;
            };
            let spans = document.scalars().any(|value| !of_value(value).is_empty());
            assert!(!spans || may_be_in_values(&unescaped(&text)), "{text:?}");
            with_spans += usize::from(spans);
        }
        assert!(with_spans > 100, "{with_spans}");
    }

    #[test]
    fn variables_are_found_however_they_are_written() {
        for (text, expected) in [
            (
                "{{ env_var('A') }}{{env_var( \"B\" , 'x')}}",
                &["A", "B"][..],
            ),
            ("{{ env_var(\n  'A'\n) }}", &["A"]),
            ("{{ env_var (var='A', default='') }}", &["A"]),
            ("x: \"{{ env_var(\\\"A\\\") }}\"", &["A"]),
            ("x: '{{ env_var(''A'') }}'", &["A"]),
            (
                "{{ env_var('A_' ~ target.name) }}{{ env_var(x) }}{{ env_var(x ~ 'A') }}",
                &[],
            ),
            ("{{ my_env_var('A') }} env_var: 'A'", &[]),
            ("{{ env_var('A", &[]),
            ("env_var(", &[]),
        ] {
            let mut found = BTreeSet::new();
            variables(text, &mut found);
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
