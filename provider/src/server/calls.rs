//! What the engine asks for at the moment.
//!
//! The engine ends a deployment with the first component or resource that is refused, and cuts off what is under way:
//! components then seem to have failed, and what else is wrong with the program is not told. So a refusal waits until
//! nothing else goes on.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// For how long nothing must have happened.
const QUIET: Duration = Duration::from_millis(200);
/// What is made may take longer, and the engine waits for that itself.
const LONGEST: Duration = Duration::from_secs(5);

/// The calls of the engine.
#[derive(Default)]
pub(super) struct Calls {
    state: Mutex<State>,
    quiet: Notify,
}

#[derive(Default)]
struct State {
    under_way: usize,
    /// Those of them that were refused, and wait to say so.
    refused: usize,
    /// Those of them that are judged, and wait for the engine.
    judged: usize,
    last: Option<Instant>,
}

/// A call that is under way until this goes.
pub(super) struct Call<'a> {
    calls: &'a Calls,
    is_judged: AtomicBool,
}

impl Call<'_> {
    /// Notes that nothing more is found wrong with it.
    pub(super) fn judged(&self) {
        self.is_judged.store(true, Ordering::Relaxed);
        self.calls.state().judged += 1;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut state = self.calls.state();
        state.under_way -= 1;
        state.judged -= usize::from(self.is_judged.load(Ordering::Relaxed));
        state.last = Some(Instant::now());
    }
}

impl Calls {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call.
    pub(super) fn begin(&self) -> Call<'_> {
        let mut state = self.state();
        state.under_way += 1;
        state.last = Some(Instant::now());
        Call {
            calls: self,
            is_judged: AtomicBool::default(),
        }
    }

    /// Returns when nothing but refusals is left; to all of them at once.
    pub(super) async fn ended(&self) {
        self.quiet(|state| state.under_way <= state.refused).await;
    }

    /// Returns when nothing is left that may be refused. A check that does not return holds up the engine, and so
    /// whatever waits for it.
    pub(super) async fn all_judged(&self) {
        self.quiet(|state| state.under_way <= state.refused + state.judged)
            .await;
    }

    async fn quiet(&self, is_over: impl Fn(&State) -> bool) {
        self.state().refused += 1;
        let until = Instant::now() + LONGEST;
        loop {
            tokio::select! {
                () = self.quiet.notified() => break,
                () = tokio::time::sleep(QUIET / 10) => {}
            }
            let state = self.state();
            let is_quiet = state.last.is_none_or(|last| last.elapsed() >= QUIET);
            if (is_quiet && is_over(&state)) || Instant::now() >= until {
                self.quiet.notify_waiters();
                break;
            }
        }
        self.state().refused -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, future::join};

    #[tokio::test]
    async fn refusals_wait_for_what_goes_on_and_come_together() {
        let calls = Calls::default();
        let (_first, _second, other) = (calls.begin(), calls.begin(), calls.begin());
        let both = join(calls.ended(), calls.ended()).shared();
        other.judged();
        let early = tokio::time::timeout(QUIET * 2, both.clone()).await;
        assert!(early.is_err(), "another call is under way");
        let since = Instant::now();
        drop(other);
        both.await;
        assert!(since.elapsed() >= QUIET && since.elapsed() < LONGEST);
        assert_eq!(calls.state().refused, 0);
    }

    #[tokio::test]
    async fn a_check_waits_for_nothing_that_waits_for_the_engine() {
        let calls = Calls::default();
        let (_check, _refused, other) = (calls.begin(), calls.begin(), calls.begin());
        let both = join(calls.all_judged(), calls.ended()).shared();
        let early = tokio::time::timeout(QUIET * 2, both.clone()).await;
        assert!(early.is_err(), "another call may be refused");
        let since = Instant::now();
        other.judged();
        both.await;
        assert!(since.elapsed() < LONGEST);
    }
}
