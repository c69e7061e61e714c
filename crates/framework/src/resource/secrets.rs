//! Which properties are secret.

use super::DEFAULT_TAGS;
use crate::{
    props::Table,
    value::{Properties, Value},
};

/// Marks what a table says is secret.
pub fn mark_secrets(table: &Table, properties: &mut Properties) {
    for field in table.fields.iter().filter(|f| f.secret) {
        if let Some(value) = properties.remove(field.name) {
            properties.insert(field.name.to_owned(), Value::secret(value));
        }
    }
}

/// Makes an output that holds a secret one as a whole.
pub fn hoist_secrets(outputs: &mut Properties) {
    for (_, value) in outputs.iter_mut().filter(|(key, _)| !key.starts_with("__")) {
        *value = std::mem::take(value).hoisted();
    }
}

/// Marks tags that were secret default tags when they were put on the object: by now the user may have others.
pub(super) fn veil(read: &mut Properties, known: Option<&Properties>) {
    let secrets = known
        .and_then(|known| known.get(DEFAULT_TAGS))
        .map(Value::secret_texts);
    if let (Some(secrets), Some(Value::Object(tags))) = (secrets, read.get_mut("tags")) {
        for value in tags.values_mut() {
            if value
                .as_str()
                .is_some_and(|text| secrets.iter().any(|s| s == text))
            {
                *value = Value::secret(std::mem::take(value));
            }
        }
    }
}
