//! What one operation on one resource may use: AWS, who the resource is, how long it may take, and a way to say how it
//! goes.

use crate::{
    aws::{Aws, Class, Clients, Configuration, partition},
    error::{Error, Result},
    identity::{Identity, ProcessLedger},
    props::Property,
    urn::Urn,
    value::Properties,
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For the user.
    Info,
    /// The user should look.
    Warning,
}

/// Where messages for the user go.
pub trait Log: Send + Sync {
    /// Says something about a resource. An ephemeral message is a status line, shown until the next.
    fn log(&self, urn: &Urn, severity: Severity, message: &str, ephemeral: bool);
}

/// Finds in AWS what is left of a component.
pub trait Orphans: Send + Sync {
    /// What carries the seed of `cx.identity`, of the kinds that its component is made of, and why that is not known of
    /// others.
    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, (Vec<String>, Vec<Error>)>;
}

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What one operation on one resource may use.
pub struct Context {
    /// The clients of the resource's region.
    pub aws: Arc<Clients>,
    /// Whose credentials these are, and the configuration.
    pub account: Arc<Aws>,
    /// Who the resource is.
    pub identity: Identity,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) cancel: CancellationToken,
    pub(crate) started: Instant,
    pub(crate) timeout: Duration,
    pub(crate) default_tags: Tags,
    pub(crate) ledger: Arc<ProcessLedger>,
    pub(crate) orphans: Arc<dyn Orphans>,
    /// See [`Context::is_outside_component`].
    pub(crate) outside_component: bool,
    pub(crate) memory: Memory,
}

/// What one operation knows of its object, at first and as it goes on.
#[derive(Default)]
pub(crate) struct Memory {
    /// The last status line.
    pub(crate) status: Mutex<String>,
    /// The outputs in the state, and those kept since.
    pub(crate) state: Mutex<Properties>,
    /// Whether there can be nothing yet: see [`Context::is_first`].
    pub(crate) first: AtomicBool,
    /// All tags, as they were read.
    pub(crate) found: Mutex<Option<Tags>>,
    /// The tag keys in the state: an update removes no others. `None`: any.
    pub(crate) tagged: Option<BTreeSet<String>>,
}

/// What a look at something that is under way shows.
pub enum Progress<T> {
    /// It is done.
    Done(T),
    /// It is not, and this is its state.
    Pending(String),
}

impl Context {
    /// The tags to put on the object: the provider's default tags, `Name`, the user's, and the marker.
    #[must_use]
    pub fn tags(&self, own: Option<&Tags>) -> Tags {
        let mut tags = self.default_tags.clone();
        tags.extend(own.cloned().unwrap_or_default());
        // IAM takes no second key that differs in case alone.
        if !tags.keys().any(|key| key.eq_ignore_ascii_case("Name")) {
            tags.insert("Name".to_owned(), self.identity.label());
        }
        tags.insert(self.identity.marker_key(), self.identity.marker());
        tags
    }

    /// The tags of an object less those that [`Context::tags`] adds: what the user set, or somebody else.
    #[must_use]
    pub fn user_tags(&self, all: &Tags, own: Option<&Tags>) -> Option<Tags> {
        *lock(&self.memory.found) = Some(all.clone());
        let added = self.tags(None);
        let marker = self.identity.marker_key();
        let mine = |key: &String| own.is_some_and(|own| own.contains_key(key));
        let keep = |key: &String, value: &String| mine(key) || added.get(key) != Some(value);
        let tags: Tags = all
            .iter()
            .filter(|(k, v)| **k != marker && !k.starts_with("aws:") && keep(k, v))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        (own.is_some() || !tags.is_empty()).then_some(tags)
    }

    /// What to set and what to remove so that the tags of an object become those of [`Context::tags`].
    #[must_use]
    pub fn tag_changes(&self, old: Option<&Tags>, new: Option<&Tags>) -> (Tags, Vec<String>) {
        let (before, after) = (self.tags(old), self.tags(new));
        let tagged = self.memory.tagged.as_ref();
        let ours = |key: &&String| tagged.is_none_or(|keys| keys.contains(*key));
        let removed = before
            .keys()
            .filter(|k| !after.contains_key(*k))
            .filter(ours)
            .cloned()
            .collect();
        // What was read counts: the default tags may have changed since.
        let found = lock(&self.memory.found);
        let there = found.as_ref().unwrap_or(&before);
        let set = after
            .into_iter()
            .filter(|(k, v)| there.get(k) != Some(v))
            .collect();
        (set, removed)
    }

