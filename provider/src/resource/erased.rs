//! The life of any custom resource, over values: check, diff, create, read, update, delete.

use super::{
    CheckScope, Checked, Created, CustomResource, Diffed, Dynamic, Partial, State,
    hidden::{
        CLAIM, DEFAULT_TAGS, GENERATION, REGION, applied, identify, is_tagged_otherwise, name,
    },
    import,
    secrets::{hoist_secrets, mark_secrets, veil},
};
use crate::{
    context::{Context, Phase, Progress, Severity},
    error::{Error, Gone, Result},
    identity::{self, Naming, Seen},
    props::{
        Props, Table,
        check::Check,
        decode,
        diff::{Change, Kind, changes, differences, project, same, without_defaults},
        encode,
    },
    value::{Properties, Value},
};
use futures::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};
use std::{
    marker::PhantomData,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How far a read may be behind a write.
const STALE: Duration = Duration::from_secs(10);

/// A kind of resource for the list of all.
#[must_use]
pub fn erase<R: CustomResource>() -> Box<dyn Dynamic> {
    Box::new(Erased::<R>(PhantomData))
}

struct Erased<R>(PhantomData<fn() -> R>);

impl<R: CustomResource> Dynamic for Erased<R> {
    fn token(&self) -> &'static str {
        R::TOKEN
    }

    fn doc(&self) -> &'static str {
        R::DOC
    }

    fn tables(&self) -> (&'static Table, &'static Table) {
        (R::Inputs::table(), R::Outputs::table())
    }

    fn timeout(&self) -> Duration {
        R::TIMEOUT
    }

    fn check(&self, scope: &CheckScope<'_>, olds: &Properties, mut news: Properties) -> Checked {
        let table = R::Inputs::table();
        let taggable = table.field("tags").is_some();
        let mut check = Check::new(table, &news);
        if taggable {
            check.tags(scope.default_tags);
        }
        R::check(&mut check);
        let Check {
            mut failures,
            mut warnings,
            ..
        } = check;
        identify(scope, olds, &mut news);
        if taggable && !scope.default_tags.is_null() {
            news.insert(DEFAULT_TAGS.to_owned(), scope.default_tags.clone());
        }
        if let Some(naming) = R::NAMING {
            name(naming, scope.urn, olds, &mut news);
        }
        if failures.is_empty()
            && let Err(failure) = R::complete(scope, &mut news, olds, &mut warnings)
        {
            failures.push(failure);
        }
        // The engine keeps what a check returns as it is.
        mark_secrets(table, &mut news);
        Checked {
            inputs: news,
            failures,
            warnings,
        }
    }

    fn diff(
        &self,
        old_inputs: &Properties,
        olds: &Properties,
        news: &Properties,
        ignore: &[String],
    ) -> Diffed {
        let old = applied::<R>(old_inputs, olds);
        let mut found = changes(R::Inputs::table(), &old, news);
        if !found.iter().any(|c| c.name == "tags") && is_tagged_otherwise::<R>(&old, news) {
            found.push(Change {
                name: "tags",
                path: "tags".to_owned(),
                kind: Kind::Update,
                replace: false,
            });
        }
        found.retain(|c| !ignore.iter().any(|path| covers(path, &c.path)));
        // To give what AWS has already, unasked, changes nothing.
        let is_there = |c: &Change| {
            let field = R::Outputs::table().field(c.name);
            let values = (olds.get(c.name), news.get(c.name));
            matches!((field, values), (Some(f), (Some(a), Some(b))) if same(&f.ty, a, b))
        };
        found.retain(|c| c.kind != Kind::Add || !is_there(c));
        let region = |p: &Properties| p.get(REGION).and_then(Value::as_str).map(str::to_owned);
        if let (Some(old), Some(new)) = (region(&old), region(news))
            && old != new
        {
            found.push(Change {
                name: REGION,
                path: REGION.to_owned(),
                kind: Kind::Update,
                replace: true,
            });
        }
        let replaced = found.iter().any(|c| c.replace);
        let moved = found.iter().any(|c| R::PLACE.contains(&c.name));
        let kept_name = R::NAMING.is_some_and(|naming| {
            let name = |p: &Properties| p.get(naming.field).map(Value::plain);
            let generation = old_inputs
                .get(GENERATION)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let ours = name(news)
                .is_some_and(|n| n.as_str().is_some_and(|n| Naming::is_ours(n, generation)));
            !ours && name(old_inputs) == name(news)
        });
        Diffed {
            changes: found,
            delete_before_replace: replaced && (kept_name || !R::PLACE.is_empty() && !moved),
            remark: remark::<R>(news, olds),
        }
    }

    fn preview_create(&self, inputs: &Properties) -> Properties {
        let known = self.foreseen(inputs, None);
        let unknown = R::Outputs::table().fields.iter().map(|f| {
            let value = inputs.get(f.name).or_else(|| known.get(f.name)).cloned();
            (f.name.to_owned(), value.unwrap_or(Value::Unknown))
        });
        let mut all = echo::<R>(inputs);
        all.extend(unknown);
        hoist_secrets(&mut all);
        all
    }

    fn preview_update(
        &self,
        old_inputs: &Properties,
        olds: &Properties,
        inputs: &Properties,
    ) -> Properties {
        let changed = self.diff(old_inputs, olds, inputs, &[]).changes;
        let known = self.foreseen(inputs, Some(olds));
        let mut all = echo::<R>(inputs);
        for field in &R::Outputs::table().fields {
            let follows = field
                .follows
                .iter()
                .any(|input| changed.iter().any(|c| c.name == *input));
            let value = match known.get(field.name) {
                Some(value) => value.clone(),
                None if follows => Value::Unknown,
                None => match inputs.get(field.name).or_else(|| olds.get(field.name)) {
                    Some(value) => value.clone(),
                    // A property that an older version of the provider did not have.
                    None => continue,
                },
            };
            all.insert(field.name.to_owned(), value);
        }
        all.extend(
            olds.get(CLAIM)
                .map(|claim| (CLAIM.to_owned(), claim.clone())),
        );
        hoist_secrets(&mut all);
        all
    }

    fn create<'a>(
        &'a self,
        cx: &'a Context,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<(String, Properties), Partial>> {
        async move {
            let typed: R::Inputs = decode(&plain(&inputs)).map_err(Error::from)?;
            let created = self.make(cx, &typed).await?;
            let id = created.id().to_owned();
            let claim = identity::random(12);
            cx.seen.claim(R::TOKEN, &id, &claim);
            match self.settle(cx, created, &typed).await {
                Ok(state) => Ok((id, remember::<R>(&state, &inputs, Some(claim)))),
                Err(error) => {
                    let read = look::<R>(cx, &id, Some(&typed)).await.ok().flatten();
                    let outputs = match read {
                        Some(state) => remember::<R>(&state, &inputs, Some(claim)),
                        None => {
                            let mut echoed = echo::<R>(&inputs);
                            echoed.insert(CLAIM.to_owned(), claim.into());
                            echoed
                        }
                    };
                    Err(Partial {
                        error,
                        state: Some((id, outputs, inputs)),
                    })
                }
            }
        }
        .boxed()
    }

    fn identify<'a>(
        &'a self,
        cx: &'a Context,
        given: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        async move {
            let found = cx.in_time("reading", Box::pin(import::identify::<R>(cx, given)));
            Ok(found.await.gone()?.flatten())
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        inputs: Option<Properties>,
        olds: Properties,
    ) -> BoxFuture<'a, Result<Option<(Properties, Properties)>, Partial>> {
        async move {
            // An import, or an old state, may lack what decoding needs: read as if nothing were known.
            let known: Option<R::Inputs> = inputs.as_ref().and_then(|i| decode(&plain(i)).ok());
            let Some(state) = look::<R>(cx, id, known.as_ref()).await? else {
                return Ok(None);
            };
            let table = R::Inputs::table();
            let read = encode(&state.inputs);
            let mut projected = match &inputs {
                Some(user) if !user.is_empty() => project(table, &read, user),
                _ => without_defaults(table, &read),
            };
            veil(&mut projected, inputs.as_ref());
            projected
                .entry(REGION.to_owned())
                .or_insert_with(|| cx.aws.region().into());
            let claim = olds.get(CLAIM).and_then(Value::as_str).map(str::to_owned);
            let properties = remember::<R>(&state, &projected, claim);
            match R::unhealthy(&state.outputs) {
                None => Ok(Some((properties, projected))),
                Some(why) => Err(Partial {
                    error: Error::failed(format!("{id} {why}; run `pulumi up` to wait for it")),
                    state: Some((id.to_owned(), properties, projected)),
                }),
            }
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        old_inputs: Properties,
        olds: Properties,
        inputs: Properties,
    ) -> BoxFuture<'a, Result<Properties, Partial>> {
        async move {
            let claim = olds.get(CLAIM).and_then(Value::as_str).map(str::to_owned);
            let new: R::Inputs = decode(&plain(&inputs)).map_err(Error::from)?;
            let had = applied::<R>(&old_inputs, &olds);
            let known: R::Inputs = decode(&plain(&had)).map_err(Error::from)?;
            let Some(old) = look::<R>(cx, id, Some(&known)).await? else {
                return Err(Error::failed(format!(
                    "could not update {}: {id} is gone; run `pulumi refresh`, then `pulumi up`",
                    cx.identity.name()
                ))
                .into());
            };
            let result = async {
                cx.retry("updating", Phase::Update, || {
                    R::apply(cx, id, &new, Some(&old))
                })
                .await?;
                R::ready(cx, id).await?;
                self.read_settled(cx, id, &new).await
            };
            let error = match result.await {
                Ok(state) => return Ok(remember::<R>(&state, &inputs, claim)),
                Err(error) => error,
            };
            let Some(now) = look::<R>(cx, id, Some(&known)).await.ok().flatten() else {
                return Err(error.into());
            };
            let now = remember::<R>(&now, &had, claim.clone());
            // Where nothing was applied the engine keeps the old inputs. What no read tells may have been.
            let untold = changes(R::Inputs::table(), &had, &inputs)
                .iter()
                .any(|c| is_untold::<R>(c.name));
            if !untold && now == remember::<R>(&old, &had, claim) {
                return Err(error.into());
            }
            Err(Partial {
                error,
                state: Some((id.to_owned(), now, inputs)),
            })
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        olds: Properties,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            if cx
                .seen
                .is_superseded(R::TOKEN, id, olds.get(CLAIM).and_then(Value::as_str))
            {
                let message =
                    format!("{id} was taken over by a newer create of this resource and is kept");
                cx.warn(&message);
                return Ok(());
            }
            let plain = plain(&olds);
            // What a create that failed early left in the state, or another version did, may lack outputs: ask AWS.
            let state = match (decode(&plain), decode(&plain)) {
                (Ok(inputs), Ok(outputs)) => State::<R> { inputs, outputs },
                (inputs, _) => {
                    let known: Option<R::Inputs> = inputs.ok();
                    match look::<R>(cx, id, known.as_ref()).await? {
                        Some(state) => state,
                        None => return Ok(()),
                    }
                }
            };
            cx.retry("deleting", Phase::Delete, || R::delete(cx, id, &state))
                .await
                .gone()?;
            cx.seen.gone(R::TOKEN, id);
            Ok(())
        }
        .boxed()
    }

    fn left<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            let found = R::left(cx).await?;
            // Lists of AWS show for a while what has gone, and SQS's reads do so too.
            let found = found
                .into_iter()
                .filter(|id| !cx.seen.is_gone(R::TOKEN, id));
            let looks = found.map(|id| async move {
                let read = look::<R>(cx, &id, None).await?;
                Ok::<_, Error>(read.map(|_| id))
            });
            let there = try_join_all(looks).await?;
            Ok(there.into_iter().flatten().collect())
        }
        .boxed()
    }

    fn live(&self, seen: &Seen, urn: &str, outputs: &Properties) {
        if let Some(generation) = outputs.get(GENERATION).and_then(Value::as_str) {
            seen.generation(urn, generation);
        }
        if let Some(object) = object_of(outputs, R::Outputs::table()) {
            seen.holder(R::TOKEN, &object, urn);
        }
    }
}

