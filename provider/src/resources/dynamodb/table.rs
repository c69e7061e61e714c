//! `dbt-aws:dynamodb:Table`.

use crate::{keys, prelude::*};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, SseSpecification, SseType, TableDescription,
    TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use jiff::Timestamp;
use pulumi_aws_framework::aws::Class;

/// A table of items, paid for by request.
#[derive(Debug)]
pub struct Table;

/// What a table is made from.
#[derive(Clone, Debug, Props)]
pub struct TableInputs {
    /// The name: 3 to 255 letters, digits and `_ - .`. Default: the resource's name with a suffix.
    #[prop(replace, check = name)]
    pub name: Option<String>,
    /// The name of the text attribute by which items are spread and found: 1 to 255 characters.
    #[prop(replace, check = attribute)]
    pub hash_key: String,
    /// The name of the text attribute that orders the items of one hash key: 1 to 255 characters. Default: a hash key
    /// has one item.
    #[prop(replace, check = attribute)]
    pub range_key: Option<String>,
    /// The name of the number attribute, of seconds since 1970, after which DynamoDB deletes an item, within days: 1 to
    /// 255 characters. AWS takes one change an hour. Default: items stay.
    #[prop(default = None, check = attribute)]
    pub ttl_attribute: Option<String>,
    /// Whether the table can be restored as it was at any second of the last 35 days, for a price by its size. Default:
    /// `false`.
    #[prop(default = false)]
    pub point_in_time_recovery: bool,
    /// Whether the table cannot be deleted. Default: `false`.
    #[prop(default = false)]
    pub deletion_protection: bool,
    /// The ARN of the KMS key that encrypts the items: of a key, not of an alias. Default: a key that DynamoDB owns.
    #[prop(default = None, check = keys::key)]
    pub kms_key_arn: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a table.
#[derive(Clone, Debug, Props)]
pub struct TableOutputs {
    /// The ARN.
    pub arn: String,
}

const NAME: Naming = Naming {
    field: "name",
    longest: 255,
    others: "_-.",
    lower: false,
};

fn name(name: &str) -> Result<(), String> {
    NAME.check(name)?;
    match name.len() {
        length @ ..3 => Err(format!("must have 3 to 255 characters, not {length}")),
        _ => Ok(()),
    }
}

fn attribute(name: &str) -> Result<(), String> {
    match name.chars().count() {
        1..=255 => Ok(()),
        length => Err(format!("must have 1 to 255 characters, not {length}")),
    }
}

impl CustomResource for Table {
    const TOKEN: &'static str = "dbt-aws:dynamodb:Table";
    const DOC: &'static str = "A table of items in DynamoDB, with keys of text, paid for by request.\n\nImport with the name or the ARN. See [tables](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.html).";
    const ACTIONS: &'static [&'static str] = &[
        "dynamodb:CreateTable",
        "dynamodb:DeleteTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTables",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
    ];
    const IDS: Option<Ids> = Some(Ids::name("dbt-runs", "dynamodb", "table/"));
    const DATA: bool = true;
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = TableInputs;
    type Outputs = TableOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        let get = |name| check.get::<Option<String>>(name).flatten();
        let (hash, range) = (get("hashKey"), get("rangeKey"));
        let ttl = get("ttlAttribute");
        if hash.is_some() && hash == range {
            check.fail("rangeKey", "must be another attribute than hashKey");
        }
        if ttl.is_some() && [hash, range].contains(&ttl) {
            let reason =
                "is a key, which is text; DynamoDB deletes by an attribute that is a number";
            check.fail("ttlAttribute", reason);
        }
    }

    async fn create(cx: &Context, inputs: &TableInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        let what = format!("the table {name}");
        let keys = [
            (Some(&inputs.hash_key), KeyType::Hash),
            (inputs.range_key.as_ref(), KeyType::Range),
        ];
        let mut create = cx.aws.dynamodb().create_table();
        for (key, kind) in keys {
            let Some(key) = key else { continue };
            let element = KeySchemaElement::builder().attribute_name(key);
            let definition = AttributeDefinition::builder().attribute_name(key);
            create = create
                .key_schema(element.key_type(kind).build()?)
                .attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build()?);
        }
        let key = inputs.kms_key_arn.as_deref();
        let made = create
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .deletion_protection_enabled(inputs.deletion_protection)
            .set_sse_specification(key.map(|key| encryption(Some(key))))
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"));
        match made {
            Ok(made) => {
                let arn = made.table_description.and_then(|t| t.table_arn);
                let arn = arn.unwrap_or_default();
                Ok(Created::Known(name.to_owned(), TableOutputs { arn }))
            }
            // DynamoDB has one code for a name that is taken and for one that a table which is being deleted still has.
            Err(error) if error.class() == Some(Class::InUse) => match described(cx, name).await? {
                Some(there) if there.table_status() != Some(&TableStatus::Deleting) => {
                    let arn = there.table_arn().unwrap_or_default();
                    let adopted = Created::adopt(cx, name, &what, &tags_of(cx, arn).await?)?;
                    active(cx, name).await?;
                    Ok(adopted)
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &TableInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let what = format!("update the table {id}");
        let before = old.map(|o| &o.inputs);
        if before.is_none() {
            active(cx, id).await?;
        }
        // A table changes in one thing at a time; what a new one gets leaves it as it is.
        let idle = async || match before {
            Some(_) => active(cx, id).await,
            None => Ok(()),
        };
        let update = || cx.aws.dynamodb().update_table().table_name(id);
        if before.is_some_and(|b| b.deletion_protection != new.deletion_protection) {
            let update = update().deletion_protection_enabled(new.deletion_protection);
            update.send().await.during(&what)?;
        }
        if before.is_some_and(|b| b.kms_key_arn != new.kms_key_arn) {
            idle().await?;
            let update = update().sse_specification(encryption(new.kms_key_arn.as_deref()));
            match update.send().await.during(&what) {
                Err(error) if !is_done(&error) => return Err(error),
                _ => {}
            }
        }
        let recovered = before.is_some_and(|b| b.point_in_time_recovery);
        if recovered != new.point_in_time_recovery {
            idle().await?;
            let recovery = PointInTimeRecoverySpecification::builder()
                .point_in_time_recovery_enabled(new.point_in_time_recovery)
                .build()?;
            cx.aws
                .dynamodb()
                .update_continuous_backups()
                .table_name(id)
                .point_in_time_recovery_specification(recovery)
                .send()
                .await
                .during(format!("set the point-in-time recovery of the table {id}"))?;
        }
        let expires = before.and_then(|b| b.ttl_attribute.as_deref());
        if expires != new.ttl_attribute.as_deref() {
            idle().await?;
            // AWS takes no other attribute while one counts.
            for (attribute, enabled) in [(expires, false), (new.ttl_attribute.as_deref(), true)] {
                if let Some(attribute) = attribute {
                    expire(cx, id, attribute, enabled).await?;
                }
            }
        }
        idle().await
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&TableInputs>,
    ) -> Result<Option<State<Self>>> {
        let (aws, what) = (cx.aws.dynamodb(), format!("read the table {id}"));
        let arn = cx.own_arn("dynamodb", &format!("table/{id}")).await?;
        let (table, expiry, backups, tags) = tokio::join!(
            described(cx, id),
            aws.describe_time_to_live().table_name(id).send(),
            aws.describe_continuous_backups().table_name(id).send(),
            tags_of(cx, &arn),
        );
        let there = |t: &TableDescription| t.table_status() != Some(&TableStatus::Deleting);
        let Some(table) = table?.filter(there) else {
            return Ok(None);
        };
        if known.is_none() {
            importable(&format!("the table {id}"), foreign(&table))?;
        }
        let expiry = expiry.during(&what)?.time_to_live_description;
        let expires = expiry.filter(|e| {
            let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
            e.time_to_live_status().is_some_and(|s| on.contains(s))
        });
        let backups = backups.during(&what)?.continuous_backups_description;
        let recovery = backups.and_then(|b| b.point_in_time_recovery_description);
        let recovery = recovery.and_then(|r| r.point_in_time_recovery_status);
        let key = |kind: &KeyType| {
            let mut keys = table.key_schema().iter();
            let key = keys.find(|k| k.key_type() == kind);
            key.map(|k| k.attribute_name().to_owned())
        };
        Ok(Some(State {
            inputs: TableInputs {
                name: Some(id.to_owned()),
                hash_key: key(&KeyType::Hash).unwrap_or_default(),
                range_key: key(&KeyType::Range),
                ttl_attribute: expires.and_then(|e| e.attribute_name),
                point_in_time_recovery: recovery == Some(PointInTimeRecoveryStatus::Enabled),
                deletion_protection: table.deletion_protection_enabled().unwrap_or(false),
                kms_key_arn: table
                    .sse_description()
                    .and_then(|sse| sse.kms_master_key_arn().map(str::to_owned)),
                tags: Some(tags?),
            },
            outputs: TableOutputs {
                arn: table.table_arn.unwrap_or_default(),
            },
        }))
    }

    list!(
        dynamodb.list_tables[last_evaluated_table_name, set_exclusive_start_table_name].table_names,
        |name| name.as_str()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let delete = cx.aws.dynamodb().delete_table().table_name(id);
        let deleted = delete.send().await.during(format!("delete the table {id}"));
        if let Err(error) = deleted {
            let Some(there) = described(cx, id).await? else {
                return Ok(());
            };
            if there.deletion_protection_enabled() == Some(true) {
                return Err(Error::failed(format!(
                    "could not delete the table {id}: it is protected; set deletionProtection to false and run \
                     `pulumi up` first"
                )));
            }
            if there.table_status() != Some(&TableStatus::Deleting) {
                return Err(error);
            }
        }
        cx.wait("deleting", || async {
            Ok(match described(cx, id).await? {
                Some(there) => Progress::Pending(status(&there)),
                None => Progress::Done(()),
            })
        })
        .await
    }
}

retag!(
    dynamodb,
    tag_resource,
    untag_resource,
    resource_arn = arn,
    to_tags
);

/// Encryption with a key, or with the one that DynamoDB owns.
fn encryption(key: Option<&str>) -> SseSpecification {
    let specification = SseSpecification::builder().enabled(key.is_some());
    match key {
        Some(key) => specification
            .sse_type(SseType::Kms)
            .kms_master_key_id(key)
            .build(),
        None => specification.build(),
    }
}

/// Whether AWS refuses because the table is so already: an update that failed midway is repeated as a whole.
fn is_done(error: &Error) -> bool {
    let reason = error.reason();
    [
        "is already enabled",
        "is already disabled",
        "is already encrypted",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// Has DynamoDB delete items by that attribute, or no longer.
async fn expire(cx: &Context, id: &str, attribute: &str, enabled: bool) -> Result<()> {
    let specification = TimeToLiveSpecification::builder()
        .attribute_name(attribute)
        .enabled(enabled)
        .build()?;
    let done = match enabled {
        true => format!("set the TTL attribute of the table {id} to {attribute}"),
        false => format!("take the TTL attribute {attribute} from the table {id}"),
    };
    let update = cx.aws.dynamodb().update_time_to_live().table_name(id);
    let update = update.time_to_live_specification(specification);
    match update.send().await.during(&done) {
        Err(error) if error.reason().contains("within a fixed interval") => {
            Err(too_soon(&done, Timestamp::now()))
        }
        Err(error) if is_done(&error) => Ok(()),
        other => other.map(drop),
    }
}

/// AWS does not say when it was changed last: an hour from now is late enough.
fn too_soon(done: &str, now: Timestamp) -> Error {
    let later = now + Duration::from_secs(61 * 60);
    Error::failed(format!(
        "could not {done}: AWS takes one change of it an hour; run `pulumi up` again after {} UTC",
        later.strftime("%H:%M")
    ))
}

/// What of a table no property here is for, and whether it is there.
fn foreign(table: &TableDescription) -> [(&'static str, bool); 5] {
    let text = |a: &AttributeDefinition| *a.attribute_type() == ScalarAttributeType::S;
    let mode = table.billing_mode_summary().and_then(|b| b.billing_mode());
    let indexes = table.global_secondary_indexes().len() + table.local_secondary_indexes().len();
    [
        (
            "attributes in its keys that are not text",
            !table.attribute_definitions().iter().all(text),
        ),
        (
            "provisioned capacity",
            mode != Some(&BillingMode::PayPerRequest),
        ),
        ("secondary indexes", indexes > 0),
        ("a stream", table.stream_specification().is_some()),
        ("replicas", !table.replicas().is_empty()),
    ]
}

fn status(table: &TableDescription) -> String {
    let status = table.table_status().map(TableStatus::as_str);
    status.unwrap_or_default().to_owned()
}

/// The table once it can be used and changed.
async fn active(cx: &Context, id: &str) -> Result<()> {
    cx.wait("waiting for the table", || async {
        let Some(there) = described(cx, id).await? else {
            return Ok(Progress::Pending("AWS does not show it yet".to_owned()));
        };
        match there.table_status() {
            Some(TableStatus::Active) => Ok(Progress::Done(())),
            Some(TableStatus::Creating | TableStatus::Updating) => {
                Ok(Progress::Pending(status(&there)))
            }
            _ => Err(Error::failed(format!(
                "the table {id} cannot be used: its status is {}; look at it in the AWS console",
                status(&there)
            ))),
        }
    })
    .await
}

async fn described(cx: &Context, name: &str) -> Result<Option<TableDescription>> {
    let describe = cx.aws.dynamodb().describe_table().table_name(name);
    let found = describe.send().await;
    let found = found.during(format!("read the table {name}")).gone()?;
    Ok(found.and_then(|f| f.table))
}

async fn tags_of(cx: &Context, arn: &str) -> Result<Tags> {
    let (mut all, mut token) = (Tags::new(), None);
    loop {
        let list = cx.aws.dynamodb().list_tags_of_resource().resource_arn(arn);
        let page = list.set_next_token(token).send().await;
        let page = page.during(format!("list the tags of {arn}"))?;
        all.extend(from_tags(page.tags()));
        match page.next_token {
            Some(next) => token = Some(next),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_comes_too_soon_says_when_to_try_again() {
        let now = "2026-01-31T23:30:15Z".parse().expect("is a time");
        let done = "set the TTL attribute of the table runs to expires";
        assert_eq!(
            too_soon(done, now).to_string(),
            "could not set the TTL attribute of the table runs to expires: AWS takes one change of it an hour; run \
             `pulumi up` again after 00:31 UTC"
        );
    }
}
