//! The life of a resource, on one that lives in memory.

use super::*;
use crate::{
    aws::{self, Class},
    context::{Context, Log, Severity, Tags},
    identity::{Identity, Seen},
    prelude::State,
    props::Props,
    value::Value,
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Instant,
};

/// What AWS would have, by id; and what the next call fails with.
#[derive(Default)]
struct Cloud {
    shelves: BTreeMap<String, (ShelfInputs, u32)>,
    fail: Option<(&'static str, Class)>,
    /// Whether a create's answer, or the wait for it, tells the outputs.
    answers: bool,
    waits: bool,
    reads: usize,
    /// Whether each attempt to create was a first one.
    firsts: Vec<bool>,
}

static CLOUD: LazyLock<Mutex<BTreeMap<String, Cloud>>> = LazyLock::new(Mutex::default);

fn cloud<T>(cx: &Context, f: impl FnOnce(&mut Cloud) -> T) -> T {
    f(CLOUD
        .lock()
        .expect("not poisoned")
        .entry(cx.identity.seed.clone())
        .or_default())
}

fn failing(cx: &Context, step: &'static str) -> Result<()> {
    let class = cloud(cx, |c| c.fail.take_if(|(at, _)| *at == step));
    let Some((operation, class)) = class else {
        return Ok(());
    };
    Err(aws::Error::new(class, operation, "no").into())
}

/// A shelf, one with `DATA` holds some.
struct Shelf<const DATA: bool = false>;

/// A shelf.
#[derive(Clone, Debug, Props)]
struct ShelfInputs {
    /// The name.
    #[prop(replace)]
    name: Option<String>,
    /// How deep it is.
    #[prop(replace)]
    depth: Option<i64>,
    /// How wide it is.
    width: i64,
    /// A password.
    password: Option<String>,
    /// Tags.
    tags: Option<Tags>,
}

/// A shelf's rest.
#[derive(Clone, Debug, Props)]
struct ShelfOutputs {
    /// The ARN.
    arn: String,
    /// Counts changes.
    #[prop(follows(width))]
    revision: i64,
}

impl<const DATA: bool> CustomResource for Shelf<DATA> {
    const DATA: bool = DATA;
    const TOKEN: &'static str = "dbt-aws:test:Shelf";
    const DOC: &'static str = "A shelf.";
    const NAMING: Option<Naming> = Some(Naming {
        field: "name",
        longest: 40,
        others: "-",
        lower: true,
    });
    type Inputs = ShelfInputs;
    type Outputs = ShelfOutputs;

    async fn create(cx: &Context, inputs: &ShelfInputs) -> Result<Created<Self>> {
        cloud(cx, |c| c.firsts.push(cx.is_first()));
        failing(cx, "create")?;
        let id = inputs.name.clone().unwrap_or_default();
        Ok(cloud(cx, |c| match c.shelves.contains_key(&id) {
            true => Created::Adopted(id),
            false => {
                c.shelves.insert(id.clone(), (inputs.clone(), 1));
                match c.answers {
                    true => Created::Known(id.clone(), outputs(&id, 1)),
                    false => Created::New(id),
                }
            }
        }))
    }

    async fn apply(
        cx: &Context,
        id: &str,
        new: &ShelfInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        if old.is_none_or(|old| old.inputs.width == new.width) {
            return failing(cx, "apply");
        }
        cloud(cx, |c| {
            let shelf = c.shelves.get_mut(id).expect("is there");
            *shelf = (
                ShelfInputs {
                    tags: shelf.0.tags.clone(),
                    ..new.clone()
                },
                shelf.1 + 1,
            );
        });
        failing(cx, "apply")
    }

    async fn ready(cx: &Context, id: &str) -> Result<Option<ShelfOutputs>> {
        Ok(cloud(cx, |c| {
            c.waits.then(|| outputs(id, c.shelves[id].1.into()))
        }))
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&ShelfInputs>,
    ) -> Result<Option<State<Self>>> {
        cloud(cx, |c| c.reads += 1);
        Ok(
            cloud(cx, |c| c.shelves.get(id).cloned()).map(|(inputs, revision)| State {
                inputs: ShelfInputs {
                    password: known.and_then(|k| k.password.clone()),
                    ..inputs
                },
                outputs: outputs(id, revision.into()),
            }),
        )
    }