fn remark<R: CustomResource>(news: &Properties, olds: &Properties) -> Option<(Severity, String)> {
    let (inputs, outputs) = (decode(&plain(news)).ok()?, decode(&plain(olds)).ok()?);
    R::remark(&inputs, &outputs)
}

impl<R: CustomResource> Erased<R> {
    fn foreseen(&self, inputs: &Properties, olds: Option<&Properties>) -> Properties {
        let Ok(typed) = decode(&plain(inputs)) else {
            return Properties::new();
        };
        let old = olds.and_then(|olds| decode::<R::Outputs>(&plain(olds)).ok());
        R::foresee(&typed, old.as_ref())
    }

    /// Makes the object, or takes over what an interrupted create left. What differs in what cannot be changed is made
    /// again, unless it holds data.
    async fn make(&self, cx: &Context, inputs: &R::Inputs) -> Result<Created<R>> {
        let mut again = false;
        loop {
            let create = async || {
                let made = R::create(cx, inputs).await;
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
            let found = self.read_back(cx, id, inputs).await?;
            refuse_held::<R>(cx, id, &found)?;
            let different = replacements::<R>(&found, inputs).join(", ");
            if different.is_empty() {
                return Ok(created);
            }
            if R::DATA || again {
                return Err(Error::failed(format!(
                    "could not create {}: an interrupted run left {id}, which differs in {different}, and that cannot \
                     be changed; remove it, or take the change back, and run `pulumi up` again",
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

    /// Takes an object from made to ready, and to what the engine keeps of it.
    async fn settle(
        &self,
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
                (Some(self.read_back(cx, &id, inputs).await?), None)
            }
        };
        let phase = match old {
            Some(_) => Phase::Update,
            None => Phase::Settle,
        };
        cx.retry("configuring", phase, || {
            R::apply(cx, &id, inputs, old.as_ref())
        })
        .await?;
        let seen = R::ready(cx, &id).await?;
        match seen.or(outputs).filter(|_| old.is_none()) {
            // A new object is as the inputs say.
            Some(outputs) => Ok(State {
                inputs: inputs.clone(),
                outputs,
            }),
            None => self.read_settled(cx, &id, inputs).await,
        }
    }

    /// Reads until AWS shows what was just set: some of its reads are behind its writes.
    async fn read_settled(&self, cx: &Context, id: &str, inputs: &R::Inputs) -> Result<State<R>> {
        let began = Instant::now();
        let look = || async {
            let state = self.read_back(cx, id, inputs).await?;
            let settled = differences(&state.inputs, inputs).is_empty();
            Ok(match settled || began.elapsed() > STALE {
                true => Progress::Done(state),
                false => Progress::Pending("AWS does not show the change yet".to_owned()),
            })
        };
        cx.wait("reading", look).await
    }

    /// Reads what was just made; AWS may need a moment to show it.
    async fn read_back(&self, cx: &Context, id: &str, inputs: &R::Inputs) -> Result<State<R>> {
        let look = || async {
            match look::<R>(cx, id, Some(inputs)).await? {
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
}

/// The object as AWS has it, `None` when it is gone, unless AWS does not answer in time.
async fn look<R: CustomResource>(
    cx: &Context,
    id: &str,
    known: Option<&R::Inputs>,
) -> Result<Option<State<R>>> {
    let read = cx.in_time("reading", Box::pin(R::read(cx, id, known)));
    Ok(read.await.gone()?.flatten())
}

/// An object that another resource of the stack has, because it was imported or renamed, is not taken over.
fn refuse_held<R: CustomResource>(cx: &Context, id: &str, found: &State<R>) -> Result<()> {
    let urn = &cx.identity.urn;
    let object = object_of(&encode(&found.outputs), R::Outputs::table());
    match object.and_then(|object| cx.seen.other_holder(R::TOKEN, &object, urn)) {
        Some(holder) => Err(Error::failed(format!(
            "could not create {}: {id} was made for it, but {holder} has it in this stack's state; remove one of the \
             two from the program, or run `pulumi state delete` for the one that is wrong",
            cx.identity.name()
        ))),
        None => Ok(()),
    }
}

/// What AWS knows an object by: its ARN, or else the output that comes first.
fn object_of(outputs: &Properties, table: &Table) -> Option<String> {
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

/// Whether no read tells the property: what AWS keeps to itself is secret, or echoed by nobody.
fn is_untold<R: CustomResource>(name: &str) -> bool {
    let field = R::Inputs::table().field(name);
    field.is_some_and(|field| field.secret || field.input_only)
}

/// The inputs as outputs.
fn echo<R: CustomResource>(inputs: &Properties) -> Properties {
    let table = R::Inputs::table();
    inputs
        .iter()
        .filter(|(k, _)| k.starts_with("__") || table.field(k).is_some_and(|f| !f.input_only))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// The properties that the engine keeps: what was read, in the user's words, with the user's secrets.
fn remember<R: CustomResource>(
    state: &State<R>,
    inputs: &Properties,
    claim: Option<String>,
) -> Properties {
    let read = encode(&state.inputs);
    let mut all = echo::<R>(&project(R::Inputs::table(), &read, inputs));
    all.extend(encode(&state.outputs));
    mark_secrets(R::Inputs::table(), &mut all);
    mark_secrets(R::Outputs::table(), &mut all);
    all.extend(claim.map(|claim| (CLAIM.to_owned(), claim.into())));
    hoist_secrets(&mut all);
    all
}

fn plain(properties: &Properties) -> Properties {
    properties
        .iter()
        .map(|(k, v)| (k.clone(), v.plain()))
        .collect()
}

/// Whether `ignoreChanges`' path names the changed one or something that holds it.
fn covers(ignored: &str, changed: &str) -> bool {
    let rest = changed.strip_prefix(ignored);
    ignored == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
