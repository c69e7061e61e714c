//! `dbt-aws:ec2:SecurityGroup`.

use super::{filter, refused, remove, security_group_rule, tag_specification};
use crate::{prelude::*, resources::rds::explain_in_use};
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, Ipv6Range, ResourceType};
use aws_sdk_rds::types::DbInstance;
use pulumi_aws_framework::context::Phase;
use std::collections::BTreeSet;

/// What may reach a network interface, and what it may reach.
#[derive(Debug)]
pub struct SecurityGroup;

/// What a security group is made from.
#[derive(Clone, Debug, Props)]
pub struct SecurityGroupInputs {
    /// The VPC that it belongs to.
    #[prop(replace, check = formats::id("vpc"))]
    pub vpc_id: String,
    /// Its name, unique in the VPC: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`, not beginning with
    /// `sg-`. Default: the resource's name with a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// A description: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`. Default: `Managed by Pulumi`.
    #[prop(replace, default = "Managed by Pulumi", check = super::description)]
    pub description: String,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a security group.
#[derive(Clone, Debug, Props)]
pub struct SecurityGroupOutputs {
    /// The security group's id.
    pub security_group_id: String,
    /// The ARN.
    pub arn: String,
}

const NAME: Naming = Naming {
    field: "name",
    longest: 255,
    others: " ._-:/()#,@[]+=&;{}!$*",
    lower: false,
};

fn name(name: &str) -> Result<(), String> {
    match name.starts_with("sg-") {
        true => Err("must not begin with sg-".to_owned()),
        false => NAME.check(name),
    }
}

impl CustomResource for SecurityGroup {
    const TOKEN: &'static str = "dbt-aws:ec2:SecurityGroup";
    const DOC: &'static str = "What may reach a network interface, and what it may reach. Its rules are `SecurityGroupRule` resources and nothing else: the rule that lets everything out, which AWS adds to a new group, is removed.\n\nImport with the group's id, `sg-...`, or the ARN. See [security groups](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSecurityGroup",
        "ec2:CreateTags",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteTags",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "ec2:RevokeSecurityGroupEgress",
        "rds:DescribeDBInstances",
    ];
    const IDS: Option<Ids> = Some(Ids::number(
        "sg-0123456789abcdef0",
        "ec2",
        "security-group/",
    ));
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = SecurityGroupInputs;
    type Outputs = SecurityGroupOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &SecurityGroupInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the security group {name}");
        let made = cx
            .aws
            .ec2()
            .create_security_group()
            .vpc_id(&inputs.vpc_id)
            .group_name(name)
            .description(&inputs.description)
            .tag_specifications(tag_specification(
                ResourceType::SecurityGroup,
                cx.tags(inputs.tags.as_ref()),
            ))
            .send()
            .await
            .during(format!("create {what}"));
        let error = match made {
            Ok(made) => {
                let id = made.group_id.unwrap_or_default();
                // A group that stayed open would look like any other: without a state, the next run makes it again.
                if let Err(error) = close(cx, &id).await {
                    let delete = cx.aws.ec2().delete_security_group().group_id(&id);
                    let _left_for_the_next_run = delete.send().await;
                    return Err(error);
                }
                return Ok(match made.security_group_arn {
                    Some(arn) => {
                        let security_group_id = id.clone();
                        let outputs = SecurityGroupOutputs {
                            security_group_id,
                            arn,
                        };
                        Created::Known(id, outputs)
                    }
                    None => id.into(),
                });
            }
            Err(error) if error.is_already_exists() => error,
            Err(error) => return Err(error),
        };
        let there = cx
            .aws
            .ec2()
            .describe_security_groups()
            .filters(filter("vpc-id", &inputs.vpc_id))
            .filters(filter("group-name", name))
            .send()
            .await
            .during(format!("look for {what}"))?;
        let Some(group) = there.security_groups().first() else {
            return Err(error);
        };
        let id = group.group_id().unwrap_or_default();
        let adopted = Created::adopt(cx, id, &what, &from_tags(group.tags()))?;
        close(cx, id).await?;
        Ok(adopted)
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&SecurityGroupInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = cx
            .aws
            .ec2()
            .describe_security_groups()
            .group_ids(id)
            .send()
            .await
            .during(format!("read {id}"))
            .gone()?;
        let Some(group) = found.as_ref().and_then(|f| f.security_groups().first()) else {
            return Ok(None);
        };
        let account = group.owner_id().unwrap_or_default();
        Ok(Some(State {
            inputs: SecurityGroupInputs {
                vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
                name: group.group_name().map(str::to_owned),
                description: group.description().unwrap_or_default().to_owned(),
                tags: Some(from_tags(group.tags())),
            },
            outputs: SecurityGroupOutputs {
                security_group_id: id.to_owned(),
                arn: cx.arn("ec2", account, &format!("security-group/{id}")),
            },
        }))
    }

