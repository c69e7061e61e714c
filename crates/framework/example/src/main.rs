//! A provider of one resource, the log groups of CloudWatch.

use aws_sdk_cloudwatchlogs::Client;
use pulumi_aws_framework::{
    catalogue::Catalogue, package::Package, prelude::*, resource::erase, server,
};

/// A log group of CloudWatch.
struct LogGroup;

/// What a program sets.
#[derive(Clone, Props)]
struct LogGroupInputs {
    /// The name. Default: one made from the resource's.
    #[prop(replace)]
    name: Option<String>,
    /// For how many days events are kept. Default: 30.
    #[prop(default = 30)]
    retention_days: i32,
}

/// What AWS adds.
#[derive(Clone, Props)]
struct LogGroupOutputs {
    /// The ARN.
    arn: String,
}

impl CustomResource for LogGroup {
    const TOKEN: &'static str = "acme:logs:LogGroup";
    const DOC: &'static str = "A log group of CloudWatch.";
    const NAMING: Option<Naming> = Some(Naming {
        field: "name",
        longest: 512,
        others: "-_/.#",
        lower: false,
    });
    type Inputs = LogGroupInputs;
    type Outputs = LogGroupOutputs;
    type Tagging = Untagged;

    async fn create(cx: &Context, new: &LogGroupInputs) -> Result<Created<Self>> {
        let name = new.name.as_deref().unwrap_or_default();
        let create = logs(cx).create_log_group().log_group_name(name).send();
        match create.await.during(format!("create {name}")) {
            // A create that was interrupted made it: nobody else has the name.
            Err(e) if e.is_already_exists() && Naming::is_ours(name, &cx.identity.generation) => {
                Ok(Created::Adopted(name.into()))
            }
            made => made.map(|_| name.into()),
        }
    }

    async fn apply(
        cx: &Context,
        name: &str,
        new: &LogGroupInputs,
        _: Option<&State<Self>>,
    ) -> Result<()> {
        let put = logs(cx).put_retention_policy().log_group_name(name);
        let put = put.retention_in_days(new.retention_days).send().await;
        put.during(format!("set the retention of {name}")).map(drop)
    }

    async fn read(
        cx: &Context,
        name: &str,
        _: Option<&LogGroupInputs>,
    ) -> Result<Option<State<Self>>> {
        let all = logs(cx)
            .describe_log_groups()
            .log_group_name_prefix(name)
            .send();
        let all = all
            .await
            .during(format!("read {name}"))?
            .log_groups
            .unwrap_or_default();
        let found = all
            .into_iter()
            .find(|group| group.log_group_name() == Some(name));
        Ok(found.map(|group| State {
            inputs: LogGroupInputs {
                name: group.log_group_name,
                // A group that keeps its events for ever has none.
                retention_days: group.retention_in_days.unwrap_or_default(),
            },
            outputs: LogGroupOutputs {
                arn: group.arn.unwrap_or_default(),
            },
        }))
    }

    async fn delete(cx: &Context, name: &str, _: &State<Self>) -> Result<()> {
        let delete = logs(cx).delete_log_group().log_group_name(name).send();
        delete.await.during(format!("delete {name}")).map(drop)
    }
}

fn logs(cx: &Context) -> Client {
    cx.aws.shared(|own| Client::new(&own.sdk_for("logs")))
}

fn main() -> std::process::ExitCode {
    let package = Package {
        name: "acme",
        version: "1.0.0",
        ..Package::default()
    };
    let mut catalogue = Catalogue::new(package);
    catalogue.resources = vec![erase::<LogGroup>()];
    server::run(catalogue)
}
