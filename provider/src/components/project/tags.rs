//! The tags of a project: its platform's, and its own.

use super::{handle, roles::PROJECT_TAG};
use crate::prelude::*;
use pulumi_aws_framework::{output::all, props::tags::FREE};

/// The key of a platform's handle that has its tags, as JSON; older ones have none.
pub(crate) const KEY: &str = "tags";

/// One is the tasks' own.
const MOST: usize = FREE - 1;

/// The tags as a handle has them.
pub(crate) fn told(tags: &Output<Tags>) -> Output<String> {
    tags.map(|tags| serde_json::json!(tags).to_string())
}

fn of_platform(text: &str) -> Result<Tags, Failure> {
    let refused = |e| {
        let reason = format!("must be a JSON object of texts: {e}");
        Failure::here(reason).under(KEY).under("platform")
    };
    serde_json::from_str(text).map_err(refused)
}

/// The tags of everything that a project makes.
pub(super) fn of(platform: &Output<BTreeMap<String, String>>, own: &Output<Tags>) -> Output<Tags> {
    let platform: Output<String> = platform.key(KEY);
    all((platform.optional(), own.optional()))
        .try_map(|(platform, own)| {
            let Some(platform) = platform else {
                return Ok(own);
            };
            Ok(Some(merged(
                of_platform(&platform)?,
                own.unwrap_or_default(),
            )))
        })
        .flatten()
}

/// The tags of a task, with the one that tells whose it is.
pub(super) fn of_task(tags: &Output<Tags>, prefix: &Output<String>) -> Output<Tags> {
    all((tags.optional(), prefix.clone())).map(|(tags, prefix)| {
        let mut tags = tags.unwrap_or_default();
        tags.insert(PROJECT_TAG.to_owned(), prefix);
        tags
    })
}

/// Both, the project's own before the platform's: to IAM, keys that differ in case alone are the same.
fn merged(mut platform: Tags, own: Tags) -> Tags {
    platform.retain(|key, _| {
        let key = key.to_lowercase();
        !own.keys().any(|other| other.to_lowercase() == key)
    });
    platform.extend(own);
    platform
}

/// Refuses more tags than fit on a task.
pub(super) fn check(check: &mut Check<'_>) {
    let platform = handle::known(check.value("platform").as_ref(), KEY);
    let platform = match platform.map(|text| of_platform(&text)).transpose() {
        Ok(platform) => platform.unwrap_or_default(),
        Err(failure) => return check.fail(failure.path, failure.reason),
    };
    let Some(own) = check.get::<Option<Tags>>("tags") else {
        return;
    };
    let own = own.unwrap_or_default();
    let (field, theirs) = match (own.is_empty(), platform.is_empty()) {
        (true, _) => ("platform", " of the platform"),
        (false, false) => ("tags", " with the platform's"),
        (false, true) => ("tags", ""),
    };
    let count = merged(platform, own).len();
    if count > MOST {
        let reason = format!(
            "has {count} tags{theirs}, at most {MOST} fit beside the one that tells the project's tasks"
        );
        check.fail(field, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::{Tags, merged};

    #[test]
    fn the_projects_own_tags_win() {
        let tags = |all: &[(&str, &str)]| -> Tags {
            all.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let platform = tags(&[
            ("Team", "platform"),
            ("cost-center", "4711"),
            ("env", "prod"),
        ]);
        let own = tags(&[("team", "data"), ("env", "dev")]);
        assert_eq!(
            merged(platform, own),
            tags(&[("cost-center", "4711"), ("env", "dev"), ("team", "data")])
        );
    }
}
