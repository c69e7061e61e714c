//! The locks that come with the provider.

use super::{Error, Result};

/// dbt's version, adapter and requirements of locks that come with the provider, the newest version first.
macro_rules! locks {
    ($($version:literal: $($adapter:literal)*;)*) => {
        &[$($((
            $version,
            $adapter,
            include_str!(concat!("locks/dbt-", $version, "-", $adapter, ".txt")),
        ),)*)*]
    };
}

pub(super) const LOCKS: &[(&str, &str, &str)] = locks! {
    "1.12": "athena" "bigquery" "databricks" "postgres" "redshift" "snowflake" "trino";
    "1.11": "athena" "bigquery" "databricks" "postgres" "redshift" "snowflake" "trino";
};

/// dbt 2, which is one program with all its adapters: its version, they, and its requirements.
const ENGINE: (&str, &[&str], &str) = (
    "2.0",
    &["bigquery", "databricks", "duckdb", "redshift", "snowflake"],
    include_str!("locks/dbt-2.0.txt"),
);

/// Whether some version of dbt comes with an adapter of this name.
pub(super) fn bundles(adapter: &str) -> bool {
    LOCKS.iter().any(|lock| lock.1 == adapter)
}

/// Whether a version is one of dbt 2, which is one program for all adapters and no Python packages.
pub fn is_engine(version: &str) -> bool {
    version.split('.').next() == Some("2")
}

/// The text of the lock for a version of dbt Core and an adapter.
pub(super) fn embedded(version: &str, adapter: &str) -> Result<&'static str> {
    let refused = |reason: String| Error::Lock {
        lock: format!("dbt {version} with {adapter}"),
        line: None,
        reason,
    };
    if is_engine(version) {
        let (known, adapters, text) = ENGINE;
        return match (version == known, adapters.contains(&adapter)) {
            (true, true) => Ok(text),
            (false, _) => Err(refused(format!(
                "only {known} is bundled of dbt 2; leave the version out for dbt Core"
            ))),
            (true, false) => Err(refused(format!(
                "it has no such adapter; it has {}; leave the version out for dbt Core, or use another warehouse",
                adapters.join(", ")
            ))),
        };
    }
    let found = LOCKS
        .iter()
        .find(|lock| (lock.0, lock.1) == (version, adapter));
    found.map(|lock| lock.2).ok_or_else(|| {
        let known = LOCKS.chunk_by(|a, b| a.0 == b.0).map(|locks| {
            let adapters: Vec<&str> = locks.iter().map(|lock| lock.1).collect();
            format!("{} with {}", locks[0].0, adapters.join(", "))
        });
        refused(format!(
            "it is not bundled; these are: {}; for any other give a requirements file",
            known.collect::<Vec<_>>().join("; ")
        ))
    })
}
