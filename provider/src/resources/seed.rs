//! `dbt-aws:index:Seed`: what tells the objects of one component from those of another with the same name.

use crate::{identity::random, prelude::*, urn};
use futures::future::join_all;
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

impl CustomResource for Seed {
    const TOKEN: &'static str = "dbt-aws:index:Seed";
    const DOC: &'static str =
        "What tells the objects of one component from those of another with the same name.";
    type Inputs = SeedInputs;
    type Outputs = SeedOutputs;

    async fn create(cx: &Context, _inputs: &SeedInputs) -> Result<Created<Self>> {
        let id = random(10);
        cx.seen.seed(&id);
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
            let (left, unknown) = left(cx).await;
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

/// What carries the seed, of the kinds that the component in the URN is made of, and why that is not known of others.
async fn left(cx: &Context) -> (Vec<String>, Vec<Error>) {
    let types = urn::parts(&cx.identity.urn).types;
    let components = crate::components::all();
    let component = components
        .iter()
        .find(|c| types.split('$').any(|token| token == c.token()));
    let kinds = component.map(|c| c.kinds()).unwrap_or_default();
    let resources = crate::resources::all();
    let looks = resources
        .iter()
        .filter(|r| kinds.contains(&r.token()))
        .map(|resource| async {
            let kind = resource.token().trim_start_matches("dbt-aws:");
            let ids = resource.left(cx).await?;
            Ok::<_, Error>(
                ids.iter()
                    .map(|id| format!("{kind} {id}"))
                    .collect::<Vec<_>>(),
            )
        });
    let (mut left, mut unknown) = (Vec::new(), Vec::new());
    for found in join_all(looks).await {
        match found {
            Ok(ids) => left.extend(ids),
            Err(error) => unknown.push(error),
        }
    }
    (left, unknown)
}
