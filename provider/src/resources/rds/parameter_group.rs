//! `dbt-aws:rds:ParameterGroup`.

use super::{arn, check_name, explain_in_use, tags_of};
use crate::prelude::*;
use aws_sdk_rds::types::{ApplyMethod, DbInstance, Parameter};
use std::collections::BTreeSet;

/// What RDS takes in one call.
const BATCH: usize = 20;

/// The settings of a database engine.
#[derive(Debug)]
pub struct ParameterGroup;

/// What a parameter group is made from.
#[derive(Clone, Debug, Props)]
pub struct ParameterGroupInputs {
    /// The name: 1 to 255 lower-case letters, digits and single hyphens. Default: the resource's name with a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// The engine and its major version, such as `postgres17`.
    #[prop(replace, check = family)]
    pub family: String,
    /// What it is for. Default: `Managed by Pulumi`.
    #[prop(replace, default = "Managed by Pulumi", check = super::description)]
    pub description: String,
    /// The parameters that differ from the engine's own, by name, such as `rds.force_ssl: "1"`. A parameter that the
    /// engine reads only when it starts takes effect after the instance's next reboot.
    #[prop(default = BTreeMap::<String, String>::new())]
    pub parameters: BTreeMap<String, String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a parameter group.
#[derive(Clone, Debug, Props)]
pub struct ParameterGroupOutputs {
    /// The ARN.
    pub arn: String,
}

fn name(name: &str) -> Result<(), String> {
    check_name(name, 255)
}

fn family(family: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    if family.starts_with(|c: char| c.is_ascii_lowercase())
        && family.ends_with(|c: char| c.is_ascii_digit())
        && family.chars().all(fits)
    {
        Ok(())
    } else {
        Err(format!(
            "{family:?} is not an engine with its major version, such as postgres17"
        ))
    }
}

impl CustomResource for ParameterGroup {
    const TOKEN: &'static str = "dbt-aws:rds:ParameterGroup";
    const DOC: &'static str = "The settings of a database engine.\n\nImport with the name or the ARN. See [DB parameter groups](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html).";
    const ACTIONS: &'static [&'static str] = &[
        "rds:AddTagsToResource",
        "rds:CreateDBParameterGroup",
        "rds:DeleteDBParameterGroup",
        "rds:DescribeDBInstances",
        "rds:DescribeDBParameterGroups",
        "rds:DescribeDBParameters",
        "rds:ListTagsForResource",
        "rds:ModifyDBParameterGroup",
        "rds:RemoveTagsFromResource",
        "rds:ResetDBParameterGroup",
    ];
    const IDS: Option<Ids> = Some(Ids::name("analytics", "rds", "pg:"));
    const NAMING: Option<Naming> = Some(Naming {
        field: "name",
        longest: 255,
        others: "-",
        lower: true,
    });
    type Inputs = ParameterGroupInputs;
    type Outputs = ParameterGroupOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &ParameterGroupInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the DB parameter group {name}");
        let made = cx
            .aws
            .rds()
            .create_db_parameter_group()
            .db_parameter_group_name(name)
            .db_parameter_group_family(&inputs.family)
            .description(&inputs.description)
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => Ok(
                match made
                    .db_parameter_group
                    .and_then(|g| g.db_parameter_group_arn)
                {
                    Some(arn) => Created::Known(name.to_owned(), ParameterGroupOutputs { arn }),
                    None => name.into(),
                },
            ),
            Err(error) if error.is_already_exists() => {
                let arn = arn(cx, "pg", name).await?;
                Created::adopt(cx, name, &what, &tags_of(cx, &arn).await?)
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &ParameterGroupInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let none = BTreeMap::new();
        let before = old.map_or(&none, |o| &o.inputs.parameters);
        let set: Vec<_> = new
            .parameters
            .iter()
            .filter(|(k, v)| before.get(*k) != Some(v))
            .collect();
        let removed: Vec<_> = before
            .keys()
            .filter(|k| !new.parameters.contains_key(*k))
            .collect();
        // No instance uses a new group yet, so that nothing is lost by waiting for the next start.
        let at_once = match old {
            Some(_) if !set.is_empty() || !removed.is_empty() => dynamic(cx, id).await?,
            _ => BTreeSet::new(),
        };
        let parameter = |name: &str, value: Option<&String>| {
            let method = if at_once.contains(name) {
                ApplyMethod::Immediate
            } else {
                ApplyMethod::PendingReboot
            };
            Parameter::builder()
                .parameter_name(name)
                .set_parameter_value(value.cloned())
                .apply_method(method)
                .build()
        };
        for batch in set.chunks(BATCH) {
            let parameters = batch.iter().map(|(k, v)| parameter(k, Some(v))).collect();
            cx.aws
                .rds()
                .modify_db_parameter_group()
                .db_parameter_group_name(id)
                .set_parameters(Some(parameters))
                .send()
                .await
                .during(format!("set parameters of {id}"))?;
        }
        for batch in removed.chunks(BATCH) {
            let parameters = batch.iter().map(|k| parameter(k, None)).collect();
            cx.aws
                .rds()
                .reset_db_parameter_group()
                .db_parameter_group_name(id)
                .set_parameters(Some(parameters))
                .send()
                .await
                .during(format!("reset parameters of {id}"))?;
        }
        if old.is_none() {
            return Ok(());
        }
        let late: Vec<_> = set
            .iter()
            .map(|(k, _)| k.as_str())
            .chain(removed.iter().map(|k| k.as_str()))
            .filter(|k| !at_once.contains(*k))
            .collect();
        if !late.is_empty() {
            cx.warn(&format!(
                "{} of {id} takes effect when the instance is rebooted",
                late.join(", ")
            ));
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&ParameterGroupInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = arn(cx, "pg", id).await?;
        let (groups, own, tags) = tokio::join!(
            cx.aws
                .rds()
                .describe_db_parameter_groups()
                .db_parameter_group_name(id)
                .send(),
            parameters(cx, id, Some("user")),
            tags_of(cx, &arn),
        );
        let Some(groups) = groups
            .during(format!("read the DB parameter group {id}"))
            .gone()?
        else {
            return Ok(None);
        };
        let Some(group) = groups.db_parameter_groups().first() else {
            return Ok(None);
        };
        let mut values = values(&own?);
        // A parameter set to the engine's own value may not count as the user's.
        let hidden = |k: &ParameterGroupInputs| {
            let mut names = k.parameters.keys();
            names.any(|name| !values.contains_key(name))
        };
        if let Some(known) = known.filter(|k| hidden(k)) {
            let all = self::values(&parameters(cx, id, None).await?);
            let wanted = |(k, v): &(String, String)| known.parameters.get(k) == Some(v);
            values.extend(all.into_iter().filter(wanted));
        }
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Some(State {
            inputs: ParameterGroupInputs {
                name: Some(id.to_owned()),
                family: text(group.db_parameter_group_family()),
                description: text(group.description()),
                parameters: values,
                tags: Some(tags?),
            },
            outputs: ParameterGroupOutputs { arn },
        }))
    }

