//! The age of a base image.

use dbt_aws_image::{Base, Reference};
use jiff::civil::Date;
use pulumi_aws_framework::context::Severity;

/// How many days a base image is used without a warning.
const OLD: i32 = 90;

/// How old a base image is that was taken by its tag.
pub(super) fn age(base: &Base, today: Date) -> Option<(Severity, String)> {
    let reference: Reference = base.image.parse().ok()?;
    let taken: Date = base.taken.as_ref()?.parse().ok()?;
    let days = (today - taken).get_days();
    if reference.digest.is_some() || days < 1 {
        return None;
    }
    let severity = match days > OLD {
        true => Severity::Warning,
        false => Severity::Info,
    };
    let made = base.made.as_ref().map(|day| format!(", made on {day},"));
    let message = format!(
        "the base image {}{} was taken {days} day{} ago: change baseImageRefresh to take the newest of its tag",
        base.image,
        made.unwrap_or_default(),
        if days == 1 { "" } else { "s" },
    );
    Some((severity, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_base_by_its_tag_has_an_age() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let base = |image: &str, taken: Option<&str>| {
            let base = json!({"image": image, "digest": digest, "platform": "amd64", "python": "3.12", "env": [],
                "layers": [], "taken": taken, "made": taken.map(|_| "2026-10-02")});
            serde_json::from_value::<Base>(base).expect("decodes")
        };
        let today: Date = "2026-11-29".parse().expect("a day");
        let said = |image: &str, taken| age(&base(image, taken), today);
        assert_eq!(
            said("python:3.12", Some("2026-11-28")),
            Some((
                Severity::Info,
                "the base image python:3.12, made on 2026-10-02, was taken 1 day ago: change baseImageRefresh to take \
                 the newest of its tag"
                    .to_owned()
            ))
        );
        let severity = |taken| said("python", Some(taken)).map(|said| said.0);
        assert_eq!(severity("2026-08-31"), Some(Severity::Info));
        assert_eq!(severity("2026-08-30"), Some(Severity::Warning));
        assert_eq!(severity("2026-11-29"), None);
        assert_eq!(said(&format!("python@{digest}"), Some("2020-01-01")), None);
        // of a state of before, it is not known
        assert_eq!(said("python", None), None);
    }
}
