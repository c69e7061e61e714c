//! Whom requests may go to: hosts that certificates vouch for, this machine, and hosts that the user trusts without.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use reqwest::{
    Certificate, Url,
    redirect::{Action, Attempt},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    http::{host, is_loopback},
    limits, settings,
};

/// The hosts, with or without a port, that are asked without encryption because the user says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted(Arc<RwLock<BTreeSet<String>>>);

/// Why a URL is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untrusted {
    /// Its host is neither this machine nor trusted.
    #[error("it is reached by http, which anybody on the way can change")]
    Http {
        /// The host, as the user would name it.
        host: String,
    },
    /// An answer leads to such a host.
    #[error("it leads to {host}, which is reached by http, which anybody on the way can change")]
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
    /// The hosts that the environment names.
    pub(super) fn from_environment() -> Self {
        let trusted = Self::default();
        trusted.add(settings::trusted_hosts());
        trusted
    }

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
    pub(super) fn refusal(&self, url: &Url) -> Option<Untrusted> {
        match url.scheme() {
            "https" => None,
            "http" if is_loopback(&host(url)) || self.has(url) => None,
            "http" => Some(Untrusted::Http { host: host(url) }),
            other => {
                let reason = format!("it is reached by {other}, not by https");
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

    /// Whether an answer may lead to a URL: never from what is encrypted to what is not.
    pub(super) fn redirect(&self, attempt: Attempt<'_>) -> Action {
        let (next, before) = (attempt.url(), attempt.previous());
        let encrypted = before.iter().any(|url| url.scheme() == "https");
        let reason = if before.len() > limits::REDIRECTS {
            Some(Untrusted::Never("it leads on too often".to_owned()))
        } else if encrypted && next.scheme() != "https" && !self.has(next) {
            let reason = format!("it leads to {}://{}", next.scheme(), host(next));
            Some(Untrusted::Never(reason))
        } else {
            self.refusal(next).map(|reason| match reason {
                Untrusted::Http { host } => Untrusted::Redirect { host },
                other => Untrusted::Never(format!("it leads to {}: {other}", host(next))),
            })
        };
        match reason {
            Some(reason) => attempt.error(reason),
            None => attempt.follow(),
        }
    }
}

/// The certificates of authorities that are trusted beside the system's, or which setting names none that can be read.
pub(super) fn certificates(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<Certificate>, String> {
    let named = |name: &'static str| {
        let path = variable(name).filter(|path| !path.is_empty());
        path.map(PathBuf::from)
    };
    // of these the operating system's own certificates come, where it has no store of its own
    if cfg!(all(unix, not(target_vendor = "apple"))) {
        if let Some(path) = named("SSL_CERT_FILE") {
            read("SSL_CERT_FILE", &path)?;
        }
        let directories = variable("SSL_CERT_DIR").unwrap_or_default();
        let mut directories = env::split_paths(&directories);
        let wrong = directories.find(|path| !path.as_os_str().is_empty() && !path.is_dir());
        if let Some(path) = wrong {
            let reason = "there is no such directory; give one, or unset the variable";
            return Err(unusable("SSL_CERT_DIR", &path, reason));
        }
    }
    match named("PIP_CERT") {
        Some(path) => read("PIP_CERT", &path),
        None => Ok(vec![]),
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
        trusted.add(["a.example", "b.example:8080", "http://C.example/"].map(str::to_owned));
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
        ] {
            assert!(taken(url), "{url}");
        }
        for url in [
            "http://x.example/",
            "http://b.example/",
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
