//! Answers that are not AWS's.

use crate::{always, refusal};
use serde_json::json;
use tests::{Provider, properties};
use tonic::Code;

/// What an `up` through this environment fails with.
async fn refused(variables: &[(&str, &str)]) -> String {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let provider = Provider::start(&[&keys, variables].concat()).await;
    let given = json!({"region": "eu-west-1", "maxRetries": 0});
    provider.configure("id", &given).await.expect("configures");
    let urn = "urn:pulumi:test::proxies::dbt-aws:ec2:Vpc::vpc";
    let inputs = properties(&json!({"cidrBlock": "10.0.0.0/16"}));
    let refused = provider
        .create(urn, &inputs, false)
        .await
        .expect_err("refuses");
    assert_ne!(refused.code(), Code::Internal);
    refused.message().to_owned()
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told() {
    let page = "<html>refused</html>";
    let (plain, tls) = ("http://sts.example.invalid", "https://sts.example.invalid");
    for (status, body, endpoint, answered) in [
        (
            407,
            page,
            plain,
            "407 Proxy Authentication Required with HTML",
        ),
        (403, page, plain, "403 Forbidden with HTML"),
        (403, "not for you", plain, "403 Forbidden"),
        (502, page, plain, "502 Bad Gateway with HTML"),
        (503, page, plain, "503 Service Unavailable with HTML"),
        (504, "", plain, "504 Gateway Timeout"),
        (200, page, plain, "200 OK with HTML"),
        (407, page, tls, "407 X"),
        (403, page, tls, "403 X"),
    ] {
        let proxy = always(status, body).await;
        let login = proxy.replace("http://", "http://user:planted@");
        let variables = [
            ("HTTP_PROXY", login.as_str()),
            ("HTTPS_PROXY", login.as_str()),
            ("AWS_ENDPOINT_URL", endpoint),
        ];
        assert_eq!(
            refused(&variables).await,
            format!(
                "could not ask AWS STS whose credentials these are: no answer from AWS (the proxy {proxy} answered \
                 {answered}); check the network, the proxies, the region and the endpoint, then run the command again"
            )
        );
    }
}

#[tokio::test]
async fn what_needs_no_proxy_is_reached_without() {
    let aws = always(403, refusal("ExpiredToken")).await;
    let port = aws.rsplit(':').next().expect("a port");
    for direct in [
        "*",
        "127.0.0.1",
        "127.0.0.0/8",
        &format!("example.com, 127.0.0.1:{port}"),
    ] {
        let proxy = always(502, "<html>").await;
        let variables = [
            ("http_proxy", proxy.as_str()),
            ("no_proxy", direct),
            ("AWS_ENDPOINT_URL", aws.as_str()),
        ];
        let refused = refused(&variables).await;
        assert!(
            refused.contains("ExpiredToken: It is so"),
            "{direct}: {refused}"
        );
    }
    let page = always(200, "<!DOCTYPE html><title>Sign in</title>").await;
    let refused = refused(&[("AWS_ENDPOINT_URL", page.as_str())]).await;
    assert!(
        refused.contains("what answered 200 OK with HTML is not AWS"),
        "{refused}"
    );
}
