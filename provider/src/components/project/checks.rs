//! What is wrong with a project's inputs, before anything is made.

use super::{
    DbtProjectDbt, DbtProjectProfile, ProjectCapacity, ProjectOverlap, ends, login, tags, variables,
};
use crate::{
    components::{
        exposure,
        platform::handle::{PlatformHandle, PlatformHandleArgs},
    },
    prelude::*,
    resources::{ecr::image, ecs},
};
use aws_sdk_ecs::types::Cluster;
use dbt_aws_image::{Dbt, Error, Reference, ecr_registry};
use pulumi_aws_framework::{
    aws::Aws,
    formats::is_arn,
    props::{Enum as _, below},
};

const SPOT: &str = "FARGATE_SPOT";

pub(super) fn project(check: &mut Check<'_>) {
    check.exactly_one(&["path", "image"]);
    let path = check.get::<Option<String>>("path").flatten();
    if let Some(path) = &path {
        match &*image::read(&check.reads, path) {
            Ok(project) => profile_name(check, project.profile.as_deref()),
            Err(error) => check.fail("path", error.to_string()),
        }
        dbt(check);
    }
    if check.has("image") && path.is_none() {
        with_image(check);
    }
    ecs::check_size(check, check.get("cpu"), check.get("memory"));
    names(check);
    ends::check(check);
    login::check(check);
    let overlap: Option<ProjectOverlap> = check.get("overlap");
    if check.has("queueMinutes") && overlap.is_some_and(|own| own != ProjectOverlap::Queue) {
        check.fail("queueMinutes", "applies only with overlap: queue");
    }
    tags::check(check);
    exposure::plain_text(check, "environment", "secrets");
    exposure::plain_text(
        check,
        "profile.settings",
        "secrets, and write \"{{ env_var('NAME') }}\" here",
    );
    let profile = check.value("profile").unwrap_or_default();
    exposure::unencrypted(check, "profile.settings", &profile.field("settings"));
    let arns = check
        .get::<Option<BTreeMap<String, String>>>("secretArns")
        .flatten();
    for (name, arn) in arns.iter().flatten() {
        if !is_secret(arn) {
            let reason = format!(
                "{arn:?} is not the ARN of a Secrets Manager secret or of an SSM parameter"
            );
            check.fail(below("secretArns", name), reason);
        }
    }
}

/// The runner writes a profile under a name that dbt looks for, so it must be known before dbt runs.
fn profile_name(check: &mut Check<'_>, found: Option<&str>) {
    let profile = check.value("profile").map(|profile| profile.plain());
    let own = match profile {
        Some(profile) if profile.is_unknown() => Value::Unknown,
        profile => profile.unwrap_or_default().field("name"),
    };
    let own = match &own {
        Value::Null => None,
        Value::String(own) => Some(own.as_str()),
        _ => return,
    };
    // dbt itself may be told of another.
    let fields = ["environment", "secrets", "secretArns"];
    let mut variables = fields.into_iter().flat_map(|field| check.keys(field));
    let is_told = variables.any(|name| ["DBT_PROFILE", "DBT_ENGINE_PROFILE"].contains(&&*name));
    let reason = match (own, found) {
        (None, None) if is_told => {
            "is required, because dbt_project.yml names no profile".to_owned()
        }
        (own, None) if !is_told => format!(
            "dbt_project.yml names no profile, so dbt finds none; write profile: {} there",
            own.unwrap_or("shop")
        ),
        (Some(name), _) | (None, Some(name)) if name.contains("{{") => format!(
            "{name:?} is a template, which only dbt can read; give the name that it comes to"
        ),
        (Some(own), Some(found)) if own != found && !found.contains("{{") && !is_told => format!(
            "is {own:?}, but dbt_project.yml names the profile {found:?}; leave it out, or change dbt_project.yml"
        ),
        _ => return,
    };
    check.fail("profile.name", reason);
}

/// Refuses Spot where the cluster, which is not the platform's own, does not have it.
pub(super) async fn spot(
    aws: &Aws,
    inputs: &Properties,
    platform: &PlatformHandleArgs,
) -> Result<Option<Failure>> {
    let capacity = inputs.get("capacity").map(Value::plain).unwrap_or_default();
    let wants_spot = capacity
        .as_str()
        .is_some_and(|word| word != ProjectCapacity::OnDemand.word());
    let (true, None, Some(arn)) = (
        wants_spot,
        platform.cluster_capacity_providers.now(),
        platform.cluster_arn.now(),
    ) else {
        return Ok(None);
    };
    let clients = aws.clients(aws.region()).await?;
    let clusters = clients.ecs().describe_clusters().clusters(&arn).send();
    let clusters = clusters.await.during(format!("read the cluster {arn}"))?;
    Ok(clusters
        .clusters()
        .first()
        .and_then(|cluster| lacks_spot(&arn, cluster)))
}

fn lacks_spot(arn: &str, cluster: &Cluster) -> Option<Failure> {
    let lacks = !cluster.capacity_providers().contains(&SPOT.to_owned());
    lacks.then(|| Failure {
        path: "capacity".to_owned(),
        reason: format!("{arn} does not have the capacity provider {SPOT}; add it with aws ecs put-cluster-capacity-providers, or leave out capacity"),
    })
}

