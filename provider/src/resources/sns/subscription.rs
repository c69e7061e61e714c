//! `dbt-aws:sns:Subscription`.

use super::topic;
use crate::prelude::*;
use aws_sdk_sns::types::Subscription as Found;
use pulumi_aws_framework::{context::Severity, props::Enum as _};
use serde_json::{Value as Document, json};
use std::collections::HashMap;

/// Who gets the messages of a topic.
#[derive(Debug)]
pub struct Subscription;

words! {
    /// How messages are delivered.
    pub enum SubscriptionProtocol {
        /// By e-mail, to an address that must confirm.
        Email = "email",
        /// To a function of AWS Lambda.
        Lambda = "lambda",
        /// To a queue of SQS.
        Sqs = "sqs",
        /// By POST, to a URL that must confirm.
        Https = "https",
    }
}

/// What a subscription is made from.
#[derive(Clone, Debug, Props)]
pub struct SubscriptionInputs {
    /// The ARN of the topic.
    #[prop(replace, check = formats::arn("sns", ""))]
    pub topic_arn: String,
    /// How messages are delivered.
    #[prop(replace)]
    pub protocol: SubscriptionProtocol,
    /// Where they go: an e-mail address, the ARN of a function or a queue, or a URL.
    #[prop(replace)]
    pub endpoint: String,
    /// Which messages it gets, by their attributes: an object of lists such as `{"schedule": ["nightly"]}`, of at most 5
    /// attributes. Default: all.
    ///
    /// See [filter policies](https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html).
    #[prop(default = None, check = filter)]
    pub filter_policy: Option<Json>,
    /// Whether a queue or a URL gets the message alone, without SNS's own fields around it. Default: `false`.
    #[prop(default = false)]
    pub raw_message_delivery: bool,
    /// The ARN of the SQS queue that receives what could not be delivered. Default: none.
    #[prop(default = None, check = formats::arn("sqs", ""))]
    pub dead_letter_arn: Option<String>,
}

/// What AWS says of a subscription.
#[derive(Clone, Debug, Props)]
pub struct SubscriptionOutputs {
    /// The ARN, once it is confirmed.
    pub subscription_arn: Option<String>,
    /// Whether the address or the URL has yet to confirm it; until then nothing is delivered.
    pub pending: bool,
}

/// The most attributes of a filter policy.
const MOST: usize = 5;

fn filter(policy: &Json) -> Result<(), String> {
    let attributes = match &policy.0 {
        Document::Object(attributes) if !attributes.is_empty() => attributes,
        _ => return Err("must be an object such as {\"schedule\": [\"nightly\"]}".to_owned()),
    };
    if attributes.len() > MOST {
        let number = attributes.len();
        return Err(format!(
            "has {number} attributes; at most {MOST} are allowed"
        ));
    }
    let list = |value: &Document| value.as_array().is_some_and(|values| !values.is_empty());
    match attributes.iter().find(|(_, value)| !list(value)) {
        Some((name, _)) => Err(format!("{name} must be a list with at least one value")),
        None => Ok(()),
    }
}

/// What is wrong with where messages go, if anything.
fn endpoint(protocol: SubscriptionProtocol, endpoint: &str) -> Result<(), String> {
    match protocol {
        SubscriptionProtocol::Email => match endpoint.split_once('@') {
            Some((name, host))
                if !name.is_empty()
                    && host.contains('.')
                    && !endpoint.contains(char::is_whitespace)
                    && !host.contains('@') =>
            {
                Ok(())
            }
            _ => Err(format!(
                "{endpoint:?} is not an address such as data@example.com"
            )),
        },
        SubscriptionProtocol::Lambda => formats::arn("lambda", "function:")(endpoint),
        SubscriptionProtocol::Sqs => formats::arn("sqs", "")(endpoint),
        SubscriptionProtocol::Https => match endpoint.strip_prefix("https://") {
            Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(()),
            _ => Err(format!(
                "{endpoint:?} is not a URL such as https://example.com/dbt"
            )),
        },
    }
}

