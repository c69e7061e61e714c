//! The provider as one process serves it.

use super::{calls::Calls, engine::Engine};
use crate::{
    aws::{Aws, Configuration, ambient_region, no_region},
    catalogue::Catalogue,
    component::Live,
    context::{Context, Memory},
    error::{Error, Result},
    identity::{Identity, ProcessLedger},
    props::Props,
    pulumirpc as rpc,
    resource::{GENERATION, OWNER, REGION, SEED},
    urn::Urn,
    value::{Properties, Value},
    wire::{UNKNOWN, from_struct},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// The provider as one process serves it.
pub(super) struct Provider {
    engine: Mutex<Arc<Engine>>,
    /// Of the latest engine: one that attaches configures the process again.
    configured: Mutex<Option<Arc<Configured>>>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) calls: Calls,
}

/// What `Configure` brings, and what belongs to the engine that calls it.
pub(super) struct Configured {
    pub(super) aws: Arc<Aws>,
    /// The tags for everything, with their secrets.
    pub(super) default_tags: Value,
    pub(super) ledger: Arc<ProcessLedger>,
    /// What the stack has, where the engine tells; `ledger` holds it then.
    pub(super) learned: OnceCell<Option<Arc<Live>>>,
    pub(super) cancel: CancellationToken,
    /// How many components were constructed.
    pub(super) constructed: Arc<AtomicUsize>,
    /// The provider resource's own URN and id, for the children of components.
    pub(super) urn: Urn,
    pub(super) id: Option<String>,
}

impl Provider {
    pub(super) fn new(catalogue: Arc<Catalogue>, engine: Option<String>) -> Self {
        Self {
            engine: Mutex::new(Arc::new(Engine::new(engine))),
            configured: Mutex::default(),
            catalogue,
            calls: Calls::default(),
        }
    }

    pub(super) fn engine(&self) -> Arc<Engine> {
        self.engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn configured(&self) -> Result<Arc<Configured>> {
        let configured = self
            .configured
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        configured
            .clone()
            .ok_or_else(|| Error::Bug("the engine called before Configure".to_owned()))
    }

    /// Ends what is under way.
    pub(super) fn cancel_all(&self) {
        if let Ok(configured) = self.configured() {
            configured.cancel.cancel();
        }
    }

    /// The context of an operation: who the resource is, in the region that its properties name. Of each the first
    /// properties that have it count.
    pub(super) async fn context(
        &self,
        urn: Urn,
        known: &[&Properties],
        timeout: f64,
        usual: Duration,
    ) -> Result<Context> {
        let cx = self.unverified_context(urn, known, timeout, usual).await?;
        cx.account
            .verify_account(text(known, "arn").as_deref())
            .await?;
        Ok(cx)
    }

    /// The same before anybody has looked at the credentials, so that both go on at once: see [`Aws::verify_account`].
    pub(super) async fn unverified_context(
        &self,
        urn: Urn,
        known: &[&Properties],
        timeout: f64,
        usual: Duration,
    ) -> Result<Context> {
        let configured = self.configured()?;
        // An account that the configuration refuses is not even looked at.
        if configured.aws.limits_accounts() {
            configured.aws.verify_account(None).await?;
        }
        let text = |key| text(known, key);
        let region = text(REGION).unwrap_or_else(|| configured.aws.region().to_owned());
        let own_seed = text(SEED);
        // That of another provider, such as one of an older version, is not this one's id.
        let owned = known
            .iter()
            .any(|properties| properties.contains_key(OWNER));
        let outside_component = owned || own_seed.is_none() || own_seed == configured.id;
        let seed = own_seed
            .or_else(|| configured.id.clone())
            .unwrap_or_default();
        let aws = configured.aws.unverified_clients(&region).await;
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
            ledger: configured.ledger.clone(),
            orphans: self.catalogue.clone(),
            outside_component,
            default_tags: configured.aws.default_tags(),
            memory: Memory {
                state: Mutex::new(state.unwrap_or_default()),
                first: AtomicBool::new(configured.ledger.has_made(&seed)),
                ..Memory::default()
            },
            identity: Identity {
                package: self.catalogue.package.name,
                urn,
                seed,
                generation: text(GENERATION).unwrap_or_default(),
            },
        })
    }

    pub(super) async fn configure(&self, request: rpc::ConfigureRequest) -> Result<()> {
        let properties = configuration_of(&request);
        let configuration =
            Configuration::parse(&properties).map_err(|e| Error::Invalid(vec![e]))?;
        let region = match &configuration.region {
            Some(region) => Some(region.clone()),
            None => ambient_region(configuration.profile.as_deref()).await,
        };
        let region =
            region.ok_or_else(|| Error::Invalid(vec![no_region(self.catalogue.package.name)]))?;
        let aws = Arc::new(Aws::new(self.catalogue.package.name, configuration, region));
        let id = request.id.filter(|id| !id.is_empty() && id != UNKNOWN);
        let configured = Configured {
            aws,
            default_tags: Configuration::default_tags(&properties),
            ledger: Arc::default(),
            learned: OnceCell::new(),
            cancel: CancellationToken::new(),
            constructed: Arc::default(),
            urn: request.urn.unwrap_or_default().into(),
            id,
        };
        let mut latest = self
            .configured
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Arc::new(configured));
        Ok(())
    }

    /// Answers another engine from now on.
    pub(super) fn attach_to(&self, address: String) {
        let engine = Arc::new(Engine::new(Some(address)));
        *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = engine;
    }
}

