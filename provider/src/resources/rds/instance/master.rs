//! The master user's name and password: they come from a secret, and go nowhere but to RDS.

use crate::{prelude::*, resources::secretsmanager::secret::fresh_or_current};

/// The tag that says which secret the password was set from. A restore, and a change of the secret, may be interrupted
/// before the password is set: the tag does not name the secret then, and the next update sets it.
const TAG: &str = "dbt-aws:master-user-secret";

/// The tag's value while the password is the snapshot's, whose tags AWS may copy.
pub(super) const UNSET: &str = "unset";

/// The secret that the tags name.
pub(super) fn secret_of(tags: &Tags) -> Option<String> {
    tags.get(TAG).filter(|secret| *secret != UNSET).cloned()
}

/// The tags without that tag.
pub(super) fn without_tag(mut tags: Tags) -> Tags {
    tags.remove(TAG);
    tags
}

/// The tag for that secret.
pub(super) fn tag(secret: &str) -> Tags {
    Tags::from([(TAG.to_owned(), secret.to_owned())])
}

/// A master user.
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: SecretText,
}

/// What a secret holds; `username` is what the database has, or is to have.
pub(super) async fn credentials(
    cx: &Context,
    secret: &str,
    username: Option<&str>,
) -> Result<Credentials> {
    let wrong = |reason: String| {
        Error::failed(format!(
            "could not take the master password from the secret {secret}: {reason}"
        ))
    };
    let value = fresh_or_current(cx, secret).await?;
    // The parser's own words could show a part of the value.
    let value: serde_json::Value = serde_json::from_str(value.expose())
        .map_err(|_| wrong("its value is not a JSON object".to_owned()))?;
    let field = |name: &str| value[name].as_str().map(str::to_owned);
    let password =
        field("password").ok_or_else(|| wrong("it has no string \"password\"".into()))?;
    if !(8..=128).contains(&password.len()) {
        return Err(wrong("the password must have 8 to 128 characters".into()));
    }
    if let Some(c) = password.chars().find(|c| !allowed(*c)) {
        return Err(wrong(format!(
            "the password contains {c:?}, which RDS does not allow; use printable ASCII without / \" @ and space"
        )));
    }
    match (field("username"), username) {
        (Some(theirs), Some(ours)) if theirs != ours => Err(wrong(format!(
            "its username is {theirs}, the database's is {ours}"
        ))),
        (None, None) => Err(wrong(
            "it has no string \"username\"; add it, or give masterUsername".to_owned(),
        )),
        (theirs, ours) => Ok(Credentials {
            username: ours.map(str::to_owned).or(theirs).unwrap_or_default(),
            password: password.into(),
        }),
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_graphic() && !"/\"@".contains(c)
}
