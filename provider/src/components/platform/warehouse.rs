//! The platform's warehouse: RDS Postgres, or one that is there already.

use super::network::Placement;
use crate::{
    components::{exposure, partition, project::checks::settings},
    keys,
    prelude::*,
    resources::{
        ec2::{
            security_group::{SecurityGroup, SecurityGroupArgs},
            security_group_rule::{
                SecurityGroupRule, SecurityGroupRuleArgs, SecurityGroupRuleProtocol,
                SecurityGroupRuleType,
            },
        },
        rds::{
            instance::{Instance, InstanceArgs, InstanceDatabaseInsights},
            parameter_group::{ParameterGroup, ParameterGroupArgs},
            subnet_group::{SubnetGroup, SubnetGroupArgs},
        },
        secretsmanager::secret::{Secret, SecretArgs, SecretGenerateArgs},
    },
};
use pulumi_aws_framework::{
    component::Scope,
    output::{all, defaults},
};
use serde_json::json;

/// The name of the database's administrator.
const ADMINISTRATOR: &str = "dbt";
const POSTGRES_PORT: i32 = 5432;

/// Where the image has the authorities of RDS's certificates: a file of the runner's.
const AUTHORITIES: &str = "/opt/dbt-aws/rds-ca.pem";

/// The partitions whose authorities are in it.
const AUTHORITIES_OF: [&str; 2] = ["aws", "aws-us-gov"];

/// Where the data lives. Give exactly one.
#[derive(Clone, Debug, Props)]
pub struct PlatformWarehouseChoice {
    /// A new RDS for PostgreSQL instance: encrypted, TLS forced and verified, without RDS Extended Support. Each project
    /// connects as a role of its own, which owns its schemas. `docs/operating.md` says which changes replace the database
    /// with an empty one.
    #[prop(plain)]
    pub postgres: Option<WarehousePostgres>,
    /// Any warehouse that dbt reaches.
    #[prop(plain)]
    pub external: Option<WarehouseExternal>,
}

/// A new RDS for PostgreSQL instance.
#[derive(Clone, Debug, Props)]
pub struct WarehousePostgres {
    /// The version, as a string: a major one such as `17`, 14 or later, of which AWS chooses the minor one, or a full one
    /// such as `17.2`, which AWS may upgrade to a later minor one. AWS also upgrades the major version when its standard
    /// support ends: see `docs/operating.md`. Default: `17`.
    #[prop(default = "17", check = version)]
    pub version: String,
    /// The [instance class](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.html).
    /// Default: `db.t4g.micro`, which `ca-west-1` does not have.
    #[prop(default = "db.t4g.micro")]
    pub instance_class: String,
    /// The storage in GiB, 20 to 65536. It cannot shrink, and an increase must be of at least 10%. Default: 20.
    #[prop(default = 20)]
    pub storage_gb: i32,
    /// The most to which the storage grows by itself, in GiB: at least 10% more than `storageGb`, which is then the
    /// least. Default: it does not grow.
    pub max_storage_gb: Option<i32>,
    /// Whether there is a standby in another Availability Zone (Multi-AZ). Default: `false`.
    #[prop(default = false)]
    pub multi_az: bool,
    /// The database's name: 1 to 63 letters, digits and underscores, the first a letter. A change replaces the database with
    /// an empty one. Default: `analytics`.
    #[prop(default = "analytics")]
    pub database: String,
    /// For how many days backups are kept: 1 to 35, or 0 for no backups. Default: 7.
    #[prop(default = 7)]
    pub backup_days: i32,
    /// Whether AWS refuses to delete it; set it in production. Default: `false`.
    #[prop(default = false)]
    pub deletion_protection: bool,
    /// The DB snapshot, by name or ARN, from which the instance is created: encrypted, with the master user `dbt`. Keep
    /// it set afterwards: adding, changing or removing it replaces the database. `database` and, where it is given,
    /// `kmsKeyArn` must be those of the snapshot.
    pub snapshot_identifier: Option<String>,
    /// Parameters of PostgreSQL, by name, such as `work_mem: "65536"`. Values are strings, in the unit that RDS has for the
    /// parameter: for `work_mem` kB. `rds.force_ssl` is `1` unless you set it. Default: no others.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Who may connect besides the tasks: IPv4 CIDR blocks and security group ids, each once, in any order. Default:
    /// nobody.
    #[prop(plain)]
    pub allow_from: Option<Vec<String>>,
    /// Whether it has a public address. It is then in the public subnets, or in the `warehouseSubnetIds` of an existing
    /// network. Default: `false`.
    #[prop(plain)]
    pub publicly_accessible: Option<bool>,
    /// [Database Insights](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.html).
    /// Default: `off`.
    pub database_insights: Option<InstanceDatabaseInsights>,
    /// The ARN of the KMS key that encrypts the storage: of a key, not of an alias. A change replaces the database with an
    /// empty one. Default: RDS's own key.
    #[prop(check = keys::key)]
    pub kms_key_arn: Option<String>,
}

