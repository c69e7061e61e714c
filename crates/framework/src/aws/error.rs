//! AWS errors, by class instead of by code.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::{
    display::DisplayErrorContext, metadata::ProvideErrorMetadata, operation::BuildError,
};
use aws_types::request_id::RequestId;
use std::fmt;

/// What a failed call means for what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The object is not there, or not visible yet.
    NotFound,
    /// An object of that name or in that place is there already.
    AlreadyExists,
    /// AWS does not know yet what was made a moment ago: a role that cannot be assumed, a subnet that is not visible.
    NotYet,
    /// Something still uses the object, or it is busy.
    InUse,
    /// It holds what nobody but its owner removes; waiting does not help.
    NotEmpty,
    /// Too many calls; the SDK has already tried again.
    Throttled,
    /// No credentials, or expired or wrong ones.
    Credentials,
    /// The credentials may not do this.
    Denied,
    /// No answer.
    Unreachable,
    /// AWS failed at it, and may have done it; the SDK has already tried again.
    Failed,
    /// Any other refusal.
    Other,
}

/// A failed AWS call.
#[derive(Clone, Debug)]
pub struct Error {
    /// What was tried, on what, such as "create the subnet `prod-private-0`".
    pub operation: String,
    /// AWS's code.
    pub code: Option<String>,
    /// AWS's message.
    pub message: String,
    /// AWS's id of the request.
    pub request_id: Option<String>,
    /// What it means.
    pub class: Class,
}

impl std::error::Error for Error {}

impl Error {
    /// A failure inside a 200 response.
    #[must_use]
    pub fn from_batch_failure(operation: impl Into<String>, code: String, message: String) -> Self {
        Self {
            operation: operation.into(),
            class: classify(&code, &message),
            code: Some(code).filter(|c| !c.is_empty()),
            message,
            request_id: None,
        }
    }

    /// An object that AWS does not show.
    #[must_use]
    pub fn missing(operation: impl Into<String>) -> Self {
        Self::new(Class::NotFound, operation, "AWS does not show it")
    }

    /// Something that AWS is not ready for.
    #[must_use]
    pub fn not_yet(operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Class::NotYet, operation, message)
    }

    /// A failure of a class that no call told.
    pub(crate) fn new(
        class: Class,
        operation: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation: operation.into(),
            code: None,
            message: message.into(),
            request_id: None,
            class,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: ", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(self.message.trim_end_matches('.'))?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        match self.class.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl Class {
    fn advice(self) -> Option<&'static str> {
        match self {
            Self::Credentials => Some(
                "give valid credentials, for example with `aws sso login`, AWS_PROFILE, or the provider's `profile`",
            ),
            Self::Denied => {
                Some("allow the credentials' role or user to do this, or use other credentials")
            }
            Self::Unreachable => Some(
                "check the network, the proxies, the region and the endpoint, then run the command again",
            ),
            Self::Failed => Some("run the command again in a moment"),
            Self::Throttled => Some("run the command again in a moment, or raise maxRetries"),
            Self::InUse => {
                Some("something still uses it; remove that first, or run the command again")
            }
            Self::NotYet => Some("run the command again"),
            Self::NotFound | Self::AlreadyExists | Self::NotEmpty | Self::Other => None,
        }
    }
}

/// Gives the result of an AWS call the words for what was tried.
pub trait During<T> {
    /// The result, its error saying "could not `operation`: ...".
    ///
    /// # Errors
    /// The call's own, classified.
    fn during(self, operation: impl Into<String>) -> crate::error::Result<T>;
}

impl<T, E, R> During<T> for Result<T, SdkError<E, R>>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
    SdkError<E, R>: RequestId,
{
    fn during(self, operation: impl Into<String>) -> crate::error::Result<T> {
        self.map_err(|error| {
            let request_id = error.request_id().map(str::to_owned);
            let (code, message) = match &error {
                SdkError::ServiceError(e) => (
                    e.err().code().map(str::to_owned),
                    e.err()
                        .message()
                        .map_or_else(|| "AWS gave no reason".to_owned(), str::to_owned),
                ),
                other => (None, DisplayErrorContext(other).to_string()),
            };
            let class = match &error {
                SdkError::ServiceError(_) => {
                    classify(code.as_deref().unwrap_or_default(), &message)
                }
                _ if message.to_lowercase().contains("credentials") => Class::Credentials,
                _ => Class::Unreachable,
            };
            let message = match class {
                Class::Credentials if code.is_none() => {
                    format!("there are no AWS credentials ({})", innermost(&error))
                }
                Class::Unreachable => format!("no answer from AWS ({})", innermost(&error)),
                _ => message,
            };
            Error {
                operation: operation.into(),
                code,
                message,
                request_id,
                class,
            }
            .into()
        })
    }
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        Self::Aws(Box::new(error))
    }
}

