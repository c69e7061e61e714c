//! `dbt-aws:events:Rule`.

use super::{
    pattern,
    target::{self, RuleTarget},
};
use crate::{prelude::*, resources::scheduler::expression};
use aws_sdk_eventbridge::{
    operation::describe_rule::DescribeRuleOutput,
    types::{RuleState, Target},
};
use pulumi_aws_framework::aws;

/// What sends events to targets.
#[derive(Debug)]
pub struct Rule;

/// What a rule is made from.
#[derive(Clone, Debug, Props)]
pub struct RuleInputs {
    /// The name: 1 to 64 letters, digits, `-`, `_` and `.`. Default: made from the resource's name.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// A description for people: at most 512 characters. Default: none.
    #[prop(default = None, check = description)]
    pub description: Option<String>,
    /// Which events it sends: an object such as `{"source": ["aws.states"]}`, of at most 2,048 characters as JSON. At
    /// least one of it and `scheduleExpression` is needed.
    ///
    /// See [event patterns](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html).
    #[prop(default = None, check = pattern::check)]
    pub event_pattern: Option<Json>,
    /// When it sends an event by itself, in UTC: `cron(30 6 * * ? *)` or `rate(1 hour)`. Default: never.
    #[prop(default = None, check = schedule)]
    pub schedule_expression: Option<String>,
    /// Whether it sends events. Default: `true`.
    #[prop(default = true)]
    pub enabled: bool,
    /// What it sends events to: at most 5 targets. Targets that others add are removed.
    pub targets: Set<RuleTarget>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a rule.
#[derive(Clone, Debug, Props)]
pub struct RuleOutputs {
    /// The ARN.
    pub arn: String,
}

const NAME: Naming = Naming {
    field: "name",
    longest: 64,
    others: "-_.",
    lower: false,
};

fn description(text: &str) -> Result<(), String> {
    match text.chars().count() {
        length @ 513.. => Err(format!("must have at most 512 characters, not {length}")),
        _ => Ok(()),
    }
}

fn schedule(text: &str) -> Result<(), String> {
    match text.starts_with("at(") {
        true => Err("a rule has no single times; use cron(...) or rate(...), or a dbt-aws:scheduler:Schedule".to_owned()),
        false => expression::check(text),
    }
}

impl CustomResource for Rule {
    const TOKEN: &'static str = "dbt-aws:events:Rule";
    const DOC: &'static str = "What sends events of the account's default event bus to targets.\n\nImport with the name or the ARN. See [rules](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html).";
    const ACTIONS: &'static [&'static str] = &[
        "events:DeleteRule",
        "events:DescribeRule",
        "events:ListRules",
        "events:ListTagsForResource",
        "events:ListTargetsByRule",
        "events:PutRule",
        "events:PutTargets",
        "events:RemoveTargets",
        "events:TagResource",
        "events:UntagResource",
        "iam:PassRole",
    ];
    const IDS: Option<Ids> = Some(Ids::name("dbt-failures", "events", "rule/"));
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = RuleInputs;
    type Outputs = RuleOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        if !check.has("eventPattern") && !check.has("scheduleExpression") {
            let reason = "give at least one of eventPattern, scheduleExpression";
            check.fail("eventPattern", reason);
        }
        let Some(targets) = check.value("targets") else {
            return;
        };
        let Value::List(targets) = targets.peel() else {
            return;
        };
        if targets.len() > target::MOST {
            let reason = format!(
                "has {} targets; AWS takes {} for a rule: make another rule for the others",
                targets.len(),
                target::MOST
            );
            check.fail("targets", reason);
        }
        let mut ids = Set::new();
        for (i, value) in targets.iter().enumerate() {
            if let Some(id) = value.field("id").as_str()
                && !ids.insert(id.to_owned())
            {
                let reason = format!("another target has the id {id}; give each its own");
                check.fail(format!("targets[{i}].id"), reason);
            }
            let plain = value.plain();
            let Ok(known) = RuleTarget::decode(&plain) else {
                continue;
            };
            if let Some((property, reason)) = known.failure() {
                check.fail(format!("targets[{i}].{property}"), reason);
            }
            for name in known.unknown() {
                let reason = format!("has no path for <{name}>, so that it stands for nothing");
                check.warn(&format!("targets[{i}].inputTransformer.paths"), &reason);
            }
        }
    }

    async fn create(cx: &Context, inputs: &RuleInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the rule {name}");
        // AWS takes a create of a rule that is there for an update.
        let is_new = cx.is_first() && Naming::is_ours(name, &cx.identity.generation);
        if !is_new && let Some(there) = described(cx, name).await? {
            let tags = tags_of(cx, there.arn().unwrap_or_default()).await?;
            return Created::adopt(cx, name, &what, &tags);
        }
        let tags = to_tags(cx.tags(inputs.tags.as_ref()));
        let arn = put(cx, name, inputs, Some(tags)).await?;
        Ok(Created::Known(name.to_owned(), RuleOutputs { arn }))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &RuleInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let settings = |i: &RuleInputs| {
            let (description, schedule) = (i.description.clone(), i.schedule_expression.clone());
            (description, i.event_pattern.clone(), schedule, i.enabled)
        };
        if old.is_some_and(|o| settings(&o.inputs) != settings(new)) {
            put(cx, id, new, None).await?;
        }
        let before = match old {
            Some(old) => target::to_aws(&old.inputs.targets)?,
            None => BTreeMap::new(),
        };
        let after = target::to_aws(&new.targets)?;
        let put: Vec<_> = after
            .iter()
            .filter(|(id, target)| before.get(*id) != Some(target))
            .map(|(_, target)| target.clone())
            .collect();
        let removed: Vec<_> = before
            .keys()
            .filter(|id| !after.contains_key(*id))
            .cloned()
            .collect();
        // Events get lost where old targets go first, which AWS wants where there were too many at once.
        let all = before.keys().chain(after.keys()).collect::<Set<_>>().len();
        let crowded = all > target::MOST;
        if crowded {
            remove_targets(cx, id, &removed).await?;
        }
        put_targets(cx, id, put).await?;
        if !crowded {
            remove_targets(cx, id, &removed).await?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&RuleInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = cx.own_arn("events", &format!("rule/{id}")).await?;
        let (rule, targets, tags) =
            tokio::join!(described(cx, id), targets_of(cx, id), tags_of(cx, &arn));
        let Some(rule) = rule? else {
            return Ok(None);
        };
        let targets = targets?;
        if known.is_none() {
            let mut parts = target::foreign(&targets);
            let watches_all = RuleState::EnabledWithAllCloudtrailManagementEvents;
            parts.extend([
                ("a role of its own", rule.role_arn().is_some()),
                (
                    "an AWS service that manages it",
                    rule.managed_by().is_some(),
                ),
                (
                    "CloudTrail's management events",
                    rule.state() == Some(&watches_all),
                ),
            ]);
            importable(&format!("the rule {id}"), parts)?;
        }
        let text = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        let pattern = rule.event_pattern();
        Ok(Some(State {
            inputs: RuleInputs {
                name: Some(id.to_owned()),
                description: text(rule.description()),
                event_pattern: pattern.and_then(|p| serde_json::from_str(p).ok().map(Json)),
                schedule_expression: text(rule.schedule_expression()),
                enabled: rule.state() != Some(&RuleState::Disabled),
                targets: target::from_aws(&targets, known.map(|k| &k.targets)),
                tags: Some(tags?),
            },
            outputs: RuleOutputs {
                arn: rule.arn().unwrap_or_default().to_owned(),
            },
        }))
    }

    list!(events.list_rules[next_token, set_next_token].rules, |rule| {
        rule.name()
    });

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let targets = targets_of(cx, id).await?;
        let ids: Vec<_> = targets.iter().map(|t| t.id().to_owned()).collect();
        remove_targets(cx, id, &ids).await?;
        let delete = cx.aws.events().delete_rule().name(id);
        delete
            .send()
            .await
            .during(format!("delete the rule {id}"))?;
        Ok(())
    }
}

