//! What a program shows to more than it may mean to: said in warnings, for it may be meant.

use crate::prelude::*;
use pulumi_aws_framework::props::{below, join_index};

/// What words of a secret's name end with.
const ENDINGS: [&str; 6] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
];

/// Other words of a secret's name.
const WORDS: [&str; 5] = ["PASS", "PWD", "SECRETS", "CREDENTIAL", "CREDENTIALS"];

/// What a key is of that opens nothing, by the word before it.
const HARMLESS: [&str; 22] = [
    "BUSINESS",
    "CACHE",
    "CLUSTER",
    "CLUSTERING",
    "DATE",
    "DIST",
    "FOREIGN",
    "GROUP",
    "HASH",
    "INCREMENTAL",
    "JOIN",
    "LOOKUP",
    "MERGE",
    "NATURAL",
    "OBJECT",
    "PARTITION",
    "PRIMARY",
    "PUBLIC",
    "ROW",
    "SORT",
    "SURROGATE",
    "UNIQUE",
];

/// What is said about a secret, by the last word of a name.
const ABOUT: [&str; 18] = [
    "ARN", "COLUMN", "COUNT", "ENABLED", "EXPIRY", "FILE", "HOST", "ID", "LENGTH", "NAME", "PATH",
    "POLICY", "REGION", "ROTATION", "TTL", "TYPE", "URI", "URL",
];

/// Warns of secrets in a field whose values AWS shows in plain text; `instead` says where they belong.
pub(super) fn plain_text(check: &mut Check<'_>, field: &str, instead: &str) {
    let (first, rest) = field.split_once('.').unwrap_or((field, ""));
    let value = check.value(first).unwrap_or_default();
    let value = match rest {
        "" => value,
        rest => rest.split('.').fold(value, |value, key| value.field(key)),
    };
    // An object may be given as JSON text.
    let value = match &value {
        Value::String(text) => {
            serde_json::from_str(text).map_or(value, |json| Value::from_json(&json))
        }
        _ => value,
    };
    let mut found = Vec::new();
    look(&value, field, "", &mut found);
    for (path, what) in found {
        check.warn(
            &path,
            &format!("{what}, and AWS shows it in plain text; give it in {instead}"),
        );
    }
}

fn look(value: &Value, path: &str, name: &str, found: &mut Vec<(String, &'static str)>) {
    match value {
        Value::Output { value, .. } => look(value, path, name, found),
        Value::Secret(_) => found.push((path.to_owned(), "is a secret of the program")),
        Value::Object(fields) => {
            for (key, value) in fields {
                look(value, &below(path, key), key, found);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                look(
                    item,
                    &format!("{path}{}", join_index(index, "")),
                    name,
                    found,
                );
            }
        }
        Value::String(text) if holds_password(text) || (is_secret(name) && is_value(text)) => {
            found.push((path.to_owned(), "looks like a secret"));
        }
        _ => {}
    }
}

/// Whether a variable of that name is likely to hold a secret.
fn is_secret(name: &str) -> bool {
    let upper = name.to_uppercase();
    let words: Vec<_> = upper
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        [] => false,
        [.., last] if ABOUT.contains(last) => false,
        [.., before, "KEY" | "KEYS"] if !HARMLESS.contains(before) => true,
        words => words
            .iter()
            .any(|word| WORDS.contains(word) || ENDINGS.iter().any(|end| word.ends_with(end))),
    }
}

/// Whether a text may be a secret's value: not the name of where it is.
fn is_value(text: &str) -> bool {
    !text.is_empty()
        && !text.contains("{{")
        && !text.starts_with("arn:")
        && !["true", "false", "yes", "no", "none", "null", "0", "1"]
            .contains(&text.to_lowercase().as_str())
}

/// Whether a text shows by itself that it holds a password or a private key.
fn holds_password(text: &str) -> bool {
    let user = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .and_then(|(user, _)| user.split_once(':'));
    user.is_some_and(|(_, password)| is_value(password))
        || text.contains("PRIVATE KEY-----")
        || text.contains("\"private_key\"")
}

