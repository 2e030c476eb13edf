//! Latencies as counts in buckets, so that those of many agents can be added and a percentile taken of all of them.
//!
//! A bucket's bounds are 4.4 % apart, so a percentile is off by no more than 2.2 %.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds and counts are far below 2^53"
)]

use std::time::Duration;

/// Buckets for each doubling.
const FINENESS: f64 = 16.0;

/// Up to about two minutes; what took longer is counted there.
pub const BUCKETS: usize = 27 * 16;

/// The bucket that a latency belongs to.
pub fn bucket(latency: Duration) -> usize {
    let microseconds = latency.as_micros().max(1) as f64;
    ((microseconds.log2() * FINENESS) as usize).min(BUCKETS - 1)
}

/// The middle of a bucket, milliseconds.
pub fn middle_ms(bucket: usize) -> f64 {
    ((bucket as f64 + 0.5) / FINENESS).exp2() / 1_000.0
}

/// Latencies that were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// By bucket; as long as the highest that is used.
    counts: Vec<u64>,
}

impl Latencies {
    pub fn add(&mut self, bucket: usize, count: u64) {
        let bucket = bucket.min(BUCKETS - 1);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(counted) = self.counts.get_mut(bucket) {
            *counted = counted.saturating_add(count);
        }
    }

    /// Of this share of all latencies none is above; `None` where nothing was counted.
    pub fn percentile_ms(&self, share: f64) -> Option<f64> {
        let all: u64 = self.counts.iter().sum();
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.map(middle_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_near_what_is_in_it() {
        for microseconds in [1_u64, 37, 999, 20_000, 250_000, 9_999_999, 100_000_000] {
            let found = middle_ms(bucket(Duration::from_micros(microseconds)));
            let is = microseconds as f64 / 1_000.0;
            assert!((found / is - 1.0).abs() < 0.025 || microseconds == 1, "{microseconds} us: {found} ms");
        }
        assert_eq!(bucket(Duration::from_hours(1)), BUCKETS - 1);
        assert_eq!(bucket(Duration::ZERO), 0);
    }

    #[test]
    fn a_percentile_is_that_of_all_that_were_added() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile_ms(0.5), None);
        latencies.add(bucket(Duration::from_millis(20)), 98);
        latencies.add(bucket(Duration::from_millis(300)), 2);
        assert!(latencies.percentile_ms(0.5).is_some_and(|ms| (ms - 20.0).abs() < 0.5));
        assert!(latencies.percentile_ms(0.98).is_some_and(|ms| (ms - 20.0).abs() < 0.5));
        assert!(latencies.percentile_ms(0.99).is_some_and(|ms| (ms - 300.0).abs() < 7.0));
    }
}
