//! The states of an instance, and what is waited for.

use crate::prelude::*;
use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// The instance as AWS describes it.
pub(super) async fn described(cx: &Context, id: &str) -> Result<Option<DbInstance>> {
    let found = cx
        .aws
        .rds()
        .describe_db_instances()
        .db_instance_identifier(id)
        .send()
        .await
        .during(format!("read the database {id}"))
        .gone()?;
    Ok(found.and_then(|f| f.db_instances.unwrap_or_default().into_iter().next()))
}

/// Waits until the instance takes connections.
pub(super) async fn wait_until_available(cx: &Context, id: &str) -> Result<DbInstance> {
    wait(cx, id, |_| None).await
}

/// Waits until what was changed at once is in effect: `shows` is whether an instance has it.
pub(super) async fn wait_until_settled(
    cx: &Context,
    id: &str,
    shows: impl Fn(&DbInstance) -> bool + Sync,
) -> Result<()> {
    let (started, seen) = (Instant::now(), AtomicBool::new(false));
    let pending = |instance: &DbInstance| {
        let shown = shows(instance) || started.elapsed() > SHOWN;
        (!settled(instance, shown, &seen)).then(|| "modifying".to_owned())
    };
    wait(cx, id, pending).await.map(drop)
}

/// For how long the state may stay `available` after a change, as if nothing were under way, and a little longer: what AWS
/// does not show by then it never will.
const SHOWN: Duration = Duration::from_secs(120);

/// Whether nothing is under way in two looks, one after the other: a look may be at an earlier state than that before it.
fn settled(instance: &DbInstance, shown: bool, seen: &AtomicBool) -> bool {
    let pending = instance.pending_modified_values().is_some_and(|pending| {
        let mut pending = pending.clone();
        // Lists that are there and empty say nothing.
        pending.processor_features = pending.processor_features.filter(|f| !f.is_empty());
        pending.additional_storage_volumes =
            pending.additional_storage_volumes.filter(|v| !v.is_empty());
        pending != PendingModifiedValues::builder().build()
    });
    let now = shown && !pending;
    seen.swap(now, Ordering::Relaxed) && now
}

pub(super) async fn wait(
    cx: &Context,
    id: &str,
    pending: impl Fn(&DbInstance) -> Option<String> + Sync,
) -> Result<DbInstance> {
    let started = Instant::now();
    let look = || async {
        let instance = described(cx, id).await?;
        let status = instance
            .as_ref()
            .map(|i| i.db_instance_status().unwrap_or("unknown"));
        let state = verdict(id, status, started.elapsed())?;
        Ok(match (state, instance) {
            (None, Some(instance)) => match pending(&instance) {
                Some(state) => Progress::Pending(state),
                None => Progress::Done(instance),
            },
            (state, _) => Progress::Pending(state.unwrap_or_default()),
        })
    };
    cx.wait("waiting for the database", look).await
}

/// What is under way after waiting for so long, `None` when the database takes connections.
fn verdict(id: &str, status: Option<&str>, waited: Duration) -> Result<Option<String>> {
    match status {
        // One whose storage is being optimized takes connections.
        Some("available" | "storage-optimization") => Ok(None),
        None if waited < VISIBLE => Ok(Some("not visible yet".to_owned())),
        None => Err(Error::failed(format!(
            "the database {id} was deleted meanwhile; find out by what, for example in CloudTrail, and run `pulumi refresh`"
        ))),
        Some(status)
            if FAILED.contains(&status) && !(PASSING.contains(&status) && waited < PASSES) =>
        {
            Err(Error::failed(format!(
                "the database {id} is in the state {status}; look at its events in the AWS console, repair it or \
                 delete it, and run the command again"
            )))
        }
        Some(status) => Ok(Some(status.replace('-', " "))),
    }
}

/// For how long AWS may not show what it has just made.
const VISIBLE: Duration = Duration::from_secs(60);

/// States that a change ends, but not at once.
const PASSING: [&str; 3] = [
    "incompatible-parameters",
    "insufficient-capacity",
    "storage-full",
];
const PASSES: Duration = Duration::from_secs(10 * 60);

/// States that an instance does not leave by itself.
const FAILED: [&str; 12] = [
    "deleting",
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-create",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
    "stopped",
    "storage-full",
];

/// Waits until the instance is gone.
pub(super) async fn wait_until_gone(cx: &Context, id: &str) -> Result<()> {
    let look = || async {
        Ok(match described(cx, id).await? {
            None => Progress::Done(()),
            Some(there) => {
                let status = there.db_instance_status().unwrap_or("unknown");
                Progress::Pending(status.replace('-', " "))
            }
        })
    };
    cx.wait("deleting the database", look).await
}

/// The instance as it is after the next maintenance window.
pub(super) fn with_pending(mut instance: DbInstance) -> DbInstance {
    let Some(pending) = instance.pending_modified_values.take() else {
        return instance;
    };
    instance.db_instance_class = pending.db_instance_class.or(instance.db_instance_class);
    instance.allocated_storage = pending.allocated_storage.or(instance.allocated_storage);
    instance.storage_type = pending.storage_type.or(instance.storage_type);
    instance.engine_version = pending.engine_version.or(instance.engine_version);
    instance.multi_az = pending.multi_az.or(instance.multi_az);
    let backups = pending.backup_retention_period;
    instance.backup_retention_period = backups.or(instance.backup_retention_period);
    let authority = pending.ca_certificate_identifier;
    instance.ca_certificate_identifier = authority.or(instance.ca_certificate_identifier);
    instance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_in_effect_when_it_is_seen_twice() {
        let instance = |class: Option<&str>| {
            let pending =
                PendingModifiedValues::builder().set_db_instance_class(class.map(str::to_owned));
            let pending = pending.set_processor_features(Some(Vec::new())).build();
            DbInstance::builder()
                .pending_modified_values(pending)
                .build()
        };
        let seen = AtomicBool::new(false);
        let looks = [
            // `available`, and as before the change
            (None, false, false),
            (Some("db.t4g.small"), true, false),
            (None, true, false),
            // an earlier state once more
            (None, false, false),
            (None, true, false),
            (None, true, true),
        ];
        for (number, (pending, shown, expected)) in looks.into_iter().enumerate() {
            let found = settled(&instance(pending), shown, &seen);
            assert_eq!(found, expected, "look {number}");
        }
    }

    #[test]
    fn some_states_pass() {
        let after = |status, minutes: u64| verdict("db", status, Duration::from_secs(60 * minutes));
        assert_eq!(after(Some("available"), 0).ok(), Some(None));
        for (status, passes) in [
            (None, "not visible yet"),
            (Some("storage-full"), "storage full"),
            (Some("incompatible-parameters"), "incompatible parameters"),
            (Some("modifying"), "modifying"),
        ] {
            assert_eq!(after(status, 0).ok(), Some(Some(passes.to_owned())));
        }
        let ends: [bool; 2] = [None, Some("storage-full")].map(|status| after(status, 20).is_err());
        assert!(ends == [true; 2] && after(Some("failed"), 0).is_err());
    }

    #[test]
    fn what_waits_for_the_window_counts() {
        let pending = PendingModifiedValues::builder()
            .db_instance_class("db.t4g.small")
            .multi_az(true);
        let instance = DbInstance::builder()
            .db_instance_class("db.t4g.micro")
            .engine_version("17.2")
            .pending_modified_values(pending.build());
        let after = with_pending(instance.build());
        assert_eq!(after.db_instance_class(), Some("db.t4g.small"));
        assert_eq!(
            (after.multi_az(), after.engine_version()),
            (Some(true), Some("17.2"))
        );
    }
}
