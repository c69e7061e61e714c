//! `dbt-aws:cloudwatch:Dashboard`.

use super::{Retag, tags_of};
use crate::prelude::*;

/// Graphs and tables of metrics and logs.
#[derive(Debug)]
pub struct Dashboard;

/// What a dashboard is made from.
#[derive(Clone, Debug, Props)]
pub struct DashboardInputs {
    /// The name, which no other dashboard of the account may have, of any region: 1 to 255 letters, digits, hyphens and
    /// underscores. Default: the resource's name with a suffix.
    #[prop(replace, check = NAME.check)]
    pub name: Option<String>,
    /// What it shows: at most 500 widgets.
    ///
    /// See [dashboard body structure](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
    #[prop(check = widgets)]
    pub body: Json,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a dashboard.
#[derive(Clone, Debug, Props)]
pub struct DashboardOutputs {
    /// The ARN.
    pub arn: String,
}

const NAME: Naming = Naming::new("name", 255);

fn widgets(body: &Json) -> Result<(), String> {
    match body.0["widgets"].as_array().map_or(0, Vec::len) {
        0..=500 => Ok(()),
        count => Err(format!("has {count} widgets; AWS takes 500")),
    }
}

impl CustomResource for Dashboard {
    const TOKEN: &'static str = "dbt-aws:cloudwatch:Dashboard";
    const DOC: &'static str = "Graphs and tables of metrics and logs.\n\nImport with the name or the ARN. See [CloudWatch dashboards](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Dashboards.html).";
    const ACTIONS: &'static [&'static str] = &[
        "cloudwatch:DeleteDashboards",
        "cloudwatch:GetDashboard",
        "cloudwatch:ListDashboards",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:PutDashboard",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    ];
    const IDS: Option<Ids> = Some(Ids::name("dbt-runs", "cloudwatch", "dashboard/"));
    const NAMING: Option<Naming> = Some(NAME);
    type Inputs = DashboardInputs;
    type Outputs = DashboardOutputs;
    type Tagging = Retag;

    async fn create(cx: &Context, inputs: &DashboardInputs) -> Result<Created<Self>> {
        let name = inputs.name.as_deref().unwrap_or_default();
        // CloudWatch answers a create of a dashboard that is there by changing it.
        if !(cx.is_first() && Naming::is_ours(name, &cx.identity.generation))
            && let Some((arn, _)) = there(cx, name).await?
        {
            let tags = tags_of(cx, &arn).await?;
            return Created::adopt(cx, name, &format!("the dashboard {name}"), &tags);
        }
        put(cx, name, inputs).await?;
        let arn = arn(cx, name).await?;
        Ok(Created::Known(name.to_owned(), DashboardOutputs { arn }))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &DashboardInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        match old.is_some_and(|old| old.inputs.body != new.body) {
            true => put(cx, id, new).await,
            false => Ok(()),
        }
    }

    async fn read(
        cx: &Context,
        id: &str,
        _known: Option<&DashboardInputs>,
    ) -> Result<Option<State<Self>>> {
        let arn = arn(cx, id).await?;
        let (found, tags) = tokio::join!(there(cx, id), tags_of(cx, &arn));
        let Some((arn, body)) = found? else {
            return Ok(None);
        };
        let body = serde_json::from_str(&body).map(Json).map_err(|e| {
            Error::failed(format!(
                "could not read the dashboard {id}: it is not JSON: {e}"
            ))
        })?;
        Ok(Some(State {
            inputs: DashboardInputs {
                name: Some(id.to_owned()),
                body,
                tags: Some(tags?),
            },
            outputs: DashboardOutputs { arn },
        }))
    }

    list!(
        cloudwatch.list_dashboards[next_token, set_next_token].dashboard_entries,
        |dashboard| dashboard.dashboard_name()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let delete = cx.aws.cloudwatch().delete_dashboards().dashboard_names(id);
        let deleted = delete.send().await;
        deleted
            .during(format!("delete the dashboard {id}"))
            .map(drop)
    }
}

/// The ARN has no region: the state's is taken as it is.
async fn arn(cx: &Context, name: &str) -> Result<String> {
    let object = format!("dashboard/{name}");
    let known = cx.recall::<String>("arn");
    if let Some(arn) = known.filter(|arn| arn.ends_with(&format!(":{object}"))) {
        return Ok(arn);
    }
    let arn = cx.own_arn("cloudwatch", &object).await?;
    let region = format!(":cloudwatch:{}:", cx.aws.region());
    Ok(arn.replace(&region, ":cloudwatch::"))
}

/// The ARN and the body of the dashboard of that name.
async fn there(cx: &Context, name: &str) -> Result<Option<(String, String)>> {
    let get = cx.aws.cloudwatch().get_dashboard().dashboard_name(name);
    let found = get
        .send()
        .await
        .during(format!("read the dashboard {name}"));
    let found = found.gone()?;
    Ok(found.and_then(|found| Some((found.dashboard_arn?, found.dashboard_body?))))
}

async fn put(cx: &Context, name: &str, inputs: &DashboardInputs) -> Result<()> {
    let put = cx.aws.cloudwatch().put_dashboard().dashboard_name(name);
    // Tags are for a new one alone.
    let tags = to_tags(cx.tags(inputs.tags.as_ref()));
    let put = put
        .dashboard_body(inputs.body.to_string())
        .set_tags(Some(tags));
    let put = put.send().await;
    put.during(format!("put the dashboard {name}")).map(drop)
}
