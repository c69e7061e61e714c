//! How large a project is, and what makes it so.

use std::collections::BTreeMap;

/// The three largest files or directories of those at the top; what holds nearly all of a directory is named instead of it.
pub(super) fn largest(sizes: &BTreeMap<String, u64>) -> String {
    let files: Vec<(&str, u64)> = sizes
        .iter()
        .map(|(path, size)| (path.as_str(), *size))
        .collect();
    let mut top = children(&files, "");
    top.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let shown = top.into_iter().take(3).map(|(mut path, size)| {
        let mut within = files.clone();
        loop {
            let below = format!("{path}/");
            within.retain(|(file, _)| file.starts_with(&below));
            let parts = children(&within, &below);
            match parts.iter().find(|(_, part)| part * 10 >= size * 9) {
                Some((part, _)) => path = part,
                None => break format!("{path} ({})", bytes(size)),
            }
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What lies in a directory, with all that is below it.
fn children<'a>(files: &[(&'a str, u64)], directory: &str) -> Vec<(&'a str, u64)> {
    let mut children: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, size) in files {
        let end = path[directory.len()..]
            .find('/')
            .map_or(path.len(), |end| directory.len() + end);
        *children.entry(&path[..end]).or_default() += size;
    }
    children.into_iter().collect()
}

pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{} kB", count.div_ceil(1000)),
        1_000_000..10_000_000_000 => format!("{} MB", count / 1_000_000),
        _ => format!("{} GB", count / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn what_is_large_is_named_as_closely_as_it_helps() {
        let sizes = [
            ("data/raw/big.parquet", 200_000_000),
            ("data/notes.md", 1000),
            ("models/a.sql", 2000),
            ("seeds/a.csv", 4_000_000),
            ("seeds/b.csv", 4_000_000),
            ("dump", 9_000_000),
        ];
        let sizes = sizes.map(|(path, size)| (path.to_owned(), size)).into();
        assert_eq!(
            largest(&sizes),
            "data/raw/big.parquet (200 MB), dump (9 MB), seeds (8 MB)"
        );
    }
}
