//! YAML as dbt reads it, with `PyYAML`: of two equal keys the last one counts, `<<` merges, and what is text follows YAML 1.1.
//!
//! Nodes lie in one list and an alias is a number in it, so that neither depth nor aliases cost more than the text is long.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

/// How large a file may be.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// How deep values may lie in each other.
const MAX_DEPTH: usize = 100;
/// How many `<<` are followed for one key.
const MAX_MERGES: usize = 100;

/// A document.
#[derive(Debug)]
pub(super) struct Yaml(Vec<Node>);

#[derive(Debug)]
enum Node {
    Scalar { text: String, is_text: bool },
    Sequence(Vec<usize>),
    Mapping(Vec<(usize, usize)>),
}

/// A value in a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    document: &'a Yaml,
    at: usize,
}

impl Yaml {
    /// The only document of a text; an error names line and column.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it is larger than {} MB", MAX_BYTES >> 20));
        }
        let mut nodes = vec![];
        let mut anchors = HashMap::new();
        // each open sequence or mapping, and of a mapping the key whose value comes next
        let mut open: Vec<(usize, Option<usize>)> = vec![];
        let text = spaced(text);
        let mut parser = Parser::new_from_str(&text);
        let refused = |at: &Marker, reason: &str| {
            format!("line {}, column {}: {reason}", at.line(), at.col() + 1)
        };
        while let Some(event) = parser.next_event() {
            let (event, span) =
                event.map_err(|error: ScanError| refused(error.marker(), error.info()))?;
            let (node, anchor) = match event {
                Event::DocumentStart(_) if !nodes.is_empty() => {
                    return Err(refused(&span.start, "it has a second document"));
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                Event::Alias(anchor) => {
                    let Some(at) = anchors.get(&anchor) else {
                        return Err(refused(&span.start, "it has an alias without an anchor"));
                    };
                    place(&mut nodes, &mut open, *at);
                    continue;
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let is_text = is_text(&text, style, tag.as_deref());
                    let text = text.into_owned();
                    (Node::Scalar { text, is_text }, anchor)
                }
                Event::SequenceStart(anchor, _) => (Node::Sequence(vec![]), anchor),
                Event::MappingStart(anchor, _) => (Node::Mapping(vec![]), anchor),
                _ => continue,
            };
            let holds_others = !matches!(node, Node::Scalar { .. });
            let at = nodes.len();
            nodes.push(node);
            if anchor > 0 {
                anchors.insert(anchor, at);
            }
            place(&mut nodes, &mut open, at);
            if holds_others {
                open.push((at, None));
            }
            if open.len() > MAX_DEPTH {
                let reason = format!("values are nested more than {MAX_DEPTH} deep");
                return Err(refused(&span.start, &reason));
            }
        }
        Ok(Self(nodes))
    }

    /// All keys, texts and other simple values, each once.
    pub(super) fn scalars(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|node| match node {
            Node::Scalar { text, .. } => Some(text.as_str()),
            Node::Sequence(_) | Node::Mapping(_) => None,
        })
    }

    /// The value of the whole document; nothing where it is empty.
    pub(super) fn root(&self) -> Option<Value<'_>> {
        let root = Value {
            document: self,
            at: 0,
        };
        (!self.0.is_empty() && !root.is_null()).then_some(root)
    }
}

/// Refuses a text that is not one mapping, such as dbt takes for `--vars`.
pub fn mapping(text: &str) -> Result<(), String> {
    let document = Yaml::parse(text)?;
    let root = document.root().filter(|root| root.is_mapping());
    root.map(drop).ok_or_else(|| "it has no key".into())
}

/// A text in which tabs stand in indentation alone: elsewhere they part words as spaces do, but for this parser.
fn spaced(text: &str) -> String {
    let mut indentation = true;
    let each = |c: char| {
        indentation = c == '\n' || indentation && c.is_whitespace();
        if c == '\t' && !indentation { ' ' } else { c }
    };
    text.trim_start_matches('\u{feff}')
        .chars()
        .map(each)
        .collect()
}

