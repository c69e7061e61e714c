mod after;

use self::after::following;
use super::DbtSchedule;
use crate::components::{
    recorder::{As, Recording, each_input_in_turn, record},
    refusals::{each_is_refused, every_input_is_told},
};
use expect_test::{Expect, expect};
use pulumi_aws_framework::{
    aws::{Aws, Configuration},
    component::{Component, erase},
    reads::Reads,
    value::{Properties, Value},
};
use serde_json::{Value as Document, json};

fn project() -> Document {
    json!({
        "version": "1",
        "stateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:shop",
        "schedulerRoleArn": "arn:aws:iam::111122223333:role/shop",
        "deadLetterArn": "arn:aws:sqs:eu-west-1:111122223333:shop",
        "topicArn": "arn:aws:sns:eu-west-1:111122223333:shop",
        "notify": "{\"emails\":true}",
        "finishArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:analytics-finish",
        "artifactsUri": "s3://analytics-artifacts/shop/prod",
        "logGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:/dbt/analytics",
        "permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/boundary",
        "secretKmsKeyArns": "arn:aws:kms:eu-west-1:111122223333:key/k",
        "tags": "{\"team\":\"data\"}",
        "region": "eu-west-1",
        "cpu": "1024",
        "memory": "2048",
        "secretNames": "API_TOKEN,PASSWORD",
        "eventVersion": "1",
    })
}

fn everything() -> Document {
    json!({
        "project": project(),
        "cron": "30 6 * * ? *",
        "timezone": "Europe/Paris",
        "commands": ["dbt seed", "dbt build"],
        "environment": {"DBT_WARN_ERROR": "true"},
        "cpu": 2048,
        "memory": 4096,
        "enabled": false,
        "start": "2026-01-31T00:00:00Z",
        "end": "2027-01-31T00:00:00Z",
        "flexibleWindowMinutes": 15,
        "alertIfNoSuccessHours": 26,
        "notify": {"emails": ["sales@example.com"], "topicArns": ["arn:aws:sns:eu-west-1:111122223333:on-call"], "on": ["failure"],
            "webhooks": [{"secretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:sales-AbCdEf", "format": "json"}],
        },
        "delivery": {"maximumAgeMinutes": 30, "maximumRetryAttempts": 3},
    })
}

fn inputs(json: &Document) -> Properties {
    Value::from_json(json).into_properties()
}

async fn recorded(inputs: Properties, how: As) -> (Recording, Properties) {
    let (recording, outputs) = record(erase::<DbtSchedule>().as_ref(), inputs, how).await;
    assert_eq!(recording.failures, [""; 0]);
    (recording, outputs.expect("outputs"))
}