/// The first text that these properties have for a key.
pub(super) fn text(known: &[&Properties], key: &str) -> Option<String> {
    let values = known.iter().filter_map(|properties| properties.get(key));
    values.filter_map(Value::as_str).next().map(str::to_owned)
}

/// The configuration in a `Configure` request: typed arguments, or text by qualified name.
fn configuration_of(request: &rpc::ConfigureRequest) -> Properties {
    let mut properties = match &request.args {
        Some(args) => from_struct(Some(args.clone())),
        None => Properties::new(),
    };
    for (key, value) in &request.variables {
        let name = key.rsplit(':').next().unwrap_or(key);
        // They do not say which of them are secret.
        properties
            .entry(name.to_owned())
            .or_insert_with(|| Value::secret(Value::String(value.clone())));
    }
    properties.retain(|key, _| Configuration::table().field(key).is_some());
    properties
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{component::seed, package::Package, wire::to_struct};
    use rpc::resource_provider_server::ResourceProvider;
    use tonic::Request;

    fn provider() -> Provider {
        let package = Package::new("acme", "1.0.0");
        Provider::new(Arc::new(Catalogue::new(package)), None)
    }

    #[tokio::test]
    async fn nothing_was_left_with_a_seed_that_this_process_has_made() {
        let provider = provider();
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
            urn: format!("urn:pulumi:dev::demo::{}::shop-seed", seed::token("acme")),
            ..Default::default()
        };
        let made = provider.create(Request::new(request)).await;
        let made = made.expect("creates").into_inner();
        let is_first = async |seed: &str| {
            let properties = [(SEED.to_owned(), seed.into())].into();
            let urn = Urn::from("urn:pulumi:dev::demo::acme:ec2:Vpc::shop-vpc");
            let known = [&properties];
            let cx = provider.context(urn, &known, 0.0, Duration::ZERO);
            cx.await.expect("needs no network").is_first()
        };
        assert!(is_first(&made.id).await && !is_first("kept").await);
    }

    #[tokio::test]
    async fn secret_configuration_stays_secret() {
        let provider = provider();
        let news =
            ["region", "accessKey", "secretKey"].map(|key| (key.to_owned(), "eu-west-1".into()));
        let request = rpc::CheckRequest {
            news: Some(to_struct(&news.into())),
            ..Default::default()
        };
        let checked = provider.check_config(Request::new(request)).await;
        let inputs = checked.expect("checks").into_inner().inputs;
        let inputs = from_struct(inputs);
        let secret = |key: &str| inputs[key].has_secret();
        assert!(secret("secretKey") && secret("accessKey") && !secret("region"));
    }
}
