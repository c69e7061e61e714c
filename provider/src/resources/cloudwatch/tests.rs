use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

#[test]
fn wrong_inputs_of_alarms_are_refused() {
    let with = |over: Json| {
        let base = json!({
            "namespace": "AWS/SQS",
            "metricName": "ApproximateNumberOfMessagesVisible",
            "statistic": "Maximum",
            "periodSeconds": 60,
            "comparisonOperator": "GreaterThanThreshold",
            "threshold": 0,
        });
        merged(base, &over)
    };
    let many: BTreeMap<_, _> = (0..31).map(|number| (format!("d{number}"), "v")).collect();
    let rows = [
        (
            with(json!({"name": "not started"})),
            "name: ' ' cannot be in a name; use letters, digits and \"-_.\"",
        ),
        (
            with(json!({"periodSeconds": 45})),
            "periodSeconds: must be 10, 20, 30, or a multiple of 60 up to 86400, not 45",
        ),
        (
            with(json!({"evaluationPeriods": 0})),
            "evaluationPeriods: must be 1 or more, not 0",
        ),
        (
            with(json!({"evaluationPeriods": 1_441})),
            "evaluationPeriods: is 1441; AWS takes at most 1440 periods of 60 seconds",
        ),
        (
            with(json!({"periodSeconds": 3_600, "evaluationPeriods": 169})),
            "evaluationPeriods: is 169; AWS takes at most 168 periods of 3600 seconds",
        ),
        (
            with(json!({"namespace": ""})),
            "namespace: must have 1 to 255 characters, not 0",
        ),
        (
            with(json!({"metricName": "x".repeat(256)})),
            "metricName: must have 1 to 255 characters, not 256",
        ),
        (
            with(json!({"dimensions": many})),
            "dimensions: has 31; AWS takes 30",
        ),
        (
            with(json!({"statistic": "p99"})),
            "statistic: \"p99\" is not one of Average, Maximum, Minimum, SampleCount, Sum",
        ),
        (
            with(json!({"description": "x".repeat(1_025)})),
            "description: must have at most 1,024 characters, not 1025",
        ),
        (
            with(json!({"alarmActions": ["a", "b", "c", "d", "e", "f"]})),
            "alarmActions: has 6; AWS takes 5",
        ),
    ];
    refuses("dbt-aws:cloudwatch:MetricAlarm", &rows);
}

#[test]
fn wrong_inputs_of_dashboards_are_refused() {
    let rows = [
        (
            json!({"name": "dbt runs", "body": {}}),
            "name: ' ' cannot be in a name; use letters, digits and \"-_\"",
        ),
        (
            json!({"body": {"widgets": vec![0; 501]}}),
            "body: has 501 widgets; AWS takes 500",
        ),
        (
            json!({"body": "{"}),
            "body: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
    ];
    refuses("dbt-aws:cloudwatch:Dashboard", &rows);
}
