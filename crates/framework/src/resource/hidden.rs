//! The properties that no user sees: whose an object is, where it is, and which create made it.

use super::{CheckScope, CustomResource};
use crate::{
    identity::{self, Naming},
    props::{Field, Props, diff::same},
    urn::Urn,
    value::{Properties, Value},
};

/// The hidden input that ties a resource to its stack.
pub const SEED: &str = "__seed";
/// The hidden input that tells the objects a URN has had from one another.
pub const GENERATION: &str = "__generation";
/// The hidden input with the region that the object is in.
pub const REGION: &str = "__region";
/// The hidden input with the provider's default tags, of what can carry tags.
pub const DEFAULT_TAGS: &str = "__defaultTags";
/// The hidden input with a hash of the URN, of what no component made: its marker follows a new name.
pub const OWNER: &str = "__owner";
/// The hidden output with the digests of the inputs of which the outputs have no more, by name.
pub const DIGESTS: &str = "__digests";
/// The hidden output that says which create made the object.
pub const CLAIM: &str = "__claim";

/// The hidden inputs that the outputs have too.
const ECHOED: [&str; 5] = [SEED, GENERATION, REGION, DEFAULT_TAGS, OWNER];

/// Adds the hidden inputs.
pub(super) fn add_identity(scope: &CheckScope<'_>, olds: &Properties, news: &mut Properties) {
    let known = |p: &Properties, key: &str| p.get(key).and_then(Value::as_str).map(str::to_owned);
    let given = news.contains_key(SEED);
    let seed = known(news, SEED).or_else(|| known(olds, SEED)).or_else(|| {
        if given {
            None
        } else {
            scope.provider_id.map(str::to_owned)
        }
    });
    let generation = known(olds, GENERATION).or_else(|| {
        let seed = seed.as_deref()?;
        Some(scope.ledger.fresh_generation(seed, scope.urn))
    });
    if let Some(old) = known(olds, GENERATION) {
        scope.ledger.generation(scope.urn, &old);
    }
    if !given {
        news.insert(
            OWNER.to_owned(),
            identity::short_hash(scope.urn.as_str()).into(),
        );
    }
    let value = |text: Option<String>| text.map_or(Value::Unknown, Value::String);
    news.insert(SEED.to_owned(), value(seed));
    news.insert(GENERATION.to_owned(), value(generation));
    news.insert(REGION.to_owned(), scope.region.into());
}

/// Fills in the physical name: the old one, or one of the resource's name and generation.
pub(super) fn name(naming: Naming, urn: &Urn, olds: &Properties, news: &mut Properties) {
    if news.get(naming.field).is_some_and(|v| !v.is_null()) {
        return;
    }
    let readable = urn.name();
    let made = || match news.get(GENERATION) {
        Some(Value::String(generation)) => naming.name(readable, generation).into(),
        _ => Value::Unknown,
    };
    let value = olds
        .get(naming.field)
        .filter(|v| !v.is_null())
        .cloned()
        .unwrap_or_else(made);
    news.insert(naming.field.to_owned(), value);
}

/// The inputs as outputs.
pub(super) fn echo<R: CustomResource>(inputs: &Properties) -> Properties {
    let table = R::Inputs::table();
    let mut digests = Properties::new();
    let mut all = Properties::new();
    for (key, value) in inputs {
        match table.field(key) {
            Some(field) if field.digest => digests.extend([(key.clone(), digest(value))]),
            Some(field) if field.is_echoed() => all.extend([(key.clone(), value.clone())]),
            None if ECHOED.contains(&key.as_str()) => all.extend([(key.clone(), value.clone())]),
            _ => {}
        }
    }
    if table.fields.iter().any(|field| field.digest) {
        all.insert(DIGESTS.to_owned(), Value::Object(digests));
    }
    all
}

/// What tells a value from any other.
fn digest(value: &Value) -> Value {
    if value.has_unknown() {
        return Value::Unknown;
    }
    let digest = identity::of_document(&value.plain().to_json().to_string()).into();
    match value.has_secret() {
        true => Value::secret(digest),
        false => digest,
    }
}

/// The inputs that AWS has, with the hidden ones: where the outputs echo an input, the echo counts, because after an
/// update that failed the engine's old inputs are already the new ones. Unknown is what the outputs have another digest
/// of.
pub(super) fn applied<R: CustomResource>(old_inputs: &Properties, olds: &Properties) -> Properties {
    let newest = |field: &'static Field| {
        let input = old_inputs.get(field.name).filter(|v| !v.is_null());
        let echoed = match olds.get(DIGESTS).filter(|_| field.digest) {
            Some(digests) => match digests.peel().field(field.name) {
                // AWS no longer has what was given.
                Value::Null => return None,
                known
                    if input
                        .map(digest)
                        .is_some_and(|own| own.plain() == known.plain()) =>
                {
                    input
                }
                _ => Some(&Value::Unknown),
            },
            // An older version of the provider echoed all of it.
            None => olds.get(field.name).filter(|_| !field.input_only),
        };
        let value = match (input, echoed) {
            (Some(input), Some(echo)) if same(&field.ty, input, echo) => input,
            // An output of the same name is no echo of an input that was not given.
            (None, Some(_)) if R::Outputs::table().field(field.name).is_some() => return None,
            (input, echo) => echo.or(input)?,
        };
        Some((field.name.to_owned(), value.clone()))
    };
    let hidden = [old_inputs, olds]
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with("__") && ![CLAIM, DIGESTS].contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()));
    let known = R::Inputs::table().fields.iter().filter_map(newest);
    known.chain(hidden).collect()
}

/// Whether the tags that the provider adds are others now.
pub(super) fn is_tagged_otherwise<R: CustomResource>(old: &Properties, news: &Properties) -> bool {
    let differ = |key| old.get(key).map(Value::plain) != news.get(key).map(Value::plain);
    // A state of an older version does not tell.
    let renamed = old.contains_key(OWNER) && differ(OWNER);
    let tagged = R::Inputs::table().field("tags").is_some();
    // Secrets count too: a state that has one in clear is written again.
    let retagged = old.get(DEFAULT_TAGS) != news.get(DEFAULT_TAGS);
    // What has a name but no tags carries the marker elsewhere.
    tagged && retagged || renamed && (tagged || R::NAMING.is_some())
}
