//! What makes a create safe to repeat: who an AWS object belongs to, and which attempt at it this is.
//!
//! See docs/architecture.md, "A create that can be repeated".

use crate::{resource::Filter, urn::Urn};
use data_encoding::Encoding;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

/// Lower-case letters and digits, without those that are mistaken for others.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = data_encoding::Specification::new();
    spec.symbols.push_str("abcdefghijkmnpqrstuvwxyz23456789");
    spec.encoding().unwrap_or(data_encoding::BASE32_NOPAD)
});

fn digest(parts: &[&str], length: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    BASE32.encode(&hash.finalize())[..length].to_owned()
}

/// Random lower-case letters and digits.
#[must_use]
pub fn random(length: usize) -> String {
    let bytes: [u8; 32] = rand::random();
    BASE32.encode(&bytes)[..length].to_owned()
}

/// The hash that stands for a URN in a marker, or for another long text in a name: eight letters and digits.
#[must_use]
pub fn short_hash(text: &str) -> String {
    digest(&[text], 8)
}

/// What tells a document from any other.
#[must_use]
pub fn of_document(text: &str) -> String {
    digest(&[text], 20)
}

/// How many characters of a generation are the seed's, so that all that was made with it can be told by name.
const SEED_PART: usize = 6;
/// How many characters a generation has after its number.
const LENGTH: usize = SEED_PART + 4;

/// The first generation of a resource.
#[must_use]
pub fn first_generation(seed: &str, urn: &Urn) -> String {
    digest(&[seed], SEED_PART) + &digest(&[seed, urn.as_str()], LENGTH - SEED_PART)
}

/// The generation after this one, with its number in front.
#[must_use]
pub fn next_generation(generation: &str) -> String {
    let number = generation.len().saturating_sub(LENGTH);
    let (number, letters) = generation.split_at_checked(number).unwrap_or_default();
    let seed = letters.get(..SEED_PART).unwrap_or_default();
    let number = number.parse().unwrap_or(0) + 1;
    format!(
        "{number}{seed}{}",
        digest(&[generation], LENGTH - SEED_PART)
    )
}

/// How many generations came before.
fn number_of(generation: &str) -> u32 {
    let letters = generation.len().saturating_sub(LENGTH);
    generation
        .get(..letters)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// Whose an AWS object is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The package's name.
    pub package: &'static str,
    /// The resource's URN.
    pub urn: Urn,
    /// What tells this stack's objects from those of another stack with the same name.
    pub seed: String,
    /// Which of the objects that this URN has had.
    pub generation: String,
}

impl Identity {
    /// The resource's name, as its URN has it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.urn.name()
    }

    /// The key of the tag that says whose an object is.
    #[must_use]
    pub fn marker_key(&self) -> String {
        format!("{}:marker", self.package)
    }

    /// The marker tag's value: seed, generation, a hash of the URN, and the name for people.
    #[must_use]
    pub fn marker(&self) -> String {
        format!(
            "{}/{}/{}/{}",
            self.seed,
            self.generation,
            short_hash(self.urn.as_str()),
            self.label()
        )
    }

    /// The resource's name as every AWS service takes it in a tag, cut so that the marker fits.
    #[must_use]
    pub fn label(&self) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+-=._:/@ ".contains(c);
        let fits = |c: char| if allowed(c) { c } else { '_' };
        self.name().chars().map(fits).take(180).collect()
    }

    /// Whether an object with these tags was made for this resource, in whatever generation.
    #[must_use]
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        let of = |marker: &str| {
            let mut parts = marker.splitn(4, '/').map(str::to_owned);
            (parts.next(), parts.nth(1))
        };
        tags.get(&self.marker_key())
            .is_some_and(|marker| of(marker) == of(&self.marker()))
    }

    /// Whether an object with these tags was made for any resource with the same seed.
    #[must_use]
    pub fn shares_seed(&self, tags: &BTreeMap<String, String>) -> bool {
        let seed = tags
            .get(&self.marker_key())
            .and_then(|marker| marker.split('/').next());
        seed == Some(self.seed.as_str())
    }

    /// Whether a physical name, or an id that holds one, was made for any resource with the same seed.
    #[must_use]
    pub fn named(&self, id: &str) -> bool {
        let seed = digest(&[&self.seed], SEED_PART);
        let made =
            |part: &str| part.len() >= LENGTH && part[part.len() - LENGTH..].starts_with(&seed);
        id.split(['-', '/', ':'])
            .filter(|part| part.is_ascii())
            .any(made)
    }

    /// The filter of a list for what an interrupted create of this very resource and generation left.
    #[must_use]
    pub fn marked(&self) -> Filter {
        (format!("tag:{}", self.marker_key()), self.marker())
    }

    /// The filter of a list for all that was made with the same seed.
    #[must_use]
    pub fn seeded(&self) -> Filter {
        let value = format!("{}/*", self.seed);
        (format!("tag:{}", self.marker_key()), value)
    }

    /// A token for APIs that take one: the same for every repetition of the same create.
    #[must_use]
    pub fn token(&self) -> String {
        digest(&[&self.seed, self.urn.as_str(), &self.generation], 32)
    }

    /// This token and those after it, for an API that answers a used token with an object that has gone.
    pub fn tokens(&self) -> impl Iterator<Item = String> {
        let after = |token: &String| Some(digest(&[token], 32));
        std::iter::successors(Some(self.token()), after).take(8)
    }
}