/// Warns where the settings of a connection ask for less than TLS.
pub(super) fn unencrypted(check: &mut Check<'_>, path: &str, settings: &Value) {
    let parsed = settings
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .map(|json| Value::from_json(&json));
    let mode = parsed.as_ref().unwrap_or(settings).field("sslmode");
    if let Some(mode) = mode.as_str()
        && ["disable", "allow", "prefer"].contains(&mode)
    {
        let reason = format!(
            "{mode} lets the password and the data go unencrypted; write verify-full, or require"
        );
        check.warn(&below(path, "sslmode"), &reason);
    }
}

/// Blocks with a shorter prefix are a good part of the internet.
const NARROW: u8 = 8;

/// Warns of who may reach a new database.
pub(super) fn database(check: &mut Check<'_>, path: &str, given: &Value) {
    let allowed = given.field("allowFrom");
    if let Value::List(blocks) = allowed.peel() {
        for (index, block) in blocks.iter().enumerate() {
            let wide = block.as_str().and_then(|block| Cidr::parse(block).ok());
            if let Some(wide) = wide.filter(|wide| wide.0.prefix_len() < NARROW) {
                let who = match wide.0.prefix_len() {
                    0 => "the whole internet",
                    _ => "a good part of the internet",
                };
                let path = format!("{}{}", below(path, "allowFrom"), join_index(index, ""));
                check.warn(
                    &path,
                    &format!(
                        "{wide} lets {who} try passwords; name the addresses that need to connect"
                    ),
                );
            }
        }
    }
    if matches!(given.field("publiclyAccessible").peel(), Value::Bool(true)) {
        let reason = "gives the database a public address, and allowFrom alone says who may try passwords; leave it out \
                      if a VPN or a bastion will do";
        check.warn(&below(path, "publiclyAccessible"), reason);
    }
    let parameters = given.field("parameters");
    let forced = parameters.plain().field("rds.force_ssl");
    if forced.as_str().is_some_and(|forced| forced != "1") {
        let reason = "lets clients connect without TLS, passwords included; leave it out";
        check.warn(&below(&below(path, "parameters"), "rds.force_ssl"), reason);
    }
}

#[cfg(test)]
mod tests {
    use super::{holds_password, is_secret};

    #[test]
    fn names_of_secrets() {
        for name in [
            "DB_PASSWORD",
            "PGPASSWORD",
            "password",
            "API_TOKEN",
            "GITHUB_TOKEN",
            "SECRET_VALUE",
            "client_secret",
            "OPENAI_API_KEY",
            "STRIPE_KEY",
            "PRIVATE_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "DBT_ENV_SECRET_GIT",
            "private_key_passphrase",
            "MYSQL_PWD",
            "GOOGLE_CREDENTIALS",
            "APIKEY",
            "db-pass",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "",
            "SCHEMA",
            "DBT_WARN_ERROR",
            "PARTITION_KEY",
            "PUBLIC_KEY",
            "PRIMARY_KEYS",
            "KEY",
            "MAX_TOKENS",
            "PASSWORD_LENGTH",
            "TOKEN_URL",
            "SECRET_ARN",
            "PRIVATE_KEY_PATH",
            "AWS_ACCESS_KEY_ID",
            "BYPASS_CACHE",
            "MONKEY",
            "COMPASS_HOST",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn texts_with_passwords() {
        assert!(holds_password("postgresql://dbt:hunter2@db.example/shop"));
        assert!(holds_password("-----BEGIN RSA PRIVATE KEY-----\nMII"));
        for text in [
            "postgresql://dbt@db.example/shop",
            "https://example.com/a:b@c",
            "postgresql://dbt:{{ env_var('PASSWORD') }}@db",
            "10:30",
        ] {
            assert!(!holds_password(text), "{text}");
        }
    }
}
