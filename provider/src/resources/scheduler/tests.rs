use super::timezone;
use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_schedules_are_refused() {
    let schedule = |over: Json| {
        let target = json!({"arn": "arn:aws:sqs:eu-west-1:123456789012:q", "roleArn": "arn:aws:iam::123456789012:role/r"});
        merged(
            json!({"scheduleExpression": "rate(1 hour)", "target": target}),
            &over,
        )
    };
    let rows = [
        (
            schedule(json!({"scheduleExpression": "cron(0 25 * * ? *)"})),
            "scheduleExpression: the hours field \"25\" has 25, which is not 0 to 23",
        ),
        (
            schedule(json!({"scheduleExpression": "every day"})),
            "scheduleExpression: \"every day\" is not cron(...), rate(...) or at(...)",
        ),
        (
            schedule(json!({"scheduleExpression": "rate(1 hours)"})),
            "scheduleExpression: \"1 hours\" has the wrong singular or plural; write 1 hour",
        ),
        (
            schedule(json!({"timezone": "Europe/Pariss"})),
            "timezone: \"Europe/Pariss\" is not a time zone; did you mean Europe/Paris?",
        ),
        (
            schedule(json!({"groupName": "a b"})),
            "groupName: ' ' cannot be in a name; use letters, digits and \"-_.\"",
        ),
        (
            schedule(json!({"start": "2027-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"})),
            "end: must be after start",
        ),
        (
            schedule(
                json!({"target": {"arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "roleArn": "arn:aws:iam::123456789012:role/r", "input": "run"}}),
            ),
            "target.input: must be JSON: this target takes no other text",
        ),
        (
            schedule(
                json!({"target": {"arn": "arn:aws:sqs:eu-west-1:123456789012:q", "roleArn": "arn:aws:iam::123456789012:role/r", "input": "x".repeat(262_145)}}),
            ),
            "target.input: has 262145 bytes; at most 262144 are allowed",
        ),
        (
            schedule(json!({"flexibleWindowMinutes": 1441})),
            "flexibleWindowMinutes: must be 1 to 1440, not 1441",
        ),
    ];
    refuses("dbt-aws:scheduler:Schedule", &rows);
}

#[test]
fn time_zones_are_those_of_the_tz_database() {
    for zone in [
        "UTC",
        "Europe/Paris",
        "America/Argentina/Buenos_Aires",
        "Etc/GMT+5",
    ] {
        assert_eq!(timezone(zone), Ok(()));
    }
    let wrong = |zone| timezone(zone).expect_err("no such zone");
    assert_eq!(
        wrong("europe/paris"),
        "\"europe/paris\" is not a time zone; did you mean Europe/Paris?"
    );
    assert_eq!(
        wrong("Europe/Pariss"),
        "\"Europe/Pariss\" is not a time zone; did you mean Europe/Paris?"
    );
    assert!(wrong("+02:00").ends_with("such as Europe/Paris"));
    assert!(wrong("").ends_with("such as Europe/Paris"));
}
