//! The life of a building block, the same for each.

mod by_hand;
mod marks;
mod shows;

pub use self::shows::{Shown, shown};

use self::marks::marker;
use crate::{
    aws::Call,
    provider::{Made, properties},
    stack::Stack,
};
use pulumi_aws_framework::{
    props::Table,
    pulumirpc::diff_response::DiffChanges,
    resource::CLAIM,
    value::{Properties, Value},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// What a test knows of one kind of resource.
pub struct Block {
    /// The type token.
    pub token: &'static str,
    /// The inputs that it is made with; no tags, which are tested by themselves.
    pub inputs: Json,
    /// Changes in place, one after another, merged over the inputs; null takes a property away.
    pub updates: Vec<Json>,
    /// For each property that replaces, a new value, or an object to merge over the inputs.
    pub replaces: Vec<(&'static str, Json)>,
    /// Properties that neither `updates` nor `replaces` change, each with the reason.
    pub unchanged: Vec<(&'static str, &'static str)>,
    /// For each property with a default, which a path names, what changes it by hand.
    pub by_hand: Vec<(&'static str, Call)>,
    /// Properties with a default that are not changed by hand, each with the reason.
    pub steady: Vec<(&'static str, &'static str)>,
    /// Inputs that AWS does not tell, so that an import differs in them.
    pub write_only: Vec<&'static str>,
    /// Why a create with other inputs makes another object beside the one that an interrupted create left.
    pub apart: Option<&'static str>,
    /// How boto3 lists this kind.
    pub listed: Call,
    /// Text by which an item of the list is the object, with `{name}` for the URN's; without it, the marker.
    pub mentions: Option<String>,
    /// Where the tags are.
    pub marked: Marked,
    /// Where AWS shows each property.
    pub shows: Vec<Shown>,
    /// What describes the object, for `shows`; without it, the item of the list.
    pub described: Option<Call>,
    /// Properties that AWS does not show, each with the reason.
    pub unseen: Vec<(&'static str, &'static str)>,
    /// What is merged over the inputs for objects of their own, such as values that only a replacement brings.
    pub anew: Vec<Json>,
}

/// Where an object's tags are to be seen.
pub enum Marked {
    /// In the item of the list.
    Item,
    /// In the answer to another call.
    Call(Call),
    /// It cannot carry tags.
    Nowhere,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            token: "",
            inputs: json!({}),
            updates: Vec::new(),
            replaces: Vec::new(),
            unchanged: Vec::new(),
            by_hand: Vec::new(),
            steady: Vec::new(),
            write_only: Vec::new(),
            apart: None,
            listed: Call::new("", "", json!({}), ""),
            mentions: None,
            marked: Marked::Item,
            shows: Vec::new(),
            described: None,
            unseen: Vec::new(),
            anew: Vec::new(),
        }
    }
}

fn merged(base: &Json, over: &Json) -> Json {
    let mut all = base.clone();
    for (key, value) in over.as_object().expect("an object") {
        all[key] = value.clone();
    }
    all
}

impl Stack {
    /// Takes a building block through its life: preview, create, create again, read, changes by hand, updates,
    /// replacements, import, delete, delete again; then one with other values, and one that an interrupted create of
    /// another program left.
    pub async fn test(&self, block: Block) {
        let resources = dbt_aws::resources::all();
        let kind = resources
            .iter()
            .find(|r| r.token() == block.token)
            .expect("a known token");
        let (table, outputs) = kind.tables();
        block.covers(table);
        block.covers_values(table);
        let life = Life {
            stack: self,
            block: &block,
            inputs: table,
            outputs,
            importable: kind.is_importable(),
            urn: self.urn(block.token, "tested"),
        };
        let mut made = life.creation().await;
        for (path, by_hand) in &block.by_hand {
            made = life.drift(made, path, by_hand).await;
        }
        let mut inputs = block.inputs.clone();
        let mut changes = block.updates.clone();
        if table.field("tags").is_some() {
            changes.push(json!({"tags": {"team": "data", "Name": "mine"}}));
            changes.push(json!({"tags": {"team": "finance"}}));
            changes.push(json!({"tags": null}));
        }
        for change in changes {
            inputs = merged(&inputs, &change);
            made = life.update(&made, &inputs, &change).await;
        }
        life.replacements(&made, &inputs).await;
        life.import(&made, &inputs).await;
        life.deletion(&made).await;
        let anew = block.anew.iter().filter(|_| shows::is_moto());
        for (index, change) in anew.enumerate() {
            let urn = self.urn(block.token, &format!("anew-{index}"));
            Life { urn, ..life }.anew(change).await;
        }
        if let (Some(change), None) = (block.updates.first(), block.apart) {
            let urn = self.urn(block.token, "taken-over");
            Life { urn, ..life }.taken_over(change).await;
        }
    }
}

impl Block {
    /// A property that the row forgets would never be tested.
    fn covers(&self, table: &Table) {
        let mut changed: BTreeSet<&str> = self.unchanged.iter().map(|(name, _)| *name).collect();
        changed.extend(self.replaces.iter().map(|(name, _)| *name));
        changed.extend(
            self.updates
                .iter()
                .flat_map(|u| u.as_object().expect("an object").keys())
                .map(String::as_str),
        );
        let names = table
            .fields
            .iter()
            .map(|f| f.name)
            .filter(|name| *name != "tags");
        let forgotten: Vec<_> = names.filter(|name| !changed.contains(name)).collect();
        assert!(
            forgotten.is_empty(),
            "{}: nothing changes {forgotten:?}",
            self.token
        );
        self.covers_defaults(table);
    }
}

struct Life<'a> {
    stack: &'a Stack,
    block: &'a Block,
    inputs: &'static Table,
    outputs: &'static Table,
    importable: bool,
    urn: String,
}