/// Any warehouse that dbt reaches.
#[derive(Clone, Debug, Props)]
pub struct WarehouseExternal {
    /// The dbt adapter: `athena`, `bigquery`, `databricks`, `postgres`, `redshift`, `snowflake` or `trino`, which are bundled
    /// with dbt Core, or any other with `dbt.requirements` of the projects; dbt 2 also has `duckdb`.
    pub adapter: String,
    /// The keys of the dbt profile that are not secret, such as `account` and `warehouse`: an object. `host`, `port` and
    /// `dbname` or `database` are also outputs of the platform.
    #[prop(check = settings)]
    pub settings: Json,
    /// The ARN of a Secrets Manager secret that holds a JSON object with the secret keys of the profile, such as `user` and
    /// `password` (`username` is read as `user`). A run adds them to `settings`, and they override the same keys there.
    /// Default: none.
    #[prop(check = formats::arn("secretsmanager", "secret:"))]
    pub secret_arn: Option<String>,
    /// The ARN of the customer managed KMS key that encrypts the secret: of a key, not of an alias.
    #[prop(check = keys::key)]
    pub secret_kms_key_arn: Option<String>,
    /// The id of the warehouse's security group, only to be an output: the group is not changed. To let the tasks in, add
    /// a rule with the output `taskSecurityGroupId` as its source.
    #[prop(check = formats::id("sg"))]
    pub security_group_id: Option<String>,
}

fn version(version: &str) -> Result<(), String> {
    let major = version.split('.').next().unwrap_or_default();
    match major.parse::<u32>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "{version:?} is not a version of PostgreSQL such as 17"
        )),
    }
}

pub(super) fn check(check: &mut Check<'_>) {
    let Some(given) = check.value("warehouse").map(Value::into_properties) else {
        return;
    };
    match given.values().filter(|v| !v.is_null()).count() {
        1 => {}
        _ => check.fail("warehouse", "give exactly one of postgres, external"),
    }
    let part = |kind: &str| given.get(kind).cloned().unwrap_or_default();
    exposure::database(check, "warehouse.postgres", &part("postgres"));
    let settings = "warehouse.external.settings";
    exposure::plain_text(check, settings, "warehouse.external.secretArn");
    exposure::unencrypted(check, settings, &part("external").field("settings"));
    let allowed = given
        .get("postgres")
        .map(|p| p.field("allowFrom"))
        .unwrap_or_default();
    let Value::List(items) = allowed.peel() else {
        return;
    };
    let mut sources = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(text) = item.as_str() else { continue };
        let path = format!("warehouse.postgres.allowFrom[{index}]");
        match source(text) {
            Err(reason) => check.fail(path, reason),
            Ok(source) => {
                if let Some(first) = sources.insert(source, index) {
                    let reason =
                        format!("is the same as allowFrom[{first}]; leave out one of the two");
                    check.fail(path, reason);
                }
            }
        }
    }
}

/// Who may connect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Block(Cidr),
    Group(String),
}

impl Source {
    /// It as the end of a child's name.
    fn name(&self) -> String {
        match self {
            Self::Block(block) => block.to_string().replace(['.', '/'], "-"),
            Self::Group(id) => id.clone(),
        }
    }

    /// Whether a rule with these outputs is for it.
    fn is_of(&self, rule: &Properties) -> bool {
        let text = |key: &str| rule.get(key).and_then(Value::as_str);
        match self {
            Self::Block(block) => {
                text("cidrBlock").and_then(|t| Cidr::parse(t).ok()) == Some(*block)
            }
            Self::Group(id) => text("sourceSecurityGroupId") == Some(id),
        }
    }
}

fn source(from: &str) -> Result<Source, String> {
    if from.starts_with("sg-") {
        return formats::id("sg")(from).map(|()| Source::Group(from.to_owned()));
    }
    Cidr::parse(from).map(Source::Block).map_err(|reason| {
        if from.contains('/') {
            reason
        } else {
            format!("{reason}, nor the id of a security group")
        }
    })
}

/// The warehouse as the handle and the outputs describe it.
#[derive(Default)]
pub(super) struct Described {
    pub(super) adapter: Output<String>,
    pub(super) host: Output<String>,
    pub(super) port: Output<i32>,
    pub(super) database: Output<String>,
    pub(super) secret_arn: Output<String>,
    pub(super) secret_kms_key_arn: Output<String>,
    pub(super) security_group_id: Output<String>,
    /// The administrator, of a database that is made here.
    pub(super) administrator: Output<String>,
    /// The profile's keys, as the text of a JSON object.
    pub(super) settings: Output<String>,
}

