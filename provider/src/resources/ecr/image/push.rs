//! How an image comes into its repository.

use super::{ImageInputs, ImageOutputs, outputs, spec};
use crate::prelude::*;
use aws_sdk_ecr::types::{ImageFailure, ImageFailureCode};
use dbt_aws_image::{Built, Credentials, Images, Login, Reference, Registry, Spec, ecr_registry};
use pulumi_aws_framework::aws::{self, Aws, Clients};
use std::sync::Arc;

/// What ECR tells of an image within an answer that succeeds. That the image is not there is no failure.
pub(super) fn refuse(what: &str, failures: &[ImageFailure]) -> Result<()> {
    let mut failures = failures.iter().filter_map(|failure| {
        let code = failure.failure_code()?;
        (*code != ImageFailureCode::ImageNotFound).then_some((code, failure.failure_reason()))
    });
    match failures.next() {
        None => Ok(()),
        Some((code, reason)) => {
            let reason = reason.unwrap_or_default().to_owned();
            Err(aws::Error::from_batch_failure(what, code.as_str().to_owned(), reason).into())
        }
    }
}

/// Makes and pushes the image, and keeps its layers for the read that follows.
pub(super) async fn push(
    cx: &Context,
    inputs: &ImageInputs,
    previous: Option<&Built>,
) -> Result<ImageOutputs> {
    let (host, name) = repository(&inputs.repository_url)?;
    let work = Images::from_environment();
    let (login, ()) = tokio::join!(token(&cx.aws), work.connect());
    let login = login?;
    let registry = Registry {
        host: cx.aws.endpoint("registry").map_or_else(
            || host.to_owned(),
            |url| url.trim_end_matches('/').to_owned(),
        ),
        repository: name.to_owned(),
        credentials: login.clone(),
        owner: cx.identity.generation.clone(),
    };
    cx.status(format!(
        "packing {} and pushing what {name} does not have",
        inputs.path
    ));
    let spec = Spec {
        base_login: base_login(&inputs.base_image, login, cx.aws.region(), &cx.account),
        ..spec(inputs)
    };
    let made = tokio::select! {
        made = work.build_and_push(&spec, &registry, previous) => made,
        () = cx.cancelled() => return Err(Error::Cancelled(format!("pushing to {name}"))),
    };
    let made = made
        .map_err(|e| Error::failed(format!("could not make the image of {}: {e}", inputs.path)))?;
    let layers = serde_json::to_value(&made).map_err(|e| Error::Bug(e.to_string()))?;
    let layers = Json(layers);
    cx.keep("layers", &layers);
    Ok(outputs(inputs, &made.digest, layers))
}

/// What opens the ECR registries of a region, as far as these credentials may.
async fn token(clients: &Clients) -> Result<Option<Credentials>> {
    let token = clients
        .ecr()
        .get_authorization_token()
        .send()
        .await
        .during(format!("ask ECR in {} for a token", clients.region()))?;
    let token = token
        .authorization_data()
        .first()
        .and_then(|d| d.authorization_token());
    Ok(token.and_then(|token| {
        let text = data_encoding::BASE64.decode(token.as_bytes()).ok()?;
        let (username, password) = std::str::from_utf8(&text).ok()?.split_once(':')?;
        Some(Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }))
}

/// What opens the base image's registry if that is ECR: the token that there is, or one of its own region.
fn base_login(base: &str, own: Option<Credentials>, region: &str, aws: &Arc<Aws>) -> Option<Login> {
    let reference: Reference = base.parse().ok()?;
    let (_, theirs) = ecr_registry(&reference.host)?;
    if theirs == region {
        return Some(Login::of(own));
    }
    let (aws, region) = (aws.clone(), theirs.to_owned());
    Some(Login::new(move || {
        let (aws, region) = (aws.clone(), region.clone());
        async move {
            let asked = async { token(&*aws.clients(&region).await?).await };
            asked.await.map_err(|error| dbt_aws_image::Error::Login {
                reason: error.to_string(),
            })
        }
    }))
}

/// A repository's host and name.
pub(super) fn repository(url: &str) -> Result<(&str, &str)> {
    url.split_once('/').ok_or_else(|| {
        Error::failed(format!("{url:?} is not the URL of a repository, such as HOST/NAME; give a repository's repositoryUrl"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulumi_aws_framework::aws::Configuration;

    #[test]
    fn a_failure_within_an_answer_counts_unless_the_image_is_gone() {
        let failure = |code| ImageFailure::builder().failure_code(code).build();
        let gone = failure(ImageFailureCode::ImageNotFound);
        assert!(refuse("delete it", std::slice::from_ref(&gone)).is_ok());
        let locked = failure(ImageFailureCode::KmsError);
        let error = refuse("delete it", &[gone, locked]).expect_err("counts");
        assert_eq!(error.code(), Some("KmsError"));
    }

    #[tokio::test]
    async fn a_base_in_ecr_is_opened_with_the_providers_credentials() {
        let configuration = Configuration {
            allowed_account_ids: Some(["444455556666".to_owned()].into()),
            access_key: Some("test".into()),
            secret_key: Some("test".into()),
            endpoints: Some([("sts".to_owned(), "http://127.0.0.1:9".to_owned())].into()),
            max_retries: Some(0),
            ..Default::default()
        };
        let aws = Arc::new(Aws::new("dbt-aws", configuration, "eu-west-1".to_owned()));
        let own = Some(Credentials {
            username: "AWS".to_owned(),
            password: "token".to_owned(),
        });
        let login = |base: &str| base_login(base, own.clone(), "eu-west-1", &aws);
        let base = |region: &str| format!("111122223333.dkr.ecr.{region}.amazonaws.com/python:3");
        assert!(login("public.ecr.aws/docker/library/python:3").is_none());
        let same = login(&base("eu-west-1")).expect("a login");
        assert_eq!(same.credentials().await.expect("known"), own.as_ref());
        let other = login(&base("us-east-1")).expect("a login");
        let error = other.credentials().await.expect_err("no AWS").to_string();
        assert!(
            error.starts_with("the registry of the base image cannot be opened: "),
            "{error}"
        );
    }
}
