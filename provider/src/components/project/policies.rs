//! What each role of a project may do, and no more.

use crate::{
    components::{
        partition,
        policies::{Location, allow, when},
    },
    prelude::*,
    resources::iam::policy::{Policy, PolicyStatement},
};
use serde_json::{Value as Document, json};

/// The tag that tells a project's tasks from others of the cluster: where its artifacts are.
pub(super) const PROJECT_TAG: &str = "dbt-aws-project";

/// The bucket for artifacts, and the project's part of it.
#[derive(Clone, Debug, Props)]
pub(super) struct Artifacts {
    /// The bucket's ARN.
    pub(super) bucket_arn: String,
    /// The key that encrypts it, if it is a key of its own.
    pub(super) kms_key_arn: Option<String>,
    /// What the names of the project's objects begin with.
    pub(super) prefix: String,
}

/// What the runs of all projects of the platform share.
#[derive(Clone, Debug, Props)]
pub(super) struct Shared {
    /// The name of the table.
    pub(super) table_name: String,
    /// The ARN of the machine that ends runs.
    pub(super) finish_arn: String,
}

impl Artifacts {
    /// Those at a URI, `s3://BUCKET/PREFIX`; without one, these.
    pub(super) fn of(&self, uri: Option<&str>) -> Self {
        let parts = uri.and_then(|uri| uri.strip_prefix("s3://")?.split_once('/'));
        parts.map_or_else(
            || self.clone(),
            |(bucket, prefix)| Self {
                bucket_arn: format!("arn:{}:s3:::{bucket}", partition(&self.bucket_arn)),
                kms_key_arn: None,
                prefix: prefix.to_owned(),
            },
        )
    }

    fn place(&self) -> String {
        format!("{}/{}", self.bucket_arn, self.prefix)
    }

    /// What S3 does in the name of whoever reads and writes a bucket that a KMS key encrypts.
    fn use_of_key(&self) -> Option<PolicyStatement> {
        let key = self.kms_key_arn.as_ref()?;
        Some(when(
            allow(&["kms:Decrypt", "kms:GenerateDataKey"], [key]),
            json!({"StringLike": {"kms:ViaService": "s3.*"}}),
        ))
    }
}

