//! `dbt-aws:rds:Instance`.

mod calls;
mod master;
mod rules;
mod waits;

use super::{Retag, add_tags};
use crate::{keys, prelude::*};
use aws_sdk_rds::types::{DatabaseInsightsMode, DbInstance};
use pulumi_aws_framework::props::{Enum as _, diff::differences};

/// A database server.
#[derive(Debug)]
pub struct Instance;

/// What a database server is made from.
#[derive(Clone, Debug, Props)]
#[allow(clippy::struct_excessive_bools)]
pub struct InstanceInputs {
    /// The name: 1 to 63 lower-case letters, digits and single hyphens. Default: the resource's name with a suffix.
    #[prop(replace, check = rules::identifier)]
    pub identifier: Option<String>,
    /// The engine: `postgres`. Default: `postgres`.
    #[prop(replace, default = "postgres", check = rules::engine)]
    pub engine: String,
    /// The engine's version: a major one such as `17`, of which AWS chooses the minor one, or a full one such as
    /// `17.2`, which is the least where `autoMinorVersionUpgrade` is on; 14 or later, with extended support 11. Default:
    /// AWS's.
    #[prop(check = rules::version)]
    pub engine_version: Option<String>,
    /// What happens when the major version leaves its standard support. Default:
    /// `open-source-rds-extended-support-disabled`: AWS upgrades it. An older `engineVersion` then fails after a refresh.
    #[prop(default = InstanceEngineLifecycleSupport::Disabled)]
    pub engine_lifecycle_support: InstanceEngineLifecycleSupport,
    /// The machine, such as `db.t4g.micro`.
    #[prop(check = rules::class)]
    pub instance_class: String,
    /// The storage, in GiB: 20 to 65536; it cannot shrink, and must grow by at least 10%. With `maxAllocatedStorage` it
    /// is the least, and growth is no difference. Default: 20. With a `snapshotIdentifier`, the snapshot's where that
    /// is more.
    #[prop(default = 20, check = formats::between(20, 65_536))]
    pub allocated_storage: i32,
    /// The most to which the storage grows by itself, in GiB: at least 10% more than `allocatedStorage`. Default: it does
    /// not grow.
    #[prop(default = None, check = formats::between(20, 65_536))]
    pub max_allocated_storage: Option<i32>,
    /// The kind of storage. Default: `gp3`.
    #[prop(default = InstanceStorageType::Gp3)]
    pub storage_type: InstanceStorageType,
    /// Whether the storage is encrypted. Default: `true`.
    #[prop(replace, default = true)]
    pub storage_encrypted: bool,
    /// The ARN of the KMS key that encrypts the storage, not that of an alias. Default: the account's `aws/rds`.
    #[prop(replace, check = keys::key)]
    pub kms_key_arn: Option<String>,
    /// Whether there is a standby in another Availability Zone (Multi-AZ). Default: `false`.
    #[prop(default = false)]
    pub multi_az: bool,
    /// The first database's name: 1 to 63 letters, digits and underscores. Default: none but the engine's own.
    #[prop(replace, check = rules::database)]
    pub db_name: Option<String>,
    /// The master user's name: 1 to 63 letters, digits and underscores. Default: the secret's `username`.
    #[prop(replace, check = rules::username)]
    pub master_username: Option<String>,
    /// The ARN of the Secrets Manager secret with the master user's name and password: a JSON object with `username`
    /// and `password`. It is read when the database is made or restored, or when this is another secret than before; the
    /// password is never in the state. Needed without a `snapshotIdentifier`; with one, the password stays the
    /// snapshot's where it is absent.
    #[prop(check = formats::arn("secretsmanager", "secret:"))]
    pub master_user_secret_arn: Option<String>,
    /// The name of the subnet group. Default: AWS's, in the default VPC.
    #[prop(replace, check = formats::lower)]
    pub db_subnet_group_name: Option<String>,
    /// The ids of the security groups; once given, they can be changed but not taken away. Default: the VPC's own.
    #[prop(check = formats::each(formats::id("sg")))]
    pub vpc_security_group_ids: Option<Set<String>>,
    /// The name of the parameter group. Another one takes effect after a reboot. Default: the engine's own.
    #[prop(check = formats::lower)]
    pub parameter_group_name: Option<String>,
    /// For how many days backups are kept: 1 to 35, or 0 for no backups. Default: 7.
    #[prop(default = 7, check = formats::between(0, 35))]
    pub backup_retention_days: i32,
    /// Whether AWS refuses to delete it. Default: `false`.
    #[prop(default = false)]
    pub deletion_protection: bool,
    /// The DB snapshot, by name or ARN, from which the instance is created. Keep it set afterwards: adding, changing or
    /// removing it replaces the database. `storageEncrypted` and, where they are given, `masterUsername` and
    /// `kmsKeyArn` must be those of the snapshot.
    #[prop(replace)]
    pub snapshot_identifier: Option<String>,
    /// Whether it has a public address. Default: `false`.
    #[prop(default = false)]
    pub publicly_accessible: bool,
    /// What CloudWatch Database Insights records. Default: `off`.
    #[prop(default = InstanceDatabaseInsights::Off)]
    pub database_insights: InstanceDatabaseInsights,
    /// Whether snapshots get the tags. Default: `true`.
    #[prop(default = true)]
    pub copy_tags_to_snapshot: bool,
    /// The CA that signs its TLS certificate, such as `rds-ca-rsa2048-g1`; once given, it can be changed but not taken
    /// away. Default: AWS's.
    pub ca_certificate_identifier: Option<String>,
    /// Whether AWS installs new minor versions in the maintenance window. Default: `true`.
    #[prop(default = true)]
    pub auto_minor_version_upgrade: bool,
    /// Whether changes are made at once instead of in the next maintenance window. Default: `true`.
    #[prop(default = true)]
    pub apply_immediately: bool,
    /// Whether a delete takes no snapshot. Default: `false`.
    #[prop(default = false)]
    pub skip_final_snapshot: bool,
    /// The name of the snapshot that a delete takes. Default: the instance's, `-final-` and a random suffix.
    #[prop(check = rules::snapshot)]
    pub final_snapshot_identifier: Option<String>,
    /// Tags.
    pub tags: Option<Tags>,
}