impl Life<'_> {
    async fn check(&self, olds: &Properties, news: &Json) -> Properties {
        let checked = self
            .stack
            .provider
            .check(&self.urn, olds, &properties(news))
            .await;
        checked.unwrap_or_else(|found| panic!("{}: {found:?}", self.urn))
    }

    /// The objects that are this resource's, by an independent client.
    fn objects(&self, id: &str, inputs: &Properties) -> Vec<Json> {
        self.mine(&self.block.listed, id, inputs)
    }

    /// Those of a list that are this resource's.
    fn mine(&self, listed: &Call, id: &str, inputs: &Properties) -> Vec<Json> {
        let name = self.urn.rsplit("::").next().unwrap_or_default();
        let mention = match &self.block.mentions {
            Some(text) => text.replace("{name}", name),
            None => marker(&self.urn, inputs),
        };
        let mut items = listed.items(self.stack.region, id);
        items.retain(|item| item.to_string().contains(&mention));
        items
    }

    /// Whether the engine would leave it alone.
    async fn unchanged(&self, made: &Made, news: &Properties) {
        let diff = self.stack.provider.diff(made, news).await;
        assert_eq!(diff.diffs, Vec::<String>::new(), "{} differs", self.urn);
        assert_eq!(diff.changes(), DiffChanges::DiffNone);
    }

    /// A refresh finds what the state has.
    async fn fresh(&self, made: &Made) {
        let read = self
            .stack
            .provider
            .read(made)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(
            read.inputs, made.inputs,
            "{}: a refresh changes the inputs",
            self.urn
        );
        assert_eq!(
            read.outputs, made.outputs,
            "{}: a refresh changes the outputs",
            self.urn
        );
    }

    async fn creation(&self) -> Made {
        let provider = &self.stack.provider;
        let inputs = self.check(&Properties::new(), &self.block.inputs).await;
        let preview = provider
            .create(&self.urn, &inputs, true)
            .await
            .expect("previews");
        let first = provider.create(&self.urn, &inputs, false).await;
        let first = first.unwrap_or_else(|status| panic!("{}: {}", self.urn, status.message()));
        for (name, value) in &preview.outputs {
            let made = first.outputs.get(name);
            assert!(
                value.has_unknown() || made == Some(value),
                "{name}: previewed {value:?}, made {made:?}"
            );
        }
        let forgotten: Vec<_> = first
            .outputs
            .keys()
            .filter(|k| *k != CLAIM && !preview.outputs.contains_key(*k))
            .collect();
        assert!(
            forgotten.is_empty(),
            "{}: no preview of {forgotten:?}",
            self.urn
        );
        assert_eq!(
            self.objects(&first.id, &inputs).len(),
            1,
            "{} once made",
            self.urn
        );
        // As after a process that was killed before it could answer.
        let again = provider.create(&self.urn, &inputs, false).await;
        let again =
            again.unwrap_or_else(|status| panic!("{} again: {}", self.urn, status.message()));
        assert_eq!(again.id, first.id, "{} made twice", self.urn);
        assert_eq!(
            self.objects(&first.id, &inputs).len(),
            1,
            "{} made twice",
            self.urn
        );
        let without_claim = |made: &Made| {
            let mut outputs = made.outputs.clone();
            assert!(outputs.remove(CLAIM).is_some());
            outputs
        };
        assert_eq!(without_claim(&first), without_claim(&again));
        self.unchanged(&again, &self.check(&inputs, &self.block.inputs).await)
            .await;
        self.fresh(&again).await;
        self.is_listed(&again, true).await;
        self.marked(&again);
        self.witness(&again, &self.block.inputs);
        again
    }

    /// Another object, with what no update gives.
    async fn anew(&self, change: &Json) {
        let provider = &self.stack.provider;
        let inputs = merged(&self.block.inputs, change);
        let checked = self.check(&Properties::new(), &inputs).await;
        let made = provider.create(&self.urn, &checked, false).await;
        let made = made.unwrap_or_else(|status| panic!("{}: {}", self.urn, status.message()));
        self.fresh(&made).await;
        self.witness(&made, &inputs);
        provider.delete(&made).await.expect("deletes");
    }

    /// What an interrupted create left is brought to what the program has become since.
    async fn taken_over(&self, change: &Json) {
        let provider = &self.stack.provider;
        let inputs = self.check(&Properties::new(), &self.block.inputs).await;
        let create = async |inputs: &Properties| {
            let made = provider.create(&self.urn, inputs, false).await;
            made.unwrap_or_else(|status| panic!("{}: {change}: {}", self.urn, status.message()))
        };
        let left = create(&inputs).await;
        let changed = merged(&self.block.inputs, change);
        let news = self.check(&inputs, &changed).await;
        let made = create(&news).await;
        assert_eq!(made.id, left.id, "{} made twice", self.urn);
        self.fresh(&made).await;
        self.unchanged(&made, &news).await;
        let found = provider.import(&self.urn, &made.id).await.expect("reads");
        let found = found.expect("is there");
        self.unchanged_but_untold(&found, &news).await;
        self.marked(&made);
        self.witness(&made, &changed);
        provider.delete(&made).await.expect("deletes");
        assert_eq!(
            self.alive(&made),
            Vec::<Json>::new(),
            "{} is left",
            self.urn
        );
    }

    async fn update(&self, old: &Made, inputs: &Json, change: &Json) -> Made {
        let provider = &self.stack.provider;
        let news = self.check(&old.inputs, inputs).await;
        let diff = provider.diff(old, &news).await;
        let names: BTreeSet<_> = change
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        let names: Vec<_> = names.into_iter().collect();
        assert_eq!(diff.diffs, names, "{}: {change}", self.urn);
        assert_eq!(
            diff.replaces,
            Vec::<String>::new(),
            "{}: {change}",
            self.urn
        );
        let preview = provider.update(old, &news, true).await.expect("previews");
        let new = provider.update(old, &news, false).await;
        let new =
            new.unwrap_or_else(|status| panic!("{}: {change}: {}", self.urn, status.message()));
        for (name, value) in &new.outputs {
            let seen = preview.outputs.get(name);
            assert!(
                seen.is_some_and(|seen| seen.has_unknown() || seen == value),
                "{}: {change}: {name} previewed {seen:?}, became {value:?}",
                self.urn
            );
        }
        // What AWS has, not what the update says that it has.
        self.fresh(&new).await;
        let found = provider
            .import(&self.urn, &new.id)
            .await
            .expect("reads")
            .expect("is there");
        for name in names
            .iter()
            .filter(|name| !self.block.write_only.contains(&name.as_str()))
        {
            let told = found.inputs.get(name);
            let default = !new.inputs.contains_key(name);
            assert!(
                default || told.is_some(),
                "{}: {change} left no {name}",
                self.urn
            );
        }
        let checked = self.check(&found.inputs, inputs).await;
        self.unchanged_but_untold(&found, &checked).await;
        self.unchanged(&new, &self.check(&new.inputs, inputs).await)
            .await;
        self.marked(&new);
        self.witness(&new, inputs);
        new
    }

    async fn replacements(&self, made: &Made, inputs: &Json) {
        for (name, value) in &self.block.replaces {
            let change = match value {
                Json::Object(_) => value.clone(),
                _ => json!({ *name: value }),
            };
            let news = self.check(&made.inputs, &merged(inputs, &change)).await;
            let diff = self.stack.provider.diff(made, &news).await;
            assert!(
                diff.replaces.contains(&(*name).to_owned()),
                "{}: {change} replaces {:?}",
                self.urn,
                diff.replaces
            );
        }
    }

    async fn import(&self, made: &Made, inputs: &Json) {
        let imported = self
            .stack
            .provider
            .import(&self.urn, &made.id)
            .await
            .expect("reads")
            .expect("is there");
        let news = self.check(&imported.inputs, inputs).await;
        self.unchanged_but_untold(&imported, &news).await;
        let arn = made.outputs.get("arn").and_then(Value::as_str);
        for pasted in arn.into_iter().chain([format!(" {}\n", made.id).as_str()]) {
            let found = self.stack.provider.import(&self.urn, pasted).await;
            let found = found.expect("reads").map(|found| found.id);
            assert_eq!(found.as_ref(), Some(&made.id), "{pasted}");
        }
        for name in self.outputs.fields.iter().map(|f| f.name) {
            let output = |made: &Made| made.outputs.get(name).map(Value::plain);
            assert_eq!(
                output(&imported),
                output(made),
                "{}: imported {name}",
                self.urn
            );
        }
    }

    async fn unchanged_but_untold(&self, imported: &Made, news: &Properties) {
        let mut diff = self.stack.provider.diff(imported, news).await;
        diff.diffs
            .retain(|name| !self.block.write_only.contains(&name.as_str()));
        assert_eq!(
            diff.diffs,
            Vec::<String>::new(),
            "{} differs after an import",
            self.urn
        );
    }

    async fn deletion(&self, made: &Made) {
        let provider = &self.stack.provider;
        provider
            .delete(made)
            .await
            .unwrap_or_else(|status| panic!("{}: {}", self.urn, status.message()));
        assert_eq!(self.alive(made), Vec::<Json>::new(), "{} is left", self.urn);
        self.is_listed(made, false).await;
        assert!(
            provider.read(made).await.expect("reads").is_none(),
            "{} reads when it is gone",
            self.urn
        );
        assert!(
            provider
                .import(&self.urn, &made.id)
                .await
                .expect("reads")
                .is_none()
        );
        provider
            .delete(made)
            .await
            .unwrap_or_else(|status| panic!("{} again: {}", self.urn, status.message()));
    }

    /// What is left of it; AWS shows some objects for a while after they are gone.
    fn alive(&self, made: &Made) -> Vec<Json> {
        let dead = |item: &Json| {
            let state = ["State", "state", "Status", "status"]
                .iter()
                .find_map(|key| item[*key].as_str());
            state.is_some_and(|state| {
                ["deleted", "inactive", "deleting"].contains(&state.to_lowercase().as_str())
            })
        };
        let mut items = self.objects(&made.id, &made.inputs);
        items.retain(|item| !dead(item));
        items
    }
}
