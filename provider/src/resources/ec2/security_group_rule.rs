//! `dbt-aws:ec2:SecurityGroupRule`.

use super::{filter, tag_specification};
use crate::prelude::*;
use aws_sdk_ec2::types::{
    IpPermission, IpRange, PrefixListId, ResourceType, SecurityGroupRule as Found,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};

/// An ingress or egress rule of a security group.
#[derive(Debug)]
pub struct SecurityGroupRule;

words! {
    /// Which way a rule lets packets pass.
    pub enum SecurityGroupRuleType {
        /// In.
        Ingress = "ingress",
        /// Out.
        Egress = "egress",
    }
}

words! {
    /// What a rule lets pass.
    pub enum SecurityGroupRuleProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// ICMP.
        Icmp = "icmp",
        /// Everything.
        All = "-1",
    }
}

use SecurityGroupRuleProtocol as Protocol;
use SecurityGroupRuleType as Way;

/// What a rule is made from. The other end is exactly one of `cidrBlock`, `sourceSecurityGroupId` and `prefixListId`.
#[derive(Clone, Debug, Props)]
pub struct SecurityGroupRuleInputs {
    /// The security group that it belongs to.
    #[prop(replace, check = formats::id("sg"))]
    pub security_group_id: String,
    /// Whether it lets in or out.
    #[prop(replace)]
    pub r#type: SecurityGroupRuleType,
    /// What it lets pass.
    pub protocol: SecurityGroupRuleProtocol,
    /// The first port, 0 to 65535, or the ICMP type, where -1 is all. Needed for all protocols but `-1`, which has none.
    #[prop(check = port)]
    pub from_port: Option<i32>,
    /// The last port, or the ICMP code, where -1 is all.
    #[prop(check = port)]
    pub to_port: Option<i32>,
    /// The addresses at the other end.
    #[prop(replace)]
    pub cidr_block: Option<Cidr>,
    /// The security group at the other end; for egress, too.
    #[prop(replace, check = formats::id("sg"))]
    pub source_security_group_id: Option<String>,
    /// The prefix list at the other end, such as that of a gateway endpoint.
    #[prop(replace, check = formats::id("pl"))]
    pub prefix_list_id: Option<String>,
    /// What it is for: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    #[prop(default = None, check = super::description)]
    pub description: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a rule.
#[derive(Clone, Debug, Props)]
pub struct SecurityGroupRuleOutputs {
    /// The rule's id.
    pub security_group_rule_id: String,
}

fn port(port: &i32) -> Result<(), String> {
    if (-1..=65_535).contains(port) {
        Ok(())
    } else {
        Err("must be 0 to 65535".to_owned())
    }
}

impl CustomResource for SecurityGroupRule {
    const TOKEN: &'static str = "dbt-aws:ec2:SecurityGroupRule";
    const DOC: &'static str = "An ingress or egress rule of a security group.\n\nImport with the rule's id, `sgr-...`, or the ARN. See [security group rules](https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DescribeSecurityGroupRules",
        "ec2:ModifySecurityGroupRules",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
    ];
    const IDS: Option<Ids> = Some(Ids::number(
        "sgr-0123456789abcdef0",
        "ec2",
        "security-group-rule/",
    ));
    type Inputs = SecurityGroupRuleInputs;
    type Outputs = SecurityGroupRuleOutputs;
    type Tagging = super::Retag;

    fn check(check: &mut Check<'_>) {
        check.exactly_one(&["cidrBlock", "sourceSecurityGroupId", "prefixListId"]);
        let Some(protocol) = check.get::<Protocol>("protocol") else {
            return;
        };
        for name in ["fromPort", "toPort"] {
            let port = check.get::<Option<i32>>(name).flatten();
            match protocol {
                Protocol::All if check.has(name) => {
                    check.fail(
                        name,
                        "protocol -1 means all traffic and has no ports; leave the ports out",
                    );
                }
                Protocol::All => {}
                _ if !check.has(name) => {
                    check.fail(name, format!("is required for {}", protocol_word(protocol)));
                }
                Protocol::Icmp if port.is_some_and(|p| p > 255) => {
                    check.fail(name, "must be -1 to 255 for icmp");
                }
                Protocol::Tcp | Protocol::Udp if port == Some(-1) => {
                    check.fail(name, "must be 0 to 65535");
                }
                _ => {}
            }
        }
        let ports = (check.get::<Option<i32>>("fromPort"), check.get("toPort"));
        if let (Some(Some(from)), Some(Some(to))) = ports
            && matches!(protocol, Protocol::Tcp | Protocol::Udp)
            && from > to
        {
            check.fail("toPort", format!("must not be less than fromPort, {from}"));
        }
    }

