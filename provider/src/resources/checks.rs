//! What is wrong with values that many resources take, as the ends of sentences about a property.

use crate::prelude::{Error, Result, Set};

/// An ARN of a service whose last part begins with `kind`: `arn("iam", "role/")`.
pub(crate) fn arn(
    service: &'static str,
    kind: &'static str,
) -> impl Fn(&String) -> Result<(), String> {
    move |text| {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let fits = match parts.as_slice() {
            ["arn", partition, of, _, _, object] => {
                partition.starts_with("aws")
                    && *of == service
                    && object.starts_with(kind)
                    && object.len() > kind.len()
            }
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let region = if service == "iam" { "" } else { "eu-west-1" };
        Err(format!(
            "{text:?} is not an ARN such as arn:aws:{service}:{region}:111122223333:{kind}..."
        ))
    }
}

/// The ARN of a KMS key. AWS keeps the key's own where it is given an alias, and that is no longer what was given.
pub(crate) fn key(text: &String) -> Result<(), String> {
    let is_alias = arn("kms", "alias/")(text).is_ok() || text.starts_with("alias/");
    arn("kms", "key/")(text).map_err(|reason| match is_alias {
        true => format!("{text:?} is an alias; give the ARN of the key that it stands for"),
        false => reason,
    })
}

/// An id that AWS gave to an object, such as `vpc-0123456789abcdef0`: `id("vpc")`.
pub(crate) fn id(prefix: &'static str) -> impl Fn(&String) -> Result<(), String> {
    move |text| {
        let rest = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'));
        let fits = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric());
        if rest.is_some_and(fits) {
            return Ok(());
        }
        Err(format!(
            "{text:?} is not an id such as {prefix}-0123456789abcdef0"
        ))
    }
}

/// Each of several values.
pub(crate) fn each<T>(
    check: impl Fn(&T) -> Result<(), String>,
) -> impl Fn(&Set<T>) -> Result<(), String> {
    move |all| all.iter().try_for_each(&check)
}

/// A number within bounds.
pub(crate) fn between<T: PartialOrd + std::fmt::Display + 'static>(
    least: T,
    most: T,
) -> impl Fn(&T) -> Result<(), String> {
    move |value| match (&least..=&most).contains(&value) {
        true => Ok(()),
        false => Err(format!("must be {least} to {most}, not {value}")),
    }
}

/// A name that AWS keeps in lower case.
pub(crate) fn lower(text: &String) -> Result<(), String> {
    match text.chars().any(|c| c.is_ascii_uppercase()) {
        false => Ok(()),
        true => Err(format!(
            "{text:?} must be in lower case, as AWS keeps it; give {:?}",
            text.to_lowercase()
        )),
    }
}

/// Refuses to import what has parts that no property here is for: the next update would take them away.
pub(crate) fn importable(
    what: &str,
    parts: impl IntoIterator<Item = (&'static str, bool)>,
) -> Result<()> {
    let there = parts
        .into_iter()
        .filter_map(|(part, is)| is.then_some(part));
    let there: Vec<_> = there.collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "could not import {what}: it has {}, for which there is no property here, and an update would take that away; \
         leave it to what made it",
        there.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_and_ids_are_told_apart() {
        let of = |text: &str| text.to_owned();
        let role = arn("iam", "role/");
        assert_eq!(role(&of("arn:aws-cn:iam::123456789012:role/a/b")), Ok(()));
        for wrong in [
            "dbt",
            "arn:aws:iam::123456789012:user/dbt",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:sts::123456789012:role/dbt",
            "arn:aws:iam",
        ] {
            assert_eq!(
                role(&of(wrong)),
                Err(format!(
                    "{wrong:?} is not an ARN such as arn:aws:iam::111122223333:role/..."
                ))
            );
        }
        assert_eq!(
            key(&of("arn:aws:kms:eu-west-1:123456789012:key/mrk-1")),
            Ok(())
        );
        for alias in ["alias/dbt", "arn:aws:kms:eu-west-1:123456789012:alias/dbt"] {
            assert!(key(&of(alias)).is_err_and(|reason| reason.contains("is an alias")));
        }
        assert_eq!(id("subnet")(&of("subnet-0a1b2c3d")), Ok(()));
        for wrong in [
            "subnet",
            "subnet-",
            "vpc-1",
            "arn:aws:ec2:eu-west-1:1:subnet/subnet-1",
        ] {
            assert!(id("subnet")(&of(wrong)).is_err(), "{wrong}");
        }
        let all = Set::from([of("sg-1"), of("dbt")]);
        assert_eq!(
            each(id("sg"))(&all),
            Err("\"dbt\" is not an id such as sg-0123456789abcdef0".to_owned())
        );
        assert_eq!(between(1, 3)(&4), Err("must be 1 to 3, not 4".to_owned()));
    }
}
