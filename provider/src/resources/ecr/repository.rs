//! `dbt-aws:ecr:Repository`.

use crate::{keys, prelude::*};
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, Repository as Found,
};
use pulumi_aws_framework::props::Enum as _;

/// A place for a container image's versions.
#[derive(Debug)]
pub struct Repository;

words! {
    /// Whether a tag can be moved to another image.
    pub enum RepositoryImageTagMutability {
        /// It can.
        Mutable = "MUTABLE",
        /// It stays where it is.
        Immutable = "IMMUTABLE",
    }
}

/// What a repository is made from.
#[derive(Clone, Debug, Props)]
pub struct RepositoryInputs {
    /// The name: 2 to 256 lower-case letters and digits, with single `.`, `_`, `-` or `/` between them, unique in account
    /// and region. Default: made from the resource's name.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// Whether a tag can be moved to another image. Default: `IMMUTABLE`.
    #[prop(default = RepositoryImageTagMutability::Immutable)]
    pub image_tag_mutability: RepositoryImageTagMutability,
    /// Whether each image is scanned for known vulnerabilities when it is pushed. Default: `false`.
    #[prop(default = false)]
    pub scan_on_push: bool,
    /// The ARN of the KMS key that encrypts the images, not that of an alias. Default: ECR's own AES-256.
    #[prop(replace, check = keys::key)]
    pub kms_key_arn: Option<String>,
    /// Which images expire, and when: an object of `rules`.
    ///
    /// See [lifecycle policies](https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
    #[prop(digest, check = lifecycle)]
    pub lifecycle_policy: Option<Json>,
    /// Whether a repository that holds images can be deleted, with them. Default: `false`.
    #[prop(default = false)]
    pub force_delete: bool,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a repository.
#[derive(Clone, Debug, Props)]
pub struct RepositoryOutputs {
    /// Where images are pushed to and pulled from, without a tag.
    pub repository_url: String,
    /// The ARN.
    pub arn: String,
    /// The id of the registry, which is the account's.
    pub registry_id: String,
}

fn name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut words = name.split(['.', '_', '-', '/']);
    if (2..=256).contains(&name.len()) && words.all(|w| !w.is_empty() && w.chars().all(plain)) {
        Ok(())
    } else {
        Err(format!(
            "{name:?} must be 2 to 256 lower-case letters and digits, with single . _ - or / between them"
        ))
    }
}

fn lifecycle(policy: &Json) -> Result<(), String> {
    let rules = policy.0["rules"]
        .as_array()
        .filter(|rules| !rules.is_empty());
    let rules = rules.ok_or("needs a list of rules")?;
    let mut seen = Set::new();
    for (i, rule) in rules.iter().enumerate() {
        let priority = rule["rulePriority"].as_u64().filter(|p| *p > 0);
        let priority =
            priority.ok_or_else(|| format!("rules[{i}].rulePriority must be 1 or more"))?;
        if !seen.insert(priority) {
            return Err(format!(
                "rules[{i}].rulePriority: another rule has {priority}; give each rule its own"
            ));
        }
        let one_of = |value: &serde_json::Value, path: &str, words: &[&str]| match value
            .as_str()
            .is_some_and(|v| words.contains(&v))
        {
            true => Ok(()),
            false => Err(format!(
                "rules[{i}].{path} must be one of {}",
                words.join(", ")
            )),
        };
        let selection = &rule["selection"];
        one_of(
            &selection["tagStatus"],
            "selection.tagStatus",
            &["tagged", "untagged", "any"],
        )?;
        if selection["tagStatus"] == "tagged"
            && selection.get("tagPrefixList").is_none()
            && selection.get("tagPatternList").is_none()
        {
            return Err(format!(
                "rules[{i}].selection needs tagPrefixList or tagPatternList"
            ));
        }
        one_of(
            &rule["action"]["type"],
            "action.type",
            &["expire", "transition"],
        )?;
        one_of(
            &selection["countType"],
            "selection.countType",
            &[
                "imageCountMoreThan",
                "sinceImagePushed",
                "sinceImagePulled",
                "sinceImageTransitioned",
            ],
        )?;
        if selection["countNumber"].as_u64().is_none_or(|n| n == 0) {
            return Err(format!(
                "rules[{i}].selection.countNumber must be 1 or more"
            ));
        }
    }
    Ok(())
}

impl CustomResource for Repository {
    const TOKEN: &'static str = "dbt-aws:ecr:Repository";
    const DOC: &'static str = "A place for a container image's versions.\n\nImport with the name or the ARN.\n\nSee [repositories](https://docs.aws.amazon.com/AmazonECR/latest/userguide/Repositories.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ecr:CreateRepository",
        "ecr:DeleteLifecyclePolicy",
        "ecr:DeleteRepository",
        "ecr:DescribeRepositories",
        "ecr:GetLifecyclePolicy",
        "ecr:ListTagsForResource",
        "ecr:PutImageScanningConfiguration",
        "ecr:PutImageTagMutability",
        "ecr:PutLifecyclePolicy",
        "ecr:TagResource",
        "ecr:UntagResource",
    ];
    const IDS: Option<Ids> = Some(Ids::name("team/shop", "ecr", "repository/"));
    const NAMING: Option<Naming> = Some(Naming {
        field: "name",
        longest: 256,
        others: "/",
        lower: true,
    });
    type Inputs = RepositoryInputs;
    type Outputs = RepositoryOutputs;
    type Tagging = Retag;

