//! SHA-256 digests, whose text can be nothing but hexadecimal digits.

use std::{fmt, io, io::Write, str::FromStr};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256, as `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// That of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The one whose 64 digits these are, in either case.
    pub(super) fn from_hex(digits: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The 64 digits.
    pub(super) fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("sha256:");
        let strict = digits.filter(|digits| !digits.contains(|c: char| c.is_ascii_uppercase()));
        strict
            .and_then(Self::from_hex)
            .ok_or_else(|| "it is not sha256:<64 hexadecimal digits>".to_owned())
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// What hashes all that is written to it.
#[derive(Clone, Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_64_digits_is_a_digest() {
        let digits = "0123456789abcdef".repeat(4);
        let upper = digits.to_uppercase();
        let digest = Digest::from_hex(&upper).unwrap();
        assert_eq!(digest.hex(), digits);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in [
            "",
            "../../../../tmp/x",
            &digits[1..],
            &format!("{digits}00"),
            &format!("/{}", &digits[1..]),
            &format!("{}\n", &digits[1..]),
        ] {
            assert_eq!(Digest::from_hex(wrong), None, "{wrong}");
            assert!(format!("sha256:{wrong}").parse::<Digest>().is_err());
        }
        for wrong in [
            digits.clone(),
            format!("sha512:{digits}"),
            format!("sha256:{upper}"),
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
