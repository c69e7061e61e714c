//! Construct: registers a component with the engine, lets it register its children, and answers its outputs.

use super::{
    dependencies::drop_children,
    engine::{EngineMonitor, channel},
    process::{Configured, Provider},
    status,
};
use crate::{
    component::{Live, Registration, Scope, judge, rehearse},
    context::{Log, Severity},
    error::Error,
    identity::ProcessLedger,
    props::{
        Table, Type,
        tags::{self, Rules},
    },
    pulumirpc::{self as rpc, resource_monitor_client::ResourceMonitorClient},
    reads::Reads,
    resource::mark_secrets,
    urn::Urn,
    value::{Properties, Value},
    wire::{UNKNOWN, from_struct, secret, to_struct},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tonic::{Code, Status, transport::Channel};

type Client = ResourceMonitorClient<Channel>;

pub(super) async fn construct(
    provider: &Provider,
    mut request: rpc::ConstructRequest,
) -> std::result::Result<rpc::ConstructResponse, Status> {
    let _call = provider.calls.begin();
    let dependencies = drop_children(&mut request, |token| {
        provider.catalogue.component(token).is_some()
    });
    let constructed = constructed(provider, request, dependencies).await;
    if matches!(&constructed, Err(status) if status.code() == Code::InvalidArgument) {
        provider.calls.ended().await;
    }
    constructed
}

async fn constructed(
    provider: &Provider,
    request: rpc::ConstructRequest,
    dependencies: BTreeSet<Urn>,
) -> std::result::Result<rpc::ConstructResponse, Status> {
    let package = provider.catalogue.package.name;
    let Some(component) = provider.catalogue.component(&request.r#type) else {
        let token = &request.r#type;
        return Err(Error::failed(format!("{token} is not a component of {package}")).into());
    };
    let channel = channel(&request.monitor_endpoint).ok_or_else(|| {
        Error::Bug(format!(
            "{:?} is not the monitor's address",
            request.monitor_endpoint
        ))
    })?;
    let mut client = Client::new(channel)
        .max_decoding_message_size(super::MESSAGE_LIMIT)
        .max_encoding_message_size(super::MESSAGE_LIMIT);
    let configured = provider.configured()?;
    let live = configured
        .learned
        .get_or_init(|| learn(provider, &configured.ledger, client.clone(), &request))
        .await;
    let table = component.tables().0;
    let mut inputs = table.without_nulls(inputs(&request));
    if request.dry_run {
        recover_handles(&mut client, table, &mut inputs).await;
    }
    mark_secrets(table, &mut inputs);
    let reads = Reads::default();
    let refused = |error| status::construct(error, &inputs);
    // It may read files.
    let mut judged = tokio::task::block_in_place(|| component.check(&inputs, &reads));
    if let Some(own) = inputs.get("tags") {
        let found = tags::failures(Rules::Iam, package, "tags", own, &configured.default_tags);
        judged.failures.extend(found);
    }
    if !judged.failures.is_empty() {
        return Err(refused(Error::Invalid(judged.failures)));
    }
    let own = (request.name.as_str(), own_urn(&request));
    let (region, tags) = (configured.aws.region(), &configured.default_tags);
    let judge = |child: &Registration| {
        let resource = provider.catalogue.resource(&child.token).ok();
        // It may read files.
        let judged = || resource.map(|own| judge(own, child, region, tags, &reads));
        tokio::task::block_in_place(judged).unwrap_or_default()
    };
    let failures = rehearse(
        component,
        (own.0, &own.1),
        &inputs,
        live.clone(),
        &reads,
        judge,
    );
    let failures = failures.await;
    if !failures.is_empty() {
        return Err(refused(Error::Invalid(failures)));
    }
    match component.check_online(&configured.aws, &inputs).await {
        Ok(failures) if !failures.is_empty() => return Err(refused(Error::Invalid(failures))),
        // A preview works without credentials.
        Err(error) if !request.dry_run => return Err(error.into()),
        _ => {}
    }
    let own = own_registration(&request, table);
    let registration = client.register_resource(own).await;
    let registered =
        registration.map_err(|e| Status::failed_precondition(e.message().to_owned()))?;
    let urn = Urn::from(registered.into_inner().urn);
    for warning in &judged.warnings {
        provider
            .engine()
            .log(&urn, Severity::Warning, warning, false);
    }
    let monitor = EngineMonitor {
        client: client.clone(),
        provider: child_provider(&request, package, &configured),
        dependencies,
        timeouts: request.custom_timeouts.clone().map(timeouts),
        live: live.clone(),
    };
    let scope = Scope::new(
        package,
        (&request.name, &urn),
        request.dry_run,
        Arc::new(monitor),
        reads,
    );
    let constructed = component.construct(&scope, inputs.clone()).await;
    let mut state = constructed.map_err(refused)?;
    // The engine marks those of its own resources, at their registration; a component's outputs come later.
    for name in &request.additional_secret_outputs {
        if let Some(value) = state.get_mut(name).filter(|value| !value.is_null()) {
            *value = Value::secret(std::mem::take(value));
        }
    }
    let outputs = rpc::RegisterResourceOutputsRequest {
        urn: urn.as_str().to_owned(),
        outputs: Some(to_struct(&state)),
    };
    client
        .register_resource_outputs(outputs)
        .await
        .map_err(|e| Status::failed_precondition(e.message().to_owned()))?;
    let state_dependencies = state
        .iter()
        .map(|(key, value)| {
            let urns = value.dependencies().into_iter().map(String::from).collect();
            (
                key.clone(),
                rpc::construct_response::PropertyDependencies { urns },
            )
        })
        .collect();
    let count = configured.constructed.fetch_add(1, Ordering::Relaxed) + 1;
    // a program that never ends never ends in its preview
    if request.dry_run && state.contains_key("handle") {
        let (log, constructed) = (provider.engine(), configured.constructed.clone());
        tokio::spawn(stalled(log, constructed, count, urn.clone(), STALLED));
    }
    Ok(rpc::ConstructResponse {
        urn: urn.into(),
        state: Some(to_struct(&state)),
        state_dependencies,
    })
}

/// For how long a program may do nothing with a handle.
const STALLED: Duration = Duration::from_secs(45);

/// Says why a program may wait for ever, where no component follows one that has a handle. Its own SDK keeps the next
/// one back, so nothing else can.
async fn stalled(
    log: Arc<dyn Log>,
    constructed: Arc<AtomicUsize>,
    count: usize,
    urn: Urn,
    after: Duration,
) {
    tokio::time::sleep(after).await;
    if constructed.load(Ordering::Relaxed) == count {
        let message = "no component has followed this one for a while; if a component takes its handle and has it as \
                       `parent`, a program in TypeScript or Go never ends: interrupt it, and give both another parent";
        log.log(&urn, Severity::Info, message, false);
    }
}

/// The URN that the component will have.
fn own_urn(request: &rpc::ConstructRequest) -> Urn {
    let rpc::ConstructRequest {
        stack,
        project,
        parent,
        r#type,
        name,
        ..
    } = request;
    Urn::new(stack, project, &parent.as_str().into(), r#type, name)
}

/// The inputs, each with what it depends on.
fn inputs(request: &rpc::ConstructRequest) -> Properties {
    let inputs = from_struct(request.inputs.clone());
    let depending = |(key, value): (String, Value)| {
        let urns = request.input_dependencies.get(&key);
        let urns = urns.map(|of| of.urns.iter().cloned().map(Urn::from).collect());
        // Output values know their dependencies leaf by leaf, which is better than the sum.
        let value = if value.dependencies().is_empty() {
            Value::depending(value, urns.unwrap_or_default())
        } else {
            value
        };
        (key, value)
    };
    inputs.into_iter().map(depending).collect()
}

/// In a preview, SDKs make another component's handle wholly unknown when a part of it is. The engine knows the rest.
async fn recover_handles(client: &mut Client, table: &Table, inputs: &mut Properties) {
    for (key, value) in inputs.iter_mut() {
        let Some(Type::Handle(kind)) = table.field(key).map(|field| &field.ty) else {
            continue;
        };
        // One component's handle may depend on the platform too.
        let dependencies = value.dependencies();
        let is_its = |urn: &&Urn| urn.token() == kind.component;
        if let (true, Some(urn)) = (value.is_unknown(), dependencies.iter().find(is_its))
            && let Some(handle) = handle_of(client, urn).await
        {
            *value = Value::depending(handle, dependencies);
        }
    }
}

async fn handle_of(client: &mut Client, urn: &Urn) -> Option<Value> {
    let answer = ask(client, "getResource", "urn", urn.as_str()).await?;
    let handle = answer.get("state")?.field("handle");
    (!handle.is_null()).then_some(handle)
}

/// Remembers which resources the stack has. The function is not documented by Pulumi: an engine or a backend that
/// refuses it is no reason to fail.
async fn learn(
    provider: &Provider,
    ledger: &ProcessLedger,
    mut client: Client,
    request: &rpc::ConstructRequest,
) -> Option<Arc<Live>> {
    let rpc::ConstructRequest {
        organization,
        project,
        stack,
        ..
    } = request;
    let name = format!("{organization}/{project}/{stack}");
    let answer = ask(&mut client, "readStackResourceOutputs", "stackName", &name).await?;
    let mut live = Live::new();
    for (urn, found) in answer.get("outputs")?.plain().into_properties() {
        let urn = Urn::from(urn);
        if let Ok(resource) = provider.catalogue.resource(urn.token()) {
            let outputs = found.field("outputs").into_properties();
            resource.live(ledger, &urn, &outputs);
            live.insert(urn, outputs);
        }
    }
    Some(Arc::new(live))
}

/// What a function of the engine's own answers.
async fn ask(client: &mut Client, function: &str, input: &str, value: &str) -> Option<Properties> {
    let request = rpc::ResourceInvokeRequest {
        tok: format!("pulumi:pulumi:{function}"),
        args: Some(to_struct(&[(input.to_owned(), Value::from(value))].into())),
        accept_resources: true,
        ..Default::default()
    };
    let answer = client.invoke(request).await.ok()?.into_inner();
    Some(from_struct(answer.r#return))
}

/// The provider for the children: the one that the program chose, or this process's own.
fn child_provider(
    request: &rpc::ConstructRequest,
    package: &str,
    configured: &Configured,
) -> String {
    let own = || {
        format!(
            "{}::{}",
            configured.urn,
            configured.id.as_deref().unwrap_or(UNKNOWN)
        )
    };
    request.providers.get(package).cloned().unwrap_or_else(own)
}

/// The component's own registration: exactly the request's type, name and parent, and every option that the engine
/// does not take over by itself.
fn own_registration(
    request: &rpc::ConstructRequest,
    table: &Table,
) -> rpc::RegisterResourceRequest {
    let mut request = request.clone();
    // Not every program marks what is secret.
    for (key, value) in request
        .inputs
        .iter_mut()
        .flat_map(|inputs| &mut inputs.fields)
    {
        if table.field(key).is_some_and(|field| field.secret) {
            *value = secret(std::mem::take(value));
        }
    }
    let property_dependencies = request.input_dependencies.into_iter().map(|(key, list)| {
        let urns = list.urns;
        (
            key,
            rpc::register_resource_request::PropertyDependencies { urns },
        )
    });
    rpc::RegisterResourceRequest {
        r#type: request.r#type,
        name: request.name,
        parent: request.parent,
        object: request.inputs,
        protect: request.protect,
        dependencies: request.dependencies,
        property_dependencies: property_dependencies.collect(),
        delete_before_replace: request.delete_before_replace.unwrap_or_default(),
        delete_before_replace_defined: request.delete_before_replace.is_some(),
        ignore_changes: request.ignore_changes,
        accept_secrets: true,
        accept_resources: true,
        additional_secret_outputs: request.additional_secret_outputs,
        custom_timeouts: request.custom_timeouts.map(timeouts),
        supports_partial_values: true,
        providers: request.providers,
        replace_on_changes: request.replace_on_changes,
        retain_on_delete: request.retain_on_delete,
        aliases: request.aliases,
        alias_specs: true,
        deleted_with: request.deleted_with,
        replace_with: request.replace_with,
        replacement_trigger: request.replacement_trigger,
        parent_stack_trace_handle: request.stack_trace_handle,
        hooks: request.resource_hooks.map(|h| {
            rpc::register_resource_request::ResourceHooksBinding {
                before_create: h.before_create,
                after_create: h.after_create,
                before_update: h.before_update,
                after_update: h.after_update,
                before_delete: h.before_delete,
                after_delete: h.after_delete,
                on_error: h.on_error,
            }
        }),
        ..Default::default()
    }
}

fn timeouts(
    of: rpc::construct_request::CustomTimeouts,
) -> rpc::register_resource_request::CustomTimeouts {
    let rpc::construct_request::CustomTimeouts {
        create,
        update,
        delete,
        read,
    } = of;
    rpc::register_resource_request::CustomTimeouts {
        create,
        update,
        delete,
        read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Said(Mutex<Vec<String>>);

    impl Log for Said {
        fn log(&self, urn: &Urn, _: Severity, message: &str, _: bool) {
            let said = format!("{urn}: {message}");
            self.0.lock().expect("not poisoned").push(said);
        }
    }

    #[tokio::test]
    async fn a_program_that_stalls_after_a_handle_is_told_why() {
        let said = Arc::new(Said::default());
        let constructed = Arc::new(AtomicUsize::new(2));
        for count in [1, 2] {
            let urn = Urn::from(format!("urn-{count}"));
            stalled(
                said.clone(),
                constructed.clone(),
                count,
                urn,
                Duration::ZERO,
            )
            .await;
        }
        let said = said.0.lock().expect("not poisoned");
        assert_eq!(said.len(), 1, "what was followed is no reason");
        assert!(said[0].starts_with("urn-2: no component has followed this one"));
    }
}