    list!(
        ec2.describe_security_groups[next_token, set_next_token, set_filters].security_groups,
        |group| group.group_id(),
        group.tags()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let deleted = cx
            .aws
            .ec2()
            .delete_security_group()
            .group_id(id)
            .send()
            .await;
        match deleted.during(format!("delete {id}")) {
            Ok(_) => Ok(()),
            Err(error) if cx.is_still_in_use(&error) => {
                let uses = |i: &DbInstance| {
                    let mut groups = i.vpc_security_groups().iter();
                    groups.any(|g| g.vpc_security_group_id() == Some(id))
                };
                let error = explain_in_use(cx, id, error, uses).await;
                let error = with_rules(cx, id, error).await?;
                Err(refused(cx, error, filter("group-id", id)).await)
            }
            Err(error) => Err(error),
        }
    }
}

/// The refusal of a delete with the other groups whose rules name this one; rules that an interrupted run left in them
/// are removed.
async fn with_rules(cx: &Context, id: &str, error: Error) -> Result<Error> {
    let what = format!("look for rules that name {id}");
    let by = |name| {
        let groups = cx.aws.ec2().describe_security_groups();
        groups.filters(filter(name, id)).send()
    };
    let (incoming, outgoing) = tokio::join!(
        by("ip-permission.group-id"),
        by("egress.ip-permission.group-id")
    );
    let found = [incoming.during(&what)?, outgoing.during(&what)?];
    let groups = found.iter().flat_map(|found| found.security_groups());
    let ids = groups.filter_map(|group| group.group_id());
    let others: BTreeSet<_> = ids.filter(|group| *group != id).collect();
    if others.is_empty() {
        return Ok(error);
    }
    let of_others = Filter::builder().name("group-id");
    let of_others = of_others.set_values(Some(others.iter().map(|&id| id.to_owned()).collect()));
    let rules = cx.aws.ec2().describe_security_group_rules();
    let rules = rules
        .filters(of_others.build())
        .send()
        .await
        .during(&what)?;
    let rules = rules.security_group_rules().iter();
    let rules = rules.filter(|rule| security_group_rule::source(rule) == Some(id));
    let (ours, theirs): (Vec<_>, Vec<_>) = rules.partition(|rule| {
        // Another resource of the program may have made what shares the seed, and keep it.
        !cx.is_outside_component() && cx.identity.shares_seed(&from_tags(rule.tags()))
    });
    let ours = ours.iter().filter_map(|rule| rule.security_group_rule_id());
    remove::<security_group_rule::SecurityGroupRule>(cx, ours).await?;
    let theirs: BTreeSet<_> = theirs.iter().filter_map(|rule| rule.group_id()).collect();
    let theirs: Vec<_> = theirs.into_iter().collect();
    match error {
        Error::Aws(mut error) if !theirs.is_empty() => {
            let theirs = theirs.join(", ");
            // What the engine deletes at the same time has gone by now.
            if cx.elapsed() > Duration::from_secs(60) {
                return Err(Error::failed(format!(
                    "could not delete {id}: rules of {theirs} refer to it, and this program does not delete them; delete them by hand, then run this command again"
                )));
            }
            error.message = format!("{}; rules of {theirs} refer to it", error.message);
            Ok((*error).into())
        }
        other => Ok(other),
    }
}

/// Removes the rules that AWS gives to a new group: everything may leave, by IPv6 too where the VPC has it.
async fn close(cx: &Context, id: &str) -> Result<()> {
    let everything = || IpPermission::builder().ip_protocol("-1");
    let v4 = everything().ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build());
    let v6 = everything().ipv6_ranges(Ipv6Range::builder().cidr_ipv6("::/0").build());
    let what = format!("remove the default rule of {id}");
    let revoke = async |rule: &IpPermission| {
        let revoke = cx.aws.ec2().revoke_security_group_egress().group_id(id);
        let revoked = revoke.ip_permissions(rule.clone()).send().await;
        match revoked.during(&what) {
            Err(error) if error.code() != Some("InvalidPermission.NotFound") => Err(error),
            _ => Ok(()),
        }
    };
    let (v4, v6) = (v4.build(), v6.build());
    // EC2 may not know the group yet.
    tokio::try_join!(
        cx.retry(&what, Phase::Create, || revoke(&v4)),
        cx.retry(&what, Phase::Create, || revoke(&v6)),
    )?;
    Ok(())
}
