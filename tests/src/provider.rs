//! The provider's process, and the calls that the engine makes.

use crate::messages::{Said, messages};
use prost::Message;
use pulumi_aws_framework::{
    pulumirpc::{self as rpc, resource_provider_client::ResourceProviderClient},
    value::{Properties, Value},
    wire::{from_struct, to_struct},
};
use serde_json::Value as Json;
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tonic::{Status, transport::Channel};

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

    /// The ids of all objects of a kind, a few at a time.
    pub async fn list(&self, token: &str) -> Vec<String> {
        use rpc::list_response::Response::{Computed, Continuation, Result};
        let (mut ids, mut next) = (Vec::new(), Some(String::new()));
        while let Some(continuation_token) = next.take() {
            let request = rpc::ListRequest {
                token: token.to_owned(),
                page_size: 20,
                continuation_token,
                ..Default::default()
            };
            let answers = self.client().list(request).await.expect("lists");
            let (mut answers, before) = (answers.into_inner(), ids.len());
            while let Some(answer) = answers.message().await.expect("answers") {
                match answer.response.expect("says something") {
                    Result(found) => ids.push(found.id),
                    Continuation(more) => next = Some(more.continuation_token),
                    Computed(_) => panic!("{token}: everything was known"),
                }
            }
            assert!(ids.len() <= before + 20, "{token}: more than was asked for");
        }
        ids
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