/// What ECS does before the container runs: pull the image, open the log, read the secrets.
pub(super) fn execution(
    group: &str,
    log_prefix: &str,
    repository: Option<&str>,
    secrets: &[String],
    kms_keys: &[String],
) -> Policy {
    // Where GuardDuty watches tasks, ECS adds its agent to them, from a repository of AWS's own in each region.
    let region = group.split(':').nth(3).unwrap_or("*");
    let agent = format!(
        "arn:{}:ecr:{region}:*:repository/aws-guardduty-agent-fargate",
        partition(group)
    );
    let mut statements = vec![
        allow(
            &[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            repository.into_iter().chain([agent.as_str()]),
        ),
        // A token is for the whole registry: AWS takes no other resource.
        allow(&["ecr:GetAuthorizationToken"], ["*"]),
    ];
    let group = group.trim_end_matches(":*");
    statements.push(allow(
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        [format!("{group}:log-stream:{log_prefix}/*")],
    ));
    let of = |service: &str| -> Vec<&str> {
        let service = format!(":{service}:");
        secrets
            .iter()
            .filter(|arn| arn.contains(&service))
            .map(|arn| without_key(arn))
            .collect()
    };
    for (service, action) in [
        ("secretsmanager", "secretsmanager:GetSecretValue"),
        ("ssm", "ssm:GetParameters"),
    ] {
        let arns = of(service);
        if !arns.is_empty() {
            statements.push(allow(&[action], arns));
        }
    }
    if !kms_keys.is_empty() {
        // ECS itself has no use of the keys: what it reads does.
        statements.push(when(
            allow(&["kms:Decrypt"], kms_keys),
            json!({"StringLike": {"kms:ViaService": ["secretsmanager.*", "ssm.*"]}}),
        ));
    }
    Policy::new(statements)
}

/// A secret's ARN without the key, version stage and version that a task definition may add.
fn without_key(arn: &str) -> &str {
    match arn.match_indices(':').nth(6) {
        Some((end, _)) if arn.contains(":secretsmanager:") => &arn[..end],
        _ => arn,
    }
}

/// What the runner does: keep artifacts, restore the last parse, and read what an earlier attempt and the last green run left,
/// the latter perhaps of another project. And what the agent of ECS Exec does, where it may open a shell.
pub(super) fn task(artifacts: &Artifacts, state: &Artifacts, shell: bool) -> Policy {
    let place = artifacts.place();
    let parts = |names: &[&str]| -> Vec<String> {
        let part = |name| format!("{place}/{name}/*");
        names.iter().map(part).collect()
    };
    let mut read = parts(&["latest", "partial_parse", "retry", "runs"]);
    if state.place() != place {
        read.push(format!("{}/latest/*", state.place()));
    }
    let written = parts(&["docs/latest", "latest", "partial_parse", "retry", "runs"]);
    let mut statements = vec![
        allow(&["s3:PutObject"], written),
        allow(&["s3:PutObjectTagging"], parts(&["runs"])),
        // What is missing is forbidden too: to list for it would be to list the bucket.
        allow(&["s3:GetObject"], read),
    ];
    statements.extend(artifacts.use_of_key());
    if shell {
        // AWS takes no other resource.
        statements.push(allow(
            &[
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            ["*"],
        ));
    }
    Policy::new(statements)
}

/// What the state machine does: claim a time, take the lock, run the task, follow it, stop it, read its outcome, and tell of it.
pub(super) fn machine(
    at: &Location,
    artifacts: &Artifacts,
    shared: &Shared,
    family: &str,
    roles: &[String],
) -> Policy {
    let (cluster, prefix) = (&at.cluster_arn, &artifacts.prefix);
    let on_cluster = json!({"ArnEquals": {"ecs:cluster": cluster}});
    let tasks = cluster.replacen(":cluster/", ":task/", 1) + "/*";
    let rule = at.arn("events", "rule/StepFunctionsGetEventsForECSTaskRule");
    let place = artifacts.place();
    let mut statements = vec![
        when(
            allow(&["ecs:RunTask"], [family.to_owned(), format!("{family}:*")]),
            on_cluster.clone(),
        ),
        when(
            allow(&["ecs:TagResource"], [tasks.as_str()]),
            json!({"StringEquals": {"ecs:CreateAction": "RunTask"}}),
        ),
        when(
            allow(&["ecs:DescribeTasks"], [tasks.as_str()]),
            on_cluster.clone(),
        ),
        when(
            allow(&["ecs:StopTask"], [tasks]),
            json!({
                "ArnEquals": {"ecs:cluster": cluster},
                "StringEquals": {format!("aws:ResourceTag/{PROJECT_TAG}"): prefix},
            }),
        ),
        // Tasks are listed by cluster and family: AWS takes no other resource.
        when(allow(&["ecs:ListTasks"], ["*"]), on_cluster),
        // Nor does it for this.
        allow(&["ecs:DescribeTaskDefinition"], ["*"]),
        allow(
            &["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            [rule],
        ),
        when(
            allow(&["iam:PassRole"], roles.iter().map(String::as_str)),
            json!({"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        ),
        when(
            allow(
                &["dynamodb:GetItem", "dynamodb:PutItem"],
                [at.arn("dynamodb", &format!("table/{}", shared.table_name))],
            ),
            json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [prefix]}}),
        ),
        // Who has the lock may be of another machine of the same name, which is made again.
        allow(
            &["states:DescribeExecution"],
            [at.arn("states", "execution:*")],
        ),
        allow(&["states:StartExecution"], [shared.finish_arn.as_str()]),
        allow(&["s3:GetObject"], [format!("{place}/runs/*")]),
        // Without it, S3 answers that what is missing is forbidden. The read of one object has no prefix to compare.
        when(
            allow(&["s3:ListBucket"], [artifacts.bucket_arn.as_str()]),
            json!({"StringLikeIfExists": {"s3:prefix": format!("{prefix}/*")}}),
        ),
    ];
    let schedules = at.arn("scheduler", "schedule/default/*");
    statements.push(allow(&["scheduler:GetSchedule"], [schedules]));
    statements.extend(artifacts.use_of_key());
    Policy::new(statements)
}

/// What schedules do: start the project's state machine and the one that tells of what is late, and leave what could not be started.
pub(super) fn scheduler(machines: &[String], dead_letters: &str) -> Policy {
    Policy::new(vec![
        allow(
            &["states:StartExecution"],
            machines.iter().map(String::as_str),
        ),
        allow(&["sqs:SendMessage"], [dead_letters]),
    ])
}

/// Who else may leave what could not be started: the rules of this account, whose ARNs name it.
pub(super) fn of_dead_letters(at: &Location) -> Document {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": at.arn("events", "rule/*")}},
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::without_key;

    #[test]
    fn a_policy_names_the_secret_itself() {
        let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:api-AbCdEf";
        assert_eq!(without_key(secret), secret);
        assert_eq!(without_key(&format!("{secret}:token::")), secret);
        let parameter = "arn:aws:ssm:eu-west-1:111122223333:parameter/api/token";
        assert_eq!(without_key(parameter), parameter);
    }
}
