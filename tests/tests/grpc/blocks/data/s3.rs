//! Buckets.

use super::BUCKET;
use pulumi_aws_framework::value::Value;
use serde_json::{Value as Json, json};
use tests::{Block, Call, Made, Marked, Stack, shown};

#[tokio::test]
async fn bucket_lives() {
    let stack = Stack::new("bucket").await;
    let rule = |id: &str, days: i32| json!({"id": id, "expirationDays": days});
    let by_hand = |operation: &'static str, mut arguments: Json| {
        arguments["Bucket"] = "{id}".into();
        Call::bare("s3", operation, arguments)
    };
    let by = |operation: &'static str, items: &'static str| {
        Call::new("s3", operation, json!({"Bucket": "{id}"}), items)
    };
    let blocked = |property: &'static str, path: &'static str| {
        let block = by("get_public_access_block", "PublicAccessBlockConfiguration");
        shown(property, path).by(block)
    };
    let kms = json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}});
    let expires = json!({"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}});
    stack
        .test(Block {
            token: BUCKET,
            updates: vec![
                json!({"versioning": true}),
                json!({"versioning": null}),
                json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/mine"}),
                json!({"kmsKeyArn": null}),
                json!({"tlsOnly": false}),
                json!({"tlsOnly": null}),
                json!({"publicAccessBlock": {"blockPublicPolicy": false, "restrictPublicBuckets": false}}),
                json!({"publicAccessBlock": {"restrictPublicBuckets": false, "blockPublicAcls": false}}),
                json!({"publicAccessBlock": null}),
                json!({"lifecycleRules": [rule("b", 3), rule("a", 90)]}),
                json!({"lifecycleRules": [{"id": "a", "prefix": "runs/", "noncurrentDays": 2, "abortIncompleteMultipartDays": 1}]}),
                json!({"lifecycleRules": null}),
                json!({"retainNonEmpty": true}),
                json!({"retainNonEmpty": null, "forceDestroy": true}),
            ],
            replaces: vec![("bucket", json!("mine"))],
            by_hand: vec![
                (
                    "kmsKeyArn",
                    by_hand("put_bucket_encryption", json!({"ServerSideEncryptionConfiguration": {"Rules": [kms]}})),
                ),
                (
                    "versioning",
                    by_hand("put_bucket_versioning", json!({"VersioningConfiguration": {"Status": "Enabled"}})),
                ),
                ("publicAccessBlock", by_hand("delete_public_access_block", json!({}))),
                ("tlsOnly", by_hand("delete_bucket_policy", json!({}))),
                (
                    "lifecycleRules",
                    by_hand("put_bucket_lifecycle_configuration", json!({"LifecycleConfiguration": {"Rules": [expires]}})),
                ),
            ],
            steady: vec![
                ("forceDestroy", "AWS does not have it"),
                ("retainNonEmpty", "AWS does not have it"),
            ],
            write_only: vec!["retainNonEmpty", "forceDestroy"],
            listed: Call::new("s3", "list_buckets", json!({}), "Buckets[]"),
            mentions: Some("{name}-".to_owned()),
            marked: Marked::Call(Call::new(
                "s3",
                "get_bucket_tagging",
                json!({"Bucket": "{id}"}),
                "TagSet[]",
            )),
            shows: vec![
                shown("bucket", "Name"),
                shown("kmsKeyArn", "Rules[].ApplyServerSideEncryptionByDefault.KMSMasterKeyID")
                    .by(by("get_bucket_encryption", "ServerSideEncryptionConfiguration")),
                shown("versioning", "Status")
                    .by(by("get_bucket_versioning", ""))
                    .read(|status| json!(*status == "Enabled")),
                blocked("publicAccessBlock.blockPublicAcls", "BlockPublicAcls"),
                blocked("publicAccessBlock.ignorePublicAcls", "IgnorePublicAcls"),
                blocked("publicAccessBlock.blockPublicPolicy", "BlockPublicPolicy"),
                blocked("publicAccessBlock.restrictPublicBuckets", "RestrictPublicBuckets"),
                shown("tlsOnly", "Policy").by(by("get_bucket_policy", "")).read(refuses_http),
                shown("lifecycleRules", "Rules")
                    .by(by("get_bucket_lifecycle_configuration", ""))
                    .read(lifecycle_rules),
            ],
            unseen: vec![
                ("forceDestroy", "AWS does not have it"),
                ("retainNonEmpty", "AWS does not have it"),
            ],
            anew: vec![
                json!({"bucket": "anew-0-mine"}),
                json!({"publicAccessBlock": {"blockPublicAcls": false, "ignorePublicAcls": false}}),
            ],
..Block::default()
        })
        .await;
}

fn refuses_http(policy: &Json) -> Json {
    let policy = policy.as_str().unwrap_or_default();
    let policy: Json = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let http = json!({"Bool": {"aws:SecureTransport": "false"}});
    let mut refusals = statements.filter(|s| s["Effect"] == "Deny" && s["Condition"] == http);
    json!(refusals.any(|s| s["Principal"] == "*" && s["Action"] == "s3:*"))
}

fn lifecycle_rules(rules: &Json) -> Json {
    let rules = rules.as_array().into_iter().flatten();
    let rule = |rule: &Json| {
        json!({
            "id": rule["ID"],
            "prefix": rule["Filter"]["Prefix"],
            "expirationDays": rule["Expiration"]["Days"],
            "noncurrentDays": rule["NoncurrentVersionExpiration"]["NoncurrentDays"],
            "abortIncompleteMultipartDays": rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
        })
    };
    rules
        .filter(|each| each["Status"] == "Enabled")
        .map(rule)
        .collect()
}

/// Puts more than one page of objects, one of them twice, and a delete marker into a bucket that keeps versions.
fn fill(stack: &Stack, bucket: &Made) {
    let put = |key: &str| {
        let object = json!({"Bucket": bucket.id, "Key": key, "Body": "x"});
        stack.aws("s3", "put_object", &object).expect("puts");
    };
    (0..1_001).for_each(|i| put(&format!("runs/{i} & more")));
    put("runs/0 & more");
    put("gone");
    // The one that S3 is too busy for at first.
    put("slow");
    let gone = json!({"Bucket": bucket.id, "Key": "gone"});
    stack.aws("s3", "delete_object", &gone).expect("deletes");
}

fn versions(stack: &Stack, bucket: &Made) -> Result<usize, String> {
    let found = stack.aws("s3", "list_object_versions", &json!({"Bucket": bucket.id}))?;
    Ok(found["Versions"].as_array().map_or(0, Vec::len))
}

#[tokio::test]
async fn a_bucket_is_emptied_only_when_asked() {
    let stack = Stack::new("full-bucket").await;
    // moto takes the policy that refuses requests without TLS for one that refuses all.
    let inputs = json!({"versioning": true, "tlsOnly": false});
    let mut bucket = stack.make(BUCKET, "full", inputs).await;
    fill(&stack, &bucket);
    let held = versions(&stack, &bucket);
    assert!(held.as_ref().is_ok_and(|count| *count > 0));
    let refused = stack.provider.delete(&bucket).await.expect_err("refuses");
    assert_eq!(
        refused.message(),
        format!(
            "could not delete the bucket {}: it holds objects; empty it, or set forceDestroy to true and run \
             `pulumi up` first",
            bucket.id
        )
    );
    assert_eq!(versions(&stack, &bucket), held);

    bucket
        .outputs
        .insert("retainNonEmpty".to_owned(), Value::Bool(true));
    stack.provider.delete(&bucket).await.expect("keeps");
    let kept = format!("the bucket {} holds objects and is kept", bucket.id);
    stack.provider.said(&kept).await;
    assert_eq!(versions(&stack, &bucket), held);

    bucket.outputs.remove("retainNonEmpty");
    bucket
        .outputs
        .insert("forceDestroy".to_owned(), Value::Bool(true));
    stack.provider.delete(&bucket).await.expect("empties");
    assert_eq!(versions(&stack, &bucket), Err("NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn a_name_of_another_account_is_told() {
    let stack = Stack::new("taken-name").await;
    let (urn, none) = (stack.urn(BUCKET, "taken"), tests::properties(&json!({})));
    let news = tests::properties(&json!({"bucket": "somebody-elses"}));
    let news = stack.provider.check(&urn, &none, &news).await;
    let news = news.expect("checks");
    let refused = stack.provider.create(&urn, &news, false).await;
    assert_eq!(
        refused.expect_err("refuses").message(),
        "could not create the bucket somebody-elses: S3 does not let these credentials see it: another account has a bucket of this name, or they lack s3:ListBucket; choose another name, or use other credentials"
    );
}

/// Some partitions take no tags with a create, and older policies do not allow them.
#[tokio::test]
async fn a_bucket_that_cannot_be_tagged_at_once_is_tagged_next() {
    let stack = Stack::new("tagless").await;
    for name in ["tagless", "untagged"] {
        let name = format!("{name}-{}", stack.region);
        let inputs = json!({"bucket": name, "tags": {"team": "data"}});
        let bucket = stack.make(BUCKET, &name, inputs).await;
        let tags = stack.aws("s3", "get_bucket_tagging", &json!({"Bucket": bucket.id}));
        let tags = tags.expect("is tagged")["TagSet"].to_string();
        assert!(
            tags.contains("dbt-aws:marker") && tags.contains("team"),
            "{tags}"
        );
    }
    let (urn, none) = (
        stack.urn(BUCKET, "not-allowed"),
        tests::properties(&json!({})),
    );
    let news = tests::properties(&json!({"bucket": "not-allowed"}));
    let news = stack.provider.check(&urn, &none, &news).await;
    let refused = stack
        .provider
        .create(&urn, &news.expect("checks"), false)
        .await;
    let refused = refused.expect_err("refuses");
    assert!(
        refused.message().starts_with(
            "could not create the bucket not-allowed: AccessDenied: Access Denied; the credentials need s3:CreateBucket and, for \
             the tags, s3:TagResource or s3:PutBucketTagging"
        ),
        "{}",
        refused.message()
    );
}

/// An update would take away what no property is for.
#[tokio::test]
async fn a_bucket_with_other_rules_is_not_imported() {
    let stack = Stack::new("other-rules").await;
    let bucket = stack.make(BUCKET, "mine", json!({})).await;
    // Somebody else's.
    let tags = json!({"Bucket": bucket.id, "Tagging": {"TagSet": []}});
    stack.aws("s3", "put_bucket_tagging", &tags).expect("tags");
    let rule = json!({
        "ID": "a", "Status": "Disabled", "Filter": {"Prefix": ""},
        "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
    });
    let put = json!({"Bucket": bucket.id, "LifecycleConfiguration": {"Rules": [rule]}});
    stack
        .aws("s3", "put_bucket_lifecycle_configuration", &put)
        .expect("puts");
    let refused = stack.provider.import(&bucket.urn, &bucket.id).await;
    assert_eq!(
        refused.expect_err("refuses").message(),
        format!(
            "could not import the bucket {}: it has lifecycle rules that are disabled, lifecycle rules with \
             transitions, for which there is no property here, so that an update could remove it; manage it where it was made",
            bucket.id
        )
    );
}

#[tokio::test]
async fn the_rest_of_a_bucket_policy_stays() {
    let stack = Stack::new("policy").await;
    let bucket = stack.make(BUCKET, "shared", json!({})).await;
    let policy = |stack: &Stack| {
        let found = stack.aws("s3", "get_bucket_policy", &json!({"Bucket": bucket.id}));
        let text = found.expect("has a policy")["Policy"].take();
        serde_json::from_str::<Json>(text.as_str().expect("text")).expect("JSON")
    };
    let mut both = policy(&stack);
    assert_eq!(
        both["Statement"][0]["Resource"],
        json!([
            format!("arn:aws:s3:::{}", bucket.id),
            format!("arn:aws:s3:::{}/*", bucket.id)
        ])
    );
    assert_eq!(
        both["Statement"][0]["Condition"],
        json!({"Bool": {"aws:SecureTransport": "false"}})
    );
    let other = json!({
        "Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{}/*", bucket.id),
    });
    both["Statement"]
        .as_array_mut()
        .expect("a list")
        .push(other.clone());
    let put = json!({"Bucket": bucket.id, "Policy": both.to_string()});
    stack.aws("s3", "put_bucket_policy", &put).expect("puts");
    let news = stack
        .provider
        .check(
            &bucket.urn,
            &bucket.inputs,
            &tests::properties(&json!({"tlsOnly": false})),
        )
        .await
        .expect("checks");
    stack
        .provider
        .update(&bucket, &news, false)
        .await
        .expect("updates");
    assert_eq!(policy(&stack)["Statement"], json!([other]));
}