#[tokio::test]
async fn the_shortest_schedule() {
    let given = inputs(&json!({"project": project(), "rate": "1 hour"}));
    let (recording, answered) = recorded(given, As::Update).await;
    expect![[r#"
        dbt-aws:scheduler:Schedule shop-schedule
          scheduleExpression = "rate(1 hour)"
          state = "ENABLED"
          target = {arn: "arn:aws:states:eu-west-1:111122223333:stateMachine:shop", deadLetterArn: "arn:aws:sqs:eu-west-1:111122223333:shop", input: {schedule: "shop", scheduleArn: "<aws.scheduler.schedule-arn>", scheduledTime: "<aws.scheduler.scheduled-time>"}, maximumAgeSeconds: 3600, maximumRetryAttempts: 10, roleArn: "arn:aws:iam::111122223333:role/shop"}
          timezone = "UTC"
        dbt-aws:index:Seed shop-seed
    "#]].assert_eq(&recording.text());
    let plain = Value::Object(answered).plain().to_json();
    expect![[r#"{"handle":{"eventVersion":"1","scheduleArn":"arn:aws:service:eu-west-1:123456789012:shop-schedule","version":"1"},"pendingEmails":[],"scheduleArn":"arn:aws:service:eu-west-1:123456789012:shop-schedule","scheduleName":"shop-schedule-id"}"#]].assert_eq(&plain.to_string());
}

#[tokio::test]
async fn every_input_reaches_the_schedule() {
    let (recording, _) = recorded(inputs(&everything()), As::Preview).await;
    expect![[r#"
        dbt-aws:sns:Subscription shop-email-sales@example.com
          endpoint = "sales@example.com"
          filterPolicy = ?
          protocol = "email"
          topicArn = "arn:aws:sns:eu-west-1:111122223333:shop"
          after urn:shop-schedule
        dbt-aws:scheduler:Schedule shop-late
          scheduleExpression = "rate(1 hour)"
          target = {arn: "arn:aws:states:eu-west-1:111122223333:stateMachine:analytics-finish", input: ?, roleArn: "arn:aws:iam::111122223333:role/shop"}
          after urn:shop-schedule
        dbt-aws:scheduler:Schedule shop-schedule
          end = "2027-01-31T00:00:00Z"
          flexibleWindowMinutes = 15
          scheduleExpression = "cron(30 6 * * ? *)"
          start = "2026-01-31T00:00:00Z"
          state = "DISABLED"
          target = {arn: "arn:aws:states:eu-west-1:111122223333:stateMachine:shop", deadLetterArn: "arn:aws:sqs:eu-west-1:111122223333:shop", input: {commands: ["dbt seed", "dbt build"], cpu: "2048", environment: {DBT_WARN_ERROR: "true"}, memory: "4096", notify: {emails: true, on: ["failure"], topicArns: ["arn:aws:sns:eu-west-1:111122223333:on-call"], webhooks: ["i5pdxgpq"]}, schedule: "shop", scheduleArn: "<aws.scheduler.schedule-arn>", scheduledTime: "<aws.scheduler.scheduled-time>"}, maximumAgeSeconds: 1800, maximumRetryAttempts: 3, roleArn: "arn:aws:iam::111122223333:role/shop"}
          timezone = "Europe/Paris"
        dbt-aws:index:Seed shop-seed
        dbt-aws:lambda:Function shop-webhooks
          code = 10326 characters, zrf5328u
          deadLetterArn = "arn:aws:sqs:eu-west-1:111122223333:shop"
          description = "Sends the ends of runs to webhooks."
          environment = {DBT_AWS_WEBHOOKS: "{\"i5pdxgpq\":{\"secretArn\":\"arn:aws:secretsmanager:eu-west-1:111122223333:secret:sales-AbCdEf\",\"format\":\"json\"}}"}
          handler = "webhook.handler"
          invokedBy = [{service: "sns.amazonaws.com", sourceArn: "arn:aws:sns:eu-west-1:111122223333:shop"}]
          logGroupName = "/dbt/analytics"
          memory = 256
          roleArn = ?
          runtime = "python3.13"
          tags = {team: "data"}
          timeoutSeconds = 60
          after urn:shop-webhooks-role
        dbt-aws:iam:Role shop-webhooks-role
          assumeRolePolicy = {statements: [{actions: ["sts:AssumeRole"], effect: "Allow", principals: {Service: ["lambda.amazonaws.com"]}}], version: "2012-10-17"}
          inlinePolicies = {dbt: {statements: [{actions: ["secretsmanager:GetSecretValue"], effect: "Allow", resources: ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:sales-AbCdEf"]}, {actions: ["logs:CreateLogStream", "logs:PutLogEvents"], effect: "Allow", resources: ["arn:aws:logs:eu-west-1:111122223333:log-group:/dbt/analytics:log-stream:????/??/??/*"]}, {actions: ["sqs:SendMessage"], effect: "Allow", resources: ["arn:aws:sqs:eu-west-1:111122223333:shop"]}, {actions: ["kms:Decrypt"], conditions: {StringLike: {kms:ViaService: "secretsmanager.*"}}, effect: "Allow", resources: ["arn:aws:kms:eu-west-1:111122223333:key/k"]}], version: "2012-10-17"}}
          permissionsBoundary = "arn:aws:iam::111122223333:policy/boundary"
          tags = {team: "data"}
        dbt-aws:sns:Subscription shop-webhooks-subscription
          endpoint = ?
          filterPolicy = ?
          protocol = "lambda"
          topicArn = "arn:aws:sns:eu-west-1:111122223333:shop"
          after urn:shop-schedule, urn:shop-webhooks
    "#]].assert_eq(&recording.text());
}

#[tokio::test]
async fn half_a_size_goes_with_the_projects_other_half() {
    let given = inputs(&json!({"project": project(), "rate": "1 hour", "memory": 4096}));
    let (recording, _) = recorded(given, As::Update).await;
    let input = recording.registrations["shop-schedule"].inputs["target"].plain();
    let input = input.field("input");
    assert_eq!(
        (input.field("cpu"), input.field("memory")),
        ("1024".into(), "4096".into())
    );
}

#[tokio::test]
async fn finish_is_asked_whether_it_is_late() {
    let given = json!({"project": project(), "rate": "1 hour", "alertIfNoSuccessHours": 26});
    let (recording, _) = recorded(inputs(&given), As::Update).await;
    let target = recording.registrations["shop-late"].inputs["target"].plain();
    expect![[r#"{"config":{"artifactsPrefix":"shop/prod","consoleUrl":"https://eu-west-1.console.aws.amazon.com","notify":{"emails":true},"topicArn":"arn:aws:sns:eu-west-1:111122223333:shop"},"late":{"hours":26,"machine":"arn:aws:states:eu-west-1:111122223333:stateMachine:shop","scheduleArn":"arn:aws:service:eu-west-1:123456789012:shop-schedule"}}"#]].assert_eq(&target.field("input").to_json().to_string());
}

#[tokio::test]
async fn a_project_of_another_region_is_refused() {
    let look = async |region: &str| {
        let aws = Aws::new("dbt-aws", Configuration::default(), region.to_owned());
        let found = DbtSchedule::check_online(&aws, &inputs(&everything())).await;
        let found = found.expect("no call");
        found.iter().map(ToString::to_string).collect::<String>()
    };
    assert_eq!(look("eu-west-1").await, "");
    expect!["notify.topicArns[0]: is in eu-west-1; SNS publishes only in the provider's region, us-east-1project: is in eu-west-1, but the provider is for us-east-1; give this component a provider for eu-west-1"].assert_eq(&look("us-east-1").await);
}

#[tokio::test]
async fn what_is_unknown_or_secret() {
    let mut kinds = vec![everything()];
    // An address that is not known yet has its place in the list for a name.
    kinds[0]["notify"]["emails"] = json!([]);
    for (kind, text) in [("rate", "1 hour"), ("at", "2026-01-31T06:30:00")] {
        kinds.push(json!({"project": project(), kind: text}));
    }
    kinds.push(following("success"));
    for given in kinds {
        each_input_in_turn(erase::<DbtSchedule>().as_ref(), &inputs(&given)).await;
    }
}

#[test]
fn what_aws_shows_in_plain_text_is_said() {
    let mut given = inputs(&json!({
        "project": project(), "rate": "1 hour", "environment": {"API_SECRET": "hunter2", "DAY": "today"},
        "commands": ["dbt run-operation grant --args '{role: a}'"],
    }));
    let lines = given["commands"].clone();
    let warnings = |given: &Properties| {
        erase::<DbtSchedule>()
            .check(given, &Reads::default())
            .warnings
            .join("\n")
    };
    expect!["environment.API_SECRET: looks like a secret, and AWS shows it in plain text; give it in secrets of the project"].assert_eq(&warnings(&given));
    given.insert("commands".into(), Value::secret(lines));
    expect![[r#"
        environment.API_SECRET: looks like a secret, and AWS shows it in plain text; give it in secrets of the project
        commands: is a secret of the program, and AWS shows it in plain text; give it in secrets of the project"#]].assert_eq(&warnings(&given));
}

fn wrong(change: impl Fn(&mut Document), expected: &Expect) {
    let mut given = everything();
    change(&mut given);
    let found = erase::<DbtSchedule>()
        .check(&inputs(&given), &Reads::default())
        .failures;
    let lines: Vec<_> = found.iter().map(|f| format!("{f}\n")).collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn wrong_inputs_are_refused_with_their_path() {
    let set =
        |key: &'static str, value: Document| move |all: &mut Document| all[key] = value.clone();
    wrong(|_| {}, &expect![""]);
    wrong(
        set("project", json!({"version": "1"})),
        &expect![[r#"
            project: has no stateMachineArn: give the handle of a DbtProject, such as `project.handle`; if it is one, an older version of the provider made the DbtProject: run pulumi up in its stack first
        "#]],
    );
    wrong(
        set("cron", json!(null)),
        &expect![[r#"
            cron: give exactly one of cron, rate, at, after
        "#]],
    );
    wrong(
        set("rate", json!("5 minute")),
        &expect![[r#"
            rate: "5 minute" has the wrong singular or plural; write 5 minutes
            rate: give only one of cron, rate, at, after
        "#]],
    );
    wrong(
        set("cron", json!("30 25 * * ? *")),
        &expect![[r#"
        cron: the hours field "25" has 25, which is not 0 to 23
    "#]],
    );
    wrong(
        set("cron", json!("30 6 * * *")),
        &expect![[r#"
        cron: "30 6 * * *" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 30 6 * * ? *
    "#]],
    );
    wrong(
        |all| {
            all["cron"] = json!(null);
            all["at"] = "2026-01-31T06:30:00".into();
        },
        &expect![[r#"
            alertIfNoSuccessHours: applies only with cron, rate or after: a schedule that runs once would be late ever after
        "#]],
    );
    wrong(
        set("timezone", json!("Europe/Pariss")),
        &expect![[r#"
        timezone: "Europe/Pariss" is not a time zone; did you mean Europe/Paris?
    "#]],
    );
    wrong(
        set("commands", json!([])),
        &expect![[r#"
        commands: needs at least one command, such as dbt build
    "#]],
    );
    wrong(
        set("commands", json!(vec!["dbt build"; 101])),
        &expect![[r#"
        commands: has 101 commands, and a run takes 100 at most
    "#]],
    );
    wrong(
        set("commands", json!(["dbt build", " "])),
        &expect![[r#"
            commands[1]: names no dbt command; did you mean dbt build?
        "#]],
    );
    wrong(
        set(
            "commands",
            json!([
                "rm -rf /",
                "dbt build && dbt test",
                "dbt build 'a",
                "build",
                "dbt --quiet build"
            ]),
        ),
        &expect![[r#"
            commands[0]: "rm -rf /" is not a dbt command; a run takes only dbt commands, such as dbt build, and python
            commands[1]: contains "&&", but no shell runs commands; give each command as an item of its own
            commands[2]: cannot be read: no closing quotation
        "#]],
    );
    wrong(
        set(
            "commands",
            json!([format!("dbt build --vars '{}'", "x".repeat(8_000))]),
        ),
        &expect![[r#"
            commands: commands and environment make overrides of 8747 characters as JSON, but ECS allows at most 8192; move variables to the project's environment
        "#]],
    );
    let many: serde_json::Map<_, _> = (0..900).map(|n| (format!("V{n}"), "1".into())).collect();
    wrong(
        set("environment", many.into()),
        &expect![[r#"
            environment: commands and environment make overrides of 14112 characters as JSON, but ECS allows at most 8192; move variables to the project's environment
        "#]],
    );
    wrong(
        set("environment", json!({"PASSWORD": "1"})),
        &expect![[r#"
            environment.PASSWORD: is a secret of the project, so no single run can set it; choose another name
        "#]],
    );
    wrong(
        set(
            "environment",
            json!({"PGHOSTADDR": "1", "AWS_ENDPOINT_URL_S3": "1", "https_proxy": "1", "DBT_PROFILES_DIR": "/", "PAGE": "1"}),
        ),
        &expect![[r#"
            environment.AWS_ENDPOINT_URL_S3: affects more than the dbt project, so no single run can set it; set it in the project's environment
            environment.DBT_PROFILES_DIR: affects more than the dbt project, so no single run can set it; set it in the project's environment
            environment.PGHOSTADDR: affects more than the dbt project, so no single run can set it; set it in the project's environment
            environment.https_proxy: affects more than the dbt project, so no single run can set it; set it in the project's environment
        "#]],
    );
    wrong(
        |all| {
            all["project"]["variables"] = "LABEL,HOST".into();
            all["project"]["profileVariables"] = "HOST,env_var".into();
            all["environment"] = json!({"LABEL": "1", "DBT_EMPTY": "1", "LABLE": "1", "HOST": "1"});
        },
        &expect![[r#"
            environment.HOST: is read by the profile, so no single run can set it; set it in the project's environment
            environment.LABLE: is not read by the dbt project, so no single run can set it; read it there with env_var, or declare it in the project's environment
        "#]],
    );
    wrong(
        |all| {
            all["project"]["failingCommands"] = "clean".into();
            all["commands"] = json!(["dbt clean", "dbt build", "dbt retry"]);
        },
        &expect![[r#"
            commands[0]: dbt clean fails in every run: a run begins with an empty target, so leave dbt clean out
        "#]],
    );
    wrong(
        set("environment", json!({"DBT_AWS_ATTEMPT": "2"})),
        &expect![[r#"
        environment.DBT_AWS_ATTEMPT: names that begin with DBT_AWS_ are the runner's own; choose another
    "#]],
    );
    wrong(
        set("memory", json!(512)),
        &expect![[r#"
        memory: Fargate has no cpu 2048 with memory 512; the nearest are 256 with 512, 512 with 1024, 1024 with 2048
    "#]],
    );
    wrong(
        set("memory", json!(null)),
        &expect![[r#"
            cpu: Fargate has no cpu 2048 with memory 2048; the nearest are 1024 with 2048, 2048 with 4096, 2048 with 5120
        "#]],
    );
    wrong(set("cpu", json!(null)), &expect![[r#""#]]);
    wrong(
        set("flexibleWindowMinutes", json!(0)),
        &expect![[r#"
        flexibleWindowMinutes: must be 1 to 1440, not 0
    "#]],
    );
    wrong(
        set(
            "delivery",
            json!({"maximumAgeMinutes": 2000, "maximumRetryAttempts": -1, "retries": 3}),
        ),
        &expect![[r#"
        delivery.maximumAgeMinutes: must be 1 to 1440, not 2000
        delivery.maximumRetryAttempts: must be 0 to 185, not -1
        delivery.retries: is not a property here; there are maximumAgeMinutes, maximumRetryAttempts
    "#]],
    );
    wrong(
        set("start", json!("tomorrow")),
        &expect![[r#"
        start: "tomorrow" is not a time with its offset, such as 2026-01-31T00:00:00Z
    "#]],
    );
    wrong(
        set("comands", json!(["dbt build"])),
        &expect![[r#"
        comands: is not a property here; did you mean commands?
    "#]],
    );
}

#[test]
fn an_older_project_tells_nobody_of_its_runs() {
    let mut older = everything();
    older["project"]
        .as_object_mut()
        .expect("a map")
        .remove("topicArn");
    let judged = erase::<DbtSchedule>().check(&inputs(&older), &Reads::default());
    let [failure] = &judged.failures[..] else {
        panic!("{:?}", judged.failures);
    };
    assert!(
        failure.path == "project" && failure.reason.contains("run pulumi up in its stack first")
    );
}

#[tokio::test]
async fn what_the_schedule_refuses_is_refused_first() {
    let schedule = erase::<DbtSchedule>();
    let other = |key: &str, value: &str| inputs(&json!({"project": project(), key: value}));
    let examples = [
        inputs(&everything()),
        other("rate", "1 day"),
        other("at", "2030-01-01T00:00:00"),
        inputs(&following("always")),
    ];
    // The schedule's own check has the first, the project's the others.
    let alone = [
        "after.on",
        "alertIfNoSuccessHours",
        "notify.topicArns",
        "notify.on",
    ];
    every_input_is_told(schedule.as_ref(), &examples, &alone).await;
    let rows = [
        (
            "/end",
            json!("2026-01-30T00:00:00Z"),
            "end",
            "must be after start",
        ),
        (
            "/cron",
            json!("cron(0 6 * * ? *)"),
            "cron",
            "the cron( ) around it is added for you; write 0 6 * * ? *",
        ),
        (
            "/cron",
            json!("rate(1 day)"),
            "cron",
            "give rate instead: 1 day",
        ),
        (
            "/flexibleWindowMinutes",
            json!(0),
            "flexibleWindowMinutes",
            "0",
        ),
        ("/timezone", json!("Mars/Base"), "timezone", "Mars"),
        (
            "/project",
            json!("shop"),
            "project",
            "must be the handle of a DbtProject, such as `project.handle`",
        ),
        ("/memory", json!(4), "memory", "for 4 give 4096"),
        ("/cpu", json!(2), "cpu", "for 2 give 2048"),
        (
            "/project/schedulerRoleArn",
            json!("shop"),
            "project.schedulerRoleArn",
            "is not an ARN",
        ),
    ];
    each_is_refused(schedule.as_ref(), &everything(), &rows).await;
}
