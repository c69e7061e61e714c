//! Answers that are not AWS's.

use super::{always, refusal};
use serde_json::json;
use tests::{Provider, Stack, moto, properties};
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
async fn a_proxy_that_is_not_there_is_told() {
    for endpoint in ["http://sts.example.invalid", "https://sts.example.invalid"] {
        let variables = [
            ("ALL_PROXY", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL", endpoint),
        ];
        let refused = refused(&variables).await;
        let told = "through the proxy http://127.0.0.1:1)";
        assert!(refused.contains(told), "{refused}");
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

/// The base image's registry is asked through the same proxies.
#[tokio::test]
async fn a_proxy_that_refuses_a_registry_is_told() {
    let (proxy, cache) = (
        always(403, "").await,
        tempfile::tempdir().expect("a folder"),
    );
    let variables = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("NO_PROXY", "127.0.0.1"),
        ("DBT_AWS_CACHE", &cache.path().to_string_lossy()),
    ];
    let provider = Provider::start(&[&moto()[..], &variables].concat()).await;
    let stack = Stack::configured("proxied", provider, json!({})).await;
    let repository = stack
        .make("dbt-aws:ecr:Repository", "shop", json!({}))
        .await;
    let inputs = json!({
        "repositoryUrl": repository.get("repositoryUrl"), "path": "../examples/jaffle-shop",
        "baseImage": "registry.example.invalid/python:3.13", "dbt": {"adapter": "postgres"},
    });
    let urn = stack.urn("dbt-aws:ecr:Image", "image");
    let none = properties(&json!({}));
    let checked = stack
        .provider
        .check(&urn, &none, &properties(&inputs))
        .await
        .expect("fits");
    let refused = stack.provider.create(&urn, &checked, false).await;
    let refused = refused.expect_err("refuses");
    let told = format!("the proxy {proxy} answered 403 X");
    assert!(refused.message().contains(&told), "{}", refused.message());
}
