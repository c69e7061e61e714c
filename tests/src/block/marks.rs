//! What tells an object from others: the tags that it carries, and its place in the list of its kind.

use super::{Life, Marked};
use crate::provider::Made;
use pulumi_aws_framework::{
    resource::{GENERATION, SEED},
    value::Properties,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

impl Life<'_> {
    /// The object carries its name, the user's tags and the marker, and no tag of others.
    pub(super) fn marked(&self, made: &Made) {
        let found = match &self.block.marked {
            Marked::Nowhere => return,
            Marked::Item => self.objects(&made.id, &made.inputs),
            Marked::Call(call) => call.items(self.stack.region, &made.id),
        };
        let name = self.urn.rsplit("::").next().unwrap_or_default();
        let mut wanted = BTreeMap::from([("Name".to_owned(), name.to_owned())]);
        if let Some(tags) = made.inputs.get("tags") {
            let tags = tags.plain().into_properties();
            wanted.extend(
                tags.into_iter()
                    .map(|(k, v)| (k, v.as_str().unwrap_or_default().to_owned())),
            );
        }
        wanted.insert("dbt-aws:marker".to_owned(), marker(&self.urn, &made.inputs));
        let mut tags = tags_in(&found);
        tags.retain(|key, _| !key.starts_with("dbt-aws:") || wanted.contains_key(key));
        assert_eq!(tags, wanted, "{}: tags", self.urn);
    }

    /// Whether the provider's list of the kind has the object, if there is one.
    pub(super) async fn is_listed(&self, made: &Made, expected: bool) {
        if self.importable {
            let listed = self.stack.provider.list(self.block.token).await;
            let is = listed.contains(&made.id);
            assert_eq!(is, expected, "{} in {listed:?}", made.id);
        }
    }
}

/// The marker of an object of this stack.
pub(super) fn marker(urn: &str, inputs: &Properties) -> String {
    let text = |key: &str| inputs[key].as_str().unwrap_or_default().to_owned();
    let identity = pulumi_aws_framework::identity::Identity {
        package: "dbt-aws",
        urn: urn.into(),
        seed: text(SEED),
        generation: text(GENERATION),
    };
    identity.marker()
}

/// The tags in an object, a list of pairs or a map, under whatever name.
fn tags_in(found: &[Json]) -> BTreeMap<String, String> {
    let one = match found {
        [one] => ["Tags", "TagSet", "TagList", "tags", "tagList"]
            .iter()
            .find_map(|key| one.get(*key))
            .unwrap_or(one)
            .clone(),
        many => Json::Array(many.to_vec()),
    };
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    match one {
        Json::Array(pairs) => pairs
            .iter()
            .map(|pair| {
                let part = |upper: &str, lower: &str| text(pair.get(upper).unwrap_or(&pair[lower]));
                (part("Key", "key"), part("Value", "value"))
            })
            .collect(),
        Json::Object(map) => map.iter().map(|(k, v)| (k.clone(), text(v))).collect(),
        _ => BTreeMap::new(),
    }
}
