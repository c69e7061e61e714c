//! The provider's configuration.

use crate::props::{
    Failure, Json, Property, Props, Set, Table, Type,
    check::{Check, tag},
};
use crate::value::{Properties, Value};
use aws_config::{meta::region::ProvideRegion, profile::region::ProfileFileRegionProvider};
use std::collections::BTreeMap;

/// The provider's configuration, under the names that Pulumi's AWS users know. What is not set comes from the
/// environment, the shared configuration files, SSO, web identity, or the container's or instance's role, in the
/// [SDK's own order](https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
#[derive(Clone, Debug, Default, Props)]
pub struct Configuration {
    /// The region, such as `eu-west-1`. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's; the stack keeps what
    /// its first `pulumi up` found. A change replaces everything, and the database with an empty one.
    #[prop(check = region)]
    pub region: Option<String>,
    /// The profile in the shared configuration files. Default: `AWS_PROFILE`.
    pub profile: Option<String>,
    /// The access key's id. Prefer a profile, SSO or a role.
    #[prop(secret)]
    pub access_key: Option<String>,
    /// The secret access key.
    #[prop(secret)]
    pub secret_key: Option<String>,
    /// The session token of temporary credentials.
    #[prop(secret)]
    pub token: Option<String>,
    /// An IAM role to assume with the provider's credentials.
    pub assume_role: Option<AssumeRole>,
    /// Tags for everything that can carry tags; a resource's own tags win.
    pub default_tags: Option<DefaultTags>,
    /// The only account ids that may be used; any other is refused before anything is made.
    pub allowed_account_ids: Option<Set<String>>,
    /// Account ids that are refused. Excludes `allowedAccountIds`.
    pub forbidden_account_ids: Option<Set<String>>,
    /// How often a call is tried again after throttling, a server's or the network's fault. Default: 9.
    #[prop(check = retries)]
    pub max_retries: Option<i64>,
    /// Endpoints by service: `ec2`, `ecr`, `ecs`, `iam`, `logs`, `rds`, `registry` (the image registry of ECR), `s3`,
    /// `scheduler`, `secretsmanager`, `sfn`, `sqs`, `sts`. Default: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`,
    /// or AWS.
    #[prop(check = endpoints)]
    pub endpoints: Option<BTreeMap<String, String>>,
    /// Do not ask STS whose credentials these are before the first change. Default: `false`.
    pub skip_credentials_validation: Option<bool>,
    /// Address buckets as `host/bucket` instead of `bucket.host`. Default: `false`, but `true` with an S3 endpoint of
    /// your own.
    pub s3_use_path_style: Option<bool>,
}

/// An IAM role to assume.
#[derive(Clone, Debug, Default, Props)]
pub struct AssumeRole {
    /// The role's ARN.
    pub role_arn: String,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The session's name in CloudTrail. Default: `pulumi-dbt-aws`.
    pub session_name: Option<String>,
    /// How long the session's credentials last, 900 to 43200 seconds. Default: 3600.
    #[prop(check = session_seconds)]
    pub duration_seconds: Option<i64>,
}

/// Tags for everything.
#[derive(Clone, Debug, Default, Props)]
pub struct DefaultTags {
    /// The tags.
    #[prop(check = tags)]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The services with an endpoint of their own.
const SERVICES: [&str; 13] = [
    "ec2",
    "ecr",
    "ecs",
    "iam",
    "logs",
    "rds",
    "registry",
    "s3",
    "scheduler",
    "secretsmanager",
    "sfn",
    "sqs",
    "sts",
];

/// What the names of regions are made of beside two letters for a part of the world.
const DIRECTIONS: [&str; 9] = [
    "central",
    "east",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "southwest",
    "west",
];

/// Refuses what is no region. AWS adds regions, so that one is not listed here is no reason.
fn region(name: &str) -> Result<(), String> {
    let parts: Vec<_> = name.split('-').collect();
    let number = parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
    let lower = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    if parts.len() < 3 || !number || !parts[..parts.len() - 1].iter().all(lower) {
        return Err(format!("{name:?} is not a region such as eu-west-1"));
    }
    for part in &parts {
        let misspelt = |word: &&&str| part.len() > 2 && strsim::osa_distance(word, part) == 1;
        let nearest = DIRECTIONS.iter().find(misspelt);
        if let (false, Some(word)) = (DIRECTIONS.contains(part), nearest) {
            let meant = name.replace(part, word);
            return Err(format!("{name:?} is not a region; did you mean {meant}?"));
        }
    }
    Ok(())
}

fn tags(all: &BTreeMap<String, String>) -> Result<(), String> {
    all.iter()
        .try_for_each(|(key, value)| tag(key, value).map_err(|reason| format!("{key:?}: {reason}")))
}

fn retries(count: &i64) -> Result<(), String> {
    if (0..=100).contains(count) {
        Ok(())
    } else {
        Err("must be 0 to 100".to_owned())
    }
}

fn session_seconds(seconds: &i64) -> Result<(), String> {
    if (900..=43_200).contains(seconds) {
        Ok(())
    } else {
        Err("must be 900 to 43200 seconds".to_owned())
    }
}

fn endpoints(all: &BTreeMap<String, String>) -> Result<(), String> {
    for (service, url) in all {
        if !SERVICES.contains(&service.as_str()) {
            return Err(format!(
                "{service:?} is not a service here; there are {}",
                SERVICES.join(", ")
            ));
        }
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!(
                "{url:?} for {service} must begin with https:// or http://"
            ));
        }
    }
    Ok(())
}

