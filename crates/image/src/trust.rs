//! Whom requests may go to: hosts that certificates vouch for, this machine, and hosts that the user trusts without.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    net::Ipv6Addr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use reqwest::{
    Certificate, ClientBuilder, Url,
    redirect::{Action, Attempt},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    host::{host, is_loopback},
    limits,
};

/// The hosts, with or without a port, that are asked without encryption because the user says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted(Arc<RwLock<BTreeSet<String>>>);

/// Why a URL is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untrusted {
    /// Its host is neither this machine nor trusted.
    #[error("it is reached over http, which anybody on the way can change")]
    Http {
        /// The host, as the user would name it.
        host: String,
    },
    /// An answer leads to such a host.
    #[error("it redirects to {host} over http, which anybody on the way can change")]
    Redirect {
        /// That host.
        host: String,
    },
    /// Whatever the user trusts.
    #[error("{0}")]
    Never(String),
}

impl Untrusted {
    /// The reason, and what helps where a setting names the hosts that are trusted.
    pub(super) fn advice(&self, setting: &str) -> String {
        match self {
            Self::Http { host } | Self::Redirect { host } => {
                format!("{self}: use https, or name it in {setting}: {host}")
            }
            Self::Never(reason) => reason.clone(),
        }
    }
}

impl Trusted {
    /// Those of some hosts.
    pub(super) fn of(hosts: impl IntoIterator<Item = String>) -> Self {
        let trusted = Self::default();
        trusted.add(hosts);
        trusted
    }

    /// Hosts as pip and uv take them, also within a URL.
    pub(super) fn add(&self, hosts: impl IntoIterator<Item = String>) {
        let mut trusted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        trusted.extend(hosts.into_iter().filter_map(|host| bare(&host)));
    }

    /// Nothing, or why a URL is not asked.
    pub(super) fn refusal(&self, url: &Url) -> Option<Untrusted> {
        match url.scheme() {
            "https" => None,
            "http" if is_loopback(&host(url)) || self.has(url) => None,
            "http" => Some(Untrusted::Http { host: host(url) }),
            other => {
                let reason = format!("it is reached over {other}, not https");
                Some(Untrusted::Never(reason))
            }
        }
    }

    fn has(&self, url: &Url) -> bool {
        let trusted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let name = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        trusted.contains(name) || trusted.contains(&format!("{name}:{port}"))
    }

    /// Follows an answer where it may lead, with why no certificate can be verified, if so.
    pub(super) fn redirect(&self, attempt: Attempt<'_>, unverified: Option<&str>) -> Action {
        match self.hindrance(attempt.url(), attempt.previous(), unverified) {
            Some(reason) => attempt.error(reason),
            None => attempt.follow(),
        }
    }

    /// Why an answer may not lead to a URL, if so: never from what is encrypted to what is not.
    fn hindrance(&self, next: &Url, before: &[Url], unverified: Option<&str>) -> Option<Untrusted> {
        let encrypted = next.scheme() == "https";
        let never = |reason: &str| {
            let place = host(next);
            Some(Untrusted::Never(format!(
                "it redirects to {place}: {reason}"
            )))
        };
        if before.len() > limits::REDIRECTS {
            return Some(Untrusted::Never("it redirects too often".to_owned()));
        }
        if !encrypted && before.iter().any(|url| url.scheme() == "https") {
            let reason = format!("it redirects to {}://{}", next.scheme(), host(next));
            return Some(Untrusted::Never(reason));
        }
        match (self.refusal(next), unverified.filter(|_| encrypted)) {
            (Some(Untrusted::Http { host }), _) => Some(Untrusted::Redirect { host }),
            (Some(other), _) => never(&other.to_string()),
            (None, Some(reason)) => never(reason),
            (None, None) => None,
        }
    }
}

/// The host, and the port if one is named, of what a setting names.
fn bare(text: &str) -> Option<String> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = match rest.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => rest.to_owned(),
    };
    // a port is not told where it is the scheme's own
    let of = |scheme: &str| Url::parse(&format!("{scheme}://{authority}")).ok();
    let (http, https) = (of("http")?, of("https")?);
    let name = http.host_str()?;
    let port = http.port().or(https.port());
    Some(port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")))
}

/// Whether hosts are verified here, and not by the operating system.
const OWN_VERIFIER: bool = cfg!(all(unix, not(target_vendor = "apple")));

