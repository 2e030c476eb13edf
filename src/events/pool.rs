//! Threads for handlers that are slow: bounded, and nobody else's.
//!
//! A handler that blocks its thread for ever costs one thread of the pool and nothing else.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use tokio::runtime::Handle;

use super::topics::Seat;
use super::{Admitted, Core, handler, lock};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By priority, then in the order in which they came.
    jobs: BTreeMap<(u8, u64), Job>,
    came: u64,
    stopped: bool,
}

#[derive(Debug)]
struct Job {
    seat: Arc<Seat>,
    admitted: Arc<Admitted>,
    attempt: u32,
}

impl Pool {
    pub(super) fn put(&self, seat: &Arc<Seat>, admitted: Arc<Admitted>, attempt: u32) {
        let mut state = lock(&self.shared.state);
        state.came += 1;
        let key = (admitted.event.priority.level(), state.came);
        state.jobs.insert(key, Job { seat: Arc::clone(seat), admitted, attempt });
        self.shared.changed.notify_one();
    }

    /// Starts the threads. Must be called inside a tokio runtime.
    pub(super) fn start(&self, threads: NonZero<usize>, core: &Arc<Core>) {
        let runtime = Handle::current();
        for number in 0..threads.get() {
            let (shared, core, runtime) = (Arc::clone(&self.shared), Arc::downgrade(core), runtime.clone());
            let thread = std::thread::Builder::new().name(format!("slow-handlers-{number}"));
            if let Err(error) = thread.spawn(move || work(&shared, &core, &runtime)) {
                tracing::error!(%error, "a thread for slow handlers could not be started");
            }
        }
    }

    /// Has the threads end once they are done with what they are at.
    pub(super) fn stop(&self) {
        lock(&self.shared.state).stopped = true;
        self.shared.changed.notify_all();
    }
}

fn work(shared: &Shared, core: &Weak<Core>, runtime: &Handle) {
    loop {
        let job = {
            let mut state = lock(&shared.state);
            loop {
                if state.stopped {
                    return;
                }
                if let Some((_, job)) = state.jobs.pop_first() {
                    break job;
                }
                state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let Some(core) = core.upgrade() else { return };
        let Job { seat, admitted, attempt } = job;
        let _inside = runtime.enter();
        let result = runtime.block_on(handler::attempt(&core, &seat, &admitted, attempt));
        core.settle(&seat, admitted, attempt, result);
    }
}
