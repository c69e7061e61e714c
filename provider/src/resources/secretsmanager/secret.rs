//! `dbt-aws:secretsmanager:Secret`.

use crate::{keys, prelude::*};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use pulumi_aws_framework::aws;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A value kept in Secrets Manager.
#[derive(Debug)]
pub struct Secret;

/// What a secret is made from.
#[derive(Clone, Debug, Props)]
pub struct SecretInputs {
    /// The name: 1 to 512 letters, digits and `/ _ + = . @ -`. Default: the resource's name with a suffix.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// What it is for: at most 2048 characters.
    #[prop(default = None, check = description)]
    pub description: Option<String>,
    /// The ARN of the KMS key that encrypts it. Default: the account's `aws/secretsmanager`.
    #[prop(default = None, check = keys::key_or_alias)]
    pub kms_key_arn: Option<String>,
    /// The number of days for which it can be restored after a delete: 7 to 30, or 0 to delete it at once. Default: 0, so
    /// that a destroy leaves nothing behind.
    #[prop(default = 0, check = window)]
    pub recovery_window_days: i64,
    /// The value: text of up to 65536 bytes, often a JSON object. It is encrypted in the state. Excludes `generate`.
    /// Default: a secret without a value, which is set elsewhere.
    #[prop(check = size)]
    pub secret_string: Option<SecretText>,
    /// How the value is generated: a JSON object with a random password. It is neither in the state nor in an output, so
    /// only those who may read the secret in AWS see it.
    #[prop(replace)]
    pub generate: Option<SecretGenerate>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// How a value is made.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct SecretGenerate {
    /// The number of characters of the password: 8 to 1024. Default: 32.
    #[prop(default = 32, check = formats::between(8, 1024))]
    pub length: i64,
    /// Characters to leave out of the password, which has letters, digits and `- _ . ~`. Default: none.
    #[prop(default = "", check = alphabet)]
    pub exclude_characters: String,
    /// The password's key in the object. Default: `password`.
    #[prop(default = "password")]
    pub key: String,
    /// The rest of the object, such as `{"username": "dbt"}`.
    #[prop(check = object)]
    pub template: Option<Json>,
}

/// What AWS says of a secret.
#[derive(Clone, Debug, Props)]
pub struct SecretOutputs {
    /// The ARN.
    pub arn: String,
    /// The id of the value's current version; empty before there is a value.
    #[prop(follows(secret_string, generate))]
    pub version_id: String,
}

/// What takes a deletion back, before the secret's name.
const RESTORE: &str = "aws secretsmanager restore-secret --secret-id";

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const OTHERS: &str = "-_.~";

const NAME: Naming = Naming {
    field: "name",
    longest: 512,
    others: "/_+=.@-",
    lower: false,
};

fn description(text: &str) -> Result<(), String> {
    match text.chars().count() {
        0..=2048 => Ok(()),
        n => Err(format!("has {n} characters; at most 2048 are allowed")),
    }
}

fn window(days: &i64) -> Result<(), String> {
    match days {
        0 | 7..=30 => Ok(()),
        days => Err(format!("must be 0, or 7 to 30, not {days}")),
    }
}

fn size(value: &SecretText) -> Result<(), String> {
    match value.expose().len() {
        0 => Err("must not be empty".to_owned()),
        1..=65_536 => Ok(()),
        bytes => Err(format!("has {bytes} bytes, at most 65536 are allowed")),
    }
}

fn alphabet(excluded: &str) -> Result<(), String> {
    let left = |class: &str| class.chars().any(|c| !excluded.contains(c));
    if [LOWER, UPPER, DIGITS].into_iter().all(left) {
        Ok(())
    } else {
        Err("excludes too much; leave a lower-case letter, a capital letter and a digit".to_owned())
    }
}

fn object(template: &Json) -> Result<(), String> {
    if template.0.is_object() {
        Ok(())
    } else {
        Err("must be an object".to_owned())
    }
}

