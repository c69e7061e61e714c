//! The calls that make, change and remove an instance.

use super::{
    Instance, InstanceDatabaseInsights, InstanceInputs,
    master::{self, Credentials},
    rules, state,
    waits::{described, wait, wait_until_gone, wait_until_settled},
};
use crate::prelude::*;
use aws_sdk_rds::{
    operation::modify_db_instance::builders::ModifyDbInstanceInputBuilder,
    types::{DatabaseInsightsMode, DbInstance},
};
use pulumi_aws_framework::{
    identity::random,
    props::{Enum, diff::differences},
};

/// For how long Performance Insights keeps what it records, in days: AWS takes nothing else with these modes.
const STANDARD_DAYS: i32 = 7;
const ADVANCED_DAYS: i32 = 465;

/// The mode, whether Performance Insights is on, and for how many days it keeps what it records. Not every region and class
/// takes these parameters, even with what is off.
fn insights(of: InstanceDatabaseInsights) -> (DatabaseInsightsMode, bool, Option<i32>) {
    match of {
        InstanceDatabaseInsights::Off => (DatabaseInsightsMode::Standard, false, None),
        InstanceDatabaseInsights::Standard => {
            (DatabaseInsightsMode::Standard, true, Some(STANDARD_DAYS))
        }
        InstanceDatabaseInsights::Advanced => {
            (DatabaseInsightsMode::Advanced, true, Some(ADVANCED_DAYS))
        }
    }
}

fn groups(inputs: &InstanceInputs) -> Option<Vec<String>> {
    let ids = inputs.vpc_security_group_ids.as_ref()?;
    Some(ids.iter().cloned().collect())
}

/// Makes a new instance, its password from the secret.
pub(super) async fn create(cx: &Context, id: &str, inputs: &InstanceInputs) -> Result<()> {
    let secret = inputs.master_user_secret_arn.as_deref().unwrap_or_default();
    let wanted = inputs.master_username.as_deref();
    let Credentials { username, password } = master::credentials(cx, secret, wanted).await?;
    rules::username(&username).map_err(|reason| {
        Error::failed(format!("the username in the secret {secret}: {reason}"))
    })?;
    let (mode, recorded, days) = insights(inputs.database_insights);
    let mut tags = cx.tags(inputs.tags.as_ref());
    tags.extend(master::tag(secret));
    cx.aws
        .rds()
        .create_db_instance()
        .db_instance_identifier(id)
        .engine(&inputs.engine)
        .set_engine_version(inputs.engine_version.clone())
        .engine_lifecycle_support(inputs.engine_lifecycle_support.word())
        .db_instance_class(&inputs.instance_class)
        .allocated_storage(inputs.allocated_storage)
        .set_max_allocated_storage(inputs.max_allocated_storage)
        .storage_type(inputs.storage_type.word())
        .storage_encrypted(inputs.storage_encrypted)
        .set_kms_key_id(inputs.kms_key_arn.clone())
        .multi_az(inputs.multi_az)
        .set_db_name(inputs.db_name.clone())
        .master_username(username)
        .master_user_password(password.expose())
        .set_db_subnet_group_name(inputs.db_subnet_group_name.clone())
        .set_vpc_security_group_ids(groups(inputs))
        .set_db_parameter_group_name(inputs.parameter_group_name.clone())
        .backup_retention_period(inputs.backup_retention_days)
        .deletion_protection(inputs.deletion_protection)
        .publicly_accessible(inputs.publicly_accessible)
        .set_database_insights_mode(recorded.then_some(mode))
        .set_enable_performance_insights(recorded.then_some(true))
        .set_performance_insights_retention_period(days)
        .copy_tags_to_snapshot(inputs.copy_tags_to_snapshot)
        .set_ca_certificate_identifier(inputs.ca_certificate_identifier.clone())
        .auto_minor_version_upgrade(inputs.auto_minor_version_upgrade)
        .set_tags(Some(to_tags(tags)))
        .send()
        .await
        .during(format!("create the database {id}"))
        .map_err(|error| with_classes(cx, error, inputs))?;
    Ok(())
}

