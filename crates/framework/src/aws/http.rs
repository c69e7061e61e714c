//! HTTP for the SDK: through the proxies that the environment names, and with words for answers that are not AWS's.

use super::error::innermost;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream, retry::ErrorKind};
use outside::{Proxies, authorities, pem, refusal, shown};
use std::{collections::BTreeMap, time::Duration};
use tonic::{codegen::http::StatusCode, transport::Uri};

/// The headers with which AWS's services name a request.
const IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"];

/// How long the content of an answer may take that does not say whose it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that goes as `Proxies` say.
pub(super) fn client() -> SharedHttpClient {
    let proxies = Proxies::from_env();
    let through = ["http", "https"].map(|scheme| proxies.by_scheme(scheme).map(str::to_owned));
    let through = through.into_iter().flatten().filter_map(|url| {
        let proxy = ProxyConfig::all(url.as_str()).ok()?;
        Some((url, one(proxy)))
    });
    Clients {
        direct: one(ProxyConfig::disabled()),
        through: through.collect(),
        proxies,
    }
    .into_shared()
}

/// A client that goes one way.
fn one(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        // those that the SDK would read, which others in this process have read
        let mut connector = Connector::builder()
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(trusting(pem(authorities())));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|c| c.sleep_impl()));
        connector.build()
    })
}

/// Trust in the hosts that these certificates vouch for.
fn trusting(authorities: String) -> TlsContext {
    let authorities = TrustStore::empty().with_pem_certificate(authorities);
    let tls = TlsContext::builder().with_trust_store(authorities).build();
    tls.unwrap_or_default()
}

/// A client for each way.
#[derive(Debug)]
struct Clients {
    direct: SharedHttpClient,
    through: BTreeMap<String, SharedHttpClient>,
    proxies: Proxies,
}

impl HttpClient for Clients {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        let through = self.through.iter();
        Connectors {
            direct: connector(&self.direct),
            through: through
                .map(|(url, c)| (url.clone(), connector(c)))
                .collect(),
            proxies: self.proxies.clone(),
        }
        .into_shared()
    }
}

#[derive(Debug)]
struct Connectors {
    direct: SharedHttpConnector,
    through: BTreeMap<String, SharedHttpConnector>,
    proxies: Proxies,
}

impl HttpConnector for Connectors {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        super::calls::name(&mut request);
        let uri: Uri = request.uri().parse().unwrap_or_default();
        let (scheme, host) = (
            uri.scheme_str().unwrap_or_default(),
            uri.host().unwrap_or_default(),
        );
        let proxy = self
            .proxies
            .to(scheme, host, uri.port_u16())
            .map(str::to_owned);
        let connector = proxy
            .as_ref()
            .map_or(Some(&self.direct), |url| self.through.get(url));
        let Some(answer) = connector.map(|connector| connector.call(request)) else {
            let url = shown(proxy.as_deref().unwrap_or_default());
            let reason = format!(
                "{url} is not the URL of an HTTP proxy; look at HTTPS_PROXY and HTTP_PROXY"
            );
            return HttpConnectorFuture::ready(Err(ConnectorError::other(reason.into(), None)));
        };
        // Metadata services give no ids to their answers, and a page where they have nothing.
        let ours = host.starts_with("169.254.");
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(response) if ours => Ok(response),
                Ok(response) => own(response, proxy.as_deref()).await,
                Err(error) => Err(match proxy.as_deref() {
                    Some(proxy) => refused(&uri, proxy, error).await,
                    None => error,
                }),
            }
        })
    }
}

/// Why there is no way through a proxy: what it says, where it says something.
async fn refused(uri: &Uri, proxy: &str, error: ConnectorError) -> ConnectorError {
    let port = uri.port_u16().unwrap_or(443);
    let said = match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => refusal(proxy, host, port).await,
        _ => None,
    };
    match said {
        Some(refusal) => {
            let passing = refusal.passes().then_some(ErrorKind::TransientError);
            ConnectorError::other(refusal.to_string().into(), passing)
        }
        None if error.is_io() => {
            let reason = format!("{} through the proxy {}", innermost(&error), shown(proxy));
            ConnectorError::io(reason.into())
        }
        None => error,
    }
}

/// The response, if it can be AWS's own.
async fn own(response: HttpResponse, proxy: Option<&str>) -> Result<HttpResponse, ConnectorError> {
    let named = IDS.iter().any(|id| response.headers().get(id).is_some());
    let status = response.status().as_u16();
    // An answer without content says nothing of whose it is, unless it is one that a proxy gives.
    if named || status == 204 || status == 304 {
        return Ok(response);
    }
    let mut response = response;
    let body = ByteStream::new(response.take_body()).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(body) => body.map_err(|e| ConnectorError::io(e.into()))?.into_bytes(),
        Err(late) => return Err(ConnectorError::timeout(late.into())),
    };
    let start = String::from_utf8_lossy(&body[..body.len().min(256)])
        .trim_start()
        .to_lowercase();
    let html = start.starts_with("<!doctype html") || start.starts_with("<html");
    let text = status >= 400 && !start.is_empty() && !start.starts_with(['<', '{', '[']);
    let gateway = [407, 502, 504].contains(&status) && start.is_empty();
    if !(html || status == 407 || proxy.is_some() && (text || gateway)) {
        *response.body_mut() = SdkBody::from(body);
        return Ok(response);
    }
    let passing = (status >= 500).then_some(ErrorKind::TransientError);
    let status =
        StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |s| s.to_string());
    let what = if html { " with HTML" } else { "" };
    let reason = match proxy {
        Some(proxy) => format!("the proxy {} answered {status}{what}", shown(proxy)),
        None => format!("what answered {status}{what} is not AWS; perhaps it is a proxy"),
    };
    Err(ConnectorError::other(reason.into(), passing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_authorities_given_are_those_that_count() {
        let url = outside::testing::serve().unwrap();
        let asked = async |authorities: &'static str| {
            let connector = Connector::builder()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(trusting(authorities.to_owned()))
                .build();
            let answer = connector.call(HttpRequest::get(&url).unwrap()).await;
            answer.map(|answer| answer.status().as_u16())
        };
        assert_eq!(asked(outside::testing::AUTHORITY).await.unwrap(), 204);
        let error = innermost(&asked("").await.unwrap_err());
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
}
