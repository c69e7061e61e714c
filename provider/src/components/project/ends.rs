//! The end of a run: what tells the platform's `finish` of it, and who hears of it.

use super::{Expansion, webhooks};
use crate::{
    prelude::*,
    resources::{
        events::{
            rule::{Rule, RuleArgs},
            target::{RuleInputTransformerArgs, RuleTargetArgs},
        },
        sns::{
            subscription::{Subscription, SubscriptionArgs, SubscriptionProtocol},
            topic::{Topic, TopicArgs},
        },
    },
    run::{StateMachineDbtRun, StateMachineDbtRunNotify},
};
use pulumi_aws_framework::{
    component::{Child, Scope},
    output::all,
    props::Enum as _,
};
use serde_json::{Value as Document, json};

words! {
    /// How a run ended, for who hears of it.
    pub enum ProjectNotifyEvent {
        /// It failed, whatever the reason.
        Failure = "failure",
        /// It succeeded.
        Success = "success",
        /// It succeeded after one that failed.
        Recovery = "recovery",
        /// It did not run, since another run of the project was under way.
        Skipped = "skipped",
        /// No run of a schedule succeeded for its `alertIfNoSuccessHours`.
        Late = "late",
    }
}

words! {
    /// The form in which a webhook takes messages.
    pub enum ProjectNotifyWebhookFormat {
        /// That of Slack's incoming webhooks.
        Slack = "slack",
        /// That of Microsoft Teams: a workflow that begins when a webhook request is received.
        Teams = "teams",
        /// The detail of the event of the run's end, as JSON.
        Json = "json",
    }
}

/// A webhook that hears of how runs end.
#[derive(Clone, Debug, Props)]
pub struct ProjectNotifyWebhook {
    /// The ARN of the secret in Secrets Manager with its URL, which begins with `https://`: as text, or as `url` of a JSON
    /// object.
    #[prop(check = formats::arn("secretsmanager", "secret:"))]
    pub secret_arn: String,
    /// The form in which it takes messages.
    pub format: ProjectNotifyWebhookFormat,
}

/// Who hears of how runs end.
#[derive(Clone, Debug, Props)]
pub struct ProjectNotify {
    /// E-mail addresses. AWS asks each to confirm, by a link in a mail that is good for two days; until then it hears of
    /// nothing. Default: none.
    #[prop(plain)]
    pub emails: Option<Vec<String>>,
    /// The ARNs of SNS topics: standard ones of the same region, which may be in another account if their policy lets
    /// `finish` publish. Default: none.
    #[prop(check = formats::each(topic))]
    pub topic_arns: Option<Vec<String>>,
    /// Webhooks, at most 10. A function sends to them, which may read their secrets. The key of a secret that a customer
    /// managed KMS key encrypts must be in the project's `secretKmsKeyArns`. Default: none.
    #[prop(plain)]
    pub webhooks: Option<Vec<ProjectNotifyWebhook>>,
    /// Of what they hear. Default: `failure`, `recovery` and `late`.
    pub on: Option<Set<ProjectNotifyEvent>>,
}

/// The audience of runs whose schedule says nothing of its own.
const AUDIENCE: &str = "project";

fn topic(arn: &str) -> Result<(), String> {
    formats::arn("sns", "")(arn)?;
    match arn.ends_with(".fifo") {
        true => Err(format!(
            "{arn:?} is a FIFO topic; only standard topics are published to"
        )),
        false => Ok(()),
    }
}

/// Refuses what cannot be told of runs.
pub(crate) fn check(check: &mut Check<'_>) {
    check_emails(check);
    webhooks::check(check);
}

/// Refuses what is no e-mail address, and what is there twice.
fn check_emails(check: &mut Check<'_>) {
    let notify = check
        .value("notify")
        .map(|notify| notify.plain())
        .unwrap_or_default();
    let Value::List(emails) = notify.field("emails") else {
        return;
    };
    let mut seen = Set::new();
    for (index, email) in emails.iter().enumerate() {
        let Some(email) = email.as_str() else {
            continue;
        };
        let path = format!("notify.emails[{index}]");
        let parts: Vec<_> = email.split('@').collect();
        let fits = |c: char| c.is_ascii_graphic() && !"\"(),:;<>[\\]".contains(c);
        let is_address = parts.len() == 2 && !parts[0].is_empty() && parts[1].contains('.');
        if email.len() > 254 || !is_address || !email.chars().all(fits) {
            check.fail(
                path,
                format!("{email:?} is not an e-mail address such as data@example.com"),
            );
        } else if !seen.insert(email.to_lowercase()) {
            check.fail(path, format!("{email} is there already; give each once"));
        }
    }
}

/// Refuses topics of another region, which SNS does not publish to.
pub(crate) fn check_online(inputs: &Properties, region: &str) -> Vec<Failure> {
    let notify = inputs.get("notify").map(Value::plain).unwrap_or_default();
    let Value::List(topics) = notify.field("topicArns") else {
        return Vec::new();
    };
    let theirs = |topic: &Value| topic.as_str()?.split(':').nth(3).map(str::to_owned);
    let elsewhere = |(index, topic): (usize, &Value)| {
        let theirs = theirs(topic).filter(|theirs| theirs != region)?;
        Some(Failure {
            path: format!("notify.topicArns[{index}]"),
            reason: format!(
                "is in {theirs}; SNS publishes only in the provider's region, {region}"
            ),
        })
    };
    topics.iter().enumerate().filter_map(elsewhere).collect()
}

