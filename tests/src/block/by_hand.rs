//! What is changed behind the program's back.

use super::{Block, Life};
use crate::{aws::Call, provider::Made};
use pulumi_aws_framework::props::{Table, Type};
use std::collections::BTreeSet;

impl Block {
    /// What a default promises, and the row forgets, would never be tested.
    pub(super) fn covers_defaults(&self, table: &Table) {
        let by_hand = self.by_hand.iter().map(|(path, _)| *path);
        let steady = self.steady.iter().map(|(path, _)| *path);
        let named: BTreeSet<_> = by_hand.chain(steady).map(str::to_owned).collect();
        assert_eq!(
            named,
            self.defaults(table),
            "{}: what has a default is changed by hand, or says why not",
            self.token
        );
    }

    /// The paths of the properties with a default, also within objects that the inputs give.
    fn defaults(&self, table: &Table) -> BTreeSet<String> {
        let with_default = |table: &Table, path: &str| -> Vec<String> {
            let fields = table.fields.iter().filter(|f| f.default.is_some());
            fields.map(|f| format!("{path}{}", f.name)).collect()
        };
        let given = table.fields.iter().filter_map(|f| match &f.ty {
            Type::Object(inner) if self.inputs.get(f.name).is_some() => {
                Some(with_default(inner, &format!("{}.", f.name)))
            }
            _ => None,
        });
        with_default(table, "")
            .into_iter()
            .chain(given.flatten())
            .collect()
    }
}

impl Life<'_> {
    /// What was changed by hand is seen by a refresh and put back by the next update, though the program did not write it.
    pub(super) async fn drift(&self, made: Made, path: &str, by_hand: &Call) -> Made {
        let provider = &self.stack.provider;
        let changed = by_hand.answer(self.stack.region, &made.id);
        changed.unwrap_or_else(|code| panic!("{}: {path} by hand: {code}", self.urn));
        let found = provider.read(&made).await.expect("reads");
        let found = found.expect("is there");
        let news = self.check(&found.inputs, &self.block.inputs).await;
        let diff = provider.diff(&found, &news).await;
        let name = path.split('.').next().unwrap_or_default();
        assert!(
            diff.diffs.iter().any(|differs| differs == name) && diff.replaces.is_empty(),
            "{}: {path} was changed by hand, and {:?} differs",
            self.urn,
            diff.diffs
        );
        let repaired = provider.update(&found, &news, false).await;
        let repaired =
            repaired.unwrap_or_else(|status| panic!("{}: {path}: {}", self.urn, status.message()));
        assert_eq!(repaired.inputs, made.inputs, "{}: {path}", self.urn);
        self.fresh(&repaired).await;
        self.unchanged(&repaired, &news).await;
        self.witness(&repaired, &self.block.inputs);
        repaired
    }
}
