//! What AWS would refuse of a function's settings.

use crate::prelude::*;

pub(super) const NAME: Naming = Naming::new("name", 64);

/// Names that Lambda sets itself, or that another would break.
const RESERVED: [&str; 17] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The most bytes of all variables together.
const MOST: usize = 4_096;

pub(super) fn description(text: &str) -> Result<(), String> {
    match text.chars().count() {
        length @ 257.. => Err(format!("must have at most 256 characters, not {length}")),
        _ => Ok(()),
    }
}

pub(super) fn handler(text: &str) -> Result<(), String> {
    let fits = (1..=128).contains(&text.len()) && !text.contains(char::is_whitespace);
    match fits {
        true => Ok(()),
        false => Err(format!(
            "{text:?} is not a handler such as main.handler, of at most 128 characters"
        )),
    }
}

pub(super) fn environment(all: &BTreeMap<String, String>) -> Result<(), String> {
    let fits = |name: &str| {
        name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    for name in all.keys() {
        if !fits(name) {
            return Err(format!(
                "{name:?} must begin with a letter and have at least two letters, digits and _"
            ));
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("{name} is set by Lambda; choose another name"));
        }
    }
    match serde_json::json!(all).to_string().len() {
        bytes if bytes > MOST => Err(format!(
            "has {bytes} bytes as JSON; at most {MOST} are allowed"
        )),
        _ => Ok(()),
    }
}

pub(super) fn log_group(name: &str) -> Result<(), String> {
    Naming {
        field: "logGroupName",
        longest: 512,
        others: "-_/.#",
        lower: false,
    }
    .check(name)
}

pub(super) fn dead_letters(arn: &str) -> Result<(), String> {
    let is = |service| formats::is_arn(arn, service, "");
    match is("sqs") || is("sns") {
        true => Ok(()),
        false => Err(format!(
            "{arn:?} is not the ARN of a queue or a topic such as arn:aws:sqs:eu-west-1:111122223333:..."
        )),
    }
}