/// The refusal of a class that the region or the version does not have, with how to find one.
fn with_classes(cx: &Context, error: Error, inputs: &InstanceInputs) -> Error {
    match error {
        Error::Aws(mut error) if error.message.contains("DBInstanceClass") => {
            let version = inputs.engine_version.iter();
            let version: String = version.map(|v| format!(" --engine-version {v}")).collect();
            error.message = format!(
                "{}; give one of `aws rds describe-orderable-db-instance-options --region {} --engine {}{version} \
                 --query 'OrderableDBInstanceOptions[].DBInstanceClass'`",
                error.message.trim_end_matches('.'),
                cx.aws.region(),
                inputs.engine
            );
            (*error).into()
        }
        other => other,
    }
}

/// Makes an instance of a snapshot. What this call does not take is set once it is there.
pub(super) async fn restore(
    cx: &Context,
    id: &str,
    snapshot: &str,
    inputs: &InstanceInputs,
) -> Result<()> {
    refuse_snapshot(cx, id, snapshot, inputs).await?;
    let mut tags = cx.tags(inputs.tags.as_ref());
    tags.extend(master::tag(master::UNSET));
    cx.aws
        .rds()
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(id)
        .db_snapshot_identifier(snapshot)
        .engine_lifecycle_support(inputs.engine_lifecycle_support.word())
        .db_instance_class(&inputs.instance_class)
        .storage_type(inputs.storage_type.word())
        .multi_az(inputs.multi_az)
        .set_db_subnet_group_name(inputs.db_subnet_group_name.clone())
        .set_vpc_security_group_ids(groups(inputs))
        .set_db_parameter_group_name(inputs.parameter_group_name.clone())
        .deletion_protection(inputs.deletion_protection)
        .publicly_accessible(inputs.publicly_accessible)
        .copy_tags_to_snapshot(inputs.copy_tags_to_snapshot)
        .auto_minor_version_upgrade(inputs.auto_minor_version_upgrade)
        .set_tags(Some(to_tags(tags)))
        .send()
        .await
        .during(format!("restore the database {id} from {snapshot}"))
        .map_err(|error| with_classes(cx, error, inputs))?;
    Ok(())
}

/// Refuses a snapshot that decides what the inputs say otherwise, before a database is made of it.
async fn refuse_snapshot(
    cx: &Context,
    id: &str,
    snapshot: &str,
    inputs: &InstanceInputs,
) -> Result<()> {
    let found = cx
        .aws
        .rds()
        .describe_db_snapshots()
        .db_snapshot_identifier(snapshot)
        .include_shared(true)
        .send()
        .await
        .during(format!("read the snapshot {snapshot}"))
        .gone()?;
    let Some(found) = found.and_then(|f| f.db_snapshots?.into_iter().next()) else {
        return Ok(());
    };
    let differs = |wanted: Option<&String>, has: Option<&str>| {
        wanted.is_some_and(|wanted| has.is_some_and(|has| wanted != has))
    };
    let master = found.master_username();
    let encrypted = found.encrypted().unwrap_or(false);
    let wrong: Vec<_> = [
        ("engine", differs(Some(&inputs.engine), found.engine())),
        ("storageEncrypted", encrypted != inputs.storage_encrypted),
        (
            "kmsKeyArn",
            differs(inputs.kms_key_arn.as_ref(), found.kms_key_id()),
        ),
        (
            "masterUsername",
            differs(inputs.master_username.as_ref(), master),
        ),
    ]
    .into_iter()
    .filter_map(|(name, wrong)| wrong.then_some(name))
    .collect();
    if !wrong.is_empty() {
        return Err(Error::failed(format!(
            "could not restore the database {id}: the snapshot {snapshot} differs in {}; give the snapshot's values",
            wrong.join(", ")
        )));
    }
    if let Some(secret) = &inputs.master_user_secret_arn {
        master::credentials(cx, secret, master).await?;
    }
    Ok(())
}

