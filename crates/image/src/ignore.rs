//! `.dockerignore`: patterns from the project's root, the last one that matches decides.

/// The rules of a `.dockerignore` file.
///
/// Unlike in a `.gitignore`, a pattern is matched from the root (`*.csv` is one level deep,
/// `**/*.csv` any), a match takes all below it along, and `!` brings back what an earlier
/// pattern left out even below a directory that is left out.
/// <https://docs.docker.com/build/concepts/context/#dockerignore-files>
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    keep: bool,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
enum Segment {
    /// `**`: any number of names.
    Any,
    Name(Pattern),
}

/// What the rules say of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether it is packed.
    pub(super) keep: bool,
    /// How many of the path's names the deciding pattern took.
    pub(super) depth: usize,
}

impl Rules {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines();
        Self(
            lines
                .filter(|line| !line.starts_with('#'))
                .filter_map(Rule::parse)
                .collect(),
        )
    }

    /// What is said of a path, relative to the root with `/` between its names.
    pub(super) fn decision(&self, path: &str) -> Option<Decision> {
        let names: Vec<&str> = path.split('/').collect();
        self.0.iter().rev().find_map(|rule| {
            let depth = (1..=names.len())
                .rev()
                .find(|depth| rule.matches(&names[..*depth]))?;
            let keep = rule.keep;
            Some(Decision { keep, depth })
        })
    }

    /// Whether a path stays out.
    pub(super) fn excludes(&self, path: &str) -> bool {
        self.decision(path).is_some_and(|decision| !decision.keep)
    }

    /// Whether something below a directory may come back.
    pub(super) fn may_keep_below(&self, directory: &str) -> bool {
        self.0.iter().any(|rule| {
            rule.keep && {
                let mut names = directory.split('/');
                let parts = rule.segments.iter().map_while(|segment| match segment {
                    Segment::Any => None,
                    Segment::Name(pattern) => Some(pattern),
                });
                // a `**` takes whatever is left
                let any = rule
                    .segments
                    .iter()
                    .any(|segment| matches!(segment, Segment::Any));
                let fits = parts
                    .zip(names.by_ref())
                    .all(|(pattern, name)| pattern.matches(name));
                fits && (any || rule.segments.len() > directory.split('/').count())
            }
        })
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (keep, pattern) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in pattern.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                other => parts.push(other),
            }
        }
        // a trailing ** means what is below, not the directory itself
        if parts.last() == Some(&"**") {
            parts.push("*");
        }
        let segments = parts.into_iter().map(|part| match part {
            "**" => Segment::Any,
            name => Segment::Name(Pattern::new(name)),
        });
        let segments: Vec<Segment> = segments.collect();
        (!segments.is_empty()).then_some(Self { keep, segments })
    }

    fn matches(&self, names: &[&str]) -> bool {
        wildcard(
            &self.segments,
            names,
            |segment| matches!(segment, Segment::Any),
            |segment, name| match segment {
                Segment::Any => true,
                Segment::Name(pattern) => pattern.matches(name),
            },
        )
    }
}

/// A pattern of one name: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before what is meant as it is.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Option<Vec<Token>>);

#[derive(Clone, Debug)]
enum Token {
    Any,
    One,
    Is(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut tokens = vec![];
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            tokens.push(match c {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => Token::Is(rest.next().unwrap_or('\\')),
                '[' => match class(rest.as_str()) {
                    Some((class, after)) => {
                        rest = after.chars();
                        class
                    }
                    // a class without an end matches nothing
                    None => return Self(None),
                },
                other => Token::Is(other),
            });
        }
        Self(Some(tokens))
    }

    fn matches(&self, name: &str) -> bool {
        self.takes(&name.chars().collect::<Vec<char>>())
    }

    pub(super) fn takes(&self, name: &[char]) -> bool {
        let Some(tokens) = &self.0 else {
            return false;
        };
        wildcard(
            tokens,
            name,
            |token| matches!(token, Token::Any),
            |token, c| match token {
                Token::Any | Token::One => true,
                Token::Is(own) => own == c,
                Token::Class { negated, ranges } => {
                    ranges.iter().any(|(low, high)| (low..=high).contains(&c)) != *negated
                }
            },
        )
    }
}