/// How a physical name is made from a resource's.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// The input that holds it.
    pub field: &'static str,
    /// The longest that AWS takes.
    pub longest: usize,
    /// Which characters it may have besides letters and digits; others become `-`.
    pub others: &'static str,
    /// Whether AWS folds it to lower case.
    pub lower: bool,
}

impl Naming {
    /// Names of letters, digits, hyphens and underscores.
    #[must_use]
    pub const fn new(field: &'static str, longest: usize) -> Self {
        Self {
            field,
            longest,
            others: "-_",
            lower: false,
        }
    }

    /// The readable part cut to fit, a hyphen, the generation.
    #[must_use]
    pub fn name(&self, readable: &str, generation: &str) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || self.others.contains(c);
        let mut name: String = readable
            .chars()
            .map(|c| {
                if self.lower {
                    c.to_ascii_lowercase()
                } else {
                    c
                }
            })
            .map(|c| if fits(c) { c } else { '-' })
            .collect();
        while name.contains("--") {
            name = name.replace("--", "-");
        }
        name.truncate(self.longest.saturating_sub(generation.len() + 1));
        let name = name.trim_matches('-');
        // Many of AWS's names must begin with a letter.
        let name = if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.to_owned()
        } else {
            format!("x{name}")
        };
        format!("{name}-{generation}")
    }

    /// What is wrong with a name that the user gives.
    ///
    /// # Errors
    /// It is empty or too long, or has other characters.
    pub fn check(&self, name: &str) -> Result<(), String> {
        let fits = |c: &char| c.is_ascii_alphanumeric() || self.others.contains(*c);
        if name.is_empty() || name.len() > self.longest {
            let (longest, length) = (self.longest, name.len());
            return Err(format!("must have 1 to {longest} characters, not {length}"));
        }
        match name.chars().find(|c| !fits(c)) {
            None => Ok(()),
            Some(c) => Err(format!(
                "{c:?} cannot be in a name; use letters, digits and {:?}",
                self.others
            )),
        }
    }

    /// Whether a name ends with the generation, and so was made here.
    #[must_use]
    pub fn is_ours(name: &str, generation: &str) -> bool {
        !generation.is_empty() && name.ends_with(&format!("-{generation}"))
    }
}

