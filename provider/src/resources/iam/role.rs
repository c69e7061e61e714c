//! `dbt-aws:iam:Role`.

mod policies;

use self::policies::{attached, attached_policies, inline, inline_names, inline_policies, strip};
use super::policy::{Policy, PolicyKind};
use crate::prelude::*;
use aws_sdk_iam::types::Role as Found;

/// An identity that services, tasks and people assume.
#[derive(Debug)]
pub struct Role;

/// What a role is made from.
#[derive(Clone, Debug, Props)]
pub struct RoleInputs {
    /// The name: 1 to 64 letters, digits and `+=,.@-_`, unique in the account. Default: made from the resource's name.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// The path, for people and policies to group roles by: begins and ends with `/`. Default: `/`.
    #[prop(replace, default = "/", check = path)]
    pub path: String,
    /// A description: at most 1,000 characters.
    #[prop(default = None, check = description)]
    pub description: Option<String>,
    /// Who may assume the role: at most 4,096 characters of JSON, 2,048 unless AWS raised the account's quota.
    #[prop(digest)]
    pub assume_role_policy: Policy,
    /// The policies that are part of the role, by name: at most 10,240 characters of JSON in all. When given, others
    /// are removed.
    #[prop(digest)]
    pub inline_policies: Option<BTreeMap<String, Policy>>,
    /// The ARNs of the managed policies that the role has, at most 10 unless AWS raised the account's quota. When
    /// given, others are detached.
    #[prop(check = formats::each(formats::arn("iam", "policy/")))]
    pub managed_policy_arns: Option<Set<String>>,
    /// The ARN of the managed policy that bounds what the role can ever do.
    #[prop(default = None, check = formats::arn("iam", "policy/"))]
    pub permissions_boundary: Option<String>,
    /// How long a session may last, in seconds: 3600 to 43200. Default: 3600.
    #[prop(default = 3600, check = formats::between(3600, 43_200))]
    pub max_session_duration: i32,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a role.
#[derive(Clone, Debug, Props)]
pub struct RoleOutputs {
    /// The ARN.
    pub arn: String,
    /// The unique id, which tells the role from a later one with the same name.
    pub unique_id: String,
}

const NAME: Naming = Naming {
    field: "name",
    longest: 64,
    others: "+=,.@-_",
    lower: false,
};

fn path(path: &str) -> Result<(), String> {
    let visible = path.chars().all(|c| c.is_ascii_graphic());
    if visible && path.len() <= 512 && path.starts_with('/') && path.ends_with('/') {
        Ok(())
    } else {
        Err(format!(
            "{path:?} must begin and end with /, such as /analytics/"
        ))
    }
}

fn description(text: &str) -> Result<(), String> {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    match (text.chars().count(), text.chars().find(|c| !fits(*c))) {
        (1001.., _) => Err(format!(
            "has {} characters; at most 1000 are allowed",
            text.chars().count()
        )),
        (_, Some(other)) => Err(format!(
            "contains {other:?}; IAM allows only Latin-1 characters (Western European letters)"
        )),
        _ => Ok(()),
    }
}

/// Characters as IAM counts them, without white space between the elements.
fn length<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> usize {
    policies
        .into_iter()
        .map(|p| p.to_json().chars().count())
        .sum()
}

impl CustomResource for Role {
    const TOKEN: &'static str = "dbt-aws:iam:Role";
    const DOC: &'static str = "An identity that services, tasks and people assume.\n\nImport with the name or the ARN. Deleting the role first removes its inline policies and detaches its managed ones, whoever attached them; AWS refuses to delete a role that an instance profile holds.\n\nSee [roles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html).";
    const ACTIONS: &'static [&'static str] = &[
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
        "iam:ListRoles",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
    ];
    const IDS: Option<Ids> = Some(Ids {
        // The path comes first.
        of: |given| {
            given
                .text()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned()
        },
        ..Ids::name("shop-tasks", "iam", "role/")
    });
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = RoleInputs;
    type Outputs = RoleOutputs;
    type Tagging = super::Retag;

    fn check(check: &mut Check<'_>) {
        if let Some(trust) = check.value("assumeRolePolicy").filter(|v| !v.is_unknown()) {
            let policy = Policy::check(&trust, PolicyKind::Trust, "assumeRolePolicy", check);
            let length = length([&policy]);
            if length > 4096 {
                let reason = format!("has {length} characters of JSON; at most 4096 are allowed");
                check.fail("assumeRolePolicy", reason);
            }
        }
        let own = Naming {
            longest: 128,
            ..NAME
        };
        let inline = check.value("inlinePolicies").unwrap_or_default();
        let mut known = Vec::new();
        for name in check.keys("inlinePolicies") {
            let path = pulumi_aws_framework::props::join(
                "inlinePolicies",
                &pulumi_aws_framework::props::join(&name, ""),
            );
            if let Err(reason) = own.check(&name) {
                check.fail(&path, reason);
            }
            let policy = inline.field(&name);
            if !policy.is_unknown() {
                known.push(Policy::check(&policy, PolicyKind::Identity, &path, check));
            }
        }
        let length = length(&known);
        if length > 10_240 {
            let reason = format!(
                "have {length} characters of JSON in all; at most 10240 are allowed: use managed policies instead"
            );
            check.fail("inlinePolicies", reason);
        }
    }

