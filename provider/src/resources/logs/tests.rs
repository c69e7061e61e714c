use crate::resources::refusals::refuses;
use serde_json::json;

#[test]
fn wrong_inputs_of_log_groups_are_refused() {
    let rows = [
        (
            json!({"retentionDays": 31}),
            "retentionDays: CloudWatch keeps logs only for certain numbers of days; the nearest to 31 is 30",
        ),
        (
            json!({"name": "a b"}),
            "name: ' ' cannot be in a name; use letters, digits and \"_-/.#\"",
        ),
        (
            json!({"name": "aws/mine"}),
            "name: names that begin with aws/ are AWS's own",
        ),
        (
            json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:alias/mine"}),
            "kmsKeyArn: \"arn:aws:kms:eu-west-1:123456789012:alias/mine\" is an alias; give the ARN of the key that the alias refers to",
        ),
    ];
    refuses("dbt-aws:logs:LogGroup", &rows);
}
