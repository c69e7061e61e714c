//! `dbt-aws:rds:SubnetGroup`.

use super::{arn, check_name, explain_in_use, tags_of};
use crate::prelude::*;
use aws_sdk_rds::types::{DbInstance, DbSubnetGroup};

/// The subnets that a database may be in.
#[derive(Debug)]
pub struct SubnetGroup;

/// What a subnet group is made from.
#[derive(Clone, Debug, Props)]
pub struct SubnetGroupInputs {
    /// The name: 1 to 255 lower-case letters, digits and single hyphens. Default: the resource's name with a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// What it is for. Default: `Managed by Pulumi`.
    #[prop(default = "Managed by Pulumi", check = super::description)]
    pub description: String,
    /// The ids of the subnets, in at least two availability zones of one VPC.
    #[prop(check = two)]
    pub subnet_ids: Set<String>,
    /// The VPC of the subnets. AWS does not move a group to another one: with this, a change of VPC makes a new group.
    #[prop(replace, check = formats::id("vpc"))]
    pub vpc_id: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a subnet group.
#[derive(Clone, Debug, Props)]
pub struct SubnetGroupOutputs {
    /// The ARN.
    pub arn: String,
    /// The VPC that the subnets are in.
    #[prop(follows(subnet_ids))]
    pub vpc_id: String,
}

fn name(name: &str) -> Result<(), String> {
    match name {
        "default" => Err("\"default\" is AWS's own".to_owned()),
        name => check_name(name, 255),
    }
}

fn two(ids: &Set<String>) -> Result<(), String> {
    if ids.len() < 2 {
        return Err("a database needs subnets in at least two availability zones".to_owned());
    }
    formats::each(formats::id("subnet"))(ids)
}

impl CustomResource for SubnetGroup {
    const TOKEN: &'static str = "dbt-aws:rds:SubnetGroup";
    const DOC: &'static str = "The subnets that a database may be in.\n\nImport with the name or the ARN. See [DB subnet groups](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html#USER_VPC.Subnets).";
    const ACTIONS: &'static [&'static str] = &[
        "rds:AddTagsToResource",
        "rds:CreateDBSubnetGroup",
        "rds:DeleteDBSubnetGroup",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSubnetGroups",
        "rds:ListTagsForResource",
        "rds:ModifyDBSubnetGroup",
        "rds:RemoveTagsFromResource",
    ];
    const IDS: Option<Ids> = Some(Ids::name("analytics", "rds", "subgrp:"));
    const NAMING: Option<Naming> = Some(Naming {
        field: "name",
        longest: 255,
        others: "-",
        lower: true,
    });
    type Inputs = SubnetGroupInputs;
    type Outputs = SubnetGroupOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &SubnetGroupInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the DB subnet group {name}");
        let made = cx
            .aws
            .rds()
            .create_db_subnet_group()
            .db_subnet_group_name(name)
            .db_subnet_group_description(&inputs.description)
            .set_subnet_ids(Some(inputs.subnet_ids.iter().cloned().collect()))
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => Ok(match made.db_subnet_group {
                Some(group) => Created::Known(name.to_owned(), outputs(&group)),
                None => name.into(),
            }),
            Err(error) if error.is_already_exists() => {
                let arn = arn(cx, "subgrp", name).await?;
                Created::adopt(cx, name, &what, &tags_of(cx, &arn).await?)
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &SubnetGroupInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        if new.subnet_ids != old.inputs.subnet_ids || new.description != old.inputs.description {
            cx.aws
                .rds()
                .modify_db_subnet_group()
                .db_subnet_group_name(id)
                .db_subnet_group_description(&new.description)
                .set_subnet_ids(Some(new.subnet_ids.iter().cloned().collect()))
                .send()
                .await
                .during(format!("update the DB subnet group {id}"))?;
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&SubnetGroupInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = arn(cx, "subgrp", id).await?;
        let (groups, tags) = tokio::join!(
            cx.aws
                .rds()
                .describe_db_subnet_groups()
                .db_subnet_group_name(id)
                .send(),
            tags_of(cx, &arn),
        );
        let Some(groups) = groups
            .during(format!("read the DB subnet group {id}"))
            .gone()?
        else {
            return Ok(None);
        };
        let Some(group) = groups.db_subnet_groups().first() else {
            return Ok(None);
        };
        let subnets = group.subnets().iter();
        Ok(Some(State {
            inputs: SubnetGroupInputs {
                name: Some(id.to_owned()),
                description: group
                    .db_subnet_group_description()
                    .unwrap_or_default()
                    .to_owned(),
                subnet_ids: subnets
                    .filter_map(|s| s.subnet_identifier().map(str::to_owned))
                    .collect(),
                // Whoever does not give it has it of the outputs alone.
                vpc_id: known
                    .and_then(|k| k.vpc_id.as_ref())
                    .map(|_| outputs(group).vpc_id),
                tags: Some(tags?),
            },
            outputs: outputs(group),
        }))
    }

    list!(
        rds.describe_db_subnet_groups[marker, set_marker].db_subnet_groups,
        |group| group.db_subnet_group_name()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let delete = cx.aws.rds().delete_db_subnet_group();
        let deleted = delete.db_subnet_group_name(id).send().await;
        let Err(error) = deleted.during(format!("delete the DB subnet group {id}")) else {
            return Ok(());
        };
        let group = |i: &DbInstance| {
            i.db_subnet_group()?
                .db_subnet_group_name()
                .map(str::to_owned)
        };
        Err(explain_in_use(cx, id, error, |i| group(i).as_deref() == Some(id)).await)
    }
}

fn outputs(group: &DbSubnetGroup) -> SubnetGroupOutputs {
    SubnetGroupOutputs {
        arn: group.db_subnet_group_arn().unwrap_or_default().to_owned(),
        vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
    }
}