    fn unhealthy(outputs: &ShelfOutputs) -> Option<String> {
        (outputs.revision == 0).then(|| "is being mounted".to_owned())
    }

    async fn delete(cx: &Context, id: &str, _: &State<Self>) -> Result<()> {
        failing(cx, "delete")?;
        cloud(cx, |c| c.shelves.remove(id));
        Ok(())
    }
}

fn outputs(id: &str, revision: i64) -> ShelfOutputs {
    ShelfOutputs {
        arn: format!("arn:{id}"),
        revision,
    }
}

struct Silent;

impl Log for Silent {
    fn log(&self, _: &str, _: Severity, _: &str, _: bool) {}
}

const URN: &str = "urn:pulumi:dev::shop::dbt-aws:test:Shelf::wide";

/// A stack of its own for each test.
struct Stack {
    shelf: Box<dyn Dynamic>,
    seed: String,
    seen: Arc<Seen>,
    default_tags: Tags,
}

impl Stack {
    fn new(seed: &str) -> Self {
        Self {
            shelf: erase::<Shelf<false>>(),
            seed: seed.to_owned(),
            seen: Arc::default(),
            default_tags: Tags::new(),
        }
    }

    fn check(&self, olds: &Properties, news: serde_json::Value) -> Properties {
        let scope = CheckScope {
            urn: URN,
            provider_id: Some(&self.seed),
            region: "eu-west-1",
            seen: &self.seen,
            default_tags: &self.default_tags,
        };
        let Checked {
            inputs, failures, ..
        } = self
            .shelf
            .check(&scope, olds, Value::from_json(&news).into_properties());
        assert!(failures.is_empty(), "{failures:?}");
        inputs
    }

    fn context(&self, inputs: &Properties) -> Context {
        let text = |key| {
            inputs
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Context {
            aws: Arc::new(aws::Clients::offline("eu-west-1")),
            account: Arc::new(aws::Aws::new(
                aws::Configuration::default(),
                "eu-west-1".into(),
            )),
            identity: Identity {
                urn: URN.into(),
                seed: self.seed.clone(),
                generation: text(GENERATION),
            },
            log: Arc::new(Silent),
            cancel: Default::default(),
            started: Instant::now(),
            timeout: Duration::from_secs(60),
            default_tags: self.default_tags.clone(),
            seen: self.seen.clone(),
            alone: false,
            memory: Default::default(),
        }
    }

    async fn create(&self, inputs: &Properties) -> Result<(String, Properties), Partial> {
        self.shelf
            .create(&self.context(inputs), inputs.clone())
            .await
    }

    fn fail_next(&self, inputs: &Properties, step: &'static str, class: Class) {
        cloud(&self.context(inputs), |c| c.fail = Some((step, class)));
    }

    fn count(&self) -> usize {
        cloud(&self.context(&Properties::new()), |c| c.shelves.len())
    }
}

#[tokio::test]
async fn a_create_can_be_repeated_and_a_replacement_is_another() {
    let stack = Stack::new("repeat");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, first) = stack.create(&inputs).await.expect("creates");
    let again = stack.check(&Properties::new(), json!({ "width": 3 }));
    assert_eq!(again, inputs, "the next process finds the same name");
    let (same, second) = stack.create(&again).await.expect("creates again");
    assert_eq!((same, stack.count()), (id.clone(), 1));
    assert_ne!(
        first.get(CLAIM),
        second.get(CLAIM),
        "the second create has it now"
    );

