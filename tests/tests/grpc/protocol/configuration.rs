//! What the configuration says goes before the environment, and is refused where it says something wrong.

use super::{always, refusal};
use pulumi_aws_framework::{
    pulumirpc as rpc,
    value::{Properties, Value},
    wire::to_struct,
};
use serde_json::{Value as Json, json};
use std::{fs, path::Path};
use tests::{Made, Provider, Stack, failures, properties};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

/// An STS that tells whose credentials a request has, and in which region.
async fn witness() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let length = connection.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let scope = request.split("Credential=").nth(1).unwrap_or_default();
            let mut parts = scope.split('/');
            let (key, region) = (parts.next().unwrap_or_default(), parts.nth(1));
            let _ = tell.send(format!("{key} {}", region.unwrap_or_default()));
            let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                        <GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/u</Arn><UserId>U</UserId>\
                        <Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = connection
                .write_all(format!("{head}{body}").as_bytes())
                .await;
        }
    });
    (url, told)
}

/// Configuration files with profiles, in a folder that goes with this value.
fn profiles() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[profile data-team]\nregion = us-east-1\n[profile half]\naws_access_key_id = AKIAHALF\n\
                  [profile bare]\nregion = us-east-1\n[profile lent]\nrole_arn = arn:aws:iam::1:role/r\n\
                  source_profile = gone\n[profile process]\ncredential_process = cat KEYS\n";
    let keys = folder.path().join("keys.json");
    let config = config.replace("KEYS", &keys.to_string_lossy());
    let made = json!({"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x"});
    fs::write(keys, made.to_string()).expect("writes");
    fs::write(folder.path().join("config"), config).expect("writes");
    let keys = "[data-team]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n";
    fs::write(folder.path().join("credentials"), keys).expect("writes");
    folder
}

