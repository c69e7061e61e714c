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
    segments: Vec<String>,
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

    /// Whether a path, relative to the root with `/` between its names, stays out.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        let deciding = self.0.iter().rev().find(|rule| {
            (1..=names.len()).any(|depth| matches_path(&rule.segments, &names[..depth]))
        });
        deciding.is_some_and(|rule| !rule.keep)
    }

    /// Whether nothing below an excluded directory can come back.
    pub(super) fn only_excludes(&self) -> bool {
        self.0.iter().all(|rule| !rule.keep)
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (keep, pattern) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        let mut segments: Vec<String> = Vec::new();
        for segment in pattern.split('/') {
            match segment {
                "" | "." => {}
                ".." => _ = segments.pop(),
                other => segments.push(other.to_owned()),
            }
        }
        (!segments.is_empty()).then_some(Self { keep, segments })
    }
}

fn matches_path(pattern: &[String], names: &[&str]) -> bool {
    match pattern.split_first() {
        None => names.is_empty(),
        Some((first, rest)) if first == "**" => {
            // a trailing ** means what is below, not the directory itself
            let least = usize::from(rest.is_empty());
            (least..=names.len()).any(|skip| matches_path(rest, &names[skip..]))
        }
        Some((first, rest)) => names.split_first().is_some_and(|(name, below)| {
            let (first, name): (Vec<char>, Vec<char>) =
                (first.chars().collect(), name.chars().collect());
            matches_name(&first, &name) && matches_path(rest, below)
        }),
    }
}

fn matches_name(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|skip| matches_name(rest, &name[skip..])),
        Some(('?', rest)) => !name.is_empty() && matches_name(rest, &name[1..]),
        Some(('[', rest)) => match (class(rest), name.split_first()) {
            (Some((matches, rest)), Some((c, below))) => matches(*c) && matches_name(rest, below),
            _ => false,
        },
        Some(('\\', rest)) if !rest.is_empty() => literal(rest, name),
        Some(_) => literal(pattern, name),
    }
}

fn literal(pattern: &[char], name: &[char]) -> bool {
    name.first() == pattern.first() && matches_name(&pattern[1..], &name[1..])
}

/// A character class after its `[`, and what follows its `]`.
fn class(pattern: &[char]) -> Option<(impl Fn(char) -> bool, &[char])> {
    let (negated, body) = match pattern.first() {
        Some('^') => (true, &pattern[1..]),
        _ => (false, pattern),
    };
    let end = body.iter().skip(1).position(|c| *c == ']')? + 1;
    let (members, rest) = (&body[..end], &body[end + 1..]);
    let matches = move |c: char| {
        let mut at = members;
        let mut found = false;
        while let Some((low, more)) = at.split_first() {
            match more {
                ['-', high, after @ ..] => {
                    found |= (*low..=*high).contains(&c);
                    at = after;
                }
                _ => {
                    found |= *low == c;
                    at = more;
                }
            }
        }
        found != negated
    };
    Some((matches, rest))
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
        check("# comment\n\n  spaced  \n", &["spaced"], &["# comment"]);
    }
}