/// Puts a node into the sequence or mapping that is open.
fn place(nodes: &mut [Node], open: &mut [(usize, Option<usize>)], at: usize) {
    let Some((parent, key)) = open.last_mut() else {
        return;
    };
    match (&mut nodes[*parent], key.take()) {
        (Node::Sequence(items), _) => items.push(at),
        (Node::Mapping(entries), Some(key)) => entries.push((key, at)),
        (Node::Mapping(_), None) => *key = Some(at),
        (Node::Scalar { .. }, _) => {}
    }
}

impl<'a> Value<'a> {
    fn node(self) -> &'a Node {
        &self.document.0[self.at]
    }

    fn to(self, at: usize) -> Self {
        Self { at, ..self }
    }

    pub(super) fn is_mapping(self) -> bool {
        matches!(self.node(), Node::Mapping(_))
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self.node(), Node::Scalar { text, is_text: false } if NULLS.contains(&text.as_str()))
    }

    /// The text, if it is one and no number, date or truth value.
    pub(super) fn text(self) -> Option<&'a str> {
        match self.node() {
            Node::Scalar {
                text,
                is_text: true,
            } => Some(text),
            _ => None,
        }
    }

    /// The values of a sequence.
    pub(super) fn items(self) -> Option<impl ExactSizeIterator<Item = Self>> {
        match self.node() {
            Node::Sequence(items) => Some(items.iter().map(move |at| self.to(*at))),
            _ => None,
        }
    }

    /// The values of a mapping, without what it merges.
    pub(super) fn values(self) -> impl Iterator<Item = Self> {
        let entries: &[(usize, usize)] = match self.node() {
            Node::Mapping(entries) => entries,
            _ => &[],
        };
        entries.iter().map(move |(_, value)| self.to(*value))
    }

    /// The value of a key that is not null.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let mut ahead = vec![self];
        for _ in 0..MAX_MERGES {
            let at = ahead.pop()?;
            if let Some(found) = at.own(key) {
                return Some(found).filter(|value| !value.is_null());
            }
            // in a list of merged mappings the first one counts
            if let Some(merged) = at.own("<<") {
                match merged.items() {
                    Some(items) => {
                        let mut items: Vec<Self> = items.collect();
                        items.reverse();
                        ahead.extend(items);
                    }
                    None => ahead.push(merged),
                }
            }
        }
        None
    }

    fn own(self, name: &str) -> Option<Self> {
        let Node::Mapping(entries) = self.node() else {
            return None;
        };
        let is =
            |at: usize| matches!(&self.document.0[at], Node::Scalar { text, .. } if text == name);
        let found = entries.iter().rev().find(|(key, _)| is(*key));
        found.map(|(_, value)| self.to(*value))
    }
}

const NULLS: &[&str] = &["", "~", "null", "Null", "NULL"];
const TRUTHS: &[&str] = &["yes", "no", "true", "false", "on", "off"];

fn is_text(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    if let Some(tag) = tag {
        return ["str", "!", ""].contains(&tag.suffix.as_str());
    }
    style != ScalarStyle::Plain
        || !(NULLS.contains(&text)
            || TRUTHS.contains(&text.to_lowercase().as_str())
            || is_number(text))
}

/// Whether a plain scalar is a number, a time or a date.
fn is_number(text: &str) -> bool {
    let bare = text.trim_start_matches(['+', '-']);
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit() || "_.:-".contains(c));
    let hexadecimal = |s: &str| s.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
    let special = [".inf", ".nan"].contains(&bare.to_lowercase().as_str());
    let float = || bare.contains('.') && bare.replace('_', "").parse::<f64>().is_ok();
    special
        || bare.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && bare.contains(|c: char| c.is_ascii_digit())
            && (digits(bare) && bare.matches('.').count() < 2
                || float()
                || bare.strip_prefix("0x").is_some_and(hexadecimal))
}

#[cfg(test)]
mod tests {
    use super::{Yaml, mapping};

    fn text(yaml: &str, path: &[&str]) -> Option<String> {
        let yaml = Yaml::parse(yaml).unwrap();
        let start = yaml.root();
        let found = path
            .iter()
            .fold(start, |at, key| at.and_then(|value| value.get(key)));
        found.and_then(|value| value.text()).map(str::to_owned)
    }

