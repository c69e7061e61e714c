//! What can go wrong, in words for the person who runs `pulumi up`.

use crate::{aws, props::Failure};

/// The result of anything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error; its text is lower case, names the operation and the object, and says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Properties that do not fit.
    #[error("{}", join(.0))]
    Invalid(Vec<Failure>),
    /// An AWS call that failed.
    #[error(transparent)]
    Aws(Box<aws::Error>),
    /// Anything else that a person can act on.
    #[error("{0}")]
    Failed(String),
    /// A wait that took longer than the resource's timeout.
    #[error(
        "{what} did not finish within {minutes} minutes; the last state was {state:?}; raise the resource's customTimeouts, or look at it in the AWS console and run the command again"
    )]
    Timeout {
        /// What was waited for.
        what: String,
        /// What was seen last.
        state: String,
        /// The timeout.
        minutes: u64,
    },
    /// The user interrupted the command.
    #[error("cancelled while {0}; run the command again to continue")]
    Cancelled(String),
    /// A mistake of this provider.
    #[error("{0}; this is a bug in the provider, please report it")]
    Bug(String),
}

fn join(failures: &[Failure]) -> String {
    failures
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Error {
    /// An error that says these words.
    pub fn failed(words: impl Into<String>) -> Self {
        Self::Failed(words.into())
    }

    /// The class of an AWS error.
    #[must_use]
    pub fn class(&self) -> Option<aws::Class> {
        match self {
            Self::Aws(e) => Some(e.class),
            _ => None,
        }
    }

    /// Whether the AWS object is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.class() == Some(aws::Class::NotFound)
    }

    /// Whether AWS refused because an object of that name is there.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.class() == Some(aws::Class::AlreadyExists)
    }

    /// Whether AWS refused to delete the object because it holds something.
    #[must_use]
    pub fn is_not_empty(&self) -> bool {
        self.class() == Some(aws::Class::NotEmpty)
    }

    /// Why AWS refused, in a few words: its code and what it says, for a status line.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Aws(e) => match &e.code {
                Some(code) => format!("{code}: {}", e.message.trim_end_matches('.')),
                None => e.message.clone(),
            },
            other => other.to_string(),
        }
    }

    /// The AWS error code, such as `InvalidVpcID.NotFound`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Aws(e) => e.code.as_deref(),
            _ => None,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Bug(format!("a checked property did not decode: {failure}"))
    }
}

/// What a read or a delete of something that is gone answers.
pub trait Gone<T> {
    /// `None` where the AWS object is not there.
    ///
    /// # Errors
    /// Any other error.
    fn gone(self) -> Result<Option<T>>;
}

impl<T> Gone<T> for Result<T> {
    fn gone(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }
}
