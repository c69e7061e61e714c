//! `dbt-aws:s3:Bucket`.

mod contents;
mod lifecycle;
mod settings;

use crate::{keys, prelude::*};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use pulumi_aws_framework::aws::Class;
use std::net::Ipv4Addr;

/// A bucket of objects.
#[derive(Debug)]
pub struct Bucket;

/// What a bucket is made from.
#[derive(Clone, Debug, Props)]
pub struct BucketInputs {
    /// The name, unique in all of AWS: 3 to 63 lower-case letters, digits, dots and hyphens. Default: the resource's
    /// name with a suffix.
    #[prop(replace, check = name)]
    pub bucket: Option<String>,
    /// The ARN of the KMS key that encrypts objects, with a bucket key to keep the number of KMS calls low. Default: a
    /// key of S3's own (SSE-S3).
    #[prop(default = None, check = keys::key_or_alias)]
    pub kms_key_arn: Option<String>,
    /// Whether older versions of objects are kept. Default: `false`.
    #[prop(default = false)]
    pub versioning: bool,
    /// What is refused even where a policy or an ACL would make it public. Default: all of it.
    #[prop(default = BucketPublicAccessBlock::all())]
    pub public_access_block: BucketPublicAccessBlock,
    /// Whether the bucket's policy refuses requests without TLS. Other statements of the policy stay as they are.
    /// Default: `true`.
    #[prop(default = true)]
    pub tls_only: bool,
    /// What is deleted, and when. Default: nothing.
    #[prop(default = Set::<BucketLifecycleRule>::new())]
    pub lifecycle_rules: Set<BucketLifecycleRule>,
    /// Whether a delete also deletes the objects in the bucket. Otherwise a bucket with objects is not deleted. It takes
    /// effect with the next `pulumi up`, which must come before the delete. Default: `false`.
    #[prop(default = false)]
    pub force_destroy: bool,
    /// Whether a delete keeps a bucket with objects in AWS, with a warning that names it, instead of failing. Excludes
    /// `forceDestroy`. Default: `false`.
    #[prop(default = false)]
    pub retain_non_empty: bool,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What is refused even where a policy or an ACL would make it public.
#[derive(Clone, Debug, PartialEq, Props)]
#[allow(clippy::struct_excessive_bools)]
pub struct BucketPublicAccessBlock {
    /// Whether new public ACLs are refused. Default: `true`.
    #[prop(default = true)]
    pub block_public_acls: bool,
    /// Whether public ACLs have no effect. Default: `true`.
    #[prop(default = true)]
    pub ignore_public_acls: bool,
    /// Whether new public policies are refused. Default: `true`.
    #[prop(default = true)]
    pub block_public_policy: bool,
    /// Whether a public policy gives access to nobody outside of the account. Default: `true`.
    #[prop(default = true)]
    pub restrict_public_buckets: bool,
}

impl BucketPublicAccessBlock {
    fn all() -> Self {
        Self {
            block_public_acls: true,
            ignore_public_acls: true,
            block_public_policy: true,
            restrict_public_buckets: true,
        }
    }
}

/// What is deleted, and when. At least one of the three periods must be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Props)]
pub struct BucketLifecycleRule {
    /// The rule's name, unique in the bucket: 1 to 255 characters.
    #[prop(check = rule_id)]
    pub id: String,
    /// The prefix of the keys that it applies to. Default: all keys.
    #[prop(default = "")]
    pub prefix: String,
    /// The tags that an object must have for the rule to apply, all of them. Default: none.
    pub tags: Option<Tags>,
    /// The number of days after which an object expires: 1 or more. Default: never.
    #[prop(check = formats::at_least(1))]
    pub expiration_days: Option<i32>,
    /// The number of days after which a version that is no longer current is deleted: 1 or more. Default: never.
    #[prop(check = formats::at_least(1))]
    pub noncurrent_days: Option<i32>,
    /// The number of days after which the parts of an incomplete upload are deleted: 1 or more. Excludes `tags`.
    /// Default: never.
    #[prop(check = formats::at_least(1))]
    pub abort_incomplete_multipart_days: Option<i32>,
}

/// What AWS says of a bucket.
#[derive(Clone, Debug, Props)]
pub struct BucketOutputs {
    /// The ARN.
    pub arn: String,
}

/// What is wrong with a bucket's name.
pub(crate) fn name(name: &str) -> Result<(), String> {
    const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=63).contains(&name.len()) {
        Err(format!("must have 3 to 63 characters, not {}", name.len()))
    } else if let Some(c) = name.chars().find(|c| !fits(*c)) {
        Err(format!(
            "{c:?} cannot be in a bucket's name; use lower-case letters, digits, dots and hyphens"
        ))
    } else if !name.starts_with(end) || !name.ends_with(end) || name.contains("..") {
        Err(
            "must begin and end with a letter or digit and have no two dots side by side"
                .to_owned(),
        )
    } else if name.parse::<Ipv4Addr>().is_ok() {
        Err("must not look like an IP address".to_owned())
    } else if let Some(own) = PREFIXES.iter().find(|p| name.starts_with(**p)) {
        Err(format!("names that begin with {own} are AWS's own"))
    } else if let Some(own) = SUFFIXES.iter().find(|s| name.ends_with(**s)) {
        Err(format!("names that end with {own} are AWS's own"))
    } else {
        Ok(())
    }
}