pub(super) fn expand(
    scope: &Scope,
    choice: Option<PlatformWarehouseChoiceArgs>,
    place: &Placement,
    retain_data: &Output<bool>,
    tags: &Output<Tags>,
) -> Result<Described, Failure> {
    match choice {
        Some(PlatformWarehouseChoiceArgs {
            external: Some(external),
            ..
        }) => Ok(described(external)),
        Some(PlatformWarehouseChoiceArgs {
            postgres: Some(postgres),
            ..
        }) => Ok(postgres_instance(scope, postgres, place, retain_data, tags)),
        _ => {
            let postgres = defaults::<WarehousePostgres>()?;
            Ok(postgres_instance(scope, postgres, place, retain_data, tags))
        }
    }
}

fn described(external: WarehouseExternalArgs) -> Described {
    let WarehouseExternalArgs {
        adapter,
        settings,
        secret_arn,
        secret_kms_key_arn,
        security_group_id,
    } = external;
    let of = |keys: &'static [&'static str]| {
        settings.map(move |Json(settings)| {
            let value = keys.iter().find_map(|key| settings.get(key))?;
            value
                .as_str()
                .map(str::to_owned)
                .or_else(|| value.as_i64().map(|n| n.to_string()))
        })
    };
    Described {
        adapter,
        host: of(&["host"]).flatten(),
        port: of(&["port"])
            .map(|port| port.and_then(|port| port.parse::<i32>().ok()))
            .flatten(),
        database: of(&["dbname", "database"]).flatten(),
        settings: settings.map(|Json(settings)| settings.to_string()),
        secret_arn,
        secret_kms_key_arn,
        security_group_id,
        administrator: Output::default(),
    }
}

fn postgres_instance(
    scope: &Scope,
    postgres: WarehousePostgresArgs,
    place: &Placement,
    retain_data: &Output<bool>,
    tags: &Output<Tags>,
) -> Described {
    let public = postgres.publicly_accessible.unwrap_or(false);
    let group = scope.child::<SecurityGroup>(
        "warehouse",
        SecurityGroupArgs {
            vpc_id: place.vpc_id.clone(),
            description: "the warehouse".into(),
            tags: tags.clone(),
            ..Default::default()
        },
    );
    let entrance = |args: SecurityGroupRuleArgs| SecurityGroupRuleArgs {
        security_group_id: group.id.clone(),
        r#type: SecurityGroupRuleType::Ingress.into(),
        protocol: SecurityGroupRuleProtocol::Tcp.into(),
        from_port: POSTGRES_PORT.into(),
        to_port: POSTGRES_PORT.into(),
        tags: tags.clone(),
        ..args
    };
    let from_tasks = entrance(SecurityGroupRuleArgs {
        source_security_group_id: place.task_group.id.clone(),
        ..Default::default()
    });
    scope.child::<SecurityGroupRule>("warehouse-from-tasks", from_tasks);
    let had = scope.had::<SecurityGroupRule>("warehouse-from-");
    for (index, from) in postgres.allow_from.iter().flatten().enumerate() {
        let known = from.now().and_then(|from| source(&from).ok());
        let args = entrance(SecurityGroupRuleArgs {
            source_security_group_id: from
                .map(|from| from.starts_with("sg-").then_some(from))
                .flatten(),
            cidr_block: from.map(|from| Cidr::parse(&from).ok()).flatten(),
            ..Default::default()
        });
        // What a preview does not know has its place in the list for a name.
        let name = known.as_ref().map_or(index.to_string(), Source::name);
        let former = former(known.as_ref(), index, had.as_ref());
        scope.renamed_child::<SecurityGroupRule>(
            &format!("warehouse-from-{name}"),
            former
                .map(|name| format!("warehouse-from-{name}"))
                .as_deref(),
            args,
        );
    }
    let secret = scope.child::<Secret>(
        "warehouse-secret",
        SecretArgs {
            description: "the administrator of the warehouse".into(),
            generate: SecretGenerateArgs {
                template: Json(json!({ "username": ADMINISTRATOR })).into(),
                // RDS refuses these in a password.
                exclude_characters: "/@\" '\\".into(),
                ..Default::default()
            }
            .into(),
            tags: tags.clone(),
            ..Default::default()
        },
    );
    let subnets = scope.child::<SubnetGroup>(
        "warehouse-subnets",
        SubnetGroupArgs {
            subnet_ids: subnets(place, public),
            vpc_id: place.vpc_id.clone(),
            tags: tags.clone(),
            ..Default::default()
        },
    );
    let parameters = scope.child::<ParameterGroup>(
        "warehouse-parameters",
        ParameterGroupArgs {
            family: postgres
                .version
                .map(|v| format!("postgres{}", v.split('.').next().unwrap_or_default())),
            parameters: postgres.parameters.optional().map(|own| {
                let mut all = BTreeMap::from([("rds.force_ssl".to_owned(), "1".to_owned())]);
                all.extend(own.unwrap_or_default());
                all
            }),
            tags: tags.clone(),
            ..Default::default()
        },
    );
    // AWS makes no public database in a VPC without a way to the internet, and takes none away that one uses.
    let after = place.gateway.as_ref().filter(|_| public);
    let instance = scope.child_after::<Instance>(
        "warehouse-instance",
        InstanceArgs {
            engine: "postgres".into(),
            engine_version: postgres.version,
            instance_class: postgres.instance_class,
            allocated_storage: postgres.storage_gb,
            max_allocated_storage: postgres.max_storage_gb,
            multi_az: postgres.multi_az,
            db_name: postgres.database.clone(),
            master_username: ADMINISTRATOR.into(),
            master_user_secret_arn: secret.arn.clone(),
            db_subnet_group_name: subnets.id.clone(),
            vpc_security_group_ids: Output::set([group.id.clone()]),
            parameter_group_name: parameters.id.clone(),
            backup_retention_days: postgres.backup_days,
            deletion_protection: postgres.deletion_protection,
            snapshot_identifier: postgres.snapshot_identifier,
            publicly_accessible: public.into(),
            database_insights: postgres.database_insights,
            kms_key_arn: postgres.kms_key_arn,
            skip_final_snapshot: retain_data.map(|retain| !retain),
            tags: tags.clone(),
            ..Default::default()
        },
        after.map(|gateway| gateway.id.erase()),
    );
    let place = all((
        instance.arn.clone(),
        instance.address.clone(),
        instance.port.clone(),
        postgres.database.clone(),
    ));
    let settings =
        place.map(|(arn, host, port, database)| settings_of(&arn, &host, port, &database));
    Described {
        adapter: "postgres".into(),
        host: instance.address.clone(),
        port: instance.port.clone(),
        database: postgres.database,
        secret_arn: secret.arn.clone(),
        secret_kms_key_arn: Output::default(),
        security_group_id: group.id.clone(),
        administrator: ADMINISTRATOR.into(),
        settings,
    }
}

