//! `dbt-aws:ec2:RouteTable`.

use super::{tag_specification, with_token};
use crate::prelude::*;
use aws_sdk_ec2::types::{ResourceType, RouteTable as Found};

/// Where packets that leave a subnet go.
#[derive(Debug)]
pub struct RouteTable;

/// What a route table is made from.
#[derive(Clone, Debug, Props)]
pub struct RouteTableInputs {
    /// The VPC whose subnets may use it.
    #[prop(replace, check = formats::id("vpc"))]
    pub vpc_id: String,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a route table.
#[derive(Clone, Debug, Props)]
pub struct RouteTableOutputs {
    /// The route table's id.
    pub route_table_id: String,
    /// The ARN.
    pub arn: String,
}

impl CustomResource for RouteTable {
    const TOKEN: &'static str = "dbt-aws:ec2:RouteTable";
    const DOC: &'static str = "Where packets that leave a subnet go. Its routes are `Route` resources, its subnets `RouteTableAssociation` resources.\n\nImport with the table's id, `rtb-...`, or the ARN. See [route tables](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateRouteTable",
        "ec2:CreateTags",
        "ec2:DeleteRouteTable",
        "ec2:DeleteTags",
        "ec2:DescribeRouteTables",
    ];
    const IDS: Option<Ids> = Some(Ids::number("rtb-0123456789abcdef0", "ec2", "route-table/"));
    type Inputs = RouteTableInputs;
    type Outputs = RouteTableOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &RouteTableInputs) -> Result<Created<Self>> {
        let what = format!("the route table {}", cx.identity.name());
        let make = async |token| {
            let made = cx
                .aws
                .ec2()
                .create_route_table()
                .vpc_id(&inputs.vpc_id)
                .client_token(token)
                .tag_specifications(tag_specification(
                    ResourceType::RouteTable,
                    cx.tags(inputs.tags.as_ref()),
                ))
                .send()
                .await
                .during(format!("create {what}"))?;
            let table = made.route_table.unwrap_or_else(|| Found::builder().build());
            let id = table.route_table_id().unwrap_or_default();
            let created = Created::Known(id.to_owned(), outputs(cx, &table));
            Ok(created)
        };
        with_token(cx, &what, inputs, make).await
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&RouteTableInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(table) = super::route_table(cx, id).await? else {
            return Ok(None);
        };
        Ok(Some(State {
            inputs: RouteTableInputs {
                vpc_id: table.vpc_id().unwrap_or_default().to_owned(),
                tags: Some(from_tags(table.tags())),
            },
            outputs: outputs(cx, &table),
        }))
    }

    list!(
        ec2.describe_route_tables[next_token, set_next_token, set_filters].route_tables,
        |table| table.route_table_id(),
        table.tags()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        cx.aws
            .ec2()
            .delete_route_table()
            .route_table_id(id)
            .send()
            .await
            .during(format!("delete {id}"))?;
        Ok(())
    }
}

fn outputs(cx: &Context, table: &Found) -> RouteTableOutputs {
    let id = table.route_table_id().unwrap_or_default();
    let account = table.owner_id().unwrap_or_default();
    RouteTableOutputs {
        route_table_id: id.to_owned(),
        arn: cx.arn("ec2", account, &format!("route-table/{id}")),
    }
}
