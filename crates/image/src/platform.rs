//! What an image is made for: a machine and a Python.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A processor architecture that Fargate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// `linux/amd64`: `X86_64` in ECS's words.
    Amd64,
    /// `linux/arm64`: `ARM64` in ECS's words.
    Arm64,
}

impl Platform {
    /// The architecture in OCI's words.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture in Python's words.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }
}

/// A CPython 3, as `3.12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Python {
    /// The number after `3.`.
    pub minor: u32,
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor)
    }
}

impl FromStr for Python {
    type Err = String;

    /// The version in `3.12`, `3.12.7` or `3.13.0rc1`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("3.")
            .and_then(|rest| rest.split('.').next()?.parse().ok())
            .map(|minor| Self { minor })
            .ok_or_else(|| format!("{text:?} is no version of Python 3"))
    }
}

impl TryFrom<String> for Python {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Python> for String {
    fn from(python: Python) -> Self {
        python.to_string()
    }
}
