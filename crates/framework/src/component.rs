//! Components: resources that are only a set of children.
//!
//! [`Component::construct`] is synchronous and declarative: it calls no AWS API and awaits nothing. A child is
//! registered by a task of its own as soon as its arguments are there, so that independent children are made at once.

mod monitor;
mod rehearsal;
pub mod seed;
#[cfg(test)]
mod tests;

pub use monitor::{Live, Monitor, Outcome, Registered, Registration};
pub use rehearsal::{judge, rehearse};

use self::seed::{Seed, SeedArgs};
use crate::{
    aws::{Aws, calls_of},
    error::{Error, Result},
    output::{Any, Fields, Lift, Output},
    props::{Failure, Props, Table, check::Check},
    reads::Reads,
    resource::{CustomResource, SEED, hoist_secrets},
    urn::Urn,
    value::{Properties, Value},
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, join_all},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

/// A kind of component.
pub trait Component: Send + Sync + Sized + 'static {
    /// The type token, such as `acme:index:Platform`.
    const TOKEN: &'static str;
    /// The description in the schema.
    const DOC: &'static str;
    /// The tokens of the kinds of its children that may be left over: its seed looks for them at the end.
    const MAY_ORPHAN: &'static [&'static str];
    /// The IAM actions that its check needs beside those of its children.
    const ACTIONS: &'static [&'static str] = &[];
    /// What a program sets.
    type Inputs: Props + Lift;
    /// What it answers.
    type Outputs: Fields;

    /// Rules over several properties.
    fn check(_check: &mut Check<'_>) {}

    /// What is wrong with checked inputs that only AWS can say; asked before anything is registered, and only about
    /// inputs that a program gives.
    fn check_online(
        _aws: &Aws,
        _inputs: &Properties,
    ) -> impl Future<Output = Result<Vec<Failure>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Registers the children and answers the outputs. Which children there are, and their names, depend on plain
    /// inputs and on what the stack has alone: a child that is not registered is deleted by the engine.
    ///
    /// # Errors
    /// An input that cannot be used, with its path.
    fn construct(
        scope: &Scope,
        args: <Self::Inputs as Lift>::Args,
    ) -> Result<<Self::Outputs as Fields>::Fields, Failure>;
}

/// The component under construction; children registered in it are its own.
pub struct Scope {
    name: String,
    urn: Urn,
    preview: bool,
    monitor: Arc<dyn Monitor>,
    seed: Output<String>,
    reads: Reads,
    registered: Mutex<Vec<(String, Pending)>>,
    faults: Arc<Mutex<Vec<Arc<Failure>>>>,
}

/// The answer to a registration, shared by the outputs cut from it.
type Pending = Shared<BoxFuture<'static, Arc<Registered>>>;

/// A registered child.
pub struct Child<R: CustomResource> {
    /// AWS's id of it.
    pub id: Output<String>,
    outputs: <R::Outputs as Fields>::Fields,
}

impl<R: CustomResource> Deref for Child<R> {
    type Target = <R::Outputs as Fields>::Fields;

    fn deref(&self) -> &Self::Target {
        &self.outputs
    }
}

impl Scope {
    /// The scope of a component that is registered already; registers its seed.
    pub fn new(
        package: &str,
        (name, urn): (&str, &Urn),
        preview: bool,
        monitor: Arc<dyn Monitor>,
        reads: Reads,
    ) -> Self {
        let mut scope = Self {
            name: name.to_owned(),
            urn: urn.clone(),
            preview,
            monitor,
            seed: Output::default(),
            reads,
            registered: Mutex::default(),
            faults: Arc::default(),
        };
        let token = seed::token(package);
        let args = SeedArgs::default();
        scope.seed = scope.register::<Seed>(token, "seed", None, args, []).id;
        scope
    }

    /// The component's name, with which its children's names begin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the same RPC has read.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Registers a child once every argument is there; returns at once. Its name is the component's, a hyphen, and
    /// `name`.
    pub fn child<R: CustomResource>(
        &self,
        name: &str,
        args: <R::Inputs as Fields>::Fields,
    ) -> Child<R>
    where
        R::Inputs: Fields,
    {
        self.child_after::<R>(name, args, [])
    }

    /// As [`Scope::child`], for a child that also needs resources of which it takes no value.
    pub fn child_after<R: CustomResource>(
        &self,
        name: &str,
        args: <R::Inputs as Fields>::Fields,
        after: impl IntoIterator<Item = Output<Any>>,
    ) -> Child<R> {
        self.register(R::TOKEN, name, None, args, after)
    }

