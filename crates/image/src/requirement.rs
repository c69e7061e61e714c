//! Requirements: a package, which versions of it, and when.
//!
//! <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>

use std::{fmt, str::FromStr};

use pep440_rs::VersionSpecifiers;
use pep508_rs::{ExtraName, MarkerEnvironment, MarkerTree, PackageName, VerbatimUrl, VersionOrUrl};
use reqwest::Url;

use super::limits;

/// A package, which versions of it, and when.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    pub(super) name: PackageName,
    pub(super) extras: Vec<ExtraName>,
    /// The specifiers of the version, empty where any will do; nothing where it is given by a URL.
    pub(super) versions: Option<VersionSpecifiers>,
    /// That URL.
    pub(super) url: Option<Url>,
    marker: Marker,
    text: String,
}

impl Requirement {
    /// Whether it holds for a Python, a platform and a choice of extras.
    pub(super) fn applies(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
        self.marker.holds(environment, extras).unwrap_or(true)
    }

    /// The specifiers of the version; none where any will do.
    pub(super) fn specifiers(&self) -> VersionSpecifiers {
        self.versions
            .clone()
            .unwrap_or_else(VersionSpecifiers::empty)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > limits::REQUIREMENT {
            return Err(format!(
                "it has {} characters, and at most {} are read",
                text.len(),
                limits::REQUIREMENT
            ));
        }
        // pep508_rs cuts other letters in two
        if !text.is_ascii() {
            return Err("it has letters that no requirement has".to_owned());
        }
        // nor does it take a name, be it an extra's, that ends so
        let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let after = text.trim_start().trim_start_matches(is_part).trim_start();
        let extras = after.strip_prefix('[').unwrap_or_default();
        let extras = extras.split(']').next().unwrap_or_default().split(',');
        let ends = |name: &str| {
            let name = name.trim_start();
            let after = name.trim_start_matches(is_part);
            name[..name.len() - after.len()].ends_with(['.', '_', '-'])
        };
        if extras.chain([text]).any(ends) {
            return Err("a name in it does not end with a letter or a digit".to_owned());
        }
        // a URL can hold a semicolon
        let split = text.split_once(';');
        let split = match split {
            Some((head, _)) if head.contains('@') => text.split_once(" ;"),
            other => other,
        };
        let (head, marker) = split.map_or((text, None), |(head, marker)| (head, Some(marker)));
        let head = pep508_rs::Requirement::<VerbatimUrl>::from_str(head.trim())
            .map_err(|error| error.message.to_string())?;
        let (versions, url) = match head.version_or_url {
            None => (Some(VersionSpecifiers::empty()), None),
            Some(VersionOrUrl::VersionSpecifier(versions)) => (Some(versions), None),
            Some(VersionOrUrl::Url(url)) => (None, Some(url.into_url())),
        };
        let marker = match marker {
            Some(marker) => Reader::new(marker)?.whole()?,
            None => Marker::All(Vec::new()),
        };
        Ok(Self {
            name: head.name,
            extras: head.extras,
            versions,
            url,
            marker,
            text: text.trim().to_owned(),
        })
    }
}

/// When a requirement applies. Each comparison stands for itself: combined into one tree, as `pep508_rs` has it, a few
/// dozen of them can fill any memory.
#[derive(Clone, Debug)]
enum Marker {
    Is(MarkerTree),
    All(Vec<Marker>),
    Any(Vec<Marker>),
}

