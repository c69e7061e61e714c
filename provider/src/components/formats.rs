//! What the ARNs and ids look like that a user gives.

use crate::props::Failure;

/// Whether it is the ARN of such an object of such a service.
pub(crate) fn is_arn(text: &str, service: &str, object: &str) -> bool {
    match text.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, s, _, _, name] => {
            s == service && name.len() > object.len() && name.starts_with(object)
        }
        _ => false,
    }
}

/// A KMS key's ARN, for policies: an alias in one grants nothing.
pub(crate) fn kms_key(arn: &str) -> Result<(), String> {
    let reason = || {
        format!(
            "{arn:?} is not the ARN of a KMS key, such as arn:aws:kms:eu-west-1:111122223333:key/ID; an alias will not do: \
             policies know keys by their own ARN alone"
        )
    };
    is_arn(arn, "kms", "key/").then_some(()).ok_or_else(reason)
}

/// As [`kms_key`], for each.
pub(crate) fn kms_keys(arns: &[String]) -> Result<(), String> {
    arns.iter().try_for_each(|arn| kms_key(arn))
}

/// An ECS cluster's ARN.
pub(crate) fn cluster(arn: &str) -> Result<(), String> {
    let reason = || {
        format!(
            "{arn:?} is not the ARN of an ECS cluster, such as arn:aws:ecs:eu-west-1:111122223333:cluster/NAME"
        )
    };
    is_arn(arn, "ecs", "cluster/")
        .then_some(())
        .ok_or_else(reason)
}

/// A managed policy's ARN.
pub(crate) fn policy(arn: &str) -> Result<(), String> {
    let reason = || {
        format!(
            "{arn:?} is not the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/NAME"
        )
    };
    is_arn(arn, "iam", "policy/")
        .then_some(())
        .ok_or_else(reason)
}

/// A bucket's name, as S3 takes it.
pub(crate) fn bucket(name: &str) -> Result<(), String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = (3..=63).contains(&name.len())
        && name.chars().all(|c| word(c) || ".-".contains(c))
        && name.starts_with(word)
        && name.ends_with(word);
    let reason = || {
        format!(
            "{name:?} is not a bucket's name: 3 to 63 lower-case letters, digits, . and -; give neither its ARN nor its URL"
        )
    };
    fits.then_some(()).ok_or_else(reason)
}

fn id(text: &str, kind: &str, what: &str) -> Result<(), String> {
    let own = text
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('-'));
    match own {
        Some(own) if !own.is_empty() && own.chars().all(|c| c.is_ascii_alphanumeric()) => Ok(()),
        _ => Err(format!(
            "{text:?} is not the id of a {what}, such as {kind}-0123456789abcdef0"
        )),
    }
}

/// A VPC's id.
pub(crate) fn vpc(text: &str) -> Result<(), String> {
    id(text, "vpc", "VPC")
}

/// The ids of subnets, one at least.
pub(crate) fn subnets(ids: &[String]) -> Result<(), String> {
    if ids.is_empty() {
        return Err("give one subnet at least".to_owned());
    }
    ids.iter().try_for_each(|text| id(text, "subnet", "subnet"))
}

/// A security group's id.
pub(crate) fn security_group(text: &str) -> Result<(), String> {
    id(text, "sg", "security group")
}

/// As [`security_group`], for each.
pub(crate) fn security_groups(ids: &[String]) -> Result<(), String> {
    ids.iter().try_for_each(|text| security_group(text))
}

/// What is wrong with something of another region than the provider's, where all children are made.
pub(crate) fn elsewhere(path: &str, theirs: Option<&str>, region: &str) -> Option<Failure> {
    let theirs = theirs.filter(|theirs| !theirs.is_empty() && *theirs != region)?;
    Some(Failure {
        path: path.to_owned(),
        reason: format!(
            "is of {theirs}, but the provider is for {region}; give this component a provider for {theirs}"
        ),
    })
}