retag!(
    events,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    to_tags
);

/// Makes a rule, or gives it all its settings; tags only count for a new one. Answers the ARN.
async fn put(
    cx: &Context,
    name: &str,
    inputs: &RuleInputs,
    tags: Option<Vec<aws_sdk_eventbridge::types::Tag>>,
) -> Result<String> {
    let (state, what) = match (inputs.enabled, &tags) {
        (true, Some(_)) => (RuleState::Enabled, "create"),
        (false, Some(_)) => (RuleState::Disabled, "create"),
        (true, None) => (RuleState::Enabled, "update"),
        (false, None) => (RuleState::Disabled, "update"),
    };
    let put = cx
        .aws
        .events()
        .put_rule()
        .name(name)
        .description(inputs.description.clone().unwrap_or_default())
        .set_event_pattern(inputs.event_pattern.as_ref().map(Json::to_string))
        .set_schedule_expression(inputs.schedule_expression.clone())
        .state(state)
        .set_tags(tags)
        .send()
        .await;
    let put = put.during(format!("{what} the rule {name}"))?;
    Ok(put.rule_arn.unwrap_or_default())
}

async fn put_targets(cx: &Context, rule: &str, targets: Vec<Target>) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let what = format!("set the targets of the rule {rule}");
    let put = cx.aws.events().put_targets().rule(rule);
    let put = put.set_targets(Some(targets)).send().await.during(&what)?;
    let failed = put.failed_entries().iter();
    refused(
        failed.map(|f| (f.target_id(), f.error_code(), f.error_message())),
        &what,
    )
}

async fn remove_targets(cx: &Context, rule: &str, ids: &[String]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let what = format!("remove targets of the rule {rule}");
    let remove = cx.aws.events().remove_targets().rule(rule);
    let remove = remove.set_ids(Some(ids.to_vec())).send().await;
    let removed = remove.during(&what)?;
    let failed = removed.failed_entries().iter();
    refused(
        failed.map(|f| (f.target_id(), f.error_code(), f.error_message())),
        &what,
    )
}

/// What fails of a list is told in an answer that succeeds.
fn refused<'a>(
    mut failed: impl Iterator<Item = (Option<&'a str>, Option<&'a str>, Option<&'a str>)>,
    what: &str,
) -> Result<()> {
    let Some((target, code, message)) = failed.next() else {
        return Ok(());
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let message = format!("{} ({})", text(message).trim_end_matches('.'), text(target));
    Err(aws::Error::from_batch_failure(what, text(code), message).into())
}

async fn described(cx: &Context, name: &str) -> Result<Option<DescribeRuleOutput>> {
    let describe = cx.aws.events().describe_rule().name(name).send().await;
    describe.during(format!("read the rule {name}")).gone()
}

async fn targets_of(cx: &Context, rule: &str) -> Result<Vec<Target>> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let list = cx.aws.events().list_targets_by_rule().rule(rule);
        let page = list.set_next_token(token).send().await;
        let page = page.during(format!("list the targets of the rule {rule}"))?;
        all.extend(page.targets.unwrap_or_default());
        match page.next_token {
            Some(next) => token = Some(next),
            None => return Ok(all),
        }
    }
}

async fn tags_of(cx: &Context, arn: &str) -> Result<Tags> {
    let list = cx.aws.events().list_tags_for_resource().resource_arn(arn);
    let tags = list
        .send()
        .await
        .during(format!("list the tags of {arn}"))?;
    Ok(from_tags(tags.tags()))
}
