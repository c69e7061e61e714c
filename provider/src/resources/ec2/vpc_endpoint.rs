//! `dbt-aws:ec2:VpcEndpoint`.

use super::{tag_specification, with_token};
use crate::{prelude::*, resources::iam::policy};
use aws_sdk_ec2::types::{
    ResourceType, State as EndpointState, VpcEndpoint as Found, VpcEndpointType,
};
use pulumi_aws_framework::{
    aws,
    props::{Text, Type},
    resource::REGION,
};

/// A way to S3 or DynamoDB that does not leave AWS's network.
#[derive(Debug)]
pub struct VpcEndpoint;

/// What a gateway endpoint is made from.
#[derive(Clone, Debug, Props)]
pub struct VpcEndpointInputs {
    /// The VPC that it is for.
    #[prop(replace, check = formats::id("vpc"))]
    pub vpc_id: String,
    /// The service: `s3` or `dynamodb` of the same region, or in full, such as `com.amazonaws.eu-west-1.s3`.
    #[prop(replace)]
    pub service_name: ServiceName,
    /// The route tables that lead to it; their subnets can use it. Default: none.
    #[prop(default = None, check = formats::each(formats::id("rtb")))]
    pub route_table_ids: Option<Set<String>>,
    /// What may be done through it: a [policy](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html).
    /// Default: everything.
    #[prop(default = None)]
    pub policy: Option<Json>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of an endpoint.
#[derive(Clone, Debug, Props)]
pub struct VpcEndpointOutputs {
    /// The endpoint's id.
    pub vpc_endpoint_id: String,
    /// The ARN.
    pub arn: String,
}

/// A service that has gateway endpoints, by its short or its full name.
#[derive(Clone, Debug)]
pub struct ServiceName(String);

static SERVICE_NAME: Text = Text {
    check: |text| match short(text) {
        "dynamodb" | "s3" => Ok(()),
        _ => Err(format!(
            "{text} has no gateway endpoint; give s3 or dynamodb"
        )),
    },
    same: |a, b| short(a) == short(b),
};

/// The last part of a full name; a resource is in one region all its life.
fn short(name: &str) -> &str {
    name.strip_prefix("com.amazonaws.")
        .and_then(|rest| rest.split_once('.'))
        .map_or(name, |(_, service)| service)
}

impl ServiceName {
    fn full(&self, region: &str) -> String {
        format!("com.amazonaws.{region}.{}", short(&self.0))
    }
}

impl Property for ServiceName {
    fn ty() -> Type {
        Type::Text(&SERVICE_NAME)
    }
    fn decode(value: &Value) -> Result<Self, Failure> {
        String::decode(value).map(Self)
    }
    fn encode(&self) -> Value {
        self.0.encode()
    }
}

impl CustomResource for VpcEndpoint {
    const TOKEN: &'static str = "dbt-aws:ec2:VpcEndpoint";
    const DOC: &'static str = "A gateway endpoint: a way to S3 or DynamoDB that does not leave AWS's network and costs nothing.\n\nImport with the endpoint's id, `vpce-...`, or the ARN. See [gateway endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateTags",
        "ec2:CreateVpcEndpoint",
        "ec2:DeleteTags",
        "ec2:DeleteVpcEndpoints",
        "ec2:DescribeVpcEndpoints",
        "ec2:ModifyVpcEndpoint",
    ];
    const IDS: Option<Ids> = Some(Ids::number(
        "vpce-0123456789abcdef0",
        "ec2",
        "vpc-endpoint/",
    ));
    type Inputs = VpcEndpointInputs;
    type Outputs = VpcEndpointOutputs;
    type Tagging = super::Retag;

    fn fill_in(
        _scope: &CheckScope<'_>,
        inputs: &mut Properties,
        old: &Properties,
        _warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        policy::keep(inputs, old);
        let text = |name| inputs.get(name).and_then(Value::as_str);
        let (Some(name), Some(region)) = (text("serviceName"), text(REGION)) else {
            return Ok(());
        };
        if name == short(name) || name == ServiceName(name.to_owned()).full(region) {
            return Ok(());
        }
        Err(Failure {
            path: "serviceName".to_owned(),
            reason: format!(
                "{name} is not in {region}, where the endpoint is; give {}",
                short(name)
            ),
        })
    }

