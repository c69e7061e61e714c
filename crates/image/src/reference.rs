//! Image references: `registry/repository:tag@digest`.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use super::{Digest, Error, host::is_loopback};

/// Where an image is, in the words of `docker pull`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host and port; `docker.io` where none is named.
    pub host: String,
    /// The repository in it.
    pub repository: String,
    /// The tag, if one is named.
    pub tag: Option<String>,
    /// The digest, if one is named.
    pub digest: Option<Digest>,
}

impl Reference {
    /// What a manifest is asked for by: the digest, else the tag, else `latest`.
    pub(super) fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

/// What the hosts of AWS's services end with, in each of its partitions.
const SUFFIXES: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "sc2s.sgov.gov",
];

/// The same for the hosts that have addresses of both kinds.
const DUAL_STACK: [&str; 3] = [
    "on.aws",
    "on.amazonwebservices.com.cn",
    "on.amazonwebservices.eu",
];

/// The account and the region of an ECR registry, by its host.
pub fn ecr_registry(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once('.')?;
    let (service, suffixes) = match rest.strip_prefix("dkr.") {
        Some(service) => (service, &SUFFIXES[..]),
        None => (rest.strip_prefix("dkr-")?, &DUAL_STACK[..]),
    };
    let (service, rest) = service.split_once('.')?;
    let (region, suffix) = rest.split_once('.')?;
    let is_ecr = ["ecr", "ecr-fips"].contains(&service) && suffixes.contains(&suffix);
    is_ecr.then_some((account, region))
}

/// The URL below which a registry answers: plain HTTP on this machine, HTTPS everywhere else.
///
/// A registry may be named with its scheme too.
pub(super) fn endpoint(host: &str) -> String {
    if host.starts_with("http://") || host.starts_with("https://") {
        return host.trim_end_matches('/').to_owned();
    }
    match host {
        // the name of Docker Hub's images is not that of its registry
        "docker.io" | "index.docker.io" => "https://registry-1.docker.io".to_owned(),
        host if is_loopback(host) => format!("http://{host}"),
        host => format!("https://{host}"),
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |reason: &str| Error::Base {
            image: text.into(),
            reason: reason.into(),
        };
        if let Some((scheme @ ("http" | "https" | "docker"), rest)) = text.split_once("://") {
            return Err(refused(&format!("leave {scheme}:// out: {rest}")));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (host, repository) = match name.split_once('/') {
            Some((host, repository)) if host.contains(['.', ':']) || host == "localhost" => {
                (host, repository.to_owned())
            }
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        if !is_host(host) {
            return Err(refused(&format!(
                "{host:?} is not the host of a registry, such as public.ecr.aws"
            )));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if !repository
            .split('/')
            .all(|part| !part.is_empty() && part.chars().all(plain))
        {
            return Err(refused(
                "its repository's name must have only a-z, 0-9 and ._-/",
            ));
        }
        let digest = digest.map(str::parse).transpose();
        let digest =
            digest.map_err(|_| refused("its digest is not sha256:<64 hexadecimal digits>"))?;
        let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > 128 || !tag.chars().all(word)) {
            return Err(refused("its tag must have only letters, digits and ._-"));
        }
        Ok(Self {
            host: host.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// Whether it is a host's name or address, perhaps with a port.
fn is_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(fits)),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest
            .iter()
            .try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_of_docker() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, whole) in [
            ("python", "docker.io/library/python"),
            ("me/python:3", "docker.io/me/python:3"),
            ("localhost:5000/base:3.11", "localhost:5000/base:3.11"),
            ("a.example/b/c", "a.example/b/c"),
            (
                &format!("a.example:1/b:t@{digest}"),
                &format!("a.example:1/b:t@{digest}"),
            ),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), whole);
        }
        assert!("[::1]:5000/base".parse::<Reference>().is_ok());
        for text in [
            "",
            "A/b",
            "a.example/",
            "a:b c",
            "a@sha256:00",
            "a/../b//c",
            "./shop",
            "../shop",
            "a b.example/shop",
            "arn:aws:ecr:eu-west-1:111122223333:repository/shop",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        let url = "https://a.example/b:3".parse::<Reference>().unwrap_err();
        assert!(
            url.to_string()
                .ends_with("leave https:// out: a.example/b:3")
        );
    }

    #[test]
    fn a_registry_of_ecr_is_in_a_region() {
        for host in [
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com.cn",
            "111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.eu",
            "111122223333.dkr.ecr.eu-west-1.c2s.ic.gov",
            "111122223333.dkr-ecr.eu-west-1.on.aws",
            "111122223333.dkr-ecr.eu-west-1.on.amazonwebservices.com.cn",
        ] {
            assert_eq!(ecr_registry(host), Some(("111122223333", "eu-west-1")));
        }
        for host in [
            "public.ecr.aws",
            "dkr.ecr.eu-west-1.amazonaws.com",
            "a.dkr.ecr.b.amazonaws.com.evil.example",
            "a.dkr.ecr.b.on.aws",
            "a.dkr-ecr.b.amazonaws.com",
            "a.dkr.sts.b.amazonaws.com",
        ] {
            assert_eq!(ecr_registry(host), None);
        }
    }

    #[test]
    fn only_this_machine_is_asked_in_the_clear() {
        for (host, url) in [
            ("localhost:4566", "http://localhost:4566"),
            ("127.0.0.2:1", "http://127.0.0.2:1"),
            ("[::1]:1", "http://[::1]:1"),
            ("a.example", "https://a.example"),
            ("http://a.example/", "http://a.example"),
        ] {
            assert_eq!(endpoint(host), url);
        }
    }
}
