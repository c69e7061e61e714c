//! What is wrong with values that many resources take, as the ends of sentences about a property.

/// Whether it is an ARN of a service whose last part begins with `kind` and goes on.
pub fn is_arn(text: &str, service: &str, kind: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, of, _, _, object]
        if partition.starts_with("aws") && of == service && object.len() > kind.len() && object.starts_with(kind))
}

/// An ARN of a service whose last part begins with `kind`: `arn("iam", "role/")`.
pub fn arn(service: &'static str, kind: &'static str) -> impl Fn(&str) -> Result<(), String> {
    move |text| {
        if is_arn(text, service, kind) {
            return Ok(());
        }
        let region = if service == "iam" { "" } else { "eu-west-1" };
        Err(format!(
            "{text:?} is not an ARN such as arn:aws:{service}:{region}:111122223333:{kind}..."
        ))
    }
}

/// An id that AWS gave to an object, such as `vpc-0123456789abcdef0`: `id("vpc")`.
pub fn id(prefix: &'static str) -> impl Fn(&str) -> Result<(), String> {
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

/// Each of several texts.
pub fn each<C: ?Sized>(
    check: impl Fn(&str) -> Result<(), String>,
) -> impl Fn(&C) -> Result<(), String>
where
    for<'a> &'a C: IntoIterator<Item = &'a String>,
{
    move |all| all.into_iter().try_for_each(|text| check(text))
}

/// A number within bounds.
pub fn between<T: PartialOrd + std::fmt::Display + 'static>(
    least: T,
    most: T,
) -> impl Fn(&T) -> Result<(), String> {
    move |value| match (&least..=&most).contains(&value) {
        true => Ok(()),
        false => Err(format!("must be {least} to {most}, not {value}")),
    }
}

/// A number that is that or more.
pub fn at_least<T: PartialOrd + std::fmt::Display + 'static>(
    least: T,
) -> impl Fn(&T) -> Result<(), String> {
    move |value| match *value >= least {
        true => Ok(()),
        false => Err(format!("must be {least} or more, not {value}")),
    }
}

/// The one of some words that a misspelt one may stand for.
pub fn nearest<'a>(word: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LIKELY: f64 = 0.75;
    let word = word.to_lowercase();
    let likeness = |other: &str| strsim::jaro_winkler(&other.to_lowercase(), &word);
    let all = all.into_iter().map(|other| (likeness(other), other));
    let likely = all.filter(|(likeness, _)| *likeness > LIKELY);
    likely
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

/// A name that AWS keeps in lower case.
pub fn lower(text: &str) -> Result<(), String> {
    match text.chars().any(|c| c.is_ascii_uppercase()) {
        false => Ok(()),
        true => Err(format!(
            "{text:?} must be in lower case, as AWS keeps it; give {:?}",
            text.to_lowercase()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::props::Set;

    #[test]
    fn arns_and_ids_are_told_apart() {
        let role = arn("iam", "role/");
        assert_eq!(role("arn:aws-cn:iam::123456789012:role/a/b"), Ok(()));
        for wrong in [
            "dbt",
            "arn:aws:iam::123456789012:user/dbt",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:sts::123456789012:role/dbt",
            "arn:aws:iam",
        ] {
            assert_eq!(
                role(wrong),
                Err(format!(
                    "{wrong:?} is not an ARN such as arn:aws:iam::111122223333:role/..."
                ))
            );
        }
        assert_eq!(id("subnet")("subnet-0a1b2c3d"), Ok(()));
        for wrong in [
            "subnet",
            "subnet-",
            "vpc-1",
            "arn:aws:ec2:eu-west-1:1:subnet/subnet-1",
        ] {
            assert!(id("subnet")(wrong).is_err(), "{wrong}");
        }
        let all = Set::from(["sg-1".to_owned(), "dbt".to_owned()]);
        assert_eq!(
            each(id("sg"))(&all),
            Err("\"dbt\" is not an id such as sg-0123456789abcdef0".to_owned())
        );
        assert_eq!(between(1, 3)(&4), Err("must be 1 to 3, not 4".to_owned()));
        let none = Err("must be 1 or more, not 0".to_owned());
        assert_eq!(at_least(1)(&0), none);
    }
}