/// What there is to install, judged before the image is.
fn dbt(check: &mut Check<'_>) {
    let Some(own) = check.get::<Option<DbtProjectDbt>>("dbt") else {
        return;
    };
    let own = own.map_or_else(
        || DbtProjectDbt::decode(&Value::Object(Properties::new())),
        Ok,
    );
    let Ok(own) = own else { return };
    let platform = Handle::<PlatformHandle>::checked(check, "platform");
    let adapter = own.adapter.or_else(|| platform.adapter.now());
    let (path, dbt) = match (own.requirements, adapter) {
        (Some(path), adapter) => (
            "dbt.requirements",
            Dbt::Requirements {
                path: path.into(),
                adapter,
                exclude: own.exclude.unwrap_or_default(),
            },
        ),
        (None, Some(adapter)) => (
            "dbt",
            Dbt::Locked {
                version: own.version,
                adapter,
            },
        ),
        (None, None) => return,
    };
    if let Err(error) = dbt.digest() {
        let path = match error {
            Error::Excluded { .. } => "dbt.exclude",
            _ => path,
        };
        check.fail(path, error.to_string());
    }
}

/// What makes no difference to an image that is there already.
fn with_image(check: &mut Check<'_>) {
    for field in ["baseImage", "baseImageRefresh"] {
        if check.has(field) {
            check.fail(field, "has no effect with image, which has its own base");
        }
    }
    let dbt = check
        .value("dbt")
        .map(|dbt| dbt.plain())
        .unwrap_or_default();
    for field in ["exclude", "requirements", "version"] {
        if !dbt.field(field).is_null() {
            let reason = "has no effect with image, which has its own dbt";
            check.fail(format!("dbt.{field}"), reason);
        }
    }
    if let Some(Some(profile)) = check.get::<Option<DbtProjectProfile>>("profile") {
        for (field, value) in [("name", &profile.name), ("schema", &profile.schema)] {
            if value.is_none() {
                let reason = "is required with image, because its dbt_project.yml cannot be read";
                check.fail(format!("profile.{field}"), reason);
            }
        }
    }
}

/// Names that cannot be, and names that are given twice.
fn names(check: &mut Check<'_>) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for field in ["environment", "secrets", "secretArns"] {
        for name in check.keys(field) {
            let path = below(field, &name);
            if let Err(reason) = variables::name(&name) {
                check.fail(path, reason);
            } else if let Some(before) = seen.insert(name.clone(), field) {
                check.fail(
                    path,
                    format!("{name} is also in {before}; leave out one of them"),
                );
            }
        }
    }
}

fn is_secret(arn: &str) -> bool {
    is_arn(arn, "secretsmanager", "secret:") || is_arn(arn, "ssm", "parameter/")
}

pub(super) fn base_image(base: &str) -> Result<(), String> {
    match base.parse::<Reference>() {
        Err(error) if !base.is_empty() => Err(error.to_string()),
        _ => Ok(()),
    }
}

pub(crate) fn settings(settings: &Json) -> Result<(), String> {
    if settings.0.is_object() {
        Ok(())
    } else {
        Err("must be an object of the adapter's settings".to_owned())
    }
}

pub(super) fn given(text: &str) -> Result<(), String> {
    match text.trim().is_empty() {
        true => Err("must not be empty; leave it out for the default".to_owned()),
        false => Ok(()),
    }
}

pub(super) fn target(target: &str) -> Result<(), String> {
    given(target)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if target.chars().all(fits) {
        Ok(())
    } else {
        Err(format!("{target:?} must be letters, digits, - and _"))
    }
}

/// The ARN of the ECR repository that an image's URI names, if it is one.
pub(super) fn ecr_arn(image: &str, partition: &str) -> Option<String> {
    let (host, rest) = image.split_once('/')?;
    let (account, region) = ecr_registry(host)?;
    let name = rest.split_once('@').map_or(rest, |(name, _)| name);
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    Some(format!(
        "arn:{partition}:ecr:{region}:{account}:repository/{name}"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Cluster, SPOT, ecr_arn, lacks_spot};

    #[test]
    fn spot_needs_its_capacity_provider() {
        let cluster = |names: [&str; 2]| {
            let names = names.map(str::to_owned).to_vec();
            Cluster::builder()
                .set_capacity_providers(Some(names))
                .build()
        };
        assert_eq!(lacks_spot("c", &cluster(["FARGATE", SPOT])), None);
        let failure = lacks_spot("c", &cluster(["FARGATE", "mine"])).expect("refused");
        let said = "capacity: c does not have the capacity provider FARGATE_SPOT";
        assert!(failure.to_string().starts_with(said), "{failure}");
    }

    #[test]
    fn an_ecr_image_has_its_repository() {
        let arn = Some("arn:aws:ecr:eu-west-1:111122223333:repository/team/shop".to_owned());
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        for end in ["", ":v1", "@sha256:0123", ":v1@sha256:0123"] {
            assert_eq!(ecr_arn(&format!("{host}/team/shop{end}"), "aws"), arn);
        }
        assert_eq!(ecr_arn("ghcr.io/team/shop:v1", "aws"), None);
    }
}
