//! `dbt-aws:cloudwatch:MetricAlarm`.

use super::{Retag, tags_of};
use crate::prelude::*;
use aws_sdk_cloudwatch::types::{AlarmType, Dimension, MetricAlarm as Found};
use pulumi_aws_framework::props::Enum as _;

/// What watches one metric.
#[derive(Debug)]
pub struct MetricAlarm;

words! {
    /// How the values of a period become one.
    pub enum MetricAlarmStatistic {
        /// Their mean.
        Average = "Average",
        /// The largest.
        Maximum = "Maximum",
        /// The smallest.
        Minimum = "Minimum",
        /// How many there are.
        SampleCount = "SampleCount",
        /// Their sum.
        Sum = "Sum",
    }
}

words! {
    /// How a value compares with the threshold where the alarm goes off.
    pub enum MetricAlarmComparisonOperator {
        /// It is greater or the same.
        AtLeast = "GreaterThanOrEqualToThreshold",
        /// It is greater.
        Above = "GreaterThanThreshold",
        /// It is less.
        Below = "LessThanThreshold",
        /// It is less or the same.
        AtMost = "LessThanOrEqualToThreshold",
    }
}

words! {
    /// What a period without values counts as.
    pub enum MetricAlarmTreatMissingData {
        /// The alarm goes off.
        Breaching = "breaching",
        /// The alarm does not go off.
        NotBreaching = "notBreaching",
        /// The alarm stays as it is.
        Ignore = "ignore",
        /// The state is `INSUFFICIENT_DATA`, where nothing is known.
        Missing = "missing",
    }
}

