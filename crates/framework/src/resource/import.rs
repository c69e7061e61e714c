//! What an import may name an object by.

use super::CustomResource;
use crate::{
    context::Context,
    error::{Error, Result},
    formats,
};

/// The ids of a kind of object.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// An id, for whoever gives something else.
    pub example: &'static str,
    /// The service and the beginning of the object's part in the ARN: what follows is the id.
    pub arn: (&'static str, &'static str),
    /// The id in what was given, or in the end of an ARN.
    pub of: fn(Given<'_>) -> String,
    /// What an id looks like.
    pub form: Form,
}

/// What an import gives.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// What follows the kind in an ARN.
    Arn(&'a str),
    /// Any other text.
    Text(&'a str),
}

impl<'a> Given<'a> {
    /// The text, wherever it stood.
    #[must_use]
    pub fn text(self) -> &'a str {
        match self {
            Self::Arn(text) | Self::Text(text) => text,
        }
    }
}

/// What an id looks like.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// AWS made it, and it begins as the example does.
    Number,
    /// It is the object's name.
    Name,
    /// Something else.
    Other(fn(&str) -> bool),
}

impl Ids {
    /// Ids that AWS makes.
    #[must_use]
    pub const fn number(example: &'static str, service: &'static str, kind: &'static str) -> Self {
        Self {
            example,
            arn: (service, kind),
            of: |given| given.text().to_owned(),
            form: Form::Number,
        }
    }

    /// Names.
    #[must_use]
    pub const fn name(example: &'static str, service: &'static str, kind: &'static str) -> Self {
        Self {
            form: Form::Name,
            ..Self::number(example, service, kind)
        }
    }
}

/// The id that the state is to have of what an import names; `None` where there is no such object.
pub(super) async fn find_id<R: CustomResource>(
    cx: &Context,
    token: &str,
    given: &str,
) -> Result<Option<String>> {
    let refuse = |why: String| {
        let given = given.trim();
        Error::failed(format!("could not import {given:?} as a {token}: {why}"))
    };
    let Some(ids) = R::IDS else {
        return Err(refuse(
            "only the provider makes it, from other resources".to_owned(),
        ));
    };
    let given = given.trim();
    let (service, kind) = ids.arn;
    let rest = given
        .splitn(6, ':')
        .nth(5)
        .and_then(|rest| rest.strip_prefix(kind));
    let id = match rest.filter(|_| formats::is_arn(given, service, kind)) {
        Some(rest) => {
            cx.account.refuse_other(given).await?;
            let region = given.split(':').nth(3).unwrap_or_default();
            if !region.is_empty() && region != cx.aws.region() {
                return Err(refuse(format!(
                    "it is in {region}, and the provider in {}; use a provider of that region",
                    cx.aws.region()
                )));
            }
            (ids.of)(Given::Arn(rest))
        }
        // That of something else.
        None if given.starts_with("arn:") => String::new(),
        None => (ids.of)(Given::Text(given)),
    };
    let fits = match ids.form {
        Form::Number => {
            let prefix = ids.example.split('-').next().unwrap_or_default();
            formats::id(prefix)(&id).is_ok()
        }
        // Those of others may break the rules for new ones.
        Form::Name => R::NAMING.is_some_and(|naming| {
            let others = |c: char| "-._".contains(c) || naming.others.contains(c);
            let fits = |c: char| c.is_ascii_alphanumeric() || others(c);
            (1..=naming.longest).contains(&id.len()) && id.chars().all(fits)
        }),
        Form::Other(fits) => fits(&id),
    };
    if !fits {
        let arn = match kind {
            "" => format!("an ARN of {service}"),
            kind => format!("an ARN of {service} with {kind}"),
        };
        return Err(refuse(format!(
            "give an id such as {}, or {arn}",
            ids.example
        )));
    }
    R::find(cx, id).await
}
