//! What can go wrong while an image is made.

use std::{io, path::PathBuf};

use super::{Platform, Python};

/// The result of this module's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure to make or push an image, worded for the person who reads it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A directory that is no dbt project.
    #[error("{} is not a dbt project: {reason}", .path.display())]
    NotAProject {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file of the project that cannot be part of an image.
    #[error("{} cannot be packed: {reason}", .path.display())]
    Unpackable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A failed read or write of a local file.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as "reading".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A cache that others could write to.
    #[error("the cache {} is not used: {reason}; name another directory in DBT_AWS_CACHE", .path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A requirements file that cannot be used.
    #[error("{lock}{}: {reason}", .line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Lock {
        /// The file's name.
        lock: String,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A package that cannot be left out of requirements.
    #[error("{package:?} cannot be left out of {requirements}: {reason}")]
    Excluded {
        /// The requirements file.
        requirements: String,
        /// The package.
        package: String,
        /// Why, and what to do.
        reason: String,
    },
    /// Requirements that no set of packages meets.
    #[error("{requirements} cannot be resolved for Python {python} on linux/{}: {reason}", .platform.architecture())]
    Unresolved {
        /// The requirements file.
        requirements: String,
        /// The image's Python.
        python: Python,
        /// What the image runs on.
        platform: Platform,
        /// Which requirements disagree, and what to do.
        reason: String,
    },
    /// A package that no index has in a usable form.
    #[error("{requirement} cannot be installed: {reason}")]
    Package {
        /// Name and version.
        requirement: String,
        /// Why not.
        reason: String,
    },
    /// A wheel that breaks the rules of its format, or is not the one that was locked.
    #[error("the wheel {wheel} was refused: {reason}")]
    Wheel {
        /// The file's name.
        wheel: String,
        /// Which rule.
        reason: String,
    },
    /// A base image that cannot be used.
    #[error("the base image {image} cannot be used: {reason}")]
    Base {
        /// The image's reference.
        image: String,
        /// Why not.
        reason: String,
    },
    /// Credentials for a registry that could not be had.
    #[error("the registry of the base image cannot be opened: {reason}")]
    Login {
        /// Why not.
        reason: String,
    },
    /// A registry or index that refused a request or could not be reached.
    #[error("{action} at {host}: {reason}")]
    Http {
        /// What was tried.
        action: String,
        /// The host, without credentials.
        host: String,
        /// The status, where there was an answer.
        status: Option<u16>,
        /// What the host said, or why it could not be reached.
        reason: String,
    },
    /// A layer that is not, bit for bit, what the state says: it is made again.
    #[error("the {layer} layer is not the one that the state describes")]
    Stale {
        /// Which layer.
        layer: &'static str,
    },
}

impl Error {
    /// Whether the registry or index answered that it does not have what was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Http {
                status: Some(404),
                ..
            }
        )
    }

    /// Whether credentials were missing or wrong.
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self,
            Self::Http {
                status: Some(401 | 403),
                ..
            }
        )
    }

    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
