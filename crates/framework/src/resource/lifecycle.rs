//! The life of any custom resource, over values: check, diff, create, read, update, delete.

use super::{
    CheckScope, Checked, CustomResource, Diffed, DynamicResource, Page, Partial, State,
    creation::{apply, make, not_yet_if_just_made, object_of, read_in_time, read_settled, settle},
    hidden::{
        CLAIM, DEFAULT_TAGS, GENERATION, REGION, add_identity, applied, echo, is_tagged_otherwise,
        name,
    },
    import, listing,
    secrets::{hoist_secrets, mark_secrets, veil},
};
use crate::{
    aws::calls_of,
    context::{Context, Phase, Severity},
    error::{Error, Gone, Result},
    identity::{self, Naming, ProcessLedger},
    props::{
        Props, Table,
        check::{Check, take_out_secrets},
        decode,
        diff::{Change, Kind, changes, project, same, without_defaults},
        encode,
    },
    urn::Urn,
    value::{Properties, Value},
};
use futures::{FutureExt, future::BoxFuture};
use std::{borrow::Cow, marker::PhantomData, time::Duration};

/// A kind of resource for the list of all.
#[must_use]
pub fn erase<R: CustomResource>() -> Box<dyn DynamicResource> {
    erase_as::<R>(R::TOKEN)
}

/// The same under another token than its own.
#[must_use]
pub fn erase_as<R: CustomResource>(
    token: impl Into<Cow<'static, str>>,
) -> Box<dyn DynamicResource> {
    Box::new(Erased::<R> {
        token: token.into(),
        of: PhantomData,
    })
}

struct Erased<R> {
    token: Cow<'static, str>,
    of: PhantomData<fn() -> R>,
}

impl<R: CustomResource> DynamicResource for Erased<R> {
    fn token(&self) -> &str {
        &self.token
    }

