//! What the fuzzer gives to the readers of a project's files.

use std::collections::HashSet;

use super::{
    scan::Scan,
    settings::{Packages, Reads, Settings},
};
use crate::yaml::Yaml;

/// One of dbt's own YAML files, which the readers of each kind are given.
pub(crate) fn yaml(text: &str) {
    if let Ok(document) = Yaml::parse(text) {
        let _ = Settings::of(&document);
        let _ = Packages::of("packages.yml", &document, Some(&document));
    }
}

/// Text that is SQL with Jinja and YAML with Jinja, wherever such a file may lie.
pub(crate) fn scan(text: &str) {
    let names = HashSet::from(["shop".to_owned()]);
    let mut scan = Scan::new(&names, None);
    let macros = Reads {
        macros: true,
        ..Reads::default()
    };
    for (name, reads) in [
        ("models/a.sql", Reads::NODES),
        ("macros/a.sql", macros),
        ("models/a.yml", Reads::NODES),
        ("docs/a.md", Reads::default()),
    ] {
        scan.file(name, reads, text);
    }
    let facts: serde_json::Value = serde_json::from_str(&scan.facts()).unwrap_or_default();
    assert!(facts["variables"].is_array(), "the runner can read it");
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    #[test]
    fn a_scan_takes_no_more_than_its_length() {
        for part in [
            "{#",
            "env_var('x",
            "env_var(",
            "{{ '",
            "{{ (",
            "{% raw %}{%",
            "{% macro a() %}{{ a() }}{% endmacro %}",
            "{% macro x__",
            "__",
        ] {
            let time = |length: usize| -> Duration {
                let text = part.repeat(length / part.len());
                let started = Instant::now();
                super::scan(&text);
                super::scan(&format!("{{% macro a{text}"));
                started.elapsed()
            };
            // 8 times the length takes 8 times as long, or 64 times; other programs may take the processor meanwhile
            let grows = (0..3).any(|_| time(1 << 16) < 24 * time(1 << 13));
            assert!(grows, "{part}");
        }
    }
}
