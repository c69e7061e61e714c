//! The committed schema and reference pages are those that the types describe.

mod reference;

use dbt_aws::catalogue;
use expect_test::expect_file;
use pulumi_aws_framework::schema::package;

#[test]
fn schema_is_current() {
    let schema = serde_json::to_string_pretty(&package(&catalogue())).expect("writes JSON");
    expect_file!["../../schema.json"].assert_eq(&(schema + "\n"));
}

#[test]
fn reference_is_current() {
    let schema = package(&catalogue());
    let page = |name| reference::component(&schema, name);
    expect_file!["../../docs/components/platform.md"].assert_eq(&page("DbtPlatform"));
    expect_file!["../../docs/components/project.md"].assert_eq(&page("DbtProject"));
    expect_file!["../../docs/components/run.md"].assert_eq(&page("DbtRun"));
    expect_file!["../../docs/components/schedule.md"].assert_eq(&page("DbtSchedule"));
    expect_file!["../../docs/building-blocks.md"].assert_eq(&reference::building_blocks(&schema));
}

#[test]
fn permissions_are_current() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/permissions.md");
    let page = std::fs::read_to_string(page).expect("is there");
    let written = reference::permissions(&catalogue(), &page);
    expect_file!["../../docs/permissions.md"].assert_eq(&written);
}
