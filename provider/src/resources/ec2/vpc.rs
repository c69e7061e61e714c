//! `dbt-aws:ec2:Vpc`.

use super::{filter, guardduty, refused, sweep_vpc, tag_specification, without_sdk_retries};
use crate::prelude::*;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, ResourceType, SecurityGroup as Group, Vpc as Found, VpcAttributeName,
};
use pulumi_aws_framework::aws;

/// A virtual private cloud: an isolated network.
#[derive(Debug)]
pub struct Vpc;

/// What a VPC is made from.
#[derive(Clone, Debug, Props)]
pub struct VpcInputs {
    /// The addresses: an IPv4 block of /16 to /28.
    #[prop(replace, check = super::block)]
    pub cidr_block: Cidr,
    /// Whether instances get DNS names. Default: `true`.
    #[prop(default = true)]
    pub enable_dns_hostnames: bool,
    /// Whether AWS's resolver answers in the VPC. Default: `true`.
    #[prop(default = true)]
    pub enable_dns_support: bool,
    /// Whether the rules of the VPC's default security group are removed. What has no other security group can then
    /// neither connect nor be reached. Setting it back to `false` does not restore the rules. Default: `false`.
    #[prop(default = false)]
    pub close_default_security_group: bool,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a VPC.
#[derive(Clone, Debug, Props)]
pub struct VpcOutputs {
    /// The VPC's id.
    pub vpc_id: String,
    /// The ARN.
    pub arn: String,
}

impl CustomResource for Vpc {
    const TOKEN: &'static str = "dbt-aws:ec2:Vpc";
    const DOC: &'static str = "A virtual private cloud: an isolated network.\n\nImport with the VPC's id, `vpc-...`, or the ARN. See [VPCs](https://docs.aws.amazon.com/vpc/latest/userguide/configure-your-vpc.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateTags",
        "ec2:CreateVpc",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteTags",
        "ec2:DeleteVpc",
        "ec2:DeleteVpcEndpoints",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "ec2:ModifyVpcAttribute",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
    ];
    const IDS: Option<Ids> = Some(Ids::number("vpc-0123456789abcdef0", "ec2", "vpc/"));
    type Inputs = VpcInputs;
    type Outputs = VpcOutputs;
    type Tagging = super::Retag;

    fn check(check: &mut Check<'_>) {
        if let (Some(true), Some(false)) = (
            check.get("enableDnsHostnames"),
            check.get("enableDnsSupport"),
        ) {
            check.fail("enableDnsHostnames", "needs enableDnsSupport");
        }
    }

    async fn create(cx: &Context, inputs: &VpcInputs) -> Result<Created<Self>> {
        let what = format!("the VPC {}", cx.identity.name());
        // AWS takes no token here: look for what an interrupted create left.
        if !cx.is_first()
            && let Some(left) = Created::interrupted(cx).await?
        {
            return Ok(left);
        }
        let made = cx
            .aws
            .ec2()
            .create_vpc()
            .cidr_block(inputs.cidr_block.to_string())
            .tag_specifications(tag_specification(
                ResourceType::Vpc,
                cx.tags(inputs.tags.as_ref()),
            ))
            .customize()
            .config_override(without_sdk_retries())
            .send()
            .await
            .during(format!("create {what}"))?;
        let vpc = made.vpc.unwrap_or_else(|| Found::builder().build());
        let id = vpc.vpc_id().unwrap_or_default();
        Ok(Created::Known(id.to_owned(), outputs(cx, &vpc)))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &VpcInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let closes = new.close_default_security_group
            && !old.is_some_and(|o| o.inputs.close_default_security_group);
        let (set, closed) = tokio::join!(attributes(cx, id, new, old.map(|o| &o.inputs)), async {
            match closes {
                true => close(cx, id).await,
                false => Ok(()),
            }
        });
        set.and(closed)
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&VpcInputs>,
    ) -> Result<Option<State<Self>>> {
        let what = format!("read {id}");
        let attribute = |name| {
            cx.aws
                .ec2()
                .describe_vpc_attribute()
                .vpc_id(id)
                .attribute(name)
                .send()
        };
        let closed = async {
            match known.is_some_and(|k| k.close_default_security_group) {
                true => Ok(default_group(cx, id).await?.is_none_or(|g| is_closed(&g))),
                false => Ok::<_, Error>(false),
            }
        };
        let (vpcs, hostnames, support, closed) = tokio::join!(
            cx.aws.ec2().describe_vpcs().vpc_ids(id).send(),
            attribute(VpcAttributeName::EnableDnsHostnames),
            attribute(VpcAttributeName::EnableDnsSupport),
            closed,
        );
        let Some(vpcs) = vpcs.during(&what).gone()? else {
            return Ok(None);
        };
        let Some(vpc) = vpcs.vpcs().first() else {
            return Ok(None);
        };
        let (hostnames, support) = (hostnames.during(&what)?, support.during(&what)?);
        Ok(Some(State {
            inputs: VpcInputs {
                cidr_block: Cidr::parse(vpc.cidr_block().unwrap_or_default())
                    .map_err(Error::failed)?,
                enable_dns_hostnames: hostnames
                    .enable_dns_hostnames
                    .and_then(|v| v.value)
                    .unwrap_or(false),
                enable_dns_support: support
                    .enable_dns_support
                    .and_then(|v| v.value)
                    .unwrap_or(true),
                close_default_security_group: closed?,
                tags: Some(from_tags(vpc.tags())),
            },
            outputs: outputs(cx, vpc),
        }))
    }

