//! `dbt-aws:index:Seed`: what tells the objects of one component from those of another with the same name.

use crate::{identity::random, prelude::*};

/// A random id, kept in the state, that is an input of everything else in a component. Has no AWS object.
#[derive(Debug)]
pub struct Seed;

/// A seed is made from nothing.
#[derive(Clone, Debug, Props)]
pub struct SeedInputs {}

/// A seed answers its id alone.
#[derive(Clone, Debug, Props)]
pub struct SeedOutputs {}

impl CustomResource for Seed {
    const TOKEN: &'static str = "dbt-aws:index:Seed";
    const DOC: &'static str =
        "What tells the objects of one component from those of another with the same name.";
    type Inputs = SeedInputs;
    type Outputs = SeedOutputs;

    async fn create(_cx: &Context, _inputs: &SeedInputs) -> Result<Created> {
        Ok(random(10).into())
    }

    async fn read(
        _cx: &Context,
        _id: &str,
        _known: Option<&SeedInputs>,
    ) -> Result<Option<State<Self>>> {
        Ok(Some(State {
            inputs: SeedInputs {},
            outputs: SeedOutputs {},
        }))
    }

    async fn delete(_cx: &Context, _id: &str, _state: &State<Self>) -> Result<()> {
        Ok(())
    }
}
