//! `dbt-aws:ecs:Cluster`.

use crate::prelude::*;
use aws_sdk_ecs::types::{Cluster as Described, ClusterField, ClusterSetting, ClusterSettingName};
use futures::future::try_join_all;
use pulumi_aws_framework::props::Enum as _;

/// A place for tasks.
#[derive(Debug)]
pub struct Cluster;

words! {
    /// How closely CloudWatch watches a cluster.
    pub enum ClusterContainerInsights {
        /// Not at all.
        Disabled = "disabled",
        /// Metrics of the cluster and its tasks.
        Enabled = "enabled",
        /// Metrics of every container too.
        Enhanced = "enhanced",
    }
}

/// What a cluster is made from.
#[derive(Clone, Debug, Props)]
pub struct ClusterInputs {
    /// The name: 1 to 255 letters, digits, `-` and `_`, unique in account and region. Default: made from the resource's
    /// name.
    #[prop(replace, check = super::NAME.check)]
    pub name: Option<String>,
    /// How closely CloudWatch watches it, for a price. Default: `disabled`.
    #[prop(default = ClusterContainerInsights::Disabled)]
    pub container_insights: ClusterContainerInsights,
    /// Where tasks can run: `FARGATE`, `FARGATE_SPOT`, or names of capacity providers of your own. A task that asks
    /// for the launch type `FARGATE` needs none.
    #[prop(default = None)]
    pub capacity_providers: Option<Set<String>>,
    /// Tags.
    pub tags: Option<Tags>,
}

/// What AWS says of a cluster.
#[derive(Clone, Debug, Props)]
pub struct ClusterOutputs {
    /// The ARN.
    pub arn: String,
}

impl CustomResource for Cluster {
    const TOKEN: &'static str = "dbt-aws:ecs:Cluster";
    const DOC: &'static str = "A place for tasks.\n\nImport with the name or the ARN. Deleting the cluster stops the tasks that still run in it.\n\nSee [clusters](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/clusters.html).";
    const ACTIONS: &'static [&'static str] = &[
        "ecs:CreateCluster",
        "ecs:DeleteCluster",
        "ecs:DescribeClusters",
        "ecs:ListClusters",
        "ecs:ListTasks",
        "ecs:PutClusterCapacityProviders",
        "ecs:StopTask",
        "ecs:TagResource",
        "ecs:UntagResource",
        "ecs:UpdateCluster",
        "iam:CreateServiceLinkedRole",
    ];
    const IDS: Option<Ids> = Some(Ids::name("analytics", "ecs", "cluster/"));
    const NAMING: Option<Naming> = Some(super::NAME);
    type Inputs = ClusterInputs;
    type Outputs = ClusterOutputs;
    type Tagging = super::Retag;

    async fn create(cx: &Context, inputs: &ClusterInputs) -> Result<Created<Self>> {
        let name = inputs.name.clone().unwrap_or_default();
        let what = format!("the cluster {name}");
        // Where a cluster of that name is, AWS answers with it instead of refusing.
        let made_here = Naming::is_ours(&name, &cx.identity.generation);
        let may_be_there = !made_here || !cx.is_first();
        if may_be_there && let Some(there) = describe(cx, &name).await? {
            return Created::adopt(cx, name, &what, &from_tags(there.tags()));
        }
        cx.aws
            .ecs()
            .create_cluster()
            .cluster_name(&name)
            .settings(insights(inputs))
            .set_capacity_providers(inputs.capacity_providers.clone().map(Vec::from_iter))
            .set_tags(Some(to_tags(cx.tags(inputs.tags.as_ref()))))
            .send()
            .await
            .during(format!("create {what}"))?;
        Ok(name.into())
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &ClusterInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        let Some(old) = old else { return Ok(()) };
        let what = format!("update the cluster {id}");
        if new.container_insights != old.inputs.container_insights {
            let update = cx
                .aws
                .ecs()
                .update_cluster()
                .cluster(id)
                .settings(insights(new));
            update.send().await.during(&what)?;
        }
        if new.capacity_providers != old.inputs.capacity_providers {
            let providers = new.capacity_providers.clone().unwrap_or_default();
            // AWS wants both; of the strategy, which has no property here, what still can be stays.
            let there = describe(cx, id).await?;
            let there = there.and_then(|c| c.default_capacity_provider_strategy);
            let strategy = there.into_iter().flatten();
            let strategy = strategy.filter(|item| providers.contains(item.capacity_provider()));
            let strategy = strategy.collect();
            cx.aws
                .ecs()
                .put_cluster_capacity_providers()
                .cluster(id)
                .set_capacity_providers(Some(providers.into_iter().collect()))
                .set_default_capacity_provider_strategy(Some(strategy))
                .send()
                .await
                .during(&what)?;
        }
        Ok(())
    }

    async fn ready(cx: &Context, id: &str) -> Result<Option<ClusterOutputs>> {
        cx.wait(&format!("the cluster {id}"), async || {
            let Some(there) = describe(cx, id).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            match (there.status(), there.attachments_status()) {
                (Some("FAILED"), _) | (_, Some("UPDATE_FAILED")) => Err(Error::failed(format!(
                    "could not attach the capacity providers of the cluster {id}; look at its events in the AWS console"
                ))),
                (Some("ACTIVE"), Some("UPDATE_IN_PROGRESS")) => {
                    Ok(Progress::Pending("attaching capacity providers".to_owned()))
                }
                (Some("ACTIVE"), _) => Ok(Progress::Done(Some(outputs(&there)))),
                (status, _) => Ok(Progress::Pending(status.unwrap_or_default().to_lowercase())),
            }
        })
        .await
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&ClusterInputs>,
    ) -> Result<Option<State<Self>>> {
        let Some(there) = describe(cx, id).await? else {
            return Ok(None);
        };
        let insights = there
            .settings()
            .iter()
            .find(|s| s.name() == Some(&ClusterSettingName::ContainerInsights))
            .and_then(|s| ClusterContainerInsights::from_word(s.value().unwrap_or_default()));
        let providers: Set<_> = there.capacity_providers().iter().cloned().collect();
        let own = known.and_then(|k| k.capacity_providers.as_ref());
        Ok(Some(State {
            inputs: ClusterInputs {
                name: Some(id.to_owned()),
                container_insights: insights.unwrap_or(ClusterContainerInsights::Disabled),
                capacity_providers: (own.is_some() || !providers.is_empty()).then_some(providers),
                tags: Some(from_tags(there.tags())),
            },
            outputs: outputs(&there),
        }))
    }

    list!(
        ecs.list_clusters[next_token, set_next_token].cluster_arns,
        |arn| arn.rsplit('/').next()
    );

    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let deleted = cx.aws.ecs().delete_cluster().cluster(id).send().await;
        let Err(error) = deleted.during(format!("delete the cluster {id}")) else {
            return Ok(());
        };
        if error.code() == Some("ClusterContainsTasksException") {
            stop_tasks(cx, id).await?;
        }
        Err(error)
    }
}

