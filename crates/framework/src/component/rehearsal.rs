//! What a component's children would refuse, told of the component's own inputs before anything is registered.
//!
//! The component is constructed with nobody but a listener, each input marked with its own path as if that were a
//! resource that it depends on. So what reaches a child tells where it comes from.

use super::{DynamicComponent, Live, Monitor, Outcome, Registered, Registration, Scope};
use crate::{
    error::Error,
    identity::ProcessLedger,
    props::{Failure, Table, Type, below, join_index},
    reads::Reads,
    resource::{CheckScope, DynamicResource},
    urn::Urn,
    value::{Properties, Value},
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// Answers what its caller gave, and no more.
struct Listener {
    live: Option<Arc<Live>>,
    heard: Mutex<Vec<Registration>>,
}

impl Monitor for Listener {
    fn register(&self, registration: Registration) -> BoxFuture<'_, Registered> {
        let state = registration.inputs.clone();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(registration);
        let registered = Registered {
            urn: None,
            id: None,
            state,
            outcome: Outcome::Done,
            refusal: None,
        };
        std::future::ready(registered).boxed()
    }

    fn live(&self) -> Option<&Live> {
        self.live.as_deref()
    }
}

/// What the resource of a child's kind says of it, with nothing before it.
pub fn judge(
    resource: &dyn DynamicResource,
    child: &Registration,
    region: &str,
    default_tags: &Value,
    reads: &Reads,
) -> Vec<Failure> {
    let scope = CheckScope {
        urn: &child.name.as_str().into(),
        provider_id: None,
        region,
        ledger: &ProcessLedger::default(),
        default_tags,
        reads,
        rehearsal: true,
    };
    let own = child.inputs.iter();
    let inputs = own.map(|(key, value)| (key.clone(), value.without_dependencies()));
    resource
        .check(&scope, &Properties::new(), inputs.collect())
        .failures
}

