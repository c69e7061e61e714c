//! `dbt-aws:index:DbtPlatform`: what projects share.

mod dashboard;
pub mod handle;
mod network;
mod runs;
mod warehouse;
mod zones;

#[cfg(test)]
mod tests;

pub use network::{NetworkExisting, NetworkMode, NetworkNatGateways, PlatformNetwork};
pub use warehouse::{PlatformWarehouseChoice, WarehouseExternal, WarehousePostgres};

use self::handle::{AssignPublicIp, PlatformHandle, PlatformHandleArgs, TagsText};
use crate::{
    components::{elsewhere, partition, policies::LocationArgs},
    keys,
    prelude::*,
    resources::{
        ecs::cluster::{Cluster, ClusterArgs, ClusterContainerInsights},
        logs::log_group::{LogGroup, LogGroupArgs},
        s3::bucket::{self, Bucket, BucketArgs, BucketLifecycleRuleArgs},
    },
    run,
};
use pulumi_aws_framework::{
    aws::Aws,
    component::{Component, Scope},
    handle::{HandleFields, Joined},
    output::{Fields, all, defaults},
};

/// What dbt projects share: a private network, a warehouse, a cluster, a bucket for artifacts.
#[derive(Debug)]
pub struct DbtPlatform;

/// Every input is optional: a platform without any is complete and private.
#[derive(Clone, Debug, Props)]
pub struct DbtPlatformInputs {
    /// A new network, or an existing one. Default: a new one with NAT.
    #[prop(plain)]
    pub network: Option<PlatformNetwork>,
    /// The warehouse: exactly one of `postgres` and `external`. Default: `postgres: {}`.
    #[prop(plain)]
    pub warehouse: Option<PlatformWarehouseChoice>,
    /// Where the containers run. Default: a new ECS cluster.
    #[prop(plain)]
    pub cluster: Option<PlatformCluster>,
    /// Where runs leave their artifacts. Default: a new bucket.
    #[prop(plain)]
    pub artifacts: Option<PlatformArtifacts>,
    /// What happens to data when it is destroyed or replaced: `true` keeps a bucket that holds anything and takes a final
    /// snapshot of the database; `false` deletes both. A change takes effect with the next `pulumi up`. Default: `true`.
    #[prop(default = true)]
    pub retain_data: bool,
    /// For how many days the logs of runs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096,
    /// 1827, 2192, 2557, 2922, 3288 or 3653. Default: 30.
    #[prop(default = 30)]
    pub log_retention_days: i32,
    /// Whether there is a CloudWatch dashboard of all runs, which [costs](https://aws.amazon.com/cloudwatch/pricing/) 3 USD a
    /// month where an account has more than three. Default: `true`.
    #[prop(plain)]
    pub dashboard: Option<bool>,
    /// The ARN of the managed policy that is the permissions boundary of every role of the platform and its projects.
    /// Default: none.
    #[prop(check = formats::arn("iam", "policy/"))]
    pub permissions_boundary_arn: Option<String>,
    /// Tags for the platform and all its projects, including the tasks of runs.
    pub tags: Option<Tags>,
}

/// The ECS cluster.
#[derive(Clone, Debug, Props)]
pub struct PlatformCluster {
    /// The ARN of an existing cluster, in the provider's region. Excludes `containerInsights`.
    #[prop(given, check = formats::arn("ecs", "cluster/"))]
    pub existing_arn: Option<String>,
    /// CloudWatch Container Insights, which AWS charges for. Default: `disabled`.
    #[prop(default = ClusterContainerInsights::Disabled)]
    pub container_insights: ClusterContainerInsights,
}

/// The bucket for artifacts. Runs leave `<project>/<target>/runs/<run id>/<attempt>/` and, on success,
/// `<project>/<target>/latest/` and `<project>/<target>/docs/latest/`, where `<project>` is the name of the `DbtProject`
/// resource: with a hash at its end where it has other characters than letters, digits and `-_.`.
#[derive(Clone, Debug, Props)]
pub struct PlatformArtifacts {
    /// The name of an existing bucket. Excludes `expireRunsAfterDays`.
    #[prop(given, check = bucket::name)]
    pub bucket: Option<String>,
    /// The number of days after which the artifacts of runs expire: 1 or more. Default: 90.
    #[prop(default = 90, check = formats::at_least(1))]
    pub expire_runs_after_days: i32,
    /// The ARN of the KMS key that encrypts the bucket, new or existing: of a key, not of an alias. The roles of projects
    /// may use it. Default: S3's own key.
    #[prop(check = keys::key)]
    pub kms_key_arn: Option<String>,
}

