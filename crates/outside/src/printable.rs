//! Texts from outside, such as AWS's answers, an index's, and the names of files, as a terminal can show them.

use std::borrow::Cow;

/// A text in which nothing moves a cursor, changes colours, or lets letters stand in another order than they are read:
/// such characters are written as `\u{1b}`. Lines and tabs stay.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_special(c) && !is_layout(c))
}

/// The same for a text of one line, such as a name: of lines and tabs it has none either.
#[must_use]
pub fn printable_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_special)
}

fn escaped(text: &str, is_wrong: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_wrong) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_wrong(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown.into()
}

fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

fn is_special(c: char) -> bool {
    let reorders = matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hidden = matches!(
        c,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    );
    reorders || hidden || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_line};

    #[test]
    fn a_terminal_obeys_no_text_from_outside() {
        for (text, shown) in [
            (
                "two\nlines\tand 分析 \u{1f980}",
                "two\nlines\tand 分析 \u{1f980}",
            ),
            (
                "\u{1b}[2J\u{1b}]0;title\u{7}",
                "\\u{1b}[2J\\u{1b}]0;title\\u{7}",
            ),
            ("all is well\rit is not", "all is well\\u{d}it is not"),
            ("\u{9b}31m\0\u{7f}", "\\u{9b}31m\\u{0}\\u{7f}"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("\u{2067}a\u{2069}", "\\u{2067}a\\u{2069}"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_line("a\n\tb\u{1b}"), "a\\u{a}\\u{9}b\\u{1b}");
        assert_eq!(printable_line("分析"), "分析");
    }
}
