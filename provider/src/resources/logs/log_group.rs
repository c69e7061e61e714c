//! `dbt-aws:logs:LogGroup`.

use crate::{keys, prelude::*};
use std::collections::HashMap;

/// Where a program's log lines go.
#[derive(Debug)]
pub struct LogGroup;

/// What a log group is made from.
#[derive(Clone, Debug, Props)]
pub struct LogGroupInputs {
    /// The name: 1 to 512 letters, digits and `_ - / . #`, not beginning with `aws/`. Default: the resource's name with
    /// a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// The number of days for which lines are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827,
    /// 2192, 2557, 2922, 3288 or 3653. Default: for ever.
    #[prop(default = None, check = retention)]
    pub retention_days: Option<i32>,
    /// The ARN of the KMS key that encrypts the lines: of a key, not of an alias. The key's policy must allow CloudWatch
    /// Logs to use it. Default: a key that CloudWatch Logs owns.
    #[prop(default = None, check = keys::key)]
    pub kms_key_arn: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a log group.
#[derive(Clone, Debug, Props)]
pub struct LogGroupOutputs {
    /// The ARN, without the `:*` that stands for its streams.
    pub arn: String,
}

const NAME: Naming = Naming {
    field: "name",
    longest: 512,
    others: "_-/.#",
    lower: false,
};

fn name(name: &str) -> Result<(), String> {
    match name.starts_with("aws/") {
        true => Err("names that begin with aws/ are AWS's own".to_owned()),
        false => NAME.check(name),
    }
}

fn retention(days: &i32) -> Result<(), String> {
    const DAYS: [i32; 22] = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653,
    ];
    if DAYS.contains(days) {
        return Ok(());
    }
    let nearest = DAYS.iter().min_by_key(|d| d.abs_diff(*days));
    Err(format!(
        "CloudWatch keeps logs only for certain numbers of days; the nearest to {days} is {}",
        nearest.unwrap_or(&30)
    ))
}

impl CustomResource for LogGroup {
    const TOKEN: &'static str = "dbt-aws:logs:LogGroup";
    const DOC: &'static str = "Where a program's log lines go.\n\nImport with the name or the ARN. See [log groups](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html).";
    const ACTIONS: &'static [&'static str] = &[
        "logs:AssociateKmsKey",
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:DeleteRetentionPolicy",
        "logs:DescribeLogGroups",
        "logs:DisassociateKmsKey",
        "logs:ListTagsForResource",
        "logs:PutRetentionPolicy",
        "logs:TagResource",
        "logs:UntagResource",
    ];
    const IDS: Option<Ids> = Some(Ids {
        of: |given| given.text().trim_end_matches(":*").to_owned(),
        ..Ids::name("/dbt/shop", "logs", "log-group:")
    });
    const DATA: bool = true;
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = LogGroupInputs;
    type Outputs = LogGroupOutputs;
    type Tagging = Retag;

    async fn create(cx: &Context, inputs: &LogGroupInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the log group {name}");
        let made = cx
            .aws
            .logs()
            .create_log_group()
            .log_group_name(name)
            .set_kms_key_id(inputs.kms_key_arn.clone())
            .set_tags(Some(cx.tags(inputs.tags.as_ref()).into_iter().collect()))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(_) => {
                let arn = arn(cx, name).await?;
                Ok(Created::Known(name.to_owned(), LogGroupOutputs { arn }))
            }
            Err(error) if error.is_already_exists() => {
                Created::adopt(cx, name, &what, &tags_of(cx, &arn(cx, name).await?).await?)
            }
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &LogGroupInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let logs = cx.aws.logs();
        if new.retention_days != old.and_then(|o| o.inputs.retention_days) {
            let what = format!("set the retention of the log group {id}");
            match new.retention_days {
                Some(days) => {
                    let put = logs.put_retention_policy().log_group_name(id);
                    put.retention_in_days(days).send().await.during(what)?;
                }
                None => {
                    let delete = logs.delete_retention_policy().log_group_name(id);
                    delete.send().await.during(what)?;
                }
            }
        }
        let Some(old) = old else {
            return Ok(());
        };
        if new.kms_key_arn != old.inputs.kms_key_arn {
            let what = format!("set the key of the log group {id}");
            match &new.kms_key_arn {
                Some(key) => {
                    let associate = logs.associate_kms_key().log_group_name(id);
                    associate.kms_key_id(key).send().await.during(what)?;
                }
                None => {
                    let disassociate = logs.disassociate_kms_key().log_group_name(id);
                    disassociate.send().await.during(what)?;
                }
            }
        }
        Ok(())
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&LogGroupInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = arn(cx, id).await?;
        // The first name with a prefix is the prefix itself.
        let (groups, tags) = tokio::join!(
            cx.aws
                .logs()
                .describe_log_groups()
                .log_group_name_prefix(id)
                .send(),
            tags_of(cx, &arn),
        );
        let groups = groups.during(format!("read the log group {id}"))?;
        let mut groups = groups.log_groups().iter();
        let Some(group) = groups.find(|g| g.log_group_name() == Some(id)) else {
            return Ok(None);
        };
        Ok(Some(State {
            inputs: LogGroupInputs {
                name: Some(id.to_owned()),
                retention_days: group.retention_in_days(),
                kms_key_arn: group.kms_key_id().map(str::to_owned),
                tags: Some(tags?),
            },
            outputs: LogGroupOutputs { arn },
        }))
    }

    list!(
        logs.describe_log_groups[next_token, set_next_token].log_groups,
        |group| group.log_group_name()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        cx.aws
            .logs()
            .delete_log_group()
            .log_group_name(id)
            .send()
            .await
            .during(format!("delete the log group {id}"))?;
        Ok(())
    }
}

retag!(
    logs,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    HashMap::from_iter
);

async fn arn(cx: &Context, name: &str) -> Result<String> {
    cx.own_arn("logs", &format!("log-group:{name}")).await
}

async fn tags_of(cx: &Context, arn: &str) -> Result<Tags> {
    let tags = cx
        .aws
        .logs()
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .during(format!("list the tags of {arn}"))?;
    Ok(tags.tags.unwrap_or_default().into_iter().collect())
}