    async fn create(cx: &Context, inputs: &SecurityGroupRuleInputs) -> Result<Created<Self>> {
        let group = &inputs.security_group_id;
        let what = format!("the rule {} of {group}", cx.identity.name());
        let tags = tag_specification(
            ResourceType::SecurityGroupRule,
            cx.tags(inputs.tags.as_ref()),
        );
        let ec2 = cx.aws.ec2();
        let made = match inputs.r#type {
            Way::Ingress => ec2
                .authorize_security_group_ingress()
                .group_id(group)
                .ip_permissions(permission(inputs))
                .tag_specifications(tags)
                .send()
                .await
                .during(format!("create {what}"))
                .map(|made| made.security_group_rules),
            Way::Egress => ec2
                .authorize_security_group_egress()
                .group_id(group)
                .ip_permissions(permission(inputs))
                .tag_specifications(tags)
                .send()
                .await
                .during(format!("create {what}"))
                .map(|made| made.security_group_rules),
        };
        let error = match made {
            Ok(rules) => {
                let rule = rules.and_then(|r| r.into_iter().next());
                let id = rule.and_then(|r| r.security_group_rule_id);
                let id = id.unwrap_or_default();
                let security_group_rule_id = id.clone();
                return Ok(Created::Known(
                    id,
                    SecurityGroupRuleOutputs {
                        security_group_rule_id,
                    },
                ));
            }
            Err(error) if error.is_already_exists() => error,
            Err(error) => return Err(error),
        };
        let there = ec2
            .describe_security_group_rules()
            .filters(filter("group-id", group))
            .send()
            .await
            .during(format!("look for {what}"))?;
        let mut rules = there.security_group_rules().iter();
        match rules.find(|rule| is_same(rule, inputs)) {
            Some(rule) => Created::adopt(
                cx,
                rule.security_group_rule_id().unwrap_or_default(),
                &what,
                &from_tags(rule.tags()),
            ),
            None => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &SecurityGroupRuleInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let settings = |i: &SecurityGroupRuleInputs| {
            (i.protocol, i.from_port, i.to_port, i.description.clone())
        };
        if settings(&old.inputs) != settings(new) {
            let rule = SecurityGroupRuleUpdate::builder()
                .security_group_rule_id(id)
                .security_group_rule(request(new))
                .build();
            cx.aws
                .ec2()
                .modify_security_group_rules()
                .group_id(&new.security_group_id)
                .security_group_rules(rule)
                .send()
                .await
                .during(format!("change {id}"))?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&SecurityGroupRuleInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = cx
            .aws
            .ec2()
            .describe_security_group_rules()
            .security_group_rule_ids(id)
            .send()
            .await
            .during(format!("read {id}"))
            .gone()?;
        let Some(rule) = found
            .as_ref()
            .and_then(|f| f.security_group_rules().first())
        else {
            return Ok(None);
        };
        if known.is_none() {
            importable(id, [("an IPv6 block", rule.cidr_ipv6().is_some())])?;
        }
        let word = rule.ip_protocol().unwrap_or_default();
        let protocol = pulumi_aws_framework::props::Enum::from_word(word).ok_or_else(|| {
            Error::failed(format!(
                "could not read the rule {id}: its protocol {word} is not supported; tcp, udp, icmp and -1 are"
            ))
        })?;
        let port = |port: Option<i32>| port.filter(|_| protocol != Protocol::All);
        let block = rule.cidr_ipv4().map(Cidr::parse).transpose();
        Ok(Some(State {
            inputs: SecurityGroupRuleInputs {
                security_group_id: rule.group_id().unwrap_or_default().to_owned(),
                r#type: way(rule),
                protocol,
                from_port: port(rule.from_port()),
                to_port: port(rule.to_port()),
                cidr_block: block.map_err(Error::failed)?,
                source_security_group_id: source(rule).map(str::to_owned),
                prefix_list_id: rule.prefix_list_id().map(str::to_owned),
                description: rule
                    .description()
                    .filter(|d| !d.is_empty())
                    .map(str::to_owned),
                tags: Some(from_tags(rule.tags())),
            },
            outputs: SecurityGroupRuleOutputs {
                security_group_rule_id: id.to_owned(),
            },
        }))
    }

    list!(
        ec2.describe_security_group_rules[next_token, set_next_token, set_filters].security_group_rules,
        |rule| rule.security_group_rule_id(),
        rule.tags()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        let (ec2, group) = (cx.aws.ec2(), &state.inputs.security_group_id);
        let what = format!("delete {id}");
        match state.inputs.r#type {
            Way::Ingress => ec2
                .revoke_security_group_ingress()
                .group_id(group)
                .security_group_rule_ids(id)
                .send()
                .await
                .during(what)
                .map(drop),
            Way::Egress => ec2
                .revoke_security_group_egress()
                .group_id(group)
                .security_group_rule_ids(id)
                .send()
                .await
                .during(what)
                .map(drop),
        }
    }
}

fn protocol_word(protocol: Protocol) -> &'static str {
    pulumi_aws_framework::props::Enum::word(protocol)
}