fn outputs(cluster: &Described) -> ClusterOutputs {
    ClusterOutputs {
        arn: cluster.cluster_arn().unwrap_or_default().to_owned(),
    }
}

fn insights(inputs: &ClusterInputs) -> ClusterSetting {
    ClusterSetting::builder()
        .name(ClusterSettingName::ContainerInsights)
        .value(inputs.container_insights.word())
        .build()
}

/// The cluster, unless it is gone: AWS goes on showing a deleted one as inactive.
async fn describe(cx: &Context, name: &str) -> Result<Option<Described>> {
    let fields = [
        ClusterField::Attachments,
        ClusterField::Settings,
        ClusterField::Tags,
    ];
    let found = cx
        .aws
        .ecs()
        .describe_clusters()
        .clusters(name)
        .set_include(Some(fields.into()))
        .send()
        .await
        .during(format!("read the cluster {name}"))
        .gone()?;
    let clusters = found.and_then(|f| f.clusters).unwrap_or_default();
    Ok(clusters
        .into_iter()
        .find(|c| c.status() != Some("INACTIVE")))
}

async fn stop_tasks(cx: &Context, cluster: &str) -> Result<()> {
    let pages = cx.aws.ecs().list_tasks().cluster(cluster).into_paginator();
    let tasks: Vec<_> = pages
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .during(format!("list the tasks of the cluster {cluster}"))?;
    try_join_all(tasks.iter().map(async |task| {
        let stop = cx.aws.ecs().stop_task().cluster(cluster).task(task);
        let stopped = stop.reason("the cluster is being deleted").send().await;
        stopped.during(format!("stop the task {task}")).gone()
    }))
    .await?;
    Ok(())
}
