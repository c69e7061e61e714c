//! The revisions of a task definition.

use crate::prelude::*;
use aws_sdk_ecs::types::TaskDefinitionStatus;
use futures::future::try_join_all;

/// The ARNs of a family's revisions, the newest first.
pub(super) async fn list(
    cx: &Context,
    family: &str,
    status: TaskDefinitionStatus,
) -> Result<Vec<String>> {
    let pages = cx
        .aws
        .ecs()
        .list_task_definitions()
        .family_prefix(family)
        .status(status)
        .into_paginator();
    let arns: Vec<String> = pages
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .during(format!(
            "list the revisions of the task definition {family}"
        ))?;
    let exactly = format!(":task-definition/{family}:");
    let revision = |arn: &String| arn.rsplit(':').next().and_then(|r| r.parse::<u64>().ok());
    let mut arns: Vec<_> = arns
        .into_iter()
        .filter(|arn| arn.contains(&exactly))
        .collect();
    arns.sort_by_key(|arn| std::cmp::Reverse(revision(arn)));
    Ok(arns)
}

/// Takes revisions out of use and deletes them. Tasks that run go on.
pub(super) async fn remove(cx: &Context, arns: &[String]) -> Result<()> {
    deregister(cx, arns).await?;
    erase(cx, arns).await
}

/// Takes revisions out of use.
pub(super) async fn deregister(cx: &Context, arns: &[String]) -> Result<()> {
    let one = async |arn: &String| {
        let deregister = cx.aws.ecs().deregister_task_definition();
        let answer = deregister.task_definition(arn).send().await;
        answer.during(format!("deregister {arn}")).gone().map(drop)
    };
    try_join_all(arns.iter().map(one)).await.map(drop)
}

/// Deletes revisions that are out of use.
pub(super) async fn erase(cx: &Context, arns: &[String]) -> Result<()> {
    // AWS takes ten at a time.
    for some in arns.chunks(10) {
        for arn in delete(cx, some).await? {
            cx.wait(&format!("deleting {arn}"), async || {
                let left = delete(cx, std::slice::from_ref(&arn)).await?;
                Ok(match left.is_empty() {
                    true => Progress::Done(()),
                    false => Progress::Pending("active still".to_owned()),
                })
            })
            .await?;
        }
    }
    Ok(())
}

/// Deletes revisions and answers those for which it is too early.
async fn delete(cx: &Context, arns: &[String]) -> Result<Vec<String>> {
    let what = format!("delete the task definitions {}", arns.join(", "));
    let delete = cx.aws.ecs().delete_task_definitions();
    let delete = delete.set_task_definitions(Some(arns.to_vec()));
    let answer = delete.send().await.during(&what)?;
    // What fails of a list is told in an answer that succeeds.
    let mut early = Vec::new();
    for failure in answer.failures() {
        let arn = failure.arn().unwrap_or_default();
        let reason = failure.reason().unwrap_or_default();
        match refusal(reason) {
            Refusal::Gone => {}
            Refusal::TooEarly => early.push(arn.to_owned()),
            Refusal::Final => {
                return Err(Error::failed(format!("could not delete {arn}: {reason}")));
            }
        }
    }
    Ok(early)
}

/// Why AWS did not delete a revision.
#[derive(Debug, PartialEq)]
enum Refusal {
    Gone,
    TooEarly,
    Final,
}

fn refusal(reason: &str) -> Refusal {
    let reason = reason.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| reason.contains(words));
    if says(&["active status"]) && !says(&["inactive status"]) {
        Refusal::TooEarly
    } else if says(&[
        "delete_in_progress",
        "missing",
        "not found",
        "does not exist",
    ]) {
        Refusal::Gone
    } else {
        Refusal::Final
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_that_is_active_still_is_deleted_later() {
        let active = "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";
        assert_eq!(refusal(active), Refusal::TooEarly);
        assert_eq!(refusal("MISSING"), Refusal::Gone);
        assert_eq!(refusal("Access denied"), Refusal::Final);
    }
}
