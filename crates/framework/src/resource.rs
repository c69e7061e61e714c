//! The life of a custom resource: what each kind implements, and what the framework does around it.

mod creation;
mod dynamic;
mod hidden;
mod import;
mod lifecycle;
mod listing;
mod secrets;
#[cfg(test)]
mod tests;

pub use dynamic::{CheckScope, Checked, Diffed, DynamicResource, Partial};
pub use hidden::{CLAIM, DEFAULT_TAGS, DIGESTS, GENERATION, OWNER, REGION, SEED};
pub use import::{Form, Given, Ids};
pub use lifecycle::{erase, erase_as};
pub use listing::{Filter, Listed, Page, list};
pub use secrets::{hoist_secrets, mark_secrets};

use crate::{
    context::{Context, Severity, Tags},
    error::{Error, Result},
    identity::Naming,
    output::Fields,
    props::{Failure, check::Check},
    value::Properties,
};
use std::time::Duration;

/// One kind of AWS object. Unknowns, secrets, previews, diffs and retries are the framework's.
pub trait CustomResource: Send + Sync + Sized + 'static {
    /// The type token, such as `acme:ec2:Subnet`.
    const TOKEN: &'static str;
    /// The description in the schema.
    const DOC: &'static str;
    /// The IAM actions that its calls need.
    const ACTIONS: &'static [&'static str] = &[];
    /// How its physical name is made when none is given.
    const NAMING: Option<Naming> = None;
    /// What an import may name it by; `None` where there is nothing to import.
    const IDS: Option<Ids> = None;
    /// The inputs that name a place for one object alone, beside which AWS makes no other: a replacement that stays
    /// there deletes first.
    const EXCLUSIVE_SLOT: &'static [&'static str] = &[];
    /// Whether it holds data that only its owner may give up: what an interrupted create left is never made again.
    const DATA: bool = false;
    /// How long a create, update or delete may take, unless `customTimeouts` says otherwise.
    const TIMEOUT: Duration = Duration::from_secs(20 * 60);
    /// What a program sets.
    type Inputs: Fields + Clone;
    /// What AWS adds.
    type Outputs: Fields;
    /// How its tags are changed.
    type Tagging: Tagging;

    /// Rules over several properties. Those of one property are in the table.
    fn check(_check: &mut Check<'_>) {}

    /// Adds to checked inputs what is found outside of them, such as a digest of files, and to the warnings what the
    /// user should look at there. In a rehearsal only failures count.
    ///
    /// # Errors
    /// The property that leads to something wrong.
    fn fill_in(
        _scope: &CheckScope<'_>,
        _inputs: &mut Properties,
        _old: &Properties,
        _warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// Outputs that a preview can already know from the inputs and the outputs before.
    fn predict_outputs(_inputs: &Self::Inputs, _old: Option<&Self::Outputs>) -> Properties {
        Properties::new()
    }

    /// What a user should know of the object as the state has it, whether or not it changes.
    fn remark(_inputs: &Self::Inputs, _old: &Self::Outputs) -> Option<(Severity, String)> {
        None
    }

    /// Makes the object, or finds the one that an interrupted create left.
    fn create(
        cx: &Context,
        inputs: &Self::Inputs,
    ) -> impl Future<Output = Result<Created<Self>>> + Send;

    /// Gives the object those settings of `new` that a create does not give or that changed since `old`; tags are
    /// [`Tagging`]'s. Follows a create (without `old`) and is the update.
    fn apply(
        _cx: &Context,
        _id: &str,
        _new: &Self::Inputs,
        _old: Option<&State<Self>>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Waits until the object can be used. Answers the outputs where the wait has seen them.
    fn ready(
        _cx: &Context,
        _id: &str,
    ) -> impl Future<Output = Result<Option<Self::Outputs>>> + Send {
        async { Ok(None) }
    }

    /// The id in the state, of what an import names by one that has the form; `None` where there is no such object.
    fn find(_cx: &Context, id: String) -> impl Future<Output = Result<Option<String>>> + Send {
        async { Ok(Some(id)) }
    }

    /// The object as AWS has it, with all its tags, `None` when it is gone. `known` holds the inputs, but for an import;
    /// what AWS does not tell is taken from there.
    fn read(
        cx: &Context,
        id: &str,
        known: Option<&Self::Inputs>,
    ) -> impl Future<Output = Result<Option<State<Self>>>> + Send;

    /// Why the object cannot be used as it is, and what to do, after its id: it is still being made, say. A refresh remembers
    /// it, so that the next `up` updates it.
    fn unhealthy(_state: &State<Self>) -> Option<String> {
        None
    }

    /// Lists the objects of this kind, from a page's token on. A service that cannot filter lists all.
    fn list(
        _cx: &Context,
        _filters: &[Filter],
        _token: Option<String>,
    ) -> impl Future<Output = Result<Page>> + Send {
        async { Ok(Page::default()) }
    }

    /// Removes the object and waits until it is gone. That it is gone already is no error.
    fn delete(
        cx: &Context,
        id: &str,
        state: &State<Self>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// How the tags of a service's objects are changed; written once a service.
pub trait Tagging: Send + Sync + 'static {
    /// Sets some tags of an object and removes others.
    fn change(
        cx: &Context,
        object: Tagged<'_>,
        set: Tags,
        removed: Vec<String>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// An object whose tags change.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<'a> {
    /// Its id.
    pub id: &'a str,
    /// The output `arn`, empty where there is none.
    pub arn: &'a str,
}

/// What has no tags.
#[derive(Debug)]
pub struct Untagged;

impl Tagging for Untagged {
    async fn change(_: &Context, _: Tagged<'_>, _: Tags, _: Vec<String>) -> Result<()> {
        Ok(())
    }
}

/// A resource as AWS has it.
#[derive(Clone, Debug)]
pub struct State<R: CustomResource> {
    /// The inputs, as far as AWS tells them.
    pub inputs: R::Inputs,
    /// The outputs.
    pub outputs: R::Outputs,
}

/// What a create did.
pub enum Created<R: CustomResource> {
    /// The object of this id was made as the inputs say, and is read when it is ready.
    New(String),
    /// The same, and AWS's answer has all outputs: there is no need to read it.
    Known(String, R::Outputs),
    /// The object of this id was there, made by an interrupted create: it may differ.
    Adopted(String),
}

impl<R: CustomResource> Created<R> {
    /// An object that is there already, if an interrupted create of this resource made it.
    ///
    /// # Errors
    /// The object is somebody else's.
    pub fn adopt(cx: &Context, id: impl Into<String>, what: &str, tags: &Tags) -> Result<Self> {
        if cx.identity.owns(tags) {
            return Ok(Self::Adopted(id.into()));
        }
        let urn = &cx.identity.urn;
        Err(Error::failed(format!(
            "could not create {what}: it exists already and {urn} did not make it; choose another name, remove it, or \
             take it over with `pulumi import`"
        )))
    }

    /// The object's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::New(id) | Self::Known(id, _) | Self::Adopted(id) => id,
        }
    }
}

impl<R: CustomResource, T: Into<String>> From<T> for Created<R> {
    fn from(id: T) -> Self {
        Self::New(id.into())
    }
}