/// A provider whose environment has these variables and the files of `profiles`.
async fn provider(folder: &Path, variables: &[(&str, &str)]) -> Provider {
    let [config, credentials] =
        ["config", "credentials"].map(|name| folder.join(name).to_string_lossy().into_owned());
    let files = [
        ("AWS_CONFIG_FILE", config.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    Provider::start(&[&files, variables].concat()).await
}

async fn check(provider: &Provider, given: &Json) -> (Properties, Vec<String>) {
    let request = rpc::CheckRequest {
        news: Some(to_struct(&properties(given))),
        ..Default::default()
    };
    let answer = provider.client().check_config(request).await;
    let answer = answer.expect("checks").into_inner();
    let inputs = pulumi_aws_framework::wire::from_struct(answer.inputs);
    (inputs, failures(&answer.failures))
}

/// What asking for the caller's identity fails with, if it does.
async fn asked(provider: &Provider) -> Option<String> {
    let request = rpc::InvokeRequest {
        tok: "dbt-aws:index:getCallerIdentity".to_owned(),
        ..Default::default()
    };
    let answer = provider.client().invoke(request).await;
    answer.err().map(|status| status.message().to_owned())
}

#[tokio::test]
async fn the_configuration_goes_before_the_environment() {
    let folder = profiles();
    let (url, mut told) = witness().await;
    let environment = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_REGION", "eu-west-1"),
    ];
    for (given, expected) in [
        (json!({}), "AKIAENVIRONMENT eu-west-1"),
        (json!({"profile": "data-team"}), "AKIAPROFILE us-east-1"),
        (
            json!({"profile": "data-team", "region": "eu-north-1"}),
            "AKIAPROFILE eu-north-1",
        ),
        (json!({"profile": "process"}), "AKIAPROCESS eu-west-1"),
        (
            json!({"profile": "data-team", "accessKey": "AKIACONFIGURED", "secretKey": "x"}),
            "AKIACONFIGURED us-east-1",
        ),
    ] {
        let provider = provider(folder.path(), &environment).await;
        let (inputs, found) = check(&provider, &given).await;
        assert!(found.is_empty(), "{given}: {found:?}");
        let request = rpc::ConfigureRequest {
            args: Some(to_struct(&inputs)),
            ..Default::default()
        };
        provider
            .client()
            .configure(request)
            .await
            .expect("configures");
        assert_eq!(asked(&provider).await, None, "{given}");
        assert_eq!(told.recv().await.as_deref(), Some(expected), "{given}");
    }
}

#[tokio::test]
async fn credentials_that_are_named_but_not_there() {
    let folder = profiles();
    let url = always(403, refusal("NotAsked")).await;
    let keys = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let endpoint = ("AWS_ENDPOINT_URL", url.as_str());
    // What can be known without asking anybody is refused in a preview already.
    for (given, keys, checked, reason) in [
        (
            json!({"profile": "bare"}),
            &keys[..],
            &[][..],
            "the profile bare has no credentials",
        ),
        (
            json!({"profile": "half"}),
            &keys[..],
            &["profile: the profile \"half\" has aws_access_key_id, but no aws_secret_access_key"],
            "invalid credential source in `half`: profile missing aws_secret_access_key",
        ),
        (
            json!({"profile": "lent"}),
            &keys[..],
            &[
                "profile: there is no profile \"gone\", which lent takes its credentials from; there are bare, data-team, half, lent, process",
            ],
            "profile `gone` was not defined: could not find source profile gone referenced from lent",
        ),
        (
            json!({}),
            &keys[..1],
            &["AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both, or neither"],
            "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not",
        ),
        (
            json!({}),
            &keys[1..],
            &["AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not: set both, or neither"],
            "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not",
        ),
    ] {
        let provider = provider(folder.path(), &[&[endpoint], keys].concat()).await;
        let mut given = given;
        given["region"] = json!("eu-west-1");
        assert_eq!(check(&provider, &given).await.1, checked);
        provider.configure("id", &given).await.expect("configures");
        let refused = asked(&provider).await.expect("refuses");
        let start = format!("could not load AWS credentials: {reason}");
        assert!(refused.starts_with(&start), "{given}: {refused}");
    }
    let provider = provider(folder.path(), &keys).await;
    assert_eq!(
        check(
            &provider,
            &json!({"region": "eu-west-1", "profile": "dta-team"})
        )
        .await
        .1[..1],
        [
            "profile: there is no profile \"dta-team\"; there are bare, data-team, half, lent, process"
        ]
    );
    let named = ("AWS_PROFILE", "dta-team");
    let provider = self::provider(folder.path(), &[named]).await;
    assert_eq!(
        check(&provider, &json!({"region": "eu-west-1"})).await.1,
        [
            "AWS_PROFILE: there is no profile \"dta-team\"; there are bare, data-team, half, lent, process"
        ]
    );
    let own = json!({"region": "eu-west-1", "accessKey": "a", "secretKey": "b"});
    assert_eq!(check(&provider, &own).await.1, [""; 0]);
    let provider = self::provider(folder.path(), &[&[named], &keys[..]].concat()).await;
    let found = check(&provider, &json!({"region": "eu-west-1"})).await.1;
    assert_eq!(found, [""; 0], "the keys are used");
}

/// All text in a value that is no secret.
fn clear(value: &Value) -> String {
    match value {
        Value::Secret(_) => String::new(),
        Value::List(items) => items.iter().map(clear).collect(),
        Value::Object(fields) => fields.values().map(clear).collect(),
        other => format!("{other:?}"),
    }
}

/// A default tag that is secret is so in everything that the engine keeps, also from a state that has it in clear.
#[tokio::test]
async fn a_secret_default_tag_is_nowhere_in_clear() {
    let stack = Stack::new("secrets").await;
    let kept = |made: &Made| {
        Value::Object(
            made.inputs
                .clone()
                .into_iter()
                .chain(made.outputs.clone())
                .collect(),
        )
    };
    let inputs = json!({"messageRetentionSeconds": 60, "tags": {"team": "data"}});
    let urn = stack.urn("dbt-aws:sqs:Queue", "queue");
    let mut given = properties(&json!({"region": stack.region, "maxRetries": 0}));
    let tags = json!({"tags": {"owner": "planted"}}).to_string();
    given.insert("defaultTags".to_owned(), Value::from(tags.as_str()));
    let configure = async |given: &Properties| {
        let request = rpc::ConfigureRequest {
            args: Some(to_struct(given)),
            id: Some("secrets".to_owned()),
            ..Default::default()
        };
        stack
            .provider
            .client()
            .configure(request)
            .await
            .expect("configures");
    };
    let provider = &stack.provider;
    configure(&given).await;
    let open = provider
        .check(&urn, &Properties::new(), &properties(&inputs))
        .await;
    let open = provider
        .create(&urn, &open.expect("fits"), false)
        .await
        .expect("creates");
    assert!(
        clear(&kept(&open)).contains("planted"),
        "the test sees what is in clear"
    );

    given.insert(
        "defaultTags".to_owned(),
        Value::secret(tags.as_str().into()),
    );
    configure(&given).await;
    let checked = provider
        .check(&urn, &open.inputs, &properties(&inputs))
        .await
        .expect("fits");
    assert_eq!(provider.diff(&open, &checked).await.diffs, ["tags"]);
    let preview = provider
        .update(&open, &checked, true)
        .await
        .expect("previews");
    let updated = provider
        .update(&open, &checked, false)
        .await
        .expect("updates");
    let read = provider
        .read(&updated)
        .await
        .expect("reads")
        .expect("is there");
    for made in [&preview, &updated, &read] {
        assert!(!clear(&kept(made)).contains("planted"), "{made:?}");
    }
    assert!(provider.diff(&read, &checked).await.diffs.is_empty());
    // Another secret is configured: what the object still has is the old one.
    let other = json!({"tags": {"owner": "other"}}).to_string();
    given.insert(
        "defaultTags".to_owned(),
        Value::secret(other.as_str().into()),
    );
    configure(&given).await;
    let read = provider
        .read(&updated)
        .await
        .expect("reads")
        .expect("is there");
    assert!(!clear(&kept(&read)).contains("planted"), "{read:?}");
    provider.delete(&read).await.expect("deletes");
}

/// IAM takes keys that differ in case alone for one.
#[tokio::test]
async fn a_tag_whose_key_changes_its_case_stays() {
    let stack = Stack::new("case").await;
    let trust = json!({"statements": [{"principals": {"Service": ["states.amazonaws.com"]}, "actions": ["sts:AssumeRole"]}]});
    let inputs = |key: &str| json!({"assumeRolePolicy": trust, "tags": {key: "data"}});
    let made = stack.make("dbt-aws:iam:Role", "role", inputs("Team")).await;
    let checked = stack
        .provider
        .check(&made.urn, &made.inputs, &properties(&inputs("team")))
        .await;
    let updated = stack
        .provider
        .update(&made, &checked.expect("fits"), false)
        .await
        .expect("updates");
    let tags = stack
        .aws("iam", "list_role_tags", &json!({"RoleName": made.id}))
        .expect("answers");
    let keys = tags["Tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| tag["Key"].clone());
    let keys: Vec<_> = keys
        .filter(|key| key.as_str().is_some_and(|k| k.eq_ignore_ascii_case("team")))
        .collect();
    assert_eq!(keys, ["team"]);
    stack.provider.delete(&updated).await.expect("deletes");
}

#[tokio::test]
async fn wrong_configuration() {
    let provider = Provider::start(&[]).await;
    let role = "arn:aws:iam::111122223333:role/deployer";
    let check = async |given: &Json| {
        let request = pulumi_aws_framework::pulumirpc::CheckRequest {
            news: Some(pulumi_aws_framework::wire::to_struct(&properties(given))),
            ..Default::default()
        };
        let answer = provider
            .client()
            .check_config(request)
            .await
            .expect("checks");
        failures(&answer.into_inner().failures)
    };
    let mut others = Vec::new();
    for (given, reason) in [
        (
            json!({}),
            "region: is required; set it with `pulumi config set dbt-aws:region eu-west-1`, or AWS_REGION",
        ),
        (
            json!({"region": "Frankfurt"}),
            "region: \"Frankfurt\" is not a region such as eu-west-1",
        ),
        (
            json!({"region": "eu-wset-1"}),
            "region: \"eu-wset-1\" is not a region; did you mean eu-west-1?",
        ),
        (
            json!({"region": "eu-west-1a"}),
            "region: \"eu-west-1a\" is not a region such as eu-west-1",
        ),
        (
            json!({"regoin": "x", "region": "us-gov-west-1"}),
            "regoin: is not a property here; did you mean region?",
        ),
        (
            json!({"region": "eu-west-1", "accessKey": "x"}),
            "secretKey: is required with accessKey",
        ),
        (
            json!({"region": "eu-west-1", "secretKey": "x"}),
            "accessKey: is required with secretKey",
        ),
        (
            json!({"region": "eu-west-1", "token": "x"}),
            "accessKey: is required with token",
        ),
        (
            json!({"region": "eu-west-1", "profile": ""}),
            "profile: must not be empty",
        ),
        (
            json!({"region": "eu-west-1", "profile": "data-team"}),
            "profile: there is no profile \"data-team\"; the shared configuration files have none (AWS_CONFIG_FILE, \
             AWS_SHARED_CREDENTIALS_FILE, ~/.aws)",
        ),
        (
            json!({"region": "eu-west-1", "maxRetries": "-1"}),
            "maxRetries: must be 0 to 100, not -1",
        ),
        (
            json!({"region": "eu-west-1", "allowedAccountIds": ["111122223333"], "forbiddenAccountIds": "[]"}),
            "forbiddenAccountIds: give only one of allowedAccountIds, forbiddenAccountIds",
        ),
        (
            json!({"region": "eu-west-1", "assumeRole": {"roleArn": role, "durationSeconds": 60}}),
            "assumeRole.durationSeconds: must be 900 to 43200, not 60",
        ),
        (
            json!({"region": "eu-west-1", "assumeRole": {"roleArn": "deployer"}}),
            "assumeRole.roleArn: \"deployer\" is not an ARN such as arn:aws:iam::111122223333:role/...",
        ),
        (
            json!({"region": "eu-west-1", "assumeRole": {"roleArn": role, "sessionName": "a session"}}),
            "assumeRole.sessionName: ' ' cannot be in it; use letters, digits and _+=,.@-",
        ),
        (
            json!({"region": "eu-west-1", "assumeRole": {"roleArn": role, "externalId": "x"}}),
            "assumeRole.externalId: must have 2 to 1224 characters, not 1",
        ),
        (
            json!({"region": "eu-west-1", "assumeRole": {"roleAnr": "arn"}}),
            "assumeRole.roleAnr: is not a property here; did you mean roleArn?",
        ),
        (
            json!({"region": "eu-west-1", "endpoints": {"ec3": "http://localhost"}}),
            "endpoints: \"ec3\" is not a service of this provider; the services are cloudwatch, dynamodb, ec2, ecr, ecs, events, iam, lambda, logs, rds, \
             registry, s3, scheduler, secretsmanager, sfn, sns, sqs, sts",
        ),
        (
            json!({"region": "eu-west-1", "endpoints": {"ec2": "localhost"}}),
            "endpoints: \"localhost\" for ec2 must begin with https:// or http://",
        ),
        (
            json!({"region": "eu-west-1", "endpoints": {"ec2": "http://:4566"}}),
            "endpoints: \"http://:4566\" for ec2 is not a URL such as https://ec2.example.com",
        ),
        (
            json!({"region": "eu-west-1", "defaultTags": {"tags": {"aws:x": "y"}}}),
            "defaultTags.tags[\"aws:x\"]: keys that begin with aws: are AWS's own",
        ),
    ] {
        let found = check(&given).await;
        if found.first().map(String::as_str) != Some(reason) {
            others.push(format!("{given}: {found:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}
