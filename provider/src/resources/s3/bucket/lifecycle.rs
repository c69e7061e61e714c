//! The rules by which a bucket's objects expire.

use super::{BucketInputs, BucketLifecycleRule};
use crate::prelude::*;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration, Tag,
};

/// A rule as S3 takes it.
pub(super) fn to_rule(
    rule: &BucketLifecycleRule,
) -> Result<LifecycleRule, aws_sdk_s3::error::BuildError> {
    let expiration = rule
        .expiration_days
        .map(|days| LifecycleExpiration::builder().days(days).build());
    let noncurrent = rule.noncurrent_days.map(|days| {
        let expiration = NoncurrentVersionExpiration::builder();
        expiration.noncurrent_days(days).build()
    });
    let abort = rule.abort_incomplete_multipart_days.map(|days| {
        let abort = AbortIncompleteMultipartUpload::builder();
        abort.days_after_initiation(days).build()
    });
    LifecycleRule::builder()
        .id(&rule.id)
        .status(ExpirationStatus::Enabled)
        .filter(to_filter(rule)?)
        .set_expiration(expiration)
        .set_noncurrent_version_expiration(noncurrent)
        .set_abort_incomplete_multipart_upload(abort)
        .build()
}

/// A filter takes one criterion; several stand under `And`.
fn to_filter(
    rule: &BucketLifecycleRule,
) -> Result<LifecycleRuleFilter, aws_sdk_s3::error::BuildError> {
    let tags = rule.tags.iter().flatten();
    let mut tags = tags
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<Vec<_>, _>>()?;
    let filter = LifecycleRuleFilter::builder();
    Ok(match (rule.prefix.as_str(), tags.len()) {
        (prefix, 0) => filter.prefix(prefix).build(),
        ("", 1) => filter.set_tag(tags.pop()).build(),
        (prefix, _) => {
            let prefix = Some(prefix.to_owned()).filter(|p| !p.is_empty());
            let all = LifecycleRuleAndOperator::builder()
                .set_prefix(prefix)
                .set_tags(Some(tags));
            filter.and(all.build()).build()
        }
    })
}

fn from_rule(rule: &LifecycleRule) -> BucketLifecycleRule {
    let filter = rule.filter();
    let all = filter.and_then(|f| f.and());
    // Rules of the older kind have no filter.
    #[allow(deprecated)]
    let prefix = filter
        .and_then(|f| f.prefix())
        .or(all.and_then(|a| a.prefix()))
        .or(rule.prefix());
    let tags = filter
        .and_then(|f| f.tag())
        .into_iter()
        .chain(all.map(|a| a.tags()).unwrap_or_default());
    let tags: Tags = tags
        .map(|t| (t.key().to_owned(), t.value().to_owned()))
        .collect();
    BucketLifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        prefix: prefix.unwrap_or_default().to_owned(),
        tags: (!tags.is_empty()).then_some(tags),
        expiration_days: rule.expiration().and_then(|e| e.days()),
        noncurrent_days: rule
            .noncurrent_version_expiration()
            .and_then(|e| e.noncurrent_days()),
        abort_incomplete_multipart_days: rule
            .abort_incomplete_multipart_upload()
            .and_then(|a| a.days_after_initiation()),
    }
}

/// The rules, but for one that does nothing, and one of the program's that has become something else.
pub(super) fn in_force(
    rules: &[LifecycleRule],
    known: Option<&BucketInputs>,
) -> Set<BucketLifecycleRule> {
    let counts = |rule: &&LifecycleRule| {
        let mut ours = known.iter().flat_map(|k| &k.lifecycle_rules);
        let is_ours = ours.any(|own| Some(own.id.as_str()) == rule.id());
        let is_foreign = foreign(std::slice::from_ref(rule))
            .iter()
            .any(|(_, is)| *is);
        *rule.status() == ExpirationStatus::Enabled && !(is_ours && is_foreign)
    };
    rules.iter().filter(counts).map(from_rule).collect()
}

/// What of lifecycle rules no property here is for, and whether it is there.
pub(super) fn foreign(rules: &[LifecycleRule]) -> Vec<(&'static str, bool)> {
    let any = |has: fn(&LifecycleRule) -> bool| rules.iter().any(has);
    let sized = |rule: &LifecycleRule| {
        rule.filter().is_some_and(|f| {
            let all = f.and();
            let more = f
                .object_size_greater_than()
                .or(all.and_then(|a| a.object_size_greater_than()));
            let less = f
                .object_size_less_than()
                .or(all.and_then(|a| a.object_size_less_than()));
            more.or(less).is_some()
        })
    };
    vec![
        (
            "lifecycle rules that are disabled",
            any(|r| *r.status() != ExpirationStatus::Enabled),
        ),
        (
            "lifecycle rules with transitions",
            any(|r| !r.transitions().is_empty() || !r.noncurrent_version_transitions().is_empty()),
        ),
        (
            "lifecycle rules for a date or for delete markers",
            any(|r| {
                r.expiration().is_some_and(|e| {
                    e.date().is_some() || e.expired_object_delete_marker() == Some(true)
                })
            }),
        ),
        (
            "lifecycle rules that keep newer versions",
            any(|r| {
                let expiration = r.noncurrent_version_expiration();
                expiration.is_some_and(|e| e.newer_noncurrent_versions().is_some())
            }),
        ),
        ("lifecycle rules by size", rules.iter().any(sized)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulumi_aws_framework::props::decode;
    use serde_json::json;

    #[test]
    fn a_rule_that_was_changed_into_another_is_not_the_same() {
        let known = json!({"lifecycleRules": [{"id": "a", "expirationDays": 7}]});
        let known = Value::from_json(&known).into_properties();
        let known: BucketInputs = decode(&known).expect("decodes");
        let rule = |id: &str, status| {
            let expiration = LifecycleExpiration::builder().days(7).build();
            let rule = LifecycleRule::builder().id(id).status(status);
            rule.expiration(expiration)
        };
        let moves = aws_sdk_s3::types::Transition::builder().days(1).build();
        let on = || ExpirationStatus::Enabled;
        for (rule, counts) in [
            (rule("a", on()), true),
            (rule("a", ExpirationStatus::Disabled), false),
            (rule("a", on()).transitions(moves.clone()), false),
            (rule("theirs", on()).transitions(moves), true),
        ] {
            let rule = rule.build().expect("builds");
            let seen = in_force(std::slice::from_ref(&rule), Some(&known));
            assert_eq!(seen.len() == 1, counts, "{rule:?}");
        }
    }
}