    async fn create(cx: &Context, inputs: &RoleInputs) -> Result<Created<Self>> {
        let name = inputs.name.clone().unwrap_or_default();
        let what = format!("the role {name}");
        let made = cx
            .aws
            .iam()
            .create_role()
            .role_name(&name)
            .path(&inputs.path)
            .set_description(inputs.description.clone())
            .assume_role_policy_document(inputs.assume_role_policy.to_json())
            .max_session_duration(inputs.max_session_duration)
            .set_permissions_boundary(inputs.permissions_boundary.clone())
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => Ok(match made.role {
                Some(role) => Created::Known(name, outputs(&role)),
                None => name.into(),
            }),
            Err(error) if error.is_already_exists() => {
                let there = cx.aws.iam().get_role().role_name(&name).send().await;
                let there = there.during(format!("look at {what}"))?;
                let tags = there.role.map(|r| from_tags(r.tags())).unwrap_or_default();
                Created::adopt(cx, name, &what, &tags)
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &RoleInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        if let Some(old) = old {
            settings(cx, id, new, &old.inputs).await?;
        }
        let old = old.map(|o| &o.inputs);
        tokio::try_join!(
            inline(
                cx,
                id,
                new.inline_policies.as_ref(),
                old.and_then(|o| o.inline_policies.as_ref())
            ),
            attached(
                cx,
                id,
                new.managed_policy_arns.as_ref(),
                old.and_then(|o| o.managed_policy_arns.as_ref())
            ),
        )?;
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&RoleInputs>,
    ) -> Result<Option<State<Self>>> {
        let what = format!("read the role {id}");
        // Policies that the program leaves to others are not looked at.
        let (inline, managed) = known.map_or((true, true), |k| {
            (k.inline_policies.is_some(), k.managed_policy_arns.is_some())
        });
        let (role, inline, managed) = tokio::join!(
            cx.aws.iam().get_role().role_name(id).send(),
            async {
                match inline {
                    true => inline_policies(cx, id, known).await.map(Some),
                    false => Ok(None),
                }
            },
            async {
                match managed {
                    true => attached_policies(cx, id).await.map(Some),
                    false => Ok(None),
                }
            },
        );
        let Some(role) = role.during(&what).gone()?.and_then(|r| r.role) else {
            return Ok(None);
        };
        let given = |present: bool| known.is_some() || present;
        let (inline, managed) = (inline?, managed?);
        Ok(Some(State {
            inputs: RoleInputs {
                name: Some(role.role_name().to_owned()),
                path: role.path().to_owned(),
                description: role
                    .description()
                    .filter(|d| !d.is_empty())
                    .map(str::to_owned),
                assume_role_policy: Policy::from_json_like(
                    role.assume_role_policy_document().unwrap_or_default(),
                    known.map(|k| &k.assume_role_policy),
                )?,
                inline_policies: inline.filter(|all| given(!all.is_empty())),
                managed_policy_arns: managed.filter(|all| given(!all.is_empty())),
                permissions_boundary: role
                    .permissions_boundary()
                    .and_then(|b| b.permissions_boundary_arn())
                    .map(str::to_owned),
                max_session_duration: role.max_session_duration().unwrap_or(3600),
                tags: Some(from_tags(role.tags())),
            },
            outputs: outputs(&role),
        }))
    }

    list!(
        iam.list_roles[marker, set_marker].roles,
        |role| role.role_name()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let delete = async || {
            let deleted = cx.aws.iam().delete_role().role_name(id).send().await;
            deleted.during(format!("delete the role {id}")).map(drop)
        };
        let inline = state.inputs.inline_policies.iter().flatten();
        let managed = state.inputs.managed_policy_arns.iter().flatten();
        strip(cx, id, inline.map(|(name, _)| name), managed).await?;
        let Err(error) = delete().await else {
            return Ok(());
        };
        if error.class() != Some(pulumi_aws_framework::aws::Class::InUse) {
            return Err(error);
        }
        // Somebody else may have given it more.
        let (inline, managed) = tokio::try_join!(inline_names(cx, id), attached_policies(cx, id))?;
        if !inline.is_empty() || !managed.is_empty() {
            strip(cx, id, inline.iter(), managed.iter()).await?;
            return delete().await;
        }
        // An instance profile does not go by itself; a policy that was just detached does.
        let holders = cx
            .aws
            .iam()
            .list_instance_profiles_for_role()
            .role_name(id)
            .send()
            .await;
        let holders = holders.during(format!("list what holds the role {id}"))?;
        match holders.instance_profiles().first() {
            Some(holder) => Err(Error::failed(format!(
                "could not delete the role {id}: the instance profile {} holds it; remove the role from it, then run \
                 the command again",
                holder.instance_profile_name()
            ))),
            None => Err(error),
        }
    }
}

fn outputs(role: &Found) -> RoleOutputs {
    RoleOutputs {
        arn: role.arn().to_owned(),
        unique_id: role.role_id().to_owned(),
    }
}

/// Brings what is the role's own from `old` to `new`.
async fn settings(cx: &Context, id: &str, new: &RoleInputs, old: &RoleInputs) -> Result<()> {
    let what = format!("update the role {id}");
    let iam = cx.aws.iam();
    if !new.assume_role_policy.means(&old.assume_role_policy) {
        let document = new.assume_role_policy.to_json();
        iam.update_assume_role_policy()
            .role_name(id)
            .policy_document(document)
            .send()
            .await
            .during(&what)?;
    }
    if (&new.description, new.max_session_duration) != (&old.description, old.max_session_duration)
    {
        iam.update_role()
            .role_name(id)
            .description(new.description.as_deref().unwrap_or_default())
            .max_session_duration(new.max_session_duration)
            .send()
            .await
            .during(&what)?;
    }
    match (&new.permissions_boundary, &old.permissions_boundary) {
        (new, old) if new == old => {}
        (Some(arn), _) => {
            let put = iam
                .put_role_permissions_boundary()
                .role_name(id)
                .permissions_boundary(arn);
            put.send().await.during(&what)?;
        }
        (None, _) => {
            let delete = iam.delete_role_permissions_boundary().role_name(id);
            delete.send().await.during(&what).gone()?;
        }
    }
    Ok(())
}