/// The rule as a create takes it. Without ports AWS expects -1.
fn permission(inputs: &SecurityGroupRuleInputs) -> IpPermission {
    let description = || inputs.description.clone();
    let range = |block: Cidr| {
        IpRange::builder()
            .cidr_ip(block.to_string())
            .set_description(description())
            .build()
    };
    let group = |id: &String| {
        UserIdGroupPair::builder()
            .group_id(id)
            .set_description(description())
            .build()
    };
    let list = |id: &String| {
        PrefixListId::builder()
            .prefix_list_id(id)
            .set_description(description())
            .build()
    };
    IpPermission::builder()
        .ip_protocol(protocol_word(inputs.protocol))
        .from_port(inputs.from_port.unwrap_or(-1))
        .to_port(inputs.to_port.unwrap_or(-1))
        .set_ip_ranges(inputs.cidr_block.map(|b| vec![range(b)]))
        .set_user_id_group_pairs(
            inputs
                .source_security_group_id
                .as_ref()
                .map(|g| vec![group(g)]),
        )
        .set_prefix_list_ids(inputs.prefix_list_id.as_ref().map(|l| vec![list(l)]))
        .build()
}

/// The rule as a change takes it: all of it.
fn request(inputs: &SecurityGroupRuleInputs) -> SecurityGroupRuleRequest {
    SecurityGroupRuleRequest::builder()
        .ip_protocol(protocol_word(inputs.protocol))
        .from_port(inputs.from_port.unwrap_or(-1))
        .to_port(inputs.to_port.unwrap_or(-1))
        .set_cidr_ipv4(inputs.cidr_block.map(|b| b.to_string()))
        .set_referenced_group_id(inputs.source_security_group_id.clone())
        .set_prefix_list_id(inputs.prefix_list_id.clone())
        .set_description(inputs.description.clone())
        .build()
}

fn way(rule: &Found) -> Way {
    if rule.is_egress() == Some(true) {
        Way::Egress
    } else {
        Way::Ingress
    }
}

pub(super) fn source(rule: &Found) -> Option<&str> {
    rule.referenced_group_info().and_then(|g| g.group_id())
}

/// Whether AWS takes the two for the same rule.
fn is_same(rule: &Found, inputs: &SecurityGroupRuleInputs) -> bool {
    let block = inputs.cidr_block.map(|b| b.to_string());
    way(rule) == inputs.r#type
        && rule.ip_protocol() == Some(protocol_word(inputs.protocol))
        && rule.from_port().unwrap_or(-1) == inputs.from_port.unwrap_or(-1)
        && rule.to_port().unwrap_or(-1) == inputs.to_port.unwrap_or(-1)
        && rule.cidr_ipv4() == block.as_deref()
        && source(rule) == inputs.source_security_group_id.as_deref()
        && rule.prefix_list_id() == inputs.prefix_list_id.as_deref()
}
