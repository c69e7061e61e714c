//! The warehouse: an RDS instance and what it needs.

pub mod instance;
pub mod parameter_group;
pub mod subnet_group;
#[cfg(test)]
mod tests;

use crate::prelude::*;
use aws_sdk_rds::types::DbInstance;

/// The ARN of the object of a context.
pub(crate) async fn arn(cx: &Context, kind: &str, name: &str) -> Result<String> {
    cx.own_arn("rds", &format!("{kind}:{name}")).await
}

/// The tags of the object with that ARN.
pub(crate) async fn tags_of(cx: &Context, arn: &str) -> Result<Tags> {
    let tags = cx
        .aws
        .rds()
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .during(format!("list the tags of {arn}"))?;
    Ok(from_tags(tags.tag_list()))
}

/// The refusal of a delete, naming the databases that use the object and that nobody deletes: no waiting ends that.
pub(crate) async fn explain_in_use(
    cx: &Context,
    id: &str,
    error: Error,
    uses: impl Fn(&DbInstance) -> bool,
) -> Error {
    if !cx.is_still_in_use(&error) {
        return error;
    }
    let all = cx.aws.rds().describe_db_instances().into_paginator();
    let all: Vec<_> = match all.items().send().try_collect().await {
        Ok(all) => all,
        Err(_) => return error,
    };
    let stays = |i: &&DbInstance| i.db_instance_status() != Some("deleting") && uses(i);
    let names: Vec<_> = all
        .iter()
        .filter(stays)
        .filter_map(DbInstance::db_instance_identifier)
        .collect();
    if names.is_empty() {
        return error;
    }
    Error::failed(format!(
        "could not delete {id}: the database {} uses it, and this program does not delete that database; if an interrupted run left it, run `pulumi up` and then this command again, else delete it by hand",
        names.join(", ")
    ))
}

retag!(
    rds,
    add_tags_to_resource,
    remove_tags_from_resource,
    resource_name = arn,
    to_tags
);

/// Puts tags on an object.
pub(crate) async fn add_tags(cx: &Context, arn: &str, tags: Tags) -> Result<()> {
    cx.aws
        .rds()
        .add_tags_to_resource()
        .resource_name(arn)
        .set_tags(Some(to_tags(tags)))
        .send()
        .await
        .during(format!("tag {arn}"))?;
    Ok(())
}

/// What is wrong with the description of an RDS object.
pub(crate) fn description(text: &str) -> Result<(), String> {
    match text.is_empty() {
        true => Err("must not be empty".to_owned()),
        false => Ok(()),
    }
}

/// What is wrong with the name of an RDS object of at most `longest` characters.
pub(crate) fn check_name(name: &str, longest: usize) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > longest {
        Err(format!(
            "{name:?} has {} characters; at most {longest} are allowed",
            name.len()
        ))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Err(format!("{name:?} must begin with a lower-case letter"))
    } else if !name.chars().all(fits) || name.ends_with('-') || name.contains("--") {
        Err(format!(
            "{name:?} must have only lower-case letters, digits and single hyphens, and not end with a hyphen"
        ))
    } else {
        Ok(())
    }
}