/// The outputs of a platform.
#[derive(Clone, Debug, Props)]
pub struct DbtPlatformOutputs {
    /// All that a project needs of the platform: pass it as `platform`. Do not make the platform the `parent` of that
    /// project: a program in TypeScript or Go would never end. Holds no secret.
    pub handle: Handle<PlatformHandle>,
    /// The VPC's id.
    pub vpc_id: String,
    /// The subnets that tasks run in.
    pub task_subnet_ids: Vec<String>,
    /// The public subnets; none in an existing network.
    pub public_subnet_ids: Vec<String>,
    /// The security group of tasks.
    pub task_security_group_id: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// The name of the bucket for artifacts.
    pub artifacts_bucket: String,
    /// The name of the log group.
    pub log_group_name: String,
    /// The name of the DynamoDB table of runs.
    pub table_name: String,
    /// The page of the dashboard in the console; none with `dashboard: false`.
    pub dashboard_url: Option<String>,
    /// The warehouse.
    pub warehouse: PlatformWarehouse,
}

/// Where the data lives.
#[derive(Clone, Debug, Props)]
pub struct PlatformWarehouse {
    /// The dbt adapter, such as `postgres`.
    pub adapter: String,
    /// The host name.
    pub host: Option<String>,
    /// The port.
    pub port: Option<i32>,
    /// The database's name.
    pub database: Option<String>,
    /// The Secrets Manager secret with the user and the password.
    pub secret_arn: Option<String>,
    /// The warehouse's security group.
    pub security_group_id: Option<String>,
}

/// Refuses what only something new can have where it is made elsewhere.
fn made_elsewhere(check: &mut Check<'_>, part: &str, elsewhere: &str, own: &str) {
    let given = check.value(part).unwrap_or_default();
    if [elsewhere, own]
        .iter()
        .all(|key| !given.field(key).is_null())
    {
        check.fail(
            format!("{part}.{own}"),
            format!("applies only to a new one, but {part}.{elsewhere} names an existing one; give only one of them"),
        );
    }
}

