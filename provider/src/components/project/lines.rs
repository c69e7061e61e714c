//! The lines to paste into a shell, for the AWS CLI. What they name has no characters that a shell knows.

/// Starts a run.
pub(super) fn start_run(region: &str, machine: &str) -> String {
    format!("aws stepfunctions start-execution --region {region} --state-machine-arn {machine}")
}

/// Tells the last runs of what is at that place in the bucket, newest first.
pub(super) fn runs(region: &str, table: &str, place: &str) -> String {
    // Some of the attributes' names are reserved words of DynamoDB's; the CLI sorts columns by their names.
    format!(
        r##"aws dynamodb query --region {region} --table-name {table} --key-condition-expression 'pk = :p AND begins_with(sk, :r)' --expression-attribute-values '{{":p":{{"S":"{place}"}},":r":{{"S":"run#"}}}}' --projection-expression '#b,#c,#f,#r,#s,#t' --expression-attribute-names '{{"#b":"startedAt","#c":"class","#f":"failedNodeCount","#r":"runId","#s":"schedule","#t":"seconds"}}' --no-scan-index-forward --max-items 20 --output table --query 'Items[].{{began:startedAt.S,class:class.S,failedNodes:failedNodeCount.N,runId:runId.S,schedule:schedule.S,seconds:seconds.N}}'"##
    )
}

/// Makes a link to the documentation that is kept below that URI.
pub(super) fn docs(region: &str, artifacts_uri: &str) -> String {
    format!(
        "aws s3 presign --region {region} --expires-in 3600 {artifacts_uri}/docs/latest/index.html"
    )
}
