//! The examples are as short as the README says, and the README shows one of them.

use std::{fs, path::Path};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

#[test]
fn the_readme_shows_the_example() {
    let readme = fs::read_to_string(Path::new(EXAMPLES).join("../README.md")).expect("reads");
    let program =
        fs::read_to_string(Path::new(EXAMPLES).join("typescript/index.ts")).expect("reads");
    let shown = readme
        .split("```ts\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(program.as_str()));
}

#[test]
fn every_program_has_fewer_than_forty_lines() {
    let files = ["index.ts", "__main__.py", "main.go", "Pulumi.yaml"];
    let mut found = 0;
    for folder in [
        "typescript",
        "python",
        "go",
        "yaml",
        "compose/platform",
        "compose/project",
        "pull-request",
    ] {
        let paths = files.map(|file| Path::new(EXAMPLES).join(folder).join(file));
        for path in paths.iter().filter(|path| path.exists()) {
            let lines = fs::read_to_string(path).expect("reads").lines().count();
            assert!(lines < 40, "{} has {lines} lines", path.display());
            found += 1;
        }
    }
    // Each has its project file, and all but those in YAML a program beside it.
    assert_eq!(found, 7 + 5);
}
