//! As much of HTML as the pages of package indexes need.

use std::collections::HashMap;

use super::limits;

/// The attributes of a tag, from what comes after its name; those without a value are empty.
pub(super) fn attributes(tag: &str) -> HashMap<&str, String> {
    let mut found = HashMap::new();
    let mut rest = tag.trim_start();
    while found.len() < limits::ATTRIBUTES
        && let Some(end) = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))
    {
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            if !name.is_empty() {
                found.insert(name, String::new());
            }
            match after.strip_prefix('/') {
                _ if after.starts_with('>') => break,
                Some(next) => rest = next.trim_start(),
                None => rest = after,
            }
            continue;
        };
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => value.split_at(
                value
                    .find(|c: char| c.is_whitespace() || c == '>')
                    .unwrap_or(value.len()),
            ),
        };
        found.insert(name, decode(value));
        rest = after.trim_start();
    }
    found
}

/// A text without character references.
fn decode(text: &str) -> String {
    let mut parts = text.split('&');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once(';').and_then(|(name, rest)| {
            let code =
                |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => match name.strip_prefix("#x") {
                    Some(digits) => code(digits, 16)?,
                    None => code(name.strip_prefix('#')?, 10)?,
                },
            };
            Some((character, rest))
        });
        match known {
            Some((character, rest)) => {
                decoded.push(character);
                decoded.push_str(rest);
            }
            None => {
                decoded.push('&');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::attributes;

    #[test]
    fn attributes_are_read_as_browsers_do() {
        let found = attributes(
            " data-yanked  href = \"a?b=1&amp;c#x\" rel='n>m' x=&#62;&#x3d;3.9&nbsp;& />y=z",
        );
        let found = |name: &str| found.get(name).map(String::as_str);
        assert_eq!(found("data-yanked"), Some(""));
        assert_eq!(found("href"), Some("a?b=1&c#x"));
        assert_eq!(found("rel"), Some("n>m"));
        assert_eq!(found("x"), Some(">=3.9&nbsp;&"));
        assert_eq!(found("y"), None);
    }
}
