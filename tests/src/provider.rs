//! The provider's process, and the calls that the engine makes.

use crate::aws;
use dbt_aws::{
    identity::random,
    pulumirpc::{
        self as rpc,
        engine_server::{Engine, EngineServer},
        resource_provider_client::ResourceProviderClient,
    },
    value::{Properties, Value},
    wire::{from_struct, to_struct},
};
use prost::Message;
use serde_json::{Value as Json, json};
use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};

/// One process of the provider. It ends with this value.
pub struct Provider {
    client: ResourceProviderClient<Channel>,
    messages: Said,
    _process: Child,
}

/// What the engine would keep of a resource.
#[derive(Clone, Debug)]
pub struct Made {
    /// The id.
    pub id: String,
    /// The URN.
    pub urn: String,
    /// The inputs as checked.
    pub inputs: Properties,
    /// The outputs.
    pub outputs: Properties,
}

impl Made {
    /// An output that is text, secret or not.
    #[must_use]
    pub fn get(&self, name: &str) -> String {
        let value = self.outputs.get(name).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("{} has no text {name}", self.urn))
            .to_owned()
    }
}

/// The properties in a JSON object.
#[must_use]
pub fn properties(json: &Json) -> Properties {
    Value::from_json(json).into_properties()
}

/// What a check found wrong, as "path: reason", which the reason alone is where the property is secret.
#[must_use]
pub fn failures(found: &[rpc::CheckFailure]) -> Vec<String> {
    found
        .iter()
        .map(|f| match f.property.as_str() {
            "" => f.reason.clone(),
            property => format!("{property}: {}", f.reason),
        })
        .collect()
}