impl Marker {
    /// Nothing where no comparison in it makes sense.
    fn holds(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> Option<bool> {
        let (parts, decisive) = match self {
            Self::Is(tree) => return (!tree.is_true()).then(|| tree.evaluate(environment, extras)),
            Self::All(parts) => (parts, false),
            Self::Any(parts) => (parts, true),
        };
        let mut known = parts
            .iter()
            .filter_map(|part| part.holds(environment, extras));
        let first = known.next()?;
        Some(
            match first == decisive || known.any(|holds| holds == decisive) {
                true => decisive,
                false => !decisive,
            },
        )
    }
}

/// What reads a marker, token by token.
struct Reader<'t> {
    text: &'t str,
    /// Where each token begins and ends.
    tokens: Vec<(usize, usize)>,
    next: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let operator = |c: char| matches!(c, '<' | '=' | '>' | '!' | '~');
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let end = match first {
                '(' | ')' => 1,
                '\'' | '"' => match rest[1..].find(first) {
                    Some(length) if length <= limits::LITERAL => length + 2,
                    Some(_) => {
                        return Err(format!(
                            "a text in its marker is longer than {}",
                            limits::LITERAL
                        ));
                    }
                    None => return Err(format!("its marker lacks a second {first}")),
                },
                c if c.is_whitespace() => c.len_utf8(),
                c if operator(c) => rest.find(|c| !operator(c)).unwrap_or(rest.len()),
                _ => rest
                    .find(|c: char| c.is_whitespace() || operator(c) || "()'\"".contains(c))
                    .unwrap_or(rest.len()),
            };
            if !first.is_whitespace() {
                tokens.push((at, at + end));
            }
            at += end;
        }
        Ok(Self {
            text,
            tokens,
            next: 0,
            depth: 0,
        })
    }

    fn whole(mut self) -> Result<Marker, String> {
        let marker = self.any()?;
        match self.peek() {
            None => Ok(marker),
            Some(token) => Err(format!("its marker has {token:?} where it should end")),
        }
    }

    fn peek(&self) -> Option<&'t str> {
        let (start, end) = self.tokens.get(self.next)?;
        Some(&self.text[*start..*end])
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Marker, String> {
        let mut parts = vec![self.all()?];
        while self.take("or") {
            parts.push(self.all()?);
        }
        Ok(Marker::Any(parts))
    }

    fn all(&mut self) -> Result<Marker, String> {
        let mut parts = vec![self.one()?];
        while self.take("and") {
            parts.push(self.one()?);
        }
        Ok(Marker::All(parts))
    }

    fn one(&mut self) -> Result<Marker, String> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > limits::NESTING {
                return Err(format!(
                    "its marker has more than {} nested parentheses",
                    limits::NESTING
                ));
            }
            let marker = self.any()?;
            self.depth -= 1;
            return match self.take(")") {
                true => Ok(marker),
                false => Err("its marker lacks a closing )".to_owned()),
            };
        }
        let first = self.next;
        while self
            .peek()
            .is_some_and(|token| !matches!(token, "and" | "or" | "(" | ")"))
        {
            self.next += 1;
        }
        let place = |token: Option<&(usize, usize)>| token.map_or(self.text.len(), |token| token.0);
        let end = self.tokens[..self.next].last().map_or(0, |token| token.1);
        let start = place(self.tokens.get(first)).min(end);
        let comparison = MarkerTree::from_str(&self.text[start..end]);
        comparison
            .map(Marker::Is)
            .map_err(|error| error.message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Platform, Python, lock};

    fn applies(marker: &str, extras: &[&str]) -> Result<bool, String> {
        let extras: Vec<ExtraName> = extras.iter().map(|name| name.parse().unwrap()).collect();
        let requirement: Requirement = format!("a>=1; {marker}").parse()?;
        let environment = lock::environment(Python { minor: 12 }, Platform::Amd64);
        Ok(requirement.applies(&environment, &extras))
    }

    /// What it must come to where it is short is what the library makes of it.
    #[test]
    fn markers_hold_as_they_do_for_the_library() {
        let environment = lock::environment(Python { minor: 12 }, Platform::Amd64);
        let x: ExtraName = "x".parse().unwrap();
        for marker in [
            "python_version >= '3.9'",
            "python_version<'3.9' or (sys_platform=='linux'and os_name=='posix')",
            "os_name == 'nt' and python_version > '3' or extra == 'x'",
            "os_name == 'nt' and (python_version > '3' or extra == 'x')",
            "'linux' in sys_platform and platform_machine not in 'arm64 aarch64'",
            "extra == 'y' or extra == \"x\"",
            "((extra=='y'))",
            "os_name == sys_platform or os_name == 'nt'",
            "os_name == sys_platform and os_name == 'posix'",
            "os_name == sys_platform",
            "python_version in '3.11 3.12'",
            "platform_version == '(or'",
            "implementation_name == 'cpython' and 'and' == platform_release",
        ] {
            let tree = MarkerTree::from_str(marker).unwrap();
            for extras in [&[][..], std::slice::from_ref(&x)] {
                let names: Vec<&str> = extras.iter().map(AsRef::as_ref).collect();
                let expected = tree.evaluate(&environment, extras);
                assert_eq!(applies(marker, &names), Ok(expected), "{marker} {names:?}");
            }
        }
        for marker in [
            "(",
            ")",
            "os_name",
            "os_name == 'a' 'b'",
            "os_name == 'a' or",
            "()",
            "os_name == 'a",
        ] {
            assert!(applies(marker, &[]).is_err(), "{marker}");
            assert!(MarkerTree::from_str(marker).is_err(), "{marker}");
        }
    }

    #[test]
    fn names_end_with_a_letter_or_a_digit() {
        for text in ["a-", "a_ ==1", "c[x-]", "c [a, x. ]", "c[x_", "c[x- y]"] {
            let error = text.parse::<Requirement>().unwrap_err();
            assert_eq!(error, "a name in it does not end with a letter or a digit");
        }
        for text in [
            "a-b",
            "c[x-y] ==1",
            "a.b[ c_d , e ]",
            "a @ https://x.example/b-",
        ] {
            assert!(text.parse::<Requirement>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_a_stranger_writes_takes_no_more_than_its_length() {
        let many = |count: usize, one: &dyn Fn(usize) -> String, by: &str| {
            (0..count).map(one).collect::<Vec<_>>().join(by)
        };
        // as one tree, of which each pair doubles the size
        let pairs = |n: usize| format!("extra == 'a{n}' and extra == 'b{n}'");
        assert_eq!(applies(&many(100, &pairs, " or "), &["a7", "b7"]), Ok(true));
        assert_eq!(
            applies(&many(100, &pairs, " or "), &["a7", "b8"]),
            Ok(false)
        );
        let error = applies(&many(20_000, &|n| format!("extra == 'a{n}'"), " or "), &[]);
        assert!(error.unwrap_err().ends_with("and at most 8192 are read"));
        let error = applies(
            &("(".repeat(3_000) + "os_name == 'a'" + &")".repeat(3_000)),
            &[],
        );
        assert_eq!(
            error.unwrap_err(),
            "its marker has more than 64 nested parentheses"
        );
        let error = applies(
            &format!(
                "python_version in '{}'",
                many(1_000, &|n| n.to_string(), " ")
            ),
            &[],
        );
        assert_eq!(
            error.unwrap_err(),
            "a text in its marker is longer than 1024"
        );
    }
}
