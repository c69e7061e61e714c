//! What a building block refuses, as the engine's check finds it.

use pulumi_aws_framework::{
    identity::ProcessLedger,
    reads::Reads,
    resource::CheckScope,
    value::{Properties, Value},
};
use serde_json::Value as Json;

/// Runs a check's part, in `eu-west-1`.
pub(crate) fn scoped<T>(
    rehearsal: bool,
    default_tags: &Value,
    run: impl FnOnce(&CheckScope<'_>) -> T,
) -> T {
    run(&CheckScope {
        urn: &"urn:pulumi:dev::demo::resource::shop".into(),
        provider_id: Some("seed"),
        region: "eu-west-1",
        ledger: &ProcessLedger::default(),
        default_tags,
        reads: &Reads::default(),
        rehearsal,
    })
}

/// What is wrong with the inputs of a new resource, as `path: reason`.
pub(crate) fn refused(token: &str, inputs: &Json, default_tags: &Value) -> Vec<String> {
    let catalogue = crate::catalogue();
    let resource = catalogue.resource(token).expect("a known token");
    let news = Value::from_json(inputs).into_properties();
    let news = resource.tables().0.without_nulls(news);
    let checked = scoped(false, default_tags, |scope| {
        resource.check(scope, &Properties::new(), news)
    });
    checked.failures.iter().map(ToString::to_string).collect()
}

/// Each of these inputs is refused for that reason alone.
pub(crate) fn refuses(token: &str, rows: &[(Json, &str)]) {
    let mut others = Vec::new();
    for (inputs, reason) in rows {
        let found = refused(token, inputs, &Value::Null);
        if found != [*reason] {
            others.push(format!("{inputs}: {found:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

/// The inputs with others over them; null takes one away.
pub(crate) fn merged(mut inputs: Json, over: &Json) -> Json {
    for (key, value) in over.as_object().expect("an object") {
        inputs[key] = value.clone();
    }
    inputs
}