/// The topic's name, the protocol and the endpoint; or the topic's name and AWS's number.
fn is_id(id: &str) -> bool {
    let is_topic = |name| topic::NAME.check(name).is_ok();
    match id.split_once('/') {
        Some((name, rest)) => {
            let (protocol, address) = rest.split_once('/').unwrap_or_default();
            let protocol = SubscriptionProtocol::from_word(protocol);
            is_topic(name) && protocol.is_some_and(|p| endpoint(p, address).is_ok())
        }
        None => {
            let (name, number) = id.split_once(':').unwrap_or_default();
            let fits = |c: char| c.is_ascii_hexdigit() || c == '-';
            is_topic(name) && !number.is_empty() && number.chars().all(fits)
        }
    }
}

impl CustomResource for Subscription {
    const TOKEN: &'static str = "dbt-aws:sns:Subscription";
    const DOC: &'static str = "Who gets the messages of a topic.\n\nWhat an address has not confirmed delivers nothing and has no ARN. AWS removes it after 48 hours, and nobody can sooner.\n\nImport with the ARN, or with the topic's name, the protocol and the endpoint: `dbt-failures/email/data@example.com`. A subscription has no tags: it belongs to whoever made the topic.\n\nSee [subscriptions](https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html).";
    const ACTIONS: &'static [&'static str] = &[
        "sns:GetSubscriptionAttributes",
        "sns:ListSubscriptions",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTagsForResource",
        "sns:SetSubscriptionAttributes",
        "sns:Subscribe",
        "sns:Unsubscribe",
    ];
    const IDS: Option<Ids> = Some(Ids {
        form: Form::Other(is_id),
        ..Ids::name("dbt-failures/email/data@example.com", "sns", "")
    });
    type Inputs = SubscriptionInputs;
    type Outputs = SubscriptionOutputs;
    type Tagging = Untagged;

    fn check(check: &mut Check<'_>) {
        let Some(protocol) = check.get::<SubscriptionProtocol>("protocol") else {
            return;
        };
        if let Some(Err(reason)) = check
            .get::<String>("endpoint")
            .map(|address| endpoint(protocol, &address))
        {
            check.fail("endpoint", reason);
        }
        let raw = [SubscriptionProtocol::Sqs, SubscriptionProtocol::Https];
        if check.get("rawMessageDelivery") == Some(true) && !raw.contains(&protocol) {
            check.fail(
                "rawMessageDelivery",
                "is only for the protocols sqs and https",
            );
        }
    }

    fn remark(
        inputs: &SubscriptionInputs,
        old: &SubscriptionOutputs,
    ) -> Option<(Severity, String)> {
        old.pending
            .then(|| (Severity::Warning, unconfirmed(&inputs.endpoint)))
    }

    async fn create(cx: &Context, inputs: &SubscriptionInputs) -> Result<Created<Self>> {
        let id = id(inputs);
        let what = format!("the subscription {id}");
        // SNS answers a create of a subscription that is there as if it had made it.
        if let Some(Standing::Confirmed(_)) = standing(cx, inputs).await? {
            let tags = topic::tags_of(cx, &inputs.topic_arn).await?;
            return match cx.identity.shares_seed(&tags) {
                true => Ok(Created::Adopted(id)),
                false => Created::adopt(cx, id, &what, &Tags::new()),
            };
        }
        let outputs = subscribe(cx, inputs).await?;
        if outputs.pending {
            cx.warn(&unconfirmed(&inputs.endpoint));
        }
        Ok(Created::Known(id, outputs))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &SubscriptionInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let (before, after) = (attributes(&old.inputs), attributes(new));
        if before == after {
            return Ok(());
        }
        let Some(arn) = &old.outputs.subscription_arn else {
            // What is not confirmed has nothing to set attributes of: it is asked for once more.
            return subscribe(cx, new).await.map(drop);
        };
        for (attribute, value) in after {
            if before.get(attribute) == Some(&value) {
                continue;
            }
            // AWS takes an empty object for no filter, and nothing for no queue.
            let none = (attribute == FILTER).then(|| "{}".to_owned());
            cx.aws
                .sns()
                .set_subscription_attributes()
                .subscription_arn(arn)
                .attribute_name(attribute)
                .set_attribute_value(value.or(none))
                .send()
                .await
                .during(format!("set {attribute} of the subscription {id}"))?;
        }
        Ok(())
    }

    async fn find(cx: &Context, id: String) -> Result<Option<String>> {
        let arn = cx.own_arn("sns", &id).await?;
        if id.contains('/') {
            return Ok(Some(arn));
        }
        let found = described(cx, &arn).await.gone()?;
        let text = |name| found.as_ref().and_then(|f| f.get(name).cloned());
        let (topic, protocol) = (text("TopicArn"), text("Protocol"));
        let parts = [topic, protocol, text("Endpoint")];
        let parts: Option<Vec<_>> = parts.into_iter().collect();
        Ok(parts.map(|parts| parts.join("/")))
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&SubscriptionInputs>,
    ) -> Result<Option<State<Self>>> {
        let mut inputs = parts(id)?;
        let (found, arn) = match standing(cx, &inputs).await.gone()?.flatten() {
            Some(Standing::Confirmed(arn)) => (described(cx, &arn).await.gone()?, Some(arn)),
            Some(Standing::Pending) => (Some(HashMap::new()), None),
            None => (None, None),
        };
        let Some(found) = found else {
            return Ok(None);
        };
        let text = |name| found.get(name).filter(|v| !v.is_empty()).cloned();
        let is = |name| text(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        if arn.is_none() || is("PendingConfirmation") {
            // AWS tells nothing of it.
            let inputs = known.cloned().unwrap_or(inputs);
            return Ok(Some(State {
                inputs,
                outputs: PENDING,
            }));
        }
        if known.is_none() {
            let scope = text("FilterPolicyScope");
            let parts = [
                (
                    "a filter of what is in messages",
                    scope.is_some_and(|scope| scope != "MessageAttributes"),
                ),
                ("a delivery policy", text("DeliveryPolicy").is_some()),
            ];
            importable(&format!("the subscription {id}"), parts)?;
        }
        let json = |name| text(name).and_then(|t| serde_json::from_str::<Document>(&t).ok());
        let filter = json(FILTER).filter(|f| f.as_object().is_some_and(|f| !f.is_empty()));
        inputs.filter_policy = filter.map(Json);
        inputs.raw_message_delivery = is(RAW);
        let redrive = json(REDRIVE).unwrap_or_default();
        inputs.dead_letter_arn = redrive[DEAD_LETTERS].as_str().map(str::to_owned);
        Ok(Some(State {
            inputs,
            outputs: SubscriptionOutputs {
                subscription_arn: arn,
                pending: false,
            },
        }))
    }

    async fn list(cx: &Context, _: &[Filter], token: Option<String>) -> Result<Page> {
        let list = cx.aws.sns().list_subscriptions().set_next_token(token);
        let found = list.send().await.during(format!("list {}", Self::TOKEN))?;
        let all = found.subscriptions().iter().filter_map(|each| {
            let protocol = SubscriptionProtocol::from_word(each.protocol()?)?;
            let (topic, endpoint) = (each.topic_arn()?, each.endpoint()?);
            let id = format!("{topic}/{}/{endpoint}", protocol.word());
            listed(is_there(each).then_some(id.as_str()), [])
        });
        Ok(Page {
            objects: all.collect(),
            next: found.next_token,
        })
    }

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        // It may have been confirmed since.
        let arn = match standing(cx, &state.inputs).await? {
            Some(Standing::Confirmed(arn)) => arn,
            Some(Standing::Pending) => {
                cx.say(&format!(
                    "{} has not confirmed its subscription, and AWS deletes none that is not confirmed: it goes by itself \
                     within 48 hours",
                    state.inputs.endpoint
                ));
                return Ok(());
            }
            None => return Ok(()),
        };
        let unsubscribe = cx.aws.sns().unsubscribe().subscription_arn(arn);
        let gone = unsubscribe.send().await;
        gone.during(format!("delete the subscription {id}"))?;
        Ok(())
    }
}