/// The certificates of authorities that are trusted beside the system's, or which setting names none that can be read.
pub(super) fn certificates(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<Certificate>, String> {
    let named = |name: &'static str| {
        let path = variable(name).filter(|path| !path.is_empty());
        path.map(PathBuf::from)
    };
    // of these the operating system's own certificates come, where it has no store of its own
    if OWN_VERIFIER {
        let file = named("SSL_CERT_FILE").map(|path| read("SSL_CERT_FILE", &path).map(drop));
        let directories = variable("SSL_CERT_DIR").unwrap_or_default();
        let directories =
            env::split_paths(&directories).filter(|path| !path.as_os_str().is_empty());
        let reason = "there is no such directory; give one, or unset the variable";
        let directories = directories.map(|path| match path.is_dir() {
            true => Ok(()),
            false => Err(unusable("SSL_CERT_DIR", &path, reason)),
        });
        let all: Vec<Result<(), String>> = file.into_iter().chain(directories).collect();
        // where one can be used, the others do no harm
        if !all.iter().any(Result::is_ok) {
            all.into_iter().collect::<Result<(), String>>()?;
        }
    }
    match named("PIP_CERT") {
        Some(path) => read("PIP_CERT", &path),
        None => Ok(vec![]),
    }
}

/// A client that trusts these authorities beside the system's.
pub(super) fn trusting(client: ClientBuilder, named: Vec<Certificate>) -> ClientBuilder {
    if !OWN_VERIFIER {
        return client.tls_certs_merge(named);
    }
    // once for all who ask in this process
    let system = outside::authorities().iter();
    let system = system.filter_map(|one| Certificate::from_der(one).ok());
    let all: Vec<Certificate> = system.chain(named).collect();
    match all.is_empty() {
        // reqwest says so
        true => client.tls_certs_merge(all),
        false => client.tls_certs_only(all),
    }
}

/// A file's certificates. One that is none does no harm among others.
fn read(name: &str, path: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |reason: &str| {
        let help = "give a file of certificates in PEM, or unset the variable";
        unusable(name, path, &format!("{reason}; {help}"))
    };
    let text = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    let all = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    let usable = all.filter(|one| RootCertStore::empty().add(one.clone()).is_ok());
    let found: Vec<_> = usable
        .filter_map(|one| Certificate::from_der(&one).ok())
        .collect();
    match found.is_empty() {
        true => Err(wrong("it holds no certificate")),
        false => Ok(found),
    }
}