/// A character class after its `[`, and what follows its `]`.
fn class(text: &str) -> Option<(Token, &str)> {
    let (negated, body) = match text.strip_prefix('^') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let first = body.chars().next()?.len_utf8();
    let end = first + body[first..].find(']')?;
    let mut ranges = vec![];
    let members: Vec<char> = body[..end].chars().collect();
    let mut at = &members[..];
    while let Some((low, more)) = at.split_first() {
        match more {
            ['-', high, after @ ..] => {
                ranges.push((*low, *high));
                at = after;
            }
            _ => {
                ranges.push((*low, *low));
                at = more;
            }
        }
    }
    Some((Token::Class { negated, ranges }, &body[end + 1..]))
}

/// Whether a pattern with wildcards for any number of items takes all items: only the last wildcard ever takes
/// more than it did, so that the time is at most one length by the other.
fn wildcard<P, T>(
    pattern: &[P],
    items: &[T],
    is_any: impl Fn(&P) -> bool,
    matches: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while i < items.len() {
        if p < pattern.len() && is_any(&pattern[p]) {
            last = Some((p, i));
            p += 1;
        } else if p < pattern.len() && matches(&pattern[p], &items[i]) {
            p += 1;
            i += 1;
        } else if let Some((wildcard, taken)) = last {
            last = Some((wildcard, taken + 1));
            (p, i) = (wildcard + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::Rules;

    #[track_caller]
    fn check(rules: &str, excluded: &[&str], kept: &[&str]) {
        let rules = Rules::parse(rules);
        for path in excluded {
            assert!(rules.excludes(path), "{path} should stay out");
        }
        for path in kept {
            assert!(!rules.excludes(path), "{path} should be packed");
        }
    }

    #[test]
    fn patterns_are_rooted() {
        check(
            "*.csv\nnotes",
            &["a.csv", "notes", "notes/x/y.md"],
            &["seeds/a.csv", "docs/notes"],
        );
        check("/notes/\n./docs", &["notes/a", "docs/b"], &["a/notes"]);
        check("x/../y", &["y"], &["x"]);
    }

    #[test]
    fn double_stars_cross_directories() {
        check("**/*.csv", &["a.csv", "seeds/deep/a.csv"], &["a.csvx"]);
        check("docs/**", &["docs/a", "docs/b/c"], &["docs", "docsx"]);
        check("a/**/z", &["a/z", "a/b/c/z"], &["a/b/c"]);
    }

    #[test]
    fn the_last_match_decides() {
        check("docs\n!docs/keep.md\n", &["docs/a.md"], &["docs/keep.md"]);
        check("!docs/keep.md\ndocs", &["docs/keep.md"], &[]);
        check(
            "*\n!models",
            &["dbt_project.yml"],
            &["models", "models/a.sql"],
        );
    }

    #[test]
    fn names_have_wildcards_and_classes() {
        check(
            "file?.[a-c]d",
            &["file1.bd"],
            &["file.bd", "file1.dd", "file12.ad"],
        );
        check("[^a]x", &["bx"], &["ax"]);
        check("\\*a", &["*a"], &["ba"]);
        check("[", &[], &["["]);
        check("a*b*c", &["abc", "axbxbxc"], &["abcx", "ac"]);
        check("# comment\n\n  spaced  \n", &["spaced"], &["# comment"]);
    }

    #[test]
    fn hostile_patterns_take_no_time() {
        let name = "a".repeat(200);
        let deep = vec!["a"; 90].join("/");
        let rules = format!("{}b\n{}b", "*a".repeat(90), "**/a/".repeat(90));
        check(&rules, &[], &[&name, &deep]);
    }

    #[test]
    fn what_may_come_back_below_a_directory_is_known() {
        let rules = Rules::parse("*\n!docs/a/keep.md\n!x/**/y");
        for (directory, may) in [
            ("docs", true),
            ("docs/a", true),
            ("docs/b", false),
            ("docs/a/keep.md", false),
            ("x/z", true),
            ("z", false),
        ] {
            assert_eq!(rules.may_keep_below(directory), may, "{directory}");
        }
    }
}
