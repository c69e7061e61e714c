use crate::resources::refusals::refuses;
use serde_json::json;

#[test]
fn wrong_inputs_of_buckets_are_refused() {
    let rows = [
        (
            json!({"bucket": "Mine"}),
            "bucket: 'M' cannot be in a bucket's name; use lower-case letters, digits, dots and hyphens",
        ),
        (
            json!({"bucket": "a..b"}),
            "bucket: must begin and end with a letter or digit and have no two dots side by side",
        ),
        (
            json!({"bucket": "10.0.0.1"}),
            "bucket: must not look like an IP address",
        ),
        (
            json!({"bucket": "xn--mine"}),
            "bucket: names that begin with xn-- are AWS's own",
        ),
        (
            json!({"bucket": "mine-s3alias"}),
            "bucket: names that end with -s3alias are AWS's own",
        ),
        (
            json!({"forceDestroy": true, "retainNonEmpty": true}),
            "retainNonEmpty: give only one of forceDestroy, retainNonEmpty",
        ),
        (
            json!({"lifecycleRules": [{"id": "a"}]}),
            "lifecycleRules[0]: does nothing; give at least one of expirationDays, noncurrentDays, abortIncompleteMultipartDays",
        ),
        (
            json!({"lifecycleRules": [{"id": "a", "expirationDays": 1}, {"id": "a", "noncurrentDays": 1}]}),
            "lifecycleRules[1].id: another rule has the id \"a\"; give each rule its own",
        ),
        (
            json!({"lifecycleRules": [{"id": "a", "expirationDays": 0}]}),
            "lifecycleRules[0].expirationDays: must be 1 or more, not 0",
        ),
        (
            json!({"lifecycleRules": [{"id": "a", "tags": {"a": "b"}, "abortIncompleteMultipartDays": 1}]}),
            "lifecycleRules[0].abortIncompleteMultipartDays: an upload has no tags; move this to a rule without tags",
        ),
    ];
    refuses("dbt-aws:s3:Bucket", &rows);
}