words! {
    /// What happens when a major version leaves its standard support.
    pub enum InstanceEngineLifecycleSupport {
        /// AWS keeps it patched, at a price.
        Enabled = "open-source-rds-extended-support",
        /// AWS upgrades it.
        Disabled = "open-source-rds-extended-support-disabled",
    }
}

words! {
    /// A kind of storage.
    pub enum InstanceStorageType {
        /// The older general-purpose one: faster the larger it is.
        Gp2 = "gp2",
        /// The general-purpose one.
        Gp3 = "gp3",
    }
}

words! {
    /// What CloudWatch Database Insights records.
    pub enum InstanceDatabaseInsights {
        /// Nothing.
        Off = "off",
        /// Performance Insights, kept for 7 days.
        Standard = "standard",
        /// All of it, kept for 15 months, at a price.
        Advanced = "advanced",
    }
}

/// What AWS says of a database server.
#[derive(Clone, Debug, Props)]
pub struct InstanceOutputs {
    /// The host name.
    pub address: String,
    /// The port.
    pub port: i32,
    /// The ARN.
    pub arn: String,
    /// The id that stays when the instance is renamed; IAM policies for database logins name it.
    pub resource_id: String,
    /// The full version that runs.
    #[prop(follows(engine_version))]
    pub engine_version_actual: String,
    /// The storage that there is, in GiB.
    #[prop(follows(allocated_storage))]
    pub allocated_storage_actual: i32,
    /// The availability zone that it runs in.
    pub availability_zone: String,
}

