//! Alarms and dashboards of CloudWatch.

use serde_json::{Value as Json, json};
use tests::{Block, Call, Marked, Stack, shown};

fn tags_of(arn: String) -> Marked {
    Marked::Call(Call::new(
        "cloudwatch",
        "list_tags_for_resource",
        json!({"ResourceARN": arn}),
        "Tags",
    ))
}

#[tokio::test]
async fn dashboard_lives() {
    let stack = Stack::new("dashboard").await;
    let arn = stack.arn("cloudwatch", "dashboard/");
    let arn = arn.replace(stack.region, "");
    let body = |title: &str| {
        let text = json!({"markdown": format!("# {title}")});
        json!({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": text}]})
    };
    let parsed = |body: &Json| -> Json {
        serde_json::from_str(body.as_str().unwrap_or_default()).unwrap_or_default()
    };
    stack
        .test(Block {
            token: "dbt-aws:cloudwatch:Dashboard",
            inputs: json!({"body": body("runs")}),
            updates: vec![
                json!({"body": body("other runs")}),
                json!({"body": body("text").to_string()}),
            ],
            replaces: vec![("name", json!("mine"))],
            listed: Call::new(
                "cloudwatch",
                "list_dashboards",
                json!({}),
                "DashboardEntries[]",
            ),
            mentions: Some("{name}-".to_owned()),
            marked: tags_of(arn),
            described: Some(Call::new(
                "cloudwatch",
                "get_dashboard",
                json!({"DashboardName": "{id}"}),
                "",
            )),
            anew: vec![json!({"name": "anew-0-mine"})],
            shows: vec![
                shown("name", "DashboardName"),
                shown("body", "DashboardBody").read(parsed),
            ],
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn metric_alarm_lives() {
    let stack = Stack::new("metric-alarm").await;
    let topic = |name: &str| format!("arn:aws:sns:{}:123456789012:{name}", stack.region);
    let inputs = json!({
        "namespace": "AWS/SQS",
        "metricName": "NumberOfMessagesSent",
        "statistic": "Sum",
        "periodSeconds": 3600,
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 0,
    });
    // A put replaces all, so by hand all is given again but what differs.
    let by_hand = |path: &'static str, key: &str, value: Json| {
        let mut all = json!({
            "AlarmName": "{id}", "Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent", "Statistic": "Sum",
            "Period": 3600, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0,
            "TreatMissingData": "missing",
        });
        all[key] = value;
        (path, Call::bare("cloudwatch", "put_metric_alarm", all))
    };
    let dimension = json!([{"Name": "QueueName", "Value": "theirs"}]);
    stack
        .test(Block {
            token: "dbt-aws:cloudwatch:MetricAlarm",
            inputs,
            updates: vec![
                json!({"description": "runs that were not started"}),
                json!({"description": null, "dimensions": {"QueueName": "letters"}}),
                json!({"dimensions": {"QueueName": "other"}, "namespace": "AWS/Other", "metricName": "Other"}),
                json!({"dimensions": null}),
                json!({"statistic": "Maximum", "periodSeconds": 60, "evaluationPeriods": 3}),
                json!({"comparisonOperator": "LessThanThreshold", "threshold": 0.5}),
                json!({"treatMissingData": "notBreaching"}),
                json!({"treatMissingData": null}),
                json!({"alarmActions": [topic("on-call")], "okActions": [topic("on-call"), topic("calm")]}),
                json!({"alarmActions": null, "okActions": null}),
            ],
            replaces: vec![("name", json!("mine"))],
            by_hand: vec![
                by_hand("description", "AlarmDescription", json!("theirs")),
                by_hand("dimensions", "Dimensions", dimension),
                by_hand("evaluationPeriods", "EvaluationPeriods", json!(2)),
                by_hand("treatMissingData", "TreatMissingData", json!("breaching")),
                by_hand("alarmActions", "AlarmActions", json!([topic("theirs")])),
                by_hand("okActions", "OKActions", json!([topic("theirs")])),
            ],
            listed: Call::new("cloudwatch", "describe_alarms", json!({}), "MetricAlarms[]"),
            mentions: Some("{name}-".to_owned()),
            marked: tags_of(stack.arn("cloudwatch", "alarm:")),
            anew: vec![json!({"name": "anew-0-mine"})],
            shows: vec![
                shown("name", "AlarmName"),
                shown("description", "AlarmDescription"),
                shown("namespace", "Namespace"),
                shown("metricName", "MetricName"),
                shown("dimensions", "Dimensions").read(|all| {
                    let pair = |one: &Json| Some((one["Name"].as_str()?.to_owned(), one["Value"].clone()));
                    let all: serde_json::Map<_, _> = all.as_array().into_iter().flatten().filter_map(pair).collect();
                    if all.is_empty() { Json::Null } else { all.into() }
                }),
                shown("statistic", "Statistic"),
                shown("periodSeconds", "Period"),
                shown("evaluationPeriods", "EvaluationPeriods"),
                shown("comparisonOperator", "ComparisonOperator"),
                shown("threshold", "Threshold").read(|n| match n.as_f64() {
                    Some(0.0) => json!(0),
                    _ => n.clone(),
                }),
                shown("treatMissingData", "TreatMissingData"),
                shown("alarmActions", "AlarmActions[]"),
                shown("okActions", "OKActions[]"),
            ],
            ..Block::default()
        })
        .await;
}

#[tokio::test]
async fn what_is_given_empty_is_no_difference() {
    let stack = Stack::new("empty-alarm").await;
    let inputs = json!({
        "namespace": "AWS/SQS", "metricName": "NumberOfMessagesSent", "statistic": "Sum", "periodSeconds": 60,
        "comparisonOperator": "GreaterThanThreshold", "threshold": 0,
        "description": "", "dimensions": {}, "alarmActions": [], "okActions": [],
    });
    let token = "dbt-aws:cloudwatch:MetricAlarm";
    let made = stack.make(token, "empty", inputs).await;
    let read = stack.provider.read(&made).await.expect("reads");
    let read = read.expect("is there");
    for name in ["description", "dimensions", "alarmActions", "okActions"] {
        assert_eq!(read.inputs.get(name), made.inputs.get(name), "{name}");
    }
    stack.provider.delete(&read).await.expect("deletes");
}
