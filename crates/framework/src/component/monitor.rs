//! Where children are registered: the engine, or a recorder in tests.

use crate::{
    urn::Urn,
    value::{Properties, Value},
};
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};

/// Where children are registered.
pub trait Monitor: Send + Sync {
    /// Registers a child and answers what became of it.
    fn register(&self, registration: Registration) -> BoxFuture<'_, Registered>;

    /// What the stack had before this program; `None` where nobody tells.
    fn live(&self) -> Option<&Live> {
        None
    }
}

/// The outputs of a stack's resources, by URN.
pub type Live = BTreeMap<Urn, Properties>;

/// A child to register.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The type token.
    pub token: String,
    /// The name, which begins with the component's.
    pub name: String,
    /// The name under which the stack may have it.
    pub former: Option<String>,
    /// The component's URN.
    pub parent: Urn,
    /// The inputs; each value knows its dependencies.
    pub inputs: Properties,
    /// What else it needs.
    pub dependencies: BTreeSet<Urn>,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, or will be.
    Done,
    /// It could not be made.
    Failed,
    /// It was not tried, because something that it needs failed.
    Skipped,
}

/// The answer to a registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The URN, where the engine gave one.
    pub urn: Option<Urn>,
    /// The id; `None` while it is unknown.
    pub id: Option<String>,
    /// The outputs.
    pub state: Properties,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was refused; of what fails later, the engine itself tells.
    pub refusal: Option<String>,
}

impl Registered {
    /// A registration that came to nothing, with the reason where nobody else tells it.
    #[must_use]
    pub fn failed(refusal: Option<String>) -> Self {
        Self {
            urn: None,
            id: None,
            state: Properties::new(),
            outcome: Outcome::Failed,
            refusal,
        }
    }

    /// A value that came with the answer: it depends on the resource.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        Value::depending(value, self.urn.iter().cloned().collect())
    }
}
