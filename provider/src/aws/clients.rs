//! One client per service and region, made when it is first used.

use super::{Class, Configuration, During};
use crate::{
    context::Tags,
    error::{Error, Result},
};
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider};
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

/// The configuration of a service's client, with the endpoint that the provider's configuration names for it.
macro_rules! with_endpoint {
    ($sdk:ident, $config:expr, $own:expr, $service:literal) => {{
        let mut builder = $sdk::config::Builder::from($config);
        if let Some(url) = $own.endpoints.as_ref().and_then(|all| all.get($service)) {
            builder = builder.endpoint_url(url);
        }
        builder
    }};
}

/// AWS as one provider configuration sees it.
pub struct Aws {
    configuration: Configuration,
    region: String,
    sdk: OnceCell<SdkConfig>,
    caller: OnceCell<Result<Caller>>,
    regions: Mutex<HashMap<String, Arc<Clients>>>,
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) id: String,
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
    /// AWS with this configuration, in this region. Makes no call.
    #[must_use]
    pub fn new(configuration: Configuration, region: String) -> Self {
        let (sdk, caller, regions) = (OnceCell::new(), OnceCell::new(), Mutex::default());
        Self {
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
        let sdk = self.sdk().await;
        if !self
            .configuration
            .skip_credentials_validation
            .unwrap_or(false)
        {
            self.caller().await?;
        }
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
        Ok(clients.clone())
    }

    /// Whose credentials these are; asked once.
    ///
    /// # Errors
    /// Missing or wrong credentials, or an account that the configuration refuses.
    pub async fn caller(&self) -> Result<Caller> {
        // A failure is remembered too: every resource of a stack would wait for the next one, in turn.
        self.caller.get_or_init(|| self.identify()).await.clone()
    }

    async fn identify(&self) -> Result<Caller> {
        let sdk = self.sdk().await;
        let missing = |reason: String| {
            let operation = "load AWS credentials".to_owned();
            super::Error {
                operation,
                code: None,
                message: reason,
                request_id: None,
                class: Class::Credentials,
            }
        };
        let provider = sdk
            .credentials_provider()
            .ok_or_else(|| missing("there is no source of them".to_owned()))?;
        if let Err(error) = provider.provide_credentials().await {
            let reason = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            // What follows the first line says of each source that it is not there.
            let first = reason.lines().next().unwrap_or_default();
            let first = first.trim_end_matches(". Attempted:").to_owned();
            return Err(missing(first).into());
        }
        let config = with_endpoint!(aws_sdk_sts, sdk, self.configuration, "sts").build();
        let who = aws_sdk_sts::Client::from_conf(config)
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

    fn refuse_account(&self, account: &str) -> Result<()> {
        let Configuration {
            allowed_account_ids: allowed,
            forbidden_account_ids: forbidden,
            ..
        } = &self.configuration;
        let refused = allowed.as_ref().is_some_and(|ids| !ids.contains(account))
            || forbidden.as_ref().is_some_and(|ids| ids.contains(account));
        if !refused {
            return Ok(());
        }
        Err(Error::failed(format!(
            "the credentials are of account {account}, which the provider's allowedAccountIds or forbiddenAccountIds \
             refuse; use credentials of another account, or change the configuration"
        )))
    }

    async fn sdk(&self) -> &SdkConfig {
        self.sdk.get_or_init(|| self.load()).await
    }

    async fn load(&self) -> SdkConfig {
        let own = &self.configuration;
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let attempts = own
            .max_retries
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(9)
            + 1;
        let retries = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_max_backoff(Duration::from_secs(20));
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .retry_config(retries)
            .region(Region::new(self.region.clone()));
        if let Some(profile) = &own.profile {
            loader = loader.profile_name(profile);
        }
        if let (Some(key), Some(secret)) = (&own.access_key, &own.secret_key) {
            let credentials =
                Credentials::new(key, secret, own.token.clone(), None, "pulumi configuration");
            loader = loader.credentials_provider(credentials);
        }
        let sdk = loader.load().await;
        let Some(role) = &own.assume_role else {
            return sdk;
        };
        let mut provider = AssumeRoleProvider::builder(&role.role_arn)
            .configure(&sdk)
            .session_name(role.session_name.as_deref().unwrap_or("pulumi-dbt-aws"))
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

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident as $service:literal,)+) => {
        /// The clients of one region.
        pub struct Clients {
            sdk: SdkConfig,
            configuration: Configuration,
            region: String,
            pub(crate) zones: OnceCell<Vec<Zone>>,
            s3: OnceLock<aws_sdk_s3::Client>,
            $($name: OnceLock<$sdk::Client>,)+
        }

        impl Clients {
            fn new(sdk: SdkConfig, configuration: Configuration, region: String) -> Self {
                Self { sdk, configuration, region, zones: OnceCell::new(), s3: OnceLock::new(), $($name: OnceLock::new(),)+ }
            }

            $($(#[$doc])*
            pub fn $name(&self) -> &$sdk::Client {
                self.$name.get_or_init(|| {
                    $sdk::Client::from_conf(with_endpoint!($sdk, &self.sdk, self.configuration, $service).build())
                })
            })+
        }
    };
}

clients! {
    /// EC2's client.
    ec2: aws_sdk_ec2 as "ec2",
    /// ECR's client.
    ecr: aws_sdk_ecr as "ecr",
    /// ECS's client.
    ecs: aws_sdk_ecs as "ecs",
    /// IAM's client.
    iam: aws_sdk_iam as "iam",
    /// CloudWatch Logs' client.
    logs: aws_sdk_cloudwatchlogs as "logs",
    /// RDS's client.
    rds: aws_sdk_rds as "rds",
    /// EventBridge Scheduler's client.
    scheduler: aws_sdk_scheduler as "scheduler",
    /// Secrets Manager's client.
    secretsmanager: aws_sdk_secretsmanager as "secretsmanager",
    /// Step Functions' client.
    sfn: aws_sdk_sfn as "sfn",
    /// SQS's client.
    sqs: aws_sdk_sqs as "sqs",
}

impl Clients {
    /// Clients that can make no call.
    #[cfg(test)]
    pub(crate) fn offline(region: &str) -> Self {
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

    /// S3's client.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            let own = self
                .configuration
                .endpoints
                .as_ref()
                .is_some_and(|all| all.contains_key("s3"))
                || self.sdk.endpoint_url().is_some();
            let path_style = self.configuration.s3_use_path_style.unwrap_or(own);
            let builder = with_endpoint!(aws_sdk_s3, &self.sdk, self.configuration, "s3");
            aws_sdk_s3::Client::from_conf(builder.force_path_style(path_style).build())
        })
    }

    /// The endpoint to use instead of ECR's registry host, where there is one.
    #[must_use]
    pub fn registry_endpoint(&self) -> Option<&str> {
        let own = self
            .configuration
            .endpoints
            .as_ref()
            .and_then(|all| all.get("registry"));
        own.map(String::as_str).or_else(|| self.sdk.endpoint_url())
    }
}