/// Who hears of it, as `finish` reads it.
pub(crate) fn for_finish(notify: Option<&ProjectNotifyArgs>) -> Output<StateMachineDbtRunNotify> {
    let (emails, topics, on) = match notify {
        Some(own) => (
            own.emails.as_ref().is_some_and(|emails| !emails.is_empty()),
            own.topic_arns.clone(),
            own.on.clone(),
        ),
        None => Default::default(),
    };
    let webhooks = webhooks::ids(notify);
    all((topics.optional(), webhooks, on.optional())).map(move |(topics, webhooks, on)| {
        let default = || {
            use ProjectNotifyEvent::{Failure, Late, Recovery};
            Set::from([Failure, Late, Recovery])
        };
        let on = on.unwrap_or_else(default);
        StateMachineDbtRunNotify {
            emails,
            topic_arns: topics.unwrap_or_default(),
            webhooks: (!webhooks.is_empty()).then_some(webhooks),
            on: on.iter().map(|event| event.word().to_owned()).collect(),
        }
    })
}

/// Subscribes addresses to the messages for an audience. Answers those that have yet to confirm.
pub(crate) fn subscribe(
    scope: &Scope,
    topic: &Output<String>,
    audience: &Output<String>,
    notify: Option<&ProjectNotifyArgs>,
) -> Output<Vec<String>> {
    let emails = notify.and_then(|notify| notify.emails.as_ref());
    let pending = emails
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, email)| {
            // What a preview does not know has its place in the list for a name.
            let name = email.now().unwrap_or(index.to_string());
            let args = SubscriptionArgs {
                topic_arn: topic.clone(),
                protocol: SubscriptionProtocol::Email.into(),
                endpoint: email.clone(),
                filter_policy: audience.map(|audience| Json(by_mail(&audience))),
                ..Default::default()
            };
            let made = scope.child::<Subscription>(&format!("email-{name}"), args);
            all((email.clone(), made.pending.clone()))
                .map(|(email, pending)| if pending { vec![email] } else { Vec::new() })
        });
    Output::list(pending).map(|all| all.concat())
}

impl Expansion<'_> {
    /// The topic of messages by e-mail, also of those that schedules ask for.
    pub(super) fn topic(&self) -> Child<Topic> {
        let args = TopicArgs {
            tags: self.tags.clone(),
            ..Default::default()
        };
        self.scope.child("notifications", args)
    }

    /// The addresses that the project names.
    pub(super) fn emails(&self, topic: &Output<String>) -> Output<Vec<String>> {
        subscribe(
            self.scope,
            topic,
            &AUDIENCE.into(),
            self.args.notify.as_ref(),
        )
    }

    /// What sends to the webhooks that the project names.
    pub(super) fn webhooks(&self, topic: &Output<String>, dead_letters: &Output<String>) {
        let placement = webhooks::Placement {
            topic_arn: topic.clone(),
            audience: AUDIENCE.into(),
            dead_letter_arn: dead_letters.clone(),
            log_group_arn: self.platform.log_group_arn.clone(),
            kms_key_arns: self.args.secret_kms_key_arns.clone(),
            permissions_boundary_arn: self.platform.permissions_boundary_arn.clone(),
            tags: self.tags.clone(),
        };
        webhooks::expand(self.scope, &placement, self.args.notify.as_ref());
    }

    /// Tells `finish` of each end, also of those that the run itself cannot tell.
    pub(super) fn ends(
        &self,
        machine: &Output<String>,
        run: &Output<StateMachineDbtRun>,
    ) -> Child<Rule> {
        let transformer = RuleInputTransformerArgs {
            paths: BTreeMap::from([("execution".to_owned(), "$.detail.executionArn".to_owned())])
                .into(),
            template: run.map(|run| template(run.config().into())),
        };
        let target = RuleTargetArgs {
            id: "finish".into(),
            arn: self.platform.finish_arn.clone(),
            role_arn: self.platform.finish_starter_role_arn.clone(),
            input_transformer: transformer.into(),
            ..Default::default()
        };
        let args = RuleArgs {
            event_pattern: machine.map(|machine| Json(pattern(&machine))),
            targets: Output::set([target.into()]),
            tags: self.tags.clone(),
            ..Default::default()
        };
        self.scope.child("ends", args)
    }
}

/// The messages for an audience, but for those that are for a webhook.
fn by_mail(audience: &str) -> Document {
    json!({"audience": [audience], "webhook": [{"exists": false}]})
}

/// The events of a machine's executions that have ended.
fn pattern(machine: &str) -> Document {
    json!({
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [machine],
            "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
        },
    })
}

/// What `finish` is given of such an event.
fn template(config: Document) -> String {
    json!({"execution": "<execution>", "config": config}).to_string()
}
