//! What does not wait for one another in AWS is asked at once.

use serde_json::json;
use std::{sync::Arc, time::Duration};
use tests::{Provider, Stack, moto};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// The address of one that lets nobody through to moto before so many have come.
async fn together(count: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let open = Arc::new(Semaphore::new(0));
    tokio::spawn(async move {
        let mut come = 0;
        while let Ok((mut client, _)) = listener.accept().await {
            come += 1;
            if come == count {
                open.add_permits(Semaphore::MAX_PERMITS);
            }
            let open = open.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 65_536];
                let length = client.read(&mut request).await.unwrap_or_default();
                let wait = tokio::time::timeout(Duration::from_secs(5), open.acquire());
                if !matches!(wait.await, Ok(Ok(_))) {
                    // Another attempt is none of those that came at once.
                    open.close();
                    return;
                }
                let address = moto()[0].1.trim_start_matches("http://");
                let mut server = TcpStream::connect(address).await.expect("connects");
                server.write_all(&request[..length]).await.expect("writes");
                let _closed = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    url
}

/// A provider whose first calls come to that one, with or without the one that asks whose the credentials are.
async fn provider(stack: &Stack, calls: usize, unasked: bool) -> Provider {
    let url = together(calls).await;
    let environment = [&moto()[1..], &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
    let provider = Provider::start(&environment).await;
    let given = json!({
        "region": stack.region, "maxRetries": 0, "skipCredentialsValidation": unasked,
    });
    provider.configure("id", &given).await.expect("configures");
    provider
}

#[tokio::test]
async fn a_delete_asks_all_at_once() {
    let stack = Stack::new("deleted-at-once").await;
    let container = json!({"name": "dbt", "image": "a:1"});
    let task = json!({"cpu": 256, "memory": 512, "containerDefinitions": [container]});
    let made = stack.make("dbt-aws:ecs:TaskDefinition", "one", task).await;
    let deleted = provider(&stack, 3, true).await.delete(&made).await;
    deleted.unwrap_or_else(|status| panic!("{}", status.message()));
}

/// Also whose the credentials are: what was read counts once that is known.
#[tokio::test]
async fn a_read_asks_all_at_once() {
    let stack = Stack::new("at-once").await;
    let vpc = json!({"cidrBlock": "10.0.0.0/16", "closeDefaultSecurityGroup": true});
    let allow = json!({"effect": "Allow", "actions": ["s3:ListAllMyBuckets"], "resources": ["*"]});
    let role = json!({
        "assumeRolePolicy": {"statements": [{
            "effect": "Allow", "actions": ["sts:AssumeRole"], "principals": {"Service": ["ecs.amazonaws.com"]},
        }]},
        "inlinePolicies": {"list": {"statements": [allow]}},
    });
    let parameters = json!({"family": "postgres17"});
    for (token, inputs, calls) in [
        ("dbt-aws:ec2:Vpc", vpc, 5),
        ("dbt-aws:iam:Role", role, 4),
        ("dbt-aws:rds:ParameterGroup", parameters, 4),
        ("dbt-aws:logs:LogGroup", json!({}), 3),
    ] {
        let made = stack.make(token, "one", inputs).await;
        let read = provider(&stack, calls, false).await.read(&made).await;
        let read = read.unwrap_or_else(|status| panic!("{token}: {}", status.message()));
        assert!(read.is_some(), "{token} is there");
        stack.provider.delete(&made).await.expect("deletes");
    }
}

/// Nothing at all is asked of an account that the configuration refuses.
#[tokio::test]
async fn a_refused_account_is_not_looked_at() {
    let stack = Stack::new("refused-account").await;
    let vpc = json!({"cidrBlock": "10.0.0.0/16"});
    let made = stack.make("dbt-aws:ec2:Vpc", "one", vpc).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let ec2 = format!("http://{}", listener.local_addr().expect("an address"));
    let provider = Provider::start(&moto()).await;
    let given = json!({
        "region": stack.region, "allowedAccountIds": ["444455556666"], "endpoints": {"ec2": ec2},
    });
    provider.configure("id", &given).await.expect("configures");
    let refused = provider.read(&made).await.map(drop).expect_err("refuses");
    assert!(
        refused.message().contains("444455556666"),
        "{}",
        refused.message()
    );
    let asked = tokio::time::timeout(Duration::from_millis(100), listener.accept());
    assert!(asked.await.is_err(), "EC2 was asked");
}

/// It would seem to be gone, and its state with it.
#[tokio::test]
async fn an_object_of_another_account_is_left_alone() {
    let stack = Stack::new("another-account").await;
    let vpc = json!({"cidrBlock": "10.0.0.0/16"});
    let mut made = stack.make("dbt-aws:ec2:Vpc", "vpc", vpc).await;
    let region = stack.region;
    let arn = format!("arn:aws:ec2:{region}:444455556666:vpc/{}", made.id);
    made.outputs.insert("arn".to_owned(), arn.clone().into());
    let read = stack.provider.read(&made).await.map(drop);
    let deleted = stack.provider.delete(&made).await;
    for refused in [read, deleted] {
        let refused = refused.expect_err("refuses");
        let told =
            format!("{arn} is in account 444455556666, but the credentials belong to account");
        assert!(
            refused.message().starts_with(&told),
            "{}",
            refused.message()
        );
    }
    let there = stack.aws("ec2", "describe_vpcs", &json!({"VpcIds": [made.id]}));
    there.expect("is there");
}
