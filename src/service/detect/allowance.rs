//! How many events a detector may still send: so many within any minute. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::Timestamp;

const MINUTE: Duration = Duration::from_mins(1);

/// The events of the last minute.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    most: usize,
    sent: VecDeque<Timestamp>,
}

impl Allowance {
    /// So many a minute.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), sent: VecDeque::new() }
    }

    /// When the next one may be sent; `None`: now.
    pub(super) fn wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        // A clock that is set back must not keep a detector silent.
        self.sent.retain(|at| *at <= now && now.since(*at) < MINUTE);
        let oldest = self.sent.len().checked_sub(self.most)?;
        self.sent.get(oldest).map(|at| at.after(MINUTE))
    }

    /// One is sent.
    pub(super) fn spend(&mut self, now: Timestamp) {
        self.sent.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_the_most() {
        let mut allowance = Allowance::new(3);
        let mut sent = Vec::new();
        for second in 0..200 {
            let now = Timestamp(second * 1_000);
            match allowance.wait(now) {
                None => {
                    allowance.spend(now);
                    sent.push(second);
                }
                Some(next) => assert!(next > now && next <= now.after(MINUTE)),
            }
        }
        assert_eq!(sent, [0, 1, 2, 60, 61, 62, 120, 121, 122, 180, 181, 182]);
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nobody() {
        let mut allowance = Allowance::new(1);
        allowance.spend(Timestamp(10_000_000));
        assert_eq!(allowance.wait(Timestamp(5_000)), None);
    }
}
