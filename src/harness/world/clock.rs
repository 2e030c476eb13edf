//! Time that stands still while anybody works, and jumps to the next moment that somebody waits for once nobody does.
//!
//! The jump is made where the runtime's only thread would otherwise go to sleep, so a pause of half an hour takes no time and the
//! order of events is the same each time. What it must not know: what is being waited for.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use crate::base::clock::{Clock, Timestamp};

/// A clock that is moved by the runtime of [`within_virtual_time`].
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    /// By moment, then by who came first.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    tickets: u64,
    wait: Option<Wait>,
}

/// What whoever drives the world waits for.
#[derive(Debug)]
struct Wait {
    until: Timestamp,
    waker: Waker,
    reached: Option<Reached>,
}

/// Why time stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The moment has come.
    Moment,
    /// Nobody does anything or waits for any moment.
    Idle,
}

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { state: Mutex::new(State { now: start, sleepers: BTreeMap::new(), tickets: 0, wait: None }) }
    }

    /// Lets everybody work and time pass until `moment`, or until nothing more can happen.
    pub async fn run_until(&self, moment: Timestamp) -> Reached {
        let mut asked = false;
        poll_fn(|context| {
            let mut state = self.state();
            if asked && let Some(reached) = state.wait.as_ref().and_then(|wait| wait.reached) {
                state.wait = None;
                return Poll::Ready(reached);
            }
            asked = true;
            state.wait = Some(Wait { until: moment, waker: context.waker().clone(), reached: None });
            Poll::Pending
        })
        .await
    }

    /// Moves on to a moment for which nobody waits.
    pub fn jump_to(&self, moment: Timestamp) {
        let mut state = self.state();
        state.now = state.now.max(moment);
    }

    /// Moves time on by one step; called when everybody waits.
    fn advance(&self) {
        let mut state = self.state();
        let State { now, sleepers, wait, .. } = &mut *state;
        let Some(wait) = wait else { return };
        let reached = match sleepers.first_key_value() {
            Some(((moment, _), _)) if *moment <= wait.until => {
                *now = (*now).max(*moment);
                let later = sleepers.split_off(&(Timestamp(now.0.saturating_add(1)), 0));
                for (_, waker) in std::mem::replace(sleepers, later) {
                    waker.wake();
                }
                return;
            }
            Some(_) => Reached::Moment,
            None => Reached::Idle,
        };
        if reached == Reached::Moment {
            *now = (*now).max(wait.until);
        }
        wait.reached = Some(reached);
        wait.waker.wake_by_ref();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    async fn sleep_until(&self, moment: Timestamp) {
        Sleep { clock: self, moment, ticket: None }.await;
    }
}

/// Somebody who waits for a moment; forgotten when dropped.
struct Sleep<'a> {
    clock: &'a VirtualClock,
    moment: Timestamp,
    ticket: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.moment {
            return Poll::Ready(());
        }
        let ticket = self.ticket.unwrap_or(state.tickets);
        if self.ticket.is_none() {
            state.tickets += 1;
        }
        state.sleepers.insert((self.moment, ticket), context.waker().clone());
        drop(state);
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.clock.state().sleepers.remove(&(self.moment, ticket));
        }
    }
}

/// Does asynchronous work on one thread, with `clock` moved on whenever everybody waits.
///
/// # Errors
/// The system gives no runtime.
pub fn within_virtual_time<T>(clock: &Arc<VirtualClock>, work: impl Future<Output = T>) -> std::io::Result<T> {
    let moved = Arc::clone(clock);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().on_thread_park(move || moved.advance()).build()?;
    Ok(runtime.block_on(work))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp(1_000);

    fn clock() -> Arc<VirtualClock> {
        Arc::new(VirtualClock::starting_at(START))
    }

    #[test]
    fn half_a_year_passes_at_once_and_in_order() {
        let clock = clock();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let reached = within_virtual_time(&clock, async {
            for (name, minutes) in [("late", 250_000), ("soon", 1), ("also soon", 1)] {
                let (clock, heard) = (Arc::clone(&clock), Arc::clone(&heard));
                tokio::spawn(async move {
                    clock.sleep_until(START.after(Duration::from_mins(minutes))).await;
                    heard.lock().unwrap().push((name, clock.now().since(START)));
                });
            }
            clock.run_until(START.after(Duration::from_hours(10_000))).await
        });
        assert_eq!(reached.unwrap(), Reached::Idle);
        let minutes = Duration::from_mins;
        let expected = [("soon", minutes(1)), ("also soon", minutes(1)), ("late", minutes(250_000))];
        assert_eq!(*heard.lock().unwrap(), expected);
    }

    #[test]
    fn time_stops_at_the_moment_that_is_waited_for() {
        let clock = clock();
        let moment = START.after(Duration::from_secs(5));
        within_virtual_time(&clock, async {
            let sleeper = Arc::clone(&clock);
            let task = tokio::spawn(async move { sleeper.sleep_until(Timestamp(i64::MAX)).await });
            assert_eq!(clock.run_until(moment).await, Reached::Moment);
            assert_eq!(clock.now(), moment);
            // Whoever is gone waits no more.
            task.abort();
            assert_eq!(clock.run_until(Timestamp(i64::MAX)).await, Reached::Idle);
            assert_eq!(clock.now(), moment);
        })
        .unwrap();
    }
}
