//! The settings of a bucket: each has calls of its own.

use super::{
    BucketInputs, BucketLifecycleRule, BucketPublicAccessBlock,
    lifecycle::{foreign, in_force, to_rule},
};
use crate::prelude::*;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketVersioningStatus, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, Tagging, VersioningConfiguration,
};
use serde_json::{Value as Json, json};

/// The statement's id in the bucket's policy.
const TLS_ONLY: &str = "DenyInsecureTransport";

/// The ARN of a bucket.
pub(super) fn arn(cx: &Context, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", cx.partition())
}

/// Brings the settings from `old`, or those of a new bucket, to `new`. One after the other: S3 refuses changes of a
/// bucket that overlap.
pub(super) async fn apply(
    cx: &Context,
    bucket: &str,
    new: &BucketInputs,
    old: Option<&BucketInputs>,
) -> Result<()> {
    // Not every S3 takes tags with the create, and not every account blocks public access of new buckets.
    if old.is_none_or(|o| o.public_access_block != new.public_access_block) {
        block(cx, bucket, &new.public_access_block).await?;
    }
    if old.is_none() {
        tag(cx, bucket, new).await?;
    }
    if new.tls_only != old.is_some_and(|o| o.tls_only) {
        require_tls(cx, bucket, new.tls_only, old.is_none()).await?;
    }
    if new.kms_key_arn != old.and_then(|o| o.kms_key_arn.clone()) {
        encrypt(cx, bucket, new.kms_key_arn.as_deref()).await?;
    }
    if new.versioning != old.is_some_and(|o| o.versioning) {
        version(cx, bucket, new.versioning).await?;
    }
    if old.map_or(!new.lifecycle_rules.is_empty(), |o| {
        o.lifecycle_rules != new.lifecycle_rules
    }) {
        expire(cx, bucket, &new.lifecycle_rules).await?;
    }
    Ok(())
}

async fn block(cx: &Context, bucket: &str, block: &BucketPublicAccessBlock) -> Result<()> {
    let configuration = PublicAccessBlockConfiguration::builder()
        .block_public_acls(block.block_public_acls)
        .ignore_public_acls(block.ignore_public_acls)
        .block_public_policy(block.block_public_policy)
        .restrict_public_buckets(block.restrict_public_buckets)
        .build();
    let put = cx.aws.s3().put_public_access_block().bucket(bucket);
    let put = put.public_access_block_configuration(configuration);
    let what = format!("block public access to the bucket {bucket}");
    put.send().await.during(what)?;
    Ok(())
}

/// Sets the tags of a bucket: those of `new` and ours.
pub(super) async fn tag(cx: &Context, bucket: &str, new: &BucketInputs) -> Result<()> {
    put_tags(cx, bucket, cx.tags(new.tags.as_ref())).await
}

/// S3 sets all tags of a bucket at once: those of others stay.
#[derive(Debug)]
pub struct Retag;

impl pulumi_aws_framework::resource::Tagging for Retag {
    async fn change(
        cx: &Context,
        bucket: Tagged<'_>,
        set: Tags,
        removed: Vec<String>,
    ) -> Result<()> {
        let mut tags = tags_of(cx, bucket.id).await?;
        tags.retain(|key, _| !removed.contains(key));
        tags.extend(set);
        put_tags(cx, bucket.id, tags).await
    }
}

/// Takes our marker off a bucket that is kept: it is nobody's from now on.
pub(super) async fn release(cx: &Context, bucket: &str) -> Result<()> {
    let mut tags = tags_of(cx, bucket).await?;
    tags.remove(&cx.identity.marker_key());
    put_tags(cx, bucket, tags).await
}

async fn put_tags(cx: &Context, bucket: &str, tags: Tags) -> Result<()> {
    let tags = Tagging::builder().set_tag_set(Some(to_tags(tags))).build();
    let put = cx.aws.s3().put_bucket_tagging().bucket(bucket);
    let put = put.tagging(tags.map_err(|e| Error::Bug(e.to_string()))?);
    put.send()
        .await
        .during(format!("tag the bucket {bucket}"))?;
    Ok(())
}

async fn encrypt(cx: &Context, bucket: &str, key: Option<&str>) -> Result<()> {
    let what = format!("set the encryption of the bucket {bucket}");
    let Some(key) = key else {
        // S3 falls back on a key of its own.
        let delete = cx.aws.s3().delete_bucket_encryption().bucket(bucket);
        delete.send().await.during(what)?;
        return Ok(());
    };
    let built = |e: aws_sdk_s3::error::BuildError| Error::Bug(e.to_string());
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key)
        .build()
        .map_err(built)?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .bucket_key_enabled(true)
        .build();
    let configuration = ServerSideEncryptionConfiguration::builder()
        .rules(rule)
        .build()
        .map_err(built)?;
    let put = cx.aws.s3().put_bucket_encryption().bucket(bucket);
    let put = put.server_side_encryption_configuration(configuration);
    put.send().await.during(what)?;
    Ok(())
}