    /// A context in which no call can be made, for tests.
    #[must_use]
    pub fn offline(region: &str, identity: Identity) -> Self {
        let account = Aws::new(
            identity.package,
            Configuration::default(),
            region.to_owned(),
        );
        Self {
            aws: Arc::new(Clients::offline(region)),
            account: Arc::new(account),
            identity,
            log: Arc::new(Nobody),
            cancel: CancellationToken::new(),
            started: Instant::now(),
            timeout: Duration::from_secs(60),
            default_tags: Tags::new(),
            ledger: Arc::default(),
            orphans: Arc::new(Nobody),
            outside_component: false,
            memory: Memory::default(),
        }
    }

    /// The same for another seed.
    pub(crate) fn with_seed(&self, seed: &str) -> Self {
        let identity = Identity {
            seed: seed.to_owned(),
            ..self.identity.clone()
        };
        Self {
            aws: self.aws.clone(),
            account: self.account.clone(),
            identity,
            log: self.log.clone(),
            cancel: self.cancel.clone(),
            started: self.started,
            timeout: self.timeout,
            default_tags: self.default_tags.clone(),
            ledger: self.ledger.clone(),
            orphans: self.orphans.clone(),
            outside_component: self.outside_component,
            memory: Memory::default(),
        }
    }

    /// Whether there can be nothing that carries the seed and was left by an interrupted create: this process has made
    /// the seed, and this is the first attempt.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.memory.first.load(Ordering::Relaxed)
    }

    /// Whether the resource belongs to no component: its seed is that of all such resources of the stack.
    #[must_use]
    pub fn is_outside_component(&self) -> bool {
        self.outside_component
    }

    /// How long the operation takes so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether AWS goes on refusing a delete because something uses the object. What the engine deletes at the same time
    /// gets a moment first.
    #[must_use]
    pub fn is_still_in_use(&self, error: &Error) -> bool {
        error.class() == Some(Class::InUse) && self.elapsed() > Duration::from_secs(5)
    }

    /// Whether the user has interrupted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Returns when the user interrupts.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// The partition of the resource's region.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        partition(self.aws.region())
    }

    /// The ARN of an object in the resource's region.
    #[must_use]
    pub fn arn(&self, service: &str, account: &str, object: &str) -> String {
        let (partition, region) = (self.partition(), self.aws.region());
        format!("arn:{partition}:{service}:{region}:{account}:{object}")
    }

    /// The ARN of the object itself, where AWS does not tell it: as the state has it, or else in the caller's account.
    ///
    /// # Errors
    /// Missing or wrong credentials.
    pub async fn own_arn(&self, service: &str, object: &str) -> Result<String> {
        let known = self.recall::<String>("arn").filter(|arn| {
            let account = arn.split(':').nth(4).unwrap_or_default();
            !account.is_empty() && *arn == self.arn(service, account, object)
        });
        match known {
            Some(arn) => Ok(arn),
            None => Ok(self.arn(service, &self.account.caller().await?.account_id, object)),
        }
    }

    /// An output as the state has it, for a read of what AWS does not tell.
    #[must_use]
    pub fn recall<T: Property>(&self, name: &str) -> Option<T> {
        let state = lock(&self.memory.state);
        T::decode(&state.get(name)?.plain()).ok()
    }

    /// Has a later read find this output.
    pub fn keep(&self, name: &str, value: &impl Property) {
        let mut state = lock(&self.memory.state);
        state.insert(name.to_owned(), value.encode());
    }

    /// Shows a status line.
    pub fn status(&self, message: impl Into<String>) {
        let message = message.into();
        let mut last = lock(&self.memory.status);
        if *last != message {
            self.log
                .log(&self.identity.urn, Severity::Info, &message, true);
            *last = message;
        }
    }

    /// Tells the user something that stays on the screen.
    pub fn say(&self, message: &str) {
        self.log
            .log(&self.identity.urn, Severity::Info, message, false);
    }

    /// Warns the user.
    pub fn warn(&self, message: &str) {
        self.log
            .log(&self.identity.urn, Severity::Warning, message, false);
    }

    /// Looks again and again until it is done: soon at first, every ten seconds at the end. Shows what it waits for.
    ///
    /// # Errors
    /// What the look fails with, the user's interruption, or the end of the resource's timeout.
    pub async fn wait<T, F>(&self, what: &str, mut look: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<Progress<T>>>,
    {
        let started = Instant::now();
        let mut delay = Duration::from_millis(150);
        loop {
            let state = match self.in_time(what, Box::pin(look())).await? {
                Progress::Done(value) => return Ok(value),
                Progress::Pending(state) => state,
            };
            self.status(format!("{what}: {state}, {}", pretty(started.elapsed())));
            self.pause(delay, what, &state).await?;
            delay = delay.mul_f64(1.5).min(Duration::from_secs(10));
        }
    }

    /// Does something again while AWS answers that it is too early or too late: what was made a moment ago is not
    /// visible yet, or what uses the object has not gone yet.
    ///
    /// # Errors
    /// The last answer, the user's interruption, or the end of the resource's timeout.
    pub async fn retry<T, F>(
        &self,
        what: &str,
        phase: Phase,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let started = Instant::now();
        let mut delay = Duration::from_millis(50);
        loop {
            let error = match self.in_time(what, Box::pin(attempt())).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let patience = error
                .class()
                .and_then(|class| phase.patience(class))
                .unwrap_or_default();
            let least = match error.class() {
                // What was made although the answer is lost takes a moment to be seen.
                Some(Class::Unreachable | Class::Failed) => 3_000,
                Some(Class::Throttled) => 500,
                _ => 0,
            };
            delay = delay.max(Duration::from_millis(least));
            if started.elapsed() + delay > patience || self.started.elapsed() + delay > self.timeout
            {
                return Err(error);
            }
            let state = error.reason();
            self.status(format!(
                "{what}: waiting for AWS ({state}), {}",
                pretty(started.elapsed())
            ));
            self.pause(delay, what, &state).await?;
            delay = delay.mul_f64(1.5).min(Duration::from_secs(10));
        }
    }

    /// What an attempt comes to, unless it hangs when the user interrupts or when the time is over.
    pub(crate) async fn in_time<T>(
        &self,
        what: &str,
        attempt: Pin<Box<impl Future<Output = Result<T>>>>,
    ) -> Result<T> {
        let left = self.timeout.saturating_sub(self.started.elapsed());
        tokio::select! {
            result = attempt => result,
            () = async {
                self.cancel.cancelled().await;
                tokio::time::sleep(GRACE).await;
            } => Err(Error::Cancelled(format!("{what} (AWS has not answered)"))),
            () = tokio::time::sleep(left + GRACE) => Err(self.timed_out(what, "AWS has not answered")),
        }
    }

    fn timed_out(&self, what: &str, state: &str) -> Error {
        Error::Timeout {
            what: what.to_owned(),
            state: state.to_owned(),
            minutes: self.timeout.as_secs().div_ceil(60),
        }
    }

    async fn pause(&self, delay: Duration, what: &str, state: &str) -> Result<()> {
        if self.started.elapsed() + delay > self.timeout {
            return Err(self.timed_out(what, state));
        }
        let jitter = delay.mul_f64(rand::random_range(0.8..1.2));
        tokio::select! {
            () = self.cancel.cancelled() => Err(Error::Cancelled(format!("{what} ({state})"))),
            () = tokio::time::sleep(jitter) => Ok(()),
        }
    }
}

