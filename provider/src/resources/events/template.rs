//! What EventBridge takes for a template of a target's input.
//!
//! See [input transformation](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html).

use serde::de::IgnoredAny;

/// The most characters of a template, and of an input that is constant.
pub(super) const LONGEST: usize = 8_192;

/// What EventBridge itself knows.
const RESERVED: &str = "aws.events.";

/// What is wrong with a template by itself: with its placeholders filled in it is JSON, or lines of texts in quotes.
pub(super) fn check(template: &str) -> Result<(), String> {
    match template.chars().count() {
        1..=LONGEST => {}
        length => {
            return Err(format!("must have 1 to {LONGEST} characters, not {length}"));
        }
    }
    let filled = fill(template, |_| {});
    let values = serde_json::Deserializer::from_str(&filled).into_iter::<IgnoredAny>();
    for value in values {
        value.map_err(|error| {
            format!(
                "is neither JSON nor text in double quotes once its placeholders stand for values: {error}; quote each line \
                 of text, such as \"\\\"dbt failed: <reason>\\\"\""
            )
        })?;
    }
    Ok(())
}

/// The placeholders of a template for which there is no path.
pub(super) fn unknown(template: &str, is_known: impl Fn(&str) -> bool) -> Vec<&str> {
    let mut found = Vec::new();
    fill(template, |name| {
        if !name.starts_with(RESERVED) && !is_known(name) && !found.contains(&name) {
            found.push(name);
        }
    });
    found
}

/// The template with a number for each placeholder outside of quotes. Tells each placeholder's name.
fn fill<'a>(template: &'a str, mut seen: impl FnMut(&'a str)) -> String {
    let (mut filled, mut rest, mut quoted) = (String::new(), template, false);
    while let Some(next) = rest.chars().next() {
        if let Some((name, after)) = placeholder(rest) {
            seen(name);
            filled.push_str(if quoted { "x" } else { "0" });
            rest = after;
            continue;
        }
        let length = match next {
            '\\' if quoted => next.len_utf8() + rest.chars().nth(1).map_or(0, char::len_utf8),
            other => other.len_utf8(),
        };
        quoted ^= next == '"';
        filled.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    filled
}

/// The name of the placeholder that a text begins with, and what follows.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('<')?.split_once('>')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.chars().all(fits)).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_json_or_lines_of_text() {
        for fine in [
            r#"{"run": <id>, "message": "run <id> of <aws.events.rule-name> \"failed\"", "all": <aws.events.event>}"#,
            "\"<project> failed\"\n\"see <link>\"",
            "<detail>",
            r#"["\\", <a>, "x < y"]"#,
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for wrong in ["run <id> failed", r#"{"run": "<id>}"#, r#"{"run": id}"#] {
            let reason = check(wrong).expect_err(wrong);
            assert!(reason.starts_with("is neither JSON nor text in double quotes"));
        }
        let paths = ["id"];
        let template = "\"<id> <link> <link> <aws.events.event.json> <a b>\"";
        assert_eq!(unknown(template, |name| paths.contains(&name)), ["link"]);
    }
}
