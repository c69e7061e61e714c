//! The hidden child of each component that tells its objects from those of another component with the same name.

use crate::{
    identity::random,
    prelude::*,
    resource::{DynamicResource, erase_as},
};
use std::time::Instant;

/// A random id, kept in the state, that is an input of everything else in a component. Has no AWS object.
#[derive(Debug)]
pub struct Seed;

/// A seed is made from nothing.
#[derive(Clone, Debug, Props)]
pub struct SeedInputs {}

/// A seed answers its id alone.
#[derive(Clone, Debug, Props)]
pub struct SeedOutputs {}

/// The token of a package's seeds.
#[must_use]
pub fn token(package: &str) -> String {
    format!("{package}:index:Seed")
}

/// A package's kind of seeds.
#[must_use]
pub fn erased(package: &str) -> Box<dyn DynamicResource> {
    erase_as::<Seed>(token(package))
}

impl CustomResource for Seed {
    const TOKEN: &'static str = "index:Seed";
    const DOC: &'static str =
        "What tells the objects of one component from those of another with the same name.";
    type Inputs = SeedInputs;
    type Outputs = SeedOutputs;
    type Tagging = Untagged;

    async fn create(cx: &Context, _inputs: &SeedInputs) -> Result<Created<Self>> {
        let id = random(10);
        cx.ledger.seed(&id);
        Ok(Created::Known(id, SeedOutputs {}))
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

    /// Nothing else of the component is in the state any more: what still carries the seed was left by an interrupted
    /// run, or was taken out of the state.
    async fn delete(cx: &Context, id: &str, _state: &State<Self>) -> Result<()> {
        let (cx, began) = (&cx.with_seed(id), Instant::now());
        let look = || async {
            let (left, unknown) = cx.orphans.list(cx).await;
            // What was deleted a moment ago may still be shown.
            if left.is_empty() || began.elapsed() > PATIENCE {
                return Ok(Progress::Done((left, unknown)));
            }
            Ok(Progress::Pending(left.join(", ")))
        };
        let (left, unknown) = cx.wait("deleting", look).await?;
        for error in unknown {
            cx.warn(&format!(
                "whether an interrupted run left something is not known: {error}"
            ));
        }
        match left.join(", ") {
            left if left.is_empty() => Ok(()),
            left => Err(Error::failed(format!(
                "could not finish destroying {}: there still is {left}, left by an interrupted run or retained on \
                 delete; run `pulumi up` and then this command again, or remove it by hand; to leave it where it is, run \
                 `pulumi state delete '{}'`",
                cx.identity.name(),
                cx.identity.urn
            ))),
        }
    }
}

/// For how long AWS may show what has gone.
const PATIENCE: Duration = Duration::from_secs(10);
