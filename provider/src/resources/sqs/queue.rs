//! `dbt-aws:sqs:Queue`.

use crate::{keys, prelude::*, resources::iam::policy};
use aws_sdk_sqs::types::QueueAttributeName;
use std::{collections::HashMap, time::Instant};

/// A standard queue.
#[derive(Debug)]
pub struct Queue;

/// What a queue is made from.
#[derive(Clone, Debug, Props)]
pub struct QueueInputs {
    /// The name: 1 to 80 letters, digits, hyphens and underscores. Default: the resource's name with a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// For how many seconds a message is kept: 60 to 1209600 (14 days). Default: 345600 (4 days).
    #[prop(default = 345_600, check = formats::between(60, 1_209_600))]
    pub message_retention_seconds: i32,
    /// For how many seconds a message that was received is hidden from others: 0 to 43200 (12 hours). Default: 30.
    #[prop(default = 30, check = formats::between(0, 43_200))]
    pub visibility_timeout_seconds: i32,
    /// Whether SQS encrypts messages with a key that SQS owns (SSE-SQS). Excludes `kmsKeyArn`. Default: `true` unless
    /// `kmsKeyArn` is given.
    #[prop(default = None)]
    pub sqs_managed_sse: Option<bool>,
    /// The ARN of the KMS key that encrypts messages. Excludes `sqsManagedSse`.
    #[prop(default = None, check = keys::key_or_alias)]
    pub kms_key_arn: Option<String>,
    /// Who may use the queue, besides its own account: a policy document.
    #[prop(default = None)]
    pub policy: Option<Json>,
    /// The dead-letter queue, for messages that could not be handled. Default: none.
    #[prop(default = None)]
    pub redrive_policy: Option<QueueRedrivePolicy>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// The dead-letter queue, for messages that could not be handled.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct QueueRedrivePolicy {
    /// The ARN of the dead-letter queue.
    #[prop(check = formats::arn("sqs", ""))]
    pub dead_letter_target_arn: String,
    /// How many times a message is received before it is moved: 1 to 1000.
    #[prop(check = formats::between(1, 1_000))]
    pub max_receive_count: i32,
}

/// What AWS says of a queue.
#[derive(Clone, Debug, Props)]
pub struct QueueOutputs {
    /// The ARN.
    pub arn: String,
    /// The URL.
    pub url: String,
}

const NAME: Naming = Naming::new("name", 80);

/// How the name of a FIFO queue ends.
const FIFO: &str = ".fifo";

/// `https://sqs.eu-west-1.amazonaws.com/111122223333/failed-runs`, say.
fn is_url(id: &str) -> bool {
    let (scheme, rest) = id.split_once("://").unwrap_or_default();
    let name = rest.rsplit_once('/').map_or("", |(_, name)| name);
    ["http", "https"].contains(&scheme) && NAME.check(name.trim_end_matches(FIFO)).is_ok()
}

fn name(name: &str) -> Result<(), String> {
    match name.ends_with(FIFO) {
        true => Err("FIFO queues are not supported; leave out .fifo".to_owned()),
        false => NAME.check(name),
    }
}