/// A request without a part that AWS requires: checks let none through.
impl From<BuildError> for crate::error::Error {
    fn from(error: BuildError) -> Self {
        Self::Bug(format!("could not build a request: {error}"))
    }
}

/// The last of an error's causes.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn classify(code: &str, message: &str) -> Class {
    const CREDENTIALS: [&str; 12] = [
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    const DENIED: [&str; 5] = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "UnauthorizedOperation",
        "NotAuthorized",
    ];
    const THROTTLED: [&str; 7] = [
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    ];
    const FAILED: [&str; 11] = [
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceError",
        "ServerException",
        "ServiceException",
        "ServiceFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    ];
    const IN_USE: [&str; 20] = [
        "ClusterContainsTasksException",
        "ConcurrentAccessException",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "ContinuousBackupsUnavailableException",
        "DBSubnetGroupInUse",
        "DeleteConflict",
        "DependencyViolation",
        "IncorrectState",
        "InvalidDBInstanceState",
        "InvalidDBParameterGroupState",
        "InvalidDBSnapshotState",
        "InvalidDBSubnetGroupStateFault",
        "InvalidGroup.InUse",
        "InvalidIPAddress.InUse",
        "OperationAborted",
        "OperationAbortedException",
        "ResourceInUseException",
        "StateMachineDeleting",
        "UpdateInProgressException",
    ];
    const NOT_EMPTY: [&str; 2] = ["BucketNotEmpty", "RepositoryNotEmptyException"];
    const EXISTS: [&str; 8] = [
        "BucketAlreadyOwnedByYou",
        "InvalidGroup.Duplicate",
        "InvalidPermission.Duplicate",
        "InvalidSubnet.Conflict",
        "QueueNameExists",
        "Resource.AlreadyAssociated",
        "ResourceExistsException",
        "StateMachineAlreadyExists",
    ];
    let text = message.to_lowercase();
    if not_yet(code, &text) {
        return Class::NotYet;
    }
    let is = |codes: &[&str]| codes.contains(&code);
    if is(&CREDENTIALS) {
        Class::Credentials
    } else if is(&DENIED) {
        Class::Denied
    } else if is(&THROTTLED) {
        Class::Throttled
    } else if is(&FAILED) {
        Class::Failed
    } else if is(&IN_USE) || code == "ValidationException" && text.contains("since it has targets")
    {
        Class::InUse
    } else if is(&NOT_EMPTY) {
        Class::NotEmpty
    } else if is(&EXISTS)
        || code.contains("AlreadyExist")
        || text.contains("can't create this secret") && code == "InvalidRequestException"
        || text.contains("already exist") && code.ends_with("ConflictException")
    {
        Class::AlreadyExists
    } else if ["ConflictException", "ResourceConflictException"].contains(&code) {
        Class::InUse
    } else if code.contains("NotFound")
        || code.contains("NoSuch")
        || code.contains("DoesNotExist")
        || code.contains("NonExistent")
        || code == "Gateway.NotAttached"
        || code == "InvalidSubnet"
        || code == "ClientException" && text.contains("unable to describe task definition")
        || code == "InvalidRequestException"
            && [
                "marked for deletion",
                "marked deleted",
                "scheduled for deletion",
            ]
            .iter()
            .any(|words| text.contains(words))
    {
        Class::NotFound
    } else {
        Class::Other
    }
}

/// What AWS says of a role, a key or a gateway that it does not know yet.
fn not_yet(code: &str, message: &str) -> bool {
    const WORDS: [&str; 12] = [
        "authorized to assume the provided role",
        "cannot be assumed",
        "not authorized to assume",
        "unable to assume",
        "must be assumable",
        "must allow aws eventbridge scheduler to assume",
        "the role defined for the function cannot",
        "the provided execution role does not have permissions",
        "is not authorized to access the log destination",
        "is not authorized to create managed-rule",
        "role is not valid",
        // the first of its kind in an account
        "verify that you have permission to create service linked role",
    ];
    matches!(
        code,
        "AccessDenied"
            | "AccessDeniedException"
            | "ClientException"
            | "InvalidParameterException"
            | "ValidationException"
            | "InvalidParameterValue"
            | "InvalidParameterValueException"
            | "InvalidArn"
    ) && WORDS.iter().any(|words| message.contains(words))
        || code == "MalformedPolicyDocument" && message.contains("invalid principal")
        || code == "InvalidParameter" && message.contains("principalnotfound")
        || code == "InvalidAttributeValue" && message.contains("parameter policy")
        || code == "InvalidVPCNetworkStateFault" && message.contains("internet gateway")
        || code.ends_with("QueueDeletedRecently")
}

