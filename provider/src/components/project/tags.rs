//! The tags of a project: its platform's, and its own.

use super::policies::PROJECT_TAG;
use crate::{
    components::platform::handle::{PlatformHandle, TagsText},
    prelude::*,
};
use pulumi_aws_framework::{output::all, props::tags::FREE};

/// One is the tasks' own.
const MOST: usize = FREE - 1;

/// The tags of everything that a project makes.
pub(super) fn of(platform: &Output<TagsText>, own: &Output<Tags>) -> Output<Tags> {
    all((platform.optional(), own.optional()))
        .map(|(platform, own)| match platform {
            Some(TagsText(platform)) => Some(merged(platform, own.unwrap_or_default())),
            None => own,
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
    let platform = Handle::<PlatformHandle>::checked(check, "platform").tags;
    let platform = platform.now().unwrap_or_default().0;
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
            "has {count} tags{theirs}, at most {MOST} are allowed, besides the one that marks the project's tasks"
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