/// The profile's settings of a database.
fn settings_of(arn: &str, host: &str, port: i32, database: &str) -> String {
    let mut settings =
        json!({ "type": "postgres", "host": host, "port": port, "dbname": database });
    if AUTHORITIES_OF.contains(&partition(arn)) {
        settings["sslmode"] = json!("verify-full");
        settings["sslrootcert"] = json!(AUTHORITIES);
    } else {
        settings["sslmode"] = json!("require");
    }
    settings.to_string()
}

/// The end of the name of a source's rule where an earlier version named it by its place in the list. Where nobody
/// tells what the stack has, the list is taken to be the same.
fn former(
    source: Option<&Source>,
    index: usize,
    had: Option<&BTreeMap<String, Properties>>,
) -> Option<String> {
    let source = source?;
    let Some(had) = had.filter(|had| !had.is_empty()) else {
        return Some(index.to_string());
    };
    let is_place = |name: &str| name.parse::<usize>().is_ok();
    let mut rules = had.iter().filter(|(name, _)| is_place(name));
    let rule = rules.find(|(_, outputs)| source.is_of(outputs));
    rule.map(|(name, _)| name.clone())
}

/// Where the database is. Of a network made elsewhere no subnet is known to be public: the user has chosen them.
fn subnets(place: &Placement, public: bool) -> Output<Set<String>> {
    let own = place.private_subnets.map(Set::from_iter);
    if !public {
        return own;
    }
    all((place.public_subnets.clone(), own)).map(|(public, own)| match public.is_empty() {
        true => own,
        false => public.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::settings_of;
    use serde_json::{Value, json};

    #[test]
    fn a_certificate_is_verified_where_its_authority_is_in_the_image() {
        let modes = ["aws", "aws-us-gov", "aws-cn", "aws-eusc"].map(|partition| {
            let arn = format!("arn:{partition}:rds:r:111122223333:db:d");
            let settings: Value =
                serde_json::from_str(&settings_of(&arn, "h", 5432, "shop")).expect("JSON");
            json!([settings["sslmode"], settings["sslrootcert"]])
        });
        let (verified, not) = (
            json!(["verify-full", "/opt/dbt-aws/rds-ca.pem"]),
            json!(["require", null]),
        );
        assert_eq!(modes, [verified.clone(), verified, not.clone(), not]);
    }
}