const FILTER: &str = "FilterPolicy";
const RAW: &str = "RawMessageDelivery";
const REDRIVE: &str = "RedrivePolicy";
const DEAD_LETTERS: &str = "deadLetterTargetArn";

const PENDING: SubscriptionOutputs = SubscriptionOutputs {
    subscription_arn: None,
    pending: true,
};

/// What the user should do about one that is not confirmed.
fn unconfirmed(endpoint: &str) -> String {
    format!(
        "{endpoint} has not confirmed its subscription and gets no messages: AWS has sent it a link, which is valid for 48 \
         hours; `pulumi refresh` shows that it was used"
    )
}

fn id(inputs: &SubscriptionInputs) -> String {
    let protocol = inputs.protocol.word();
    format!("{}/{protocol}/{}", inputs.topic_arn, inputs.endpoint)
}

/// What an id says of a subscription.
fn parts(id: &str) -> Result<SubscriptionInputs> {
    let parts = id.split_once('/').and_then(|(topic, rest)| {
        let (protocol, endpoint) = rest.split_once('/')?;
        let protocol = SubscriptionProtocol::from_word(protocol)?;
        Some(SubscriptionInputs {
            topic_arn: topic.to_owned(),
            protocol,
            endpoint: endpoint.to_owned(),
            filter_policy: None,
            raw_message_delivery: false,
            dead_letter_arn: None,
        })
    });
    parts.ok_or_else(|| Error::failed(format!("{id:?} is not the id of a subscription")))
}