impl CustomResource for Queue {
    const TOKEN: &'static str = "dbt-aws:sqs:Queue";
    const DOC: &'static str = "A standard queue.\n\nImport with the URL, the name or the ARN. See [Amazon SQS queues](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html).";
    const ACTIONS: &'static [&'static str] = &[
        "sqs:CreateQueue",
        "sqs:DeleteQueue",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ListQueueTags",
        "sqs:ListQueues",
        "sqs:SetQueueAttributes",
        "sqs:TagQueue",
        "sqs:UntagQueue",
    ];
    const IDS: Option<Ids> = Some(Ids {
        // A FIFO queue is named to be refused for what it is.
        form: Form::Other(|id| is_url(id) || NAME.check(id.trim_end_matches(FIFO)).is_ok()),
        ..Ids::name("failed-runs", "sqs", "")
    });
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = QueueInputs;
    type Outputs = QueueOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        check.at_most_one(&["kmsKeyArn", "sqsManagedSse"]);
    }

    fn fill_in(
        _scope: &CheckScope<'_>,
        inputs: &mut Properties,
        old: &Properties,
        _warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        policy::keep(inputs, old);
        Ok(())
    }

    async fn create(cx: &Context, inputs: &QueueInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the queue {name}");
        // SQS answers a create of a queue that is there and has the same attributes as if it had made it.
        let mine = Naming::is_ours(name, &cx.identity.generation);
        let url = if mine { None } else { url(cx, name).await? };
        if let Some(url) = url {
            return Created::adopt(cx, &url, &what, &tags_of(cx, &url).await?);
        }
        let attributes = attributes(inputs)
            .into_iter()
            .filter(|(_, v)| !v.is_empty());
        let made = cx
            .aws
            .sqs()
            .create_queue()
            .queue_name(name)
            .set_attributes(Some(attributes.collect()))
            .set_tags(Some(cx.tags(inputs.tags.as_ref()).into_iter().collect()))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => {
                let url = made.queue_url.unwrap_or_default();
                if !cx.is_first() {
                    return Ok(url.into());
                }
                let account = cx.account.caller().await?.account_id;
                let arn = cx.arn("sqs", &account, name);
                Ok(Created::Known(url.clone(), QueueOutputs { arn, url }))
            }
            Err(error) if error.is_already_exists() => match self::url(cx, name).await? {
                Some(url) => Created::adopt(cx, &url, &what, &tags_of(cx, &url).await?),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &QueueInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let before = attributes(&old.inputs);
        let changed: BTreeMap<_, _> = attributes(new)
            .into_iter()
            .filter(|(k, v)| before.get(k) != Some(v))
            .collect();
        if !changed.is_empty() {
            cx.aws
                .sqs()
                .set_queue_attributes()
                .queue_url(id)
                .set_attributes(Some(changed.clone().into_iter().collect()))
                .send()
                .await
                .during(format!("update the queue {id}"))?;
            // AWS takes up to a minute to answer with what was set.
            let started = Instant::now();
            let shown = || async {
                let now = described(cx, id).await?;
                let late: Vec<_> = changed
                    .iter()
                    .filter(|(k, v)| !same(k, now.get(k).map_or("", String::as_str), v))
                    .map(|(k, _)| k.as_str())
                    .collect();
                Ok(match late.as_slice() {
                    [] => Progress::Done(()),
                    late if started.elapsed() > SHOWN => {
                        cx.warn(&format!(
                            "AWS still shows the old {} of the queue {id}",
                            late.join(", ")
                        ));
                        Progress::Done(())
                    }
                    late => Progress::Pending(late.join(", ")),
                })
            };
            cx.wait("updating", shown).await?;
        }
        Ok(())
    }

    async fn find(cx: &Context, id: String) -> Result<Option<String>> {
        match is_url(&id) {
            true => Ok(Some(id)),
            false => url(cx, &id).await,
        }
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&QueueInputs>,
    ) -> Result<Option<State<Self>>> {
        let (found, tags) = tokio::join!(described(cx, id), tags_of(cx, id));
        let Some(found) = found.gone()? else {
            return Ok(None);
        };
        let text = |name| found.get(&name).filter(|v| !v.is_empty()).cloned();
        if known.is_none() {
            let parts = [("the order of a FIFO queue", id.ends_with(FIFO))];
            importable(&format!("the queue {id}"), parts)?;
        }
        let number = |name| text(name).and_then(|n| n.parse().ok()).unwrap_or_default();
        let json = |name| text(name).and_then(|t| serde_json::from_str(&t).ok());
        let redrive = json(QueueAttributeName::RedrivePolicy);
        let arn = text(QueueAttributeName::QueueArn).unwrap_or_default();
        let key = text(QueueAttributeName::KmsMasterKeyId);
        let sse = text(QueueAttributeName::SqsManagedSseEnabled).as_deref() == Some("true");
        let given = known.is_some_and(|k| k.sqs_managed_sse.is_some());
        Ok(Some(State {
            inputs: QueueInputs {
                name: arn.rsplit(':').next().map(str::to_owned),
                message_retention_seconds: number(QueueAttributeName::MessageRetentionPeriod),
                visibility_timeout_seconds: number(QueueAttributeName::VisibilityTimeout),
                sqs_managed_sse: (given || sse != key.is_none()).then_some(sse),
                kms_key_arn: key,
                policy: json(QueueAttributeName::Policy)
                    .map(|read| policy::like(read, known.and_then(|k| k.policy.as_ref()))),
                redrive_policy: redrive.as_ref().and_then(from_redrive),
                tags: Some(tags?),
            },
            outputs: QueueOutputs {
                arn,
                url: id.to_owned(),
            },
        }))
    }

    // Without a size of its pages SQS stops after the first.
    list!(
        sqs.list_queues(max_results = 1_000)[next_token, set_next_token].queue_urls,
        |url| url.as_str()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        cx.aws
            .sqs()
            .delete_queue()
            .queue_url(id)
            .send()
            .await
            .during(format!("delete the queue {id}"))?;
        Ok(())
    }
}

