//! The authorities whose certificates are trusted: the system's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.

use std::sync::LazyLock;

use data_encoding::BASE64;
use rustls::{RootCertStore, pki_types::CertificateDer};

static AUTHORITIES: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs().certs;
    let usable = |one: &CertificateDer<'static>| RootCertStore::empty().add(one.clone()).is_ok();
    found.into_iter().filter(usable).collect()
});

/// The certificates that can be used, read once, which takes some milliseconds.
#[must_use]
pub fn authorities() -> &'static [CertificateDer<'static>] {
    &AUTHORITIES
}

/// Certificates as PEM.
#[must_use]
pub fn pem(certificates: &[CertificateDer<'_>]) -> String {
    let one = |certificate: &CertificateDer<'_>| {
        let text = BASE64.encode(certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    certificates.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, process::Command};

    #[test]
    fn a_file_takes_the_place_of_the_systems() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/authority.pem");
        if env::var("SSL_CERT_FILE").is_ok_and(|named| named == file) {
            let text = std::fs::read_to_string(file).unwrap();
            let whole = |text: &str| text.lines().collect::<String>();
            assert_eq!(whole(&pem(authorities())), whole(&text));
            return;
        }
        // the environment of a process is read by all of its tests
        let mut again = Command::new(env::current_exe().unwrap());
        again.args([
            "--exact",
            "authorities::tests::a_file_takes_the_place_of_the_systems",
        ]);
        again.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed"), "{said}");
    }
}