impl CustomResource for Secret {
    const TOKEN: &'static str = "dbt-aws:secretsmanager:Secret";
    const DOC: &'static str = "A value kept in Secrets Manager, given or made here.\n\nImport with the name or the ARN. See [secrets](https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html).";
    const ACTIONS: &'static [&'static str] = &[
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecrets",
        "secretsmanager:PutSecretValue",
        "secretsmanager:RestoreSecret",
        "secretsmanager:TagResource",
        "secretsmanager:UntagResource",
        "secretsmanager:UpdateSecret",
    ];
    const IDS: Option<Ids> = Some(Ids {
        // AWS adds six characters.
        of: |given| match given {
            Given::Arn(name) => name
                .rsplit_once('-')
                .filter(|(_, added)| added.len() == 6)
                .map_or(name, |(name, _)| name)
                .to_owned(),
            Given::Text(name) => name.to_owned(),
        },
        ..Ids::name("team/warehouse", "secretsmanager", "secret:")
    });
    const DATA: bool = true;
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = SecretInputs;
    type Outputs = SecretOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        check.at_most_one(&["secretString", "generate"]);
        if let Some(Some(SecretGenerate {
            key,
            template: Some(template),
            ..
        })) = check.get("generate")
            && template.0.get(&key).is_some()
        {
            let reason = format!(
                "has the key {key:?}, which is where the password goes; rename it, or set generate.key"
            );
            check.fail("generate.template", reason);
        }
    }

    async fn create(cx: &Context, inputs: &SecretInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the secret {name}");
        let own = inputs.generate.as_ref().map(generated);
        let value = inputs.secret_string.as_ref().or(own.as_ref());
        let made = cx
            .aws
            .secretsmanager()
            .create_secret()
            .name(name)
            .client_request_token(cx.identity.token())
            .set_description(inputs.description.clone())
            .set_kms_key_id(inputs.kms_key_arn.clone())
            .set_secret_string(value.map(|value| value.expose().to_owned()))
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) if cx.is_first() => {
                let outputs = SecretOutputs {
                    arn: made.arn.unwrap_or_default(),
                    version_id: made.version_id.unwrap_or_default(),
                };
                if let Some(own) = own {
                    fresh(cx).lock().insert(outputs.arn.clone(), own);
                }
                return Ok(Created::Known(name.to_owned(), outputs));
            }
            // AWS answers a create that differs in description, key or tags alone with the secret that an earlier one left.
            Ok(_) => return Ok(Created::Adopted(name.to_owned())),
            Err(error) if error.is_already_exists() => {}
            Err(error) => return Err(error),
        }
        let Some(there) = described(cx, name).await? else {
            // It was deleted a moment ago, and its name is not free yet.
            let why = "a secret of this name is being deleted";
            return Err(aws::Error::not_yet(format!("create {what}"), why).into());
        };
        let tags = from_tags(there.tags());
        let waits = there.deleted_date().is_some();
        if waits && !cx.identity.owns(&tags) {
            return Err(Error::failed(format!(
                "could not create {what}: a secret of this name is scheduled for deletion; restore it with `{RESTORE} \
                 {name}` and take it over with `pulumi import`, delete it at once with `aws secretsmanager delete-secret \
                 --force-delete-without-recovery --secret-id {name}`, wait, or choose another name"
            )));
        }
        let adopted = Created::adopt(cx, name, &what, &tags)?;
        if waits {
            cx.aws
                .secretsmanager()
                .restore_secret()
                .secret_id(name)
                .send()
                .await
                .during(format!("restore {what}"))?;
        }
        Ok(adopted)
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &SecretInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let secrets = cx.aws.secretsmanager();
        let (description, key) = (
            new.description != old.inputs.description,
            new.kms_key_arn != old.inputs.kms_key_arn,
        );
        if description || key {
            let own = || "alias/aws/secretsmanager".to_owned();
            let update = secrets
                .update_secret()
                .secret_id(id)
                .set_description(description.then(|| new.description.clone().unwrap_or_default()))
                .set_kms_key_id(key.then(|| new.kms_key_arn.clone().unwrap_or_else(own)));
            let what = format!("update the secret {id}");
            update.send().await.during(what)?;
        }
        if let Some(value) = &new.secret_string
            && old.inputs.secret_string.as_ref() != Some(value)
        {
            let put = secrets.put_secret_value().secret_id(id);
            let what = format!("set the value of the secret {id}");
            put.secret_string(value.expose())
                .send()
                .await
                .during(what)?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&SecretInputs>,
    ) -> Result<Option<State<Self>>> {
        // Only a value that a program gave is looked at.
        let value = async {
            match known.and_then(|k| k.secret_string.as_ref()) {
                Some(_) => value_of(cx, id).await.gone(),
                None => Ok(None),
            }
        };
        let (found, value) = tokio::join!(described(cx, id), value);
        let Some(found) = found? else {
            return Ok(None);
        };
        if found.deleted_date().is_some() {
            return match known {
                None if !cx.identity.shares_seed(&from_tags(found.tags())) => {
                    Err(Error::failed(format!(
                        "could not import the secret {id}: it is scheduled for deletion; restore it first, with \
                         `{RESTORE} {id}`"
                    )))
                }
                _ => Ok(None),
            };
        }
        if known.is_none() {
            let owned = found.owning_service().is_some();
            importable(
                &format!("the secret {id}"),
                [("an AWS service as its owner", owned)],
            )?;
        }
        let versions = found.version_ids_to_stages.iter().flatten();
        let current = versions
            .filter(|(_, stages)| stages.iter().any(|s| s == "AWSCURRENT"))
            .map(|(id, _)| id.clone())
            .next();
        let text = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let key = text(&found.kms_key_id).filter(|key| !key.ends_with("alias/aws/secretsmanager"));
        Ok(Some(State {
            inputs: SecretInputs {
                name: text(&found.name),
                description: text(&found.description),
                kms_key_arn: key,
                recovery_window_days: known.map_or(0, |k| k.recovery_window_days),
                secret_string: value?,
                generate: known.and_then(|k| k.generate.clone()),
                tags: Some(from_tags(found.tags())),
            },
            outputs: SecretOutputs {
                arn: found.arn.clone().unwrap_or_default(),
                version_id: current.unwrap_or_default(),
            },
        }))
    }

    list!(
        secretsmanager.list_secrets[next_token, set_next_token].secret_list,
        |secret| secret.name(),
        secret.tags()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        fresh(cx).lock().remove(&state.outputs.arn);
        let days = state.inputs.recovery_window_days;
        let delete = cx.aws.secretsmanager().delete_secret().secret_id(id);
        let delete = if days == 0 {
            delete.force_delete_without_recovery(true)
        } else {
            delete.recovery_window_in_days(days)
        };
        delete
            .send()
            .await
            .during(format!("delete the secret {id}"))?;
        let gone = || async {
            let there = described(cx, id).await?;
            Ok(match there {
                Some(there) if days == 0 || there.deleted_date().is_none() => {
                    Progress::Pending("still there".to_owned())
                }
                _ => Progress::Done(()),
            })
        };
        cx.wait("deleting", gone).await
    }
}

