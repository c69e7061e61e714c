//! What is refused because a child would.

use super::*;
use crate::components::refusals::{each_is_refused, every_input_is_told, refused, refused_by};

#[tokio::test]
async fn what_a_child_refuses_is_refused_first() {
    let project = erase::<DbtProject>();
    let directory = tempfile::tempdir().expect("a directory");
    let requirements = directory.path().join("requirements.txt");
    std::fs::write(&requirements, "dbt-duckdb").expect("written");
    let required = json!({
        "platform": platform(), "path": PATH, "dbt": {"requirements": requirements, "exclude": ["dbt-extractor"]},
        "profile": {"name": "shop"}, "failIfNothingSelected": true, "overrides": "none",
    });
    let image = json!({
        "platform": platform(), "image": "ghcr.io/team/shop:1", "profile": {"name": "shop", "schema": "shop"},
    });
    let examples = [everything(), inputs(&required), inputs(&image)];
    // The path is plain; the rest are parts of texts that the project writes, and the project's own check has them.
    let alone = [
        "path",
        "profile.schema",
        "profile.threads",
        "profile.settings",
        "environment",
        "secretKmsKeyArns",
        "notify.topicArns",
        "stateFrom",
        "failIfNothingSelected",
    ];
    every_input_is_told(project.as_ref(), &examples, &alone).await;

    let mut given = image;
    given["policyStatements"] = json!([{"actions": ["s3:GetObject"], "resources": ["*"]}]);
    given["secrets"] = json!({"A": "a"});
    let statement = |key: &str, value: Document| {
        let mut statement = json!({"actions": ["s3:GetObject"], "resources": ["*"]});
        statement[key] = value;
        json!([statement])
    };
    let twice = json!({"actions": ["s3:GetObject"], "resources": ["*"], "sid": "Raw"});
    let large = vec![format!("arn:aws:s3:::{}", "b".repeat(3_000)); 4];
    let large: Vec<_> = (0..4).map(|i| format!("{}{i}", large[i])).collect();
    let all = "/policyStatements";
    let rows = [
        (
            all,
            statement("actions", json!([])),
            "policyStatements[0].actions",
            "must not be empty",
        ),
        (
            all,
            statement("actions", json!(["s3"])),
            "policyStatements[0].actions",
            "is not an action",
        ),
        (
            all,
            statement("resources", json!([])),
            "policyStatements[0].resources",
            "must not be empty",
        ),
        (
            all,
            statement("resources", json!(null)),
            "policyStatements[0]",
            "give exactly one of",
        ),
        (
            all,
            statement("resources", json!(large)),
            "policyStatements",
            "at most 10240 are allowed",
        ),
        (
            all,
            json!([twice, twice]),
            "policyStatements[1].sid",
            "give each its own",
        ),
        ("/secrets/A", json!(""), "secrets.A", "must not be empty"),
        ("/image", json!("my project"), "image", "is not an image"),
        ("/image", json!("./shop"), "image", "is not an image"),
        (
            "/image",
            json!("https://ghcr.io/team/shop:1"),
            "image",
            "leave https:// out",
        ),
        (
            "/memory",
            json!(4),
            "memory",
            "is in MiB, of which a GiB has 1024; for 4 give 4096",
        ),
        (
            "/cpu",
            json!(1),
            "cpu",
            "is in units, of which a virtual CPU has 1024; for 1 give 1024",
        ),
        ("/cpu", json!(0.5), "cpu", "not a number; it is in units"),
        ("/memory", json!("4 GB"), "memory", "not text; it is in MiB"),
        ("/cpu", json!(1000), "cpu", "the nearest are"),
        ("/cpu", json!(4096), "cpu", "the nearest are"),
        ("/memory", json!(3000), "memory", "the nearest are"),
        (
            "/platform",
            json!("analytics"),
            "platform",
            "must be the handle of a DbtPlatform, such as `platform.handle`",
        ),
        (
            "/platform",
            json!({"handle": {"a": "b"}, "vpcId": "v"}),
            "platform",
            "not all that it answers",
        ),
        (
            "/profile/schema",
            json!(""),
            "profile.schema",
            "must not be empty",
        ),
        (
            "/profile/schema",
            json!(" "),
            "profile.schema",
            "must not be empty",
        ),
        (
            "/profile/target",
            json!(""),
            "profile.target",
            "must not be empty",
        ),
        (
            "/platform/permissionsBoundaryArn",
            json!("b"),
            "platform.permissionsBoundaryArn",
            "is not an ARN",
        ),
    ];
    each_is_refused(project.as_ref(), &given, &rows).await;
    let mut component = inputs(&given);
    component.insert("platform".to_owned(), Value::Opaque(Properties::new()));
    let found = refused(project.as_ref(), &component).await;
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "platform: must be the handle of a DbtPlatform, such as `platform.handle`, not the component itself"
        ]
    );
    // In the preview of a new stack, nothing is known of the platform.
    given["policyStatements"] = statement("actions", json!([]));
    let mut unknown = inputs(&given);
    unknown.insert("platform".to_owned(), Value::Unknown);
    let found = refused(project.as_ref(), &unknown).await;
    let found: Vec<_> = found.iter().map(|failure| failure.path.as_str()).collect();
    assert_eq!(found, ["policyStatements[0].actions"]);
}

