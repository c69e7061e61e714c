//! The life of a resource, on one that lives in memory.

mod digests;
mod drift;
mod failed;
mod left;
mod owned;

use super::*;
use crate::{
    aws::{self, Class},
    context::{Context, Tags},
    identity::{Identity, ProcessLedger},
    prelude::State,
    props::{Json, Props, SecretText},
    reads::Reads,
    value::Value,
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
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
    /// What opens it.
    #[prop(check = digits)]
    pin: Option<SecretText>,
    /// How many boards it has.
    #[prop(default = 2)]
    boards: i64,
    /// Who may use it. Default: everybody.
    #[prop(default = None)]
    reserved: Option<String>,
    /// How it is built.
    #[prop(digest)]
    plan: Option<Json>,
    /// Tags.
    tags: Option<Tags>,
}

fn digits(pin: &SecretText) -> std::result::Result<(), String> {
    match pin.expose().parse::<u32>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{:?} must be digits", pin.expose())),
    }
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
    const TOKEN: &'static str = "acme:test:Shelf";
    const DOC: &'static str = "A shelf.";
    const NAMING: Option<Naming> = Some(Naming {
        field: "name",
        longest: 40,
        others: "-",
        lower: true,
    });
    type Inputs = ShelfInputs;
    type Outputs = ShelfOutputs;
    type Tagging = ShelfTags;

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
        let settings = |i: &ShelfInputs| (i.width, i.boards, i.reserved.clone(), i.plan.clone());
        if old.is_none_or(|old| settings(&old.inputs) == settings(new)) {
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
                    pin: known.and_then(|k| k.pin.clone()),
                    ..inputs
                },
                outputs: outputs(id, revision.into()),
            }),
        )
    }

    /// One at a time; the last is shown again and again.
    async fn list(cx: &Context, _: &[Filter], token: Option<String>) -> Result<Page> {
        cloud(cx, |c| {
            let after = |id: &&String| token.as_ref().is_none_or(|token| *id > token);
            let id = c.shelves.keys().find(after).cloned();
            let tags = |id: &String| c.shelves[id].0.tags.clone().unwrap_or_default();
            Ok(Page {
                objects: id
                    .iter()
                    .map(|id| Listed {
                        id: id.clone(),
                        tags: tags(id),
                    })
                    .collect(),
                next: id.or(token),
            })
        })
    }

    fn unhealthy(state: &State<Self>) -> Option<String> {
        (state.outputs.revision == 0).then(|| "is being mounted".to_owned())
    }

    async fn delete(cx: &Context, id: &str, _: &State<Self>) -> Result<()> {
        failing(cx, "delete")?;
        cloud(cx, |c| c.shelves.remove(id));
        Ok(())
    }
}

struct ShelfTags;

impl Tagging for ShelfTags {
    async fn change(
        cx: &Context,
        object: Tagged<'_>,
        set: Tags,
        removed: Vec<String>,
    ) -> Result<()> {
        cloud(cx, |c| {
            let (shelf, _) = c.shelves.get_mut(object.id).expect("is there");
            let tags = shelf.tags.get_or_insert_default();
            tags.retain(|key, _| !removed.contains(key));
            tags.extend(set);
        });
        Ok(())
    }
}

fn outputs(id: &str, revision: i64) -> ShelfOutputs {
    ShelfOutputs {
        arn: format!("arn:{id}"),
        revision,
    }
}

const URN: &str = "urn:pulumi:dev::shop::acme:test:Shelf::wide";

/// A stack of its own for each test.
struct Stack {
    shelf: Box<dyn DynamicResource>,
    seed: String,
    ledger: Arc<ProcessLedger>,
    default_tags: Tags,
}

impl Stack {
    fn new(seed: &str) -> Self {
        Self {
            shelf: erase::<Shelf<false>>(),
            seed: seed.to_owned(),
            ledger: Arc::default(),
            default_tags: Tags::new(),
        }
    }

    fn check(&self, olds: &Properties, news: serde_json::Value) -> Properties {
        let Checked {
            inputs, failures, ..
        } = self.checked(olds, news);
        assert!(failures.is_empty(), "{failures:?}");
        inputs
    }

    fn checked(&self, olds: &Properties, news: serde_json::Value) -> Checked {
        let scope = CheckScope {
            urn: &URN.into(),
            provider_id: Some(&self.seed),
            region: "eu-west-1",
            ledger: &self.ledger,
            default_tags: &match self.default_tags.is_empty() {
                true => Value::Null,
                false => crate::props::Property::encode(&self.default_tags),
            },
            reads: &Reads::default(),
            rehearsal: false,
        };
        let news = Value::from_json(&news).into_properties();
        self.shelf.check(&scope, olds, news)
    }

    fn context(&self, inputs: &Properties) -> Context {
        let text = |key| {
            inputs
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let identity = Identity {
            package: "acme",
            urn: URN.into(),
            seed: self.seed.clone(),
            generation: text(GENERATION),
        };
        Context {
            default_tags: self.default_tags.clone(),
            ledger: self.ledger.clone(),
            ..Context::offline("eu-west-1", identity)
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
    assert_eq!(keys, ["acme:marker", "name"], "IAM's keys have no case");
}

#[tokio::test]
async fn an_update_changes_the_tags_and_a_read_has_the_users_alone() {
    let stack = Stack::new("tagging");
    let given = |tags: serde_json::Value| json!({ "width": 3, "tags": tags });
    let before = stack.check(
        &Properties::new(),
        given(json!({ "team": "data", "env": "dev" })),
    );
    let (id, made) = stack.create(&before).await.expect("creates");
    let after = stack.check(&before, given(json!({ "team": "sales" })));
    let mut cx = stack.context(&after);
    cx.memory.tagged = Some(["team", "env"].map(str::to_owned).into());
    let updated = stack
        .shelf
        .update(&cx, &id, before, made, after.clone())
        .await
        .expect("updates");
    let tags = cloud(&cx, |c| c.shelves[&id].0.tags.clone().unwrap_or_default());
    let keys: Vec<_> = tags.keys().map(String::as_str).collect();
    assert_eq!(keys, ["Name", "acme:marker", "team"]);
    let team = json!({ "team": "sales" });
    assert_eq!(tags["team"], "sales");
    assert_eq!(updated["tags"].to_json(), team);
    let read = stack.shelf.read(&cx, &id, Some(after), updated).await;
    let (_, inputs) = read.expect("reads").expect("is there");
    assert_eq!(inputs["tags"].to_json(), team);
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
    assert_eq!(said, format!("{id} is being mounted"));
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
async fn a_delete_needs_no_outputs_in_the_state() {
    let mut stack = Stack::new("bare");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, _) = stack.create(&inputs).await.expect("creates");
    // A later command is another process.
    stack.ledger = Arc::default();
    let delete = || async {
        let cx = stack.context(&inputs);
        stack.shelf.delete(&cx, &id, inputs.clone()).await
    };
    delete().await.expect("deletes");
    assert_eq!(stack.count(), 0);
    delete().await.expect("is gone already");
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
