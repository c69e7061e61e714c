//! HTTP as registries and package indexes need it: retries, and errors without secrets.

use std::{env, fmt, fs, time::Duration};

use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url, header};

use super::{Error, Result};

const ATTEMPTS: u32 = 5;

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

/// A client that trusts the system's certificates and those that pip's settings name.
pub(super) fn client() -> Client {
    // a second caller finds the first one's provider, which is the same
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!("dbt-aws/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .tcp_keepalive(Duration::from_secs(30))
    };
    let named = env::var_os("PIP_CERT").and_then(|path| fs::read(path).ok());
    let certificates = named
        .and_then(|pem| Certificate::from_pem_bundle(&pem).ok())
        .unwrap_or_default();
    builder()
        .tls_certs_merge(certificates)
        .build()
        .or_else(|_| builder().build())
        .unwrap_or_default()
}

/// Send a request until it succeeds, fails for good, or has been tried often enough.
///
/// Every answer below 500 but 429 is an answer, not a failure.
pub(super) async fn send(
    action: &str,
    request: impl Fn() -> Result<RequestBuilder>,
) -> Result<Response> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (client, request) = request()?.build_split();
        let request = request.map_err(|error| failure(action, "", &error))?;
        let host = host(request.url());
        let mut wait =
            Duration::from_millis(200 << attempt).mul_f64(0.5 + rand::random::<f64>() / 2.0);
        match client.execute(request).await {
            Ok(response) if attempt < ATTEMPTS && is_transient(response.status()) => {
                let header = response.headers().get(header::RETRY_AFTER);
                let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
                wait = wait.max(Duration::from_secs(seconds.unwrap_or(0).min(30)));
            }
            Ok(response) => return Ok(response),
            Err(error) if attempt < ATTEMPTS && !error.is_builder() && !is_refused(&error) => {}
            Err(error) => return Err(failure(action, &host, &error)),
        }
        tokio::time::sleep(wait).await;
    }
}

/// The answer, or the error that it says it is.
pub(super) async fn success(action: &str, response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let host = host(response.url());
    let body = response.bytes().await.unwrap_or_default();
    Err(Error::Http {
        action: action.into(),
        host,
        status: Some(status.as_u16()),
        reason: explain(status, &body),
    })
}

/// A failed exchange as an error without the URL, which may hold a secret.
pub(super) fn failure(action: &str, host: &str, error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let reason = match error {
        _ if error.is_timeout() => "no answer in time".to_owned(),
        _ if error.is_connect() => format!("it cannot be reached: {cause}"),
        _ => format!("the exchange broke off: {cause}"),
    };
    Error::Http {
        action: action.into(),
        host: host.into(),
        status: None,
        reason,
    }
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
        _ => status.to_string(),
    }
}
