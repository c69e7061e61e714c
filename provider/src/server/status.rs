//! Errors as gRPC statuses. `Internal`, `DataLoss` and `Unknown` tell the engine that a resource's state is not known:
//! they are kept for exactly that.

use crate::{
    aws::Class, error::Error, props::Failure, pulumirpc as rpc, resource::Partial, wire::to_struct,
};
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
            Error::Invalid(failures) => return invalid(failures),
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
        Self::new(code, error.to_string())
    }
}

/// Inputs of a component that do not fit, each with its path.
pub(super) fn invalid(failures: &[Failure]) -> Status {
    let errors = failures
        .iter()
        .map(|f| rpc::input_properties_error::PropertyError {
            property_path: f.path.clone(),
            reason: f.reason.clone(),
        });
    let detail = rpc::InputPropertiesError {
        errors: errors.collect(),
    };
    detailed(
        Code::InvalidArgument,
        "the inputs do not fit".to_owned(),
        "InputPropertiesError",
        &detail,
    )
}

/// A failure after something was done: the engine keeps the state and updates the resource next time.
pub(super) fn partial(partial: Partial) -> Status {
    let Some((id, properties, inputs)) = partial.state else {
        return partial.error.into();
    };
    let detail = rpc::ErrorResourceInitFailed {
        id,
        properties: Some(to_struct(&properties)),
        reasons: vec![partial.error.to_string()],
        inputs: Some(to_struct(&inputs)),
        ..Default::default()
    };
    detailed(
        Code::FailedPrecondition,
        partial.error.to_string(),
        "ErrorResourceInitFailed",
        &detail,
    )
}
