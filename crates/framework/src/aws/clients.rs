//! One client per service and region, made when it is first used.

use super::{Class, Configuration, During, ambient::half_a_pair};
use crate::{
    context::Tags,
    error::{Error, Result},
};
use aws_config::{
    BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, retry::RetryConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    credential_fn::provide_credentials_fn,
    provider::{ProvideCredentials, error::CredentialsError},
};
use aws_sdk_sts::{error::ProvideErrorMetadata, operation::assume_role::AssumeRoleError};
use aws_types::origin::Origin;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

/// AWS as one provider configuration sees it.
pub struct Aws {
    package: &'static str,
    configuration: Configuration,
    region: String,
    sdk: OnceCell<SdkConfig>,
    caller: OnceCell<Result<Caller>>,
    regions: Mutex<HashMap<String, Arc<Clients>>>,
}

/// Whose credentials these are.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account's id, twelve digits.
    pub account_id: String,
    /// The user's or role's ARN.
    pub arn: String,
    /// The unique id of the user or role.
    pub user_id: String,
}

impl Aws {
    /// AWS with this configuration of a package, in this region. Makes no call.
    #[must_use]
    pub fn new(package: &'static str, configuration: Configuration, region: String) -> Self {
        let (sdk, caller, regions) = (OnceCell::new(), OnceCell::new(), Mutex::default());
        Self {
            package,
            configuration,
            region,
            sdk,
            caller,
            regions,
        }
    }

    /// The configuration.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The tags to put on everything.
    #[must_use]
    pub fn default_tags(&self) -> Tags {
        let configured = self.configuration.default_tags.as_ref();
        configured.and_then(|d| d.tags.clone()).unwrap_or_default()
    }

    /// The configured region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The clients of a region, after the credentials were looked at once.
    ///
    /// # Errors
    /// Missing or wrong credentials, or an account that the configuration refuses.
    pub async fn clients(&self, region: &str) -> Result<Arc<Clients>> {
        self.verify_account(None).await?;
        Ok(self.unverified_clients(region).await)
    }

    /// The clients of a region, to look at something meanwhile: what is found counts once [`Aws::verify_account`] has.
    pub(crate) async fn unverified_clients(&self, region: &str) -> Arc<Clients> {
        let sdk = self.sdk().await;
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = regions.entry(region.to_owned()).or_insert_with(|| {
            let sdk = sdk
                .to_builder()
                .region(Region::new(region.to_owned()))
                .build();
            Arc::new(Clients::new(
                sdk,
                self.configuration.clone(),
                region.to_owned(),
            ))
        });
        clients.clone()
    }

    /// Whether some accounts are refused.
    pub(crate) fn limits_accounts(&self) -> bool {
        let own = &self.configuration;
        own.allowed_account_ids.is_some() || own.forbidden_account_ids.is_some()
    }

    /// Whether it is asked whose credentials these are.
    fn validates(&self) -> bool {
        let skips = self.configuration.skip_credentials_validation;
        self.limits_accounts() || !skips.unwrap_or(false)
    }

    /// Looks at the credentials once, and whether they are of the account of an object.
    ///
    /// # Errors
    /// Missing or wrong credentials, or an account that the configuration refuses or that has not this object.
    pub(crate) async fn verify_account(&self, arn: Option<&str>) -> Result<()> {
        if self.validates() {
            self.caller().await?;
        }
        match arn {
            Some(arn) => self.refuse_other(arn).await,
            None => Ok(()),
        }
    }

    /// Refuses to look for an object with the credentials of another account, where it would seem to be gone.
    ///
    /// # Errors
    /// The object is of another account.
    pub async fn refuse_other(&self, arn: &str) -> Result<()> {
        let account = arn.split(':').nth(4).filter(|account| !account.is_empty());
        let Some(account) = account.filter(|_| self.validates()) else {
            return Ok(());
        };
        let caller = self.caller().await?;
        if caller.account_id == account {
            return Ok(());
        }
        Err(Error::failed(format!(
            "{arn} is in account {account}, but the credentials belong to account {}; use credentials of {account}, for \
             example with AWS_PROFILE or `pulumi config set {}:profile`",
            caller.account_id, self.package
        )))
    }