/// The attributes that the inputs stand for.
fn attributes(inputs: &SubscriptionInputs) -> BTreeMap<&'static str, Option<String>> {
    let redrive = |arn| json!({ DEAD_LETTERS: arn }).to_string();
    BTreeMap::from([
        (FILTER, inputs.filter_policy.as_ref().map(Json::to_string)),
        (RAW, Some(inputs.raw_message_delivery.to_string())),
        (REDRIVE, inputs.dead_letter_arn.as_ref().map(redrive)),
    ])
}

/// Subscribes; an address that has not confirmed gets another link.
async fn subscribe(cx: &Context, inputs: &SubscriptionInputs) -> Result<SubscriptionOutputs> {
    let raw = inputs.raw_message_delivery;
    let attributes = attributes(inputs).into_iter();
    let attributes = attributes
        .filter(|(name, _)| *name != RAW || raw)
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let subscribed = cx
        .aws
        .sns()
        .subscribe()
        .topic_arn(&inputs.topic_arn)
        .protocol(inputs.protocol.word())
        .endpoint(&inputs.endpoint)
        .set_attributes(Some(attributes.collect()))
        .send()
        .await
        .during(format!("create the subscription {}", id(inputs)))?;
    // AWS answers "pending confirmation" in place of an ARN.
    let arn = subscribed.subscription_arn;
    Ok(match arn.filter(|arn| arn.starts_with("arn:")) {
        None => PENDING,
        arn => SubscriptionOutputs {
            subscription_arn: arn,
            pending: false,
        },
    })
}

/// Whether a list has it not only because it was there.
fn is_there(found: &Found) -> bool {
    found.subscription_arn() != Some("Deleted")
}

/// What a topic's list says of a subscription.
enum Standing {
    /// It is not confirmed, and is listed without an ARN.
    Pending,
    /// It has this ARN.
    Confirmed(String),
}

async fn standing(cx: &Context, inputs: &SubscriptionInputs) -> Result<Option<Standing>> {
    let (topic, mut token, mut pending) = (&inputs.topic_arn, None, None);
    loop {
        let list = cx.aws.sns().list_subscriptions_by_topic().topic_arn(topic);
        let page = list.set_next_token(token).send().await;
        let page = page.during(format!("list the subscriptions of {topic}"))?;
        let is = |each: &&Found| {
            each.protocol() == Some(inputs.protocol.word())
                && each.endpoint() == Some(&inputs.endpoint)
                && is_there(each)
        };
        for found in page.subscriptions().iter().filter(is) {
            match found.subscription_arn().filter(|a| a.starts_with("arn:")) {
                Some(arn) => return Ok(Some(Standing::Confirmed(arn.to_owned()))),
                None => pending = Some(Standing::Pending),
            }
        }
        match page.next_token.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(pending),
        }
    }
}

async fn described(cx: &Context, arn: &str) -> Result<HashMap<String, String>> {
    let get = cx.aws.sns().get_subscription_attributes();
    let found = get.subscription_arn(arn).send().await;
    let found = found.during(format!("read the subscription {arn}"))?;
    Ok(found.attributes.unwrap_or_default())
}