    let kept = stack.check(&inputs, json!({ "width": 4 }));
    assert_eq!(
        kept.get("name"),
        inputs.get("name"),
        "an update keeps the name"
    );
    let replacement = stack.check(&Properties::new(), json!({ "width": 4 }));
    let (other, _) = stack
        .create(&replacement)
        .await
        .expect("creates the replacement");
    assert_ne!(other, id, "a replacement does not find the live object");
}

#[tokio::test]
async fn a_new_default_tag_changes_what_is_there() {
    let mut stack = Stack::new("tags");
    let before = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (_, made) = stack.create(&before).await.expect("creates");
    let tags = |team: &str| Tags::from([("team".to_owned(), team.to_owned())]);
    stack.default_tags = tags("data");
    let after = stack.check(&before, json!({ "width": 3 }));
    let diff = stack.shelf.diff(&before, &made, &after, &[]);
    let changed: Vec<_> = diff.changes.iter().map(|c| (c.name, c.replace)).collect();
    assert_eq!(changed, [("tags", false)]);

    let mut cx = stack.context(&after);
    let mut found = cx.tags(None);
    found.insert("team".to_owned(), "sales".to_owned());
    let user = cx.user_tags(&found, None);
    assert_eq!(cx.tag_changes(user.as_ref(), None), (tags("data"), vec![]));

    found.insert("seller".to_owned(), "somebody else".to_owned());
    let user = cx.user_tags(&found, None);
    let removed = |cx: &Context| cx.tag_changes(user.as_ref(), None).1;
    assert_eq!(removed(&cx), ["seller"], "what is taken over is all ours");
    cx.memory.tagged = Some(["team".to_owned()].into());
    assert_eq!(removed(&cx), [""; 0], "an update spares the tags of others");
    cx.default_tags = Tags::from([("name".to_owned(), "x".to_owned())]);
    let keys: Vec<_> = cx.tags(None).into_keys().collect();
    assert_eq!(
        keys,
        [crate::identity::MARKER, "name"],
        "IAM's keys have no case"
    );
}

#[tokio::test]
async fn the_marker_follows_a_new_name() {
    let stack = Stack::new("renamed");
    let before = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (_, made) = stack.create(&before).await.expect("creates");
    let mut after = before.clone();
    after.insert(
        "__owner".into(),
        crate::identity::of_urn("urn:renamed").into(),
    );
    let diff = |news: &Properties| {
        let found = stack.shelf.diff(&before, &made, news, &[]).changes;
        found.into_iter().map(|c| c.path).collect::<Vec<_>>()
    };
    assert_eq!(
        (diff(&after), diff(&before)),
        (vec!["tags".to_owned()], vec![])
    );
}

#[tokio::test]
async fn what_stays_in_its_place_goes_before_the_new_one_comes() {
    let subnet = erase::<crate::resources::ec2::subnet::Subnet>();
    let inputs = |vpc: &str, block: &str| {
        let inputs = json!({ "vpcId": vpc, "cidrBlock": block, "availabilityZone": "eu-west-1a" });
        Value::from_json(&inputs).into_properties()
    };
    let old = inputs("vpc-1", "10.0.0.0/24");
    let first = |new: Properties| {
        subnet
            .diff(&old, &Properties::new(), &new, &[])
            .delete_before_replace
    };
    assert!(first(inputs("vpc-1", "10.0.0.0/20")));
    assert!(!first(inputs("vpc-2", "10.0.0.0/20")) && !first(old.clone()));
}

#[tokio::test]
async fn what_another_resource_of_the_stack_has_is_not_taken_over() {
    let stack = Stack::new("held");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, made) = stack.create(&inputs).await.expect("creates");
    stack.shelf.live(&stack.seen, "urn:imported", &made);
    let refused = stack.create(&inputs).await.expect_err("refuses");
    let expected = format!("{id} was made for it, but urn:imported has it in this stack's state");
    let said = refused.error.to_string();
    assert!(
        said.contains(&expected) && refused.state.is_none(),
        "{said}"
    );
}

