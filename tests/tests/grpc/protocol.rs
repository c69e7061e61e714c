//! What the engine asks of the provider beside the life of its resources.

mod at_once;
mod configuration;
mod proxies;

use pulumi_aws_framework::{pulumirpc as rpc, value::Value, wire::to_struct};
use serde_json::json;
use tests::{Provider, Stack, moto, properties};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

#[tokio::test]
async fn a_provider_that_was_started_by_hand_speaks_to_the_engine_that_attaches() {
    let stack = Stack::configured("attached", Provider::attach(&moto()).await, json!({})).await;
    let made = stack
        .make(
            "dbt-aws:ec2:Vpc",
            "vpc",
            json!({"cidrBlock": "10.0.0.0/16"}),
        )
        .await;
    let again = stack
        .provider
        .create(&made.urn, &made.inputs, false)
        .await
        .expect("creates");
    // The first create's claim is older than the second's: the provider warns.
    stack.provider.delete(&made).await.expect("keeps");
    stack
        .provider
        .said("was taken over by a newer create")
        .await;
    stack.provider.delete(&again).await.expect("deletes");
}

/// A reason goes with the property's path. Beside a path the engine prints the value: a secret's goes without.
#[tokio::test]
async fn what_a_check_finds_reaches_the_engine() {
    let provider = Provider::start(&[]).await;
    let region = json!({"region": "eu-west-1"});
    provider.configure("id", &region).await.expect("configures");
    let mut news =
        properties(&json!({"recoveryWindowDays": 3, "kmsKeyId": null, "tags": {"aws:x": "y"}}));
    news.insert(
        "secretString".to_owned(),
        Value::Secret(Box::new("".into())),
    );
    let request = rpc::CheckRequest {
        urn: "urn:pulumi:test::wrong::dbt-aws:secretsmanager:Secret::login".to_owned(),
        news: Some(to_struct(&news)),
        ..Default::default()
    };
    let answer = provider.client().check(request).await.expect("answers");
    let found = answer.into_inner().failures;
    let found: Vec<_> = found
        .iter()
        .map(|f| (f.property.as_str(), f.reason.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("recoveryWindowDays", "must be 0, or 7 to 30, not 3"),
            ("", "secretString: must not be empty"),
            ("tags[\"aws:x\"]", "keys that begin with aws: are AWS's own"),
        ]
    );
}

/// A create that the user interrupts while it waits ends at once.
#[tokio::test]
async fn a_cancel_ends_what_waits() {
    let stack = Stack::new("cancelled").await;
    let urn = stack.urn("dbt-aws:ec2:Subnet", "waiting");
    let inputs = json!({"vpcId": "vpc-0123456789abcdef0", "cidrBlock": "10.0.0.0/24"});
    let none = properties(&json!({}));
    let checked = stack
        .provider
        .check(&urn, &none, &properties(&inputs))
        .await;
    let checked = checked.expect("fits");
    let (created, ()) = tokio::join!(stack.provider.create(&urn, &checked, false), async {
        let waits = "creating: waiting for AWS (InvalidVpcID.NotFound: ";
        stack.provider.said(waits).await;
        stack.provider.client().cancel(()).await.expect("cancels");
    });
    let status = created.expect_err("does not wait for what never comes");
    assert_eq!(status.code(), Code::Cancelled);
    assert_eq!(
        status.message(),
        "cancelled while creating (InvalidVpcID.NotFound: VpcID vpc-0123456789abcdef0 does not exist); run the command \
         again to continue"
    );
}

/// The only thing that this server says to anybody.
async fn always(status: u16, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 65_536];
            let _ = connection.read(&mut request).await;
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = connection
                .write_all(format!("{head}{body}").as_bytes())
                .await;
        }
    });
    url
}

fn refusal(code: &str) -> &'static str {
    let text = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>It is so.</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    text.leak()
}

/// Nobody is asked before something must be made, and then once, with an error that says what to do.
#[tokio::test]
async fn credentials_that_are_missing_expired_or_wrong() {
    let advice = "; give valid credentials, for example with `aws sso login`, AWS_PROFILE, or the provider's \
                  `profile`";
    let keys = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    for (code, keys, reason) in [
        (
            "",
            [("AWS_EC2_METADATA_DISABLED", "true"); 2],
            "could not load AWS credentials: no credentials found in chain",
        ),
        (
            "ExpiredToken",
            keys,
            "could not ask AWS STS whose credentials these are: ExpiredToken: It is so",
        ),
        (
            "InvalidClientTokenId",
            keys,
            "could not ask AWS STS whose credentials these are: InvalidClientTokenId: It is so",
        ),
        (
            "SignatureDoesNotMatch",
            keys,
            "could not ask AWS STS whose credentials these are: SignatureDoesNotMatch: It is so",
        ),
    ] {
        let url = always(403, refusal(code)).await;
        let provider =
            Provider::start(&[("AWS_ENDPOINT_URL", url.as_str()), keys[0], keys[1]]).await;
        provider
            .configure("id", &json!({"region": "eu-west-1"}))
            .await
            .expect("configures");
        let urn = "urn:pulumi:test::credentials::dbt-aws:ec2:Vpc::vpc";
        let given = properties(&json!({"cidrBlock": "10.0.0.0/16"}));
        let checked = provider
            .check(urn, &properties(&json!({})), &given)
            .await
            .expect("fits");
        provider
            .create(urn, &checked, true)
            .await
            .expect("previews");
        let refused = provider
            .create(urn, &checked, false)
            .await
            .expect_err("refuses");
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert_eq!(refused.message(), format!("{reason}{advice}"));
    }
}

#[tokio::test]
async fn an_account_that_is_not_allowed() {
    let stack = Stack::new("account").await;
    let account = stack
        .aws("sts", "get_caller_identity", &json!({}))
        .expect("answers")["Account"]
        .take();
    let account = account.as_str().expect("text");
    for (refusal, reason) in [
        (
            json!({"allowedAccountIds": ["111122223333"]}),
            "allowedAccountIds do not name: 111122223333",
        ),
        (
            json!({"forbiddenAccountIds": [account]}),
            "forbiddenAccountIds name",
        ),
    ] {
        let stack = Stack::configured("account", Provider::start(&moto()).await, refusal).await;
        let urn = stack.urn("dbt-aws:ec2:Vpc", "vpc");
        let given = properties(&json!({"cidrBlock": "10.0.0.0/16"}));
        let checked = stack
            .provider
            .check(&urn, &properties(&json!({})), &given)
            .await
            .expect("fits");
        let refused = stack
            .provider
            .create(&urn, &checked, false)
            .await
            .expect_err("refuses");
        assert_eq!(
            refused.message(),
            format!(
                "the credentials belong to account {account}, which the provider's {reason}; use credentials of another \
                 account, or change the configuration"
            )
        );
    }
}
