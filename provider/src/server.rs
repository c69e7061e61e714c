//! The `ResourceProvider` service: a few lines per RPC. Wire types stop here and in [`engine`].

mod calls;
mod construct;
mod dependencies;
mod engine;
mod provider;
mod status;

use crate::{
    aws::{Aws, Configuration},
    component::{DynamicComponent, Live},
    context::{Context, Memory},
    error::{Error, Result},
    identity::{Identity, Seen},
    pulumirpc::{self as rpc, resource_provider_server::ResourceProviderServer},
    resource::{Dynamic, DynamicFunction, GENERATION, OWNER, REGION, SEED},
    value::{Properties, Value},
};
use engine::Engine;
use std::{
    collections::HashMap,
    io::Write,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::OnceCell};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};

/// The largest message, as the engine sets it.
const MESSAGE_LIMIT: usize = 400 * 1024 * 1024;

/// Serves on a free port of the loopback interface, prints it, and returns when the engine is gone.
///
/// # Errors
/// The port cannot be had or printed.
pub async fn serve(engine: Option<String>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let provider = Arc::new(Provider::new(engine));
    let started_by = provider.engine();
    let service = ResourceProviderServer::from_arc(provider.clone())
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<ResourceProviderServer<Arc<Provider>>>()
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(include_bytes!("pulumirpc.bin"))
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    writeln!(std::io::stdout(), "{port}")?;
    std::io::stdout().flush()?;
    // Without TCP_NODELAY every small call waits 40 ms for an acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .add_service(service)
        .add_service(health_service)
        .add_service(reflection)
        .serve_with_incoming_shutdown(incoming, async move {
            tokio::select! {
                () = interrupted(&provider) => {}
                () = gone(started_by) => {}
            }
        })
        .await?;
    Ok(())
}

/// Resolves when the engine that started this process no longer answers; never, if none did.
async fn gone(engine: Arc<Engine>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        if engine.is_gone().await {
            return;
        }
    }
}

/// The first interrupt cancels what is under way; the process ends when its calls have ended.
async fn interrupted(provider: &Provider) {
    let _ = tokio::signal::ctrl_c().await;
    provider.cancel_all();
}

/// The provider as one process serves it.
pub(crate) struct Provider {
    engine: Mutex<Arc<Engine>>,
    /// Of the latest engine: one that attaches configures the process again.
    configured: Mutex<Option<Arc<Configured>>>,
    components: HashMap<&'static str, Box<dyn DynamicComponent>>,
    resources: HashMap<&'static str, Box<dyn Dynamic>>,
    functions: HashMap<&'static str, Box<dyn DynamicFunction>>,
    calls: calls::Calls,
}

/// What `Configure` brings, and what belongs to the engine that calls it.
struct Configured {
    aws: Arc<Aws>,
    /// The tags for everything, with their secrets.
    default_tags: Value,
    seen: Arc<Seen>,
    /// What the stack has, where the engine tells; `seen` holds it then.
    learned: OnceCell<Option<Arc<Live>>>,
    cancel: CancellationToken,
    /// How many components were constructed.
    constructed: Arc<AtomicUsize>,
    /// The provider resource's own URN and id, for the children of components.
    urn: String,
    id: Option<String>,
}

impl Provider {
    fn new(engine: Option<String>) -> Self {
        Self {
            engine: Mutex::new(Arc::new(Engine::new(engine))),
            configured: Mutex::default(),
            components: crate::components::all()
                .into_iter()
                .map(|c| (c.token(), c))
                .collect(),
            resources: crate::resources::all()
                .into_iter()
                .map(|r| (r.token(), r))
                .collect(),
            functions: crate::resources::functions()
                .into_iter()
                .map(|f| (f.token(), f))
                .collect(),
            calls: calls::Calls::default(),
        }
    }

