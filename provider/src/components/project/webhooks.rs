//! Who hears of the end of runs by a webhook: the function that sends to them, of a project or of a schedule.

use super::ends::{ProjectNotifyArgs, ProjectNotifyWebhook};
use crate::{
    components::policies::{allow, when},
    prelude::*,
    resources::{
        iam::{
            policy::Policy,
            role::{Role, RoleArgs},
        },
        lambda::function::{Function, FunctionArgs, FunctionInvokedByArgs, FunctionRuntime},
        sns::subscription::{Subscription, SubscriptionArgs, SubscriptionProtocol},
    },
};
use pulumi_aws_framework::{component::Scope, identity::short_hash, output::all, props::Enum as _};
use serde_json::{Map, Value as Document, json};

const CODE: &str = include_str!("../../webhook/webhook.py");

/// The most webhooks of a project or a schedule.
const MOST: usize = 10;

/// Where a function that sends to webhooks works.
pub(crate) struct Placement {
    /// The topic that it listens to.
    pub(crate) topic_arn: Output<String>,
    /// Whose messages it sends.
    pub(crate) audience: Output<String>,
    /// The queue for what could not be sent.
    pub(crate) dead_letter_arn: Output<String>,
    /// The log group that it writes to.
    pub(crate) log_group_arn: Output<String>,
    /// The keys of the secrets.
    pub(crate) kms_key_arns: Output<Vec<String>>,
    /// What bounds its role.
    pub(crate) permissions_boundary_arn: Output<String>,
    /// Its tags.
    pub(crate) tags: Output<Tags>,
}

/// Refuses more webhooks than fit, and what is there twice.
pub(super) fn check(check: &mut Check<'_>) {
    let notify = check.value("notify").map(|notify| notify.plain());
    let notify = notify.unwrap_or_default();
    let Value::List(webhooks) = notify.field("webhooks") else {
        return;
    };
    if webhooks.len() > MOST {
        let reason = format!(
            "has {} webhooks; at most {MOST} are allowed",
            webhooks.len()
        );
        check.fail("notify.webhooks", reason);
    }
    let mut seen = Set::new();
    for (index, webhook) in webhooks.iter().enumerate() {
        if let Some(arn) = webhook.field("secretArn").as_str()
            && !seen.insert(arn.to_owned())
        {
            let reason = format!("{arn} is there already; give each webhook once");
            check.fail(format!("notify.webhooks[{index}].secretArn"), reason);
        }
    }
}

/// The webhooks that are named.
fn named(notify: Option<&ProjectNotifyArgs>) -> &[Output<ProjectNotifyWebhook>] {
    let named = notify.and_then(|own| own.webhooks.as_deref());
    named.unwrap_or_default()
}

impl ProjectNotifyWebhook {
    /// The id by which a message says whom it is for.
    fn id(&self) -> String {
        short_hash(&format!("{} {}", self.format.word(), self.secret_arn))
    }
}

/// The ids of the webhooks that are named.
pub(super) fn ids(notify: Option<&ProjectNotifyArgs>) -> Output<Vec<String>> {
    Output::list(named(notify).iter().cloned())
        .map(|all| all.iter().map(ProjectNotifyWebhook::id).collect())
}

/// Makes the function, where webhooks are named.
pub(crate) fn expand(scope: &Scope, placement: &Placement, notify: Option<&ProjectNotifyArgs>) {
    let named = named(notify);
    if named.is_empty() {
        return;
    }
    let webhooks = Output::list(named.iter().cloned());
    let policy = all((
        placement.log_group_arn.clone(),
        placement.dead_letter_arn.clone(),
        webhooks.clone(),
        placement.kms_key_arns.optional(),
    ))
    .map(|(group, queue, webhooks, keys)| {
        let secrets: Vec<_> = webhooks.into_iter().map(|w| w.secret_arn).collect();
        policy(&group, &queue, &secrets, &keys.unwrap_or_default())
    });
    let role = scope.child::<Role>(
        "webhooks-role",
        RoleArgs {
            // Lambda says to IAM of no function that it takes a role for it.
            assume_role_policy: Policy::trusting("lambda.amazonaws.com").into(),
            inline_policies: Output::dictionary([("dbt", policy)]),
            permissions_boundary: placement.permissions_boundary_arn.clone(),
            tags: placement.tags.clone(),
            ..Default::default()
        },
    );
    let group_name = |arn: String| arn.split(':').nth(6).unwrap_or_default().to_owned();
    let invoker = FunctionInvokedByArgs {
        service: "sns.amazonaws.com".into(),
        source_arn: placement.topic_arn.clone(),
    };
    let settings = webhooks.map(|all| {
        let settings = |w: &ProjectNotifyWebhook| json!({"secretArn": w.secret_arn, "format": w.format.word()});
        let all: Map<_, _> = all.iter().map(|w| (w.id(), settings(w))).collect();
        Document::Object(all).to_string()
    });
    let function = scope.child::<Function>(
        "webhooks",
        FunctionArgs {
            description: "Sends the ends of runs to webhooks.".into(),
            runtime: FunctionRuntime::Python313.into(),
            handler: "webhook.handler".into(),
            code: BTreeMap::from([("webhook.py".to_owned(), CODE.to_owned())]).into(),
            role_arn: role.arn.clone(),
            environment: Output::dictionary([("DBT_AWS_WEBHOOKS", settings)]),
            // A webhook has 10 seconds, and may ask for 10 more and be asked again.
            timeout_seconds: 60.into(),
            memory: 256.into(),
            log_group_name: placement.log_group_arn.map(group_name),
            dead_letter_arn: placement.dead_letter_arn.clone(),
            invoked_by: Output::set([invoker.into()]),
            tags: placement.tags.clone(),
            ..Default::default()
        },
    );
    let filter = all((placement.audience.clone(), ids(notify)))
        .map(|(audience, ids)| Json(json!({"audience": [audience], "webhook": ids})));
    scope.child::<Subscription>(
        "webhooks-subscription",
        SubscriptionArgs {
            topic_arn: placement.topic_arn.clone(),
            protocol: SubscriptionProtocol::Lambda.into(),
            endpoint: function.arn.clone(),
            filter_policy: filter,
            ..Default::default()
        },
    );
}

/// What the function does: read the addresses, keep a log, and leave what it could not send.
fn policy(group: &str, queue: &str, secrets: &[String], kms_keys: &[String]) -> Policy {
    let group = group.trim_end_matches(":*");
    let mut statements = vec![
        allow(&["secretsmanager:GetSecretValue"], secrets),
        // The names of Lambda's log streams begin with the date: no run's does.
        allow(
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            [format!("{group}:log-stream:????/??/??/*")],
        ),
        allow(&["sqs:SendMessage"], [queue]),
    ];
    if !kms_keys.is_empty() {
        statements.push(when(
            allow(&["kms:Decrypt"], kms_keys),
            json!({"StringLike": {"kms:ViaService": "secretsmanager.*"}}),
        ));
    }
    Policy::new(statements)
}
