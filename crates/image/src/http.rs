//! HTTP as registries and package indexes need it: retries, bounds, and errors without secrets.

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use reqwest::{
    Certificate, Method, RequestBuilder, Response, StatusCode, Url, header,
    redirect::{Action, Attempt, Policy},
};

use super::{
    Error, Result,
    limits::{self, Limit},
    proxy::{self, Proxies},
    settings,
};

const ATTEMPTS: u32 = 5;
const LATE: &str = "no answer in time";

/// A user name and a password; the password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name: `AWS` for ECR.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, [hidden])", self.username)
    }
}

/// The hosts, with or without a port, that are asked without encryption because the user says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted(Arc<RwLock<BTreeSet<String>>>);

impl Trusted {
    /// Hosts as pip and uv take them, also with a scheme before them.
    pub(super) fn add(&self, hosts: impl IntoIterator<Item = String>) {
        let bare = |host: String| {
            let host = host.rsplit("://").next().unwrap_or_default();
            host.trim_end_matches('/').to_ascii_lowercase()
        };
        let mut trusted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        trusted.extend(hosts.into_iter().map(bare));
    }

    /// Nothing, or why a URL is not asked.
    fn refusal(&self, url: &Url) -> Option<String> {
        match url.scheme() {
            "https" => None,
            "http" if is_loopback(&host(url)) || self.has(url) => None,
            "http" => Some(format!(
                "it is reached by http, which anybody on the way can change: use https, or name it in PIP_TRUSTED_HOST: \
                 {}",
                host(url)
            )),
            other => Some(format!("it is reached by {other}, not by https")),
        }
    }

    fn has(&self, url: &Url) -> bool {
        let trusted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let name = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        trusted.contains(name) || trusted.contains(&format!("{name}:{port}"))
    }

    /// Whether an answer may lead to a URL: never from what is encrypted to what is not.
    fn redirect(&self, attempt: Attempt<'_>) -> Action {
        let (next, before) = (attempt.url(), attempt.previous());
        let encrypted = before.iter().any(|url| url.scheme() == "https");
        let reason = if before.len() > limits::REDIRECTS {
            Some("it leads on too often".to_owned())
        } else if encrypted && next.scheme() != "https" && !self.has(next) {
            Some(format!("it leads to {}://{}", next.scheme(), host(next)))
        } else {
            let refusal = self.refusal(next);
            refusal.map(|reason| format!("it leads to {}: {reason}", host(next)))
        };
        match reason {
            Some(reason) => attempt.error(reason),
            None => attempt.follow(),
        }
    }
}

/// What sends requests, to hosts that are encrypted, this machine or trusted.
#[derive(Clone, Debug)]
pub(super) struct Client {
    inner: reqwest::Client,
    pub(super) trusted: Trusted,
}

