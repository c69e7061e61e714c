//! `dbt-aws:ec2:RouteTableAssociation`.

use super::filter;
use crate::prelude::*;
use aws_sdk_ec2::types::{RouteTable, RouteTableAssociation as Association};

/// Which route table a subnet uses.
#[derive(Debug)]
pub struct RouteTableAssociation;

/// What an association is made from.
#[derive(Clone, Debug, Props)]
pub struct RouteTableAssociationInputs {
    /// The subnet; it uses one table at a time.
    #[prop(replace, check = formats::id("subnet"))]
    pub subnet_id: String,
    /// The route table, of the same VPC. A change is made in place, without a gap.
    #[prop(check = formats::id("rtb"))]
    pub route_table_id: String,
}

/// What AWS says of an association.
#[derive(Clone, Debug, Props)]
pub struct RouteTableAssociationOutputs {
    /// AWS's id of the association, `rtbassoc-...`.
    #[prop(follows(route_table_id))]
    pub association_id: String,
}

impl CustomResource for RouteTableAssociation {
    const TOKEN: &'static str = "dbt-aws:ec2:RouteTableAssociation";
    const DOC: &'static str = "Which route table a subnet uses, instead of its VPC's main one.\n\nImport with the subnet's id, `subnet-...`, or the association's, `rtbassoc-...`. See [subnet route tables](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ec2:AssociateRouteTable",
        "ec2:DescribeRouteTables",
        "ec2:DisassociateRouteTable",
        "ec2:ReplaceRouteTableAssociation",
    ];
    const IDS: Option<Ids> = Some(Ids {
        form: Form::Other(|id| {
            ["subnet", "rtbassoc"]
                .iter()
                .any(|kind| formats::id(kind)(id).is_ok())
        }),
        ..Ids::number("subnet-0123456789abcdef0", "ec2", "subnet/")
    });
    type Inputs = RouteTableAssociationInputs;
    type Outputs = RouteTableAssociationOutputs;
    type Tagging = Untagged;

    async fn create(cx: &Context, inputs: &RouteTableAssociationInputs) -> Result<Created<Self>> {
        let subnet = &inputs.subnet_id;
        let what = format!("the association of {subnet} with {}", inputs.route_table_id);
        let made = cx
            .aws
            .ec2()
            .associate_route_table()
            .subnet_id(subnet)
            .route_table_id(&inputs.route_table_id)
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => Ok(Created::Known(
                subnet.clone(),
                RouteTableAssociationOutputs {
                    association_id: made.association_id.unwrap_or_default(),
                },
            )),
            // An association carries no tags: it belongs to whoever made the table.
            Err(error) if error.is_already_exists() => match find(cx, subnet).await? {
                Some((table, _)) if cx.identity.shares_seed(&from_tags(table.tags())) => {
                    Ok(Created::Adopted(subnet.clone()))
                }
                _ => Created::adopt(cx, subnet, &what, &Tags::new()),
            },
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &RouteTableAssociationInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old.filter(|o| o.inputs.route_table_id != new.route_table_id) else {
            return Ok(());
        };
        cx.aws
            .ec2()
            .replace_route_table_association()
            .association_id(&old.outputs.association_id)
            .route_table_id(&new.route_table_id)
            .send()
            .await
            .during(format!("associate {id} with {}", new.route_table_id))?;
        Ok(())
    }

    async fn find(cx: &Context, id: String) -> Result<Option<String>> {
        if id.starts_with("subnet-") {
            return Ok(Some(id));
        }
        let found = cx
            .aws
            .ec2()
            .describe_route_tables()
            .filters(filter("association.route-table-association-id", &id))
            .send()
            .await
            .during(format!("look for {id}"))?;
        let mut all = found.route_tables().iter().flat_map(|t| t.associations());
        let association = all.find(|a| a.route_table_association_id() == Some(&id));
        Ok(association.and_then(|a| a.subnet_id().map(str::to_owned)))
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&RouteTableAssociationInputs>,
    ) -> Result<Option<State<Self>>> {
        Ok(find(cx, id).await?.map(|(table, association)| State {
            inputs: RouteTableAssociationInputs {
                subnet_id: id.to_owned(),
                route_table_id: table.route_table_id.unwrap_or_default(),
            },
            outputs: RouteTableAssociationOutputs {
                association_id: association.route_table_association_id.unwrap_or_default(),
            },
        }))
    }

    async fn list(cx: &Context, _: &[Filter], token: Option<String>) -> Result<Page> {
        let list = cx.aws.ec2().describe_route_tables().set_next_token(token);
        let found = list.send().await.during(format!("list {}", Self::TOKEN))?;
        let all = found
            .route_tables()
            .iter()
            .flat_map(RouteTable::associations);
        let all = all.filter_map(|association| listed(association.subnet_id(), []));
        Ok(Page {
            objects: all.collect(),
            next: found.next_token,
        })
    }

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        cx.aws
            .ec2()
            .disassociate_route_table()
            .association_id(&state.outputs.association_id)
            .send()
            .await
            .during(format!("remove the route table of {id}"))?;
        Ok(())
    }
}

/// The table that a subnet is associated with, and the association.
async fn find(cx: &Context, subnet: &str) -> Result<Option<(RouteTable, Association)>> {
    let found = cx
        .aws
        .ec2()
        .describe_route_tables()
        .filters(filter("association.subnet-id", subnet))
        .send()
        .await
        .during(format!("look for the route table of {subnet}"))?;
    Ok(found
        .route_tables
        .and_then(|t| t.into_iter().next())
        .and_then(|table| {
            let mut all = table.associations().iter();
            let association = all.find(|a| a.subnet_id() == Some(subnet))?.clone();
            Some((table, association))
        }))
}