    async fn create(cx: &Context, inputs: &VpcEndpointInputs) -> Result<Created<Self>> {
        let what = format!("the VPC endpoint {}", cx.identity.name());
        let make = async |token| {
            let tables = inputs.route_table_ids.iter().flatten().cloned().collect();
            let made = cx
                .aws
                .ec2()
                .create_vpc_endpoint()
                .vpc_endpoint_type(VpcEndpointType::Gateway)
                .vpc_id(&inputs.vpc_id)
                .service_name(inputs.service_name.full(cx.aws.region()))
                .set_route_table_ids(Some(tables))
                .set_policy_document(inputs.policy.as_ref().map(ToString::to_string))
                .client_token(token)
                .tag_specifications(tag_specification(
                    ResourceType::VpcEndpoint,
                    cx.tags(inputs.tags.as_ref()),
                ))
                .send()
                .await
                .during(format!("create {what}"))?;
            let endpoint = made.vpc_endpoint.as_ref();
            let id = endpoint
                .and_then(|e| e.vpc_endpoint_id())
                .unwrap_or_default();
            let created = match endpoint {
                Some(endpoint) => Created::Known(id.to_owned(), outputs(cx, id, endpoint)),
                None => id.into(),
            };
            Ok(created)
        };
        with_token(cx, &what, inputs, make).await
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &VpcEndpointInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let tables = |i: &VpcEndpointInputs| i.route_table_ids.clone().unwrap_or_default();
        let (before, after) = (tables(&old.inputs), tables(new));
        let policy_differs = old.inputs.policy != new.policy;
        if before != after || policy_differs {
            let difference = |a: &Set<String>, b: &Set<String>| {
                let ids: Vec<_> = a.difference(b).cloned().collect();
                (!ids.is_empty()).then_some(ids)
            };
            let policy = new.policy.clone().unwrap_or_else(|| Json(everything()));
            cx.aws
                .ec2()
                .modify_vpc_endpoint()
                .vpc_endpoint_id(id)
                .set_add_route_table_ids(difference(&after, &before))
                .set_remove_route_table_ids(difference(&before, &after))
                .set_policy_document(policy_differs.then(|| policy.to_string()))
                .send()
                .await
                .during(format!("change {id}"))?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&VpcEndpointInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = cx
            .aws
            .ec2()
            .describe_vpc_endpoints()
            .vpc_endpoint_ids(id)
            .send()
            .await
            .during(format!("read {id}"))
            .gone()?;
        let found = found.as_ref().and_then(|f| f.vpc_endpoints().first());
        let Some(endpoint) = found.filter(|e| !is_dead(e.state())) else {
            return Ok(None);
        };
        if known.is_none() {
            importable(id, [("another type than Gateway", !is_gateway(endpoint))])?;
        }
        let tables: Set<_> = endpoint.route_table_ids().iter().cloned().collect();
        let given = |get: fn(&VpcEndpointInputs) -> bool| known.is_some_and(get);
        let policy = endpoint
            .policy_document()
            .and_then(|text| serde_json::from_str(text).ok())
            .filter(|policy| given(|k| k.policy.is_some()) || !allows_everything(policy));
        Ok(Some(State {
            inputs: VpcEndpointInputs {
                vpc_id: endpoint.vpc_id().unwrap_or_default().to_owned(),
                service_name: ServiceName(endpoint.service_name().unwrap_or_default().to_owned()),
                route_table_ids: (given(|k| k.route_table_ids.is_some()) || !tables.is_empty())
                    .then_some(tables),
                policy: policy
                    .map(|read| policy::like(read, known.and_then(|k| k.policy.as_ref()))),
                tags: Some(from_tags(endpoint.tags())),
            },
            outputs: outputs(cx, id, endpoint),
        }))
    }

    list!(
        ec2.describe_vpc_endpoints[next_token, set_next_token, set_filters].vpc_endpoints,
        |endpoint| endpoint.vpc_endpoint_id().filter(|_| !is_dead(endpoint.state()) && is_gateway(endpoint)),
        endpoint.tags()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        remove(cx, id).await
    }
}

/// Removes an endpoint of any kind.
pub(super) async fn remove(cx: &Context, id: &str) -> Result<()> {
    let what = format!("delete {id}");
    let answer = cx
        .aws
        .ec2()
        .delete_vpc_endpoints()
        .vpc_endpoint_ids(id)
        .send()
        .await
        .during(&what)?;
    // What fails of a list is told in an answer that succeeds.
    match answer.unsuccessful().first().and_then(|u| u.error()) {
        Some(error) => {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            Err(
                aws::Error::from_batch_failure(what, text(error.code()), text(error.message()))
                    .into(),
            )
        }
        None => Ok(()),
    }
}

fn outputs(cx: &Context, id: &str, endpoint: &Found) -> VpcEndpointOutputs {
    let account = endpoint.owner_id().unwrap_or_default();
    VpcEndpointOutputs {
        vpc_endpoint_id: id.to_owned(),
        arn: cx.arn("ec2", account, &format!("vpc-endpoint/{id}")),
    }
}

fn is_gateway(endpoint: &Found) -> bool {
    endpoint.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway)
}

pub(super) fn is_dead(state: Option<&EndpointState>) -> bool {
    // AWS's list of states is in upper case, its answers are not.
    let state = state.map(|s| s.as_str().to_ascii_lowercase());
    let dead = ["deleted", "deleting", "expired", "failed", "rejected"];
    state.is_some_and(|state| dead.contains(&state.as_str()))
}

/// The policy of an endpoint that is given none.
fn everything() -> serde_json::Value {
    serde_json::json!({
        "Version": "2008-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    })
}

fn allows_everything(policy: &serde_json::Value) -> bool {
    let statement = |policy: &serde_json::Value| match &policy["Statement"] {
        serde_json::Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    statement(policy) == statement(&everything())
}
