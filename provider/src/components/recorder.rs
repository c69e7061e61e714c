//! A monitor that only writes down what is registered.

use futures::{FutureExt, future::BoxFuture};
use pulumi_aws_framework::{
    catalogue::Catalogue,
    component::{DynamicComponent, Live, Monitor, Outcome, Registered, Registration, Scope},
    error::Result,
    identity::{ProcessLedger, short_hash},
    props::{Table, Type},
    reads::Reads,
    resource::{CheckScope, Checked, DynamicResource},
    urn::Urn,
    value::{Properties, Value},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// The component under test.
const COMPONENT: &str = "urn:pulumi:dev::demo::component::shop";

/// The URN of a child.
fn urn(name: &str) -> Urn {
    format!("urn:{name}").into()
}

/// What was registered, in the order of names, and what each child's own check says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) registrations: BTreeMap<String, Registration>,
    pub(crate) failures: Vec<String>,
}

/// What goes with a VPC, a security group, a repository or a topic, and the seed itself.
const GO_ALONG: [&str; 11] = [
    "dbt-aws:ec2:NatGateway",
    "dbt-aws:ec2:Route",
    "dbt-aws:ec2:RouteTable",
    "dbt-aws:ec2:RouteTableAssociation",
    "dbt-aws:ec2:SecurityGroupRule",
    "dbt-aws:ec2:Subnet",
    "dbt-aws:ec2:VpcEndpoint",
    "dbt-aws:ecr:Image",
    "dbt-aws:index:Seed",
    "dbt-aws:sfn:Execution",
    "dbt-aws:sns:Subscription",
];

/// The longest text of an input that a recording shows.
const LONGEST: usize = 6_000;

struct Recorder {
    recording: Mutex<Recording>,
    catalogue: Catalogue,
    kinds: &'static [&'static str],
    created: bool,
    live: Option<Live>,
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
    record_upon(component, inputs, how, None).await
}

/// The same upon what a stack has, by the types and names of children.
pub(crate) async fn record_upon(
    component: &dyn DynamicComponent,
    inputs: Properties,
    how: As,
    had: Option<&[(&str, &str, Properties)]>,
) -> (Recording, Result<Properties>) {
    let failures = component.check(&inputs, &Reads::default()).failures;
    assert!(failures.is_empty(), "{failures:?}");
    let recorder = Arc::new(Recorder {
        recording: Mutex::default(),
        catalogue: crate::catalogue(),
        kinds: component.may_orphan(),
        created: how == As::Update,
        live: had.map(|had| {
            let of = |(token, name, outputs): &(&str, &str, Properties)| {
                let child = format!("component${token}::{name}");
                (
                    COMPONENT.replace("component::shop", &child).into(),
                    outputs.clone(),
                )
            };
            had.iter().map(of).collect()
        }),
    });
    let scope = Scope::new(
        "dbt-aws",
        ("shop", &COMPONENT.into()),
        how == As::Preview,
        recorder.clone(),
        Reads::default(),
    );
    let outputs = component.construct(&scope, inputs).await;
    let recording = recorder.recording.lock().expect("not poisoned").clone();
    (recording, outputs)
}

impl Monitor for Recorder {
    fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    fn register(&self, registration: Registration) -> BoxFuture<'_, Registered> {
        async move {
            // In whatever order.
            for _ in 0..rand::random_range(0..20) {
                tokio::task::yield_now().await;
            }
            let resource = self
                .catalogue
                .resource(&registration.token)
                .expect("a known token");
            assert!(
                self.kinds.contains(&&*registration.token)
                    || GO_ALONG.contains(&&*registration.token),
                "{} is not among the kinds that are looked for at the end",
                registration.token
            );
            let urn = urn(&registration.name);
            let seen = ProcessLedger::default();
            let scope = CheckScope {
                urn: &urn,
                provider_id: None,
                region: "eu-west-1",
                ledger: &seen,
                default_tags: &Value::Null,
                reads: &Reads::default(),
                rehearsal: false,
            };
            let plain = |p: &Properties| {
                p.iter()
                    .map(|(k, v)| (k.clone(), v.without_dependencies()))
                    .collect()
            };
            let check = |inputs| resource.check(&scope, &Properties::new(), inputs);
            let Checked { failures, .. } = check(unsampled(&plain(&registration.inputs)));
            let checked = check(plain(&registration.inputs)).inputs;
            let state = if self.created {
                outputs(resource, &registration.name, &checked)
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
                urn: Some(urn),
                id,
                state,
                outcome: Outcome::Done,
                refusal: None,
            }
        }
        .boxed()
    }
}