fn rule_id(id: &str) -> Result<(), String> {
    if (1..=255).contains(&id.len()) {
        Ok(())
    } else {
        Err(format!("must have 1 to 255 characters, not {}", id.len()))
    }
}

impl CustomResource for Bucket {
    const TOKEN: &'static str = "dbt-aws:s3:Bucket";
    const DOC: &'static str = "A bucket of objects, in the provider's region.\n\nImport with the name or the ARN. See [buckets](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingBucket.html).";
    const ACTIONS: &'static [&'static str] = &[
        "s3:CreateBucket",
        "s3:DeleteBucket",
        "s3:DeleteBucketPolicy",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:ListAllMyBuckets",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:TagResource",
    ];
    const IDS: Option<Ids> = Some(Ids {
        of: |given| {
            let name = given.text().trim_start_matches("s3://");
            name.trim_end_matches('/').to_owned()
        },
        ..Ids::name("shop-data", "s3", "")
    });
    const DATA: bool = true;
    const NAMING: Option<Naming> = Some(Naming {
        field: "bucket",
        longest: 63,
        others: "-",
        lower: true,
    });
    type Inputs = BucketInputs;
    type Outputs = BucketOutputs;
    type Tagging = settings::Retag;

    fn check(check: &mut Check<'_>) {
        check.at_most_one(&["forceDestroy", "retainNonEmpty"]);
        let rules = check.get::<Vec<BucketLifecycleRule>>("lifecycleRules");
        for (i, rule) in rules.iter().flatten().enumerate() {
            let path = format!("lifecycleRules[{i}]");
            let earlier = rules.iter().flatten().take(i);
            if earlier.into_iter().any(|r| r.id == rule.id) {
                check.fail(
                    format!("{path}.id"),
                    format!(
                        "another rule has the id {:?}; give each rule its own",
                        rule.id
                    ),
                );
            }
            if rule.tags.is_some() && rule.abort_incomplete_multipart_days.is_some() {
                let reason = "an upload has no tags; move this to a rule without tags";
                check.fail(format!("{path}.abortIncompleteMultipartDays"), reason);
            }
            if let BucketLifecycleRule {
                expiration_days: None,
                noncurrent_days: None,
                abort_incomplete_multipart_days: None,
                ..
            } = rule
            {
                check.fail(path, "does nothing; give at least one of expirationDays, noncurrentDays, abortIncompleteMultipartDays");
            }
        }
    }

    async fn create(cx: &Context, inputs: &BucketInputs) -> Result<Created<Self>> {
        let name = inputs.bucket.as_deref().unwrap_or_default();
        let region = cx.aws.region();
        let made_here = Naming::is_ours(name, &cx.identity.generation);
        // In us-east-1 S3 answers a create of one's own bucket as if it had made it.
        let may_be_there = !made_here || region == "us-east-1" && !cx.is_first();
        if may_be_there && exists(cx, name).await? {
            return adopt(cx, name, inputs, made_here).await;
        }
        let made = match make(cx, name, Some(cx.tags(inputs.tags.as_ref()))).await {
            Err(refusal) if refuses_tags(&refusal) => match make(cx, name, None).await {
                Err(error) if is_denied(&error) && is_denied(&refusal) => {
                    Err(with_actions(refusal))
                }
                made => made,
            },
            made => made,
        };
        match made {
            Ok(()) => {
                let arn = settings::arn(cx, name);
                Ok(Created::Known(name.to_owned(), BucketOutputs { arn }))
            }
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => {
                adopt(cx, name, inputs, made_here).await
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &BucketInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        settings::apply(cx, id, new, old.map(|o| &o.inputs)).await
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&BucketInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(inputs) = settings::read(cx, id, known).await? else {
            return Ok(None);
        };
        let arn = settings::arn(cx, id);
        Ok(Some(State {
            inputs,
            outputs: BucketOutputs { arn },
        }))
    }

    async fn list(cx: &Context, _: &[Filter], token: Option<String>) -> Result<Page> {
        let list = cx.aws.s3().list_buckets().bucket_region(cx.aws.region());
        let list = list.set_continuation_token(token).send().await;
        let found = list.during(format!("list {}", Self::TOKEN))?;
        let listed = found.buckets().iter().filter_map(|b| listed(b.name(), []));
        let objects = listed.collect();
        Ok(Page {
            objects,
            next: found.continuation_token,
        })
    }

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let delete = || async {
            let delete = cx.aws.s3().delete_bucket().bucket(id);
            delete
                .send()
                .await
                .during(format!("delete the bucket {id}"))
        };
        // A program that still writes may be faster than one emptying.
        for _ in 0..5 {
            match delete().await {
                Ok(_) => return Ok(()),
                Err(e) if e.is_not_empty() && state.inputs.force_destroy => {
                    contents::remove(cx, id).await?;
                }
                Err(e) if e.is_not_empty() && state.inputs.retain_non_empty => {
                    settings::release(cx, id).await?;
                    cx.warn(&format!("the bucket {id} holds objects and is kept"));
                    return Ok(());
                }
                Err(e) if e.is_not_empty() => {
                    return Err(Error::failed(format!(
                        "could not delete the bucket {id}: it holds objects; empty it, or set forceDestroy to true and \
                         run `pulumi up` first"
                    )));
                }
                Err(e) => return Err(e),
            }
        }
        Err(Error::failed(format!(
            "could not delete the bucket {id}: something writes to it while it is emptied; stop that and run the \
             command again"
        )))
    }
}

