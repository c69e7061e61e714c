//! The committed schema is the one that the types describe.

use expect_test::expect_file;

#[test]
fn schema_is_current() {
    let schema =
        serde_json::to_string_pretty(&dbt_aws::props::schema::package()).expect("writes JSON");
    expect_file!["../../schema.json"].assert_eq(&(schema + "\n"));
}
