//! A provider of one resource, the topics of SNS.

use aws_sdk_sns::Client;
use pulumi_aws_framework::{catalogue::Catalogue, package::Package, prelude::*, resource::erase};

struct Topic;

#[derive(Clone, Props)]
struct Inputs {
    /// The name; a topic that has it is taken over. Default: the resource's name with a suffix.
    #[prop(replace)]
    name: Option<String>,
    /// Whom its e-mails come from.
    sender: String,
}

#[derive(Clone, Props)]
struct Outputs {
    /// The ARN.
    arn: String,
}

impl CustomResource for Topic {
    const TOKEN: &'static str = "acme:sns:Topic";
    const DOC: &'static str = "A topic of SNS.";
    const NAMING: Option<Naming> = Some(Naming::new("name", 256));
    type Inputs = Inputs;
    type Outputs = Outputs;
    type Tagging = Untagged;

    async fn create(cx: &Context, new: &Inputs) -> Result<Created<Self>> {
        let create = sns(cx).create_topic().set_name(new.name.clone()).send();
        let made = create.await.during("create the topic")?;
        Ok(made.topic_arn.unwrap_or_default().into())
    }

    async fn apply(cx: &Context, id: &str, new: &Inputs, _: Option<&State<Self>>) -> Result<()> {
        let set = sns(cx).set_topic_attributes().topic_arn(id);
        let set = set.attribute_name("DisplayName");
        let set = set.attribute_value(&new.sender).send().await;
        set.during(format!("set the sender of {id}")).map(drop)
    }

    async fn read(cx: &Context, id: &str, _: Option<&Inputs>) -> Result<Option<State<Self>>> {
        let get = sns(cx).get_topic_attributes().topic_arn(id).send();
        let found = get.await.during(format!("read {id}"))?.attributes;
        let sender = found.unwrap_or_default().remove("DisplayName");
        let sender = sender.unwrap_or_default();
        let name = id.rsplit(':').next().map(str::to_owned);
        let inputs = Inputs { name, sender };
        let outputs = Outputs { arn: id.into() };
        Ok(Some(State { inputs, outputs }))
    }

    async fn delete(cx: &Context, id: &str, _: &State<Self>) -> Result<()> {
        let delete = sns(cx).delete_topic().topic_arn(id).send();
        delete.await.during(format!("delete {id}")).map(drop)
    }
}

fn sns(cx: &Context) -> Client {
    cx.aws.shared(|own| Client::new(&own.sdk_for("sns")))
}

fn main() -> std::process::ExitCode {
    let mut catalogue = Catalogue::new(Package::new("acme", "1.0.0"));
    catalogue.resources.push(erase::<Topic>());
    pulumi_aws_framework::server::run(catalogue)
}
