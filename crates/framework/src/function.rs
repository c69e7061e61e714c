//! Functions of the package, over values.

use crate::{
    aws::{Aws, calls_of},
    error::Result,
    props::{Failure, Property, Props, Table, check::Check, decode},
    value::{Properties, Value},
};
use futures::{FutureExt, future::BoxFuture};
use std::marker::PhantomData;

/// A function of the package: it only looks things up.
pub trait Function: Send + Sync + Sized + 'static {
    /// The token, such as `acme:index:getCallerIdentity`.
    const TOKEN: &'static str;
    /// The description in the schema.
    const DOC: &'static str;
    /// The IAM actions that it needs.
    const ACTIONS: &'static [&'static str] = &[];
    /// What it is asked with.
    type Inputs: Props;
    /// What it answers.
    type Outputs: Props;

    /// The answer.
    fn call(aws: &Aws, inputs: &Self::Inputs)
    -> impl Future<Output = Result<Self::Outputs>> + Send;
}

/// A [`Function`] with its types erased.
pub trait DynamicFunction: Send + Sync {
    /// The token.
    fn token(&self) -> &'static str;
    /// The description.
    fn doc(&self) -> &'static str;
    /// The IAM actions that it needs.
    fn actions(&self) -> &'static [&'static str];
    /// The tables of inputs and outputs.
    fn tables(&self) -> (&'static Table, &'static Table);
    /// The answer, or what is wrong with the question.
    fn call<'a>(
        &'a self,
        aws: &'a Aws,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<Result<Properties, Vec<Failure>>>>;
}

/// A function for the list of all.
#[must_use]
pub fn erase<F: Function>() -> Box<dyn DynamicFunction> {
    Box::new(ErasedFunction::<F>(PhantomData))
}

struct ErasedFunction<F>(PhantomData<fn() -> F>);

impl<F: Function> DynamicFunction for ErasedFunction<F> {
    fn token(&self) -> &'static str {
        F::TOKEN
    }

    fn doc(&self) -> &'static str {
        F::DOC
    }

    fn actions(&self) -> &'static [&'static str] {
        F::ACTIONS
    }

    fn tables(&self) -> (&'static Table, &'static Table) {
        (F::Inputs::table(), F::Outputs::table())
    }

    fn call<'a>(
        &'a self,
        aws: &'a Aws,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<Result<Properties, Vec<Failure>>>> {
        async move {
            let failures = Check::new(F::Inputs::table(), &inputs).failures;
            if !failures.is_empty() {
                return Ok(Err(failures));
            }
            let typed: F::Inputs = decode(
                &inputs
                    .iter()
                    .map(|(k, v)| (k.clone(), Value::plain(v)))
                    .collect(),
            )?;
            let answer = calls_of(F::TOKEN, F::call(aws, &typed)).await?;
            Ok(Ok(answer.encode().into_properties()))
        }
        .boxed()
    }
}
