//! A repository in an OCI registry.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

use std::{fs::File, path::PathBuf, sync::Mutex, time::Duration};

use reqwest::{Body, Method, RequestBuilder, Response, StatusCode, Url, header};
use tokio_util::io::ReaderStream;

use super::{
    Credentials, Digest, Error, Login, Result,
    http::{self, Client},
    limits,
    reference::endpoint,
};

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
const TIMEOUT: Duration = Duration::from_secs(60);

/// A repository and what opens it.
#[derive(Debug)]
pub(super) struct Repository {
    client: Client,
    /// Scheme, host and port.
    endpoint: String,
    name: String,
    actions: &'static str,
    login: Login,
    /// The authorization that the registry asked for, once it has.
    authorization: Mutex<Option<String>>,
}

/// Where a blob's bytes come from.
pub(super) enum Source<'a> {
    Bytes(&'a [u8]),
    File(PathBuf),
    Repository(&'a Repository),
}

impl Repository {
    /// A repository to read from; its registry is asked what it wants first.
    pub(super) fn to_pull(client: Client, host: &str, name: &str, login: Login) -> Self {
        let (endpoint, name) = (endpoint(host), name.to_owned());
        Self {
            client: client.of_registries(),
            endpoint,
            name,
            actions: "pull",
            login,
            authorization: Mutex::default(),
        }
    }

    /// A repository to write to. ECR takes a user and a password with every request.
    pub(super) fn to_push(
        client: Client,
        host: &str,
        name: &str,
        credentials: Option<Credentials>,
    ) -> Self {
        let basic = credentials.as_ref().map(basic);
        let repository = Self::to_pull(client, host, name, Login::of(credentials));
        Self {
            actions: "pull,push",
            authorization: Mutex::new(basic),
            ..repository
        }
    }

    /// The digest of the manifest under a tag or digest, if there is one.
    pub(super) async fn manifest_digest(&self, version: &str) -> Result<Option<Digest>> {
        let action = format!("looking for {}:{version}", self.name);
        let path = format!("manifests/{version}");
        let response = self
            .send(&action, &path, |url| {
                let request = self.client.request(Method::HEAD, url);
                request.header(header::ACCEPT, MANIFESTS)
            })
            .await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = http::success(&action, response).await?;
        let digest = response.headers().get("docker-content-digest");
        Ok(digest.and_then(|value| value.to_str().ok()?.parse().ok()))
    }

    /// A manifest, and its digest, which is the one that it was asked for by.
    pub(super) async fn manifest(&self, version: &str) -> Result<(Digest, Vec<u8>)> {
        let path = format!("manifests/{version}");
        let action = format!("reading the manifest {}:{version}", self.name);
        let body = self.small(&action, &path).await?;
        let digest = Digest::of(&body);
        if version.parse().is_ok_and(|asked: Digest| asked != digest) {
            return Err(self.wrong(action));
        }
        Ok((digest, body))
    }

    /// A small blob, checked.
    pub(super) async fn blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let action = format!("reading {digest} of {}", self.name);
        let body = self.small(&action, &format!("blobs/{digest}")).await?;
        if Digest::of(&body) == *digest {
            Ok(body)
        } else {
            Err(self.wrong(action))
        }
    }

    /// A blob's bytes as they come.
    pub(super) async fn blob_stream(&self, digest: Digest) -> Result<Response> {
        let action = format!("reading {digest} of {}", self.name);
        let response = self
            .send(&action, &format!("blobs/{digest}"), |url| {
                self.client.get(url)
            })
            .await?;
        http::success(&action, response).await
    }

    pub(super) async fn has_blob(&self, digest: Digest) -> Result<bool> {
        let action = format!("looking for {digest} in {}", self.name);
        let request = |url| self.client.request(Method::HEAD, url).timeout(TIMEOUT);
        let response = self
            .send(&action, &format!("blobs/{digest}"), request)
            .await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        http::success(&action, response).await.map(|_| true)
    }

    /// Upload a blob in one piece: ECR takes no more than one.
    pub(super) async fn upload(
        &self,
        digest: Digest,
        size: u64,
        source: &Source<'_>,
    ) -> Result<()> {
        let action = format!("uploading {digest} to {}", self.name);
        let mut attempt = 1;
        loop {
            let Some(place) = self.start_upload(&action, source, digest).await? else {
                return Ok(());
            };
            let body = match source {
                Source::Bytes(bytes) => Body::from(bytes.to_vec()),
                Source::File(path) => {
                    let file = File::open(path).map_err(Error::io("reading", path))?;
                    Body::wrap_stream(ReaderStream::with_capacity(
                        tokio::fs::File::from_std(file),
                        64 << 10,
                    ))
                }
                Source::Repository(other) => {
                    Body::wrap_stream(other.blob_stream(digest).await?.bytes_stream())
                }
            };
            let request = self.client.request(Method::PUT, place.clone());
            let request = authorized(request, self.authorization_for(&place));
            let request = request
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .header(header::CONTENT_LENGTH, size)
                .body(body);
            let patience = limits::LAYER.time;
            let result = match self.client.send_once(&action, request, patience).await {
                Ok(response) => http::success(&action, response).await.map(drop),
                Err((error, _)) => Err(error),
            };
            let lasting = matches!(
                &result,
                Err(Error::Http {
                    status: Some(400..=428 | 430..=499),
                    ..
                })
            );
            if result.is_ok() || lasting || attempt == 4 {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(500 << attempt)).await;
            attempt += 1;
        }
    }

    /// Put a manifest under a tag.
    ///
    /// A repository of immutable tags refuses it a second time, also after an answer that was lost.
    pub(super) async fn put_manifest(
        &self,
        tag: &str,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<()> {
        let action = format!("writing the manifest {}:{tag}", self.name);
        let request = |url| {
            let request = self.client.request(Method::PUT, url).timeout(TIMEOUT);
            request
                .header(header::CONTENT_TYPE, media_type)
                .body(manifest.to_vec())
        };
        let response = self
            .send(&action, &format!("manifests/{tag}"), request)
            .await?;
        let refused = response.status().is_client_error();
        let result = http::success(&action, response).await.map(drop);
        let there =
            refused && self.manifest_digest(tag).await.ok().flatten() == Some(Digest::of(manifest));
        if there { Ok(()) } else { result }
    }

    /// Where to upload to; nothing where the registry took the blob from another repository.
    async fn start_upload(
        &self,
        action: &str,
        source: &Source<'_>,
        digest: Digest,
    ) -> Result<Option<Url>> {
        let mut path = "blobs/uploads/".to_owned();
        if let Source::Repository(other) = source
            && other.endpoint == self.endpoint
        {
            path = format!("{path}?mount={digest}&from={}", other.name);
        }
        let post = |url: Url| {
            self.client
                .request(Method::POST, url)
                .header(header::CONTENT_LENGTH, 0)
                .timeout(TIMEOUT)
        };
        let mut response = self.send(action, &path, post).await?;
        if response.status().is_client_error() && path.contains('?') {
            response = self.send(action, "blobs/uploads/", post).await?;
        }
        let response = http::success(action, response).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok());
        let place = location.and_then(|location| response.url().join(location).ok());
        let Some(mut place) = place else {
            return Err(self.wrong(action.to_owned()));
        };
        place
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        Ok(Some(place))
    }

    async fn small(&self, action: &str, path: &str) -> Result<Vec<u8>> {
        let request = |url| {
            self.client
                .get(url)
                .header(header::ACCEPT, MANIFESTS)
                .timeout(TIMEOUT)
        };
        let response = http::success(action, self.send(action, path, request).await?).await?;
        http::read(action, response, limits::DOCUMENT).await
    }

    /// Send a request; where the registry asks who we are, tell it and send it again.
    async fn send(
        &self,
        action: &str,
        path: &str,
        request: impl Fn(Url) -> RequestBuilder,
    ) -> Result<Response> {
        let url =
            Url::parse(&format!("{}/v2/{}/{path}", self.endpoint, self.name)).map_err(|error| {
                http::refused(action, &self.endpoint, format!("no valid URL: {error}"))
            })?;
        let send = async |authorization: Option<String>| {
            let request = || authorized(request(url.clone()), authorization.clone());
            self.client.send(action, request).await
        };
        let sent = self.authorization_for(&url);
        let response = send(sent.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let challenge = response
            .headers()
            .get(header::WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok());
        let Some(authorization) = self.authorize(challenge.unwrap_or_default()).await? else {
            return Ok(response);
        };
        if let Ok(mut held) = self.authorization.lock() {
            *held = Some(authorization.clone());
        }
        // what was refused is refused again; what another request has been given meanwhile may not be
        if sent.as_ref() == Some(&authorization) {
            return Ok(response);
        }
        send(Some(authorization)).await
    }

    /// The authorization for a URL: none for another host's.
    fn authorization_for(&self, url: &Url) -> Option<String> {
        let ours = url.as_str().starts_with(&format!("{}/", self.endpoint));
        let held = self.authorization.lock().ok()?;
        held.clone().filter(|_| ours)
    }

    /// The answer to a registry's challenge. <https://distribution.github.io/distribution/spec/auth/token/>
    async fn authorize(&self, challenge: &str) -> Result<Option<String>> {
        let (scheme, parameters) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(self.login.credentials().await?.map(basic));
        }
        let parameter = |name: &str| {
            let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
            rest.split('"').next()
        };
        let Some(mut realm) = parameter("realm").and_then(|realm| Url::parse(realm).ok()) else {
            return Ok(None);
        };
        if let Some(service) = parameter("service") {
            realm.query_pairs_mut().append_pair("service", service);
        }
        realm.query_pairs_mut().append_pair(
            "scope",
            &format!("repository:{}:{}", self.name, self.actions),
        );
        let action = format!("logging in for {}", self.name);
        let credentials = self.login.credentials().await?;
        let request = || {
            let request = self.client.get(realm.clone()).timeout(TIMEOUT);
            match credentials {
                Some(credentials) => {
                    request.basic_auth(&credentials.username, Some(&credentials.password))
                }
                None => request,
            }
        };
        let response = self.client.send(&action, request).await?;
        let response = http::success(&action, response).await?;
        let body = http::read(&action, response, limits::DOCUMENT).await?;
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let token = answer["token"]
            .as_str()
            .or_else(|| answer["access_token"].as_str());
        Ok(token.map(|token| format!("Bearer {token}")))
    }

    fn wrong(&self, action: String) -> Error {
        let reason = "the registry's answer is not what was asked for";
        http::refused(&action, &self.endpoint, reason)
    }
}

fn authorized(request: RequestBuilder, authorization: Option<String>) -> RequestBuilder {
    match authorization {
        Some(authorization) => request.header(header::AUTHORIZATION, authorization),
        None => request,
    }
}

fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.username, credentials.password);
    format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
}