fn unusable(name: &str, path: &Path, reason: &str) -> String {
    format!(
        "{name} names {}, which cannot be used: {reason}",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An authority that nobody asks.
    const CA: &str = "-----BEGIN CERTIFICATE-----\n\
MIIBdTCCARugAwIBAgIUQ9Ca8XSzOWzF3eoe/gPRCpnORXAwCgYIKoZIzj0EAwIw\n\
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkyMjA5MDFaGA8yMTI2MTEwNTIyMDkw\n\
MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGIl\n\
AoqGCC399wqE+JydcTrofz3ZjhngxvBChQ51KiDrh3DABynYZls6pVHjMqfIjlQR\n\
W5bobjrJuVi7FaJICuyjUzBRMB0GA1UdDgQWBBQYNiv7GXAfUm096nsxbpuS3g/M\n\
yjAfBgNVHSMEGDAWgBQYNiv7GXAfUm096nsxbpuS3g/MyjAPBgNVHRMBAf8EBTAD\n\
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQD4EM8hOZMXQ1JpCL0V6mwZU6O8dnnHVaeB\n\
HIi7rpBAXwIgT9gwHGHJ8x9l1P4IvOn4MPGrOFPgDBQg9kEYjbz2kjY=\n\
-----END CERTIFICATE-----\n";

    #[test]
    fn only_trusted_hosts_are_asked_in_the_clear() {
        let trusted = Trusted::default();
        let hosts = [
            "a.example",
            "b.example:8080",
            "http://C.example/simple",
            "https://D.example:80/simple/",
            "fe80::0001",
            "[fe80::2]:81",
            "e.example:443",
            "",
            "/",
        ];
        trusted.add(hosts.map(str::to_owned));
        let taken = |url: &str| trusted.refusal(&Url::parse(url).unwrap()).is_none();
        for url in [
            "https://x.example/",
            "http://localhost:1/",
            "http://127.1.2.3/",
            "http://[::1]:1/",
            "http://a.example/",
            "http://a.example:81/",
            "http://b.example:8080/",
            "http://c.example/",
            "http://d.example/",
            "http://[fe80::1]/",
            "http://[fe80::2]:81/",
            "http://e.example:443/",
        ] {
            assert!(taken(url), "{url}");
        }
        for url in [
            "http://x.example/",
            "http://b.example/",
            "http://d.example:81/",
            "http://[fe80::2]/",
            "http://e.example/",
            "http://x.localhost/",
            "http://a.example.evil.example/",
            "http://127.0.0.1.example/",
            "http://169.254.169.254/",
            "http://0x7f.evil.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
        ] {
            assert!(!taken(url), "{url}");
        }
    }

    #[test]
    fn nothing_leads_from_https_to_http() {
        let trusted = Trusted::default();
        trusted.add(["a.example".to_owned()]);
        let why = |next: &str, before: &[&str], unverified: Option<&str>| {
            let url = |text: &&str| Url::parse(text).unwrap();
            let before: Vec<Url> = before.iter().map(url).collect();
            let reason = trusted.hindrance(&url(&next), &before, unverified);
            reason.map(|reason| reason.to_string())
        };
        let (http, https) = ("http://a.example/", "https://a.example/");
        for (next, before) in [(http, http), (https, http), (https, https)] {
            assert_eq!(why(next, &[before], None), None, "{before} {next}");
        }
        for before in [&[https][..], &[http, https], &[https, http]] {
            let reason = why(http, before, None);
            assert_eq!(reason.as_deref(), Some("it redirects to http://a.example"));
        }
        let reason = why(https, &[http], Some("no certificate"));
        assert_eq!(
            reason.as_deref(),
            Some("it redirects to a.example: no certificate")
        );
        assert_eq!(why(http, &[http], Some("no certificate")), None);
    }

    #[test]
    fn one_setting_that_can_be_used_is_enough() {
        let directory = tempfile::tempdir().unwrap();
        let good = directory.path().join("ca.pem");
        fs::write(&good, CA).unwrap();
        let (good, none) = (good.as_path(), Path::new("/nowhere"));
        let asked = |file: Option<&Path>, directories: &[&Path]| {
            let directories = env::join_paths(directories).unwrap();
            let found = certificates(|name| match name {
                "SSL_CERT_FILE" => file.map(|path| path.as_os_str().to_owned()),
                "SSL_CERT_DIR" => Some(directories.clone()),
                _ => None,
            });
            found.err().unwrap_or_default()
        };
        for (file, directories) in [
            (None, &[none, directory.path()][..]),
            (None, &[directory.path(), none]),
            (Some(none), &[directory.path()]),
            (Some(good), &[none]),
        ] {
            assert_eq!(asked(file, directories), "", "{file:?} {directories:?}");
        }
        for (file, directories, named) in [
            (Some(none), &[none][..], "SSL_CERT_FILE"),
            (None, &[none, none], "SSL_CERT_DIR"),
        ] {
            let error = asked(file, directories);
            let start = format!("{named} names /nowhere, which cannot be used");
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn certificates_that_cannot_be_read_are_told_by_their_variable() {
        let directory = tempfile::tempdir().unwrap();
        let pem = |content: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n")
        };
        let asked = |name: &'static str, path: &Path| {
            let path = path.as_os_str().to_owned();
            let found = certificates(move |asked| (asked == name).then(|| path.clone()));
            found.map(|found| found.len())
        };
        for (content, reason) in [
            (None, "No such file or directory"),
            (Some(String::new()), "it holds no certificate"),
            (Some("a text".to_owned()), "it holds no certificate"),
            (Some(pem("AAAA")), "it holds no certificate"),
            (Some(pem("!")), "it holds no certificate"),
        ] {
            let path = directory.path().join("ca.pem");
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            for name in ["PIP_CERT", "SSL_CERT_FILE"] {
                let error = asked(name, &path).unwrap_err();
                let start = format!(
                    "{name} names {}, which cannot be used: {reason}",
                    path.display()
                );
                assert!(error.starts_with(&start), "{error}");
            }
        }
        let error = asked("SSL_CERT_DIR", &directory.path().join("none")).unwrap_err();
        assert!(error.starts_with("SSL_CERT_DIR names "), "{error}");
        assert_eq!(asked("SSL_CERT_DIR", directory.path()), Ok(0));
        assert_eq!(asked("PIP_CERT", Path::new("")), Ok(0));
        let ca = directory.path().join("ca.pem");
        fs::write(&ca, pem("AAAA") + CA).unwrap();
        assert_eq!(asked("PIP_CERT", &ca), Ok(1));
    }
}
