//! Who hears of runs.

use super::*;

#[test]
fn who_cannot_hear_of_runs_is_refused() {
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}");
    let hook = |name: &str| json!({"secretArn": secret(name), "format": "slack"});
    let many: Vec<_> = (0..11).map(|i| hook(&i.to_string())).collect();
    let rows = [
        (
            json!({"emails": ["data"]}),
            "notify.emails[0]: \"data\" is not an e-mail address such as data@example.com",
        ),
        (
            json!({"emails": ["a@example.com", "A@example.com"]}),
            "notify.emails[1]: A@example.com is there already; give each once",
        ),
        (
            json!({"webhooks": many}),
            "notify.webhooks: has 11 webhooks; at most 10 are allowed",
        ),
        (
            json!({"webhooks": [hook("a"), {"secretArn": secret("a"), "format": "json"}]}),
            "notify.webhooks[1].secretArn: arn:aws:secretsmanager:eu-west-1:111122223333:secret:a is there already; give each webhook once",
        ),
        (
            json!({"webhooks": [{"secretArn": "https://hooks.example.com/x", "format": "slack"}]}),
            "notify.webhooks[0].secretArn: \"https://hooks.example.com/x\" is not an ARN such as arn:aws:secretsmanager:eu-west-1:111122223333:secret:...",
        ),
        (
            json!({"webhooks": [{"secretArn": secret("a"), "format": "discord"}]}),
            "notify.webhooks[0].format: \"discord\" is not one of slack, teams, json",
        ),
    ];
    let project = erase::<DbtProject>();
    for (notify, reason) in rows {
        let given = json!({"platform": platform(), "path": PATH, "notify": notify});
        let found = project.check(&inputs(&given), &Reads::default()).failures;
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [reason]);
    }
}

/// Without webhooks there is no function.
#[tokio::test]
async fn the_function_is_there_for_webhooks_alone() {
    let hook = json!({"secretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a", "format": "json"});
    for (webhooks, number) in [(json!([]), 0), (json!([hook]), 1)] {
        let given = json!({"platform": platform(), "path": PATH, "notify": {"webhooks": webhooks}});
        let (recording, _) = recorded(inputs(&given), As::Preview).await;
        let functions = recording.text().matches("dbt-aws:lambda:Function").count();
        assert_eq!(functions, number);
    }
}
