//! One queue and the task that works on it: everything about a subject is in the same one, so its order is kept.

use std::cmp::{Ordering as Order, Reverse};
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tokio::sync::Notify;

use super::handler::{self, HandlerError};
use super::topics::{Seat, Topic};
use super::{Admitted, Core, lock};
use crate::base::clock::Timestamp;
use crate::runtime::queue::AGE_STEP_MS;

/// So many events are handled before the lane looks at what has come, which may be more urgent.
const ROUND: usize = 256;

/// What publishers see of a lane.
#[derive(Debug, Default)]
pub(super) struct Lane {
    inbox: Mutex<Vec<Arrival>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Arrival {
    sequence: u64,
    admitted: Arc<Admitted>,
    topic: Option<Arc<Topic>>,
}

impl Lane {
    pub(super) fn put(&self, sequence: u64, admitted: Arc<Admitted>, topic: Option<Arc<Topic>>) {
        let is_first = {
            let mut inbox = lock(&self.inbox);
            inbox.push(Arrival { sequence, admitted, topic });
            inbox.len() == 1
        };
        // The lane takes all there is: who finds it empty has to wake it.
        if is_first {
            self.arrived.notify_one();
        }
    }
}

/// Ordered by its key alone.
#[derive(Debug)]
struct Slot {
    key: (i64, u64),
    arrival: Arrival,
}

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> Order {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Slot {}

/// What waits in a lane.
#[derive(Debug, Default)]
struct Waiting {
    ready: BinaryHeap<Reverse<Slot>>,
    later: BinaryHeap<Reverse<Slot>>,
}

impl Waiting {
    fn push(&mut self, arrival: Arrival, now: Timestamp) -> bool {
        match arrival.admitted.event.deliver_at {
            Some(moment) if moment > now => {
                let key = (moment.0, arrival.sequence);
                self.later.push(Reverse(Slot { key, arrival }));
                true
            }
            _ => {
                self.make_ready(arrival, now);
                false
            }
        }
    }

    fn make_ready(&mut self, arrival: Arrival, now: Timestamp) {
        let level = i64::from(arrival.admitted.event.priority.level());
        let key = (now.0.saturating_add(level * AGE_STEP_MS), arrival.sequence);
        self.ready.push(Reverse(Slot { key, arrival }));
    }

    /// What is due now becomes ready; how much that was.
    fn advance(&mut self, now: Timestamp) -> usize {
        let mut due = 0;
        while self.later.peek().is_some_and(|Reverse(slot)| slot.key.0 <= now.0) {
            if let Some(Reverse(slot)) = self.later.pop() {
                self.make_ready(slot.arrival, Timestamp(slot.key.0));
                due += 1;
            }
        }
        due
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.later.peek().map(|Reverse(slot)| Timestamp(slot.key.0))
    }
}

/// Works on a lane until the system is closed.
pub(super) async fn work(core: Arc<Core>, index: usize) {
    let Some(lane) = core.lanes.get(index) else { return };
    let mut waiting = Waiting::default();
    let mut taken = Vec::new();
    loop {
        std::mem::swap(&mut taken, &mut *lock(&lane.inbox));
        let now = core.now();
        for arrival in taken.drain(..) {
            if waiting.push(arrival, now) {
                core.room.later.fetch_add(1, Ordering::AcqRel);
                core.room.freed.notify_waiters();
            }
        }
        let due = waiting.advance(now);
        if due > 0 {
            core.room.later.fetch_sub(due, Ordering::AcqRel);
        }
        for _ in 0..ROUND {
            let Some(Reverse(slot)) = waiting.ready.pop() else { break };
            deliver(&core, slot.arrival).await;
        }
        if !waiting.ready.is_empty() {
            tokio::task::yield_now().await;
            continue;
        }
        let due = waiting.next_due();
        tokio::select! {
            biased;
            () = core.closing.cancelled() => return,
            () = lane.arrived.notified() => {}
            () = async { core.options.clock.sleep_until(due.unwrap_or_default()).await }, if due.is_some() => {}
        }
    }
}

/// Gives an event to everybody who gets it.
async fn deliver(core: &Arc<Core>, arrival: Arrival) {
    let Arrival { admitted, topic, .. } = arrival;
    let Some(topic) = topic else { return };
    for seat in &topic.slow {
        core.pool.put(seat, Arc::clone(&admitted), 1);
    }
    for seat in &topic.quick {
        hand(core, seat, &admitted).await;
    }
}

/// A handler that is done at once is done here. One that awaits goes on in a task of its own, and the lane with it.
async fn hand(core: &Arc<Core>, seat: &Arc<Seat>, admitted: &Arc<Admitted>) {
    let mut handling: Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send>> = {
        let (core, seat, admitted) = (Arc::clone(core), Arc::clone(seat), Arc::clone(admitted));
        Box::pin(async move { handler::attempt(&core, &seat, &admitted, 1).await })
    };
    match poll_fn(|context| Poll::Ready(handling.as_mut().poll(context))).await {
        Poll::Ready(result) => core.settle(seat, Arc::clone(admitted), 1, result),
        Poll::Pending => {
            let (core, seat, admitted) = (Arc::clone(core), Arc::clone(seat), Arc::clone(admitted));
            tokio::spawn(async move {
                let result = handling.await;
                core.settle(&seat, admitted, 1, result);
            });
        }
    }
}