retag!(
    sqs,
    tag_queue,
    untag_queue,
    queue_url = id,
    HashMap::from_iter
);

/// The attributes that the inputs stand for; what is off is empty.
fn attributes(inputs: &QueueInputs) -> BTreeMap<QueueAttributeName, String> {
    let sse = inputs
        .sqs_managed_sse
        .unwrap_or(inputs.kms_key_arn.is_none());
    let json = |json: &Json| json.to_string();
    BTreeMap::from([
        (
            QueueAttributeName::MessageRetentionPeriod,
            inputs.message_retention_seconds.to_string(),
        ),
        (
            QueueAttributeName::VisibilityTimeout,
            inputs.visibility_timeout_seconds.to_string(),
        ),
        (QueueAttributeName::SqsManagedSseEnabled, sse.to_string()),
        (
            QueueAttributeName::KmsMasterKeyId,
            inputs.kms_key_arn.clone().unwrap_or_default(),
        ),
        (
            QueueAttributeName::Policy,
            inputs.policy.as_ref().map(json).unwrap_or_default(),
        ),
        (
            QueueAttributeName::RedrivePolicy,
            inputs
                .redrive_policy
                .as_ref()
                .map(to_redrive)
                .unwrap_or_default(),
        ),
    ])
}

fn to_redrive(policy: &QueueRedrivePolicy) -> String {
    serde_json::json!({
        "deadLetterTargetArn": policy.dead_letter_target_arn,
        "maxReceiveCount": policy.max_receive_count,
    })
    .to_string()
}

fn from_redrive(policy: &serde_json::Value) -> Option<QueueRedrivePolicy> {
    let count = &policy["maxReceiveCount"];
    let count = count
        .as_i64()
        .or_else(|| count.as_str().and_then(|n| n.parse().ok()))?;
    Some(QueueRedrivePolicy {
        dead_letter_target_arn: policy["deadLetterTargetArn"].as_str()?.to_owned(),
        max_receive_count: count.try_into().ok()?,
    })
}

/// For how long AWS may answer with what was there before.
const SHOWN: Duration = Duration::from_secs(90);

/// Whether two values of an attribute mean the same.
fn same(name: &QueueAttributeName, a: &str, b: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let is_policy = *name == QueueAttributeName::Policy;
    a == b || json(a).is_some_and(|a| Some(a) == json(b)) || is_policy && policy::same(a, b)
}

/// The URL of the queue of that name, where there is one.
async fn url(cx: &Context, name: &str) -> Result<Option<String>> {
    let found = cx
        .aws
        .sqs()
        .get_queue_url()
        .queue_name(name)
        .send()
        .await
        .during(format!("look for the queue {name}"))
        .gone()?;
    Ok(found.and_then(|f| f.queue_url))
}

async fn described(cx: &Context, url: &str) -> Result<BTreeMap<QueueAttributeName, String>> {
    let found = cx
        .aws
        .sqs()
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .during(format!("read the queue {url}"))?;
    Ok(found.attributes.unwrap_or_default().into_iter().collect())
}

async fn tags_of(cx: &Context, url: &str) -> Result<Tags> {
    let tags = cx
        .aws
        .sqs()
        .list_queue_tags()
        .queue_url(url)
        .send()
        .await
        .during(format!("list the tags of the queue {url}"))?;
    Ok(tags.tags.unwrap_or_default().into_iter().collect())
}
