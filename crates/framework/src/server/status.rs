//! Errors as gRPC statuses. `Internal`, `DataLoss` and `Unknown` tell the engine that a resource's state is not known,
//! so no error is one of these.

use crate::{
    aws::Class,
    error::Error,
    props::Failure,
    pulumirpc as rpc,
    resource::Partial,
    value::{Properties, Value},
    wire::to_struct,
};
use outside::printable;
use prost::Message;
use tonic::{Code, Status};

/// `google.rpc.Status`, which carries details beside the message.
#[derive(Clone, PartialEq, Message)]
struct Detailed {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

fn detailed(code: Code, message: String, name: &str, detail: &impl Message) -> Status {
    let any = prost_types::Any {
        type_url: format!("type.googleapis.com/pulumirpc.{name}"),
        value: detail.encode_to_vec(),
    };
    let body = Detailed {
        code: code as i32,
        message: message.clone(),
        details: vec![any],
    };
    Status::with_details(code, message, body.encode_to_vec().into())
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Invalid(_) => Code::InvalidArgument,
            Error::Aws(aws) => match aws.class {
                Class::Credentials => Code::Unauthenticated,
                Class::Denied => Code::PermissionDenied,
                Class::Throttled => Code::ResourceExhausted,
                Class::Unreachable => Code::Unavailable,
                _ => Code::FailedPrecondition,
            },
            Error::Failed(_) => Code::FailedPrecondition,
            Error::Timeout { .. } => Code::DeadlineExceeded,
            Error::Cancelled(_) => Code::Cancelled,
            Error::Bug(_) => Code::Aborted,
        };
        Self::new(code, shown(&error))
    }
}

/// What a user reads of something: a terminal obeys none of it.
fn shown(what: &impl std::fmt::Display) -> String {
    printable(&what.to_string()).into_owned()
}

/// Why a component could not be constructed. The engine prints the value beside the path of a property that does not
/// fit: where that would show a secret, the reason goes into the message.
pub(super) fn construct(error: Error, inputs: &Properties) -> Status {
    let Error::Invalid(failures) = &error else {
        return error.into();
    };
    let (secret, open): (Vec<_>, Vec<_>) = failures
        .iter()
        .partition(|failure| is_of_secret(failure, inputs));
    let message = std::iter::once("the inputs are not valid".to_owned())
        .chain(secret.iter().map(|failure| shown(*failure)));
    let errors = open
        .iter()
        .map(|f| rpc::input_properties_error::PropertyError {
            property_path: shown(&f.path),
            reason: shown(&f.reason),
        });
    let detail = rpc::InputPropertiesError {
        errors: errors.collect(),
    };
    detailed(
        Code::InvalidArgument,
        message.collect::<Vec<_>>().join("; "),
        "InputPropertiesError",
        &detail,
    )
}

/// What a check found wrong. Here, too, the engine prints the value beside the property, unless it is told of none.
pub(super) fn check(found: Vec<Failure>, inputs: &Properties) -> Vec<rpc::CheckFailure> {
    let failure = |found: Failure| match is_of_secret(&found, inputs) {
        true => rpc::CheckFailure {
            property: String::new(),
            reason: shown(&found),
        },
        false => rpc::CheckFailure {
            property: shown(&found.path),
            reason: shown(&found.reason),
        },
    };
    found.into_iter().map(failure).collect()
}

fn is_of_secret(failure: &Failure, inputs: &Properties) -> bool {
    let name = failure.path.split(['.', '[']).next().unwrap_or_default();
    inputs.get(name).is_some_and(Value::has_secret)
}

/// A failure after something was done: the engine keeps the state and updates the resource next time.
pub(super) fn partial(partial: Partial) -> Status {
    let Some((id, properties, inputs)) = partial.state else {
        return partial.error.into();
    };
    let detail = rpc::ErrorResourceInitFailed {
        id,
        properties: Some(to_struct(&properties)),
        reasons: vec![shown(&partial.error)],
        inputs: Some(to_struct(&inputs)),
        ..Default::default()
    };
    detailed(
        Code::FailedPrecondition,
        shown(&partial.error),
        "ErrorResourceInitFailed",
        &detail,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_error() {
        let evil = || Error::failed("could not pack \u{1b}]0;x\u{7}.sql");
        let said = r"could not pack \u{1b}]0;x\u{7}.sql";
        assert_eq!(Status::from(evil()).message(), said);
        let lost = partial(Partial {
            error: evil(),
            state: Some(("id".to_owned(), Properties::new(), Properties::new())),
        });
        assert_eq!(lost.message(), said);
        assert!(!lost.details().contains(&0x1b));
        let failure = || Failure {
            path: "tags.\u{1b}[2J".to_owned(),
            reason: "\u{202e}".to_owned(),
        };
        let found = check(vec![failure()], &Properties::new()).remove(0);
        assert_eq!(
            (found.property.as_str(), found.reason.as_str()),
            (r"tags.\u{1b}[2J", r"\u{202e}")
        );
        let status = construct(Error::Invalid(vec![failure()]), &Properties::new());
        assert!(!status.details().contains(&0x1b));
    }

    #[test]
    fn no_secret_stands_beside_its_path() {
        let inputs = [
            ("cpu".to_owned(), Value::Number(3.0)),
            (
                "secrets".to_owned(),
                Value::Object([("a-b".to_owned(), Value::secret("hush".into()))].into()),
            ),
        ];
        let failure = |path: &str| Failure {
            path: path.to_owned(),
            reason: "does not fit".to_owned(),
        };
        let failures = vec![failure("cpu"), failure("secrets[\"a-b\"]")];
        let inputs = inputs.into();
        let found: Vec<_> = check(failures.clone(), &inputs)
            .into_iter()
            .map(|found| (found.property, found.reason))
            .collect();
        let alone = "secrets[\"a-b\"]: does not fit".to_owned();
        let beside = ("cpu".to_owned(), "does not fit".to_owned());
        assert_eq!(found, [beside, (String::new(), alone)]);
        let status = construct(Error::Invalid(failures), &inputs);
        let expected = "the inputs are not valid; secrets[\"a-b\"]: does not fit";
        assert_eq!(status.message(), expected);
        let body = Detailed::decode(status.details()).expect("details");
        let detail = rpc::InputPropertiesError::decode(body.details[0].value.as_slice());
        let paths: Vec<_> = detail.expect("decodes").errors;
        assert_eq!(paths.len(), 1);
        assert_eq!(paths[0].property_path, "cpu");
    }
}