/// What an alarm is made from.
#[derive(Clone, Debug, Props)]
pub struct MetricAlarmInputs {
    /// The name: 1 to 255 characters, letters, digits and `-_.`. Default: the resource's name with a suffix.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// A description for people: at most 1,024 characters. Default: none.
    #[prop(default = None, check = description)]
    pub description: Option<String>,
    /// The namespace of the metric, such as `AWS/SQS`: 1 to 255 characters.
    #[prop(check = name_of_metric)]
    pub namespace: String,
    /// The name of the metric: 1 to 255 characters.
    #[prop(check = name_of_metric)]
    pub metric_name: String,
    /// The dimensions of the metric, by name: at most 30. Default: none.
    #[prop(default = None, check = dimensions)]
    pub dimensions: Option<BTreeMap<String, String>>,
    /// How the values of a period become one.
    pub statistic: MetricAlarmStatistic,
    /// How many seconds a period has: 10, 20, 30, or a multiple of 60 up to 86400 (a day).
    #[prop(check = period)]
    pub period_seconds: i32,
    /// Of how many periods, the newest, all must be beyond the threshold: 1 or more, which make at most a day, or seven
    /// days of periods of an hour or more. Default: 1.
    #[prop(default = 1, check = formats::at_least(1))]
    pub evaluation_periods: i32,
    /// How a value compares with the threshold where the alarm goes off.
    pub comparison_operator: MetricAlarmComparisonOperator,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// What a period without values counts as. Default: `missing`.
    #[prop(default = MetricAlarmTreatMissingData::Missing)]
    pub treat_missing_data: MetricAlarmTreatMissingData,
    /// The ARNs of what is called when the alarm goes off, such as SNS topics: at most 5. EventBridge gets an event
    /// with or without them. Default: none.
    #[prop(default = None)]
    pub alarm_actions: Option<Set<String>>,
    /// The ARNs of what is called when it is over: at most 5. Default: none.
    #[prop(default = None)]
    pub ok_actions: Option<Set<String>>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of an alarm.
#[derive(Clone, Debug, Props)]
pub struct MetricAlarmOutputs {
    /// The ARN.
    pub arn: String,
}

const NAME: Naming = Naming {
    others: "-_.",
    ..Naming::new("name", 255)
};

const DAY: i32 = 86_400;

fn description(text: &str) -> Result<(), String> {
    match text.chars().count() {
        length @ 1_025.. => Err(format!("must have at most 1,024 characters, not {length}")),
        _ => Ok(()),
    }
}

fn name_of_metric(text: &str) -> Result<(), String> {
    match text.chars().count() {
        1..=255 => Ok(()),
        length => Err(format!("must have 1 to 255 characters, not {length}")),
    }
}

fn dimensions(all: &BTreeMap<String, String>) -> Result<(), String> {
    match all.len() {
        0..=30 => Ok(()),
        count => Err(format!("has {count}; AWS takes 30")),
    }
}

fn period(seconds: &i32) -> Result<(), String> {
    match *seconds {
        10 | 20 | 30 => Ok(()),
        60..=86_400 if seconds % 60 == 0 => Ok(()),
        _ => Err(format!(
            "must be 10, 20, 30, or a multiple of 60 up to 86400, not {seconds}"
        )),
    }
}

impl CustomResource for MetricAlarm {
    const TOKEN: &'static str = "dbt-aws:cloudwatch:MetricAlarm";
    const DOC: &'static str = "What watches one metric, and goes off when it is beyond a threshold.\n\nImport with the name or the ARN. See [CloudWatch alarms](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Alarms.html).";
    const ACTIONS: &'static [&'static str] = &[
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    ];
    const IDS: Option<Ids> = Some(Ids::name("dbt-not-started", "cloudwatch", "alarm:"));
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = MetricAlarmInputs;
    type Outputs = MetricAlarmOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        let number = |name| check.get::<i32>(name);
        if let (Some(seconds), Some(periods)) =
            (number("periodSeconds"), number("evaluationPeriods"))
        {
            let days = if seconds < 3_600 { 1 } else { 7 };
            let most = days * DAY / seconds.max(1);
            if periods > most {
                let reason =
                    format!("is {periods}; AWS takes at most {most} periods of {seconds} seconds");
                check.fail("evaluationPeriods", reason);
            }
        }
        for actions in ["alarmActions", "okActions"] {
            if let Some(Value::List(all)) = check.value(actions).as_ref().map(|v| v.peel())
                && all.len() > 5
            {
                check.fail(actions, format!("has {}; AWS takes 5", all.len()));
            }
        }
    }

    async fn create(cx: &Context, inputs: &MetricAlarmInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        // CloudWatch answers a create of an alarm that is there by changing it.
        if !(cx.is_first() && Naming::is_ours(name, &cx.identity.generation))
            && let Some(found) = described(cx, name).await?
        {
            let tags = tags_of(cx, found.alarm_arn().unwrap_or_default()).await?;
            return Created::adopt(cx, name, &format!("the alarm {name}"), &tags);
        }
        put(cx, name, inputs).await?;
        let arn = cx.own_arn("cloudwatch", &format!("alarm:{name}")).await?;
        Ok(Created::Known(name.to_owned(), MetricAlarmOutputs { arn }))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &MetricAlarmInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        match old.is_some_and(|old| differs(&old.inputs, new)) {
            true => put(cx, id, new).await,
            false => Ok(()),
        }
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&MetricAlarmInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = cx.own_arn("cloudwatch", &format!("alarm:{id}")).await?;
        let (found, tags) = tokio::join!(described(cx, id), tags_of(cx, &arn));
        let Some(found) = found? else {
            return Ok(None);
        };
        let what = format!("the alarm {id}");
        if known.is_none() {
            importable(&what, foreign(&found))?;
        }
        let unknown =
            |part: &str| Error::failed(format!("could not read {what}: it has no {part}"));
        let set = |all: &[String]| all.iter().cloned().collect::<Set<_>>();
        let dimensions = found
            .dimensions()
            .iter()
            .filter_map(|each| Some((each.name()?.to_owned(), each.value()?.to_owned())));
        let dimensions = BTreeMap::from_iter(dimensions);
        let statistic = found.statistic().map(|s| s.as_str());
        let operator = found.comparison_operator().map(|o| o.as_str());
        let missing = found.treat_missing_data();
        Ok(Some(State {
            inputs: MetricAlarmInputs {
                name: Some(id.to_owned()),
                description: kept(
                    found.alarm_description().unwrap_or_default().to_owned(),
                    known.map(|k| &k.description),
                ),
                namespace: found.namespace().unwrap_or_default().to_owned(),
                metric_name: found.metric_name().unwrap_or_default().to_owned(),
                dimensions: kept(dimensions, known.map(|k| &k.dimensions)),
                statistic: statistic
                    .and_then(MetricAlarmStatistic::from_word)
                    .ok_or_else(|| unknown("statistic"))?,
                period_seconds: found.period().unwrap_or_default(),
                evaluation_periods: found.evaluation_periods().unwrap_or_default(),
                comparison_operator: operator
                    .and_then(MetricAlarmComparisonOperator::from_word)
                    .ok_or_else(|| unknown("operator that compares with a threshold"))?,
                threshold: found.threshold().unwrap_or_default(),
                treat_missing_data: missing
                    .and_then(MetricAlarmTreatMissingData::from_word)
                    .unwrap_or(MetricAlarmTreatMissingData::Missing),
                alarm_actions: kept(set(found.alarm_actions()), known.map(|k| &k.alarm_actions)),
                ok_actions: kept(set(found.ok_actions()), known.map(|k| &k.ok_actions)),
                tags: Some(tags?),
            },
            outputs: MetricAlarmOutputs { arn },
        }))
    }

    list!(
        cloudwatch.describe_alarms[next_token, set_next_token].metric_alarms,
        |alarm| alarm.alarm_name()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let delete = cx.aws.cloudwatch().delete_alarms().alarm_names(id);
        let deleted = delete.send().await;
        deleted.during(format!("delete the alarm {id}")).map(drop)
    }
}

