use super::*;
use crate::resources::refusals::scoped;
use pulumi_aws_framework::resource::{Checked, erase};
use serde_json::json;
use std::fs;

const PROJECT: &str = "name: shop\nprofile: shop\n";

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("dbt_project.yml"), PROJECT).expect("written");
    directory
}

fn inputs(path: &str) -> serde_json::Value {
    json!({"repositoryUrl": "host/shop", "path": path, "dbt": {"adapter": "postgres"}})
}

fn checked(given: &serde_json::Value, olds: &Properties) -> Checked {
    let news = Value::from_json(given).into_properties();
    scoped(false, &Value::Null, |scope| {
        erase::<Image>().check(scope, olds, news)
    })
}

#[test]
fn a_rehearsal_refuses_a_project_and_hashes_none() {
    let directory = project();
    for (path, failures) in [
        (directory.path().to_str().expect("UTF-8"), 0),
        ("nowhere", 1),
    ] {
        let news = Value::from_json(&inputs(path)).into_properties();
        let check =
            |scope: &CheckScope<'_>| erase::<Image>().check(scope, &Properties::new(), news);
        let found = scoped(true, &Value::Null, check);
        assert_eq!(found.failures.len(), failures, "{path}");
        if failures == 0 {
            assert_eq!(found.inputs["project"], Value::Unknown);
        }
    }
}

fn check(given: &serde_json::Value, olds: &Properties) -> (Properties, Vec<String>) {
    let found = checked(given, olds);
    let failures = found.failures.iter().map(ToString::to_string);
    (found.inputs, failures.collect())
}

#[test]
fn a_check_says_what_stays_out() {
    let directory = project();
    fs::write(directory.path().join(".env"), "TOKEN=x").expect("written");
    let given = inputs(directory.path().to_str().expect("UTF-8"));
    let found = checked(&given, &Properties::new());
    assert_eq!(
        found.warnings,
        [
            "path: left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` leaves it out without this line): .env"
        ]
    );
}

fn contents(inputs: &Properties) -> (String, String) {
    let text = inputs["project"].as_str().expect("text").to_owned();
    let (digest, what) = text.split_once(' ').expect("two parts");
    (digest.to_owned(), what.to_owned())
}

#[test]
fn a_check_says_which_files_changed() {
    let directory = project();
    let path = directory.path().to_str().expect("UTF-8");
    let (first, failures) = check(&inputs(path), &Properties::new());
    assert_eq!(failures, [""; 0]);
    assert_eq!(contents(&first).1, "(files: 1)");
    assert_eq!(check(&inputs(path), &first).0, first);

    fs::write(directory.path().join("orders.sql"), "select 1").expect("written");
    let (second, _) = check(&inputs(path), &first);
    assert_eq!(contents(&second).1, "(1 file added (orders.sql))");
    assert_ne!(contents(&second).0, contents(&first).0);
    assert_eq!(second["packages"], first["packages"]);
    assert_eq!(check(&inputs(path), &second).0, second);
    assert_eq!(second["path"].as_str(), Some(path));
}

#[test]
fn what_is_not_known_yet_is_not_guessed() {
    let mut given = Value::from_json(&inputs("x")).into_properties();
    given.insert("path".to_owned(), Value::Unknown);
    given.insert("dbt".to_owned(), Value::Unknown);
    let old = Properties::new();
    scoped(false, &Value::Null, |scope| {
        Image::fill_in(scope, &mut given, &old, &mut vec![]).expect("no failure");
    });
    assert_eq!(
        (&given["project"], &given["packages"]),
        (&Value::Unknown, &Value::Unknown)
    );
}

#[test]
fn what_cannot_be_built_is_refused() {
    let directory = project();
    let path = directory.path().to_str().expect("UTF-8");
    let wrong = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut given = inputs(path);
        change(&mut given);
        check(&given, &Properties::new()).1.join("\n")
    };
    assert_eq!(wrong(&|_| {}), "");
    let found = wrong(&|all| all["dbt"] = json!({"adapter": "postgres", "exclude": ["a"]}));
    assert_eq!(found, "dbt.exclude: has no effect without requirements");
    let found = wrong(&|all| all["dbt"] = json!({"requirements": "r.txt", "version": "2.0"}));
    assert!(
        found.contains("dbt.requirements: has no effect with dbt 2"),
        "{found}"
    );
}