impl Client {
    /// A client that trusts the system's certificates and those that pip's settings name.
    pub(super) fn new() -> Self {
        let trusted = Trusted::default();
        trusted.add(settings::trusted_hosts());
        let proxies = Proxies::from_env();
        // a second caller finds the first one's provider, which is the same
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let trusted = trusted.clone();
            let client = reqwest::Client::builder()
                .user_agent(concat!("dbt-aws/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::custom(move |attempt| trusted.redirect(attempt)))
                // an index's URL may hold a token
                .referer(false)
                .connect_timeout(Duration::from_secs(10))
                .tcp_keepalive(Duration::from_secs(30));
            // without variables, those of the operating system's settings count
            match proxies.is_empty() {
                true => client,
                false => client.proxy(proxies.clone().into()),
            }
        };
        let named = env::var_os("PIP_CERT").and_then(|path| fs::read(path).ok());
        let certificates = named
            .and_then(|pem| Certificate::from_pem_bundle(&pem).ok())
            .unwrap_or_default();
        let inner = builder()
            .tls_certs_merge(certificates)
            .build()
            .or_else(|_| builder().build())
            .unwrap_or_default();
        Self { inner, trusted }
    }

    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.inner.request(method, url)
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Send a request until it succeeds, fails for good, or has been tried often enough.
    ///
    /// Every answer below 500 but 429 is an answer, not a failure.
    pub(super) async fn send(
        &self,
        action: &str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut wait =
                Duration::from_millis(200 << attempt).mul_f64(0.5 + rand::random::<f64>() / 2.0);
            match self.send_once(action, request(), limits::SILENCE).await {
                Ok(response) if attempt < ATTEMPTS && is_transient(response.status()) => {
                    let header = response.headers().get(header::RETRY_AFTER);
                    let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
                    wait = wait.max(Duration::from_secs(seconds.unwrap_or(0).min(30)));
                }
                Ok(response) => return Ok(response),
                Err((_, true)) if attempt < ATTEMPTS => {}
                Err((error, _)) => return Err(error),
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Send a request; a failure comes with whether another attempt may do better.
    pub(super) async fn send_once(
        &self,
        action: &str,
        request: RequestBuilder,
        patience: Duration,
    ) -> Result<Response, (Error, bool)> {
        let (client, request) = request.build_split();
        let request =
            request.map_err(|error| (failure(action, "the address given", &error), false))?;
        let url = request.url().clone();
        let host = host(&url);
        if let Some(reason) = self.trusted.refusal(&url) {
            return Err((refused(action, &host, reason), false));
        }
        let Ok(sent) = tokio::time::timeout(patience, client.execute(request)).await else {
            return Err((refused(action, &host, LATE), true));
        };
        let error = match sent {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let lasting = error.is_builder() || error.is_redirect() || is_refused(&error);
        let said = match error.is_connect() {
            true => by_proxy(&url).await,
            false => None,
        };
        match said {
            Some(reason) => {
                let passing = reason.contains(" answered 5");
                Err((refused(action, &host, reason), passing))
            }
            None => Err((failure(action, &host, &error), !lasting)),
        }
    }
}

/// The answer, or the error that it says it is.
pub(super) async fn success(action: &str, response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let host = host(response.url());
    let body = read(action, response, limits::REFUSAL).await;
    Err(Error::Http {
        action: action.into(),
        host,
        status: Some(status.as_u16()),
        reason: explain(status, &body.unwrap_or_default()),
    })
}

/// All that an answer holds.
pub(super) async fn read(action: &str, response: Response, limit: Limit) -> Result<Vec<u8>> {
    let mut body = Body::new(action, response, limit);
    let mut all = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// An answer's content as it comes: no more than is allowed, and not slower.
pub(super) struct Body<'a> {
    action: &'a str,
    host: String,
    response: Response,
    limit: Limit,
    received: u64,
    started: Instant,
}

impl<'a> Body<'a> {
    pub(super) fn new(action: &'a str, response: Response, limit: Limit) -> Self {
        Self {
            action,
            host: host(response.url()),
            response,
            limit,
            received: 0,
            started: Instant::now(),
        }
    }

    /// The next bytes; nothing at the end.
    pub(super) async fn chunk(
        &mut self,
    ) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>> {
        let told = self.response.content_length().unwrap_or_default();
        if told > self.limit.bytes {
            return Err(self.too_large());
        }
        let left = self.limit.time.saturating_sub(self.started.elapsed());
        let patience = left.min(limits::SILENCE);
        let Ok(chunk) = tokio::time::timeout(patience, self.response.chunk()).await else {
            let time = self.limit.time.as_secs();
            let reason = match patience == left {
                true => format!("it takes longer than {time} seconds"),
                false => "the answer broke off".to_owned(),
            };
            return Err(self.refused(reason));
        };
        let chunk = chunk.map_err(|error| failure(self.action, &self.host, &error))?;
        self.received += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.received > self.limit.bytes {
            return Err(self.too_large());
        }
        let late = self.started.elapsed().saturating_sub(limits::SILENCE);
        if chunk.is_some() && self.received < late.as_secs() * limits::RATE {
            let reason = format!("it brings less than {} bytes a second", limits::RATE);
            return Err(self.refused(reason));
        }
        Ok(chunk)
    }

    fn too_large(&self) -> Error {
        let most = self.limit.bytes >> 10;
        self.refused(format!(
            "the answer is larger than {most} KiB, the most that is taken"
        ))
    }

    fn refused(&self, reason: String) -> Error {
        refused(self.action, &self.host, reason)
    }
}

/// What was asked for is not taken, whatever the answer.
pub(super) fn refused(action: &str, host: &str, reason: impl Into<String>) -> Error {
    Error::Http {
        action: action.into(),
        host: host.into(),
        status: None,
        reason: reason.into(),
    }
}

/// A failed exchange as an error without the URL, which may hold a secret.
fn failure(action: &str, host: &str, error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let reason = match error {
        _ if error.is_redirect() || error.is_builder() => cause.to_string(),
        _ if error.is_timeout() => LATE.to_owned(),
        _ if error.is_connect() => format!("it cannot be reached: {cause}"),
        _ => format!("the exchange broke off: {cause}"),
    };
    refused(action, host, reason)
}

/// What the proxy to a URL says, if it is the one that refuses.
async fn by_proxy(url: &Url) -> Option<String> {
    let (proxies, host) = (Proxies::from_env(), url.host_str()?);
    let proxy = proxies.to(url.scheme(), host, url.port())?;
    proxy::refusal(proxy, host, url.port_or_known_default()?).await
}

/// A URL's host and port.
pub(super) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// Whether a host (with or without port) is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let name = name.unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    let address: Option<std::net::IpAddr> = name.parse().ok();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_some_and(|address| address.is_loopback())
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// A certificate that does not verify stays so.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What a registry's or index's answer says in words.
fn explain(status: StatusCode, body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = json.as_ref().and_then(|json| {
        let error = &json["errors"][0];
        error["message"]
            .as_str()
            .or_else(|| error["code"].as_str())
            .or_else(|| json["message"].as_str())
    });
    match (status, said) {
        (_, Some(said)) => format!("{said} ({status})"),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
            format!("access denied ({status}): check the credentials for this host")
        }
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => {
            format!("a proxy answered {status}: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
        }
        _ => status.to_string(),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