/// Changes what differs, if anything, and waits for it unless it is left to the maintenance window.
pub(super) async fn modify(
    cx: &Context,
    id: &str,
    new: &InstanceInputs,
    old: &State<Instance>,
) -> Result<()> {
    let (before, actual) = (&old.inputs, &old.outputs);
    let version = new
        .engine_version
        .clone()
        .filter(|wanted| !rules::fulfils(&actual.engine_version_actual, wanted, Some(new)));
    let (mode, recorded, days) = insights(new.database_insights);
    let watched = new.database_insights != before.database_insights;
    let advanced = [new.database_insights, before.database_insights]
        .contains(&InstanceDatabaseInsights::Advanced);
    let storage = storage(id, new, actual.allocated_storage_actual)?;
    // The storage grows up to itself: it does not grow.
    let most = match (new.max_allocated_storage, before.max_allocated_storage) {
        (None, Some(_)) => Some(storage.unwrap_or(actual.allocated_storage_actual)),
        (new, old) => new.filter(|_| new != old),
    };
    let regroups = new.vpc_security_group_ids != before.vpc_security_group_ids;
    for (name, taken) in [
        (
            "vpcSecurityGroupIds",
            regroups && new.vpc_security_group_ids.is_none(),
        ),
        (
            "caCertificateIdentifier",
            before.ca_certificate_identifier.is_some() && new.ca_certificate_identifier.is_none(),
        ),
    ] {
        if taken {
            return Err(Error::failed(format!(
                "could not update the database {id}: {name} cannot be removed, only changed; give it a value"
            )));
        }
    }
    let parameters = changed(&new.parameter_group_name, &before.parameter_group_name).map(|name| {
        let version = version.as_ref().unwrap_or(&actual.engine_version_actual);
        name.unwrap_or_else(|| rules::default_parameters(&new.engine, version))
    });
    let base = ModifyDbInstanceInputBuilder::default()
        .db_instance_identifier(id)
        .apply_immediately(new.apply_immediately);
    let modify = base
        .clone()
        .set_allow_major_version_upgrade(version.as_ref().and_then(|wanted| {
            rules::is_major(&actual.engine_version_actual, wanted).then_some(true)
        }))
        .set_engine_version(version)
        .set_engine_lifecycle_support(
            changed(
                &new.engine_lifecycle_support,
                &before.engine_lifecycle_support,
            )
            .map(|w| w.word().to_owned()),
        )
        .set_db_instance_class(changed(&new.instance_class, &before.instance_class))
        .set_allocated_storage(storage)
        .set_max_allocated_storage(most)
        .set_storage_type(
            changed(&new.storage_type, &before.storage_type).map(|w| w.word().to_owned()),
        )
        .set_multi_az(changed(&new.multi_az, &before.multi_az))
        .set_vpc_security_group_ids(groups(new).filter(|_| regroups))
        .set_db_parameter_group_name(parameters.clone())
        .set_backup_retention_period(changed(
            &new.backup_retention_days,
            &before.backup_retention_days,
        ))
        .set_deletion_protection(changed(
            &new.deletion_protection,
            &before.deletion_protection,
        ))
        .set_publicly_accessible(changed(
            &new.publicly_accessible,
            &before.publicly_accessible,
        ))
        .set_database_insights_mode((watched && advanced).then_some(mode))
        .set_enable_performance_insights(watched.then_some(recorded))
        .set_performance_insights_retention_period(days.filter(|_| watched))
        .set_copy_tags_to_snapshot(changed(
            &new.copy_tags_to_snapshot,
            &before.copy_tags_to_snapshot,
        ))
        .set_ca_certificate_identifier(
            changed(
                &new.ca_certificate_identifier,
                &before.ca_certificate_identifier,
            )
            .flatten(),
        )
        .set_auto_minor_version_upgrade(changed(
            &new.auto_minor_version_upgrade,
            &before.auto_minor_version_upgrade,
        ));
    // A change that does not wait for the maintenance window makes those that do.
    if modify == base && (before.apply_immediately || !new.apply_immediately) {
        return Ok(());
    }
    modify
        .send_with(&cx.aws.rds())
        .await
        .during(format!("update the database {id}"))
        .map_err(|error| with_classes(cx, error, new))?;
    if !new.apply_immediately {
        cx.warn(&format!(
            "changes that interrupt the database {id} are made in its next maintenance window"
        ));
        return Ok(());
    }
    if let Some(group) = parameters {
        cx.warn(&format!(
            "the parameter group {group} takes effect when the database {id} is rebooted"
        ));
    }
    let asked = differences(before, new).into_iter().map(|c| c.name);
    // What tags tell is set next.
    let asked: Vec<_> = asked
        .filter(|name| !["masterUserSecretArn", "tags"].contains(name))
        .collect();
    let shows = |instance: &DbInstance| {
        let there = state(id, instance, Some(new)).inputs;
        let open = differences(&there, new);
        !open.iter().any(|change| asked.contains(&change.name))
    };
    wait_until_settled(cx, id, shows).await
}

