//! The dashboard of a platform's runs: `dashboard.json`, of what `finish` counts and what runs log.

use crate::{
    prelude::*,
    resources::cloudwatch::dashboard::{Dashboard, DashboardArgs},
};
use pulumi_aws_framework::{aws::console, component::Scope, output::all};

const BODY: &str = include_str!("dashboard.json");

/// It, of the runs in that table and log group; answers its page in the console.
pub(super) fn expand(
    scope: &Scope,
    region: &Output<String>,
    table: &Output<String>,
    log_group: &Output<String>,
    tags: &Output<Tags>,
) -> Output<String> {
    let of = all((region.clone(), table.clone(), log_group.clone()));
    let args = DashboardArgs {
        body: of.map(|(region, table, log_group)| body(&region, &table, &log_group)),
        tags: tags.clone(),
        ..Default::default()
    };
    let name = scope.child::<Dashboard>("dashboard", args).id.clone();
    all((region.clone(), name)).map(|(region, name)| {
        let console = console(&region);
        format!("{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}")
    })
}

fn body(region: &str, table: &str, log_group: &str) -> Json {
    let body = BODY.replace("${region}", region);
    let body = body.replace("${table}", table);
    let body = body.replace("${logGroup}", log_group);
    Json(serde_json::from_str(&body).unwrap_or_default())
}
