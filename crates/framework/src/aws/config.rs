//! The provider's configuration.

use crate::{
    formats::{self, between},
    package::Package,
    props::{
        Failure, Json, Property, Props, SecretText, Set, Table, Type,
        check::Check,
        tags::{self, Rules},
    },
    value::{Properties, UNSAFE, Value},
};
use std::collections::BTreeMap;
use tonic::transport::Uri;

/// The provider's configuration, under the names that Pulumi's AWS users know. What is not set comes from the
/// environment, the shared configuration files, SSO, web identity, or the container's or instance's role, in the
/// [SDK's own order](https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
#[derive(Clone, Debug, Default, Props)]
pub struct Configuration {
    /// The region, such as `eu-west-1`. Default: that of `profile`, `AWS_REGION`, `AWS_DEFAULT_REGION`, or that of
    /// `AWS_PROFILE`; the stack keeps what its first `pulumi up` found. A change replaces everything, and the database
    /// with an empty one.
    #[prop(check = region)]
    pub region: Option<String>,
    /// The AWS profile in the shared configuration files; its credentials go before those in the environment. Default:
    /// the credentials in the environment, then `AWS_PROFILE`.
    #[prop(check = profile)]
    pub profile: Option<String>,
    /// The access key's id; goes before everything else. Prefer a profile, SSO or a role.
    pub access_key: Option<SecretText>,
    /// The secret access key.
    pub secret_key: Option<SecretText>,
    /// The session token of temporary credentials.
    pub token: Option<SecretText>,
    /// An IAM role to assume with the provider's credentials.
    pub assume_role: Option<AssumeRole>,
    /// Tags for everything that can carry tags; a resource's own tags win.
    pub default_tags: Option<DefaultTags>,
    /// The only account ids that may be used; any other is refused before anything is made. Twelve digits in quotes:
    /// YAML reads unquoted digits after a 0 as an octal number.
    pub allowed_account_ids: Option<Set<String>>,
    /// Account ids that are refused, twelve digits in quotes. Excludes `allowedAccountIds`.
    pub forbidden_account_ids: Option<Set<String>>,
    /// How often a call is tried again after throttling, or an error of AWS or the network: 0 to 100. Default: 9.
    #[prop(check = between(0, 100))]
    pub max_retries: Option<i64>,
    /// The URLs of endpoints, by service: {services}. Default: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or AWS.
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
    #[prop(check = formats::arn("iam", "role/"))]
    pub role_arn: String,
    /// The external id that the role's trust policy asks for: 2 to 1224 letters, digits and `_+=,.@:/-`.
    #[prop(check = external_id)]
    pub external_id: Option<String>,
    /// The session's name in CloudTrail: 2 to 64 letters, digits and `_+=,.@-`. Default: `pulumi-` and the package's name.
    #[prop(check = session_name)]
    pub session_name: Option<String>,
    /// How long the session's credentials last, 900 to 43200 seconds. Default: 3600.
    #[prop(check = between(900, 43_200))]
    pub duration_seconds: Option<i64>,
}

/// Tags for everything.
#[derive(Clone, Debug, Default, Props)]
pub struct DefaultTags {
    /// The tags.
    pub tags: Option<BTreeMap<String, String>>,
}

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

fn profile(name: &str) -> Result<(), String> {
    match name.is_empty() {
        false => Ok(()),
        true => Err("must not be empty".to_owned()),
    }
}

fn session_name(name: &str) -> Result<(), String> {
    word(name, 64, "_+=,.@-")
}

fn external_id(id: &str) -> Result<(), String> {
    word(id, 1224, "_+=,.@:/-")
}

/// Refuses what STS would refuse of a name.
fn word(text: &str, longest: usize, others: &str) -> Result<(), String> {
    let length = text.chars().count();
    let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    if !(2..=longest).contains(&length) {
        return Err(format!("must have 2 to {longest} characters, not {length}"));
    }
    match text.chars().find(|c| !fits(*c)) {
        None => Ok(()),
        Some(c) => Err(format!(
            "{c:?} cannot be in it; use letters, digits and {others}"
        )),
    }
}

fn endpoints(all: &BTreeMap<String, String>) -> Result<(), String> {
    for (service, url) in all {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!(
                "{url:?} for {service} must begin with https:// or http://"
            ));
        }
        let host = url.parse::<Uri>().ok();
        if host.as_ref().and_then(Uri::host).is_none_or(str::is_empty) {
            return Err(format!(
                "{url:?} for {service} is not a URL such as https://{service}.example.com"
            ));
        }
    }
    Ok(())
}

/// What is wrong with an id in a list of accounts.
fn account(id: &str) -> Result<(), String> {
    if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let hint = match !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) {
        true => "; put the id in quotes: YAML reads unquoted digits after a 0 as an octal number",
        false => "",
    };
    Err(format!("{id:?} is not an account id of 12 digits{hint}"))
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
                let json = json.map(|json| Value::from_json(&json.0).marked_like(value));
                worded(ty, json.as_ref().unwrap_or(value))
            }
        };
        (key.clone(), value)
    };
    table.without_nulls(properties.iter().map(unquote).collect())
}

