//! Which proxy leads to a host, as the environment says.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY` name proxies, `NO_PROXY` what is reached without one: hosts, with all
//! below them (`amazonaws.com`, `.amazonaws.com`, `*.amazonaws.com`), addresses, blocks of addresses, each perhaps with
//! a port, or `*`. Names in lower case count too.

use std::{env, fmt, net::IpAddr, time::Duration};

use data_encoding::BASE64;
use http::StatusCode;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

/// The proxies of the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    none: Vec<Entry>,
}

/// What is reached without a proxy.
#[derive(Clone, Debug)]
struct Entry {
    to: To,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum To {
    All,
    /// The host and those below it, in lower case.
    Host(String),
    Addresses(IpNet),
}

impl Proxies {
    /// What the environment says.
    #[must_use]
    pub fn from_env() -> Self {
        let named = |name: &str| [name.to_uppercase(), name.to_lowercase()].map(env::var);
        let value = |name: &str| named(name).into_iter().flatten().find(|v| !v.is_empty());
        Self::new(&value)
    }

    fn new(value: &dyn Fn(&str) -> Option<String>) -> Self {
        let proxy = |name| {
            let url = value(name).or_else(|| value("ALL_PROXY"))?;
            Some(match url.contains("://") {
                true => url,
                false => format!("http://{url}"),
            })
        };
        let none = value("NO_PROXY").unwrap_or_default();
        let none = none.split([',', ' ']).map(str::trim);
        Self {
            http: proxy("HTTP_PROXY"),
            https: proxy("HTTPS_PROXY"),
            none: none.filter(|e| !e.is_empty()).map(Entry::new).collect(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The URL of the proxy of a scheme, as far as one is needed.
    #[must_use]
    pub fn by_scheme(&self, scheme: &str) -> Option<&str> {
        match scheme {
            "http" => self.http.as_deref(),
            "https" => self.https.as_deref(),
            _ => None,
        }
    }

    /// The URL of the proxy to a host: a name or an address.
    #[must_use]
    pub fn to(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<&str> {
        let proxy = self.by_scheme(scheme)?;
        let host = host.trim_matches(['[', ']']).trim_end_matches('.');
        let port = port.unwrap_or(if scheme == "http" { 80 } else { 443 });
        let address: Option<IpAddr> = host.parse().ok();
        // Where instances and containers have their credentials from.
        let local = match address {
            Some(IpAddr::V4(address)) => address.is_link_local(),
            _ => host == "fd00:ec2::254",
        };
        let direct = local || self.none.iter().any(|e| e.covers(host, address, port));
        (!direct).then_some(proxy)
    }
}

impl Entry {
    fn new(text: &str) -> Self {
        let addresses = |text: &str| {
            let text = text.trim_matches(['[', ']']);
            let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
            text.parse().ok().or_else(one)
        };
        let (name, port) = match text.rsplit_once(':') {
            // An address of IPv6 has colons of its own.
            Some((name, port)) if addresses(text).is_none() => match port.parse() {
                Ok(port) => (name, Some(port)),
                Err(_) => (text, None),
            },
            _ => (text, None),
        };
        let to = match addresses(name) {
            Some(addresses) => To::Addresses(addresses),
            None if name == "*" => To::All,
            None => {
                let host = name.trim_start_matches('*').trim_matches('.');
                To::Host(host.to_ascii_lowercase())
            }
        };
        Self { to, port }
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let here = match (&self.to, address) {
            (To::All, _) => true,
            (To::Addresses(all), Some(address)) => all.contains(&address.to_canonical()),
            (To::Addresses(_), None) | (To::Host(_), Some(_)) => false,
            (To::Host(name), None) => {
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
        };
        here && self.port.is_none_or(|only| only == port)
    }
}

/// What a proxy answers to who wants a way through it, where that is a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The proxy, without credentials.
    proxy: String,
    status: StatusCode,
    /// The status in the proxy's own words.
    said: String,
}

impl Refusal {
    /// Whether another attempt may do better.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.status.is_server_error()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} answered {}", self.proxy, self.said)
    }
}

/// What a proxy says to who wants a way through it to a host: for an error, after it gave none.
pub async fn refusal(proxy: &str, host: &str, port: u16) -> Option<Refusal> {
    let answer = tokio::time::timeout(Duration::from_secs(10), connect(proxy, host, port));
    let (status, said) = answer.await.ok()??;
    let proxy = shown(proxy);
    (!status.is_success()).then_some(Refusal {
        proxy,
        status,
        said,
    })
}

/// The status of the answer to `CONNECT`, and all of it, such as `403 Forbidden`.
async fn connect(proxy: &str, host: &str, port: u16) -> Option<(StatusCode, String)> {
    let url = Url::parse(proxy)
        .ok()
        .filter(|url| url.scheme() == "http")?;
    let address = (url.host_str()?, url.port_or_known_default()?);
    let mut stream = TcpStream::connect(address).await.ok()?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    let login = match (url.username(), url.password().unwrap_or_default()) {
        ("", _) => String::new(),
        (user, password) => {
            let login = format!("{}:{}", decoded(user), decoded(password));
            let login = BASE64.encode(login.as_bytes());
            format!("Proxy-Authorization: Basic {login}\r\n")
        }
    };
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let mut head = stream.take(256);
    while !answer.contains(&b'\n') && head.read_buf(&mut answer).await.ok()? > 0 {}
    let line = String::from_utf8_lossy(&answer);
    let said = line.lines().next()?.strip_prefix("HTTP/1.")?.get(2..)?;
    let status = said.get(..3)?.parse().ok()?;
    let said: String = said.chars().filter(|c| !c.is_control()).collect();
    Some((status, said.trim().to_owned()))
}

/// A proxy's URL without the credentials in it.
#[must_use]
pub fn shown(proxy: &str) -> String {
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{}", host.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &'static [(&str, &str)]) -> Proxies {
        Proxies::new(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_scheme_has_its_proxy() {
        let all = proxies(&[("HTTPS_PROXY", "u:p@one:1"), ("ALL_PROXY", "http://two:2")]);
        assert_eq!(all.to("https", "pypi.org", None), Some("http://u:p@one:1"));
        assert_eq!(all.to("http", "pypi.org", None), Some("http://two:2"));
        assert_eq!(all.to("ftp", "pypi.org", None), None);
        assert_eq!(all.to("http", "169.254.169.254", None), None);
        assert_eq!(shown("http://u:p@one:1"), "http://one:1");
        assert!(proxies(&[("NO_PROXY", "*")]).is_empty());
    }

    #[tokio::test]
    async fn a_proxy_says_why_it_refuses() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = server.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                let mut request = vec![0; 1024];
                let length = stream.read(&mut request).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&request[..length]);
                let status = match request.contains("Basic dTpw\r\n") {
                    true => "403 we answered 503 before",
                    false if request.contains("busy") => "503",
                    false => "407 Proxy Authentication Required",
                };
                let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        for (login, host, status, passes) in [
            ("", "a", "407 Proxy Authentication Required", false),
            ("", "busy", "503", true),
            ("u:p@", "a", "403 we answered 503 before", false),
        ] {
            let said = refusal(&format!("http://{login}{address}"), host, 443).await;
            let said = said.expect("a refusal");
            let expected = format!("the proxy http://{address} answered {status}");
            assert_eq!((said.to_string(), said.passes()), (expected, passes));
        }
    }

    #[test]
    fn what_needs_no_proxy() {
        let none = |entry: &str| {
            let mut all = proxies(&[("ALL_PROXY", "http://proxy:1")]);
            all.none = entry.split(',').map(|e| Entry::new(e.trim())).collect();
            move |host: &str, port| all.to("https", host, port).is_none()
        };
        for (entry, covered, others) in [
            ("*", vec!["10.1.2.3", "pypi.org", "::1"], vec![]),
            (
                "*.amazonaws.com",
                vec![
                    "sts.eu-west-1.amazonaws.com",
                    "STS.AmazonAWS.com",
                    "amazonaws.com",
                ],
                vec!["notamazonaws.com", "amazonaws.com.cn"],
            ),
            (
                ".amazonaws.com",
                vec!["sts.amazonaws.com"],
                vec!["myamazonaws.com"],
            ),
            (
                "pypi.org",
                vec!["pypi.org", "files.pypi.org"],
                vec!["mypypi.org", "10.0.0.1"],
            ),
            (
                "10.0.0.0/8, 127.0.0.1",
                vec!["10.1.2.3", "127.0.0.1"],
                vec!["127.0.0.2", "11.0.0.1"],
            ),
            ("::1, [fd00::]/8", vec!["::1", "[::1]"], vec!["::2"]),
            ("pypi.org:443", vec!["pypi.org"], vec!["pypi.org:8080"]),
            (
                "127.0.0.1:4566, [::1]:4566",
                vec!["127.0.0.1:4566", "[::1]:4566"],
                vec!["127.0.0.1"],
            ),
        ] {
            let direct = none(entry);
            let is = |place: &&str| match place.rsplit_once(':') {
                Some((host, port)) if place.parse::<IpAddr>().is_err() => match port.parse() {
                    Ok(port) => direct(host, Some(port)),
                    Err(_) => direct(place, None),
                },
                _ => direct(place, None),
            };
            assert!(covered.iter().all(is), "{entry}");
            assert!(!others.iter().any(is), "{entry}");
        }
    }
}