    async fn create(cx: &Context, inputs: &RepositoryInputs) -> Result<Created<Self>> {
        let name = inputs.name.clone().unwrap_or_default();
        let what = format!("the repository {name}");
        let encryption = inputs.kms_key_arn.as_ref().map(|key| {
            EncryptionConfiguration::builder()
                .encryption_type(EncryptionType::Kms)
                .kms_key(key)
                .build()
        });
        let made = cx
            .aws
            .ecr()
            .create_repository()
            .repository_name(&name)
            .image_tag_mutability(inputs.image_tag_mutability.word().into())
            .image_scanning_configuration(scanning(inputs))
            .set_encryption_configuration(encryption.transpose()?)
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => Ok(match made.repository {
                Some(repository) => Created::Known(name, outputs(&repository)),
                None => name.into(),
            }),
            Err(error) if error.is_already_exists() => {
                let there = cx
                    .aws
                    .ecr()
                    .describe_repositories()
                    .repository_names(&name)
                    .send()
                    .await;
                let there = there.during(format!("look at {what}"))?;
                let arn = there
                    .repositories()
                    .first()
                    .and_then(|r| r.repository_arn());
                let tags = tags(cx, arn.unwrap_or_default()).await?;
                Created::adopt(cx, name, &what, &tags)
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &RepositoryInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let what = format!("update the repository {id}");
        let ecr = cx.aws.ecr();
        let before = old.and_then(|o| o.inputs.lifecycle_policy.as_ref());
        match &new.lifecycle_policy {
            after if after.as_ref() == before => {}
            Some(policy) => {
                let put = ecr.put_lifecycle_policy().repository_name(id);
                put.lifecycle_policy_text(policy.to_string())
                    .send()
                    .await
                    .during(&what)?;
            }
            None => {
                let delete = ecr.delete_lifecycle_policy().repository_name(id);
                delete.send().await.during(&what).gone()?;
            }
        }
        let Some(old) = old else { return Ok(()) };
        if new.image_tag_mutability != old.inputs.image_tag_mutability {
            ecr.put_image_tag_mutability()
                .repository_name(id)
                .image_tag_mutability(new.image_tag_mutability.word().into())
                .send()
                .await
                .during(&what)?;
        }
        if new.scan_on_push != old.inputs.scan_on_push {
            ecr.put_image_scanning_configuration()
                .repository_name(id)
                .image_scanning_configuration(scanning(new))
                .send()
                .await
                .during(&what)?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&RepositoryInputs>,
    ) -> Result<Option<State<Self>>> {
        let what = format!("read the repository {id}");
        let (found, policy) = tokio::join!(
            cx.aws
                .ecr()
                .describe_repositories()
                .repository_names(id)
                .send(),
            async {
                // A policy that the program does not give is not looked at.
                match known.is_none_or(|k| k.lifecycle_policy.is_some()) {
                    true => cx
                        .aws
                        .ecr()
                        .get_lifecycle_policy()
                        .repository_name(id)
                        .send()
                        .await
                        .map(Some),
                    false => Ok(None),
                }
            },
        );
        let Some(found) = found.during(&what).gone()? else {
            return Ok(None);
        };
        let Some(repository) = found.repositories().first() else {
            return Ok(None);
        };
        let policy = policy
            .during(&what)
            .gone()?
            .flatten()
            .and_then(|p| p.lifecycle_policy_text);
        let policy = policy.and_then(|text| serde_json::from_str(&text).ok());
        let arn = repository.repository_arn().unwrap_or_default();
        let mutability = repository.image_tag_mutability().map(|m| m.as_str());
        let encryption = repository.encryption_configuration();
        if known.is_none() {
            let excluded = repository.image_tag_mutability_exclusion_filters();
            let parts = [(
                "tags to which its mutability does not apply",
                !excluded.is_empty(),
            )];
            importable(&format!("the repository {id}"), parts)?;
        }
        Ok(Some(State {
            inputs: RepositoryInputs {
                name: Some(id.to_owned()),
                image_tag_mutability: mutability
                    .and_then(RepositoryImageTagMutability::from_word)
                    .unwrap_or(RepositoryImageTagMutability::Mutable),
                scan_on_push: repository
                    .image_scanning_configuration()
                    .is_some_and(|s| s.scan_on_push()),
                kms_key_arn: encryption
                    .filter(|e| *e.encryption_type() == EncryptionType::Kms)
                    .and_then(|e| e.kms_key().map(str::to_owned)),
                lifecycle_policy: policy.map(Json),
                force_delete: known.is_some_and(|k| k.force_delete),
                tags: Some(tags(cx, arn).await?),
            },
            outputs: outputs(repository),
        }))
    }

    list!(
        ecr.describe_repositories[next_token, set_next_token].repositories,
        |repository| repository.repository_name()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let deleted = cx
            .aws
            .ecr()
            .delete_repository()
            .repository_name(id)
            .force(state.inputs.force_delete)
            .send()
            .await
            .during(format!("delete the repository {id}"));
        match deleted {
            Err(error) if error.code() == Some("RepositoryNotEmptyException") => {
                Err(Error::failed(format!(
                    "could not delete the repository {id}: it holds images; remove them, or set forceDelete to true \
                     and run `pulumi up` before you delete it"
                )))
            }
            other => other.map(drop),
        }
    }
}

retag!(
    ecr,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    to_tags
);

fn outputs(repository: &Found) -> RepositoryOutputs {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    RepositoryOutputs {
        repository_url: text(repository.repository_uri()),
        arn: text(repository.repository_arn()),
        registry_id: text(repository.registry_id()),
    }
}

fn scanning(inputs: &RepositoryInputs) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder()
        .scan_on_push(inputs.scan_on_push)
        .build()
}

async fn tags(cx: &Context, arn: &str) -> Result<Tags> {
    let list = cx.aws.ecr().list_tags_for_resource().resource_arn(arn);
    let tags = list
        .send()
        .await
        .during(format!("read the tags of {arn}"))?;
    Ok(from_tags(tags.tags()))
}