/// Whether two differ in what a put sets.
fn differs(a: &MetricAlarmInputs, b: &MetricAlarmInputs) -> bool {
    let differences = pulumi_aws_framework::props::diff::differences(a, b);
    differences.iter().any(|change| change.name != "tags")
}

async fn described(cx: &Context, name: &str) -> Result<Option<Found>> {
    let describe = cx.aws.cloudwatch().describe_alarms();
    let describe = describe
        .alarm_names(name)
        .alarm_types(AlarmType::MetricAlarm);
    let found = describe.send().await;
    let found = found.during(format!("read the alarm {name}"))?;
    Ok(found.metric_alarms.and_then(|all| all.into_iter().next()))
}

async fn put(cx: &Context, name: &str, inputs: &MetricAlarmInputs) -> Result<()> {
    let dimensions = inputs.dimensions.iter().flatten();
    let dimensions = dimensions.map(|(name, value)| {
        let dimension = Dimension::builder().name(name).value(value);
        dimension.build()
    });
    let actions = |given: &Option<Set<String>>| given.clone().map(|all| all.into_iter().collect());
    let put = cx
        .aws
        .cloudwatch()
        .put_metric_alarm()
        .alarm_name(name)
        .set_alarm_description(inputs.description.clone())
        .namespace(&inputs.namespace)
        .metric_name(&inputs.metric_name)
        .set_dimensions(Some(dimensions.collect()))
        .statistic(inputs.statistic.word().into())
        .period(inputs.period_seconds)
        .evaluation_periods(inputs.evaluation_periods)
        .comparison_operator(inputs.comparison_operator.word().into())
        .threshold(inputs.threshold)
        .treat_missing_data(inputs.treat_missing_data.word())
        .set_alarm_actions(actions(&inputs.alarm_actions))
        .set_ok_actions(actions(&inputs.ok_actions))
        // Of an alarm that is there, CloudWatch passes over them.
        .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
        .send()
        .await;
    put.during(format!("put the alarm {name}")).map(drop)
}

/// What of an alarm no property here is for, and whether it is there.
fn foreign(found: &Found) -> [(&'static str, bool); 9] {
    let periods = found.evaluation_periods();
    [
        (
            "a percentile for a statistic",
            found.extended_statistic().is_some(),
        ),
        ("metrics that it computes", !found.metrics().is_empty()),
        (
            "actions where data is missing",
            !found.insufficient_data_actions().is_empty(),
        ),
        (
            "actions that are off",
            found.actions_enabled() == Some(false),
        ),
        ("a unit", found.unit().is_some()),
        (
            "another window than the newest periods",
            found.evaluation_window().is_some(),
        ),
        (
            "criteria or an interval of its own",
            found.evaluation_criteria().is_some() || found.evaluation_interval().is_some(),
        ),
        (
            "settings of its actions or of its start",
            found.action_configuration().is_some() || found.warm_up_configuration().is_some(),
        ),
        (
            "periods of which some are enough",
            found
                .datapoints_to_alarm()
                .is_some_and(|some| Some(some) != periods),
        ),
    ]
}