/// Who hears nothing and finds nothing.
struct Nobody;

impl Log for Nobody {
    fn log(&self, _: &Urn, _: Severity, _: &str, _: bool) {}
}

impl Orphans for Nobody {
    fn list<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, (Vec<String>, Vec<Error>)> {
        std::future::ready((Vec::new(), Vec::new())).boxed()
    }
}

/// How long a call under way may still take once the user has interrupted, or the time is over: its answer says what
/// there is.
const GRACE: Duration = Duration::from_secs(15);

/// Which part of a resource's life an attempt belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Something is made: what it needs may not be visible yet.
    Create,
    /// What was made a moment ago is configured: it may not be visible yet.
    Settle,
    /// Something is changed.
    Update,
    /// Something is removed: what uses it may not be gone yet.
    Delete,
}

impl Phase {
    /// For how long an answer of that class is no answer yet.
    fn patience(self, class: Class) -> Option<Duration> {
        let seconds = match (self, class) {
            (Self::Create | Self::Settle | Self::Update, Class::NotYet) => 120,
            (Self::Create | Self::Settle | Self::Update, Class::InUse) => 300,
            // A dependency made a moment ago is visible within seconds; a wrong id never is.
            (Self::Create, Class::NotFound) => 12,
            (Self::Settle, Class::NotFound) => 60,
            // The SDK has tried again for longer, but for a create that must look first, and for what an answer that
            // succeeds tells.
            (
                Self::Create | Self::Delete,
                Class::Throttled | Class::Unreachable | Class::Failed,
            ) => 30,
            // Network interfaces of stopped tasks linger for minutes.
            (Self::Delete, Class::InUse) => 1_200,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pretty(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}