/// The key of an encryption; that of S3's own in KMS goes without saying in AWS.
async fn key_of(cx: &Context, with: &ServerSideEncryptionByDefault) -> Result<Option<String>> {
    match with.kms_master_key_id() {
        Some(key) => Ok(Some(key.to_owned())),
        None if *with.sse_algorithm() == ServerSideEncryption::Aes256 => Ok(None),
        None => {
            let account = cx.account.caller().await?.account_id;
            Ok(Some(cx.arn("kms", &account, "alias/aws/s3")))
        }
    }
}

async fn version(cx: &Context, bucket: &str, on: bool) -> Result<()> {
    let status = if on {
        BucketVersioningStatus::Enabled
    } else {
        BucketVersioningStatus::Suspended
    };
    let configuration = VersioningConfiguration::builder().status(status).build();
    let put = cx.aws.s3().put_bucket_versioning().bucket(bucket);
    let put = put.versioning_configuration(configuration);
    let what = format!("set the versioning of the bucket {bucket}");
    put.send().await.during(what)?;
    Ok(())
}

async fn expire(cx: &Context, bucket: &str, rules: &Set<BucketLifecycleRule>) -> Result<()> {
    let what = format!("set the lifecycle of the bucket {bucket}");
    if rules.is_empty() {
        let delete = cx.aws.s3().delete_bucket_lifecycle().bucket(bucket);
        delete.send().await.during(what)?;
        return Ok(());
    }
    let built = |e: aws_sdk_s3::error::BuildError| Error::Bug(e.to_string());
    let rules = rules.iter().map(to_rule).collect::<Result<_, _>>();
    let configuration = BucketLifecycleConfiguration::builder()
        .set_rules(Some(rules.map_err(built)?))
        .build()
        .map_err(built)?;
    let put = cx.aws.s3().put_bucket_lifecycle_configuration();
    let put = put.bucket(bucket).lifecycle_configuration(configuration);
    put.send().await.during(what)?;
    Ok(())
}

/// Adds the statement to the bucket's policy or takes it out; the policy of a new bucket is known to be empty.
async fn require_tls(cx: &Context, bucket: &str, on: bool, new: bool) -> Result<()> {
    let mut policy = match new {
        true => None,
        false => policy_of(cx, bucket).await?,
    }
    .unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    if let Some(statement) = policy.get_mut("Statement")
        && !statement.is_array()
    {
        *statement = json!([statement.take()]);
    }
    let Some(statements) = policy["Statement"].as_array_mut() else {
        return Err(Error::failed(format!(
            "could not require TLS of the bucket {bucket}: its policy has no statements; remove the policy"
        )));
    };
    statements.retain(|s| s["Sid"] != TLS_ONLY);
    if on {
        let arn = arn(cx, bucket);
        statements.push(json!({
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }));
    }
    let what = format!("set the policy of the bucket {bucket}");
    if statements.is_empty() {
        let delete = cx.aws.s3().delete_bucket_policy().bucket(bucket);
        delete.send().await.during(what)?;
    } else {
        let put = cx.aws.s3().put_bucket_policy().bucket(bucket);
        put.policy(policy.to_string()).send().await.during(what)?;
    }
    Ok(())
}

async fn policy_of(cx: &Context, bucket: &str) -> Result<Option<Json>> {
    let get = cx.aws.s3().get_bucket_policy().bucket(bucket);
    let found = get
        .send()
        .await
        .during(format!("read the policy of the bucket {bucket}"))
        .gone()?;
    Ok(found
        .and_then(|f| f.policy)
        .and_then(|text| serde_json::from_str(&text).ok()))
}

/// Whether a statement refuses everybody everything without TLS.
fn requires_tls(policy: &Json, arn: &str) -> bool {
    let among = |value: &Json, wanted: &[&str]| {
        let is_wanted = |value: &Json| value.as_str().is_some_and(|v| wanted.contains(&v));
        is_wanted(value)
            || value
                .as_array()
                .is_some_and(|all| all.iter().any(is_wanted))
    };
    let objects = format!("{arn}/*");
    let refuses = |statement: &Json| {
        let (who, what) = (&statement["Principal"], &statement["Resource"]);
        let condition = statement["Condition"].as_object();
        statement["Effect"] == "Deny"
            && (among(who, &["*"]) || among(&who["AWS"], &["*"]))
            && among(&statement["Action"], &["*", "s3:*"])
            && among(what, &["*", &objects])
            && among(what, &["*", arn])
            && condition.is_some_and(|all| all.len() == 1)
            && statement["Condition"]["Bool"]
                .as_object()
                .is_some_and(|all| all.len() == 1)
            && among(
                &statement["Condition"]["Bool"]["aws:SecureTransport"],
                &["false"],
            )
    };
    match &policy["Statement"] {
        Json::Array(statements) => statements.iter().any(refuses),
        statement => refuses(statement),
    }
}