    fn doc(&self) -> &'static str {
        R::DOC
    }

    fn actions(&self) -> &'static [&'static str] {
        R::ACTIONS
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
        // The engine keeps what a check returns as it is, and reasons go without what is secret.
        mark_secrets(table, &mut news);
        let mut check = Check::new(table, &news);
        if taggable {
            check.tags(&self.token, scope.default_tags);
        }
        R::check(&mut check);
        let Check {
            mut failures,
            mut warnings,
            ..
        } = check;
        add_identity(scope, olds, &mut news);
        if taggable && !scope.default_tags.is_null() {
            news.insert(DEFAULT_TAGS.to_owned(), scope.default_tags.clone());
        }
        if let Some(naming) = R::NAMING {
            name(naming, scope.urn, olds, &mut news);
        }
        if failures.is_empty()
            && let Err(mut failure) = R::fill_in(scope, &mut news, olds, &mut warnings)
        {
            take_out_secrets(&news, &mut failure.reason);
            failures.push(failure);
        }
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
        let moved = found.iter().any(|c| R::EXCLUSIVE_SLOT.contains(&c.name));
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
            delete_before_replace: replaced
                && (kept_name || !R::EXCLUSIVE_SLOT.is_empty() && !moved),
            remark: remark::<R>(news, olds),
        }
    }

    fn preview_create(&self, inputs: &Properties) -> Properties {
        let known = self.predicted(inputs, None);
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
        let known = self.predicted(inputs, Some(olds));
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
        calls_of(R::TOKEN, async move {
            let typed: R::Inputs = decode(&plain(&inputs)).map_err(Error::from)?;
            let created = make::<R>(cx, &typed).await?;
            let id = created.id().to_owned();
            let claim = identity::random(12);
            cx.ledger.claim(R::TOKEN, &id, &claim);
            match settle::<R>(cx, created, &typed).await {
                Ok(state) => Ok((id, engine_state::<R>(&state, &inputs, Some(claim)))),
                Err(error) => {
                    let read = read_in_time::<R>(cx, &id, Some(&typed))
                        .await
                        .ok()
                        .flatten();
                    let outputs = match read {
                        Some(state) => engine_state::<R>(&state, &inputs, Some(claim)),
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
        })
        .boxed()
    }

    fn find_id<'a>(
        &'a self,
        cx: &'a Context,
        given: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        calls_of(R::TOKEN, async move {
            let found = cx.in_time(
                "reading",
                Box::pin(import::find_id::<R>(cx, &self.token, given)),
            );
            Ok(found.await.gone()?.flatten())
        })
        .boxed()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        inputs: Option<Properties>,
        olds: Properties,
    ) -> BoxFuture<'a, Result<Option<(Properties, Properties)>, Partial>> {
        calls_of(R::TOKEN, async move {
            // An import, or an old state, may lack what decoding needs: read as if nothing were known.
            let known: Option<R::Inputs> = inputs.as_ref().and_then(|i| decode(&plain(i)).ok());
            let Some(state) = read_in_time::<R>(cx, id, known.as_ref()).await? else {
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
            let properties = engine_state::<R>(&state, &projected, claim);
            match R::unhealthy(&state) {
                None => Ok(Some((properties, projected))),
                Some(why) => Err(Partial {
                    error: Error::failed(format!("{id} {why}")),
                    state: Some((id.to_owned(), properties, projected)),
                }),
            }
        })
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
        calls_of(R::TOKEN, async move {
            let claim = olds.get(CLAIM).and_then(Value::as_str).map(str::to_owned);
            let new: R::Inputs = decode(&plain(&inputs)).map_err(Error::from)?;
            let had = applied::<R>(&old_inputs, &olds);
            let mut known = had.clone();
            for (key, value) in known.iter_mut().filter(|(_, value)| value.is_unknown()) {
                value.clone_from(old_inputs.get(key).unwrap_or(&Value::Null));
            }
            // Another version of the provider may have written them.
            let known: Option<R::Inputs> = decode(&plain(&known)).ok();
            let Some(old) = read_in_time::<R>(cx, id, known.as_ref()).await? else {
                return Err(Error::failed(format!(
                    "could not update {}: {id} is gone; run `pulumi refresh`, then `pulumi up`",
                    cx.identity.name()
                ))
                .into());
            };
            let result = async {
                cx.retry("updating", Phase::Update, async || {
                    let applied = apply::<R>(cx, id, &new, Some(&old)).await;
                    applied.map_err(|error| not_yet_if_just_made::<R>(cx, &new, error))
                })
                .await?;
                R::ready(cx, id).await?;
                read_settled::<R>(cx, id, &new).await
            };
            let error = match result.await {
                Ok(state) => return Ok(engine_state::<R>(&state, &inputs, claim)),
                Err(error) => error,
            };
            let Some(now) = read_in_time::<R>(cx, id, known.as_ref())
                .await
                .ok()
                .flatten()
            else {
                return Err(error.into());
            };
            let now = engine_state::<R>(&now, &had, claim.clone());
            // Where nothing was applied the engine keeps the old inputs. What no read tells may have been.
            let untold = changes(R::Inputs::table(), &had, &inputs)
                .iter()
                .any(|c| is_write_only::<R>(c.name));
            if !untold && now == engine_state::<R>(&old, &had, claim) {
                return Err(error.into());
            }
            Err(Partial {
                error,
                state: Some((id.to_owned(), now, inputs)),
            })
        })
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Context,
        id: &'a str,
        olds: Properties,
    ) -> BoxFuture<'a, Result<()>> {
        calls_of(R::TOKEN, async move {
            if cx
                .ledger
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
                    match read_in_time::<R>(cx, id, known.as_ref()).await? {
                        Some(state) => state,
                        None => return Ok(()),
                    }
                }
            };
            cx.retry("deleting", Phase::Delete, || R::delete(cx, id, &state))
                .await
                .gone()?;
            cx.ledger.gone(R::TOKEN, id);
            Ok(())
        })
        .boxed()
    }

    fn is_importable(&self) -> bool {
        R::IDS.is_some()
    }

    fn list<'a>(&'a self, cx: &'a Context, token: Option<String>) -> BoxFuture<'a, Result<Page>> {
        calls_of(R::TOKEN, listing::page::<R>(cx, &[], token)).boxed()
    }

    fn list_orphans<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<String>>> {
        calls_of(R::TOKEN, listing::orphans::<R>(cx)).boxed()
    }

    fn live(&self, ledger: &ProcessLedger, urn: &Urn, outputs: &Properties) {
        if let Some(generation) = outputs.get(GENERATION).and_then(Value::as_str) {
            ledger.generation(urn, generation);
        }
        if let Some(object) = object_of(outputs, R::Outputs::table()) {
            ledger.holder(R::TOKEN, &object, urn);
        }
    }
}

fn remark<R: CustomResource>(news: &Properties, olds: &Properties) -> Option<(Severity, String)> {
    let (inputs, outputs) = (decode(&plain(news)).ok()?, decode(&plain(olds)).ok()?);
    R::remark(&inputs, &outputs)
}

impl<R: CustomResource> Erased<R> {
    fn predicted(&self, inputs: &Properties, olds: Option<&Properties>) -> Properties {
        let Ok(typed) = decode(&plain(inputs)) else {
            return Properties::new();
        };
        let old = olds.and_then(|olds| decode::<R::Outputs>(&plain(olds)).ok());
        R::predict_outputs(&typed, old.as_ref())
    }
}

/// Whether no read tells the property: what AWS keeps to itself is secret, or echoed by nobody.
fn is_write_only<R: CustomResource>(name: &str) -> bool {
    let field = R::Inputs::table().field(name);
    field.is_some_and(|field| field.secret || field.input_only)
}

/// The properties that the engine keeps: what was read, in the user's words, with the user's secrets.
fn engine_state<R: CustomResource>(
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