/// The configuration as it came: values that are not text may arrive as JSON, and numbers where there should be text.
#[must_use]
pub fn unquoted(table: &Table, properties: &Properties) -> Properties {
    let unquote = |(key, value): (&String, &Value)| {
        let value = match table.field(key).map(|field| &field.ty) {
            None => value.clone(),
            Some(ty @ (Type::String | Type::Text(_) | Type::Enum(_))) => worded(ty, value),
            Some(ty) => {
                let json = Some(value.peel()).filter(|v| matches!(v, Value::String(_)));
                let json = json.and_then(Json::parse);
                let json = json.map(|json| Value::from_json(&json).marked_like(value));
                worded(ty, json.as_ref().unwrap_or(value))
            }
        };
        (key.clone(), value)
    };
    properties.iter().map(unquote).collect()
}

/// A value in which numbers stand as text where there should be text: an account's id, say.
fn worded(ty: &Type, value: &Value) -> Value {
    let worded = match (ty, value.peel()) {
        (Type::String | Type::Text(_), Value::Number(number)) => number.to_string().into(),
        (Type::String | Type::Text(_), Value::Bool(on)) => on.to_string().into(),
        (Type::List(item) | Type::Set(item), Value::List(items)) => {
            Value::List(items.iter().map(|v| worded(item, v)).collect())
        }
        (Type::Map(item), Value::Object(fields)) => {
            let fields = fields.iter();
            Value::Object(fields.map(|(k, v)| (k.clone(), worded(item, v))).collect())
        }
        (Type::Object(table), Value::Object(fields)) => {
            let each = |(key, value): (&String, &Value)| {
                let field = table.field(key);
                let value = field.map_or_else(|| value.clone(), |f| worded(&f.ty, value));
                (key.clone(), value)
            };
            Value::Object(fields.iter().map(each).collect())
        }
        (_, other) => other.clone(),
    };
    worded.marked_like(value)
}

impl Configuration {
    /// The endpoint of a service, where one is configured.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> Option<&str> {
        let all = self.endpoints.as_ref()?;
        all.get(service).map(String::as_str)
    }

    /// What is wrong with a configuration.
    pub(crate) fn failures(properties: &Properties) -> Vec<Failure> {
        let properties = unquoted(Self::table(), properties);
        let mut check = Check::new(Self::table(), &properties);
        for (one, other) in [("accessKey", "secretKey"), ("secretKey", "accessKey")] {
            if check.has(one) && !check.has(other) {
                check.fail(other, format!("is required with {one}"));
            }
        }
        check.at_most_one(&["allowedAccountIds", "forbiddenAccountIds"]);
        check.failures
    }

    /// The configuration in these properties, which were checked.
    ///
    /// # Errors
    /// The first property that does not fit.
    pub fn parse(properties: &Properties) -> Result<Self, crate::props::Failure> {
        Self::decode(&Value::Object(unquoted(Self::table(), properties)).plain())
    }
}

/// The region that the environment or the profile names. Asks nobody.
pub async fn ambient_region(profile: Option<&str>) -> Option<String> {
    let set = |key: &&str| std::env::var(key).ok().filter(|r| !r.is_empty());
    if let Some(region) = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(set) {
        return Some(region);
    }
    let mut files = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        files = files.profile_name(profile);
    }
    files
        .build()
        .region()
        .await
        .map(|region| region.to_string())
}

/// What is wrong when there is no region.
#[must_use]
pub fn no_region() -> crate::props::Failure {
    crate::props::Failure {
        path: "region".to_owned(),
        reason:
            "is required; set it with `pulumi config set dbt-aws:region eu-west-1`, or AWS_REGION"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_json_fit_where_text_and_lists_should_be() {
        let given = serde_json::json!({
            "allowedAccountIds": [123_456_789_012_i64],
            "defaultTags": "{\"tags\": {\"cost\": 42, \"paid\": true}}",
            "maxRetries": "3",
        });
        let given = Value::from_json(&given).into_properties();
        assert!(Configuration::failures(&given).is_empty());
        let parsed = Configuration::parse(&given).expect("fits");
        assert!(
            parsed
                .allowed_account_ids
                .expect("given")
                .contains("123456789012")
        );
        let tags = parsed
            .default_tags
            .and_then(|tags| tags.tags)
            .expect("given");
        assert_eq!(
            (tags["cost"].as_str(), tags["paid"].as_str()),
            ("42", "true")
        );
        assert_eq!(parsed.max_retries, Some(3));
    }
}