/// The tags of a bucket.
pub(super) async fn tags_of(cx: &Context, bucket: &str) -> Result<Tags> {
    let get = cx.aws.s3().get_bucket_tagging().bucket(bucket);
    let found = get
        .send()
        .await
        .during(format!("list the tags of the bucket {bucket}"))
        .gone()?;
    let tags = found.map(|f| f.tag_set).unwrap_or_default();
    Ok(from_tags(&tags))
}

/// The settings as they are, `None` where there is no bucket.
pub(super) async fn read(
    cx: &Context,
    bucket: &str,
    known: Option<&BucketInputs>,
) -> Result<Option<BucketInputs>> {
    let s3 = cx.aws.s3();
    let (versioning, encryption, block, lifecycle, policy, tags) = tokio::join!(
        s3.get_bucket_versioning().bucket(bucket).send(),
        s3.get_bucket_encryption().bucket(bucket).send(),
        s3.get_public_access_block().bucket(bucket).send(),
        s3.get_bucket_lifecycle_configuration()
            .bucket(bucket)
            .send(),
        policy_of(cx, bucket),
        tags_of(cx, bucket),
    );
    let what = |part: &str| format!("read the {part} of the bucket {bucket}");
    // A bucket always has versioning; of the rest, what was never set is not found.
    let Some(versioning) = versioning.during(what("versioning")).gone()? else {
        return Ok(None);
    };
    let encryption = encryption.during(what("encryption")).gone()?;
    let encryption = encryption
        .as_ref()
        .and_then(|e| e.server_side_encryption_configuration()?.rules().first())
        .and_then(ServerSideEncryptionRule::apply_server_side_encryption_by_default);
    let key = match encryption {
        Some(with) => key_of(cx, with).await?,
        None => None,
    };
    let block = block.during(what("public access block")).gone()?;
    let block = block.and_then(|b| b.public_access_block_configuration);
    let blocks = |read: fn(&PublicAccessBlockConfiguration) -> Option<bool>| {
        block.as_ref().and_then(read).unwrap_or(false)
    };
    let lifecycle = lifecycle.during(what("lifecycle")).gone()?;
    let rules = lifecycle.as_ref().map(|l| l.rules()).unwrap_or_default();
    let tags = tags?;
    if known.is_none() && !cx.identity.shares_seed(&tags) {
        let twice = |e: &ServerSideEncryptionByDefault| {
            *e.sse_algorithm() == ServerSideEncryption::AwsKmsDsse
        };
        let mut parts = foreign(rules);
        parts.push(("dual-layer encryption", encryption.is_some_and(twice)));
        importable(&format!("the bucket {bucket}"), parts)?;
    }
    Ok(Some(BucketInputs {
        bucket: Some(bucket.to_owned()),
        kms_key_arn: key,
        versioning: versioning.status() == Some(&BucketVersioningStatus::Enabled),
        public_access_block: BucketPublicAccessBlock {
            block_public_acls: blocks(PublicAccessBlockConfiguration::block_public_acls),
            ignore_public_acls: blocks(PublicAccessBlockConfiguration::ignore_public_acls),
            block_public_policy: blocks(PublicAccessBlockConfiguration::block_public_policy),
            restrict_public_buckets: blocks(
                PublicAccessBlockConfiguration::restrict_public_buckets,
            ),
        },
        tls_only: policy?.is_some_and(|policy| requires_tls(&policy, &arn(cx, bucket))),
        lifecycle_rules: in_force(rules, known),
        force_destroy: known.is_some_and(|k| k.force_destroy),
        retain_non_empty: known.is_some_and(|k| k.retain_non_empty),
        tags: Some(tags),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_lets_some_in_without_tls_does_not_require_it() {
        let arn = "arn:aws:s3:::data";
        let statement = |change: Json| {
            let mut all = json!({
                "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, format!("{arn}/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            });
            for (key, value) in change.as_object().expect("an object") {
                all[key] = value.clone();
            }
            json!({"Statement": [all]})
        };
        for same in [
            json!({}),
            json!({"Principal": {"AWS": "*"}, "Action": ["s3:*"], "Resource": "*"}),
            json!({"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}}),
        ] {
            assert!(requires_tls(&statement(same.clone()), arn), "{same}");
        }
        for weaker in [
            json!({"Effect": "Allow"}),
            json!({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}),
            json!({"Action": "s3:PutObject"}),
            json!({"Resource": [arn]}),
            json!({"Resource": [format!("{arn}/*")]}),
            json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
            json!({"Condition": {
                "Bool": {"aws:SecureTransport": "false"}, "StringLike": {"aws:PrincipalArn": "*/guest"},
            }}),
        ] {
            assert!(!requires_tls(&statement(weaker.clone()), arn), "{weaker}");
        }
    }
}