/// Makes a bucket, with tags or without.
async fn make(cx: &Context, name: &str, tags: Option<Tags>) -> Result<()> {
    let region = cx.aws.region();
    let location = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    // S3 takes no configuration that says nothing.
    let says_something = location.is_some() || tags.is_some();
    let configuration = CreateBucketConfiguration::builder()
        .set_location_constraint(location)
        .set_tags(tags.map(to_tags))
        .build();
    let create = cx.aws.s3().create_bucket().bucket(name);
    let create = create.set_create_bucket_configuration(says_something.then_some(configuration));
    let made = create.send().await;
    made.during(format!("create the bucket {name}")).map(drop)
}

/// Whether a create may pass without tags, which follow in settings: some partitions do not take them, and older policies do
/// not allow `s3:TagResource`.
fn refuses_tags(error: &Error) -> bool {
    const UNKNOWN: [&str; 3] = ["MalformedXML", "NotImplemented", "UnsupportedArgument"];
    let unknown = error.code().is_some_and(|code| UNKNOWN.contains(&code));
    unknown || is_denied(error)
}

fn is_denied(error: &Error) -> bool {
    error.class() == Some(Class::Denied)
}

/// The refusal with what its credentials lack, where S3 does not say it.
fn with_actions(refusal: Error) -> Error {
    match refusal {
        Error::Aws(mut error) if !error.message.contains("s3:") => {
            error.message = format!(
                "{}; the credentials need s3:CreateBucket and, for the tags, s3:TagResource or s3:PutBucketTagging",
                error.message.trim_end_matches('.')
            );
            (*error).into()
        }
        other => other,
    }
}

/// Takes over a bucket of the account: one whose name was made here, or that carries our marker.
async fn adopt(
    cx: &Context,
    name: &str,
    inputs: &BucketInputs,
    made_here: bool,
) -> Result<Created<Bucket>> {
    let tags = settings::tags_of(cx, name).await?;
    if made_here && tags.is_empty() {
        // The run that made it was interrupted before it could tag it; one that was kept has tags.
        settings::tag(cx, name, inputs).await?;
        return Ok(Created::Adopted(name.to_owned()));
    }
    Created::adopt(cx, name, &format!("the bucket {name}"), &tags)
}

async fn exists(cx: &Context, name: &str) -> Result<bool> {
    let head = cx.aws.s3().head_bucket().bucket(name).send().await;
    let answer = head.as_ref().err().and_then(|e| e.raw_response());
    // An answer to HEAD has no words.
    let why = match answer.map(|answer| answer.status().as_u16()) {
        Some(403) => {
            "S3 does not let these credentials see it: another account has a bucket of this name, or they lack s3:ListBucket; choose another name, or use other credentials"
        }
        Some(301) => {
            "it exists in another region; choose another name, or a provider of that region"
        }
        _ => "",
    };
    if !why.is_empty() {
        return Err(Error::failed(format!(
            "could not create the bucket {name}: {why}"
        )));
    }
    let found = head.during(format!("look for the bucket {name}")).gone()?;
    Ok(found.is_some())
}