    fn engine(&self) -> Arc<Engine> {
        self.engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn configured(&self) -> Result<Arc<Configured>> {
        let configured = self
            .configured
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        configured
            .clone()
            .ok_or_else(|| Error::Bug("the engine called before Configure".to_owned()))
    }

    /// Ends what is under way.
    fn cancel_all(&self) {
        if let Ok(configured) = self.configured() {
            configured.cancel.cancel();
        }
    }

    fn resource(&self, token: &str) -> Result<&dyn Dynamic> {
        self.resources.get(token).map(AsRef::as_ref).ok_or_else(|| {
            Error::failed(format!(
                "{token} is not a resource of dbt-aws {}; see its list of building blocks",
                env!("CARGO_PKG_VERSION")
            ))
        })
    }

    /// The context of an operation: who the resource is, in the region that its properties name. Of each the first
    /// properties that have it count.
    async fn context(
        &self,
        urn: &str,
        known: &[&Properties],
        timeout: f64,
        usual: Duration,
    ) -> Result<Context> {
        let configured = self.configured()?;
        let text = |key: &str| {
            let values = known.iter().filter_map(|properties| properties.get(key));
            values.filter_map(Value::as_str).next().map(str::to_owned)
        };
        let region = text(REGION).unwrap_or_else(|| configured.aws.region().to_owned());
        let own_seed = text(SEED);
        // That of another provider, such as one of an older version, is not this one's id.
        let owned = known
            .iter()
            .any(|properties| properties.contains_key(OWNER));
        let alone = owned || own_seed.is_none() || own_seed == configured.id;
        let seed = own_seed
            .or_else(|| configured.id.clone())
            .unwrap_or_default();
        let aws = configured.aws.clients(&region).await?;
        if let Some(arn) = text("arn") {
            configured.aws.refuse_other(&arn).await?;
        }
        let state = known.first().map(|state| Properties::clone(state));
        Ok(Context {
            aws,
            account: configured.aws.clone(),
            log: self.engine(),
            cancel: configured.cancel.clone(),
            started: Instant::now(),
            timeout: Duration::try_from_secs_f64(timeout)
                .ok()
                .filter(|given| !given.is_zero())
                .unwrap_or(usual),
            seen: configured.seen.clone(),
            alone,
            default_tags: configured.aws.default_tags(),
            memory: Memory {
                state: Mutex::new(state.unwrap_or_default()),
                first: AtomicBool::new(configured.seen.has_made(&seed)),
                ..Memory::default()
            },
            identity: Identity {
                urn: urn.to_owned(),
                seed,
                generation: text(GENERATION).unwrap_or_default(),
            },
        })
    }

    async fn configure(&self, request: rpc::ConfigureRequest) -> Result<()> {
        let properties = provider::configuration_of(&request);
        let configuration =
            Configuration::parse(&properties).map_err(|e| Error::Invalid(vec![e]))?;
        let region = match &configuration.region {
            Some(region) => Some(region.clone()),
            None => crate::aws::ambient_region(configuration.profile.as_deref()).await,
        };
        let region = region.ok_or_else(|| Error::Invalid(vec![crate::aws::no_region()]))?;
        let aws = Arc::new(Aws::new(configuration, region));
        let id = request
            .id
            .filter(|id| !id.is_empty() && id != crate::wire::UNKNOWN);
        let configured = Configured {
            aws,
            default_tags: Configuration::default_tags(&properties),
            seen: Arc::default(),
            learned: OnceCell::new(),
            cancel: CancellationToken::new(),
            constructed: Arc::default(),
            urn: request.urn.unwrap_or_default(),
            id,
        };
        let mut latest = self
            .configured
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Arc::new(configured));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{resource::CustomResource, resources::seed::Seed, wire::to_struct};
    use rpc::resource_provider_server::ResourceProvider;
    use tonic::Request;

    #[tokio::test]
    async fn nothing_was_left_with_a_seed_that_this_process_has_made() {
        let provider = Provider::new(None);
        let args = [
            ("region".to_owned(), "eu-west-1".into()),
            ("skipCredentialsValidation".to_owned(), Value::Bool(true)),
        ];
        let request = rpc::ConfigureRequest {
            args: Some(to_struct(&args.into())),
            ..Default::default()
        };
        provider.configure(request).await.expect("configures");
        let request = rpc::CreateRequest {
            urn: format!("urn:pulumi:dev::demo::{}::shop-seed", Seed::TOKEN),
            ..Default::default()
        };
        let made = provider.create(Request::new(request)).await;
        let made = made.expect("creates").into_inner();
        let is_first = async |seed: &str| {
            let properties = [(SEED.to_owned(), seed.into())].into();
            let urn = "urn:pulumi:dev::demo::dbt-aws:ec2:Vpc::shop-vpc";
            let known = [&properties];
            let cx = provider.context(urn, &known, 0.0, Duration::ZERO);
            cx.await.expect("needs no network").is_first()
        };
        assert!(is_first(&made.id).await && !is_first("kept").await);
    }

    #[tokio::test]
    async fn secret_configuration_stays_secret() {
        let provider = Provider::new(None);
        let news =
            ["region", "accessKey", "secretKey"].map(|key| (key.to_owned(), "eu-west-1".into()));
        let request = rpc::CheckRequest {
            news: Some(to_struct(&news.into())),
            ..Default::default()
        };
        let checked = provider.check_config(Request::new(request)).await;
        let inputs = checked.expect("checks").into_inner().inputs;
        let inputs = crate::wire::from_struct(inputs);
        let secret = |key: &str| inputs[key].has_secret();
        assert!(secret("secretKey") && secret("accessKey") && !secret("region"));
    }
}
