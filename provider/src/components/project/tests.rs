use super::DbtProject;
use crate::components::recorder::{As, Recording, each_input_in_turn, record};
use expect_test::{Expect, expect, expect_file};
use pulumi_aws_framework::{
    aws::{Aws, Configuration},
    component::{Component, erase},
    props::check::failures,
    reads::Reads,
    value::{Properties, Value},
};
use serde_json::{Value as Document, json};

mod login;
mod notify;
mod refused;
mod roles;
mod tags;
mod told;

const PATH: &str = "../examples/jaffle-shop";

fn platform() -> Document {
    json!({
        "version": "1",
        "region": "eu-west-1",
        "accountId": "111122223333",
        "name": "analytics",
        "vpcId": "vpc-1",
        "taskSubnetIds": "subnet-1,subnet-2",
        "assignPublicIp": "DISABLED",
        "taskSecurityGroupIds": "sg-1",
        "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/analytics",
        "clusterCapacityProviders": "FARGATE,FARGATE_SPOT",
        "artifactsBucket": "analytics-artifacts",
        "artifactsBucketArn": "arn:aws:s3:::analytics-artifacts",
        "logGroupName": "/dbt/analytics",
        "logGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:/dbt/analytics",
        "tableName": "analytics-runs",
        "finishArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:analytics-finish",
        "finishStarterRoleArn": "arn:aws:iam::111122223333:role/analytics-finish-starter",
        "adapter": "postgres",
        "warehouseSettings": "{\"type\":\"postgres\",\"host\":\"db.internal\",\"port\":5432,\"dbname\":\"analytics\"}",
        "warehouseSecretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:warehouse-AbCdEf",
        "warehouseAdministrator": "dbt",
        "a later version's": "key",
    })
}

fn inputs(json: &Document) -> Properties {
    Value::from_json(json).into_properties()
}

