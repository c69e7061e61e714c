//! How an object is made, or taken over, and read until AWS shows what was set.

use super::{Created, CustomResource, State, Tagged, Tagging};
use crate::{
    aws::Class,
    context::{Context, Phase, Progress},
    error::{Error, Gone, Result},
    props::{Props, Table, diff::differences, encode},
    value::{Properties, Value},
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How far a read may be behind a write.
const STALE: Duration = Duration::from_secs(10);

/// Makes the object, or takes over what an interrupted create left. What differs in what cannot be changed is made
/// again, unless it holds data.
pub(super) async fn make<R: CustomResource>(
    cx: &Context,
    inputs: &R::Inputs,
) -> Result<Created<R>> {
    let mut again = false;
    loop {
        let create = async || {
            let made = R::create(cx, inputs).await;
            let made = made.map_err(|error| not_yet_if_just_made::<R>(cx, inputs, error));
            cx.memory.first.store(false, Ordering::Relaxed);
            made
        };
        let created = cx.retry("creating", Phase::Create, create).await?;
        let Created::Adopted(id) = &created else {
            return Ok(created);
        };
        if R::DATA {
            R::ready(cx, id).await?;
        }
        let found = read_back::<R>(cx, id, inputs).await?;
        refuse_held::<R>(cx, id, &found)?;
        let different = replacements::<R>(&found, inputs).join(", ");
        if different.is_empty() {
            return Ok(created);
        }
        if R::DATA || again {
            return Err(Error::failed(format!(
                "could not create {}: an interrupted run left {id}, which differs in {different}, which cannot be changed; delete it, or undo the change, and run `pulumi up` again",
                cx.identity.name()
            )));
        }
        cx.say(&format!(
            "{id}, which an interrupted run left, differs in {different}: it is made again"
        ));
        cx.retry("deleting", Phase::Delete, || R::delete(cx, id, &found))
            .await
            .gone()?;
        again = true;
    }
}

/// What this process has made is there, and it takes AWS up to minutes to know; another id may just be wrong. An error
/// that names none is about all of them.
pub(super) fn not_yet_if_just_made<R: CustomResource>(
    cx: &Context,
    inputs: &R::Inputs,
    error: Error,
) -> Error {
    let Error::Aws(mut error) = error else {
        return error;
    };
    if error.class == Class::NotFound {
        let given = Value::Object(encode(inputs)).texts();
        let named = |text: &&String| text.len() > 4 && error.message.contains(text.as_str());
        let named: Vec<_> = given.iter().filter(named).collect();
        let about = match named.is_empty() {
            true => given.iter().collect(),
            false => named,
        };
        if about.into_iter().any(|text| cx.ledger.has_made_in(text)) {
            error.class = Class::NotYet;
        }
    }
    Error::Aws(error)
}

/// Takes an object from made to ready, and to what the engine keeps of it.
pub(super) async fn settle<R: CustomResource>(
    cx: &Context,
    created: Created<R>,
    inputs: &R::Inputs,
) -> Result<State<R>> {
    let id = created.id().to_owned();
    let (old, outputs) = match created {
        Created::New(_) => (None, None),
        Created::Known(_, outputs) => (None, Some(outputs)),
        Created::Adopted(_) => {
            R::ready(cx, &id).await?;
            (Some(read_back::<R>(cx, &id, inputs).await?), None)
        }
    };
    let phase = match old {
        Some(_) => Phase::Update,
        None => Phase::Settle,
    };
    cx.retry("configuring", phase, || {
        apply::<R>(cx, &id, inputs, old.as_ref())
    })
    .await?;
    let seen = R::ready(cx, &id).await?;
    match seen.or(outputs).filter(|_| old.is_none()) {
        // A new object is as the inputs say.
        Some(outputs) => Ok(State {
            inputs: inputs.clone(),
            outputs,
        }),
        None => read_settled::<R>(cx, &id, inputs).await,
    }
}

/// Gives the object the settings of `new`, and its tags where a create has not set them.
pub(super) async fn apply<R: CustomResource>(
    cx: &Context,
    id: &str,
    new: &R::Inputs,
    old: Option<&State<R>>,
) -> Result<()> {
    R::apply(cx, id, new, old).await?;
    let taggable = R::Inputs::table().field("tags").is_some();
    let Some(old) = old.filter(|_| taggable) else {
        return Ok(());
    };
    let (set, removed) = cx.tag_changes(old.inputs.tags(), new.tags());
    if set.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let outputs = encode(&old.outputs);
    let arn = outputs.get("arn").and_then(Value::as_str);
    let object = Tagged {
        id,
        arn: arn.unwrap_or_default(),
    };
    R::Tagging::change(cx, object, set, removed).await
}

/// Reads until AWS shows what was just set: some of its reads are behind its writes.
pub(super) async fn read_settled<R: CustomResource>(
    cx: &Context,
    id: &str,
    inputs: &R::Inputs,
) -> Result<State<R>> {
    let began = Instant::now();
    let look = || async {
        let state = read_back::<R>(cx, id, inputs).await?;
        let settled = differences(&state.inputs, inputs).is_empty();
        Ok(match settled || began.elapsed() > STALE {
            true => Progress::Done(state),
            false => Progress::Pending("AWS does not show the change yet".to_owned()),
        })
    };
    cx.wait("reading", look).await
}

/// Reads what was just made; AWS may need a moment to show it.
async fn read_back<R: CustomResource>(
    cx: &Context,
    id: &str,
    inputs: &R::Inputs,
) -> Result<State<R>> {
    let look = || async {
        match read_in_time::<R>(cx, id, Some(inputs)).await? {
            Some(state) => Ok(state),
            None => Err(crate::aws::Error::not_yet(
                format!("read {id}"),
                "it was made, but AWS does not show it",
            )
            .into()),
        }
    };
    cx.retry("reading", Phase::Create, look).await
}

/// The object as AWS has it, `None` when it is gone, unless AWS does not answer in time.
pub(super) async fn read_in_time<R: CustomResource>(
    cx: &Context,
    id: &str,
    known: Option<&R::Inputs>,
) -> Result<Option<State<R>>> {
    let read = cx.in_time("reading", Box::pin(R::read(cx, id, known)));
    let mut read = read.await.gone()?.flatten();
    if let Some(state) = &mut read {
        let all = state.inputs.tags().cloned().unwrap_or_default();
        let own = known.and_then(Props::tags);
        state.inputs.set_tags(cx.user_tags(&all, own));
    }
    Ok(read)
}

/// An object that another resource of the stack has, because it was imported or renamed, is not taken over.
fn refuse_held<R: CustomResource>(cx: &Context, id: &str, found: &State<R>) -> Result<()> {
    let urn = &cx.identity.urn;
    let object = object_of(&encode(&found.outputs), R::Outputs::table());
    match object.and_then(|object| cx.ledger.other_holder(R::TOKEN, &object, urn)) {
        Some(holder) => Err(Error::failed(format!(
            "could not create {}: {id} was made for it, but {holder} has it in this stack's state; remove one of the \
             two from the program, or run `pulumi state delete` for the one that is wrong",
            cx.identity.name()
        ))),
        None => Ok(()),
    }
}

/// What AWS knows an object by: its ARN, or else the output that comes first.
pub(super) fn object_of(outputs: &Properties, table: &Table) -> Option<String> {
    let first = table.fields.first().map(|f| f.name);
    let name = ["arn"].into_iter().chain(first);
    name.filter_map(|name| outputs.get(name)?.as_str().map(str::to_owned))
        .next()
}

/// In what an object differs from the inputs that cannot be changed.
fn replacements<R: CustomResource>(found: &State<R>, inputs: &R::Inputs) -> Vec<String> {
    let all = differences(&found.inputs, inputs).into_iter();
    all.filter(|c| c.replace).map(|c| c.path).collect()
}
