//! The committed schema and reference pages are those that the types describe.

mod reference;

use dbt_aws::props::schema::package;
use expect_test::expect_file;

#[test]
fn schema_is_current() {
    let schema = serde_json::to_string_pretty(&package()).expect("writes JSON");
    expect_file!["../../schema.json"].assert_eq(&(schema + "\n"));
}

#[test]
fn reference_is_current() {
    let schema = package();
    let page = |name| reference::component(&schema, name);
    expect_file!["../../docs/components/platform.md"].assert_eq(&page("DbtPlatform"));
    expect_file!["../../docs/components/project.md"].assert_eq(&page("DbtProject"));
    expect_file!["../../docs/components/schedule.md"].assert_eq(&page("DbtSchedule"));
    expect_file!["../../docs/building-blocks.md"].assert_eq(&reference::building_blocks(&schema));
}
