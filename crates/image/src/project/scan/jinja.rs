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
    pub(super) tokens: Vec<Token<'a>>,
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many bytes of a text are a name.
fn name_length(text: &str) -> usize {
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

/// All spans of a SQL file, without comments and what is raw.
pub(super) fn of_sql(text: &str) -> Vec<Span<'_>> {
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
        let (tokens, after) = tokens(&rest[1..], if is_statement { "%}" } else { "}}" });
        rest = after;
        if is_statement && tokens == [Token::Name("raw")] {
            rest = after_raw(rest);
            continue;
        }
        spans.push(Span {
            is_statement,
            tokens,
        });
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

/// All spans of a YAML file. How quotes are written there depends on YAML's own, so each name in a span counts, be it in
/// a string or a comment.
pub(super) fn of_yaml(text: &str) -> Vec<Span<'_>> {
    let mut spans = vec![];
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        rest = &rest[start + 1..];
        let close = match rest.bytes().next() {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => continue,
        };
        rest = &rest[1..];
        let end = rest.find(close).unwrap_or(rest.len());
        let (mut left, after) = rest.split_at(end);
        rest = after;
        let mut tokens = vec![];
        while let Some(c) = left.chars().next() {
            let length = name_length(left);
            if length > 0 {
                tokens.push(Token::Name(&left[..length]));
                left = &left[length..];
                continue;
            }
            if !c.is_whitespace() && !['"', '\'', '\\'].contains(&c) {
                tokens.push(Token::Sign(c));
            }
            left = &left[c.len_utf8()..];
        }
        spans.push(Span {
            is_statement: close == "%}",
            tokens,
        });
    }
    spans
}

/// The tokens up to a closing sign, and what follows it.
fn tokens<'a>(text: &'a str, close: &str) -> (Vec<Token<'a>>, &'a str) {
    let mut tokens = vec![];
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(close) {
            if tokens.last() == Some(&Token::Sign('-')) {
                tokens.pop();
            }
            return (tokens, after);
        }
        let length = name_length(rest);
        if length > 0 {
            tokens.push(Token::Name(&rest[..length]));
            rest = &rest[length..];
        } else if c == '"' || c == '\'' {
            let end = end_of_string(&rest[1..], c);
            tokens.push(Token::Text(&rest[1..=end]));
            rest = rest.get(end + 2..).unwrap_or_default();
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    (tokens, rest)
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
            assert_eq!(names(&of_sql(text)), expected, "{text}");
        }
        assert_eq!(of_sql("{%- if a -%}")[0].tokens.len(), 2);
    }

    #[test]
    fn yaml_has_names_in_strings_too() {
        for (text, expected) in [
            ("a: \"{{ f(\\\"x\\\") }}\" b", &["f", "x"][..]),
            ("a: '{{ f(''}}'') }}'", &["f"]),
            ("{# {{ a }} #} {% b %}", &["a", "b"]),
            ("a: {b: {c: d}}", &[]),
            ("{%} {#} {{} {", &[]),
        ] {
            assert_eq!(names(&of_yaml(text)), expected, "{text}");
        }
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
