//! `dbt-aws:ec2:NatGateway`.

use super::{tag_specification, with_token};
use crate::prelude::*;
use aws_sdk_ec2::types::{NatGateway as Found, NatGatewayState, ResourceType};

/// A way out to the internet for subnets without public addresses.
#[derive(Debug)]
pub struct NatGateway;

/// What a NAT gateway is made from.
#[derive(Clone, Debug, Props)]
pub struct NatGatewayInputs {
    /// The allocation ID of its elastic IP.
    #[prop(replace, check = formats::id("eipalloc"))]
    pub allocation_id: String,
    /// The public subnet in which it is created.
    #[prop(replace, check = formats::id("subnet"))]
    pub subnet_id: String,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a NAT gateway.
#[derive(Clone, Debug, Props)]
pub struct NatGatewayOutputs {
    /// The NAT gateway's id.
    pub nat_gateway_id: String,
    /// The address that the internet sees, such as `198.51.100.7`.
    pub public_ip: String,
}

impl CustomResource for NatGateway {
    const TOKEN: &'static str = "dbt-aws:ec2:NatGateway";
    const DOC: &'static str = "A way out to the internet for subnets without public addresses. Making one takes about two minutes, and it costs by the hour.\n\nImport with the gateway's id, `nat-...`, or the ARN. See [NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateNatGateway",
        "ec2:CreateTags",
        "ec2:DeleteNatGateway",
        "ec2:DeleteTags",
        "ec2:DescribeNatGateways",
    ];
    const IDS: Option<Ids> = Some(Ids::number("nat-0123456789abcdef0", "ec2", "natgateway/"));
    const EXCLUSIVE_SLOT: &'static [&'static str] = &["allocationId"];
    type Inputs = NatGatewayInputs;
    type Outputs = NatGatewayOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &NatGatewayInputs) -> Result<Created<Self>> {
        let what = format!("the NAT gateway {}", cx.identity.name());
        let make = async |token| {
            let made = cx
                .aws
                .ec2()
                .create_nat_gateway()
                .allocation_id(&inputs.allocation_id)
                .subnet_id(&inputs.subnet_id)
                .client_token(token)
                .tag_specifications(tag_specification(
                    ResourceType::Natgateway,
                    cx.tags(inputs.tags.as_ref()),
                ))
                .send()
                .await
                .during(format!("create {what}"))?;
            let gateway = made.nat_gateway.unwrap_or_else(|| Found::builder().build());
            let id = gateway.nat_gateway_id().unwrap_or_default();
            Ok(id.into())
        };
        with_token(cx, &what, inputs, make).await
    }

    async fn ready(cx: &Context, id: &str) -> Result<Option<NatGatewayOutputs>> {
        cx.wait(&format!("creating {id}"), || async {
            let found = find(cx, id).await?;
            let state = found.as_ref().and_then(Found::state).cloned();
            match state {
                Some(NatGatewayState::Available) => {
                    Ok(Progress::Done(found.map(|found| outputs(id, &found))))
                }
                Some(NatGatewayState::Failed) => Err(Error::failed(format!(
                    "AWS could not create {id}: {}; correct that, run `pulumi refresh`, then `pulumi up`",
                    found.as_ref().and_then(Found::failure_message).unwrap_or("it gave no reason")
                ))),
                Some(state @ (NatGatewayState::Deleting | NatGatewayState::Deleted)) => {
                    let state = state.as_str();
                    Err(Error::failed(format!(
                        "{id} is {state}; run `pulumi refresh`, then `pulumi up`"
                    )))
                }
                Some(state) => Ok(Progress::Pending(state.as_str().to_owned())),
                None => Ok(Progress::Pending("not visible yet".to_owned())),
            }
        })
        .await
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&NatGatewayInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(gateway) = find(cx, id).await?.filter(|g| !is_dead(g)) else {
            return Ok(None);
        };
        let address = gateway.nat_gateway_addresses().first();
        if known.is_none() {
            let private = address.and_then(|a| a.allocation_id()).is_none();
            importable(id, [("a private address alone", private)])?;
        }
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Some(State {
            inputs: NatGatewayInputs {
                allocation_id: text(address.and_then(|a| a.allocation_id())),
                subnet_id: text(gateway.subnet_id()),
                tags: Some(from_tags(gateway.tags())),
            },
            outputs: outputs(id, &gateway),
        }))
    }

    list!(
        ec2.describe_nat_gateways[next_token, set_next_token, set_filter].nat_gateways,
        |gateway| gateway.nat_gateway_id().filter(|_| !is_dead(gateway)),
        gateway.tags()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        cx.aws
            .ec2()
            .delete_nat_gateway()
            .nat_gateway_id(id)
            .send()
            .await
            .during(format!("delete {id}"))?;
        // Its address and its subnet stay in use until it is gone.
        cx.wait(&format!("deleting {id}"), || async {
            let found = find(cx, id).await?;
            match found.as_ref().and_then(Found::state) {
                None | Some(NatGatewayState::Deleted) => Ok(Progress::Done(())),
                Some(state) => Ok(Progress::Pending(state.as_str().to_owned())),
            }
        })
        .await
    }
}

fn outputs(id: &str, gateway: &Found) -> NatGatewayOutputs {
    let address = gateway.nat_gateway_addresses().first();
    let public_ip = address.and_then(|a| a.public_ip()).unwrap_or_default();
    NatGatewayOutputs {
        nat_gateway_id: id.to_owned(),
        public_ip: public_ip.to_owned(),
    }
}

/// AWS shows a dead NAT gateway for about an hour.
fn is_dead(gateway: &Found) -> bool {
    use NatGatewayState::{Deleted, Deleting, Failed};
    matches!(gateway.state(), Some(Deleted | Deleting | Failed))
}

async fn find(cx: &Context, id: &str) -> Result<Option<Found>> {
    let found = cx
        .aws
        .ec2()
        .describe_nat_gateways()
        .nat_gateway_ids(id)
        .send()
        .await
        .during(format!("read {id}"))
        .gone()?;
    Ok(found.and_then(|f| f.nat_gateways?.into_iter().next()))
}
