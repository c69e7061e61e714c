//! Runs that could not be started: an alarm on the dead-letter queue, and the rule that has `finish` tell of it.

use super::Expansion;
use crate::{
    prelude::*,
    resources::{
        cloudwatch::metric_alarm::{
            MetricAlarm, MetricAlarmArgs, MetricAlarmComparisonOperator, MetricAlarmStatistic,
            MetricAlarmTreatMissingData,
        },
        events::{
            rule::{Rule, RuleArgs},
            target::RuleTargetArgs,
        },
        sqs::queue::Queue,
    },
    run::StateMachineDbtRun,
};
use pulumi_aws_framework::{component::Child, output::all};
use serde_json::{Value as Document, json};

/// The keys of a run's config that `finish` needs where there is no run.
const OF_CONFIG: [&str; 4] = ["artifactsPrefix", "consoleUrl", "notify", "topicArn"];

impl Expansion<'_> {
    /// Tells of messages in the queue. The metrics of a queue at rest are up to 15 minutes late, so the alarm looks back 20;
    /// it counts what comes in, so that an old message does not hide a new one. What comes while it is on sets it off no
    /// more: `finish` looks again until it is over.
    pub(super) fn not_started(
        &self,
        queue: &Child<Queue>,
        machine: &Output<String>,
        run: &Output<StateMachineDbtRun>,
    ) {
        let name = queue
            .arn
            .map(|arn| arn.rsplit(':').next().unwrap_or_default().to_owned());
        let args = MetricAlarmArgs {
            description: "Starts of runs, or messages for webhooks, that could not be delivered"
                .into(),
            namespace: "AWS/SQS".into(),
            metric_name: "NumberOfMessagesSent".into(),
            dimensions: name.map(|name| BTreeMap::from([("QueueName".to_owned(), name)])),
            statistic: MetricAlarmStatistic::Sum.into(),
            period_seconds: 1_200.into(),
            comparison_operator: MetricAlarmComparisonOperator::Above.into(),
            threshold: 0.0.into(),
            treat_missing_data: MetricAlarmTreatMissingData::NotBreaching.into(),
            tags: self.tags.clone(),
            ..Default::default()
        };
        let alarm = self.scope.child::<MetricAlarm>("not-started", args);
        let asked = all((queue.url.clone(), machine.clone(), run.clone()));
        let input = asked.map(|(queue, machine, run)| {
            let not_started = json!({"queueUrl": queue, "machine": machine});
            let mut config = run.config();
            config.retain(|key, _| OF_CONFIG.contains(&key.as_str()));
            Json(json!({"notStarted": not_started, "config": config}))
        });
        let target = RuleTargetArgs {
            id: "finish".into(),
            arn: self.platform.finish_arn.clone(),
            role_arn: self.platform.finish_starter_role_arn.clone(),
            input,
            ..Default::default()
        };
        let args = RuleArgs {
            event_pattern: alarm.arn.map(|alarm| Json(pattern(&alarm))),
            targets: Output::set([target.into()]),
            tags: self.tags.clone(),
            ..Default::default()
        };
        self.scope.child::<Rule>("not-started-rule", args);
    }
}

/// The events of an alarm that goes off.
fn pattern(alarm: &str) -> Document {
    json!({
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "resources": [alarm],
        "detail": {"state": {"value": ["ALARM"]}},
    })
}
