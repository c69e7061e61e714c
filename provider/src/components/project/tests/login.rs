//! As whom dbt logs in, and who has which secret.

use super::*;

const ADMINISTRATOR: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:warehouse-AbCdEf";

async fn made(given: Document) -> (Recording, Document, Properties) {
    let (recording, answered) = recorded(inputs(&given), As::Update).await;
    let task = Value::Object(recording.registrations["shop-task"].inputs.clone());
    let containers = task.plain().to_json()["containerDefinitions"].clone();
    (recording, containers, answered)
}

fn policy(recording: &Recording, role: &str) -> String {
    let inputs = Value::Object(recording.registrations[role].inputs.clone());
    inputs.plain().to_json()["inlinePolicies"].to_string()
}

#[tokio::test]
async fn only_the_first_container_has_the_administrators_secret() {
    let given = json!({"platform": platform(), "path": PATH, "grants": ["raw"]});
    let (recording, containers, answered) = made(given).await;
    let own = "arn:aws:service:eu-west-1:123456789012:shop-warehouse-secret";
    let (role, dbt) = (&containers[0], &containers[1]);
    let both = json!({"DBT_AWS_WAREHOUSE_SECRET": ADMINISTRATOR, "DBT_AWS_ROLE_SECRET": own});
    assert_eq!((&role["name"], &role["secrets"]), (&json!("role"), &both));
    assert_eq!(role["essential"], false);
    let after = json!([{"containerName": "role", "condition": "SUCCESS"}]);
    assert_eq!((&dbt["name"], &dbt["dependsOn"]), (&json!("dbt"), &after));
    assert_eq!(dbt["secrets"], json!({"DBT_AWS_WAREHOUSE_SECRET": own}));
    assert!(!dbt.to_string().contains(ADMINISTRATOR), "{dbt}");
    assert_eq!(role["environment"]["DBT_AWS_GRANTS"], r#"["raw"]"#);
    assert_eq!(role["environment"]["DBT_AWS_COMMANDS"], r#"["role"]"#);
    let user = answered["warehouseRole"].plain().to_json();
    for container in [role, dbt] {
        let profile = container["environment"]["DBT_AWS_PROFILE"].as_str();
        let profile: Document = serde_json::from_str(profile.expect("text")).expect("JSON");
        assert_eq!(profile["settings"]["user"], user);
    }
    let execution = policy(&recording, "shop-execution-role");
    let read = format!(
        r#"{{"actions":["secretsmanager:GetSecretValue"],"effect":"Allow","resources":["{ADMINISTRATOR}"]}}"#
    );
    assert!(execution.contains(&read), "{execution}");
    for role in ["shop-task-role", "shop-machine-role", "shop-scheduler-role"] {
        let policy = policy(&recording, role);
        assert!(!policy.contains("secretsmanager"), "{role}: {policy}");
    }
}

#[tokio::test]
async fn who_connects_elsewhere_has_no_role() {
    let mut other = platform();
    other["warehouseAdministrator"].take();
    let image = "ghcr.io/team/shop:1";
    for given in [
        json!({"platform": other, "path": PATH}),
        json!({"platform": platform(), "image": image}),
        json!({"platform": platform(), "path": PATH, "dbt": {"adapter": "trino"}}),
        json!({"platform": platform(), "path": PATH, "profile": {"settings": {"type": "trino"}}}),
        json!({"platform": platform(), "path": PATH, "profile": {"settings": {"host": "proxy.internal"}}}),
    ] {
        let (recording, containers, answered) = made(given.clone()).await;
        assert!(
            !recording
                .registrations
                .contains_key("shop-warehouse-secret"),
            "{given}"
        );
        assert_eq!(containers.as_array().map(Vec::len), Some(1), "{given}");
        let secrets = json!({"DBT_AWS_WAREHOUSE_SECRET": ADMINISTRATOR});
        assert_eq!(containers[0]["secrets"], secrets, "{given}");
        assert!(!answered.contains_key("warehouseRole"), "{given}");
        let mut given = given;
        given["grants"] = json!(["raw"]);
        let found = erase::<DbtProject>().check(&inputs(&given), &Reads::default());
        let lines: Vec<_> = found.failures.iter().map(ToString::to_string).collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("grants: has no effect with "),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn a_preview_that_knows_nothing_of_the_platform_has_the_role() {
    let unknown = [
        ("platform".to_owned(), Value::Unknown),
        ("path".to_owned(), PATH.into()),
    ];
    let (recording, _) = recorded(unknown.into(), As::Preview).await;
    assert!(
        recording
            .registrations
            .contains_key("shop-warehouse-secret")
    );
}

#[test]
fn a_name_that_is_none_is_refused() {
    let long = "x".repeat(64);
    let refused = |grants: Document, expected: Expect| {
        wrong(|all| all["grants"] = grants.clone(), &expected);
    };
    refused(json!(["raw", "Odd \"name", "x".repeat(63)]), expect![""]);
    refused(
        json!([
            "raw",
            "",
            "pg_catalog",
            "information_schema",
            "a\nb",
            long,
            "raw"
        ]),
        expect![[r#"
            grants[1]: must not be empty
            grants[2]: pg_catalog is PostgreSQL's own; name a schema with data, or another project's warehouseRole
            grants[3]: information_schema is PostgreSQL's own; name a schema with data, or another project's warehouseRole
            grants[4]: must be the name of a schema or of a role, without control characters
            grants[5]: has 64 bytes, of which PostgreSQL takes at most 63 in a name
            grants[6]: is the same as grants[0]; leave out one of the two
        "#]],
    );
}