impl CustomResource for Instance {
    const TOKEN: &'static str = "dbt-aws:rds:Instance";
    const DOC: &'static str = "A database server.\n\nImport with the identifier or the ARN. See [Amazon RDS](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.html).";
    const ACTIONS: &'static [&'static str] = &[
        "iam:CreateServiceLinkedRole",
        "rds:AddTagsToResource",
        "rds:CreateDBInstance",
        "rds:CreateDBSnapshot",
        "rds:DeleteDBInstance",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
        "rds:ModifyDBInstance",
        "rds:RemoveTagsFromResource",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "secretsmanager:GetSecretValue",
    ];
    const IDS: Option<Ids> = Some(Ids::name("analytics", "rds", "db:"));
    const DATA: bool = true;
    const NAMING: Option<Naming> = Some(Naming {
        field: "identifier",
        longest: 63,
        others: "-",
        lower: true,
    });
    const TIMEOUT: Duration = Duration::from_secs(60 * 60);
    type Inputs = InstanceInputs;
    type Outputs = InstanceOutputs;
    type Tagging = Retag;

    fn check(check: &mut Check<'_>) {
        rules::check(check);
    }

    fn fill_in(
        scope: &CheckScope<'_>,
        inputs: &mut Properties,
        _old: &Properties,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let class = inputs.get("instanceClass").and_then(Value::as_str);
        warnings.extend(class.and_then(|class| rules::missing(scope.region, class)));
        Ok(())
    }

    async fn create(cx: &Context, inputs: &InstanceInputs) -> Result<Created<Self>> {
        let id = inputs.identifier.as_deref().unwrap_or_default();
        let what = format!("the database {id}");
        let make = || async {
            match &inputs.snapshot_identifier {
                Some(snapshot) => calls::restore(cx, id, snapshot, inputs).await,
                None => calls::create(cx, id, inputs).await,
            }
        };
        match make().await {
            Err(error) if error.is_already_exists() => {}
            made => return made.map(|()| id.into()),
        }
        let Some(there) = waits::described(cx, id).await? else {
            return make().await.map(|()| id.into());
        };
        let adopted = Created::adopt(cx, id, &what, &from_tags(there.tag_list()))?;
        if there.db_instance_status() == Some("deleting") {
            waits::wait_until_gone(cx, id).await?;
            return make().await.map(|()| id.into());
        }
        Ok(adopted)
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &InstanceInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        if let Some(old) = old {
            return update(cx, id, new, old).await;
        }
        let Some(snapshot) = &new.snapshot_identifier else {
            return Ok(());
        };
        // A restore takes over much of the snapshot; what the inputs say comes after it.
        waits::wait_until_available(cx, id).await?;
        let Some(restored) = Self::read(cx, id, Some(new)).await? else {
            return Err(Error::failed(format!("the database {id} is gone")));
        };
        refuse_replacement(id, snapshot, new, &restored)?;
        update(cx, id, new, &restored).await?;
        // Those of the snapshot go.
        let all = restored.inputs.tags.unwrap_or_default();
        let tags = cx.user_tags(&all, new.tags.as_ref());
        let (set, removed) = cx.tag_changes(tags.as_ref(), new.tags.as_ref());
        let arn = &restored.outputs.arn;
        Retag::change(cx, Tagged { id, arn }, set, removed).await
    }

    async fn ready(cx: &Context, id: &str) -> Result<Option<InstanceOutputs>> {
        let instance = waits::wait_until_available(cx, id).await?;
        Ok(Some(outputs(&instance)))
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&InstanceInputs>,
    ) -> Result<Option<State<Self>>> {
        let found = waits::described(cx, id).await?;
        let live = found.filter(|i| i.db_instance_status() != Some("deleting"));
        if let (Some(instance), None) = (&live, known)
            && !cx.identity.shares_seed(&from_tags(instance.tag_list()))
        {
            let storage = instance
                .storage_type()
                .and_then(InstanceStorageType::from_word);
            let parts = [
                (
                    "another engine than postgres",
                    instance.engine() != Some("postgres"),
                ),
                (
                    "a cluster that it is part of",
                    // a local AWS may answer an empty text
                    instance
                        .db_cluster_identifier()
                        .is_some_and(|id| !id.is_empty()),
                ),
                ("another kind of storage than gp2 or gp3", storage.is_none()),
            ];
            importable(&format!("the database {id}"), parts)?;
        }
        Ok(live.map(|instance| state(id, &instance, known)))
    }

    list!(
        rds.describe_db_instances[marker, set_marker].db_instances,
        |instance| instance.db_instance_identifier(),
        instance.tag_list()
    );

    fn unhealthy(state: &State<Self>) -> Option<String> {
        let addressed = !state.outputs.address.is_empty();
        (!addressed).then(|| "has no address yet; run `pulumi up` to wait for it".to_owned())
    }

    async fn delete(cx: &Context, id: &str, state: &State<Self>) -> Result<()> {
        calls::delete(cx, id, &state.inputs).await
    }
}

async fn update(cx: &Context, id: &str, new: &InstanceInputs, old: &State<Instance>) -> Result<()> {
    calls::modify(cx, id, new, old).await?;
    if let Some(secret) = &new.master_user_secret_arn
        && old.inputs.master_user_secret_arn.as_ref() != Some(secret)
    {
        let username = old.inputs.master_username.as_deref();
        let password = master::credentials(cx, secret, username).await?.password;
        calls::set_password(cx, id, &password, new.apply_immediately).await?;
        add_tags(cx, &old.outputs.arn, master::tag(secret)).await?;
    }
    Ok(())
}

/// What a snapshot decides, and the inputs say otherwise.
fn refuse_replacement(
    id: &str,
    snapshot: &str,
    new: &InstanceInputs,
    restored: &State<Instance>,
) -> Result<()> {
    let changes = differences(&restored.inputs, new).into_iter();
    let paths = changes.filter(|c| c.replace).map(|c| c.path);
    let paths: Vec<_> = paths.collect();
    if paths.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the database {id} was restored from {snapshot}, which differs in {}; give the snapshot's values",
        paths.join(", ")
    )))
}

