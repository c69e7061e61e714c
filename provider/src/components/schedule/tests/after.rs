//! Schedules that follow another one.

use super::*;

pub(super) fn following(on: &str) -> Document {
    let handle = json!({"version": "1", "eventVersion": "1", "scheduleArn": "arn:aws:scheduler:eu-west-1:111122223333:schedule/default/extract"});
    json!({
        "project": project(),
        "after": {"schedule": handle, "on": on},
        "commands": ["dbt build --vars '{label: <time>}'"],
    })
}

#[test]
fn what_an_older_platform_does_not_tell_of_is_not_followed() {
    let mut older = following("success");
    for handle in ["/project", "/after/schedule"] {
        let handle = older.pointer_mut(handle).and_then(Document::as_object_mut);
        handle.expect("a handle").remove("eventVersion");
    }
    let found = erase::<DbtSchedule>().check(&inputs(&older), &Reads::default());
    let lines: Vec<_> = found.failures.iter().map(|f| format!("{f}\n")).collect();
    expect![[r#"
        project: was made by an older version of the provider: run pulumi up in the stack of its platform and then in its own first
        after.schedule: was made by an older version of the provider: run pulumi up in the stack of its platform and then in its own first
    "#]].assert_eq(&lines.concat());
}

#[tokio::test]
async fn a_rule_starts_what_follows_another_schedule() {
    let (recording, answered) = recorded(inputs(&following("always")), As::Update).await;
    expect![[r#"
        dbt-aws:events:Rule shop-after
          enabled = true
          eventPattern = {account: ["111122223333"], detail: {scheduleArn: ["arn:aws:scheduler:eu-west-1:111122223333:schedule/default/extract"], status: ["succeeded", "failed"]}, detail-type: ["dbt run ended"], source: ["dbt-aws"]}
          tags = {team: "data"}
          targets = [{arn: "arn:aws:states:eu-west-1:111122223333:stateMachine:shop", deadLetterArn: "arn:aws:sqs:eu-west-1:111122223333:shop", id: "run", inputTransformer: {paths: {time: "$.time"}, template: "{\"scheduleArn\":\"arn:aws:service:eu-west-1:123456789012:shop-schedule\",\"scheduledTime\":\"<time>\"}"}, maximumEventAgeSeconds: 3600, maximumRetryAttempts: 10, roleArn: "arn:aws:iam::111122223333:role/shop"}]
          after urn:shop-schedule
        dbt-aws:scheduler:Schedule shop-schedule
          scheduleExpression = "cron(0 0 1 1 ? 2199)"
          state = "ENABLED"
          target = {arn: "arn:aws:states:eu-west-1:111122223333:stateMachine:shop", deadLetterArn: "arn:aws:sqs:eu-west-1:111122223333:shop", input: {commands: ["dbt build --vars '{label: <time>}'"], schedule: "shop", scheduleArn: "<aws.scheduler.schedule-arn>", scheduledTime: "<aws.scheduler.scheduled-time>"}, maximumAgeSeconds: 3600, maximumRetryAttempts: 10, roleArn: "arn:aws:iam::111122223333:role/shop"}
          timezone = "UTC"
        dbt-aws:index:Seed shop-seed
    "#]].assert_eq(&recording.text());
    expect![[r#"{"eventVersion":"1","scheduleArn":"arn:aws:service:eu-west-1:123456789012:shop-schedule","version":"1"}"#]]
    .assert_eq(&answered["handle"].plain().to_json().to_string());
}

#[test]
fn wrong_inputs_are_refused_with_their_path() {
    let follow = |all: &mut Document| {
        all["cron"] = json!(null);
        all["after"] = following("failure")["after"].clone();
    };
    wrong(
        follow,
        &expect![[r#"
        timezone: applies only with cron, rate or at
        start: applies only with cron, rate or at
        end: applies only with cron, rate or at
        flexibleWindowMinutes: applies only with cron, rate or at
    "#]],
    );
    wrong(
        |all| {
            for name in ["timezone", "start", "end", "flexibleWindowMinutes"] {
                all[name] = json!(null);
            }
            follow(all);
            let theirs = "arn:aws:scheduler:us-east-1:444455556666:schedule/default/extract";
            all["after"]["schedule"]["scheduleArn"] = theirs.into();
        },
        &expect![[r#"
            after.schedule: is in us-east-1 of the account 444455556666, but the project is in eu-west-1 of 111122223333; events of runs stay in their region and account
        "#]],
    );
}