/// What is wrong with the inputs of a component of that name and URN: what `judge` says of its children, where an input
/// of the component is to blame for it, and what the component itself cannot be constructed with.
pub async fn rehearse(
    component: &dyn DynamicComponent,
    (name, urn): (&str, &Urn),
    inputs: &Properties,
    live: Option<Arc<Live>>,
    reads: &Reads,
    judge: impl Fn(&Registration) -> Vec<Failure>,
) -> Vec<Failure> {
    let package = component.token().split(':').next().unwrap_or_default();
    let listener = Arc::new(Listener {
        live,
        heard: Mutex::default(),
    });
    let scope = Scope::new(package, (name, urn), true, listener.clone(), reads.clone());
    let marked = fields(component.tables().0, inputs, "");
    if let Err(Error::Invalid(failures)) = component.construct(&scope, marked).await {
        return failures;
    }
    let mut heard = std::mem::take(
        &mut *listener
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    heard.sort_by(|a, b| a.name.cmp(&b.name));
    let mut found: Vec<Failure> = Vec::new();
    for child in &heard {
        let of_others: BTreeSet<_> = found.iter().map(|failure| failure.path.clone()).collect();
        for failure in judge(child) {
            let blamed = blame(child, &failure, inputs);
            // What is wrong with an input is said once, whichever children or parts of one have it.
            let is_new = |f: &Failure| !of_others.contains(&f.path) && !found.contains(f);
            found.extend(blamed.filter(is_new));
        }
    }
    found
}

/// The fields of an object, each marked with its path, defaults too.
fn fields(table: &Table, given: &Properties, path: &str) -> Properties {
    let of = |field: &crate::props::Field| {
        let own = given.get(field.name).filter(|value| !value.is_null());
        let value = own.or(field.default.as_ref())?;
        let marked = marked(&field.ty, value, below(path, field.name));
        Some((field.name.to_owned(), marked))
    };
    table.fields.iter().filter_map(of).collect()
}

/// A value that depends on the path where it stands, and so does each of its parts.
fn marked(ty: &Type, value: &Value, path: String) -> Value {
    let marked_parts = match (ty, value) {
        (_, Value::Null | Value::Unknown) => return value.clone(),
        (_, Value::Secret(value)) => return Value::secret(marked(ty, value, path)),
        (_, Value::Output { value, .. }) => return marked(ty, value, path),
        (Type::Object(table), Value::Object(given)) => Value::Object(fields(table, given, &path)),
        (Type::Map(item), Value::Object(entries)) => {
            let of = |(key, value): (&String, &Value)| {
                (key.clone(), marked(item, value, below(&path, key)))
            };
            Value::Object(entries.iter().map(of).collect())
        }
        (Type::Handle(_), Value::Object(_)) => {
            return marked(&Type::Map(Box::new(Type::String)), value, path);
        }
        (Type::List(item) | Type::Set(item), Value::List(items)) => {
            let of =
                |(index, value)| marked(item, value, format!("{path}{}", join_index(index, "")));
            Value::List(items.iter().enumerate().map(of).collect())
        }
        _ => value.without_dependencies(),
    };
    Value::depending(marked_parts, [path.into()].into())
}

/// The failure of a child as one of the input that is to blame; none where no input is.
fn blame(child: &Registration, failure: &Failure, inputs: &Properties) -> Option<Failure> {
    let path = segments(&failure.path);
    let culprit = |path: &[String]| culprit(&sources(child, path), path, inputs);
    let blamed = culprit(&path)?;
    let mut reason = failure.reason.clone();
    // The program knows the child's properties by the names of its own.
    for name in child
        .inputs
        .keys()
        .filter(|n| n.contains(char::is_uppercase))
    {
        if let Some(own) = culprit(std::slice::from_ref(name)) {
            let own = segments(&own).pop().unwrap_or_default();
            reason = replace_word(&reason, name, &own);
        }
    }
    Some(Failure {
        path: blamed,
        reason,
    })
}

/// The paths of the inputs that a child's property was made of.
fn sources(child: &Registration, path: &[String]) -> BTreeSet<String> {
    fn of(value: &Value, path: &[String]) -> BTreeSet<Urn> {
        let part = match (path.split_first(), value.peel()) {
            (None, _) => None,
            (Some((key, rest)), Value::Object(fields)) => {
                fields.get(key).map(|part| of(part, rest))
            }
            (Some((key, rest)), Value::List(items)) => {
                let part = key.parse().ok().and_then(|index: usize| items.get(index));
                part.map(|part| of(part, rest))
            }
            _ => None,
        };
        match (part, own(value)) {
            (Some(part), _) if !part.is_empty() => part,
            (_, own) if !own.is_empty() => own,
            _ => value.dependencies(),
        }
    }
    let whole = path.split_first();
    let value = whole.and_then(|(name, rest)| Some((child.inputs.get(name)?, rest)));
    let found = value.map(|(value, rest)| of(value, rest));
    found.into_iter().flatten().map(String::from).collect()
}

/// What a value itself depends on, whatever its parts do.
fn own(value: &Value) -> BTreeSet<Urn> {
    match value {
        Value::Secret(value) => own(value),
        Value::Output {
            value,
            dependencies,
        } => dependencies.iter().cloned().chain(own(value)).collect(),
        _ => BTreeSet::new(),
    }
}

/// Which of the inputs that a property was made of is to blame for it: the only one, or the one of the same name; else
/// what holds them all; else the largest.
fn culprit(sources: &BTreeSet<String>, property: &[String], inputs: &Properties) -> Option<String> {
    let is_below = |path: &str, whole: &str| {
        let rest = path.strip_prefix(whole);
        rest.is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let holds_none = |path: &&String| !sources.iter().any(|other| is_below(other, path));
    let innermost: Vec<_> = sources.iter().filter(holds_none).collect();
    if let [only] = innermost[..] {
        // What is wrong with a list is no fault of its only item.
        let list = only.rsplit_once('[').map(|(list, _)| list.to_owned());
        let list = list.filter(|list| only.ends_with(']') && sources.contains(list));
        let is_of_item = |name: &String| name.parse::<usize>().is_ok();
        return match property.last().is_some_and(is_of_item) {
            false => list.or_else(|| Some(only.clone())),
            true => Some(only.clone()),
        };
    }
    let named = |path: &&&String| segments(path).last() == property.last();
    let mut named = innermost.iter().filter(named);
    if let (Some(same), None) = (named.next(), named.next()) {
        return Some((*same).clone());
    }
    let whole_of = |parts: &[&String]| {
        let holds = |whole: &&String| {
            parts
                .iter()
                .all(|part| *part == *whole || is_below(part, whole))
        };
        sources
            .iter()
            .filter(holds)
            .max_by_key(|whole| whole.len())
            .cloned()
    };
    whole_of(&innermost).or_else(|| {
        let top = |path: &str| segments(path).into_iter().next().unwrap_or_default();
        let size = |path: &str| {
            let value = inputs.get(&top(path)).map(|value| value.plain().to_json());
            value.map_or(0, |value| value.to_string().len())
        };
        let largest = innermost.iter().max_by_key(|path| size(path))?;
        Some(top(largest))
    })
}

/// The keys and indexes of a property's path.
fn segments(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (segment, after) = match rest.strip_prefix('[') {
            Some(quoted) if quoted.starts_with('"') => {
                let mut texts = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
                match texts.next() {
                    Some(Ok(text)) => (text, quoted.get(texts.byte_offset()..).unwrap_or_default()),
                    _ => (quoted.to_owned(), ""),
                }
            }
            Some(index) => {
                let end = index.find(']').unwrap_or(index.len());
                (index[..end].to_owned(), &index[end..])
            }
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        all.push(segment);
        rest = after.strip_prefix(']').unwrap_or(after);
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    all
}

/// The text with each whole word that is `word` replaced.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let parts = text.split_inclusive(|c: char| !c.is_alphanumeric());
    let replaced = parts.map(|part| {
        let end = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        match end == word {
            true => format!("{by}{}", &part[end.len()..]),
            false => part.to_owned(),
        }
    });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_segments() {
        for (path, expected) in [
            ("tags", vec!["tags"]),
            ("a.b[4].c", vec!["a", "b", "4", "c"]),
            (r#"tags["a \"b\".c"].d"#, vec!["tags", r#"a "b".c"#, "d"]),
            ("x[0][1]", vec!["x", "0", "1"]),
            ("", vec![]),
            ("odd[", vec!["odd", ""]),
        ] {
            assert_eq!(segments(path), expected, "{path}");
        }
    }

    #[test]
    fn words_are_replaced_as_a_whole() {
        let text = "must be more than storage: maxStorage or storage";
        assert_eq!(
            replace_word(text, "storage", "gb"),
            "must be more than gb: maxStorage or gb"
        );
    }

    #[test]
    fn the_input_to_blame_is_the_one_that_the_property_was_made_of() {
        let inputs: Properties = [
            ("small".to_owned(), Value::from("x")),
            ("large".to_owned(), Value::from("x".repeat(9))),
        ]
        .into();
        let blamed = |sources: &[&str], property: &str| {
            let sources = sources.iter().map(|s| (*s).to_owned()).collect();
            culprit(&sources, &segments(property), &inputs)
        };
        let some = |path: &str| Some(path.to_owned());
        assert_eq!(blamed(&[], "p"), None);
        assert_eq!(blamed(&["a", "a.b", "a.b.c"], "p"), some("a.b.c"));
        assert_eq!(blamed(&["a", "a.b", "a.b[0]"], "p"), some("a.b"));
        assert_eq!(blamed(&["a", "a.b", "a.b[0]"], "p[0]"), some("a.b[0]"));
        assert_eq!(blamed(&["a.b[0]"], "p"), some("a.b[0]"));
        assert_eq!(blamed(&["a", "a.b", "a.c"], "p.c"), some("a.c"));
        assert_eq!(blamed(&["a", "a.b", "a.c"], "p"), some("a"));
        assert_eq!(blamed(&["small", "large", "large.x"], "p"), some("large"));
    }
}