#[cfg(test)]
mod tests {
    use super::{
        Class::{
            AlreadyExists, Credentials, Denied, Failed, InUse, NotEmpty, NotFound, NotYet, Other,
            Throttled,
        },
        classify,
    };

    #[test]
    fn codes_have_their_class_in_every_service() {
        let cases = [
            ("ExpiredToken", "", Credentials),
            ("InvalidSignatureException", "", Credentials),
            ("UnauthorizedOperation", "", Denied),
            ("AccessDeniedException", "", Denied),
            ("AuthorizationError", "", Denied),
            ("ThrottlingException", "", Throttled),
            ("RequestThrottled", "", Throttled),
            ("ServerException", "", Failed),
            ("InternalServerException", "", Failed),
            ("InternalServiceError", "", Failed),
            ("DependencyViolation", "", InUse),
            ("DeleteConflict", "", InUse),
            ("ConcurrentModification", "", InUse),
            ("ContinuousBackupsUnavailableException", "", InUse),
            ("BucketNotEmpty", "", NotEmpty),
            // What has a name that is not free yet, of a bucket and of a state machine that were deleted a moment ago.
            ("OperationAborted", "", InUse),
            ("StateMachineDeleting", "", InUse),
            ("RepositoryAlreadyExistsException", "", AlreadyExists),
            ("EntityAlreadyExists", "", AlreadyExists),
            ("InvalidSubnet.Conflict", "", AlreadyExists),
            ("InvalidVpcID.NotFound", "", NotFound),
            ("ClusterNotFoundException", "", NotFound),
            ("NoSuchBucket", "", NotFound),
            ("StateMachineDoesNotExist", "", NotFound),
            ("AWS.SimpleQueueService.NonExistentQueue", "", NotFound),
            ("InvalidParameterValue", "", Other),
        ];
        for (code, message, class) in cases {
            assert_eq!(classify(code, message), class, "{code}");
        }
    }

    #[test]
    fn one_code_with_other_words_is_another_class() {
        let role = "The role defined for the function cannot be assumed";
        assert_eq!(classify("InvalidParameterValue", role), NotYet);
        let role = format!("{role} by Lambda.");
        assert_eq!(classify("InvalidParameterValueException", &role), NotYet);
        let letters =
            "The provided execution role does not have permissions to call SendMessage on SQS";
        assert_eq!(classify("InvalidParameterValueException", letters), NotYet);
        let queue = "You must wait 60 seconds after deleting a queue";
        assert_eq!(
            classify("AWS.SimpleQueueService.QueueDeletedRecently", queue),
            NotYet
        );
        let principal = "Invalid principal in policy: \"AWS\":\"AIDA\"";
        assert_eq!(classify("MalformedPolicyDocument", principal), NotYet);
        assert_eq!(classify("MalformedPolicyDocument", "Syntax error"), Other);
        let secret = "You can't create this secret because a secret with this name is already scheduled for deletion.";
        assert_eq!(classify("InvalidRequestException", secret), AlreadyExists);
        let deleted =
            "You can't perform this operation on the secret because it was marked for deletion.";
        assert_eq!(classify("InvalidRequestException", deleted), NotFound);
        let schedule = "Schedule nightly already exists.";
        assert_eq!(classify("ConflictException", schedule), AlreadyExists);
        let changing = "The schedule nightly is being changed by another request.";
        assert_eq!(classify("ConflictException", changing), InUse);
        let function = "Function already exist: dbt-webhooks";
        assert_eq!(
            classify("ResourceConflictException", function),
            AlreadyExists
        );
        let updating = "The operation cannot be performed at this time. An update is in progress for resource: x";
        assert_eq!(classify("ResourceConflictException", updating), InUse);
        // A rule whose targets were removed a moment ago.
        let rule = "Rule can't be deleted since it has targets.";
        assert_eq!(classify("ValidationException", rule), InUse);
        let policy = "Invalid value for the parameter Policy.";
        assert_eq!(classify("InvalidAttributeValue", policy), NotYet);
        let policy = "Invalid parameter: Policy Error: PrincipalNotFound";
        assert_eq!(classify("InvalidParameter", policy), NotYet);
        let first = "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise \
                     wait and try again later";
        assert_eq!(classify("InvalidParameterValue", first), NotYet);
        let first = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
        assert_eq!(classify("InvalidParameterException", first), NotYet);
        let network = "Cannot create a publicly accessible DBInstance. The specified VPC has no internet gateway attached.";
        assert_eq!(classify("InvalidVPCNetworkStateFault", network), NotYet);
        assert_eq!(
            classify(
                "InvalidVPCNetworkStateFault",
                "It does not support DNS resolution"
            ),
            Other
        );
        let family = "Unable to describe task definition.";
        assert_eq!(classify("ClientException", family), NotFound);
    }
}
