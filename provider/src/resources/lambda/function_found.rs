//! What AWS says of a function, as far as it takes more than a word.

use super::function::{FunctionArchitecture, FunctionRuntime};
use aws_sdk_lambda::types::{FunctionConfiguration, PackageType, TracingMode};
use pulumi_aws_framework::props::Enum as _;

/// The runtime, if it is one that can be given.
pub(super) fn runtime(function: &FunctionConfiguration) -> Option<FunctionRuntime> {
    FunctionRuntime::from_word(function.runtime()?.as_str())
}

/// The architecture.
pub(super) fn architecture(function: &FunctionConfiguration) -> FunctionArchitecture {
    let word = function.architectures().first().map(|a| a.as_str());
    word.and_then(FunctionArchitecture::from_word)
        .unwrap_or(FunctionArchitecture::X8664)
}

/// What of a function no property here is for, and whether it is there.
pub(super) fn foreign(function: &FunctionConfiguration) -> Vec<(&'static str, bool)> {
    let vpc = function
        .vpc_config()
        .is_some_and(|v| !v.subnet_ids().is_empty());
    let storage = function
        .ephemeral_storage()
        .is_some_and(|s| s.size() != 512);
    let traced = function.tracing_config().and_then(|t| t.mode()) == Some(&TracingMode::Active);
    let logging = function.logging_config();
    let levels = logging.is_some_and(|l| {
        let other = |level: Option<&str>| level.is_some_and(|level| level != "INFO");
        other(l.application_log_level().map(|l| l.as_str()))
            || other(l.system_log_level().map(|l| l.as_str()))
    });
    let is_image = function.package_type() == Some(&PackageType::Image);
    vec![
        ("a container image", is_image),
        (
            "another runtime than can be given",
            !is_image && runtime(function).is_none(),
        ),
        ("a VPC", vpc),
        ("layers", !function.layers().is_empty()),
        ("file systems", !function.file_system_configs().is_empty()),
        (
            "a KMS key of its own",
            function.kms_key_arn().is_some_and(|key| !key.is_empty()),
        ),
        ("more storage", storage),
        ("tracing", traced),
        ("log levels", levels),
    ]
}