/// The instance in the words of the inputs. Where those leave AWS a choice, what AWS chose is what they say.
fn state(id: &str, instance: &DbInstance, known: Option<&InstanceInputs>) -> State<Instance> {
    // Only what the program gives can be taken away again; an import takes all.
    let mine = |own: fn(&InstanceInputs) -> bool| known.is_none_or(own);
    let actual = outputs(instance);
    let awaited;
    let instance = match known.is_some_and(|k| !k.apply_immediately) {
        true => {
            awaited = waits::with_pending(instance.clone());
            &awaited
        }
        false => instance,
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let given = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
    let tags = from_tags(instance.tag_list());
    let storage = instance.allocated_storage().unwrap_or_default();
    let version = text(instance.engine_version());
    let insights = match instance.database_insights_mode() {
        Some(DatabaseInsightsMode::Advanced) => InstanceDatabaseInsights::Advanced,
        _ if instance.performance_insights_enabled() == Some(true) => {
            InstanceDatabaseInsights::Standard
        }
        _ => InstanceDatabaseInsights::Off,
    };
    let word = |word: Option<&str>| word.map(Value::from);
    let groups = instance.vpc_security_groups().iter();
    let parameters = instance.db_parameter_groups().first();
    let subnets = instance.db_subnet_group();
    State {
        inputs: InstanceInputs {
            identifier: Some(id.to_owned()),
            engine: text(instance.engine()),
            engine_version: Some(match known.and_then(|k| k.engine_version.as_ref()) {
                Some(wanted) if rules::fulfils(&version, wanted, known) => wanted.clone(),
                _ => version,
            }),
            engine_lifecycle_support: word(instance.engine_lifecycle_support())
                .and_then(|w| Property::decode(&w).ok())
                .unwrap_or(InstanceEngineLifecycleSupport::Disabled),
            instance_class: text(instance.db_instance_class()),
            allocated_storage: known
                .filter(|k| k.max_allocated_storage.is_some() || k.snapshot_identifier.is_some())
                .map_or(storage, |k| k.allocated_storage.min(storage)),
            max_allocated_storage: instance.max_allocated_storage(),
            storage_type: word(instance.storage_type())
                .and_then(|w| Property::decode(&w).ok())
                // Not what is promised, whatever else it is.
                .unwrap_or(InstanceStorageType::Gp2),
            storage_encrypted: instance.storage_encrypted().unwrap_or(false),
            kms_key_arn: given(instance.kms_key_id()),
            multi_az: instance.multi_az().unwrap_or(false),
            db_name: match known.filter(|k| k.snapshot_identifier.is_some()) {
                // AWS does not tell what databases a snapshot holds.
                Some(known) => known.db_name.clone(),
                None => given(instance.db_name()),
            },
            master_username: given(instance.master_username()),
            master_user_secret_arn: master::secret_of(&tags),
            db_subnet_group_name: subnets.and_then(|g| g.db_subnet_group_name().map(str::to_owned)),
            vpc_security_group_ids: mine(|k| k.vpc_security_group_ids.is_some()).then(|| {
                groups
                    .filter_map(|g| g.vpc_security_group_id().map(str::to_owned))
                    .collect()
            }),
            parameter_group_name: parameters
                .filter(|_| mine(|k| k.parameter_group_name.is_some()))
                .and_then(|g| g.db_parameter_group_name().map(str::to_owned)),
            backup_retention_days: instance.backup_retention_period().unwrap_or_default(),
            deletion_protection: instance.deletion_protection().unwrap_or(false),
            snapshot_identifier: known.and_then(|k| k.snapshot_identifier.clone()),
            publicly_accessible: instance.publicly_accessible().unwrap_or(false),
            database_insights: insights,
            copy_tags_to_snapshot: instance.copy_tags_to_snapshot().unwrap_or(false),
            ca_certificate_identifier: given(instance.ca_certificate_identifier())
                .filter(|_| mine(|k| k.ca_certificate_identifier.is_some())),
            auto_minor_version_upgrade: instance.auto_minor_version_upgrade().unwrap_or(false),
            apply_immediately: known.is_none_or(|k| k.apply_immediately),
            skip_final_snapshot: known.is_some_and(|k| k.skip_final_snapshot),
            final_snapshot_identifier: known.and_then(|k| k.final_snapshot_identifier.clone()),
            tags: Some(master::without_tag(tags)),
        },
        outputs: actual,
    }
}

fn outputs(instance: &DbInstance) -> InstanceOutputs {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let endpoint = instance.endpoint();
    InstanceOutputs {
        address: text(endpoint.and_then(|e| e.address())),
        port: endpoint.and_then(|e| e.port()).unwrap_or_default(),
        arn: text(instance.db_instance_arn()),
        resource_id: text(instance.dbi_resource_id()),
        engine_version_actual: text(instance.engine_version()),
        allocated_storage_actual: instance.allocated_storage().unwrap_or_default(),
        availability_zone: text(instance.availability_zone()),
    }
}
