use std::sync::{Arc, RwLock};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const SHORT: Limit = Limit {
    bytes: 100 << 10,
    time: Duration::from_millis(300),
};

/// A server that answers each request with a head, then with the same bytes again and again, at intervals; returns its
/// port, and puts down what it was asked.
async fn server(
    head: String,
    again: &'static str,
    pause: Duration,
) -> (u16, Arc<RwLock<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::<RwLock<Vec<String>>>::default();
    let log = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (head, log) = (head.replace("PORT", &port.to_string()), log.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                let length = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
                log.write().unwrap().push(request);
                let mut next = stream.write_all(head.as_bytes()).await;
                while next.is_ok() && !again.is_empty() {
                    tokio::time::sleep(pause).await;
                    next = stream.write_all(again.as_bytes()).await;
                }
            });
        }
    });
    (port, asked)
}

async fn get(port: u16) -> Result<Vec<u8>> {
    let client = Client::new().unwrap();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    let request = || client.get(url.clone()).basic_auth("me", Some("secret"));
    let response = client.send("asking", request).await?;
    read("asking", success("asking", response).await?, SHORT).await
}

async fn refused(head: &str, again: &'static str, pause: u64) -> String {
    let (port, _) = server(head.to_owned(), again, Duration::from_millis(pause)).await;
    let error = get(port).await.unwrap_err().to_string();
    let place = format!("asking at 127.0.0.1:{port}: ");
    error
        .strip_prefix(&place)
        .expect(&error)
        .replace(&port.to_string(), "PORT")
}

#[tokio::test]
async fn answers_without_end_are_not_read() {
    const LONG: &str = "HTTP/1.1 200 X\r\n\r\n";
    let large = "the answer is larger than 100 KiB, the most that is accepted";
    let page: &'static str = String::leak("<a href=x>x</a>".repeat(1_000));
    assert_eq!(refused(LONG, page, 0).await, large);
    assert_eq!(
        refused(
            "HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n",
            "x",
            1
        )
        .await,
        large
    );
    // byte by byte, each in time
    assert_eq!(
        refused(LONG, "x", 20).await,
        "it takes longer than 0 seconds"
    );
    // what is said of a failure is bounded too
    let error = refused("HTTP/1.1 404 X\r\n\r\n", page, 0).await;
    assert_eq!(error, "404 Not Found");
}

#[tokio::test]
async fn answers_lead_to_no_worse_place() {
    let leads = |place: &str| {
        format!(
            "HTTP/1.1 302 X\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let error = refused(&leads("/again"), "", 0).await;
    assert_eq!(error, "it redirects too often");
    for place in ["http://192.0.2.1/", "http://localhost.example/"] {
        let error = refused(&leads(place), "", 0).await;
        assert!(
            error.starts_with("it redirects to ")
                && error.contains("over http")
                && error.contains("name it in PIP_TRUSTED_HOST: "),
            "{error}"
        );
    }
    // what no redirect can lead to is an answer without content, and no file
    for place in ["file:///etc/passwd", "data:,x", "ftp://192.0.2.1/x"] {
        let error = refused(&leads(place), "", 0).await;
        assert!(!error.contains("root:"), "{error}");
    }
    // credentials stay where they belong
    let (other, asked) = server(
        "HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "",
        Duration::ZERO,
    )
    .await;
    let (port, first) = server(
        leads(&format!("http://127.0.0.1:{other}/")),
        "",
        Duration::ZERO,
    )
    .await;
    assert_eq!(get(port).await.unwrap(), b"");
    assert!(first.read().unwrap()[0].contains("authorization: basic"));
    let asked = asked.read().unwrap().join("");
    assert!(
        asked.starts_with("get /")
            && !asked.contains("authorization")
            && !asked.contains("referer"),
        "{asked}"
    );
}

#[tokio::test]
async fn what_cannot_be_verified_is_not_asked() {
    let variable = |name: &str| (name == "PIP_CERT").then(|| "/nowhere/ca.pem".into());
    let client = Client::with(variable).unwrap();
    let send = async |url: &str| {
        let url = Url::parse(url).unwrap();
        client.send("asking", || client.get(url.clone())).await
    };
    let error = send("https://192.0.2.1/").await.unwrap_err().to_string();
    let expected =
        "asking at 192.0.2.1: PIP_CERT names /nowhere/ca.pem, which cannot be used: No such file";
    assert!(error.starts_with(expected), "{error}");
    let (port, _) = server("HTTP/1.1 204 X\r\n\r\n".to_owned(), "", Duration::ZERO).await;
    assert!(send(&format!("http://127.0.0.1:{port}/")).await.is_ok());
    let head = "HTTP/1.1 302 X\r\nLocation: https://127.0.0.1:PORT/\r\nContent-Length: 0\r\n\r\n";
    let (port, _) = server(head.to_owned(), "", Duration::ZERO).await;
    let error = send(&format!("http://127.0.0.1:{port}/")).await;
    let error = error.unwrap_err().to_string();
    let expected = format!(
        "it redirects to 127.0.0.1:{port}: PIP_CERT names /nowhere/ca.pem, which cannot be used"
    );
    assert!(error.contains(&expected), "{error}");
}

#[tokio::test]
async fn an_authority_that_is_named_counts_beside_the_systems() {
    let url = Url::parse(&outside::testing::serve().unwrap()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, outside::testing::AUTHORITY).unwrap();
    let asked = async |named: Option<OsString>| {
        let client = Client::with(|name| named.clone().filter(|_| name == "PIP_CERT"));
        let client = client.unwrap();
        client.send("asking", || client.get(url.clone())).await
    };
    assert_eq!(asked(Some(file.into())).await.unwrap().status(), 204);
    let error = asked(None).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[test]
fn what_pip_trusts_is_no_registry() {
    let client = Client::new().unwrap();
    client.trusted.add(["192.0.2.1".to_owned()]);
    let url = Url::parse("http://192.0.2.1/").unwrap();
    assert_eq!(client.trusted.refusal(&url), None);
    let registries = client.of_registries();
    assert!(registries.trusted.refusal(&url).is_some());
}

#[test]
fn a_certificate_that_does_not_verify_is_known_by_its_type() {
    let tls = |error: rustls::Error| io::Error::other(io::Error::other(error));
    let unknown = rustls::CertificateError::UnknownIssuer;
    assert!(is_refused(&tls(unknown.into())));
    let text = rustls::Error::General("invalid peer certificate".to_owned());
    assert!(!is_refused(&tls(text)));
}