    /// As [`Scope::child`], for a child that the stack may have under another name.
    pub fn renamed_child<R: CustomResource>(
        &self,
        name: &str,
        former: Option<&str>,
        args: <R::Inputs as Fields>::Fields,
    ) -> Child<R> {
        self.register(R::TOKEN, name, former, args, [])
    }

    /// The outputs of the children of a kind as the stack had them before this program, by what follows `prefix` in
    /// their names. `None` where the engine does not tell.
    pub fn had<R: CustomResource>(&self, prefix: &str) -> Option<BTreeMap<String, Properties>> {
        let start = self.urn.child_prefix(R::TOKEN, prefix);
        let all = self.monitor.live()?.range(Urn::from(start.as_str())..);
        let own = all.map_while(|(urn, outputs)| {
            let rest = urn.as_str().strip_prefix(start.as_str())?;
            Some((rest.to_owned(), outputs.clone()))
        });
        Some(own.collect())
    }

    fn register<R: CustomResource>(
        &self,
        token: impl Into<String>,
        name: &str,
        former: Option<&str>,
        args: <R::Inputs as Fields>::Fields,
        after: impl IntoIterator<Item = Output<Any>>,
    ) -> Child<R> {
        let args = R::Inputs::collect(args);
        let after = join_all(
            after
                .into_iter()
                .map(|o| async move { o.resolve().await })
                .collect::<Vec<_>>(),
        );
        let (seed, monitor, faults) =
            (self.seed.clone(), self.monitor.clone(), self.faults.clone());
        let full = |name: &str| format!("{}-{name}", self.name);
        let (name, former) = (full(name), former.map(full));
        let (token, parent, preview) = (token.into(), self.urn.clone(), self.preview);
        let (label, answered) = (name.clone(), name.clone());
        let task = tokio::spawn(async move {
            let (args, after, seed) = tokio::join!(args.resolve(), after, seed.resolve());
            let fault = |failure| {
                faults
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(failure)
            };
            let mut inputs = match args {
                Ok(args) => Value::clone(&args).into_properties(),
                Err(failure) => {
                    fault(failure);
                    R::Inputs::table()
                        .fields
                        .iter()
                        .map(|f| (f.name.to_owned(), Value::Unknown))
                        .collect()
                }
            };
            if let Ok(seed) = seed
                && !seed.is_null()
            {
                inputs.insert(SEED.to_owned(), Value::clone(&seed));
            }
            let dependencies: BTreeSet<Urn> = after
                .into_iter()
                .flatten()
                .flat_map(|v| v.dependencies())
                .collect();
            let mut registered = monitor
                .register(Registration {
                    token,
                    name,
                    former,
                    parent,
                    inputs,
                    dependencies,
                })
                .await;
            for missing in complete(&mut registered, R::Outputs::table(), preview) {
                let reason = format!("the engine answered {answered} without it");
                fault(Arc::new(Failure {
                    path: missing.to_owned(),
                    reason,
                }));
            }
            Arc::new(registered)
        });
        let registered = async move {
            task.await
                .unwrap_or_else(|error| Arc::new(Registered::failed(Some(error.to_string()))))
        }
        .boxed()
        .shared();
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((label, registered.clone()));
        let state = registered.clone();
        let outputs = Output::<R::Outputs>::from_future(async move {
            let registered = state.await;
            Ok(Arc::new(
                registered.value(Value::Object(registered.state.clone())),
            ))
        });
        let id = Output::from_future(async move {
            let registered = registered.await;
            Ok(Arc::new(registered.value(
                registered.id.clone().map_or(Value::Unknown, Value::String),
            )))
        });
        Child {
            id,
            outputs: outputs.fields(),
        }
    }

