//! HTTP as registries and package indexes need it: retries, bounds, and errors without secrets.

use std::{
    env,
    error::Error as StdError,
    ffi::OsString,
    fmt, io,
    time::{Duration, Instant},
};

use outside::{Proxies, Refusal};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url, header,
    redirect::{Attempt, Policy},
};

use super::{
    Error, Result,
    host::host,
    limits::{self, Limit},
    pip,
    trust::{Trusted, Untrusted, certificates, trusting},
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

/// What sends requests, to hosts that are encrypted, this machine or trusted.
#[derive(Clone, Debug)]
pub(super) struct Client {
    inner: reqwest::Client,
    pub(super) trusted: Trusted,
    /// The setting that names trusted hosts, in the words of whom this client asks.
    setting: &'static str,
    /// Why no certificate can be verified as the user asks for, if so.
    unverified: Option<String>,
}

impl Client {
    /// A client of indexes that trusts the system's certificates and those that settings name.
    pub(super) fn new() -> Result<Self, String> {
        Self::with(|name| env::var_os(name))
    }

    fn with(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        let trusted = Trusted::of(pip::trusted_indexes());
        let proxies = Proxies::from_env();
        // a second caller finds the first one's provider, which is the same
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = |unverified: Option<String>| {
            let trusted = trusted.clone();
            let follow =
                move |attempt: Attempt<'_>| trusted.redirect(attempt, unverified.as_deref());
            let client = reqwest::Client::builder()
                .user_agent(concat!("dbt-aws/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::custom(follow))
                // an index's URL may hold a token
                .referer(false)
                .connect_timeout(Duration::from_secs(10))
                .tcp_keepalive(Duration::from_secs(30));
            // without variables, those of the operating system's settings count
            match proxies.is_empty() {
                true => client,
                false => client.proxy(through(proxies.clone())),
            }
        };
        let made = certificates(variable).and_then(|found| {
            let made = trusting(builder(None), found).build();
            made.map_err(|error| {
                let cause = innermost(&error);
                format!("the system's certificates cannot be used: {cause}; name a file of them in SSL_CERT_FILE")
            })
        });
        let (inner, unverified) = match made {
            Ok(client) => (client, None),
            // what is not encrypted needs none
            Err(reason) => {
                let without = builder(Some(reason.clone())).tls_certs_only([]).build();
                let without = without.map_err(|error| innermost(&error))?;
                (without, Some(reason))
            }
        };
        Ok(Self {
            inner,
            trusted,
            setting: "PIP_TRUSTED_HOST",
            unverified,
        })
    }

    /// The same for registries, of which pip knows nothing.
    pub(super) fn of_registries(self) -> Self {
        Self {
            trusted: Trusted::of(pip::trusted_registries()),
            setting: pip::TRUSTED,
            ..self
        }
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
        let untrusted = self.trusted.refusal(&url);
        let untrusted = untrusted.map(|reason| reason.advice(self.setting));
        let encrypted = url.scheme() == "https";
        let unverified = self.unverified.clone().filter(|_| encrypted);
        if let Some(reason) = untrusted.or(unverified) {
            return Err((refused(action, &host, reason), false));
        }
        let Ok(sent) = tokio::time::timeout(patience, client.execute(request)).await else {
            return Err((refused(action, &host, LATE), true));
        };
        let error = match sent {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if let Some(reason) = causes(&error).find_map(|cause| cause.downcast_ref::<Untrusted>()) {
            let reason = reason.advice(self.setting);
            return Err((refused(action, &host, reason), false));
        }
        let lasting = error.is_builder() || error.is_redirect() || is_refused(&error);
        let said = match error.is_connect() {
            true => by_proxy(&url).await,
            false => None,
        };
        Err(match said {
            Some(refusal) => (
                refused(action, &host, refusal.to_string()),
                refusal.passes(),
            ),
            None => (failure(action, &host, &error), !lasting),
        })
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
            let reason = format!("it sends fewer than {} bytes a second", limits::RATE);
            return Err(self.refused(reason));
        }
        Ok(chunk)
    }

    fn too_large(&self) -> Error {
        let most = self.limit.bytes >> 10;
        self.refused(format!(
            "the answer is larger than {most} KiB, the most that is accepted"
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
    let cause = innermost(error);
    let reason = match error {
        _ if error.is_redirect() || error.is_builder() => cause.to_string(),
        _ if error.is_timeout() => LATE.to_owned(),
        _ if error.is_connect() => format!("it cannot be reached: {cause}"),
        _ => format!("the exchange broke off: {cause}"),
    };
    refused(action, host, reason)
}

/// The proxies as reqwest takes them.
fn through(proxies: Proxies) -> reqwest::Proxy {
    reqwest::Proxy::custom(move |url| {
        let host = url.host_str().unwrap_or_default();
        let proxy = proxies.to(url.scheme(), host, url.port());
        proxy.map(str::to_owned)
    })
}

/// What the proxy to a URL says, if it is the one that refuses.
async fn by_proxy(url: &Url) -> Option<Refusal> {
    let (proxies, host) = (Proxies::from_env(), url.host_str()?);
    let proxy = proxies.to(url.scheme(), host, url.port())?;
    outside::refusal(proxy, host, url.port_or_known_default()?).await
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// A certificate that does not verify stays so.
fn is_refused(error: &(dyn StdError + 'static)) -> bool {
    let tls = causes(error).find_map(|cause| cause.downcast_ref());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// An error and all that it comes from, also what the system's errors hold.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match held {
            Some(held) => Some(held),
            None => error.source(),
        }
    })
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().unwrap_or(error).to_string()
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
