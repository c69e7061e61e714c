//! `dbt-aws:ec2:InternetGateway`.

use super::{tag_specification, without_sdk_retries};
use crate::prelude::*;
use aws_sdk_ec2::types::{InternetGateway as Found, ResourceType};

/// A VPC's way to the internet.
#[derive(Debug)]
pub struct InternetGateway;

/// What an internet gateway is made from.
#[derive(Clone, Debug, Props)]
pub struct InternetGatewayInputs {
    /// The VPC that it serves; one VPC has one at most. Default: it is attached to none.
    #[prop(replace, check = formats::id("vpc"))]
    pub vpc_id: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of an internet gateway.
#[derive(Clone, Debug, Props)]
pub struct InternetGatewayOutputs {
    /// The internet gateway's id.
    pub internet_gateway_id: String,
    /// The ARN.
    pub arn: String,
}

impl CustomResource for InternetGateway {
    const TOKEN: &'static str = "dbt-aws:ec2:InternetGateway";
    const DOC: &'static str = "A VPC's way to the internet.\n\nImport with the gateway's id, `igw-...`, or the ARN. See [internet gateways](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:AttachInternetGateway",
        "ec2:CreateInternetGateway",
        "ec2:CreateTags",
        "ec2:DeleteInternetGateway",
        "ec2:DeleteTags",
        "ec2:DescribeInternetGateways",
        "ec2:DetachInternetGateway",
    ];
    const IDS: Option<Ids> = Some(Ids::number(
        "igw-0123456789abcdef0",
        "ec2",
        "internet-gateway/",
    ));
    type Inputs = InternetGatewayInputs;
    type Outputs = InternetGatewayOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &InternetGatewayInputs) -> Result<Created<Self>> {
        let what = format!("the internet gateway {}", cx.identity.name());
        // AWS takes no token here: look for what an interrupted create left.
        if !cx.is_first()
            && let Some(left) = Created::<Self>::interrupted(cx).await?
        {
            let there = Self::read(cx, left.id(), None).await?;
            if let (Some(vpc), None) = (&inputs.vpc_id, there.and_then(|s| s.inputs.vpc_id)) {
                attach(cx, left.id(), vpc).await?;
            }
            return Ok(left);
        }
        let made = cx
            .aws
            .ec2()
            .create_internet_gateway()
            .tag_specifications(tag_specification(
                ResourceType::InternetGateway,
                cx.tags(inputs.tags.as_ref()),
            ))
            .customize()
            .config_override(without_sdk_retries())
            .send()
            .await
            .during(format!("create {what}"))?;
        let gateway = made
            .internet_gateway
            .unwrap_or_else(|| Found::builder().build());
        let id = gateway.internet_gateway_id().unwrap_or_default();
        Ok(Created::Known(id.to_owned(), outputs(cx, &gateway)))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &InternetGatewayInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        if let Some(vpc) = &new.vpc_id
            && old.is_none_or(|o| o.inputs.vpc_id.as_ref() != Some(vpc))
        {
            attach(cx, id, vpc).await?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&InternetGatewayInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = cx
            .aws
            .ec2()
            .describe_internet_gateways()
            .internet_gateway_ids(id)
            .send()
            .await
            .during(format!("read {id}"))
            .gone()?;
        let Some(gateway) = found.as_ref().and_then(|f| f.internet_gateways().first()) else {
            return Ok(None);
        };
        Ok(Some(State {
            inputs: InternetGatewayInputs {
                vpc_id: gateway
                    .attachments()
                    .first()
                    .and_then(|a| a.vpc_id().map(str::to_owned)),
                tags: Some(from_tags(gateway.tags())),
            },
            outputs: outputs(cx, gateway),
        }))
    }

    list!(
        ec2.describe_internet_gateways[next_token, set_next_token, set_filters].internet_gateways,
        |gateway| gateway.internet_gateway_id(),
        gateway.tags()
    );

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        if let Some(vpc) = &state.inputs.vpc_id {
            cx.aws
                .ec2()
                .detach_internet_gateway()
                .internet_gateway_id(id)
                .vpc_id(vpc)
                .send()
                .await
                .during(format!("detach {id} from {vpc}"))
                .gone()?;
        }
        cx.aws
            .ec2()
            .delete_internet_gateway()
            .internet_gateway_id(id)
            .send()
            .await
            .during(format!("delete {id}"))?;
        Ok(())
    }
}

fn outputs(cx: &Context, gateway: &Found) -> InternetGatewayOutputs {
    let id = gateway.internet_gateway_id().unwrap_or_default();
    let account = gateway.owner_id().unwrap_or_default();
    InternetGatewayOutputs {
        internet_gateway_id: id.to_owned(),
        arn: cx.arn("ec2", account, &format!("internet-gateway/{id}")),
    }
}

async fn attach(cx: &Context, id: &str, vpc: &str) -> Result<()> {
    let attached = cx
        .aws
        .ec2()
        .attach_internet_gateway()
        .internet_gateway_id(id)
        .vpc_id(vpc)
        .send()
        .await
        .during(format!("attach {id} to {vpc}"));
    match attached {
        Ok(_) => Ok(()),
        // The answer to an attempt before this one may have been lost.
        Err(error) if error.is_already_exists() => {
            let there = InternetGateway::read(cx, id, None).await?;
            match there.and_then(|s| s.inputs.vpc_id) {
                Some(there) if there == vpc => Ok(()),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}