    #[track_caller]
    fn check(yaml: &str, path: &[&str], expected: Option<&str>) {
        assert_eq!(text(yaml, path).as_deref(), expected, "{yaml:?} {path:?}");
    }

    #[test]
    fn a_mapping_is_told_from_other_texts() {
        for text in ["{}", "{a: 1, b: [x]}", "a: 1", r#"{"a":1}"#, "{a:1}", "{a}"] {
            assert_eq!(mapping(text), Ok(()), "{text}");
        }
        for text in ["", "a", "a:1", "[a]", "{a: 1", "null", "a: b: c"] {
            assert!(mapping(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_found_as_pyyaml_finds_them() {
        check("a: x\nb: y\na: z\n", &["a"], Some("z"));
        check("{a: x, 'a': z}", &["a"], Some("z"));
        check("\u{feff}a: x", &["a"], Some("x"));
        check("---\na: x\n...\n", &["a"], Some("x"));
        check("a:\t\tx\t# y\n", &["a"], Some("x"));
        check("a: &x {b: c}\nd: *x", &["d", "b"], Some("c"));
        check(
            "x: &x {a: 1st, b: 1st}\n<<: *x\na: own",
            &["a"],
            Some("own"),
        );
        check(
            "x: &x {a: 1st, b: 1st}\n<<: *x\na: own",
            &["b"],
            Some("1st"),
        );
        let list = "x: &x {a: 1st}\ny: &y {a: 2nd, b: 2nd}\n<<: [*x, *y]";
        check(list, &["a"], Some("1st"));
        check(list, &["b"], Some("2nd"));
        check("a: &a {<<: *a}", &["a", "b"], None);
        check("a:\n  - b\n", &["a"], None);
        check("", &["a"], None);
        check("# nothing\n", &["a"], None);
    }

    #[test]
    fn text_is_what_yaml_1_1_says() {
        for other in [
            "yes",
            "Off",
            "NULL",
            "~",
            "",
            "12",
            "1_000",
            "0x1F",
            "1.5",
            ".5",
            "-.inf",
            "1.5e+3",
            "12:30:00",
            "2020-01-01",
            "!!int '1'",
        ] {
            check(&format!("a: {other}"), &["a"], None);
        }
        for own in [
            "'yes'", "y", "1e3x", "1.0.0", "v1", ".", "..", "-x", "!!str 12", "! 12", "\"12\"",
            "inf",
        ] {
            let expected = own
                .trim_start_matches(['!', 's', 't', 'r', ' '])
                .trim_matches(['\'', '"']);
            check(&format!("a: {own}"), &["a"], Some(expected));
        }
    }

    #[track_caller]
    fn refused(yaml: &str, expected: &str) {
        let error = Yaml::parse(yaml).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn errors_have_a_place() {
        refused("a: b\nc: d: e\n", "line 2, column 5: ");
        refused("a: *b", "line 1, column 4: ");
        refused(
            "a: b\n---\nc: d",
            "line 2, column 1: it has a second document",
        );
    }

    #[test]
    fn depth_and_size_have_bounds() {
        let deep = |open: &str| open.repeat(20_000);
        for open in ["[", "{a: ", "- ", "? ", "[{a: ", "!!x ", "&a "] {
            assert!(Yaml::parse(&deep(open)).is_err(), "{open}");
        }
        refused(&deep("- "), "values are nested more than 100 deep");
        let steps: String = (0..20_000)
            .map(|n| format!("{}a:\n", " ".repeat(n % 200)))
            .collect();
        assert!(Yaml::parse(&steps).is_err());
        refused(&"a: b\n".repeat(1 << 20), "it is larger than 1 MB");
        let laughs: String = (1..1000)
            .map(|n| {
                format!(
                    "a{n}: &a{n} [{}]\n",
                    vec![format!("*a{}", n - 1); 9].join(", ")
                )
            })
            .collect();
        check(&format!("a0: &a0 x\n{laughs}b: y"), &["b"], Some("y"));
    }
}
