//! The dashboard of a platform's runs: `dashboard.json`, of what `finish` counts and what runs log.

use crate::prelude::*;
use pulumi_aws_framework::output::all;

const BODY: &str = include_str!("dashboard.json");

/// It as CloudWatch takes it, of the runs in that table and log group.
pub(super) fn body(
    region: &Output<String>,
    table: &Output<String>,
    log_group: &Output<String>,
) -> Output<String> {
    all((region.clone(), table.clone(), log_group.clone())).map(|(region, table, log_group)| {
        let body = BODY.replace("${region}", &region);
        let body = body.replace("${table}", &table);
        let body = body.replace("${logGroup}", &log_group);
        serde_json::from_str(&body).map_or(body, |document| Json(document).to_string())
    })
}