#[test]
fn a_profile_is_the_one_that_dbt_looks_for() {
    let profile =
        |name: &'static str| move |all: &mut Document| all["profile"] = json!({"name": name});
    wrong(profile("jaffle_shop"), &expect![[""]]);
    wrong(
        profile("other"),
        &expect![[r#"
            profile.name: is "other", but dbt_project.yml names the profile "jaffle_shop"; leave it out, or change dbt_project.yml
        "#]],
    );
    // dbt reads it in the environment.
    wrong(
        |all| {
            profile("other")(all);
            all["environment"] = json!({"DBT_PROFILE": "other"});
        },
        &expect![[""]],
    );
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("UTF-8").to_owned();
    for profile in ["", "profile: \"{{ env_var('PROFILE') }}\""] {
        let text = format!("name: shop\n{profile}\n");
        std::fs::write(directory.path().join("dbt_project.yml"), text).expect("written");
        let none = expect![[r#"
            profile.name: dbt_project.yml names no profile, so dbt finds none; write profile: shop there
        "#]];
        let template = expect![[r#"
            profile.name: "{{ env_var('PROFILE') }}" is a template, which only dbt can read; give the name that it comes to
        "#]];
        let is_none = profile.is_empty();
        wrong(
            |all| all["path"] = json!(path),
            if is_none { &none } else { &template },
        );
        let named = |all: &mut Document| {
            all["path"] = json!(path);
            all["profile"] = json!({"name": "shop"});
        };
        wrong(named, if is_none { &none } else { &expect![[""]] });
        wrong(
            |all| {
                named(all);
                all["environment"] = json!({"DBT_PROFILE": "shop"});
            },
            &expect![[""]],
        );
    }
}

/// The check, the rehearsal and what is made of the directory must see the same files.
#[tokio::test]
async fn a_directory_is_read_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("dbt_project.yml");
    std::fs::write(&file, "name: shop\nprofile: shop\n").expect("written");
    let inputs = inputs(&json!({"platform": platform(), "path": directory.path()}));
    let project = erase::<DbtProject>();
    let reads = Reads::default();
    assert_eq!(project.check(&inputs, &reads).failures, []);
    std::fs::remove_file(file).expect("removed");
    assert_eq!(refused_by(project.as_ref(), &inputs, &reads).await, []);
    let anew = refused_by(project.as_ref(), &inputs, &Reads::default()).await;
    assert_eq!(anew.len(), 1, "{anew:?}");
}
