//! `dbt-aws:ec2:Route`.

use crate::prelude::*;
use aws_sdk_ec2::types::Route as Found;

/// Where a route table sends packets for some addresses.
#[derive(Debug)]
pub struct Route;

/// What a route is made from.
#[derive(Clone, Debug, Props)]
pub struct RouteInputs {
    /// The route table that holds it.
    #[prop(replace, check = formats::id("rtb"))]
    pub route_table_id: String,
    /// The addresses; `0.0.0.0/0` is the default route.
    #[prop(replace)]
    pub destination_cidr_block: Cidr,
    /// The internet gateway that the packets go to. Excludes `natGatewayId`.
    #[prop(default = None, check = formats::id("igw"))]
    pub gateway_id: Option<String>,
    /// The NAT gateway that the packets go to. Excludes `gatewayId`.
    #[prop(default = None, check = formats::id("nat"))]
    pub nat_gateway_id: Option<String>,
}

/// What AWS says of a route.
#[derive(Clone, Debug, Props)]
pub struct RouteOutputs {}

impl CustomResource for Route {
    const TOKEN: &'static str = "dbt-aws:ec2:Route";
    const DOC: &'static str = "Where a route table sends packets for some addresses.\n\nImport with the table's id and the addresses, `rtb-..._0.0.0.0/0`. See [routes](https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html#route-table-routes).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateRoute",
        "ec2:DeleteRoute",
        "ec2:DescribeRouteTables",
        "ec2:ReplaceRoute",
    ];
    const IDS: Option<Ids> = Some(Ids {
        form: Form::Other(|id| {
            let parts = id.split_once('_');
            parts.is_some_and(|(table, to)| {
                formats::id("rtb")(table).is_ok() && Cidr::parse(to).is_ok()
            })
        }),
        ..Ids::number("rtb-0123456789abcdef0_0.0.0.0/0", "ec2", "route/")
    });
    type Inputs = RouteInputs;
    type Outputs = RouteOutputs;
    type Tagging = Untagged;

    fn check(check: &mut Check<'_>) {
        check.exactly_one(&["gatewayId", "natGatewayId"]);
    }

    async fn create(cx: &Context, inputs: &RouteInputs) -> Result<Created<Self>> {
        let (table, to) = (&inputs.route_table_id, &inputs.destination_cidr_block);
        let id = format!("{table}_{to}");
        let made = cx
            .aws
            .ec2()
            .create_route()
            .route_table_id(table)
            .destination_cidr_block(to.to_string())
            .set_gateway_id(inputs.gateway_id.clone())
            .set_nat_gateway_id(inputs.nat_gateway_id.clone())
            .send()
            .await
            .during(format!("create the route to {to} in {table}"));
        match made {
            Ok(_) => Ok(Created::Known(id, RouteOutputs {})),
            // A route carries no tags: it belongs to whoever made the table.
            Err(error) if error.is_already_exists() => match super::route_table(cx, table).await? {
                Some(found) if cx.identity.shares_seed(&from_tags(found.tags())) => {
                    Ok(Created::Adopted(id))
                }
                _ => Created::adopt(
                    cx,
                    id,
                    &format!("the route to {to} in {table}"),
                    &Tags::new(),
                ),
            },
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &RouteInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let target = |i: &RouteInputs| (i.gateway_id.clone(), i.nat_gateway_id.clone());
        if old.is_none_or(|old| target(&old.inputs) == target(new)) {
            return Ok(());
        }
        cx.aws
            .ec2()
            .replace_route()
            .route_table_id(&new.route_table_id)
            .destination_cidr_block(new.destination_cidr_block.to_string())
            .set_gateway_id(new.gateway_id.clone())
            .set_nat_gateway_id(new.nat_gateway_id.clone())
            .send()
            .await
            .during(format!("change the target of the route {id}"))?;
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&RouteInputs>,
    ) -> Result<Option<State<Self>>> {
        let parts = id.split_once('_');
        let Some((table_id, Ok(to))) = parts.map(|(table, to)| (table, Cidr::parse(to))) else {
            return Err(Error::failed(format!(
                "{id:?} is not the id of a route; give the route table's id and the addresses, such as rtb-12345678_0.0.0.0/0"
            )));
        };
        let table = super::route_table(cx, table_id).await?;
        let route = table.as_ref().and_then(|table| {
            let text = to.to_string();
            let mut routes = table.routes().iter();
            routes.find(|r| r.destination_cidr_block() == Some(text.as_str()))
        });
        if let (Some(route), None) = (route, known) {
            importable(
                &format!("the route {id}"),
                [(
                    "another target than an internet or a NAT gateway",
                    !is_ours(route),
                )],
            )?;
        }
        Ok(route.map(|route| State {
            inputs: RouteInputs {
                route_table_id: table_id.to_owned(),
                destination_cidr_block: to,
                gateway_id: route.gateway_id().map(str::to_owned),
                nat_gateway_id: route.nat_gateway_id().map(str::to_owned),
            },
            outputs: RouteOutputs {},
        }))
    }

    async fn list(cx: &Context, _: &[Filter], token: Option<String>) -> Result<Page> {
        let list = cx.aws.ec2().describe_route_tables().set_next_token(token);
        let found = list.send().await.during(format!("list {}", Self::TOKEN))?;
        let routes = found.route_tables().iter().flat_map(|table| {
            let all = table.routes().iter().filter(|route| is_ours(route));
            all.filter_map(|route| {
                let (table, to) = (table.route_table_id()?, route.destination_cidr_block()?);
                listed(format!("{table}_{to}").as_str(), [])
            })
        });
        Ok(Page {
            objects: routes.collect(),
            next: found.next_token,
        })
    }

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        cx.aws
            .ec2()
            .delete_route()
            .route_table_id(&state.inputs.route_table_id)
            .destination_cidr_block(state.inputs.destination_cidr_block.to_string())
            .send()
            .await
            .during(format!("delete the route {id}"))?;
        Ok(())
    }
}

/// Whether packets go where a property here says so.
fn is_ours(route: &Found) -> bool {
    let internet = route.gateway_id().is_some_and(|id| id.starts_with("igw-"));
    internet || route.nat_gateway_id().is_some()
}
