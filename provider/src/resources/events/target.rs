//! What a rule sends events to.

use super::template;
use crate::prelude::*;
use aws_sdk_eventbridge::types::{DeadLetterConfig, InputTransformer, RetryPolicy, Target};
use pulumi_aws_framework::identity::short_hash;
use std::{cmp::Ordering, collections::HashMap};

/// What a rule sends events to, and how.
#[derive(Clone, Debug, Props)]
pub struct RuleTarget {
    /// The id, unique in the rule: 1 to 64 letters, digits and `_ - .`. Default: made from the ARN.
    #[prop(check = id)]
    pub id: Option<String>,
    /// The ARN of what gets the events, such as that of a state machine, a topic or a queue.
    #[prop(check = arn)]
    pub arn: String,
    /// The ARN of the role with which EventBridge calls the target. State machines need one; functions, topics and
    /// queues have a policy of their own instead. Default: none.
    #[prop(check = formats::arn("iam", "role/"))]
    pub role_arn: Option<String>,
    /// What the target gets instead of the event: a JSON document of at most 8,192 characters. Excludes
    /// `inputTransformer`.
    #[prop(check = input)]
    pub input: Option<Json>,
    /// What the target gets, made from the event. Excludes `input`.
    pub input_transformer: Option<RuleInputTransformer>,
    /// The ARN of the SQS queue that receives what could not be delivered. Default: none.
    #[prop(check = formats::arn("sqs", ""))]
    pub dead_letter_arn: Option<String>,
    /// The number of retries of a delivery: 0 to 185. Default: 185.
    #[prop(default = 185, check = formats::between(0, 185))]
    pub maximum_retry_attempts: i32,
    /// The number of seconds for which delivery is tried: 60 to 86400. Default: 86400.
    #[prop(default = 86_400, check = formats::between(60, 86_400))]
    pub maximum_event_age_seconds: i32,
}

/// How a target's input is made from an event.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct RuleInputTransformer {
    /// Where the event has the values, by the name of their placeholder: JSON paths such as `$.detail.status`; at most
    /// 100. Names have letters, digits, `_` and `-`, and do not begin with `AWS`.
    #[prop(check = paths)]
    pub paths: Option<BTreeMap<String, String>>,
    /// The input, in which `<name>` stands for a value: JSON, or lines of text, each in double quotes; at most 8,192
    /// characters. `<aws.events.event.json>` and its like are EventBridge's own.
    #[prop(check = template::check)]
    pub template: String,
}

/// The most targets of a rule.
pub(super) const MOST: usize = 5;
const MOST_PATHS: usize = 100;

fn id(id: &str) -> Result<(), String> {
    Naming {
        field: "id",
        longest: 64,
        others: "_-.",
        lower: false,
    }
    .check(id)
}

fn arn(text: &str) -> Result<(), String> {
    match text.starts_with("arn:") && text.split(':').count() >= 6 {
        true => Ok(()),
        false => Err(format!(
            "{text:?} is not an ARN such as arn:aws:states:eu-west-1:111122223333:stateMachine:..."
        )),
    }
}

fn input(input: &Json) -> Result<(), String> {
    match input.to_string().chars().count() {
        length if length > template::LONGEST => Err(format!(
            "has {length} characters; at most {} are allowed",
            template::LONGEST
        )),
        _ => Ok(()),
    }
}