#[tokio::test]
async fn what_was_left_and_cannot_be_changed_is_made_again_but_not_where_it_holds_data() {
    for (shelf, data) in [(erase::<Shelf>(), false), (erase::<Shelf<true>>(), true)] {
        let mut stack = Stack::new(&format!("left-{data}"));
        stack.shelf = shelf;
        let deep = |depth| json!({ "width": 3, "depth": depth, "name": "left" });
        let left = stack.check(&Properties::new(), deep(1));
        stack.create(&left).await.expect("creates");
        let inputs = stack.check(&Properties::new(), deep(2));
        let cx = stack.context(&inputs);
        let made = stack.create(&inputs).await;
        let depth = cloud(&cx, |c| c.shelves["left"].0.depth);
        match made {
            Ok(_) => assert_eq!((data, depth), (false, Some(2))),
            Err(partial) => {
                assert_eq!((data, depth), (true, Some(1)));
                assert!(partial.state.is_none(), "it is not this program's yet");
                let said = partial.error.to_string();
                assert!(said.contains("differs in depth"), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_remembers_what_cannot_be_used_yet() {
    let stack = Stack::new("unhealthy");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let cx = stack.context(&inputs);
    cloud(&cx, |c| c.shelves.get_mut(&id).expect("is there").1 = 0);
    let read = stack
        .shelf
        .read(&cx, &id, Some(inputs.clone()), state.clone());
    let partial = read.await.expect_err("cannot be used");
    let said = partial.error.to_string();
    assert_eq!(
        said,
        format!("{id} is being mounted; run `pulumi up` to wait for it")
    );
    let (_, read, kept) = partial.state.expect("what there is");
    assert_eq!((read.get(CLAIM), kept), (state.get(CLAIM), inputs));
}

#[tokio::test]
async fn what_a_create_tells_is_not_asked_again() {
    for (answers, waits) in [(true, false), (false, true), (false, false)] {
        let stack = Stack::new(&format!("told-{answers}-{waits}"));
        let inputs = stack.check(&Properties::new(), json!({ "width": 3, "password": "p" }));
        let cx = stack.context(&inputs);
        cloud(&cx, |c| (c.answers, c.waits) = (answers, waits));
        let (id, mut told) = stack.create(&inputs).await.expect("creates");
        assert_eq!(
            cloud(&cx, |c| c.reads),
            usize::from(!answers && !waits),
            "{answers} {waits}"
        );
        let (read, _) = stack
            .shelf
            .read(&cx, &id, Some(inputs.clone()), Properties::new())
            .await
            .expect("reads")
            .expect("is there");
        told.remove(CLAIM);
        assert_eq!(told, read, "{answers} {waits}");
        stack.create(&inputs).await.expect("takes over");
        assert!(
            cloud(&cx, |c| c.reads) > 2,
            "what was there may differ, and is read"
        );
    }
}

#[tokio::test]
async fn only_the_first_attempt_with_a_new_seed_finds_nothing_for_certain() {
    let stack = Stack::new("first");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    stack.fail_next(&inputs, "create", Class::NotYet);
    let cx = stack.context(&inputs);
    cx.memory
        .first
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let create = stack.shelf.create(&cx, inputs.clone());
    create.await.expect("creates at the second try");
    assert_eq!(cloud(&cx, |c| c.firsts.clone()), [true, false]);
}

#[tokio::test]
async fn a_failure_after_the_object_exists_keeps_it() {
    let stack = Stack::new("partial");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    stack.fail_next(&inputs, "apply", Class::Other);
    let partial = stack.create(&inputs).await.expect_err("fails");
    let (id, state, kept) = partial.state.expect("the engine is told of the object");
    assert_eq!(
        (state.get("arn"), &kept),
        (Some(&format!("arn:{id}").into()), &inputs)
    );
    stack.fail_next(&inputs, "create", Class::Other);
    assert!(
        stack
            .create(&inputs)
            .await
            .expect_err("fails")
            .state
            .is_none()
    );
}

#[tokio::test]
async fn an_interrupted_create_keeps_what_there_is() {
    let stack = Stack::new("interrupted");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    for (step, made) in [("create", false), ("apply", true)] {
        stack.fail_next(&inputs, step, Class::NotYet);
        let cx = stack.context(&inputs);
        cx.cancel.cancel();
        let partial = stack.shelf.create(&cx, inputs.clone()).await;
        let partial = partial.expect_err("does not try again");
        assert!(
            matches!(partial.error, crate::error::Error::Cancelled(_)),
            "{}",
            partial.error
        );
        assert_eq!(partial.state.is_some(), made, "{step}");
    }
}

#[tokio::test]
async fn an_update_that_failed_is_seen_by_the_next_diff() {
    let stack = Stack::new("halfway");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let news = stack.check(&inputs, json!({ "width": 5, "password": "p" }));
    assert_eq!(
        stack.shelf.diff(&inputs, &state, &news, &[]).changes.len(),
        2
    );
    assert_eq!(
        stack
            .shelf
            .diff(&inputs, &state, &news, &["width".into()])
            .changes
            .len(),
        1
    );
    assert!(
        stack
            .shelf
            .diff(&news, &state, &news, &[])
            .changes
            .iter()
            .any(|c| c.path == "width"),
        "the state is behind"
    );

    stack.fail_next(&inputs, "apply", Class::Other);
    let cx = stack.context(&inputs);
    let (mut old_inputs, mut state) = (inputs.clone(), state);
    for properties in [&mut old_inputs, &mut state] {
        let name = properties["name"].clone();
        properties.insert("name".into(), Value::secret(name));
    }
    let update = stack
        .shelf
        .update(&cx, &id, old_inputs, state.clone(), news.clone());
    let (_, half, _) = update
        .await
        .expect_err("fails")
        .state
        .expect("what is there now");
    assert_eq!(
        half.get("width"),
        Some(&Value::Number(5.0)),
        "the change got through before the failure"
    );
    for kept in ["name", SEED, GENERATION, REGION, CLAIM] {
        assert_eq!(half.get(kept), state.get(kept), "{kept}");
    }
    let done = stack
        .shelf
        .update(&cx, &id, news.clone(), half, news.clone())
        .await
        .expect("updates");
    assert!(
        stack
            .shelf
            .diff(&news, &done, &news, &[])
            .changes
            .is_empty()
    );
}

#[tokio::test]
async fn an_update_that_was_refused_leaves_the_state_as_it_was() {
    let stack = Stack::new("refused");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let tagged = stack.check(&inputs, json!({ "width": 3, "tags": { "team": "data" } }));
    stack.fail_next(&inputs, "apply", Class::Denied);
    let cx = stack.context(&inputs);
    let update = stack.shelf.update(&cx, &id, inputs, state, tagged);
    assert!(update.await.expect_err("fails").state.is_none());
}

#[tokio::test]
async fn a_removal_that_failed_is_seen_by_the_next_diff() {
    let stack = Stack::new("removal");
    let with = json!({ "width": 3, "tags": { "team": "data" } });
    let before = stack.check(&Properties::new(), with);
    let (_, state) = stack.create(&before).await.expect("creates");
    let without = stack.check(&before, json!({ "width": 3 }));
    // A failed update makes the new inputs the engine's old ones.
    let diff = stack.shelf.diff(&without, &state, &without, &[]);
    let changed: Vec<_> = diff.changes.iter().map(|c| (c.name, c.kind)).collect();
    assert_eq!(changed, [("tags", crate::props::diff::Kind::Delete)]);
}

#[tokio::test]
async fn what_is_not_visible_yet_is_tried_again() {
    let stack = Stack::new("eventual");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    stack.fail_next(&inputs, "create", Class::NotYet);
    let (id, state) = stack
        .create(&inputs)
        .await
        .expect("creates at the second try");
    stack.fail_next(&inputs, "apply", Class::NotFound);
    stack
        .create(&inputs)
        .await
        .expect_err("what was taken over is visible");
    let other = stack.check(&Properties::new(), json!({ "width": 3, "name": "other" }));
    stack.fail_next(&other, "apply", Class::NotFound);
    stack.create(&other).await.expect("sets at the second try");
    let cx = stack.context(&inputs);
    stack.fail_next(&inputs, "delete", Class::InUse);
    stack
        .shelf
        .delete(&cx, &id, state.clone())
        .await
        .expect("deletes at the second try");
    stack.fail_next(&inputs, "delete", Class::NotFound);
    stack
        .shelf
        .delete(&cx, &id, state)
        .await
        .expect("gone is gone");
}

#[tokio::test]
async fn a_delete_needs_no_outputs_in_the_state() {
    let mut stack = Stack::new("bare");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, _) = stack.create(&inputs).await.expect("creates");
    // A later command is another process.
    stack.seen = Arc::default();
    let delete = || async {
        let cx = stack.context(&inputs);
        stack.shelf.delete(&cx, &id, inputs.clone()).await
    };
    delete().await.expect("deletes");
    assert_eq!(stack.count(), 0);
    delete().await.expect("is gone already");
}

#[tokio::test]
async fn a_delete_spares_what_a_newer_create_took_over() {
    let stack = Stack::new("claims");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, old) = stack.create(&inputs).await.expect("creates");
    let (_, new) = stack.create(&inputs).await.expect("takes over");
    let cx = stack.context(&inputs);
    stack
        .shelf
        .delete(&cx, &id, old)
        .await
        .expect("does nothing");
    assert_eq!(stack.count(), 1);
    stack.shelf.delete(&cx, &id, new).await.expect("deletes");
    assert_eq!(stack.count(), 0);
}

#[tokio::test]
async fn previews_and_secrets() {
    let stack = Stack::new("preview");
    let mut inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    inputs.insert("password".into(), Value::secret("hush".into()));
    let preview = stack.shelf.preview_create(&inputs);
    assert_eq!(
        (preview.get("arn"), preview.get("width")),
        (Some(&Value::Unknown), Some(&Value::Number(3.0)))
    );
    let (_, state) = stack.create(&inputs).await.expect("creates");
    assert_eq!(
        state.get("password"),
        Some(&Value::secret("hush".into())),
        "a secret in is a secret out"
    );

    let mut news = inputs.clone();
    news.insert("width".into(), Value::Number(4.0));
    let preview = stack.shelf.preview_update(&inputs, &state, &news);
    assert_eq!(preview.get("arn"), state.get("arn"));
    assert_eq!(
        preview.get("revision"),
        Some(&Value::Unknown),
        "it follows the width"
    );
}

#[tokio::test]
async fn a_refresh_shows_drift_and_no_defaults() {
    let stack = Stack::new("refresh");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, _) = stack.create(&inputs).await.expect("creates");
    let cx = stack.context(&inputs);
    cloud(&cx, |c| {
        c.shelves.get_mut(&id).expect("is there").0.width = 7
    });
    let (state, read) = stack
        .shelf
        .read(&cx, &id, Some(inputs.clone()), Properties::new())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(
        (read.get("width"), state.get("width")),
        (Some(&Value::Number(7.0)), Some(&Value::Number(7.0)))
    );
    let changes = stack.shelf.diff(&read, &state, &inputs, &[]).changes;
    assert_eq!(
        changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(),
        ["width"]
    );
    assert!(
        stack
            .shelf
            .read(&cx, "other", Some(inputs), Properties::new())
            .await
            .expect("reads")
            .is_none()
    );
    let (_, imported) = stack
        .shelf
        .read(&cx, &id, None, Properties::new())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(imported.get(REGION), Some(&"eu-west-1".into()));
}

#[test]
fn a_change_of_region_replaces() {
    let stack = Stack::new("region");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3, "name": "mine" }));
    let mut news = inputs.clone();
    news.insert(REGION.into(), "eu-west-2".into());
    let diff = stack.shelf.diff(&inputs, &inputs, &news, &[]);
    assert!(
        diff.changes[0].replace && diff.delete_before_replace,
        "a name that was chosen stays the same"
    );
}
