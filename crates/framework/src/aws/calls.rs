//! For which kind of resource, component or function a call to AWS is made.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// The IAM actions that every operation may need: it is asked once whose credentials there are.
pub const ACTIONS: &[&str] = &["sts:GetCallerIdentity"];

tokio::task_local! {
    static KIND: &'static str;
}

/// Makes the calls of `work` in the name of the kind with that token.
pub fn calls_of<F: Future>(
    token: &'static str,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    KIND.scope(token, work)
}

/// Names the kind at the end of the user agent, where CloudTrail shows it: `md/kind#acme.ec2.Vpc`.
pub(super) fn name(request: &mut HttpRequest) {
    if let Ok(token) = KIND.try_with(|token| *token) {
        let headers = request.headers_mut();
        let agent = headers.get("user-agent").unwrap_or_default();
        let agent = format!("{agent} md/kind#{}", token.replace(':', "."));
        // It is not signed.
        headers.insert("user-agent", agent);
    }
}
