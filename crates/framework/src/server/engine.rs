//! The engine, as a plugin sees it: a place for messages, and the monitor with which components register children.

use crate::{
    component::{Live, Monitor, Outcome, Registered, Registration},
    context::{Log, Severity},
    pulumirpc::{
        self as rpc, engine_client::EngineClient, resource_monitor_client::ResourceMonitorClient,
    },
    urn::Urn,
    value::{Properties, Value},
    wire::{UNKNOWN, from_struct, to_struct},
};
use futures::{FutureExt, future::BoxFuture};
use outside::printable;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::ErrorKind,
    sync::Arc,
};
use tokio::sync::mpsc;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

/// A channel to one of the engine's services.
pub(super) fn channel(address: &str) -> Option<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    Some(endpoint.tcp_nodelay(true).connect_lazy())
}

/// The engine's log, written to in order by a task of its own.
pub(crate) struct Engine {
    address: Option<String>,
    messages: Option<mpsc::UnboundedSender<rpc::LogRequest>>,
}

impl Engine {
    pub(super) fn new(address: Option<String>) -> Self {
        let messages = address.as_deref().and_then(channel).map(|channel| {
            let (sender, mut messages) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                let mut client = EngineClient::new(channel);
                while let Some(message) = messages.recv().await {
                    // A message that cannot be said is no reason to fail.
                    let _ = client.log(message).await;
                }
            });
            sender
        });
        Self { address, messages }
    }

    /// Whether nothing listens where the engine was.
    pub(super) async fn is_gone(&self) -> bool {
        let Some(address) = &self.address else {
            return false;
        };
        let connected = tokio::net::TcpStream::connect(address).await;
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }
}

impl Log for Engine {
    fn log(&self, urn: &Urn, severity: Severity, message: &str, ephemeral: bool) {
        let severity = match severity {
            Severity::Info => rpc::LogSeverity::Info,
            Severity::Warning => rpc::LogSeverity::Warning,
        };
        let request = rpc::LogRequest {
            severity: severity.into(),
            message: printable(message).into_owned(),
            urn: urn.as_str().to_owned(),
            ephemeral,
            ..Default::default()
        };
        if let Some(messages) = &self.messages {
            let _ = messages.send(request);
        }
    }
}

/// The engine's monitor, for one component under construction.
#[derive(Clone)]
pub(super) struct EngineMonitor {
    pub(super) client: ResourceMonitorClient<Channel>,
    /// The provider for the children, as `urn::id`.
    pub(super) provider: String,
    /// What the component depends on: each child does too, or the order of a destroy is wrong.
    pub(super) dependencies: BTreeSet<Urn>,
    pub(super) timeouts: Option<rpc::register_resource_request::CustomTimeouts>,
    pub(super) live: Option<Arc<Live>>,
}

impl Monitor for EngineMonitor {
    fn register(&self, registration: Registration) -> BoxFuture<'_, Registered> {
        async move {
            let request = self.request(registration);
            match self.client.clone().register_resource(request).await {
                Ok(response) => registered(response.into_inner()),
                // The engine ends, and has said why.
                Err(status) if matches!(status.code(), Code::Unavailable | Code::Cancelled) => {
                    Registered::failed(None)
                }
                Err(status) => Registered::failed(Some(status.message().to_owned())),
            }
        }
        .boxed()
    }

    fn live(&self) -> Option<&Live> {
        self.live.as_deref()
    }
}

impl EngineMonitor {
    fn request(&self, registration: Registration) -> rpc::RegisterResourceRequest {
        let property_dependencies: HashMap<_, _> = registration
            .inputs
            .iter()
            .map(|(key, value)| (key.clone(), value.dependencies()))
            .filter(|(_, urns)| !urns.is_empty())
            .map(|(key, urns)| {
                let urns = urns.into_iter().map(String::from).collect();
                (
                    key,
                    rpc::register_resource_request::PropertyDependencies { urns },
                )
            })
            .collect();
        let values = registration.inputs.values().flat_map(Value::dependencies);
        let dependencies: BTreeSet<_> = registration
            .dependencies
            .into_iter()
            .chain(values)
            .chain(self.dependencies.iter().cloned())
            .collect();
        let former = registration.former.map(|name| {
            let spec = rpc::alias::Spec {
                name,
                ..Default::default()
            };
            rpc::Alias {
                alias: Some(rpc::alias::Alias::Spec(spec)),
            }
        });
        rpc::RegisterResourceRequest {
            r#type: registration.token,
            aliases: former.into_iter().collect(),
            alias_specs: true,
            name: registration.name,
            parent: registration.parent.into(),
            custom: true,
            object: Some(to_struct(&registration.inputs)),
            dependencies: dependencies.into_iter().map(String::from).collect(),
            property_dependencies: property_dependencies.into_iter().collect(),
            provider: self.provider.clone(),
            accept_secrets: true,
            accept_resources: true,
            supports_partial_values: true,
            supports_result_reporting: true,
            custom_timeouts: self.timeouts.clone(),
            ..Default::default()
        }
    }
}

fn registered(response: rpc::RegisterResourceResponse) -> Registered {
    let outcome = match response.result() {
        rpc::Result::Success => Outcome::Done,
        rpc::Result::Fail => Outcome::Failed,
        rpc::Result::Skip => Outcome::Skipped,
    };
    let dependencies: BTreeMap<_, BTreeSet<Urn>> = response
        .property_dependencies
        .into_iter()
        .map(|(key, of)| (key, of.urns.into_iter().map(Urn::from).collect()))
        .collect();
    let state: Properties = from_struct(response.object)
        .into_iter()
        .map(|(key, value)| {
            let urns = dependencies.get(&key).cloned().unwrap_or_default();
            (key, Value::depending(value, urns))
        })
        .collect();
    let id = (!response.id.is_empty() && response.id != UNKNOWN).then_some(response.id);
    Registered {
        urn: Some(response.urn)
            .filter(|urn| !urn.is_empty())
            .map(Urn::from),
        id,
        state,
        outcome,
        refusal: None,
    }
}
