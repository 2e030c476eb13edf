//! The events of one target that wait to be routed, in the order in which they will be.
//!
//! Priority first, then sequence. A level of priority is worth [`AGE_STEP_MS`] of waiting: an event of priority 9 that
//! has waited long enough goes before a fresh one of priority 0, so that nothing starves. That makes the order a fixed
//! key, made when the event was accepted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ports::StoredEvent;
use crate::base::clock::Timestamp;
use crate::model::event::Event;

/// What one level of priority is worth in waiting.
pub const AGE_STEP_MS: i64 = 10_000;

/// The only type of event that a paused target takes.
pub const WAKE: &str = "WAKE";

/// An accepted event that is not settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    pub sequence: u64,
    pub accepted_at: Timestamp,
    /// How often handling it was tried in vain.
    pub attempts: u32,
    pub event: Event,
}

impl From<StoredEvent> for Queued {
    fn from(stored: StoredEvent) -> Self {
        let StoredEvent { sequence, accepted_at, attempts, event, .. } = stored;
        Self { sequence, accepted_at, attempts, event }
    }
}

/// Events ordered by when and in what order they are due.
#[derive(Debug, Default)]
pub struct EventQueue {
    ready: BinaryHeap<Reverse<Slot<(i64, u64)>>>,
    delayed: BinaryHeap<Reverse<Slot<(Timestamp, u64)>>>,
    /// Put aside while the target is paused.
    held: Vec<Queued>,
}

impl EventQueue {
    pub fn push(&mut self, queued: Queued, now: Timestamp) {
        match queued.event.deliver_at {
            Some(moment) if moment > now => {
                self.delayed.push(Reverse(Slot { key: (moment, queued.sequence), queued }));
            }
            _ => self.make_ready(queued),
        }
    }

    /// The next event that may be routed now. While `paused`, only one of type [`WAKE`].
    pub fn pop(&mut self, now: Timestamp, paused: bool) -> Option<Queued> {
        while self.delayed.peek().is_some_and(|Reverse(slot)| slot.key.0 <= now) {
            if let Some(Reverse(slot)) = self.delayed.pop() {
                self.make_ready(slot.queued);
            }
        }
        if !paused {
            for queued in std::mem::take(&mut self.held) {
                self.make_ready(queued);
            }
        }
        while let Some(Reverse(slot)) = self.ready.pop() {
            if paused && slot.queued.event.kind != WAKE {
                self.held.push(slot.queued);
                continue;
            }
            return Some(slot.queued);
        }
        None
    }

    /// When the next delayed event is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.delayed.peek().map(|Reverse(slot)| slot.key.0)
    }

    /// Since when the event has been due that goes next; `None` where none is due.
    pub fn due_since(&self) -> Option<Timestamp> {
        self.ready.peek().map(|Reverse(slot)| since(&slot.queued))
    }

    pub fn len(&self) -> usize {
        self.ready.len() + self.delayed.len() + self.held.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn make_ready(&mut self, queued: Queued) {
        let key =
            (since(&queued).0.saturating_add(i64::from(queued.event.priority.level()) * AGE_STEP_MS), queued.sequence);
        self.ready.push(Reverse(Slot { key, queued }));
    }
}

/// A delayed event waits from the moment it is due.
fn since(queued: &Queued) -> Timestamp {
    queued.event.deliver_at.map_or(queued.accepted_at, |moment| moment.max(queued.accepted_at))
}

/// Ordered by its key alone.
#[derive(Debug)]
struct Slot<K> {
    key: K,
    queued: Queued,
}

impl<K: Ord> Ord for Slot<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl<K: Ord> PartialOrd for Slot<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> PartialEq for Slot<K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Ord> Eq for Slot<K> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Priority;

    fn queued(sequence: u64, accepted_at: i64, priority: u8, deliver_at: Option<i64>, kind: &str) -> Queued {
        let event = Event {
            id: sequence.to_string(),
            source: "test".to_owned(),
            kind: kind.to_owned(),
            subject: None,
            time: Timestamp(accepted_at),
            data: serde_json::Value::Null,
            priority: Priority::new(priority).unwrap(),
            deliver_at: deliver_at.map(Timestamp),
            during_test: false,
            chain: 0,
            extensions: serde_json::Map::new(),
        };
        Queued { sequence, accepted_at: Timestamp(accepted_at), attempts: 0, event }
    }

    fn order(queue: &mut EventQueue, now: i64, paused: bool) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(Timestamp(now), paused)).map(|queued| queued.sequence).collect()
    }

    #[test]
    fn priority_goes_first_and_sequence_within_it() {
        let mut queue = EventQueue::default();
        for (sequence, priority) in [(1, 5), (2, 0), (3, 9), (4, 5), (5, 0)] {
            queue.push(queued(sequence, 0, priority, None, "X"), Timestamp(0));
        }
        assert_eq!(order(&mut queue, 0, false), [2, 5, 1, 4, 3]);
    }

    #[test]
    fn what_waited_long_enough_goes_before_what_is_urgent() {
        let mut queue = EventQueue::default();
        queue.push(queued(1, 0, 9, None, "X"), Timestamp(0));
        queue.push(queued(2, 9 * AGE_STEP_MS + 1, 0, None, "X"), Timestamp(0));
        assert_eq!(order(&mut queue, 200_000, false), [1, 2]);
    }

    #[test]
    fn a_delayed_event_waits_for_its_moment() {
        let mut queue = EventQueue::default();
        queue.push(queued(1, 0, 0, Some(1_000), "X"), Timestamp(0));
        queue.push(queued(2, 0, 5, None, "X"), Timestamp(0));
        assert_eq!(order(&mut queue, 999, false), [2]);
        assert_eq!((queue.next_due(), queue.due_since()), (Some(Timestamp(1_000)), None));
        assert_eq!(order(&mut queue, 1_000, false), [1]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_paused_target_takes_nothing_but_wake() {
        let mut queue = EventQueue::default();
        queue.push(queued(1, 0, 0, None, "X"), Timestamp(0));
        queue.push(queued(2, 0, 5, None, WAKE), Timestamp(0));
        assert_eq!(order(&mut queue, 0, true), [2]);
        assert_eq!(queue.len(), 1);
        assert_eq!(order(&mut queue, 0, false), [1]);
    }
}
