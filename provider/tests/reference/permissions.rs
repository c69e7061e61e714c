//! The actions in `docs/permissions.md`, written from what the kinds declare.

use pulumi_aws_framework::{aws, catalogue::Catalogue};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// A policy of the page: the kinds whose actions it allows, by the beginning of their names, and the statements that
/// take them, each by the beginning of their names; the first that fits takes an action. What is not named here, and
/// resources and conditions, are the page's own.
struct Policy {
    kinds: &'static [&'static str],
    statements: &'static [(&'static str, &'static [&'static str])],
}

const POLICIES: [Policy; 3] = [
    Policy {
        kinds: &[
            "DbtPlatform",
            "ec2:",
            "ecs:Cluster",
            "logs:",
            "rds:",
            "s3:",
            "secretsmanager:",
        ],
        statements: &[
            (
                "Look",
                &[
                    "ec2:Describe",
                    "ecs:ListClusters",
                    "logs:DescribeLogGroups",
                    "rds:Describe",
                    "s3:ListAllMyBuckets",
                    "secretsmanager:ListSecrets",
                    "sts:",
                ],
            ),
            (
                "NetworkOfOurs",
                &[
                    "ec2:CreateTags",
                    "ec2:Delete",
                    "ec2:DetachInternetGateway",
                    "ec2:ReleaseAddress",
                ],
            ),
            ("Network", &["ec2:"]),
            ("Database", &["rds:"]),
            ("DatabaseSecret", &["secretsmanager:"]),
            ("ClusterTasks", &["ecs:ListTasks", "ecs:StopTask"]),
            ("Cluster", &["ecs:"]),
            ("BucketContents", &["s3:DeleteObject"]),
            ("Bucket", &["s3:"]),
            ("Logs", &["logs:"]),
            ("FirstUse", &["iam:CreateServiceLinkedRole"]),
        ],
    },
    Policy {
        kinds: &[
            "cloudwatch:Dashboard",
            "dynamodb:",
            "iam:",
            "sfn:StateMachine",
        ],
        statements: &[
            (
                "Look",
                &[
                    "cloudwatch:ListDashboards",
                    "dynamodb:ListTables",
                    "iam:ListRoles",
                    "states:ListStateMachines",
                    "sts:",
                ],
            ),
            ("Table", &["dynamodb:"]),
            ("Dashboard", &["cloudwatch:"]),
            ("FinishRolesOfServices", &["iam:PassRole"]),
            ("FinishRoles", &["iam:"]),
            ("Finish", &["states:"]),
        ],
    },
    Policy {
        kinds: &[
            "DbtProject",
            "DbtRun",
            "DbtSchedule",
            "cloudwatch:MetricAlarm",
            "ecr:",
            "ecs:TaskDefinition",
            "events:",
            "iam:",
            "lambda:",
            "scheduler:",
            "secretsmanager:",
            "sfn:",
            "sns:",
            "sqs:",
        ],
        statements: &[
            (
                "Look",
                &[
                    "cloudwatch:DescribeAlarms",
                    "ecr:GetAuthorizationToken",
                    "ecs:DescribeClusters",
                    "ecs:DescribeTaskDefinition",
                    "ecs:ListTaskDefinition",
                    "events:ListRules",
                    "iam:ListRoles",
                    "lambda:ListFunctions",
                    "scheduler:ListSchedules",
                    "secretsmanager:ListSecrets",
                    "sns:GetSubscriptionAttributes",
                    "sns:ListSubscriptions",
                    "sns:ListTopics",
                    "sqs:ListQueues",
                    "states:ListStateMachines",
                    "sts:",
                ],
            ),
            ("Images", &["ecr:"]),
            ("TaskRevisions", &["ecs:DeregisterTaskDefinition"]),
            ("Tasks", &["ecs:"]),
            ("RolesOfServices", &["iam:PassRole"]),
            ("Roles", &["iam:"]),
            ("Secrets", &["secretsmanager:"]),
            ("Runs", &["states:"]),
            ("RunLogs", &["logs:"]),
            ("DeadLetters", &["sqs:"]),
            ("Alarms", &["cloudwatch:"]),
            ("Rules", &["events:"]),
            ("Subscriptions", &["sns:SetSubscription", "sns:Unsubscribe"]),
            ("Topics", &["sns:"]),
            ("Functions", &["lambda:"]),
            ("Schedules", &["scheduler:"]),
        ],
    },
];

/// What replaces the statement `Roles` where there is a boundary: IAM knows the boundary in these calls alone.
const WITHIN_THE_BOUNDARY: [&str; 6] = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
];

/// What no component has its children do.
const BLOCKS_ALONE: [&str; 2] = ["logs:AssociateKmsKey", "logs:DisassociateKmsKey"];