impl Component for DbtPlatform {
    const TOKEN: &'static str = "dbt-aws:index:DbtPlatform";
    const DOC: &'static str = include_str!("platform/platform.md");
    const MAY_ORPHAN: &'static [&'static str] = &[
        "dbt-aws:cloudwatch:Dashboard",
        "dbt-aws:dynamodb:Table",
        "dbt-aws:ec2:ElasticIp",
        "dbt-aws:ec2:InternetGateway",
        "dbt-aws:ec2:SecurityGroup",
        "dbt-aws:ec2:Vpc",
        "dbt-aws:ecs:Cluster",
        "dbt-aws:iam:Role",
        "dbt-aws:logs:LogGroup",
        "dbt-aws:rds:Instance",
        "dbt-aws:rds:ParameterGroup",
        "dbt-aws:rds:SubnetGroup",
        "dbt-aws:s3:Bucket",
        "dbt-aws:secretsmanager:Secret",
        "dbt-aws:sfn:StateMachine",
    ];
    const ACTIONS: &'static [&'static str] = &["ec2:DescribeAvailabilityZones"];
    type Inputs = DbtPlatformInputs;
    type Outputs = DbtPlatformOutputs;

    fn check(check: &mut Check<'_>) {
        network::check(check);
        warehouse::check(check);
        made_elsewhere(check, "artifacts", "bucket", "expireRunsAfterDays");
        made_elsewhere(check, "cluster", "existingArn", "containerInsights");
    }

    async fn check_online(aws: &Aws, inputs: &Properties) -> Result<Vec<Failure>> {
        let cluster = inputs.get("cluster").map(Value::plain).unwrap_or_default();
        let arn = cluster.field("existingArn");
        let region = arn.as_str().and_then(|arn| arn.split(':').nth(3));
        let mut found = zones::check_online(aws, inputs).await?;
        found.extend(elsewhere("cluster.existingArn", region, aws.region()));
        Ok(found)
    }

    fn construct(scope: &Scope, args: DbtPlatformArgs) -> Result<DbtPlatformFields, Failure> {
        let tags = &args.tags;
        let place = network::expand(scope, args.network, tags)?;
        let warehouse = warehouse::expand(scope, args.warehouse, &place, &args.retain_data, tags)?;
        let own = args.cluster.map_or_else(defaults::<PlatformCluster>, Ok)?;
        let (cluster_arn, capacity_providers) = cluster(scope, own, tags);
        let artifacts = args
            .artifacts
            .map_or_else(defaults::<PlatformArtifacts>, Ok)?;
        let artifacts_key = artifacts.kms_key_arn.clone();
        let bucket = bucket(scope, artifacts, &args.retain_data, tags);
        let logs = LogGroupArgs {
            retention_days: args.log_retention_days,
            tags: tags.clone(),
            ..Default::default()
        };
        let logs = scope.child::<LogGroup>("logs", logs);

        let arn_part = |index: usize| {
            cluster_arn.map(move |arn| arn.split(':').nth(index).unwrap_or_default().to_owned())
        };
        let bucket_arn = all((cluster_arn.clone(), bucket.clone()))
            .map(|(cluster, name)| format!("arn:{}:s3:::{name}", partition(&cluster)));
        let at = LocationArgs {
            account_id: arn_part(4),
            region: arn_part(3),
            cluster_arn: cluster_arn.clone(),
        };
        let runs = runs::expand(scope, &at.into(), &args.permissions_boundary_arn, tags);
        let handle = PlatformHandleArgs {
            version: PlatformHandle::VERSION.into(),
            name: scope.name().into(),
            region: arn_part(3),
            account_id: arn_part(4),
            vpc_id: place.vpc_id.clone(),
            task_subnet_ids: place.task_subnets.map(Joined),
            assign_public_ip: place.assign_public_ip.map(AssignPublicIp::from),
            task_security_group_ids: place.task_groups.map(Joined),
            cluster_arn: cluster_arn.clone(),
            cluster_capacity_providers: capacity_providers,
            artifacts_bucket: bucket.clone(),
            artifacts_bucket_arn: bucket_arn,
            artifacts_kms_key_arn: artifacts_key,
            log_group_name: logs.id.clone(),
            log_group_arn: logs.arn.clone(),
            table_name: runs.table_name.clone(),
            finish_arn: runs.finish_arn,
            finish_starter_role_arn: runs.starter_role_arn,
            event_version: run::EVENT_VERSION.into(),
            permissions_boundary_arn: args.permissions_boundary_arn,
            adapter: warehouse.adapter.clone(),
            warehouse_settings: warehouse.settings,
            warehouse_secret_arn: warehouse.secret_arn.clone(),
            warehouse_secret_kms_key_arn: warehouse.secret_kms_key_arn,
            warehouse_administrator: warehouse.administrator,
            tags: tags.map(TagsText),
        };
        let dashboard_url = match args.dashboard {
            Some(false) => Output::default(),
            _ => dashboard::expand(scope, &arn_part(3), &runs.table_name, &logs.id, tags),
        };
        Ok(DbtPlatformFields {
            handle: Handle::collect(handle),
            dashboard_url,
            vpc_id: place.vpc_id,
            task_subnet_ids: place.task_subnets,
            public_subnet_ids: place.public_subnets,
            task_security_group_id: place.task_group.id.clone(),
            cluster_arn,
            artifacts_bucket: bucket,
            log_group_name: logs.id.clone(),
            table_name: runs.table_name,
            warehouse: PlatformWarehouseArgs {
                adapter: warehouse.adapter,
                host: warehouse.host,
                port: warehouse.port,
                database: warehouse.database,
                secret_arn: warehouse.secret_arn,
                security_group_id: warehouse.security_group_id,
            }
            .into(),
        })
    }
}

/// The cluster's ARN, and the capacity providers of a new one.
fn cluster(
    scope: &Scope,
    cluster: PlatformClusterArgs,
    tags: &Output<Tags>,
) -> (Output<String>, Output<Joined>) {
    if let Some(arn) = cluster.existing_arn {
        return (arn, Output::default());
    }
    let providers = ["FARGATE", "FARGATE_SPOT"].map(str::to_owned);
    let args = ClusterArgs {
        container_insights: cluster.container_insights,
        capacity_providers: Set::from(providers.clone()).into(),
        tags: tags.clone(),
        ..Default::default()
    };
    let arn = scope.child::<Cluster>("cluster", args).arn.clone();
    (arn, Joined(providers.into()).into())
}

fn bucket(
    scope: &Scope,
    artifacts: PlatformArtifactsArgs,
    retain_data: &Output<bool>,
    tags: &Output<Tags>,
) -> Output<String> {
    artifacts.bucket.unwrap_or_else(|| {
        let expire = BucketLifecycleRuleArgs {
            id: "expire-runs".into(),
            tags: Tags::from([("dbt-aws-kind".to_owned(), "run".to_owned())]).into(),
            expiration_days: artifacts.expire_runs_after_days,
            ..Default::default()
        };
        let args = BucketArgs {
            kms_key_arn: artifacts.kms_key_arn,
            lifecycle_rules: Output::set([expire.into()]),
            force_destroy: retain_data.map(|retain| !retain),
            retain_non_empty: retain_data.clone(),
            tags: tags.clone(),
            ..Default::default()
        };
        scope.child::<Bucket>("artifacts", args).id.clone()
    })
}
