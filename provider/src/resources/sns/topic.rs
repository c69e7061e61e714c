//! `dbt-aws:sns:Topic`.

use crate::{keys, prelude::*, resources::iam::policy};
use serde_json::{Value as Document, json};

/// What messages are sent to, and delivered from to many.
#[derive(Debug)]
pub struct Topic;

/// What a topic is made from.
#[derive(Clone, Debug, Props)]
pub struct TopicInputs {
    /// The name: 1 to 256 letters, digits, hyphens and underscores. Default: the resource's name with a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// The name of the sender in e-mails: 1 to 100 characters. Default: `AWS Notifications`.
    #[prop(default = None, check = display_name)]
    pub display_name: Option<String>,
    /// Who may use the topic: a policy document. Default: its own account.
    #[prop(default = None)]
    pub policy: Option<Json>,
    /// The ARN of the KMS key that encrypts messages; who sends must be allowed to use it. Default: none.
    #[prop(default = None, check = keys::key_or_alias)]
    pub kms_key_arn: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a topic.
#[derive(Clone, Debug, Props)]
pub struct TopicOutputs {
    /// The ARN.
    pub arn: String,
}

pub(super) const NAME: Naming = Naming::new("name", 256);

/// How the name of a FIFO topic ends.
const FIFO: &str = ".fifo";

fn name(name: &str) -> Result<(), String> {
    match name.ends_with(FIFO) {
        true => Err("FIFO topics are not supported; leave out .fifo".to_owned()),
        false => NAME.check(name),
    }
}

fn display_name(name: &str) -> Result<(), String> {
    match name.chars().count() {
        1..=100 => Ok(()),
        length => Err(format!("must have 1 to 100 characters, not {length}")),
    }
}

impl CustomResource for Topic {
    const TOKEN: &'static str = "dbt-aws:sns:Topic";
    const DOC: &'static str = "What messages are sent to, and delivered from to each subscription.\n\nImport with the name or the ARN. See [Amazon SNS topics](https://docs.aws.amazon.com/sns/latest/dg/welcome.html).";
    const ACTIONS: &'static [&'static str] = &[
        "sns:CreateTopic",
        "sns:DeleteTopic",
        "sns:GetTopicAttributes",
        "sns:ListTagsForResource",
        "sns:ListTopics",
        "sns:SetTopicAttributes",
        "sns:TagResource",
        "sns:UntagResource",
    ];
    const IDS: Option<Ids> = Some(Ids {
        // A FIFO topic is named to be refused for what it is.
        form: Form::Other(|id| NAME.check(id.trim_end_matches(FIFO)).is_ok()),
        ..Ids::name("dbt-failures", "sns", "")
    });
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = TopicInputs;
    type Outputs = TopicOutputs;
    type Tagging = Retag;

    fn fill_in(
        _scope: &CheckScope<'_>,
        inputs: &mut Properties,
        old: &Properties,
        _warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        policy::keep(inputs, old);
        Ok(())
    }