/// Where the table of all kinds is.
const TABLE: [&str; 2] = ["| resource | actions |\n|---|---|\n", "\n\n"];

type Actions = BTreeSet<&'static str>;

/// The page with the actions that the catalogue declares.
pub(crate) fn permissions(catalogue: &Catalogue, page: &str) -> String {
    let kinds = kinds(catalogue);
    let mut page = page.to_owned();
    let mut allowed = BTreeSet::new();
    for (index, policy) in POLICIES.iter().enumerate() {
        for (sid, actions) in statements(policy, &kinds) {
            if sid == "Roles" {
                let removes = |action: &str| action == "iam:DeleteRolePermissionsBoundary";
                let (within, rest): (Actions, Actions) = (actions.iter())
                    .filter(|action| !removes(action))
                    .partition(|action| WITHIN_THE_BOUNDARY.contains(action));
                page = with_actions(&page, "RolesWithinTheBoundary", 0, &within);
                page = with_actions(&page, "RolesAsTheyAre", 0, &rest);
            }
            let nth = if sid == "Look" { index } else { 0 };
            page = with_actions(&page, sid, nth, &actions);
        }
        let mine = |kind: &&String| policy.kinds.iter().any(|begin| kind.starts_with(begin));
        allowed.extend(kinds.keys().filter(mine));
    }
    let functions = catalogue.functions.len();
    assert_eq!(
        allowed.len() + functions,
        kinds.len(),
        "a policy for each kind"
    );
    let mut rows = Vec::new();
    for (kind, actions) in kinds.iter().filter(|(_, actions)| !actions.is_empty()) {
        let actions: Vec<_> = actions.iter().map(|action| format!("`{action}`")).collect();
        rows.push(format!("| `{kind}` | {} |", actions.join(", ")));
    }
    let (head, rest) = page.split_once(TABLE[0]).expect("has the table");
    let (_, tail) = rest.split_once(TABLE[1]).expect("goes on after the table");
    [head, TABLE[0], &rows.join("\n"), TABLE[1], tail].concat()
}

/// The actions of each kind of component, resource and function.
fn kinds(catalogue: &Catalogue) -> BTreeMap<String, Actions> {
    let components = catalogue
        .components
        .iter()
        .map(|c| (c.token(), c.actions()));
    let resources = catalogue.resources.iter().map(|r| (r.token(), r.actions()));
    let functions = catalogue.functions.iter().map(|f| (f.token(), f.actions()));
    let all = components.chain(resources).chain(functions);
    all.map(|(token, actions)| {
        let kind = token.trim_start_matches("dbt-aws:");
        let kind = kind.trim_start_matches("index:").to_owned();
        (kind, actions.iter().copied().collect())
    })
    .collect()
}

/// The statements of a policy with their actions.
fn statements(policy: &Policy, kinds: &BTreeMap<String, Actions>) -> Vec<(&'static str, Actions)> {
    let mine = kinds
        .iter()
        .filter(|(kind, _)| policy.kinds.iter().any(|begin| kind.starts_with(begin)));
    let actions = mine.flat_map(|(_, actions)| actions).chain(aws::ACTIONS);
    let mut found: Vec<_> = policy
        .statements
        .iter()
        .map(|s| (s.0, Actions::new()))
        .collect();
    for action in actions.filter(|action| !BLOCKS_ALONE.contains(action)) {
        let fits =
            |(_, begins): &(_, &[&str])| begins.iter().any(|begin| action.starts_with(begin));
        let place = policy.statements.iter().position(fits);
        let place = place.unwrap_or_else(|| panic!("no statement takes {action}"));
        found[place].1.insert(action);
    }
    found
}

/// The page with other actions in the statement of that id, the nth of them.
fn with_actions(page: &str, sid: &str, nth: usize, actions: &Actions) -> String {
    let id = format!("\"Sid\": \"{sid}\"");
    let (start, _) = page.match_indices(&id).nth(nth).expect("has the statement");
    let key = "\"Action\": [";
    let begin = start + page[start..].find(key).expect("has actions") + key.len();
    let end = begin + page[begin..].find(']').expect("ends");
    let indent = page[..start].rsplit('\n').next().unwrap_or_default();
    let mut text = String::new();
    let mut column = 0;
    for (index, action) in actions.iter().enumerate() {
        let word = format!("\"{action}\"");
        if index > 0 {
            text += ",";
        }
        if actions.len() > 1 && (index == 0 || column + word.len() > 108) {
            let _ = write!(text, "\n{indent} {word}");
            column = indent.len() + word.len() + 2;
        } else {
            let space = if index > 0 { " " } else { "" };
            let _ = write!(text, "{space}{word}");
            column += word.len() + 2;
        }
    }
    if actions.len() > 1 {
        let _ = write!(text, "\n{indent}");
    }
    [&page[..begin], &text, &page[end..]].concat()
}