fn everything() -> Properties {
    let mut platform = platform();
    platform["artifactsKmsKeyArn"] = "arn:aws:kms:eu-west-1:111122223333:key/artifacts".into();
    platform["tags"] = r#"{"cost-center":"4711"}"#.into();
    let mut all = inputs(&json!({
        "platform": platform,
        "path": PATH,
        "dbt": {"version": "1.12", "adapter": "postgres"},
        "baseImage": "ghcr.io/team/python:3.12",
        "baseImageRefresh": "2026-11",
        "profile": {"target": "dev", "schema": "shop_dev", "threads": 8, "settings": {"keepalives_idle": 10}},
        "environment": {"DBT_WARN_ERROR": "true"},
        "secretArns": {"API_TOKEN": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:api-AbCdEf:token::"},
        "secretKmsKeyArns": ["arn:aws:kms:eu-west-1:111122223333:key/k"],
        "cpu": 2048,
        "memory": 4096,
        "ephemeralStorageGb": 100,
        "architecture": "ARM64",
        "timeoutMinutes": 30,
        "enableExecuteCommand": true,
        "overlap": "queue",
        "capacity": "spotThenOnDemand",
        "queueMinutes": 15,
        "retry": {"attempts": 1, "failedNodes": 2},
        "notify": {"emails": ["data@example.com"], "topicArns": ["arn:aws:sns:eu-west-1:111122223333:on-call"], "on": ["failure", "success"],
            "webhooks": [{"secretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf", "format": "slack"}, {"secretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:teams-AbCdEf", "format": "teams"}],
        },
        "stateFrom": {
            "version": "1", "stateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:prod",
            "schedulerRoleArn": "arn:aws:iam::111122223333:role/prod", "deadLetterArn": "arn:aws:sqs:eu-west-1:111122223333:prod",
            "artifactsUri": "s3://analytics-artifacts/prod/prod",
        },
        "grants": ["raw", "dbt_finance_prod_0123abcd"],
        "policyStatements": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::raw/*"]}],
        "tags": {"team": "data"},
    }));
    let secrets = [("PASSWORD".to_owned(), Value::secret("hunter2".into()))].into();
    all.insert("secrets".to_owned(), Value::Object(secrets));
    all
}

async fn recorded(inputs: Properties, how: As) -> (Recording, Properties) {
    let (recording, outputs) = record(erase::<DbtProject>().as_ref(), inputs, how).await;
    assert_eq!(recording.failures, [""; 0]);
    (recording, outputs.expect("outputs"))
}

fn outputs(outputs: &Properties) -> String {
    let all = Value::Object(
        outputs
            .iter()
            .map(|(k, v)| (k.clone(), v.without_dependencies()))
            .collect(),
    );
    serde_json::to_string_pretty(&all.plain().to_json()).expect("JSON")
}

#[tokio::test]
async fn the_shortest_project() {
    let given = inputs(&json!({"platform": platform(), "path": PATH}));
    let (recording, answered) = recorded(given, As::Update).await;
    expect_file!["snapshots/shortest.txt"].assert_eq(&recording.text());
    expect![[r##"
        {
          "artifactsUri": "s3://analytics-artifacts/shop/prod",
          "consoleUrl": "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/statemachines/view/arn:aws:service:eu-west-1:123456789012:shop-state-machine",
          "deadLetterQueueUrl": "shop-dead-letters.url",
          "docsCommand": "aws s3 presign --region eu-west-1 --expires-in 3600 s3://analytics-artifacts/shop/prod/docs/latest/index.html",
          "handle": {
            "accountId": "111122223333",
            "artifactsUri": "s3://analytics-artifacts/shop/prod",
            "cpu": "1024",
            "dbtVersion": "1.12",
            "deadLetterArn": "arn:aws:service:eu-west-1:123456789012:shop-dead-letters",
            "failingCommands": "clean",
            "finishArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:analytics-finish",
            "logGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:/dbt/analytics",
            "logGroupName": "/dbt/analytics",
            "logStreamPrefix": "shop",
            "memory": "2048",
            "name": "shop",
            "notify": "{\"emails\":false,\"on\":[\"failure\",\"recovery\",\"late\"],\"topicArns\":[]}",
            "overrides": "all",
            "profileName": "jaffle_shop",
            "profileTarget": "prod",
            "profileVariables": "",
            "region": "eu-west-1",
            "schedulerRoleArn": "arn:aws:service:eu-west-1:123456789012:shop-scheduler-role",
            "stateMachineArn": "arn:aws:service:eu-west-1:123456789012:shop-state-machine",
            "timeoutMinutes": "60",
            "topicArn": "arn:aws:service:eu-west-1:123456789012:shop-notifications",
            "variables": "",
            "version": "1"
          },
          "imageUri": "shop-image.imageUri",
          "pendingEmails": [],
          "repositoryUrl": "shop-repository.repositoryUrl",
          "runsCommand": "aws dynamodb query --region eu-west-1 --table-name analytics-runs --key-condition-expression 'pk = :p AND begins_with(sk, :r)' --expression-attribute-values '{\":p\":{\"S\":\"shop/prod\"},\":r\":{\"S\":\"run#\"}}' --projection-expression '#b,#c,#f,#r,#s,#t' --expression-attribute-names '{\"#b\":\"startedAt\",\"#c\":\"class\",\"#f\":\"failedNodeCount\",\"#r\":\"runId\",\"#s\":\"schedule\",\"#t\":\"seconds\"}' --no-scan-index-forward --max-items 20 --output table --query 'Items[].{began:startedAt.S,class:class.S,failedNodes:failedNodeCount.N,runId:runId.S,schedule:schedule.S,seconds:seconds.N}'",
          "startRunCommand": "aws stepfunctions start-execution --region eu-west-1 --state-machine-arn arn:aws:service:eu-west-1:123456789012:shop-state-machine",
          "stateMachineArn": "arn:aws:service:eu-west-1:123456789012:shop-state-machine",
          "taskDefinitionArn": "arn:aws:service:eu-west-1:123456789012:shop-task",
          "taskRoleArn": "arn:aws:service:eu-west-1:123456789012:shop-task-role",
          "warehouseRole": "dbt_shop_prod_qe7vuv5y"
        }"##]].assert_eq(&outputs(&answered));
}

#[tokio::test]
async fn every_input_reaches_its_child() {
    let (recording, _) = recorded(everything(), As::Update).await;
    expect_file!["snapshots/everything.txt"].assert_eq(&recording.text());
}

#[tokio::test]
async fn a_preview_knows_what_nothing_new_decides() {
    let (recording, _) = recorded(everything(), As::Preview).await;
    expect_file!["snapshots/preview.txt"].assert_eq(&recording.text());
}

#[tokio::test]
async fn an_image_made_elsewhere() {
    let given = inputs(&json!({
        "platform": platform(),
        "image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/shop:v1",
        "profile": {"name": "shop", "schema": "shop"},
    }));
    let (recording, _) = recorded(given, As::Update).await;
    expect_file!["snapshots/image.txt"].assert_eq(&recording.text());
}

#[tokio::test]
async fn what_is_unknown_or_secret() {
    let component = erase::<DbtProject>();
    let mut all = everything();
    // An address that is not known yet has its place in the list for a name.
    if let Some(Value::Object(notify)) = all.get_mut("notify") {
        notify.remove("emails");
    }
    each_input_in_turn(component.as_ref(), &all).await;
    let mut platform = platform();
    platform["tags"] = r#"{"cost-center":"4711"}"#.into();
    let image = json!({
        "platform": platform,
        "image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/shop:v1",
        "profile": {"name": "shop", "schema": "shop", "target": "dev", "threads": 8},
    });
    each_input_in_turn(component.as_ref(), &inputs(&image)).await;
}

#[tokio::test]
async fn a_platform_of_another_region_is_refused() {
    let look = async |region: &str| {
        let aws = Aws::new("dbt-aws", Configuration::default(), region.to_owned());
        let found = DbtProject::check_online(&aws, &everything())
            .await
            .expect("no call");
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    assert_eq!(look("eu-west-1").await, "");
    expect![[r#"
        notify.topicArns[0]: is in eu-west-1; SNS publishes only in the provider's region, us-east-1
        platform: is in eu-west-1, but the provider is for us-east-1; give this component a provider for eu-west-1"#]].assert_eq(&look("us-east-1").await);
}

#[tokio::test]
async fn with_requirements_an_adapter_is_that_of_the_profile_and_among_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("requirements.txt");
    std::fs::write(&path, "dbt-duckdb").expect("written");
    let dbt = json!({"requirements": path, "adapter": "duckdb"});
    let given = inputs(&json!({"platform": platform(), "path": PATH, "dbt": dbt}));
    let (recording, _) = recorded(given, As::Update).await;
    let image = &recording.registrations["shop-image"].inputs["dbt"];
    assert_eq!(image.field("adapter").as_str(), Some("duckdb"));
    let task = Value::Object(recording.registrations["shop-task"].inputs.clone());
    let task = task.plain().to_json().to_string();
    assert!(task.contains("duckdb"), "{task}");
}

#[test]
fn what_aws_shows_in_plain_text_is_said() {
    let warnings = |given: Properties| {
        let judged = erase::<DbtProject>().check(&given, &Reads::default());
        assert_eq!(judged.failures, []);
        judged.warnings.join("\n")
    };
    let mut given = inputs(&json!({
        "platform": platform(), "path": PATH,
        "environment": {"API_TOKEN": "t0ken", "TOKEN_URL": "https://a", "DB": "postgresql://a:hunter2@b/c", "SCHEMA": "x"},
        "profile": {"settings": {"password": "hunter2", "token": "{{ env_var('TOKEN') }}", "sslmode": "disable"}},
    }));
    expect![[r#"
        environment.API_TOKEN: looks like a secret, and AWS shows it in plain text; give it in secrets
        environment.DB: looks like a secret, and AWS shows it in plain text; give it in secrets
        profile.settings.password: looks like a secret, and AWS shows it in plain text; give it in secrets, and write "{{ env_var('NAME') }}" here
        profile.settings.sslmode: disable lets the password and the data go unencrypted; write verify-full, or require"#]].assert_eq(&warnings(given.clone()));
    let secret = |text: &str| Value::secret(text.into());
    given.insert(
        "environment".into(),
        Value::Object([("SCHEMA".into(), secret("hunter2"))].into()),
    );
    let settings = Value::Object([("account".into(), secret("acme"))].into());
    given.insert(
        "profile".into(),
        Value::Object([("settings".into(), settings)].into()),
    );
    expect![[r#"
        environment.SCHEMA: is a secret of the program, and AWS shows it in plain text; give it in secrets
        profile.settings.account: is a secret of the program, and AWS shows it in plain text; give it in secrets, and write "{{ env_var('NAME') }}" here"#]].assert_eq(&warnings(given.clone()));
    given.insert("environment".into(), Value::secret(Value::Unknown));
    given.remove("profile");
    expect!["environment: is a secret of the program, and AWS shows it in plain text; give it in secrets"].assert_eq(&warnings(given));
    expect![[""]].assert_eq(&warnings(everything()));
}

#[tokio::test]
async fn an_adapter_of_the_project_goes_before_the_platforms() {
    let kind = async |dbt: Document, profile: Document| {
        let given = json!({"platform": platform(), "path": PATH, "dbt": dbt, "profile": profile});
        let (recording, _) = recorded(inputs(&given), As::Update).await;
        let task = Value::Object(recording.registrations["shop-task"].inputs.clone())
            .plain()
            .to_json();
        let containers = task["containerDefinitions"].as_array().expect("a list");
        let dbt = containers.last().expect("a container");
        let profile = &dbt["environment"]["DBT_AWS_PROFILE"];
        let profile: Document =
            serde_json::from_str(profile.as_str().expect("text")).expect("JSON");
        assert!(profile["settings"]["type"].is_null(), "{profile}");
        profile["type"].as_str().map(str::to_owned)
    };
    let own = json!({"settings": {"type": "materialize"}});
    for (dbt, profile, expected) in [
        (json!({}), json!({}), "postgres"),
        (json!({"adapter": "trino"}), json!({}), "trino"),
        (
            json!({"adapter": "trino"}),
            json!({"settings": {"user": "dbt"}}),
            "trino",
        ),
        (json!({"adapter": "trino"}), own.clone(), "materialize"),
        (json!({}), own, "materialize"),
    ] {
        assert_eq!(kind(dbt, profile).await.as_deref(), Some(expected));
    }
}

fn wrong(change: impl Fn(&mut Document), expected: &Expect) {
    let mut given = json!({"platform": platform(), "path": PATH});
    change(&mut given);
    let component = erase::<DbtProject>();
    let found = component.check(&inputs(&given), &Reads::default()).failures;
    assert_eq!(DbtProject::TOKEN, component.token());
    let lines: Vec<_> = found.iter().map(|f| format!("{f}\n")).collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn wrong_inputs_are_refused_with_their_path() {
    assert_eq!(
        failures(erase::<DbtProject>().tables().0, &everything()),
        []
    );
    let set =
        |key: &'static str, value: Document| move |all: &mut Document| all[key] = value.clone();
    wrong(|_| {}, &expect![""]);
    wrong(
        set("image", json!("ghcr.io/team/shop:v1")),
        &expect![[r#"
        image: give only one of path, image
    "#]],
    );
    wrong(
        set("path", json!(null)),
        &expect![[r#"
        path: give exactly one of path, image
    "#]],
    );
    wrong(
        set("path", json!("..")),
        &expect![[r#"
        path: .. is not a dbt project: it has no dbt_project.yml; give the directory that holds one
    "#]],
    );
    wrong(
        set("path", json!("nowhere")),
        &expect![[r#"
        path: nowhere is not a dbt project: there is no such directory
    "#]],
    );
    wrong(
        set("dbt", json!({"version": "1.4"})),
        &expect![[r#"
        dbt: dbt 1.4 with postgres: it is not bundled; these are: 1.12 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; 1.11 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; for any other give a requirements file
    "#]],
    );
    wrong(
        set("dbt", json!({"requirements": "nowhere.txt"})),
        &expect![[r#"
            dbt.requirements: reading nowhere.txt: No such file or directory (os error 2)
        "#]],
    );
    wrong(
        set(
            "secretKmsKeyArns",
            json!(["arn:aws:kms:eu-west-1:111122223333:alias/dbt"]),
        ),
        &expect![[r#"
            secretKmsKeyArns: "arn:aws:kms:eu-west-1:111122223333:alias/dbt" is an alias; give the ARN of the key that the alias refers to
        "#]],
    );
    wrong(
        set(
            "platform",
            json!({"version": "1", "stateMachineArn": "arn"}),
        ),
        &expect![[r#"
            platform: has no region: give the handle of a DbtPlatform, such as `platform.handle`; if it is one, an older version of the provider made the DbtPlatform: run pulumi up in its stack first
        "#]],
    );
    let mut later = platform();
    later["version"] = "2".into();
    wrong(
        set("platform", later),
        &expect![[r#"
            platform: has version 2, and this version of the provider takes handles of version 1; use the same version of the provider for both components
        "#]],
    );
    wrong(
        set("pathh", json!("x")),
        &expect![[r#"
        pathh: is not a property here; did you mean path?
    "#]],
    );
    wrong(
        set("memory", json!(3000)),
        &expect![[r#"
        memory: Fargate has no cpu 1024 with memory 3000; the nearest are 1024 with 3072, 1024 with 4096, 1024 with 2048
    "#]],
    );
    wrong(
        set("cpu", json!("1024")),
        &expect![[r#"
            cpu: must be a whole number, not text; it is in units, of which a virtual CPU has 1024
        "#]],
    );
    wrong(
        set("architecture", json!("arm64")),
        &expect![[r#"
        architecture: "arm64" is not one of X86_64, ARM64
    "#]],
    );
    wrong(set("baseImage", json!("")), &expect![""]);
    wrong(
        set("baseImage", json!("UPPER CASE")),
        &expect![[r#"
        baseImage: the base image UPPER CASE cannot be used: its repository's name must have only a-z, 0-9 and ._-/
    "#]],
    );
    wrong(
        set("timeoutMinutes", json!(0)),
        &expect![[r#"
        timeoutMinutes: must be 1 to 10080, not 0
    "#]],
    );
    wrong(
        set(
            "environment",
            json!({"DBT_AWS_RUN_ID": "1", "A-B": "1", "1A": "2"}),
        ),
        &expect![[r#"
        environment.1A: "1A" cannot be an environment variable; use letters, digits and _, and do not begin with a digit
        environment["A-B"]: "A-B" cannot be an environment variable; use letters, digits and _, and do not begin with a digit
        environment.DBT_AWS_RUN_ID: names that begin with DBT_AWS_ are the runner's own; choose another
    "#]],
    );
    wrong(
        set("secrets", json!({"DBT_AWS_PROFILE": "{}"})),
        &expect![[r#"
        secrets.DBT_AWS_PROFILE: names that begin with DBT_AWS_ are the runner's own; choose another
    "#]],
    );
    wrong(
        set("secretArns", json!({"TOKEN": "arn:aws:s3:::bucket"})),
        &expect![[r#"
        secretArns.TOKEN: "arn:aws:s3:::bucket" is not the ARN of a Secrets Manager secret or of an SSM parameter
    "#]],
    );
    wrong(
        set(
            "profile",
            json!({"target": "a/b", "threads": 0, "scheme": "x"}),
        ),
        &expect![[r#"
        profile.scheme: is not a property here; did you mean schema?
        profile.target: "a/b" must be letters, digits, - and _
        profile.threads: must be 1 or more, not 0
    "#]],
    );
    wrong(
        |all| {
            all["environment"] = json!({"TOKEN": "1"});
            all["secrets"] = json!({"TOKEN": "1"});
        },
        &expect![[r#"
            secrets.TOKEN: TOKEN is also in environment; leave out one of them
        "#]],
    );
    wrong(
        |all| {
            all["path"] = Document::Null;
            all["image"] = json!("ghcr.io/team/shop:v1");
            all["baseImage"] = json!("python");
            all["dbt"] = json!({"requirements": "requirements.txt", "version": "1.11"});
            all["profile"] = json!({"target": "dev"});
        },
        &expect![[r#"
            baseImage: has no effect with image, which has its own base
            dbt.requirements: has no effect with image, which has its own dbt
            dbt.version: has no effect with image, which has its own dbt
            profile.name: is required with image, because its dbt_project.yml cannot be read
            profile.schema: is required with image, because its dbt_project.yml cannot be read
        "#]],
    );
}
