//! Which properties are secret.

use super::DEFAULT_TAGS;
use crate::{
    props::{Table, Type},
    value::{Properties, Value},
};

/// Marks what a table says is secret, in objects too.
pub fn mark_secrets(table: &Table, properties: &mut Properties) {
    for field in &table.fields {
        match properties.get_mut(field.name) {
            Some(value) if field.secret => *value = Value::secret(std::mem::take(value)),
            Some(value) => mark_within(&field.ty, value),
            None => {}
        }
    }
}

fn mark_within(ty: &Type, value: &mut Value) {
    match (ty, value) {
        (ty, Value::Output { value, .. }) => mark_within(ty, value),
        (Type::Object(table), Value::Object(fields)) => mark_secrets(table, fields),
        (Type::Map(item), Value::Object(fields)) => {
            fields
                .values_mut()
                .for_each(|value| mark_within(item, value));
        }
        (Type::List(item) | Type::Set(item), Value::List(items)) => {
            items.iter_mut().for_each(|value| mark_within(item, value));
        }
        _ => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::props::{Props, SecretText};
    use serde_json::json;

    /// A door.
    #[derive(Clone, Debug, Props)]
    struct Door {
        /// Who may open it.
        keys: Option<Vec<Key>>,
        /// What opens it at night.
        code: Option<SecretText>,
    }

    /// A key.
    #[derive(Clone, Debug, Props)]
    struct Key {
        /// Whose it is.
        owner: String,
        /// What it has for others.
        pin: Option<SecretText>,
    }

    #[test]
    fn what_has_a_secrets_type_is_marked_wherever_it_is() {
        let given = json!({"code": "sesame", "keys": [{"owner": "ann", "pin": "1234"}]});
        let mut door = Value::from_json(&given).into_properties();
        mark_secrets(Door::table(), &mut door);
        let shown = r#"{"code": [secret], "keys": [{"owner": "ann", "pin": [secret]}]}"#;
        assert_eq!(format!("{door:?}"), shown);
    }
}