/// What is remembered of a create or update that failed after it did something.
#[must_use]
pub fn init_failed(status: &Status) -> Option<rpc::ErrorResourceInitFailed> {
    #[derive(Clone, PartialEq, Message)]
    struct Detailed {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    let detailed = Detailed::decode(status.details()).ok()?;
    let any = detailed
        .details
        .iter()
        .find(|a| a.type_url.ends_with("ErrorResourceInitFailed"))?;
    rpc::ErrorResourceInitFailed::decode(any.value.as_slice()).ok()
}

impl Provider {
    /// Starts the provider as the engine does, with these variables in an otherwise nearly empty environment.
    pub async fn start(variables: &[(&str, &str)]) -> Self {
        let (messages, address) = messages().await;
        Self::run(variables, Some(&address), messages).await
    }

    /// Starts the provider as a developer does, and attaches to it.
    pub async fn attach(variables: &[(&str, &str)]) -> Self {
        let (messages, address) = messages().await;
        let provider = Self::run(variables, None, messages).await;
        let attach = rpc::PluginAttach { address };
        provider.client().attach(attach).await.expect("attaches");
        provider
    }

    async fn run(variables: &[(&str, &str)], engine: Option<&str>, messages: Said) -> Self {
        let mut process = Command::new(program())
            .args(engine)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // No configuration files of whoever runs the tests.
            .env("HOME", "/nonexistent")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starts the provider");
        let output = process.stdout.take().expect("has an output");
        let line = BufReader::new(output).lines().next_line().await;
        let port = line.expect("reads").expect("says its port");
        let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
        let channel = endpoint
            .tcp_nodelay(true)
            .connect()
            .await
            .expect("connects");
        let client = ResourceProviderClient::new(channel).max_decoding_message_size(usize::MAX);
        Self {
            client,
            messages,
            _process: process,
        }
    }

    /// The generated client, for what has no method here.
    #[must_use]
    pub fn client(&self) -> ResourceProviderClient<Channel> {
        self.client.clone()
    }

    /// Waits until the provider has told the user something with these words: it arrives beside its answers.
    pub async fn said(&self, words: &str) {
        let said = async {
            while !self.messages().iter().any(|m| m.contains(words)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(60), said).await;
        assert!(heard.is_ok(), "{words:?} is not in {:?}", self.messages());
    }

    /// What the provider has told the user so far.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().expect("no panic").clone()
    }

    /// Configures it; `id` is the provider resource's.
    pub async fn configure(&self, id: &str, arguments: &Json) -> Result<(), Status> {
        let request = rpc::ConfigureRequest {
            args: Some(to_struct(&properties(arguments))),
            accept_secrets: true,
            accept_resources: true,
            id: Some(id.to_owned()),
            ..Default::default()
        };
        self.client().configure(request).await.map(drop)
    }

    /// The checked inputs, or what is wrong with them.
    pub async fn check(
        &self,
        urn: &str,
        olds: &Properties,
        news: &Properties,
    ) -> Result<Properties, Vec<String>> {
        let request = rpc::CheckRequest {
            urn: urn.to_owned(),
            olds: Some(to_struct(olds)),
            news: Some(to_struct(news)),
            ..Default::default()
        };
        let answer = self
            .client()
            .check(request)
            .await
            .expect("checks")
            .into_inner();
        if answer.failures.is_empty() {
            Ok(from_struct(answer.inputs))
        } else {
            Err(failures(&answer.failures))
        }
    }

    /// What differs between what was made and the new inputs.
    pub async fn diff(&self, old: &Made, news: &Properties) -> rpc::DiffResponse {
        let request = rpc::DiffRequest {
            id: old.id.clone(),
            urn: old.urn.clone(),
            olds: Some(to_struct(&old.outputs)),
            old_inputs: Some(to_struct(&old.inputs)),
            news: Some(to_struct(news)),
            ..Default::default()
        };
        self.client()
            .diff(request)
            .await
            .expect("compares")
            .into_inner()
    }

    /// Makes it, or answers what it would be.
    pub async fn create(
        &self,
        urn: &str,
        inputs: &Properties,
        preview: bool,
    ) -> Result<Made, Status> {
        let request = rpc::CreateRequest {
            urn: urn.to_owned(),
            properties: Some(to_struct(inputs)),
            preview,
            ..Default::default()
        };
        let answer = self.client().create(request).await?.into_inner();
        Ok(Made {
            id: answer.id,
            urn: urn.to_owned(),
            inputs: inputs.clone(),
            outputs: from_struct(answer.properties),
        })
    }

    /// A refresh; `None` when it is gone.
    pub async fn read(&self, old: &Made) -> Result<Option<Made>, Status> {
        let (inputs, outputs) = (to_struct(&old.inputs), to_struct(&old.outputs));
        self.look(&old.urn, &old.id, Some(inputs), Some(outputs))
            .await
    }

    /// An import; `None` when there is no such object.
    pub async fn import(&self, urn: &str, id: &str) -> Result<Option<Made>, Status> {
        self.look(urn, id, None, None).await
    }

    async fn look(
        &self,
        urn: &str,
        id: &str,
        inputs: Option<prost_types::Struct>,
        outputs: Option<prost_types::Struct>,
    ) -> Result<Option<Made>, Status> {
        let request = rpc::ReadRequest {
            id: id.to_owned(),
            urn: urn.to_owned(),
            properties: outputs,
            inputs,
            ..Default::default()
        };
        let answer = self.client().read(request).await?.into_inner();
        Ok((!answer.id.is_empty()).then(|| Made {
            id: answer.id,
            urn: urn.to_owned(),
            inputs: from_struct(answer.inputs),
            outputs: from_struct(answer.properties),
        }))
    }

    /// Changes it, or answers what it would become.
    pub async fn update(
        &self,
        old: &Made,
        news: &Properties,
        preview: bool,
    ) -> Result<Made, Status> {
        let request = rpc::UpdateRequest {
            id: old.id.clone(),
            urn: old.urn.clone(),
            olds: Some(to_struct(&old.outputs)),
            old_inputs: Some(to_struct(&old.inputs)),
            news: Some(to_struct(news)),
            preview,
            ..Default::default()
        };
        let answer = self.client().update(request).await?.into_inner();
        Ok(Made {
            inputs: news.clone(),
            outputs: from_struct(answer.properties),
            ..old.clone()
        })
    }

    /// Removes it.
    pub async fn delete(&self, old: &Made) -> Result<(), Status> {
        let request = rpc::DeleteRequest {
            id: old.id.clone(),
            urn: old.urn.clone(),
            properties: Some(to_struct(&old.outputs)),
            old_inputs: Some(to_struct(&old.inputs)),
            ..Default::default()
        };
        self.client().delete(request).await.map(drop)
    }

    /// What a function answers, or what is wrong with the question.
    pub async fn invoke(&self, token: &str, arguments: &Json) -> Result<Properties, Vec<String>> {
        let request = rpc::InvokeRequest {
            tok: token.to_owned(),
            args: Some(to_struct(&properties(arguments))),
            ..Default::default()
        };
        let answer = self
            .client()
            .invoke(request)
            .await
            .expect("answers")
            .into_inner();
        if answer.failures.is_empty() {
            Ok(from_struct(answer.r#return))
        } else {
            Err(failures(&answer.failures))
        }
    }
}

/// Cargo puts the program two folders above the test.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.ancestors().nth(2).expect("a target folder");
    folder.join(format!(
        "provider-under-test{}",
        std::env::consts::EXE_SUFFIX
    ))
}

/// What the provider said.
type Said = Arc<Mutex<Vec<String>>>;

/// The engine's log, kept.
struct Messages(Said);

/// An engine, as far as a plugin speaks to it, and its address.
async fn messages() -> (Said, String) {
    let engine = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = engine.local_addr().expect("an address").to_string();
    let said = Said::default();
    let service = EngineServer::new(Messages(said.clone()));
    tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(engine)),
    );
    (said, address)
}

#[tonic::async_trait]
impl Engine for Messages {
    async fn log(&self, request: Request<rpc::LogRequest>) -> Result<Response<()>, Status> {
        self.0
            .lock()
            .expect("no panic")
            .push(request.into_inner().message);
        Ok(Response::new(()))
    }

    async fn get_root_resource(
        &self,
        _: Request<rpc::GetRootResourceRequest>,
    ) -> Result<Response<rpc::GetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn set_root_resource(
        &self,
        _: Request<rpc::SetRootResourceRequest>,
    ) -> Result<Response<rpc::SetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn start_debugging(
        &self,
        _: Request<rpc::StartDebuggingRequest>,
    ) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn require_pulumi_version(
        &self,
        _: Request<rpc::RequirePulumiVersionRequest>,
    ) -> Result<Response<rpc::RequirePulumiVersionResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

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

const REGIONS: [&str; 15] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-1",
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

    /// What a check finds wrong with these inputs.
    pub async fn refused(&self, token: &str, inputs: Json) -> Vec<String> {
        let urn = self.urn(token, "refused");
        let checked = self
            .provider
            .check(&urn, &Properties::new(), &properties(&inputs))
            .await;
        checked.err().unwrap_or_default()
    }

    /// What boto3 answers in this stack's region, or the error's code.
    pub fn aws(&self, service: &str, operation: &str, arguments: &Json) -> Result<Json, String> {
        aws::call(self.region, service, operation, arguments)
    }
}
