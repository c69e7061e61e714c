//! What the tests of images ask: a registry and an index of our own, which count what they serve.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::Digest;

/// A registry, a token service and a package index in one, on a port of this machine.
#[derive(Clone, Default)]
pub(super) struct Server(pub(super) Arc<Mutex<Served>>);

#[derive(Default)]
pub(super) struct Served {
    host: String,
    /// By `repository@digest` or `repository:tag`, or a path of the index.
    pub(super) content: HashMap<String, Vec<u8>>,
    log: Vec<String>,
    /// Whether it sends parts of files.
    pub(super) ranges: bool,
    /// Whether its answers come in another order than they were asked for.
    pub(super) jitter: bool,
    /// Whether a tag is given once.
    pub(super) immutable: bool,
    /// How many of the next answers to a manifest are lost.
    pub(super) lost_manifests: usize,
    /// How many of the next uploads break.
    pub(super) broken_uploads: usize,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self::default();
        server.0.lock().unwrap().host = listener.local_addr().unwrap().to_string();
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    pub(super) fn host(&self) -> String {
        self.0.lock().unwrap().host.clone()
    }

    pub(super) fn put(&self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0
            .lock()
            .unwrap()
            .content
            .insert(name.into(), content.into());
    }

    /// What was asked for since the last time, sorted, without digests.
    pub(super) fn log(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut self.0.lock().unwrap().log);
        log.sort();
        log
    }

    async fn serve(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head).await.ok()? == 0 {
                    return None;
                }
            }
            let header = |name: &str| {
                head.lines()
                    .find_map(|line| {
                        line.split_once(": ")
                            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                    })
                    .map(|(_, value)| value.to_owned())
            };
            let mut body =
                vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).await.ok()?;
            let mut words = head.split(' ');
            let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
            let (mut status, mut headers, mut body) =
                self.answer(&method, &target, header("authorization"), body);
            if self.0.lock().unwrap().jitter {
                tokio::time::sleep(Duration::from_millis(rand::random_range(0..20))).await;
            }
            let range = header("range").filter(|_| status == 200 && self.0.lock().unwrap().ranges);
            if let Some(range) = range {
                let (start, end) = part(&range, body.len());
                headers += &format!(
                    "Content-Range: bytes {start}-{}/{}\r\n",
                    end - 1,
                    body.len()
                );
                (status, body) = (206, body[start..end].to_vec());
            }
            if status == 0 {
                return None;
            }
            headers += &format!("Content-Length: {}\r\n", body.len());
            let body = if method == "HEAD" { &[][..] } else { &body };
            let answer = [
                format!("HTTP/1.1 {status} X\r\n{headers}\r\n").as_bytes(),
                body,
            ]
            .concat();
            stream.write_all(&answer).await.ok()?;
        }
    }

    fn answer(
        &self,
        method: &str,
        target: &str,
        authorization: Option<String>,
        body: Vec<u8>,
    ) -> (u16, String, Vec<u8>) {
        let mut served = self.0.lock().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let kind = path.split('/').rev().nth(1).unwrap_or_default().to_owned();
        served.log.push(format!("{method} {kind}"));
        let Some(rest) = path.strip_prefix("/v2/") else {
            return match served.content.get(path) {
                Some(content) => {
                    let kind = match content.first() {
                        Some(b'{') => "application/vnd.pypi.simple.v1+json",
                        _ => "text/html",
                    };
                    (200, format!("Content-Type: {kind}\r\n"), content.clone())
                }
                None if path == "/token" => (200, String::new(), br#"{"token":"t"}"#.to_vec()),
                None => (404, String::new(), vec![]),
            };
        };
        let repository = rest
            .split("/blobs/")
            .next()
            .unwrap()
            .split("/manifests/")
            .next()
            .unwrap()
            .to_owned();
        let expected = if repository == "base" {
            "Bearer t"
        } else {
            "Basic QVdTOnNlY3JldA=="
        };
        if authorization.as_deref() != Some(expected) {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"s\"\r\n",
                served.host
            );
            return (401, challenge, vec![]);
        }
        let name = path.rsplit('/').next().unwrap().to_owned();
        match (method, kind.as_str()) {
            ("POST", _) => (
                202,
                format!("Location: /v2/{repository}/blobs/uploads/1?state=x\r\n"),
                vec![],
            ),
            ("PUT", "uploads") => {
                if served.broken_uploads > 0 {
                    served.broken_uploads -= 1;
                    return (0, String::new(), vec![]);
                }
                let digest = query
                    .strip_prefix("state=x&digest=")
                    .unwrap()
                    .replace("%3A", ":");
                assert_eq!(Digest::of(&body).to_string(), digest);
                served
                    .content
                    .insert(format!("{repository}@{digest}"), body);
                (201, String::new(), vec![])
            }
            ("PUT", "manifests")
                if served.immutable
                    && served.content.contains_key(&format!("{repository}:{name}")) =>
            {
                (400, String::new(), vec![])
            }
            ("PUT", "manifests") => {
                let manifest: Value = serde_json::from_slice(&body).unwrap();
                for blob in manifest["layers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .chain([&manifest["config"]])
                {
                    let content = &served.content
                        [&format!("{repository}@{}", blob["digest"].as_str().unwrap())];
                    assert_eq!(blob["size"], content.len());
                }
                served.content.insert(format!("{repository}:{name}"), body);
                let lost = served.lost_manifests > 0;
                served.lost_manifests = served.lost_manifests.saturating_sub(1);
                (if lost { 0 } else { 201 }, String::new(), vec![])
            }
            _ => {
                let found = served
                    .content
                    .get(&format!("{repository}@{name}"))
                    .or_else(|| served.content.get(&format!("{repository}:{name}")));
                match found {
                    Some(content) => (
                        200,
                        format!("Docker-Content-Digest: {}\r\n", Digest::of(content)),
                        content.clone(),
                    ),
                    None => (
                        404,
                        String::new(),
                        br#"{"errors":[{"code":"UNKNOWN"}]}"#.to_vec(),
                    ),
                }
            }
        }
    }
}

/// Where the part begins and ends that `bytes=FIRST-LAST` or `bytes=-LENGTH` asks for.
fn part(range: &str, total: usize) -> (usize, usize) {
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let last: usize = last.parse().unwrap();
    match first {
        "" => (total.saturating_sub(last), total),
        first => (first.parse().unwrap(), total.min(last + 1)),
    }
}