    /// Whose credentials these are; asked once.
    ///
    /// # Errors
    /// Missing or wrong credentials, or an account that the configuration refuses.
    pub async fn caller(&self) -> Result<Caller> {
        // A failure is remembered too: every resource of a stack would wait for the next one, in turn.
        self.caller.get_or_init(|| self.ask_caller()).await.clone()
    }

    async fn ask_caller(&self) -> Result<Caller> {
        let sdk = self.sdk().await;
        let missing =
            |reason: String| super::Error::new(Class::Credentials, "load AWS credentials", reason);
        let provider = sdk
            .credentials_provider()
            .ok_or_else(|| missing("there is no source of them".to_owned()))?;
        if let Err(error) = provider.provide_credentials().await {
            return Err(missing(self.why_no_credentials(&error)).into());
        }
        let config = with_endpoint(sdk, &self.configuration, "sts");
        let who = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .during("ask AWS STS whose credentials these are")?;
        let caller = Caller {
            account_id: who.account.unwrap_or_default(),
            arn: who.arn.unwrap_or_default(),
            user_id: who.user_id.unwrap_or_default(),
        };
        self.refuse_account(&caller.account_id)?;
        Ok(caller)
    }

    /// Why there are no credentials: what AWS says to the role that is assumed, or the innermost cause.
    fn why_no_credentials(&self, error: &CredentialsError) -> String {
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
        let refusal = causes
            .clone()
            .find_map(|cause| cause.downcast_ref::<AssumeRoleError>());
        if let (Some(refusal), Some(role)) = (refusal, &self.configuration.assume_role) {
            return format!(
                "{} cannot be assumed: {}: {}; check that its trust policy allows these credentials, and whether it requires an externalId",
                role.role_arn,
                refusal.code().unwrap_or("no code"),
                refusal.message().unwrap_or("no reason given")
            );
        }
        let Some(innermost) = causes.last() else {
            return String::new();
        };
        let text = innermost.to_string();
        // What follows the first line says of each source that it is not there.
        let first = text.lines().next().unwrap_or_default();
        let first = first.trim_end_matches(". Attempted:");
        let first = first.trim_start_matches("ProfileFile provider could not be built: ");
        match &self.configuration.profile {
            Some(profile) if innermost.is::<CredentialsError>() => {
                format!("the profile {profile} has no credentials")
            }
            Some(profile) if !first.contains(profile) => format!("the profile {profile}: {first}"),
            _ => first.to_owned(),
        }
    }

    fn refuse_account(&self, account: &str) -> Result<()> {
        let Configuration {
            allowed_account_ids: allowed,
            forbidden_account_ids: forbidden,
            ..
        } = &self.configuration;
        let refusal = match (allowed, forbidden) {
            (Some(ids), _) if !ids.contains(account) => {
                let ids = Vec::from_iter(ids.iter().map(String::as_str));
                format!("allowedAccountIds do not name: {}", ids.join(", "))
            }
            (_, Some(ids)) if ids.contains(account) => "forbiddenAccountIds name".to_owned(),
            _ => return Ok(()),
        };
        Err(Error::failed(format!(
            "the credentials belong to account {account}, which the provider's {refusal}; use credentials of another \
             account, or change the configuration"
        )))
    }

    async fn sdk(&self) -> &SdkConfig {
        self.sdk.get_or_init(|| self.load()).await
    }