/// A value in which numbers stand as text where there should be text: an account's id, say.
fn worded(ty: &Type, value: &Value) -> Value {
    let worded = match (ty, value.peel()) {
        // A larger one may have lost digits on the way, and is refused.
        (Type::String | Type::Text(_), Value::Number(number)) if number.abs() < UNSAFE => {
            number.to_string().into()
        }
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

    /// What is wrong with the configuration of a package's provider.
    pub(crate) fn failures(package: &Package, properties: &Properties) -> Vec<Failure> {
        let properties = unquoted(Self::table(), properties);
        let mut check = Check::new(Self::table(), &properties);
        for (one, other) in [
            ("accessKey", "secretKey"),
            ("secretKey", "accessKey"),
            ("token", "accessKey"),
        ] {
            if check.has(one) && !check.has(other) {
                check.fail(other, format!("is required with {one}"));
            }
        }
        let lists = ["allowedAccountIds", "forbiddenAccountIds"];
        check.at_most_one(&lists);
        for list in lists {
            let given = check.value(list).map(|ids| ids.plain());
            let Some(Value::List(ids)) = given else {
                continue;
            };
            if ids.is_empty() && list == "allowedAccountIds" {
                check.fail(list, "names no account; give at least one, or leave it out");
            }
            for (i, id) in ids.iter().enumerate() {
                if let Some(Err(reason)) = id.as_str().map(account) {
                    check.fail(format!("{list}[{i}]"), reason);
                }
            }
        }
        let own = check.value("defaultTags").map(|d| d.field("tags"));
        let own = own.unwrap_or_default();
        let found = tags::failures(
            Rules::Iam,
            package.name,
            "defaultTags.tags",
            &own,
            &Value::Null,
        );
        check.failures.extend(found);
        let services: Vec<_> = package.services.iter().map(|(name, _)| *name).collect();
        for service in check.keys("endpoints") {
            if !services.contains(&service.as_str()) {
                let all = services.join(", ");
                check.fail(
                    "endpoints",
                    format!(
                        "{service:?} is not a service of this provider; the services are {all}"
                    ),
                );
            }
        }
        check.failures
    }

    /// The default tags in these properties, with their secrets; null where there are none.
    pub(crate) fn default_tags(properties: &Properties) -> Value {
        let all = unquoted(Self::table(), properties);
        let tags = all.get("defaultTags").map(|d| d.field("tags"));
        let tags =
            tags.filter(|tags| !matches!(tags.peel(), Value::Object(tags) if tags.is_empty()));
        tags.unwrap_or_default()
    }

    /// The configuration in these properties, which were checked.
    ///
    /// # Errors
    /// The first property that does not fit.
    pub fn parse(properties: &Properties) -> Result<Self, crate::props::Failure> {
        Self::decode(&Value::Object(unquoted(Self::table(), properties)).plain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package::new("acme", "1.0.0")
    }

    #[test]
    fn account_ids_have_twelve_digits() {
        let found = |given: serde_json::Value| {
            let mut given = Value::from_json(&given).into_properties();
            given.insert("region".to_owned(), "eu-west-1".into());
            let found = Configuration::failures(&package(), &given);
            let lines = found.iter().map(ToString::to_string);
            lines.collect::<Vec<_>>()
        };
        let quotes =
            "put the id in quotes: YAML reads unquoted digits after a 0 as an octal number";
        for list in ["allowedAccountIds", "forbiddenAccountIds"] {
            for (ids, reason) in [
                (
                    serde_json::json!(["012345670123", 1_402_434_643]),
                    format!(
                        "{list}[1]: \"1402434643\" is not an account id of 12 digits; {quotes}"
                    ),
                ),
                (
                    serde_json::json!("[1402434643]"),
                    format!(
                        "{list}[0]: \"1402434643\" is not an account id of 12 digits; {quotes}"
                    ),
                ),
                (
                    serde_json::json!(["hush"]),
                    format!("{list}[0]: \"hush\" is not an account id of 12 digits"),
                ),
                (
                    serde_json::json!([""]),
                    format!("{list}[0]: \"\" is not an account id of 12 digits"),
                ),
            ] {
                assert_eq!(found(serde_json::json!({ list: ids })), [reason]);
            }
        }
        assert_eq!(
            found(serde_json::json!({ "allowedAccountIds": [] })),
            ["allowedAccountIds: names no account; give at least one, or leave it out"]
        );
    }

    #[test]
    fn a_number_that_may_have_lost_digits_is_refused() {
        let given = serde_json::json!({
            "defaultTags": "{\"tags\": {\"ticket\": 123456789012345678}}",
            "assumeRole": { "roleArn": "arn:aws:iam::123456789012:role/r", "externalId": 123_456_789_012_345_678_i64 },
        });
        let given = Value::from_json(&given).into_properties();
        let found = Configuration::failures(&package(), &given);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let reason =
            "must be text, not a number; 123456789012345680 may have lost digits: put it in quotes";
        assert_eq!(
            found,
            [
                format!("assumeRole.externalId: {reason}"),
                format!("defaultTags.tags.ticket: {reason}")
            ]
        );
    }

    #[test]
    fn a_default_tag_that_is_secret_stays_so() {
        let nested = |tag| {
            let tags = Value::Object([("owner".to_owned(), tag)].into());
            Value::Object([("tags".to_owned(), tags)].into())
        };
        let text = Value::secret("{\"tags\": {\"owner\": \"hush\"}}".into());
        for given in [
            text,
            Value::secret(nested("hush".into())),
            nested(Value::secret("hush".into())),
        ] {
            let tags = Configuration::default_tags(&[("defaultTags".to_owned(), given)].into());
            assert_eq!(tags.secret_texts(), ["hush"]);
        }
        let none = Configuration::default_tags(&[("defaultTags".to_owned(), "{}".into())].into());
        assert_eq!(none, Value::Null);
    }

    #[test]
    fn numbers_and_json_fit_where_text_and_lists_should_be() {
        let given = serde_json::json!({
            "allowedAccountIds": [123_456_789_012_i64],
            "defaultTags": "{\"tags\": {\"cost\": 42, \"paid\": true}}",
            "maxRetries": "3",
        });
        let given = Value::from_json(&given).into_properties();
        assert!(Configuration::failures(&package(), &given).is_empty());
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