fn paths(paths: &BTreeMap<String, String>) -> Result<(), String> {
    if paths.len() > MOST_PATHS {
        let number = paths.len();
        return Err(format!(
            "has {number} paths; at most {MOST_PATHS} are allowed"
        ));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    for (name, path) in paths {
        if !(1..=256).contains(&name.len()) || !name.chars().all(fits) || name.starts_with("AWS") {
            return Err(format!(
                "{name:?} must have 1 to 256 letters, digits, _ and -, and not begin with AWS"
            ));
        }
        if path.chars().count() > 256 || !path.starts_with('$') {
            return Err(format!(
                "{name} must be a path such as $.detail.status, of at most 256 characters, not {path:?}"
            ));
        }
    }
    Ok(())
}

impl RuleTarget {
    fn order(&self) -> (&str, Option<&str>, String) {
        (
            &self.arn,
            self.id.as_deref(),
            self.encode().to_json().to_string(),
        )
    }

    /// What is wrong with a target as a whole: a property of it, and why.
    pub(super) fn failure(&self) -> Option<(&'static str, &'static str)> {
        if self.input.is_some() && self.input_transformer.is_some() {
            return Some((
                "inputTransformer",
                "give only one of input, inputTransformer",
            ));
        }
        let needs_role = formats::is_arn(&self.arn, "states", "");
        (needs_role && self.role_arn.is_none()).then_some((
            "roleArn",
            "is required: EventBridge starts a state machine with a role",
        ))
    }

    /// The placeholders of the template for which there is no path.
    pub(super) fn unknown(&self) -> Vec<&str> {
        self.input_transformer.as_ref().map_or_else(Vec::new, |t| {
            let known = |name: &str| t.paths.as_ref().is_some_and(|p| p.contains_key(name));
            template::unknown(&t.template, known)
        })
    }

    fn to_aws(&self, id: &str) -> Result<Target> {
        let policy = RetryPolicy::builder()
            .maximum_event_age_in_seconds(self.maximum_event_age_seconds)
            .maximum_retry_attempts(self.maximum_retry_attempts)
            .build();
        let transformer = self.input_transformer.as_ref().map(|t| {
            let paths = t.paths.clone().map(HashMap::from_iter);
            InputTransformer::builder()
                .set_input_paths_map(paths)
                .input_template(&t.template)
                .build()
        });
        let dead_letters = |arn| DeadLetterConfig::builder().arn(arn).build();
        Ok(Target::builder()
            .id(id)
            .arn(&self.arn)
            .set_role_arn(self.role_arn.clone())
            .set_input(self.input.as_ref().map(Json::to_string))
            .set_input_transformer(transformer.transpose()?)
            .set_dead_letter_config(self.dead_letter_arn.as_ref().map(dead_letters))
            .retry_policy(policy)
            .build()?)
    }

    fn from_aws(target: &Target) -> Self {
        let policy = target.retry_policy();
        let transformer = target.input_transformer().map(|t| RuleInputTransformer {
            paths: t
                .input_paths_map()
                .filter(|paths| !paths.is_empty())
                .map(|paths| paths.clone().into_iter().collect()),
            template: t.input_template().to_owned(),
        });
        let input = target.input();
        Self {
            id: Some(target.id().to_owned()),
            arn: target.arn().to_owned(),
            role_arn: target.role_arn().map(str::to_owned),
            input: input.and_then(|text| serde_json::from_str(text).ok().map(Json)),
            input_transformer: transformer,
            dead_letter_arn: target
                .dead_letter_config()
                .and_then(|d| d.arn().map(str::to_owned)),
            maximum_retry_attempts: policy
                .and_then(RetryPolicy::maximum_retry_attempts)
                .unwrap_or(185),
            maximum_event_age_seconds: policy
                .and_then(RetryPolicy::maximum_event_age_in_seconds)
                .unwrap_or(86_400),
        }
    }
}

impl Ord for RuleTarget {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for RuleTarget {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RuleTarget {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RuleTarget {}

/// The targets by their ids. What has no id has one made from its ARN: so a change is made in place, and the order says
/// nothing.
pub(super) fn by_id(targets: &Set<RuleTarget>) -> BTreeMap<String, &RuleTarget> {
    let mut all = BTreeMap::new();
    let given = targets.iter().filter_map(|t| Some((t.id.clone()?, t)));
    all.extend(given);
    for target in targets.iter().filter(|t| t.id.is_none()) {
        let id = made_ids(&target.arn).find(|id| !all.contains_key(id));
        all.extend(id.map(|id| (id, target)));
    }
    all
}

/// The ids for targets of that ARN that are given none.
fn made_ids(arn: &str) -> impl Iterator<Item = String> {
    let first = format!("target-{}", short_hash(arn));
    let more = (2..).map({
        let first = first.clone();
        move |number: usize| format!("{first}-{number}")
    });
    std::iter::once(first).chain(more)
}

/// Targets as AWS takes them.
pub(super) fn to_aws(targets: &Set<RuleTarget>) -> Result<BTreeMap<String, Target>> {
    let all = by_id(targets).into_iter();
    all.map(|(id, target)| {
        let target = target.to_aws(&id)?;
        Ok((id, target))
    })
    .collect()
}

/// AWS's targets, without the ids that the program did not give.
pub(super) fn from_aws(found: &[Target], known: Option<&Set<RuleTarget>>) -> Set<RuleTarget> {
    let known = known.map(by_id).unwrap_or_default();
    let is_made = |target: &RuleTarget| {
        let id = target.id.as_ref();
        made_ids(&target.arn)
            .take(MOST)
            .any(|made| Some(&made) == id)
    };
    let plain = |target: &RuleTarget| {
        let mut target = target.clone();
        let theirs = target.id.as_ref().and_then(|id| known.get(id));
        if theirs.map_or_else(|| is_made(&target), |t| t.id.is_none()) {
            target.id = None;
        }
        target
    };
    let found: Set<_> = found.iter().map(RuleTarget::from_aws).collect();
    let ours: Set<_> = found.iter().map(plain).collect();
    // A gap that somebody left among the ids that are made here.
    match by_id(&ours).keys().eq(by_id(&found).keys()) {
        true => ours,
        false => found,
    }
}

/// What of a target no property here is for, and whether it is there.
pub(super) fn foreign(targets: &[Target]) -> Vec<(&'static str, bool)> {
    let any = |has: fn(&Target) -> bool| targets.iter().any(has);
    vec![
        ("inputPath", any(|t| t.input_path().is_some())),
        (
            "kinesisParameters",
            any(|t| t.kinesis_parameters().is_some()),
        ),
        (
            "runCommandParameters",
            any(|t| t.run_command_parameters().is_some()),
        ),
        ("ecsParameters", any(|t| t.ecs_parameters().is_some())),
        ("batchParameters", any(|t| t.batch_parameters().is_some())),
        ("sqsParameters", any(|t| t.sqs_parameters().is_some())),
        ("httpParameters", any(|t| t.http_parameters().is_some())),
        (
            "redshiftDataParameters",
            any(|t| t.redshift_data_parameters().is_some()),
        ),
        (
            "sageMakerPipelineParameters",
            any(|t| t.sage_maker_pipeline_parameters().is_some()),
        ),
        (
            "appSyncParameters",
            any(|t| t.app_sync_parameters().is_some()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: Option<&str>, arn: &str, input: &str) -> RuleTarget {
        let target = Target::builder().id("x").arn(arn).input(input).build();
        RuleTarget {
            id: id.map(str::to_owned),
            ..RuleTarget::from_aws(&target.expect("is whole"))
        }
    }

    #[test]
    fn targets_without_an_id_are_told_apart_by_their_arn() {
        let (topic, queue) = ("arn:aws:sns:eu-west-1:1:t", "arn:aws:sqs:eu-west-1:1:q");
        let mine = Set::from([
            target(None, topic, "1"),
            target(None, topic, "2"),
            target(Some("mine"), queue, "3"),
        ]);
        let sent = to_aws(&mine).expect("builds");
        assert_eq!(sent.len(), 3);
        let found: Vec<_> = sent.values().rev().cloned().collect();
        assert_eq!(from_aws(&found, Some(&mine)), mine);
        assert_eq!(from_aws(&found, None), mine);
        // Another input is the same target.
        let changed = Set::from([target(None, queue, "4")]);
        let before = Set::from([target(None, queue, "3")]);
        assert!(by_id(&changed).keys().eq(by_id(&before).keys()));
        let second = Target::builder()
            .id(made_ids(topic).nth(1).unwrap_or_default())
            .arn(topic)
            .build();
        let second = second.expect("is whole");
        let found = from_aws(std::slice::from_ref(&second), None);
        assert!(by_id(&found).contains_key(second.id()));
        // An id that the program gives stays, though it is as one made here.
        let id = made_ids(queue).next();
        let given = Set::from([target(id.as_deref(), queue, "3")]);
        let found: Vec<_> = to_aws(&given).expect("builds").into_values().collect();
        assert_eq!(from_aws(&found, Some(&given)), given);
    }
}
