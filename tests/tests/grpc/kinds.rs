//! Every kind of block goes through its life in a test.

use std::{fs, path::Path};

/// An image needs a registry, as the tests with the true engine have one; a task definition makes revisions, and an
/// execution is followed by others, of which tests of their own tell.
const OTHERWISE: [&str; 3] = [
    "dbt-aws:ecr:Image",
    "dbt-aws:ecs:TaskDefinition",
    "dbt-aws:sfn:Execution",
];

fn texts(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("reads");
    let text = |entry: fs::DirEntry| match entry.path() {
        folder if folder.is_dir() => texts(&folder),
        file => fs::read_to_string(file).expect("reads"),
    };
    entries.map(|entry| text(entry.expect("reads"))).collect()
}

#[test]
fn every_kind_has_its_test() {
    let texts = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    // A row says its token, or the name of a constant.
    let is_tested = |token: &str| {
        let named = texts.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("const ")?.split_once(": &str = ")?;
            (value == format!("\"{token}\";")).then_some(name)
        });
        let mut words = named.map(str::to_owned).chain([format!("\"{token}\"")]);
        words.any(|word| texts.contains(&format!("token: {word},")))
    };
    let resources = dbt_aws::resources::all();
    let tokens = resources.iter().map(|resource| resource.token());
    let mut untested: Vec<_> = tokens.filter(|token| !is_tested(token)).collect();
    untested.sort_unstable();
    assert_eq!(untested, OTHERWISE);
}