/// To what the storage is changed, if it is.
fn storage(id: &str, new: &InstanceInputs, actual: i32) -> Result<Option<i32>> {
    let wanted = new.allocated_storage;
    let is_least = new.max_allocated_storage.is_some() || new.snapshot_identifier.is_some();
    if wanted < actual && !is_least {
        return Err(Error::failed(format!(
            "could not update the database {id}: allocatedStorage {wanted} is less than the {actual} GiB that it has, \
             and storage cannot shrink; give {actual} or more"
        )));
    }
    // RDS rounds less growth up, and the storage would never be what is wanted.
    let least = (i64::from(actual) * 11 + 9) / 10;
    if wanted > actual && i64::from(wanted) < least && !is_least {
        return Err(Error::failed(format!(
            "could not update the database {id}: it has {actual} GiB, and storage must grow by at least 10%; give \
             allocatedStorage {least} or more"
        )));
    }
    Ok((wanted > actual).then_some(wanted))
}

fn changed<T: PartialEq + Clone>(new: &T, old: &T) -> Option<T> {
    (new != old).then(|| new.clone())
}

/// Gives the master user another password. AWS never leaves that to the maintenance window; with `at_once` it makes all
/// other changes that wait for it too.
pub(super) async fn set_password(
    cx: &Context,
    id: &str,
    password: &SecretText,
    at_once: bool,
) -> Result<()> {
    cx.aws
        .rds()
        .modify_db_instance()
        .db_instance_identifier(id)
        .master_user_password(password.expose())
        .apply_immediately(at_once)
        .send()
        .await
        .during(format!("set the master password of the database {id}"))?;
    let pending = |instance: &DbInstance| {
        let pending = instance.pending_modified_values()?;
        pending.master_user_password()?;
        Some("setting the password".to_owned())
    };
    wait(cx, id, pending).await.map(drop)
}

/// States in which AWS takes no snapshot.
const LOST: [&str; 3] = ["failed", "incompatible-network", "incompatible-restore"];

/// Removes the instance, after a last snapshot unless the inputs say otherwise, and waits until it is gone.
pub(super) async fn delete(cx: &Context, id: &str, inputs: &InstanceInputs) -> Result<()> {
    let status = match inputs.skip_final_snapshot {
        true => None,
        false => described(cx, id).await?.and_then(|i| i.db_instance_status),
    };
    let broken = status.filter(|status| LOST.contains(&status.as_str()));
    if let Some(status) = &broken {
        cx.warn(&format!(
            "AWS takes no snapshot of the database {id} in the state {status}: it is deleted without one"
        ));
    }
    let skip = inputs.skip_final_snapshot || broken.is_some();
    let snapshot = (!skip).then(|| {
        let named = inputs.final_snapshot_identifier.clone();
        named.unwrap_or_else(|| format!("{id}-final-{}", random(8)))
    });
    let deleted = cx
        .aws
        .rds()
        .delete_db_instance()
        .db_instance_identifier(id)
        .skip_final_snapshot(skip)
        .set_final_db_snapshot_identifier(snapshot.clone())
        .send()
        .await
        .during(format!("delete the database {id}"));
    if let Err(error) = deleted {
        let Some(there) = described(cx, id).await? else {
            return Ok(());
        };
        if there.deletion_protection() == Some(true) {
            return Err(Error::failed(format!(
                "could not delete the database {id}: it is protected; set deletionProtection to false and run \
                 `pulumi up` first"
            )));
        }
        if there.db_instance_status() != Some("deleting") {
            return Err(error);
        }
    } else if let Some(snapshot) = snapshot {
        cx.say(&format!(
            "the final snapshot of the database {id} is {snapshot}; to restore it, give it as snapshotIdentifier"
        ));
    }
    wait_until_gone(cx, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_grows_by_a_tenth() {
        let mut inputs = pulumi_aws_framework::props::decode::<InstanceInputs>(
            &Properties::from_iter([("instanceClass".to_owned(), "db.t4g.micro".into())]),
        );
        let inputs = inputs.as_mut().expect("decodes");
        let mut grown = |wanted, most| {
            inputs.allocated_storage = wanted;
            inputs.max_allocated_storage = most;
            storage("db", inputs, 25).map_err(|e| e.to_string())
        };
        assert_eq!(grown(25, None), Ok(None));
        assert_eq!(grown(28, None), Ok(Some(28)));
        // With a most, what there is may be more than is wanted.
        assert_eq!(grown(26, Some(100)), Ok(Some(26)));
        let refused = grown(27, None).expect_err("is too little");
        assert!(refused.ends_with("must grow by at least 10%; give allocatedStorage 28 or more"));
    }
}