    /// Waits for every registration.
    ///
    /// # Errors
    /// The children that could not be made, or a bug.
    pub(crate) async fn finish(&self) -> Result<()> {
        let registered = std::mem::take(
            &mut *self
                .registered
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let mut failed = Vec::new();
        for (name, registration) in registered {
            let registered = registration.await;
            match &registered.refusal {
                Some(reason) => failed.push(format!("{name}: {reason}")),
                None if registered.outcome != Outcome::Done => failed.push(name),
                None => {}
            }
        }
        if !failed.is_empty() {
            return Err(Error::failed(format!(
                "{} of the resources of {} could not be made or were skipped ({}); see their own messages",
                failed.len(),
                self.name,
                failed.join(", ")
            )));
        }
        match self
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .first()
        {
            Some(fault) => Err(Error::Bug(fault.to_string())),
            None => Ok(()),
        }
    }
}

/// Makes outputs that the engine did not answer unknown. Answers those that should have been there: an unknown that
/// neither preview, nor a failure, nor a targeted update explains is a bug, never dropped.
fn complete(
    registered: &mut Registered,
    table: &'static Table,
    preview: bool,
) -> Vec<&'static str> {
    let explained = preview || registered.outcome != Outcome::Done || registered.id.is_none();
    let absent = |f: &&crate::props::Field| registered.state.get(f.name).is_none_or(Value::is_null);
    let missing: Vec<_> = table
        .fields
        .iter()
        .filter(|f| f.required || explained)
        .filter(absent)
        .map(|f| f.name)
        .collect();
    for name in &missing {
        registered.state.insert((*name).to_owned(), Value::Unknown);
    }
    if explained { Vec::new() } else { missing }
}

/// What there is to say about a component's inputs.
#[derive(Debug, Default)]
pub struct Judged {
    /// What is wrong with them.
    pub failures: Vec<Failure>,
    /// What the user should look at.
    pub warnings: Vec<String>,
}

/// A [`Component`] with its types erased.
pub trait DynamicComponent: Send + Sync {
    /// The type token.
    fn token(&self) -> &'static str;
    /// The description.
    fn doc(&self) -> &'static str;
    /// The tables of inputs and outputs.
    fn tables(&self) -> (&'static Table, &'static Table);
    /// The tokens of the kinds of its children that may be left over.
    fn may_orphan(&self) -> &'static [&'static str];
    /// The IAM actions that its check needs.
    fn actions(&self) -> &'static [&'static str];
    /// What there is to say about the inputs.
    fn check(&self, inputs: &Properties, reads: &Reads) -> Judged;
    /// What AWS says is wrong with them.
    fn check_online<'a>(
        &'a self,
        aws: &'a Aws,
        inputs: &'a Properties,
    ) -> BoxFuture<'a, Result<Vec<Failure>>>;
    /// Registers the children and answers the outputs.
    fn construct<'a>(
        &'a self,
        scope: &'a Scope,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<Properties>>;
}

/// A kind of component for the list of all.
#[must_use]
pub fn erase<C: Component>() -> Box<dyn DynamicComponent> {
    Box::new(Erased::<C>(PhantomData))
}

struct Erased<C>(PhantomData<fn() -> C>);

impl<C: Component> DynamicComponent for Erased<C> {
    fn token(&self) -> &'static str {
        C::TOKEN
    }

    fn doc(&self) -> &'static str {
        C::DOC
    }

    fn tables(&self) -> (&'static Table, &'static Table) {
        (C::Inputs::table(), C::Outputs::table())
    }

    fn may_orphan(&self) -> &'static [&'static str] {
        C::MAY_ORPHAN
    }

    fn actions(&self) -> &'static [&'static str] {
        C::ACTIONS
    }

    fn check(&self, inputs: &Properties, reads: &Reads) -> Judged {
        let mut check = Check::new(C::Inputs::table(), inputs);
        check.reads = reads.clone();
        C::check(&mut check);
        Judged {
            failures: check.failures,
            warnings: check.warnings,
        }
    }

    fn check_online<'a>(
        &'a self,
        aws: &'a Aws,
        inputs: &'a Properties,
    ) -> BoxFuture<'a, Result<Vec<Failure>>> {
        calls_of(C::TOKEN, C::check_online(aws, inputs)).boxed()
    }

    fn construct<'a>(
        &'a self,
        scope: &'a Scope,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<Properties>> {
        async move {
            let args =
                C::Inputs::lift(Value::Object(inputs)).map_err(|e| Error::Invalid(vec![e]))?;
            // The error comes last: what was registered by then must not be lost.
            let outputs = C::construct(scope, args)
                .map(C::Outputs::collect)
                .map_err(|e| Error::Invalid(vec![e]));
            scope.finish().await?;
            let state = outputs?.resolve().await;
            let state = state.map_err(|fault| Error::Bug(fault.to_string()))?;
            let mut state = Value::clone(&state).into_properties();
            hoist_secrets(&mut state);
            Ok(state)
        }
        .boxed()
    }
}