    async fn load(&self) -> SdkConfig {
        let own = &self.configuration;
        let http = super::http::client();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .build();
        let attempts = own
            .max_retries
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(9)
            + 1;
        let retries = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_max_backoff(Duration::from_secs(20));
        let region = Region::new(self.region.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http.clone())
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .region(region.clone());
        if let Some(profile) = &own.profile {
            loader = loader.profile_name(profile);
        }
        // What the configuration says goes before the environment.
        if let (Some(key), Some(secret)) = (&own.access_key, &own.secret_key) {
            let token = own.token.as_ref().map(|token| token.expose().to_owned());
            let (key, secret) = (key.expose(), secret.expose());
            let credentials = Credentials::new(key, secret, token, None, "pulumi configuration");
            loader = loader.credentials_provider(credentials);
        } else if let Some(profile) = &own.profile {
            let files = ProviderConfig::without_region()
                .with_region(Some(region))
                .with_http_client(http)
                .with_retry_config(retries)
                .with_timeout_config(timeouts);
            let files = ProfileFileCredentialsProvider::builder().configure(&files);
            loader = loader.credentials_provider(files.profile_name(profile).build());
        } else if let Some(reason) = half_a_pair() {
            let refuse =
                move || async move { Err(CredentialsError::invalid_configuration(reason)) };
            loader = loader.credentials_provider(provide_credentials_fn(refuse));
        }
        let sdk = loader.load().await;
        let Some(role) = &own.assume_role else {
            return sdk;
        };
        let sts = with_endpoint(&sdk, own, "sts");
        let usual = format!("pulumi-{}", self.package);
        let own_name = role.session_name.as_deref().unwrap_or(&usual);
        let mut provider = AssumeRoleProvider::builder(&role.role_arn)
            .configure(&sts)
            .session_name(own_name)
            .session_length(Duration::from_secs(
                role.duration_seconds
                    .and_then(|s| s.try_into().ok())
                    .unwrap_or(3600),
            ));
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let provider =
            aws_credential_types::provider::SharedCredentialsProvider::new(provider.build().await);
        sdk.into_builder().credentials_provider(provider).build()
    }
}

/// AWS in one region: what the clients of its services are made of.
pub struct Clients {
    sdk: SdkConfig,
    configuration: Configuration,
    region: String,
    made: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Clients {
    fn new(sdk: SdkConfig, configuration: Configuration, region: String) -> Self {
        Self {
            sdk,
            configuration,
            region,
            made: Mutex::default(),
        }
    }

    /// Clients that can make no call, for tests.
    #[must_use]
    pub fn offline(region: &str) -> Self {
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .build();
        Self::new(sdk, Configuration::default(), region.to_owned())
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The provider's configuration.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// What the client of a service is made of.
    #[must_use]
    pub fn sdk_for(&self, service: &str) -> SdkConfig {
        with_endpoint(&self.sdk, &self.configuration, service)
    }

    /// The endpoint that is named for a service, in the provider's configuration, in `AWS_ENDPOINT_URL_<SERVICE>` or for
    /// all in `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> Option<String> {
        let variable = format!("AWS_ENDPOINT_URL_{}", service.to_uppercase());
        let own = self.configuration.endpoint(service).map(str::to_owned);
        own.or_else(|| std::env::var(variable).ok().filter(|url| !url.is_empty()))
            .or_else(|| self.sdk.endpoint_url().map(str::to_owned))
    }

    /// The one value of its type for this region, such as the client of a service; made when it is first asked for.
    pub fn shared<T: Any + Clone + Send + Sync>(&self, make: impl FnOnce(&Self) -> T) -> T {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let found = made.get(&TypeId::of::<T>());
        if let Some(found) = found.and_then(|found| found.downcast_ref::<T>()) {
            return found.clone();
        }
        let new = make(self);
        made.insert(TypeId::of::<T>(), Box::new(new.clone()));
        new
    }
}

fn with_endpoint(sdk: &SdkConfig, own: &Configuration, service: &str) -> SdkConfig {
    let mut sdk = sdk.to_builder();
    if let Some(url) = own.endpoint(service) {
        sdk.set_endpoint_url(Some(url.to_owned()));
        // What the configuration says goes before the environment.
        sdk.insert_origin("endpoint_url", Origin::shared_config());
    }
    sdk.build()
}