/// The inputs, unknown where they are what only looks like an id, a URI or an ARN.
fn unsampled(inputs: &Properties) -> Properties {
    fn known(value: &Value) -> Value {
        let made = |s: &str| s.ends_with("-id") || s.ends_with(".imageUri");
        let sampled = |s: &str| made(s) || s.starts_with(ARN);
        match value {
            Value::String(s) if sampled(s) => Value::Unknown,
            Value::List(items) => Value::List(items.iter().map(known).collect()),
            Value::Object(fields) => Value::Object(unsampled(fields)),
            other => other.clone(),
        }
    }
    let each = inputs.iter().map(|(k, v)| (k.clone(), known(v)));
    each.collect()
}

/// What the ARNs of outputs begin with.
const ARN: &str = "arn:aws:service:eu-west-1:123456789012:";

/// Outputs as the provider would answer them after a create, each text being its own name.
fn outputs(resource: &dyn DynamicResource, name: &str, inputs: &Properties) -> Properties {
    let sample = |field: &pulumi_aws_framework::props::Field| match &field.ty {
        Type::Bool => Value::Bool(false),
        Type::Integer | Type::Number => Value::Number(5432.0),
        Type::List(_) | Type::Set(_) => Value::List(vec![format!("{name}.{}", field.name).into()]),
        Type::Map(_) | Type::Object(_) | Type::Json | Type::Payload => {
            Value::Object(Properties::new())
        }
        _ if field.name.to_lowercase().ends_with("arn") => format!("{ARN}{name}").into(),
        _ => format!("{name}.{}", field.name).into(),
    };
    let mut all = inputs.clone();
    for field in &resource.tables().1.fields {
        if !all.contains_key(field.name) {
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
                // What is long is a file's text, which has a test of its own.
                let mut shown = show(value);
                if shown.len() > LONGEST {
                    shown = format!("{} characters, {}", shown.len(), short_hash(&shown));
                }
                lines.push_str(&format!("  {key} = {shown}\n"));
            }
            if let Some(former) = &r.former {
                lines.push_str(&format!("  was {former}\n"));
            }
            let seed = urn("shop-seed");
            let needs: Vec<_> = needs(r).into_iter().filter(|urn| *urn != seed).collect();
            if !needs.is_empty() {
                lines.push_str(&format!(
                    "  after {}\n",
                    needs.iter().map(Urn::as_str).collect::<Vec<_>>().join(", ")
                ));
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

/// Where the values of an input that is not known come from.
const ELSEWHERE: &str = "urn:elsewhere";

/// Takes each input in turn that need not be known, the wholes and their parts. Unknown, it changes no child and
/// nothing that a child needs, and what it reaches is unknown and depends on where it comes from; secret, what it
/// reaches is secret.
pub(crate) async fn each_input_in_turn(component: &dyn DynamicComponent, given: &Properties) {
    let run = async |inputs: Properties, how: As, what: &str| {
        let (recording, outputs) = record(component, inputs, how).await;
        assert_eq!(recording.failures, [""; 0], "{what}");
        let outputs = outputs.unwrap_or_else(|error| panic!("{what}: {error}"));
        recording.with_outputs(outputs)
    };
    let elsewhere = |_: &Value| Value::depending(Value::Unknown, [ELSEWHERE.into()].into());
    let paths = leaves(component.tables().0, given);
    assert!(!paths.is_empty());
    for how in [As::Preview, As::Update] {
        let known = run(given.clone(), how, "known").await;
        for path in &paths {
            let what = format!("{path:?} in {how:?}");
            let unknown = run(with(given, path, &elsewhere), how, &what).await;
            let secret = with(given, path, &|v| Value::secret(v.clone()));
            let secret = run(secret, how, &what).await;
            same_children(&known, &unknown, &what);
            same_children(&known, &secret, &what);
            let reached = reached(&known, &unknown);
            for (name, before) in &known {
                let [unknown, secret] = [&unknown, &secret].map(|all| &all[name]);
                assert_eq!(needs(secret), needs(before), "{name} with {what}");
                let mut needed = needs(unknown);
                needed.remove(&ELSEWHERE.into());
                assert_eq!(needed, needs(before), "{name} with {what}");
                for (key, value) in &unknown.inputs {
                    let known = before.inputs.get(key).unwrap_or(&Value::Null);
                    if known.without_dependencies() != value.without_dependencies() {
                        let from = value.dependencies();
                        let named = from.contains(&ELSEWHERE.into()) || !from.is_disjoint(&reached);
                        assert!(
                            value.has_unknown() && named,
                            "{name}.{key} with {what}: {value:?}"
                        );
                    }
                    let shown = secret.inputs.get(key).unwrap_or(&Value::Null);
                    assert_eq!(shown.plain(), known.plain(), "{name}.{key} with {what}");
                    assert!(
                        hidden(known, value, shown),
                        "{name}.{key} with {what} shows the secret"
                    );
                }
            }
        }
    }
}

/// What was registered, by name; under the empty name the outputs.
type All = BTreeMap<String, Registration>;

impl Recording {
    fn with_outputs(self, outputs: Properties) -> All {
        let mut all = self.registrations;
        let own = Registration {
            token: "outputs".to_owned(),
            name: String::new(),
            former: None,
            parent: COMPONENT.into(),
            inputs: outputs,
            dependencies: BTreeSet::new(),
        };
        all.insert(String::new(), own);
        all
    }
}

fn same_children(one: &All, other: &All, what: &str) {
    let children = |all: &All| -> Vec<_> {
        let each = |r: &Registration| (r.token.clone(), r.name.clone(), r.parent.clone());
        all.values().map(each).collect()
    };
    assert_eq!(children(one), children(other), "{what}");
    for (name, r) in one {
        assert!(r.parent.as_str() == COMPONENT && (name.is_empty() || name.starts_with("shop-")));
    }
}

/// All that a child is made after.
fn needs(registration: &Registration) -> BTreeSet<Urn> {
    let values = registration.inputs.values().flat_map(Value::dependencies);
    registration
        .dependencies
        .iter()
        .cloned()
        .chain(values)
        .collect()
}

/// The children that differ, whose own outputs can be unknown for that.
fn reached(known: &All, unknown: &All) -> BTreeSet<Urn> {
    let differs = |(name, r): &(&String, &Registration)| {
        let plain = |r: &Registration| Value::Object(r.inputs.clone()).plain();
        plain(r) != plain(&unknown[*name])
    };
    known
        .iter()
        .filter(differs)
        .map(|(name, _)| urn(name))
        .collect()
}

/// Whether all that is unknown with an input, and was known before, is within a secret with the secret input.
fn hidden(known: &Value, unknown: &Value, secret: &Value) -> bool {
    match (known.peel(), unknown.peel(), secret) {
        (_, _, Value::Secret(_)) => true,
        (_, _, Value::Output { value, .. }) => hidden(known, unknown, value),
        (Value::Unknown | Value::Null, ..) => true,
        (_, Value::Unknown, _) => false,
        (Value::Object(a), Value::Object(b), Value::Object(c)) => {
            let below = |key: &String| Some(hidden(a.get(key)?, b.get(key)?, c.get(key)?));
            a.keys().all(|key| below(key).unwrap_or(false))
        }
        (Value::List(a), Value::List(b), Value::List(c)) => {
            let items = a.iter().zip(b).zip(c);
            items.into_iter().all(|((a, b), c)| hidden(a, b, c))
        }
        _ => true,
    }
}

/// The paths of the given values that need not be known when the program runs, and of their parts.
fn leaves(table: &'static Table, given: &Properties) -> Vec<Vec<String>> {
    fn below(ty: &Type, value: &Value, plain: bool) -> Vec<Vec<String>> {
        let under = |key: String, rest: Vec<Vec<String>>| -> Vec<Vec<String>> {
            let path = |rest| [vec![key.clone()], rest].concat();
            rest.into_iter().map(path).collect()
        };
        let mut paths = if plain { vec![] } else { vec![vec![]] };
        match (ty, value.peel()) {
            (Type::Object(table), Value::Object(fields)) => {
                for (key, value) in fields {
                    let field = table.field(key).expect("a known key");
                    paths.extend(under(key.clone(), below(&field.ty, value, field.plain)));
                }
            }
            // Whose values are there may have to be known, what they are need not be.
            (Type::Map(item), Value::Object(fields)) => {
                for (key, value) in fields {
                    paths.extend(under(key.clone(), below(item, value, false)));
                }
            }
            (Type::List(item) | Type::Set(item), Value::List(items)) => {
                for (index, value) in items.iter().enumerate() {
                    paths.extend(under(index.to_string(), below(item, value, false)));
                }
            }
            _ => {}
        }
        paths
    }
    below(&Type::Object(table), &Value::Object(given.clone()), true)
}

/// The same properties, the value at that path changed.
fn with(given: &Properties, path: &[String], change: &impl Fn(&Value) -> Value) -> Properties {
    fn replace(value: &Value, path: &[String], change: &impl Fn(&Value) -> Value) -> Value {
        let Some((key, rest)) = path.split_first() else {
            return change(value);
        };
        match value {
            Value::Object(fields) => {
                let mut fields = fields.clone();
                let part = fields.get_mut(key).expect("a path of the value");
                *part = replace(part, rest, change);
                Value::Object(fields)
            }
            Value::List(items) => {
                let mut items = items.clone();
                let part = &mut items[key.parse::<usize>().expect("an index")];
                *part = replace(part, rest, change);
                Value::List(items)
            }
            other => panic!("{other:?} has no {key}"),
        }
    }
    replace(&Value::Object(given.clone()), path, change).into_properties()
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
