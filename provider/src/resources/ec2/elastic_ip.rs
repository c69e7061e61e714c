//! `dbt-aws:ec2:ElasticIp`.

use super::{tag_specification, without_sdk_retries};
use crate::prelude::*;
use aws_sdk_ec2::types::{DomainType, ResourceType};

/// A public IPv4 address that stays.
#[derive(Debug)]
pub struct ElasticIp;

/// What an elastic IP is made from.
#[derive(Clone, Debug, Props)]
pub struct ElasticIpInputs {
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of an elastic IP.
#[derive(Clone, Debug, Props)]
pub struct ElasticIpOutputs {
    /// The allocation's id.
    pub allocation_id: String,
    /// The address, such as `198.51.100.7`.
    pub public_ip: String,
}

impl CustomResource for ElasticIp {
    const TOKEN: &'static str = "dbt-aws:ec2:ElasticIp";
    const DOC: &'static str = "A public IPv4 address that stays.\n\nImport with the allocation's id, `eipalloc-...`, or the ARN. See [elastic IP addresses](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:AllocateAddress",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DescribeAddresses",
        "ec2:ReleaseAddress",
    ];
    const IDS: Option<Ids> = Some(Ids::number(
        "eipalloc-0123456789abcdef0",
        "ec2",
        "elastic-ip/",
    ));
    type Inputs = ElasticIpInputs;
    type Outputs = ElasticIpOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &ElasticIpInputs) -> Result<Created<Self>> {
        let what = format!("the elastic IP {}", cx.identity.name());
        // AWS takes no token here: look for what an interrupted create left.
        if !cx.is_first()
            && let Some(left) = Created::interrupted(cx).await?
        {
            return Ok(left);
        }
        let made = cx
            .aws
            .ec2()
            .allocate_address()
            .domain(DomainType::Vpc)
            .tag_specifications(tag_specification(
                ResourceType::ElasticIp,
                cx.tags(inputs.tags.as_ref()),
            ))
            .customize()
            .config_override(without_sdk_retries())
            .send()
            .await
            .during(format!("allocate {what}"))?;
        let id = made.allocation_id.unwrap_or_default();
        let outputs = ElasticIpOutputs {
            allocation_id: id.clone(),
            public_ip: made.public_ip.unwrap_or_default(),
        };
        Ok(Created::Known(id, outputs))
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&ElasticIpInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = cx
            .aws
            .ec2()
            .describe_addresses()
            .allocation_ids(id)
            .send()
            .await
            .during(format!("read {id}"))
            .gone()?;
        let address = found.as_ref().and_then(|f| f.addresses().first());
        Ok(address.map(|address| State {
            inputs: ElasticIpInputs {
                tags: Some(from_tags(address.tags())),
            },
            outputs: ElasticIpOutputs {
                allocation_id: id.to_owned(),
                public_ip: address.public_ip().unwrap_or_default().to_owned(),
            },
        }))
    }

    async fn list(cx: &Context, filters: &[Filter], _: Option<String>) -> Result<Page> {
        let list = cx.aws.ec2().describe_addresses();
        let list = list.set_filters(super::filters(filters)).send().await;
        let found = list.during(format!("list {}", Self::TOKEN))?;
        let all = found.addresses().iter();
        let all = all.filter_map(|a| listed(a.allocation_id(), [from_tags(a.tags())]));
        Ok(Page {
            objects: all.collect(),
            next: None,
        })
    }

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        cx.aws
            .ec2()
            .release_address()
            .allocation_id(id)
            .send()
            .await
            .during(format!("release {id}"))?;
        Ok(())
    }
}