retag!(
    secretsmanager,
    tag_resource,
    untag_resource,
    secret_id = id,
    to_tags
);

/// A JSON object with a random password.
fn generated(generate: &SecretGenerate) -> SecretText {
    let class = |letters: &str| -> Vec<char> {
        let kept = |c: &char| !generate.exclude_characters.contains(*c);
        letters.chars().filter(kept).collect()
    };
    let needed = [class(LOWER), class(UPPER), class(DIGITS)];
    let all: Vec<char> = needed.concat().into_iter().chain(class(OTHERS)).collect();
    let length = usize::try_from(generate.length).unwrap_or(32);
    // Drawn again until each class is there, every password that fits is as likely as the next.
    let password = loop {
        let draw = |_| all[rand::random_range(0..all.len())];
        let password: String = (0..length).map(draw).collect();
        if needed.iter().all(|class| password.contains(&class[..])) {
            break password;
        }
    };
    let template = generate.template.as_ref().and_then(|t| t.0.as_object());
    let mut object = template.cloned().unwrap_or_default();
    object.insert(generate.key.clone(), password.into());
    serde_json::Value::Object(object).to_string().into()
}

/// The values that this process has made for new secrets, by ARN: AWS need not be asked for them.
#[derive(Clone, Default)]
struct Fresh(Arc<Mutex<HashMap<String, SecretText>>>);

impl Fresh {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, SecretText>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh(cx: &Context) -> Fresh {
    cx.aws.shared(|_| Fresh::default())
}

/// The value that this process has just made for a new secret, or else its current one.
///
/// # Errors
/// It is not there, or may not be read.
pub(crate) async fn fresh_or_current(cx: &Context, arn: &str) -> Result<SecretText> {
    let known = fresh(cx).lock().get(arn).cloned();
    match known {
        Some(value) => Ok(value),
        None => value_of(cx, arn).await,
    }
}

/// The secret's current value.
///
/// # Errors
/// It is not there, or may not be read.
async fn value_of(cx: &Context, id: &str) -> Result<SecretText> {
    let value = cx
        .aws
        .secretsmanager()
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .during(format!("read the value of the secret {id}"))?;
    Ok(value.secret_string.unwrap_or_default().into())
}

async fn described(cx: &Context, id: &str) -> Result<Option<DescribeSecretOutput>> {
    cx.aws
        .secretsmanager()
        .describe_secret()
        .secret_id(id)
        .send()
        .await
        .during(format!("read the secret {id}"))
        .gone()
}
