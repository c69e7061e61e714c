//! What reads texts and files from outside, for the fuzzer and for the inputs that it found before.

use std::io::{self, Cursor};

use pep508_rs::ExtraName;
use reqwest::Url;

use super::{
    Platform, Python, Reference, base, layer::Archive, lock, metadata, page, pip, project,
    requirement::Requirement, requirements::Requirements, resolve, settings, versions, wheel,
};

/// A reader of inputs from outside, which must come to an end with any, and never panic.
type Target = fn(&[u8]);

/// All of them, each with the name of its folder of inputs.
pub const TARGETS: &[(&str, Target)] = &[
    ("html", html),
    ("json", json),
    ("manifest", manifest),
    ("metadata", metadata),
    ("project", project),
    ("reference", reference),
    ("requirement", requirement),
    ("requirements", requirements),
    ("scan", scan),
    ("settings", settings),
    ("tar", tar),
    ("wheel", wheel),
];

/// Gives an input to the target of a name.
pub fn run(name: &str, input: &[u8]) {
    if let Some((_, target)) = TARGETS.iter().find(|target| target.0 == name) {
        target(input);
    }
}

const PYTHON: Python = Python { minor: 12 };

fn url() -> Option<Url> {
    Url::parse("https://index.example/simple/a/").ok()
}

fn files(files: Result<Vec<page::Candidate>, String>) {
    for file in files.unwrap_or_default() {
        let _ = file.runs_on(PYTHON);
        let _ = wheel::WheelName::parse(&file.file).map(|name| name.fit(PYTHON, Platform::Amd64));
        let _ = resolve::version_of_source(&file.file);
    }
}

fn html(input: &[u8]) {
    if let Some(url) = url() {
        files(page::html_page(&String::from_utf8_lossy(input), &url));
    }
}

fn json(input: &[u8]) {
    if let Some(url) = url() {
        files(page::json_page(input, &url));
    }
}

fn manifest(input: &[u8]) {
    let _ = serde_json::from_slice::<base::Manifest>(input);
    let _ = serde_json::from_slice::<base::ImageConfig>(input);
}

fn metadata(input: &[u8]) {
    if let Some(name) = wheel::WheelName::parse("a-1-py3-none-any.whl") {
        let _ = metadata::Metadata::parse(&String::from_utf8_lossy(input), &name);
    }
}

/// `dbt_project.yml` and the lists of packages.
fn project(input: &[u8]) {
    project::fuzz::yaml(&String::from_utf8_lossy(input));
}

fn reference(input: &[u8]) {
    if let Ok(reference) = String::from_utf8_lossy(input).parse::<Reference>() {
        let again = reference.to_string().parse::<Reference>();
        assert!(again.is_ok_and(|again| again == reference));
    }
}

fn requirement(input: &[u8]) {
    let environment = lock::environment(PYTHON, Platform::Arm64);
    let Ok(requirement) = String::from_utf8_lossy(input).parse::<Requirement>() else {
        return;
    };
    let extras: Vec<ExtraName> = requirement.extras.clone();
    let _ = requirement.applies(&environment, &extras);
    let _ = versions::runs_on(&requirement.specifiers(), PYTHON);
}

fn requirements(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // other files are no part of the input
    let names_a_file = |line: &str| line.trim_start().starts_with(['-', '\\']);
    if text.lines().any(names_a_file) {
        return;
    }
    if let Ok(requirements) = Requirements::parse("r.txt", &text) {
        let _ = lock::packages(&requirements, PYTHON, Platform::Amd64);
        let _ = settings::with_those_of(&requirements, Vec::new());
    }
}

/// Jinja in SQL and YAML.
fn scan(input: &[u8]) {
    project::fuzz::scan(&String::from_utf8_lossy(input));
}

/// pip's configuration file and a netrc.
fn settings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let options = pip::parse_ini(&text);
    let _ = settings::select(|_| None, &options, &text);
    let _ = pip::trusted(
        |name| (name == "UV_INSECURE_HOST").then(|| text.to_string()),
        &options,
    );
}

fn tar(input: &[u8]) {
    let _ = base::pythons(input);
}

fn wheel(input: &[u8]) {
    let _ = metadata::in_wheel("a.whl", Cursor::new(input));
    if let Ok(opened) = wheel::Opened::new("a.whl", Cursor::new(input)) {
        let _ = wheel::unpack_opened(vec![opened], "opt/dbt", &mut Archive::new(io::sink()));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn what_was_found_before_is_read() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        let mut folders = 0;
        for folder in fs::read_dir(&seeds).unwrap().flatten() {
            let name = folder.file_name().into_string().unwrap();
            assert!(TARGETS.iter().any(|target| target.0 == name), "{name}");
            folders += 1;
            let mut inputs = 0;
            for input in fs::read_dir(folder.path()).unwrap().flatten() {
                run(&name, &fs::read(input.path()).unwrap());
                inputs += 1;
            }
            assert_ne!(inputs, 0, "{name}");
        }
        assert_eq!(folders, TARGETS.len(), "each target has inputs");
    }
}
