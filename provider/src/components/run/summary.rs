//! What a run did, as Markdown.

use serde_json::Value as Document;

/// A line on how it ended, the nodes by status, the slowest, and warnings.
pub(super) fn markdown(project: &str, output: &Document) -> String {
    let text = |key: &str| output[key].as_str().map(in_line).unwrap_or_default();
    let class = text("class");
    if class.is_empty() {
        return format!("**{}**: the run has not ended", in_line(project));
    }
    let mut lines = vec![format!("**{}**: {class}", in_line(project))];
    if let Some(seconds) = output["seconds"]["total"].as_f64() {
        lines[0] += &format!(" in {seconds:.0} s");
    }
    if let Some(counts) = output["counts"]
        .as_object()
        .filter(|counts| !counts.is_empty())
    {
        lines.extend(["", "| nodes | status |", "|---:|---|"].map(str::to_owned));
        lines.extend(
            counts
                .iter()
                .map(|(status, count)| format!("| {count} | {} |", in_line(status))),
        );
    }
    let slowest = output["slowest"].as_array().into_iter().flatten();
    let rows = slowest.filter_map(|row| {
        let node = in_line(row["node"].as_str()?);
        Some(format!("| {:.1} | `{node}` |", row["seconds"].as_f64()?))
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        lines.extend(["", "| seconds | slowest |", "|---:|---|"].map(str::to_owned));
        lines.extend(rows);
    }
    let warnings = output["warnings"].as_array().into_iter().flatten();
    let warnings: Vec<_> = warnings
        .filter_map(|own| Some(format!("- {}", in_line(own.as_str()?))))
        .collect();
    if !warnings.is_empty() {
        lines.push(String::new());
        lines.extend(warnings);
    }
    lines.join("\n")
}

/// A text in which nothing ends a line or a cell, and nothing is a tag.
fn in_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
        .replace('|', "\\|")
        .replace('`', "'")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn a_run_in_markdown() {
        let output = json!({
            "class": "success", "seconds": {"total": 61.2}, "counts": {"success": 12, "warn": 1},
            "slowest": [{"node": "model.shop.a|`<b>", "seconds": 12.34}, {"node": 1}], "warnings": ["1 test\nwarned", 2],
        });
        expect![[r#"
            **shop**: success in 61 s

            | nodes | status |
            |---:|---|
            | 12 | success |
            | 1 | warn |

            | seconds | slowest |
            |---:|---|
            | 12.3 | `model.shop.a\|'&lt;b>` |

            - 1 test warned"#]]
        .assert_eq(&markdown("shop", &output));
        assert_eq!(
            markdown("shop", &json!(null)),
            "**shop**: the run has not ended"
        );
    }
}
