//! `pulumi-resource-dbt-aws`: serves the plugin protocol until the engine is gone.

fn main() -> std::process::ExitCode {
    pulumi_aws_framework::server::run(dbt_aws::catalogue())
}