    list!(
        ec2.describe_vpcs[next_token, set_next_token, set_filters].vpcs,
        |vpc| vpc.vpc_id(),
        vpc.tags()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let deleted = cx.aws.ec2().delete_vpc().vpc_id(id).send().await;
        let Err(error) = deleted.during(format!("delete {id}")) else {
            return Ok(());
        };
        if !cx.is_still_in_use(&error) {
            return Err(error);
        }
        sweep_vpc(cx, id).await?;
        guardduty::leave_vpc(cx, id).await?;
        Err(refused(cx, error, filter("vpc-id", id)).await)
    }
}

/// Brings the DNS attributes from `old`, or those of a new VPC, to `new`.
async fn attributes(
    cx: &Context,
    id: &str,
    new: &VpcInputs,
    old: Option<&VpcInputs>,
) -> Result<()> {
    // A new VPC resolves names but does not give them.
    let (support, hostnames) = old.map_or((true, false), |o| {
        (o.enable_dns_support, o.enable_dns_hostnames)
    });
    let value = |on| AttributeBooleanValue::builder().value(on).build();
    let what = format!("set the DNS attributes of {id}");
    let modify = || cx.aws.ec2().modify_vpc_attribute().vpc_id(id);
    // Support comes first and goes last: hostnames need it.
    if new.enable_dns_support && !support {
        modify()
            .enable_dns_support(value(true))
            .send()
            .await
            .during(&what)?;
    }
    if new.enable_dns_hostnames != hostnames {
        modify()
            .enable_dns_hostnames(value(new.enable_dns_hostnames))
            .send()
            .await
            .during(&what)?;
    }
    if !new.enable_dns_support && support {
        modify()
            .enable_dns_support(value(false))
            .send()
            .await
            .during(&what)?;
    }
    Ok(())
}

/// The default security group, with what its rules permit.
async fn default_group(cx: &Context, vpc: &str) -> Result<Option<Group>> {
    let groups = cx
        .aws
        .ec2()
        .describe_security_groups()
        .filters(filter("vpc-id", vpc))
        .filters(filter("group-name", "default"))
        .send()
        .await
        .during(format!("look at the default security group of {vpc}"))?;
    Ok(groups
        .security_groups
        .unwrap_or_default()
        .into_iter()
        .next())
}

fn is_closed(group: &Group) -> bool {
    group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty()
}

/// Removes the rules of the default security group.
async fn close(cx: &Context, vpc: &str) -> Result<()> {
    let what = format!("remove the rules of the default security group of {vpc}");
    let Some(group) = default_group(cx, vpc).await? else {
        return Err(aws::Error::not_yet(what, "AWS does not show the group").into());
    };
    let id = group.group_id.unwrap_or_default();
    let (incoming, outgoing) = (
        group.ip_permissions.filter(|all| !all.is_empty()),
        group.ip_permissions_egress.filter(|all| !all.is_empty()),
    );
    let ec2 = cx.aws.ec2();
    // Somebody has removed one, or the answer to an attempt before this one was lost.
    let look_again = |error: Error| match error.code() {
        Some("InvalidPermission.NotFound") => {
            aws::Error::not_yet(&what, "its rules are others by now").into()
        }
        _ => error,
    };
    let (incoming, outgoing) = tokio::join!(
        async {
            let Some(all) = incoming else { return Ok(()) };
            let revoke = ec2.revoke_security_group_ingress().group_id(&id);
            let revoked = revoke.set_ip_permissions(Some(all)).send().await;
            revoked.during(&what).map(drop).map_err(look_again)
        },
        async {
            let Some(all) = outgoing else { return Ok(()) };
            let revoke = ec2.revoke_security_group_egress().group_id(&id);
            let revoked = revoke.set_ip_permissions(Some(all)).send().await;
            revoked.during(&what).map(drop).map_err(look_again)
        },
    );
    incoming.and(outgoing)
}

fn outputs(cx: &Context, vpc: &Found) -> VpcOutputs {
    let id = vpc.vpc_id().unwrap_or_default();
    let account = vpc.owner_id().unwrap_or_default();
    VpcOutputs {
        vpc_id: id.to_owned(),
        arn: cx.arn("ec2", account, &format!("vpc/{id}")),
    }
}