    list!(
        rds.describe_db_parameter_groups[marker, set_marker].db_parameter_groups,
        |group| group.db_parameter_group_name()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let delete = cx.aws.rds().delete_db_parameter_group();
        let deleted = delete.db_parameter_group_name(id).send().await;
        let Err(error) = deleted.during(format!("delete the DB parameter group {id}")) else {
            return Ok(());
        };
        let uses = |i: &DbInstance| {
            let mut groups = i.db_parameter_groups().iter();
            groups.any(|g| g.db_parameter_group_name() == Some(id))
        };
        Err(explain_in_use(cx, id, error, uses).await)
    }
}

/// The parameters of a group, of one source or all.
async fn parameters(cx: &Context, id: &str, source: Option<&str>) -> Result<Vec<Parameter>> {
    cx.aws
        .rds()
        .describe_db_parameters()
        .db_parameter_group_name(id)
        .set_source(source.map(str::to_owned))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .during(format!("list the parameters of {id}"))
}

fn values(parameters: &[Parameter]) -> BTreeMap<String, String> {
    let pair = |p: &Parameter| {
        Some((
            p.parameter_name()?.to_owned(),
            p.parameter_value()?.to_owned(),
        ))
    };
    parameters.iter().filter_map(pair).collect()
}

/// The names of the parameters that a running engine takes.
async fn dynamic(cx: &Context, id: &str) -> Result<BTreeSet<String>> {
    let all = parameters(cx, id, None).await?;
    Ok(all
        .iter()
        .filter(|p| p.apply_type() == Some("dynamic"))
        .filter_map(|p| p.parameter_name().map(str::to_owned))
        .collect())
}
