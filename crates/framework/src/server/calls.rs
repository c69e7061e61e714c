//! What the engine asks for at the moment.
//!
//! The engine ends a deployment with the first component that is refused, and cuts off what is under way: other
//! components then seem to have failed, and what else is wrong with the program is not told. So a refusal waits until
//! nothing else goes on. A failing check cannot wait: the engine does nothing else until it has the answer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
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
    /// How often those were told to go on.
    told: usize,
    last: Option<Instant>,
}

/// A call that is under way until this goes.
pub(super) struct Call<'a>(&'a Calls);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
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
        Call(self)
    }

    /// Returns when nothing but refusals is left; to all of them at once.
    pub(super) async fn ended(&self) {
        let until = Instant::now() + LONGEST;
        let told = {
            let mut state = self.state();
            state.refused += 1;
            state.told
        };
        loop {
            tokio::select! {
                () = self.quiet.notified() => {}
                () = tokio::time::sleep(QUIET / 10) => {}
            }
            let mut state = self.state();
            let is_quiet = state.last.is_none_or(|last| last.elapsed() >= QUIET);
            let is_over = is_quiet && state.under_way <= state.refused;
            if state.told == told && (is_over || Instant::now() >= until) {
                state.told += 1;
                self.quiet.notify_waiters();
            }
            if state.told != told {
                state.refused -= 1;
                return;
            }
        }
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
        let ended = async || {
            calls.ended().await;
            Instant::now()
        };
        let both = join(ended(), ended()).shared();
        let early = tokio::time::timeout(QUIET * 2, both.clone()).await;
        assert!(early.is_err(), "another call is under way");
        let since = Instant::now();
        drop(other);
        let (first, second) = both.await;
        assert!(since.elapsed() >= QUIET && since.elapsed() < LONGEST);
        let apart = first.max(second) - first.min(second);
        assert!(apart < QUIET / 10, "{apart:?}");
        assert_eq!(calls.state().refused, 0);
    }
}
