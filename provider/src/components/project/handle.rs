//! What joins the components: a flat map of texts.

use crate::{components::elsewhere, prelude::*};
use pulumi_aws_framework::aws::Aws;

/// Some values of a handle.
#[derive(Clone, Debug)]
pub(crate) struct Handle(pub(crate) BTreeMap<String, String>);

impl Property for Handle {
    fn ty() -> pulumi_aws_framework::props::Type {
        BTreeMap::<String, String>::ty()
    }

    fn decode(value: &Value) -> Result<Self, Failure> {
        Property::decode(value).map(Self)
    }

    fn encode(&self) -> Value {
        self.0.encode()
    }
}

impl Handle {
    /// A value; empty where the handle has none.
    pub(crate) fn text(&self, key: &str) -> String {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// The values of a list.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let text = self.text(key);
        text.split(',')
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// These values of a handle, depending on nothing but what they depend on themselves.
pub(crate) fn pick<const N: usize>(
    handle: &Output<BTreeMap<String, String>>,
    keys: [&'static str; N],
) -> Output<Handle> {
    Output::object(keys.map(|key| (key, handle.key(key))))
}

/// The values of a list of a handle.
pub(crate) fn list(
    handle: &Output<BTreeMap<String, String>>,
    key: &'static str,
) -> Output<Vec<String>> {
    pick(handle, [key]).map(move |handle| handle.list(key))
}

/// What a handle has under a key, as far as it is known while inputs are checked.
pub(crate) fn known(handle: Option<&Value>, key: &str) -> Option<String> {
    handle?.plain().field(key).as_str().map(str::to_owned)
}

/// Refuses a handle of another region.
pub(crate) fn check_online(aws: &Aws, inputs: &Properties, field: &str) -> Vec<Failure> {
    let theirs = known(inputs.get(field), "region");
    elsewhere(field, theirs.as_deref(), aws.region())
        .into_iter()
        .collect()
}

/// Refuses what is not the handle of `component`, which has these keys.
pub(crate) fn check(check: &mut Check<'_>, field: &str, component: &str, keys: &[&str]) {
    let value = check.value(field).unwrap_or_default();
    let handle = format!("the handle of a {component}, such as `{field}.handle`");
    let reason = match value.peel() {
        Value::Null | Value::Unknown => return,
        Value::Object(given) if given.contains_key("handle") => {
            format!("must be {handle}, not all that it answers")
        }
        Value::Object(given) => match keys.iter().find(|key| !given.contains_key(**key)) {
            Some(missing) => format!("has no {missing}: give {handle}"),
            None => return,
        },
        Value::Opaque(_) => format!("must be {handle}, not the component itself"),
        _ => format!("must be {handle}"),
    };
    // What is no handle is told once.
    check.failures.retain(|failure| {
        let rest = failure.path.strip_prefix(field);
        rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with(['.', '[']))
    });
    check.fail(field, reason);
}