/// What this process has seen of generations and claims. The engine starts a process for each provider resource and
/// phase, so that it sees all that the engine knows.
#[derive(Debug, Default)]
pub struct ProcessLedger(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    generations: HashMap<Urn, String>,
    claims: HashMap<(&'static str, String), String>,
    holders: HashMap<(&'static str, String), Urn>,
    seeds: HashSet<String>,
    gone: HashSet<(&'static str, String)>,
}

impl ProcessLedger {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the newest generation of a URN.
    pub fn generation(&self, urn: &Urn, generation: &str) {
        let mut known = self.remembered();
        let newest = known
            .generations
            .entry(urn.clone())
            .or_insert_with(|| generation.to_owned());
        if number_of(generation) > number_of(newest) {
            generation.clone_into(newest);
        }
    }

    /// The generation for a resource that has none yet: the one after the newest seen, or the first. None that
    /// another URN has: a resource that was renamed keeps its own.
    #[must_use]
    pub fn fresh_generation(&self, seed: &str, urn: &Urn) -> String {
        let seen = &self.remembered().generations;
        let mut fresh = seen.get(urn).map_or_else(
            || first_generation(seed, urn),
            |newest| next_generation(newest),
        );
        while seen.values().any(|taken| *taken == fresh) {
            fresh = next_generation(&fresh);
        }
        fresh
    }

    /// Remembers which URN has the object of that type that AWS knows by that name.
    pub fn holder(&self, token: &'static str, object: &str, urn: &Urn) {
        let key = (token, object.to_owned());
        self.remembered().holders.insert(key, urn.clone());
    }

    /// The other URN that has an object, if the engine told of one.
    #[must_use]
    pub fn other_holder(&self, token: &'static str, object: &str, urn: &Urn) -> Option<Urn> {
        let known = self.remembered();
        let holder = known.holders.get(&(token, object.to_owned()));
        holder.filter(|holder| *holder != urn).cloned()
    }

    /// Remembers a seed that this process has made.
    pub fn seed(&self, seed: &str) {
        self.remembered().seeds.insert(seed.to_owned());
    }

    /// Whether this process has made the seed.
    #[must_use]
    pub fn has_made(&self, seed: &str) -> bool {
        self.remembered().seeds.contains(seed)
    }

    /// Remembers what this process has deleted.
    pub fn gone(&self, token: &'static str, id: &str) {
        self.remembered().gone.insert((token, id.to_owned()));
    }

    /// Whether this process has deleted it.
    #[must_use]
    pub fn is_gone(&self, token: &'static str, id: &str) -> bool {
        self.remembered().gone.contains(&(token, id.to_owned()))
    }

    /// Remembers who created an object of that type and id last.
    pub fn claim(&self, token: &'static str, id: &str, claim: &str) {
        let key = (token, id.to_owned());
        self.remembered().claims.insert(key, claim.to_owned());
    }

    /// Whether a text has the id of something that this process has made.
    #[must_use]
    pub fn has_made_in(&self, text: &str) -> bool {
        let known = self.remembered();
        let mut ids = known.claims.keys().map(|(_, id)| id);
        ids.any(|id| !id.is_empty() && text.contains(id.as_str()))
    }

    /// Whether a later create in this process took the id over.
    #[must_use]
    pub fn is_superseded(&self, token: &'static str, id: &str, claim: Option<&str>) -> bool {
        let known = self.remembered();
        let newest = known.claims.get(&(token, id.to_owned()));
        newest.is_some_and(|newest| Some(newest.as_str()) != claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(generation: &str) -> Identity {
        Identity {
            package: "acme",
            urn: "urn:pulumi:dev::shop::a$b::prod-vpc".into(),
            seed: "s33d".into(),
            generation: generation.into(),
        }
    }

    #[test]
    fn generations_follow_one_another() {
        let first = first_generation("seed", &"urn".into());
        let second = next_generation(&first);
        let third = next_generation(&second);
        assert_eq!(
            (
                first.len(),
                number_of(&first),
                number_of(&second),
                number_of(&third)
            ),
            (LENGTH, 0, 1, 2)
        );
        let seen = ProcessLedger::default();
        assert_eq!(seen.fresh_generation("seed", &"urn".into()), first);
        seen.generation(&"urn".into(), &second);
        seen.generation(&"urn".into(), &first);
        assert_eq!(seen.fresh_generation("seed", &"urn".into()), third);
        seen.generation(&"renamed".into(), &first_generation("seed", &"old".into()));
        let taken = seen.fresh_generation("seed", &"old".into());
        assert_eq!(
            taken,
            next_generation(&first_generation("seed", &"old".into()))
        );
    }

    #[test]
    fn a_process_knows_the_seeds_that_it_made() {
        let seen = ProcessLedger::default();
        seen.seed("made");
        assert!(seen.has_made("made") && !seen.has_made("kept"));
    }

    #[test]
    fn a_seed_tells_its_names() {
        let mine = identity(&next_generation(&first_generation("s33d", &"urn".into())));
        let name = format!("prod-vpc-{}", mine.generation);
        for id in [
            name.clone(),
            format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf"),
            format!("default/{name}"),
        ] {
            assert!(mine.named(&id), "{id}");
        }
        let other = Identity {
            seed: "other".into(),
            ..mine.clone()
        };
        assert!(!other.named(&name) && !mine.named("prod-vpc") && !mine.named("prod-vpc-é"));
    }

    #[test]
    fn an_object_is_owned_in_any_generation_but_by_one_resource() {
        let mine = identity("aaaaaaaa");
        let tags = BTreeMap::from([(mine.marker_key(), identity("1bbbbbbbb").marker())]);
        assert!(mine.owns(&tags));
        let other = Identity {
            seed: "other".into(),
            ..mine.clone()
        };
        assert!(!other.owns(&tags));
        let other = Identity {
            urn: "urn:x::y".into(),
            ..mine
        };
        assert!(!other.owns(&tags));
        assert!(!other.owns(&BTreeMap::new()));
    }

    #[test]
    fn names_fit() {
        let naming = Naming {
            field: "name",
            longest: 20,
            others: "-",
            lower: true,
        };
        assert_eq!(
            naming.name("My_Shop.Warehouse", "abcdefgh"),
            "my-shop-war-abcdefgh"
        );
        assert_eq!(naming.name("9", "abcdefgh"), "x9-abcdefgh");
        assert_eq!(naming.check("my-shop"), Ok(()));
        for (wrong, reason) in [
            ("", "must have 1 to 20 characters, not 0"),
            (
                "a-shop-of-many-things",
                "must have 1 to 20 characters, not 21",
            ),
            (
                "my shop",
                "' ' cannot be in a name; use letters, digits and \"-\"",
            ),
        ] {
            assert_eq!(naming.check(wrong), Err(reason.to_owned()));
        }
        assert!(
            Naming::is_ours("my-shop-abcdefgh", "abcdefgh")
                && !Naming::is_ours("my-shop", "abcdefgh")
        );
    }
}