    async fn create(cx: &Context, inputs: &TopicInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the topic {name}");
        // SNS answers a create of a topic that is there as if it had made it.
        if !(cx.is_first() && Naming::is_ours(name, &cx.identity.generation)) {
            let arn = cx.own_arn("sns", name).await?;
            if let Some(tags) = tags_of(cx, &arn).await.gone()? {
                return Created::adopt(cx, name, &what, &tags);
            }
        }
        let attributes = attributes(inputs).into_iter();
        let attributes = attributes.filter_map(|(k, v)| Some((k.to_owned(), v?)));
        let made = cx
            .aws
            .sns()
            .create_topic()
            .name(name)
            .set_attributes(Some(attributes.collect()))
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"))?;
        let arn = made.topic_arn.unwrap_or_default();
        Ok(Created::Known(name.to_owned(), TopicOutputs { arn }))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &TopicInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let (arn, before) = (&old.outputs.arn, attributes(&old.inputs));
        for (attribute, value) in attributes(new) {
            if before.get(attribute) == Some(&value) {
                continue;
            }
            // AWS has no call that takes a policy away.
            let value = value.unwrap_or_else(|| match attribute {
                POLICY => own_account(arn).to_string(),
                _ => String::new(),
            });
            cx.aws
                .sns()
                .set_topic_attributes()
                .topic_arn(arn)
                .attribute_name(attribute)
                .attribute_value(value)
                .send()
                .await
                .during(format!("set {attribute} of the topic {id}"))?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&TopicInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = cx.own_arn("sns", id).await?;
        let get = cx.aws.sns().get_topic_attributes().topic_arn(&arn);
        let (found, tags) = tokio::join!(get.send(), tags_of(cx, &arn));
        let Some(found) = found.during(format!("read the topic {id}")).gone()? else {
            return Ok(None);
        };
        if known.is_none() {
            let parts = [("the order of a FIFO topic", id.ends_with(FIFO))];
            importable(&format!("the topic {id}"), parts)?;
        }
        let found = found.attributes.unwrap_or_default();
        let text = |name| found.get(name).filter(|v| !v.is_empty()).cloned();
        let policy = text(POLICY).and_then(|text| serde_json::from_str(&text).ok());
        Ok(Some(State {
            inputs: TopicInputs {
                name: Some(id.to_owned()),
                display_name: text(DISPLAY_NAME),
                policy: policy
                    .filter(|policy| !is_own_account(policy, &arn))
                    .map(|read| policy::like(read, known.and_then(|k| k.policy.as_ref()))),
                kms_key_arn: text(KEY),
                tags: Some(tags?),
            },
            outputs: TopicOutputs { arn },
        }))
    }

    list!(sns.list_topics[next_token, set_next_token].topics, |topic| {
        topic.topic_arn()?.rsplit(':').next()
    });

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let delete = cx.aws.sns().delete_topic().topic_arn(&state.outputs.arn);
        delete
            .send()
            .await
            .during(format!("delete the topic {id}"))?;
        Ok(())
    }
}

retag!(
    sns,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    to_tags
);

const DISPLAY_NAME: &str = "DisplayName";
const KEY: &str = "KmsMasterKeyId";
const POLICY: &str = "Policy";

/// The attributes that the inputs stand for.
fn attributes(inputs: &TopicInputs) -> BTreeMap<&'static str, Option<String>> {
    BTreeMap::from([
        (DISPLAY_NAME, inputs.display_name.clone()),
        (KEY, inputs.kms_key_arn.clone()),
        (POLICY, inputs.policy.as_ref().map(Json::to_string)),
    ])
}

/// The name of the one statement of AWS's own policy.
const STATEMENT: &str = "__default_statement_ID";

/// The condition of AWS's own policy.
fn from_account(arn: &str) -> Document {
    let account = arn.split(':').nth(4).unwrap_or_default();
    json!({"StringEquals": {"AWS:SourceOwner": account}})
}

/// The policy that AWS gives to a topic without one.
fn own_account(arn: &str) -> Document {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": STATEMENT,
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:AddPermission", "SNS:DeleteTopic", "SNS:GetTopicAttributes", "SNS:ListSubscriptionsByTopic",
                "SNS:Publish", "SNS:RemovePermission", "SNS:SetTopicAttributes", "SNS:Subscribe",
            ],
            "Resource": arn,
            "Condition": from_account(arn),
        }],
    })
}

/// Whether it is that policy; its actions have been others over the years.
fn is_own_account(policy: &Document, arn: &str) -> bool {
    let statements = match &policy["Statement"] {
        Document::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    matches!(statements, [one] if one["Sid"] == STATEMENT
        && one["Effect"] == "Allow" && one["Condition"] == from_account(arn))
}

/// The tags of a topic.
pub(super) async fn tags_of(cx: &Context, arn: &str) -> Result<Tags> {
    let list = cx.aws.sns().list_tags_for_resource().resource_arn(arn);
    let tags = list
        .send()
        .await
        .during(format!("list the tags of {arn}"))?;
    Ok(from_tags(tags.tags()))
}
