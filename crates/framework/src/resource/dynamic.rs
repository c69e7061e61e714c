//! A custom resource over values, whatever its types.

use super::Page;
use crate::{
    context::{Context, Severity},
    error::{Error, Result},
    identity::ProcessLedger,
    props::{Failure, Table, diff::Change},
    reads::Reads,
    urn::Urn,
    value::{Properties, Value},
};
use futures::future::BoxFuture;
use std::time::Duration;

/// What a check knows beside the properties.
pub struct CheckScope<'a> {
    /// The resource's URN.
    pub urn: &'a Urn,
    /// What stands for the seed where no component gives one: the id of the provider resource.
    pub provider_id: Option<&'a str>,
    /// The region that is configured.
    pub region: &'a str,
    /// What this process has seen.
    pub ledger: &'a ProcessLedger,
    /// The tags that the provider puts on everything, with their secrets; null where there are none.
    pub default_tags: &'a Value,
    /// What the same RPC has read.
    pub reads: &'a Reads,
    /// Whether it is a rehearsal: what is wrong is asked for, and nobody takes the inputs.
    pub rehearsal: bool,
}

/// The answer to a check.
#[derive(Debug)]
pub struct Checked {
    /// The inputs with what the provider adds.
    pub inputs: Properties,
    /// What is wrong with them.
    pub failures: Vec<Failure>,
    /// What the user should look at.
    pub warnings: Vec<String>,
}

/// The answer to a diff.
#[derive(Debug, Default)]
pub struct Diffed {
    /// The changed properties.
    pub changes: Vec<Change>,
    /// Whether the old object must go before the new one can be made.
    pub delete_before_replace: bool,
    /// What the user should know of the object.
    pub remark: Option<(Severity, String)>,
}

/// A failure after something was done that must be remembered.
#[derive(Debug)]
pub struct Partial {
    /// What failed.
    pub error: Error,
    /// The object's id, its properties and its inputs, where there is an object.
    pub state: Option<(String, Properties, Properties)>,
}

impl From<Error> for Partial {
    fn from(error: Error) -> Self {
        Self { error, state: None }
    }
}

/// A [`CustomResource`] with its types erased.
pub trait DynamicResource: Send + Sync {
    /// The type token.
    fn token(&self) -> &str;
    /// The description.
    fn doc(&self) -> &'static str;
    /// The IAM actions that its calls need.
    fn actions(&self) -> &'static [&'static str];
    /// The tables of inputs and outputs.
    fn tables(&self) -> (&'static Table, &'static Table);
    /// How long an operation may take.
    fn timeout(&self) -> Duration;
    /// The inputs with what the provider adds, and what is wrong with them.
    fn check(&self, scope: &CheckScope<'_>, olds: &Properties, news: Properties) -> Checked;
    /// What changes from the old inputs and outputs to the new inputs.
    fn diff(
        &self,
        old_inputs: &Properties,
        olds: &Properties,
        news: &Properties,
        ignore: &[String],
    ) -> Diffed;
    /// The outputs that a create will have, as far as they can be known.
    fn preview_create(&self, inputs: &Properties) -> Properties;
    /// The outputs that an update will leave, as far as they can be known.
    fn preview_update(
        &self,
        old_inputs: &Properties,
        olds: &Properties,
        inputs: &Properties,
    ) -> Properties;
    /// Makes the object.
    fn create<'a>(
        &'a self,
        cx: &'a Context,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<(String, Properties), Partial>>;
    /// The id that the state is to have of what an import names; `None` where there is no such object.
    fn find_id<'a>(
        &'a self,
        cx: &'a Context,
        given: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>>>;
    /// The object's properties and inputs; `None` when it is gone. Without inputs it is an import. Partial while the
    /// object cannot be used.
    fn read<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        inputs: Option<Properties>,
        olds: Properties,
    ) -> BoxFuture<'a, Result<Option<(Properties, Properties)>, Partial>>;
    /// Changes the object.
    fn update<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        old_inputs: Properties,
        olds: Properties,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<Properties, Partial>>;
    /// Removes the object.
    fn delete<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        olds: Properties,
    ) -> BoxFuture<'a, Result<()>>;
    /// Whether an import can name its objects, and a list does.
    fn is_importable(&self) -> bool;
    /// Lists its objects, from a page's token on.
    fn list<'a>(&'a self, cx: &'a Context, token: Option<String>) -> BoxFuture<'a, Result<Page>>;
    /// The ids of the objects of this kind that carry the seed of `cx.identity` and are still there.
    fn list_orphans<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<String>>>;
    /// Remembers a resource that the engine has in the stack.
    fn live(&self, ledger: &ProcessLedger, urn: &Urn, outputs: &Properties);
}
