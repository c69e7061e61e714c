//! `pulumi-resource-dbt-aws`: serves the plugin protocol until the engine is gone.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Arguments are `--logtostderr`, `-v=N`, `--tracing X`, and last the engine's address; none means attach mode.
    let engine = std::env::args().skip(1).rfind(|a| !a.starts_with('-'));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("could not start the runtime: {error}")),
    };
    match runtime.block_on(dbt_aws::server::serve(engine)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("pulumi-resource-dbt-aws: {reason}");
    ExitCode::FAILURE
}
