//! What is wrong with the ARNs of KMS keys, as the ends of sentences about a property.

use pulumi_aws_framework::formats::{arn, is_arn};

/// The ARN of a KMS key, where AWS keeps the key's own for an alias, or where a policy names it.
pub(crate) fn key(text: &str) -> Result<(), String> {
    match text.starts_with("alias/") || is_arn(text, "kms", "alias/") {
        true => Err(format!(
            "{text:?} is an alias; give the ARN of the key that the alias refers to"
        )),
        false => arn("kms", "key/")(text),
    }
}

/// The ARN of a KMS key or of an alias, where AWS keeps what it is given.
pub(crate) fn key_or_alias(text: &str) -> Result<(), String> {
    match is_arn(text, "kms", "alias/") {
        true => Ok(()),
        false => arn("kms", "key/")(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_no_alias() {
        let own = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1";
        assert_eq!((key(own), key_or_alias(own)), (Ok(()), Ok(())));
        let alias = "arn:aws:kms:eu-west-1:123456789012:alias/dbt";
        for alias in ["alias/dbt", alias] {
            assert!(key(alias).is_err_and(|reason| reason.contains("is an alias")));
        }
        assert_eq!(key_or_alias(alias), Ok(()));
        assert!(key_or_alias("alias/dbt").is_err());
    }
}
