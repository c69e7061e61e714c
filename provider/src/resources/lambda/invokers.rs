//! Who may invoke a function: the statements of its policy.

use crate::prelude::*;
use pulumi_aws_framework::identity::short_hash;
use serde_json::Value as Document;

/// A service that may invoke a function on behalf of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Props)]
pub struct FunctionInvokedBy {
    /// The service, such as `sns.amazonaws.com`.
    #[prop(check = service)]
    pub service: String,
    /// The ARN of the object on whose behalf the service invokes it, such as that of a topic.
    #[prop(check = source)]
    pub source_arn: String,
}

pub(super) type Invokers = Set<FunctionInvokedBy>;

const INVOKE: &str = "lambda:InvokeFunction";

fn service(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    match name.chars().all(fits) && name.contains(".amazonaws.com") {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is not a service such as sns.amazonaws.com"
        )),
    }
}

fn source(arn: &str) -> Result<(), String> {
    let fits = arn.starts_with("arn:") && arn.split(':').count() >= 6;
    match fits && !arn.contains(['*', '?']) {
        true => Ok(()),
        false => Err(format!(
            "{arn:?} is not the ARN of one object such as arn:aws:sns:eu-west-1:111122223333:..."
        )),
    }
}

/// A statement of a policy.
pub(super) struct Statement {
    id: String,
    /// None of what no property here can say.
    pub(super) invoker: Option<FunctionInvokedBy>,
}

/// The statements of a function's policy.
pub(super) async fn statements(cx: &Context, function: &str) -> Result<Vec<Statement>> {
    let get = cx.aws.lambda().get_policy().function_name(function);
    let found = get
        .send()
        .await
        .during(format!("read the policy of the function {function}"))
        .gone()?;
    let text = found.and_then(|f| f.policy).unwrap_or_default();
    let policy: Document = serde_json::from_str(&text).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    Ok(statements
        .map(|statement| Statement {
            id: statement["Sid"].as_str().unwrap_or_default().to_owned(),
            invoker: invoker(statement),
        })
        .collect())
}

/// What a property here can say of a statement.
fn invoker(statement: &Document) -> Option<FunctionInvokedBy> {
    let only = |value: &Document, key: &str| {
        let object = value.as_object().filter(|object| object.len() == 1)?;
        let found = object.iter().find(|(k, _)| k.eq_ignore_ascii_case(key))?.1;
        Some(found.clone())
    };
    let condition = only(&statement["Condition"], "ArnLike")?;
    let service = only(&statement["Principal"], "Service")?;
    let source = only(&condition, "aws:SourceArn")?;
    (statement["Effect"] == "Allow" && statement["Action"] == INVOKE).then_some(())?;
    Some(FunctionInvokedBy {
        service: service.as_str()?.to_owned(),
        source_arn: source.as_str()?.to_owned(),
    })
}

/// Lets those invoke a function, and nobody else that a property here could name.
pub(super) async fn set(cx: &Context, function: &str, wanted: &Invokers) -> Result<()> {
    let there = statements(cx, function).await?;
    let has =
        |invoker: &FunctionInvokedBy| there.iter().any(|s| s.invoker.as_ref() == Some(invoker));
    for invoker in wanted.iter().filter(|invoker| !has(invoker)) {
        let FunctionInvokedBy {
            service,
            source_arn,
        } = invoker;
        cx.aws
            .lambda()
            .add_permission()
            .function_name(function)
            .statement_id(format!(
                "dbt-aws-{}",
                short_hash(&format!("{service} {source_arn}"))
            ))
            .action(INVOKE)
            .principal(service)
            .source_arn(source_arn)
            .send()
            .await
            .during(format!("let {source_arn} invoke the function {function}"))?;
    }
    let is_other = |s: &&Statement| s.invoker.as_ref().is_some_and(|i| !wanted.contains(i));
    for statement in there.iter().filter(is_other) {
        let remove = cx.aws.lambda().remove_permission().function_name(function);
        remove
            .statement_id(&statement.id)
            .send()
            .await
            .during(format!("remove a permission of the function {function}"))
            .gone()?;
    }
    Ok(())
}
