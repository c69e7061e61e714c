//! Credentials for registries, as Docker keeps them.

use std::{collections::HashMap, env, fmt, fs, path::PathBuf, process::Stdio, sync::Arc};

use futures::future::BoxFuture;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command, sync::OnceCell};

use super::{Credentials, Result};

/// Registry credentials, resolved on the first challenge.
#[derive(Clone)]
pub struct Login(Arc<Question>);

struct Question {
    ask: Box<dyn Fn() -> BoxFuture<'static, Result<Option<Credentials>>> + Send + Sync>,
    answer: OnceCell<Option<Credentials>>,
}

impl Login {
    /// What `ask` answers; nothing where the registry may be read by anybody.
    pub fn new<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<Credentials>>> + Send + 'static,
    {
        Self(Arc::new(Question {
            ask: Box::new(move || Box::pin(ask())),
            answer: OnceCell::new(),
        }))
    }

    /// These credentials.
    pub fn of(credentials: Option<Credentials>) -> Self {
        Self::new(move || std::future::ready(Ok(credentials.clone())))
    }

    /// What Docker knows for a host.
    pub(super) fn of_docker(host: &str) -> Self {
        let host = host.to_owned();
        Self::new(move || {
            let host = host.clone();
            async move { Ok(of_docker(&host).await) }
        })
    }

    /// What opens the registry: asked for once, when it is first needed.
    pub async fn credentials(&self) -> Result<Option<&Credentials>> {
        let answer = self.0.answer.get_or_try_init(|| (self.0.ask)()).await?;
        Ok(answer.as_ref())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

/// Docker's configuration file, as far as it tells of credentials.
/// <https://docs.docker.com/reference/cli/docker/login/>
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DockerConfig {
    auths: HashMap<String, Auth>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
}

/// What Docker knows for a registry, from `config.json` or a credential helper; nothing where it
/// knows nothing, since most registries answer the anonymous too.
async fn of_docker(host: &str) -> Option<Credentials> {
    let directory = env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".docker")))?;
    let text = fs::read(directory.join("config.json")).ok()?;
    find(&serde_json::from_slice(&text).ok()?, host).await
}

async fn find(config: &DockerConfig, host: &str) -> Option<Credentials> {
    let hub = "https://index.docker.io/v1/";
    let host = host
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let key = if host == "docker.io" { hub } else { host };
    if let Some(helper) = config.cred_helpers.get(key).or(config.creds_store.as_ref()) {
        return ask(helper, key).await;
    }
    let same = |name: &&String| name.trim_start_matches("https://").trim_end_matches('/') == key;
    let name = config
        .auths
        .keys()
        .find(|name| *name == key)
        .or_else(|| config.auths.keys().find(same))?;
    let decoded = data_encoding::BASE64
        .decode(config.auths[name].auth.as_bytes())
        .ok()?;
    let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Credentials {
        username: username.into(),
        password: password.trim_end_matches('\0').into(),
    })
}

/// Ask `docker-credential-<helper>`.
async fn ask(helper: &str, key: &str) -> Option<Credentials> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(key.as_bytes()).await.ok()?;
    let output = child.wait_with_output().await.ok()?;
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .ok()
        .filter(|_| output.status.success())?;
    // a helper that holds an identity token says so by this name: only a login can use it
    (answer.username != "<token>").then_some(Credentials {
        username: answer.username,
        password: answer.secret,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entries_are_found_by_host() {
        let config = r#"{"auths": {"https://a.example/": {"auth": "bWU6b25l"}, "b.example:5000": {"auth": "bWU6dHdv"},
            "https://index.docker.io/v1/": {"auth": "bWU6aHVi"}, "c.example": {}}, "other": 1}"#;
        let config: DockerConfig = serde_json::from_str(config).unwrap();
        let mut found = Vec::new();
        for host in [
            "a.example",
            "http://b.example:5000",
            "docker.io",
            "c.example",
            "d.example",
        ] {
            found.push(
                find(&config, host)
                    .await
                    .map(|credentials| credentials.password)
                    .unwrap_or_default(),
            );
        }
        assert_eq!(found, ["one", "two", "hub", "", ""]);
    }
}
