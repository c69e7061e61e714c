//! The policies of a role: those that are a part of it, and those that are attached to it.

use super::RoleInputs;
use crate::{prelude::*, resources::iam::policy::Policy};
use futures::future::try_join_all;

type Inline = BTreeMap<String, Policy>;

/// Brings the inline policies from `old` to `new`.
pub(super) async fn inline(
    cx: &Context,
    id: &str,
    new: Option<&Inline>,
    old: Option<&Inline>,
) -> Result<()> {
    let (none, before) = (Inline::new(), |name: &String| old.and_then(|o| o.get(name)));
    let after = new.unwrap_or(&none);
    let put = after
        .iter()
        .filter(|(name, policy)| !before(name).is_some_and(|b| b.means(policy)))
        .map(async |(name, policy)| {
            cx.aws
                .iam()
                .put_role_policy()
                .role_name(id)
                .policy_name(name)
                .policy_document(policy.to_json())
                .send()
                .await
                .during(format!("put the policy {name} into the role {id}"))
        });
    let removed = old
        .unwrap_or(&none)
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| remove_inline(cx, id, name));
    tokio::try_join!(try_join_all(put), try_join_all(removed))?;
    Ok(())
}

/// Brings the attached policies from `old` to `new`.
pub(super) async fn attached(
    cx: &Context,
    id: &str,
    new: Option<&Set<String>>,
    old: Option<&Set<String>>,
) -> Result<()> {
    let none = Set::new();
    let (before, after) = (old.unwrap_or(&none), new.unwrap_or(&none));
    // First away, then on: there is a limit to how many a role has.
    try_join_all(before.difference(after).map(|arn| detach(cx, id, arn))).await?;
    try_join_all(after.difference(before).map(async |arn| {
        cx.aws
            .iam()
            .attach_role_policy()
            .role_name(id)
            .policy_arn(arn)
            .send()
            .await
            .during(format!("attach {arn} to the role {id}"))
    }))
    .await?;
    Ok(())
}

/// Takes policies away from a role.
pub(super) async fn strip(
    cx: &Context,
    id: &str,
    inline: impl Iterator<Item = &String>,
    managed: impl Iterator<Item = &String>,
) -> Result<()> {
    tokio::try_join!(
        try_join_all(inline.map(|name| remove_inline(cx, id, name))),
        try_join_all(managed.map(|arn| detach(cx, id, arn))),
    )?;
    Ok(())
}

async fn remove_inline(cx: &Context, id: &str, name: &str) -> Result<()> {
    let delete = cx
        .aws
        .iam()
        .delete_role_policy()
        .role_name(id)
        .policy_name(name);
    let what = format!("remove the policy {name} from the role {id}");
    delete.send().await.during(what).gone().map(drop)
}

async fn detach(cx: &Context, id: &str, arn: &str) -> Result<()> {
    let detach = cx
        .aws
        .iam()
        .detach_role_policy()
        .role_name(id)
        .policy_arn(arn);
    detach
        .send()
        .await
        .during(format!("detach {arn} from the role {id}"))
        .gone()
        .map(drop)
}

/// The names of the inline policies.
pub(super) async fn inline_names(cx: &Context, id: &str) -> Result<Vec<String>> {
    let pages = cx
        .aws
        .iam()
        .list_role_policies()
        .role_name(id)
        .into_paginator();
    let names = pages.items().send().collect::<Result<_, _>>().await;
    names.during(format!("list the policies of the role {id}"))
}

/// The inline policies, in the words of what is known of them: those are read while the rest are listed.
pub(super) async fn inline_policies(
    cx: &Context,
    id: &str,
    known: Option<&RoleInputs>,
) -> Result<Inline> {
    let none = Inline::new();
    let known = known.and_then(|k| k.inline_policies.as_ref());
    let known = known.unwrap_or(&none);
    let read = async |name: String| {
        let get = cx
            .aws
            .iam()
            .get_role_policy()
            .role_name(id)
            .policy_name(&name);
        let what = format!("read the policy {name} of the role {id}");
        let Some(found) = get.send().await.during(what).gone()? else {
            return Ok(None);
        };
        let policy = Policy::from_json_like(found.policy_document(), known.get(&name))?;
        Ok::<_, Error>(Some((name, policy)))
    };
    let expected = try_join_all(known.keys().cloned().map(&read));
    let others = async {
        let names = inline_names(cx, id).await?.into_iter();
        let others = names.filter(|name| !known.contains_key(name));
        try_join_all(others.map(&read)).await
    };
    let (expected, others) = tokio::try_join!(expected, others)?;
    Ok(expected.into_iter().chain(others).flatten().collect())
}

/// The ARNs of the attached policies.
pub(super) async fn attached_policies(cx: &Context, id: &str) -> Result<Set<String>> {
    let pages = cx
        .aws
        .iam()
        .list_attached_role_policies()
        .role_name(id)
        .into_paginator();
    let attached: Vec<_> = pages
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .during(format!("list the managed policies of the role {id}"))?;
    Ok(attached.into_iter().filter_map(|p| p.policy_arn).collect())
}
