//! A stack: a provider that is configured, and what is made with it.

use crate::{
    aws,
    provider::{Made, Provider, properties},
};
use pulumi_aws_framework::{identity::random, value::Properties};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A provider that is configured for moto, in a region of its own.
pub struct Stack {
    /// The provider.
    pub provider: Provider,
    /// The region.
    pub region: &'static str,
    /// The name, also the project's in URNs.
    pub name: String,
}

/// The environment that leads to moto.
#[must_use]
pub fn moto() -> [(&'static str, &'static str); 3] {
    [
        ("AWS_ENDPOINT_URL", &aws::moto().url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
}

/// Those where a zone's place in the list is the place that it has in the order of its names.
const REGIONS: [&str; 13] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "sa-east-1",
];

impl Stack {
    /// A stack of that name, unique in the test binary.
    pub async fn new(name: &str) -> Self {
        Self::configured(name, Provider::start(&moto()).await, json!({})).await
    }

    /// A stack with more configuration than its region, or another provider.
    pub async fn configured(name: &str, provider: Provider, more: Json) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let region = REGIONS[NEXT.fetch_add(1, Ordering::Relaxed) % REGIONS.len()];
        // What moto does not know is a 500, which one attempt shows soonest.
        let mut arguments = json!({"region": region, "maxRetries": 0});
        let more = more.as_object().cloned().unwrap_or_default();
        arguments.as_object_mut().expect("an object").extend(more);
        provider
            .configure(&format!("{name}-{}", random(8)), &arguments)
            .await
            .expect("configures");
        Self {
            provider,
            region,
            name: name.to_owned(),
        }
    }

    /// The URN of a resource of this stack.
    #[must_use]
    pub fn urn(&self, token: &str, name: &str) -> String {
        format!("urn:pulumi:test::{}::{token}::{name}", self.name)
    }

    /// Checks and makes what a test needs.
    pub async fn make(&self, token: &str, name: &str, inputs: Json) -> Made {
        let urn = self.urn(token, name);
        let checked = self
            .provider
            .check(&urn, &Properties::new(), &properties(&inputs))
            .await;
        let inputs = checked.unwrap_or_else(|found| panic!("{urn}: {found:?}"));
        let made = self.provider.create(&urn, &inputs, false).await;
        made.unwrap_or_else(|status| panic!("{urn}: {}", status.message()))
    }

    /// The ARN of an object with the id `{id}`: of a service, beginning so after the account.
    #[must_use]
    pub fn arn(&self, service: &str, kind: &str) -> String {
        let caller = self.aws("sts", "get_caller_identity", &json!({}));
        let account = caller.expect("answers")["Account"].take();
        let account = account.as_str().expect("text");
        format!("arn:aws:{service}:{}:{account}:{kind}{{id}}", self.region)
    }

    /// What boto3 answers in this stack's region, or the error's code.
    pub fn aws(&self, service: &str, operation: &str, arguments: &Json) -> Result<Json, String> {
        aws::call(self.region, service, operation, arguments)
    }
}
