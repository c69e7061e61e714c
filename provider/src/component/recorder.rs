//! A monitor that only writes down what is registered.

use super::{DynamicComponent, Monitor, Outcome, Registered, Registration, Scope};
use crate::{
    error::Result,
    identity::Seen,
    props::{Table, Type},
    resource::{CheckScope, Dynamic},
    value::{Properties, Value},
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What was registered, in the order of names, and what each child's own check says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) registrations: BTreeMap<String, Registration>,
    pub(crate) failures: Vec<String>,
}

struct Recorder {
    recording: Mutex<Recording>,
    resources: Vec<Box<dyn Dynamic>>,
    created: bool,
    shuffle: bool,
}

/// How a component is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// A preview of a new stack: ids and outputs are unknown.
    Preview,
    /// An update: each child answers plausible outputs, in whatever order.
    Update,
}

/// Constructs a component and writes down its children and its outputs.
pub(crate) async fn record(
    component: &dyn DynamicComponent,
    inputs: Properties,
    how: As,
) -> (Recording, Result<Properties>) {
    let failures = component.check(&inputs);
    assert!(failures.is_empty(), "{failures:?}");
    let recorder = Arc::new(Recorder {
        recording: Mutex::default(),
        resources: crate::resources::all(),
        created: how == As::Update,
        shuffle: true,
    });
    let scope = Scope::new(
        "shop",
        "urn:pulumi:dev::demo::component::shop",
        how == As::Preview,
        recorder.clone(),
    );
    let outputs = component.construct(&scope, inputs).await;
    let recording = recorder.recording.lock().expect("not poisoned").clone();
    (recording, outputs)
}

impl Monitor for Recorder {
    fn register(&self, registration: Registration) -> BoxFuture<'_, Registered> {
        async move {
            if self.shuffle {
                for _ in 0..rand::random_range(0..20) {
                    tokio::task::yield_now().await;
                }
            }
            let resource = self
                .resources
                .iter()
                .find(|r| r.token() == registration.token)
                .expect("a known token");
            let urn = format!("urn:{}", registration.name);
            let seen = Seen::default();
            let scope = CheckScope {
                urn: &urn,
                provider_id: None,
                region: "eu-west-1",
                seen: &seen,
            };
            let plain = |p: &Properties| {
                p.iter()
                    .map(|(k, v)| (k.clone(), v.without_dependencies()))
                    .collect()
            };
            let (checked, failures) =
                resource.check(&scope, &Properties::new(), plain(&registration.inputs));
            let state = if self.created {
                outputs(resource.as_ref(), &registration.name, &checked)
            } else {
                resource.preview_create(&checked)
            };
            let id = self.created.then(|| format!("{}-id", registration.name));
            let mut recording = self.recording.lock().expect("not poisoned");
            recording.failures.extend(
                failures
                    .into_iter()
                    .map(|f| format!("{}: {f}", registration.name)),
            );
            let twice = recording
                .registrations
                .insert(registration.name.clone(), registration);
            assert!(twice.is_none(), "{twice:?} is registered twice");
            Registered {
                urn,
                id,
                state,
                outcome: Outcome::Done,
            }
        }
        .boxed()
    }
}

/// Outputs as the provider would answer them after a create, each text being its own name.
fn outputs(resource: &dyn Dynamic, name: &str, inputs: &Properties) -> Properties {
    let sample = |field: &crate::props::Field| match &field.ty {
        Type::Bool => Value::Bool(false),
        Type::Integer | Type::Number => Value::Number(5432.0),
        Type::List(_) | Type::Set(_) => Value::List(vec![format!("{name}.{}", field.name).into()]),
        Type::Map(_) | Type::Object(_) | Type::Json => Value::Object(Properties::new()),
        _ if field.name.to_lowercase().ends_with("arn") => {
            format!("arn:aws:service:eu-west-1:123456789012:{name}").into()
        }
        _ => format!("{name}.{}", field.name).into(),
    };
    let mut all = inputs.clone();
    for field in &resource.tables().1.fields {
        if all.get(field.name).is_none_or(Value::is_unknown) {
            all.insert(field.name.to_owned(), sample(field));
        }
    }
    all
}

impl Recording {
    /// A line for each child: type, name, inputs as JSON-like text, and what it needs.
    pub(crate) fn text(&self) -> String {
        let mut lines = String::new();
        for (name, r) in &self.registrations {
            lines.push_str(&format!("{} {name}\n", r.token));
            for (key, value) in r.inputs.iter().filter(|(k, _)| !k.starts_with("__")) {
                lines.push_str(&format!("  {key} = {}\n", show(value)));
            }
            let needs: Vec<_> = r.dependencies.iter().map(String::as_str).collect();
            if !needs.is_empty() {
                lines.push_str(&format!("  after {}\n", needs.join(", ")));
            }
        }
        lines
    }
}

/// A line for each property.
pub(crate) fn properties(all: &Properties) -> String {
    all.iter()
        .map(|(key, value)| format!("  {key} = {}\n", show(value)))
        .collect()
}

/// The paths of the given values that need not be known when the program runs.
pub(crate) fn leaves(table: &'static Table, given: &Properties) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (key, value) in given {
        let field = table.field(key).expect("a known key");
        let below = match (&field.ty, value) {
            (Type::Object(inner), Value::Object(fields)) if field.plain => leaves(inner, fields),
            // Whose values are there is known, what they are need not be.
            (Type::List(_), Value::List(items)) if field.plain => {
                (0..items.len()).map(|i| vec![i.to_string()]).collect()
            }
            (Type::Map(_), Value::Object(items)) if field.plain => {
                items.keys().map(|k| vec![k.clone()]).collect()
            }
            _ if field.plain => vec![],
            _ => vec![vec![]],
        };
        paths.extend(
            below
                .into_iter()
                .map(|rest| [vec![key.clone()], rest].concat()),
        );
    }
    paths
}

/// The same properties, the value at that path unknown.
pub(crate) fn with_unknown(given: &Properties, path: &[String]) -> Properties {
    fn replace(value: &Value, path: &[String]) -> Value {
        let Some((key, rest)) = path.split_first() else {
            return Value::Unknown;
        };
        match value {
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(k, v)| {
                        (
                            k.clone(),
                            if k == key {
                                replace(v, rest)
                            } else {
                                v.clone()
                            },
                        )
                    })
                    .collect(),
            ),
            Value::List(items) => Value::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, v)| {
                        if i.to_string() == *key {
                            replace(v, rest)
                        } else {
                            v.clone()
                        }
                    })
                    .collect(),
            ),
            other => other.clone(),
        }
    }
    replace(&Value::Object(given.clone()), path).into_properties()
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Unknown => "?".to_owned(),
        Value::Secret(v) => format!("secret({})", show(v)),
        Value::Output { value, .. } => show(value),
        Value::List(items) => format!(
            "[{}]",
            items.iter().map(show).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(fields) | Value::Opaque(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| format!("{k}: {}", show(v)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_json().to_string(),
    }
}
