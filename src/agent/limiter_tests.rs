use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use proptest::prelude::*;

use super::{Limiter, Verdict, burst_requests};

const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Debug)]
enum Move {
    /// Waits this long, then asks so often at once.
    Ask {
        wait_ns: u64,
        times: u32,
    },
    Set {
        wait_ns: u64,
        rate_rps: f64,
    },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let rate = prop_oneof![Just(0.0), 0.1..20.0, 1.0..5_000.0, Just(f64::NAN), Just(-3.0)];
    let wait = prop_oneof![0..1_000_000_u64, 0..50_000_000_u64, 0..3 * SECOND];
    let one = prop_oneof![
        4 => (wait.clone(), 1..40_u32).prop_map(|(wait_ns, times)| Move::Ask { wait_ns, times }),
        1 => (wait, rate).prop_map(|(wait_ns, rate_rps)| Move::Set { wait_ns, rate_rps }),
    ];
    prop::collection::vec(one, 1..120)
}

/// What is known at one moment: the integral of the rate so far, what has passed, and the burst of the rate.
#[derive(Clone, Copy, Debug)]
struct Point {
    integral: f64,
    passed: f64,
    burst: f64,
}

#[expect(clippy::cast_precision_loss, reason = "seconds")]
fn play(moves: &[Move]) -> Vec<Point> {
    let limiter = Limiter::new();
    let (mut now, mut rate, mut integral, mut passed) = (0_u64, 0.0_f64, 0.0_f64, 0.0_f64);
    let mut points = vec![Point { integral, passed, burst: 0.0 }];
    for step in moves {
        let (Move::Ask { wait_ns, .. } | Move::Set { wait_ns, .. }) = step;
        now += wait_ns;
        integral += rate * (*wait_ns as f64) / SECOND as f64;
        points.push(Point { integral, passed, burst: burst_requests(rate) });
        match step {
            Move::Ask { times, .. } => {
                for _ in 0..*times {
                    if limiter.decide(now) == Verdict::Pass {
                        passed += 1.0;
                    }
                }
            }
            Move::Set { rate_rps, .. } => {
                rate = if *rate_rps > 0.0 { *rate_rps } else { 0.0 };
                limiter.set(*rate_rps, now);
            }
        }
        points.push(Point { integral, passed, burst: burst_requests(rate) });
    }
    points
}

/// How many requests pass when more come than may, each late by its part of the gap between two, and how many may.
fn under_overload(rate_rps: f64, overload: f64, jitter: &[f64]) -> (f64, f64) {
    let limiter = Limiter::new();
    limiter.set(rate_rps, 0);
    // Long enough that the one request that is still owed at the end is less than a thousandth.
    let seconds = (2_000.0 / rate_rps).max(2.0);
    let gap = 1.0 / (rate_rps * overload);
    let (mut now, mut passed, mut index) = (0.0_f64, 0.0_f64, 0_usize);
    while now < seconds {
        // Each request comes up to one gap late, as under a real scheduler.
        let late = gap * jitter[index % jitter.len()];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        let at = ((now + late) * 1e9) as u64;
        if limiter.decide(at) == Verdict::Pass {
            passed += 1.0;
        }
        now += gap;
        index += 1;
    }
    (passed, rate_rps * seconds)
}

#[test]
fn one_request_that_is_late_by_its_gap_costs_nothing_at_a_low_rate() {
    let mut jitter = [0.0; 64];
    jitter[63] = 0.999;
    let (passed, due) = under_overload(1.0, 1.02, &jitter);
    assert!(passed >= 0.999 * due - 1.0, "{passed} of {due}");
}

proptest! {
    #[test]
    fn no_window_passes_more_than_the_rate_and_one_burst(moves in moves()) {
        let points = play(&moves);
        for (index, from) in points.iter().enumerate() {
            let mut burst = from.burst;
            for to in points.iter().skip(index) {
                burst = burst.max(to.burst);
                let most = to.integral - from.integral + burst;
                prop_assert!(to.passed - from.passed <= most + 1e-3, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn from_the_start_nothing_is_free(moves in moves()) {
        for point in play(&moves) {
            prop_assert!(point.passed <= point.integral + 1e-3, "{point:?}");
        }
    }

    #[test]
    fn constant_overload_gets_the_rate(
        rate_rps in 1.0..20_000.0_f64,
        overload in 1.02..5.0_f64,
        jitter in prop::collection::vec(0.0..1.0_f64, 64),
    ) {
        let (passed, due) = under_overload(rate_rps, overload, &jitter);
        prop_assert!(passed >= 0.99 * due - 1.0, "{passed} of {due}");
    }

    #[test]
    fn after_any_history_one_request_passes_within_its_interval(moves in moves(), rate_rps in 0.5..2_000.0_f64) {
        let limiter = Limiter::new();
        let mut now = 0;
        for step in &moves {
            let (Move::Ask { wait_ns, .. } | Move::Set { wait_ns, .. }) = step;
            now += wait_ns;
            match step {
                Move::Ask { times, .. } => {
                    for _ in 0..*times {
                        let _ = limiter.decide(now);
                    }
                },
                Move::Set { rate_rps, .. } => limiter.set(*rate_rps, now),
            }
        }
        limiter.set(rate_rps, now);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        let interval = (1.001 / rate_rps * 1e9) as u64;
        prop_assert_eq!(limiter.decide(now + interval), Verdict::Pass);
    }
}

#[test]
fn before_a_rate_is_set_nothing_passes_and_no_time_is_told() {
    let limiter = Limiter::new();
    assert_eq!(limiter.decide(5 * SECOND), Verdict::Refuse { retry_after: None });
}

#[test]
fn what_is_refused_is_told_when_to_come_again() {
    let limiter = Limiter::new();
    limiter.set(0.1, 0);
    let Verdict::Refuse { retry_after: Some(wait) } = limiter.decide(0) else { panic!("passed") };
    assert_eq!(wait.as_secs(), 10);
    let Verdict::Refuse { retry_after: Some(wait) } = limiter.decide(4 * SECOND) else { panic!("passed") };
    assert_eq!(wait.as_secs(), 6);
    assert_eq!(limiter.decide(10 * SECOND), Verdict::Pass);
}

#[test]
fn a_burst_saved_at_a_high_rate_is_gone_after_a_low_one() {
    let limiter = Limiter::new();
    limiter.set(1_000.0, 0);
    limiter.set(1.0, 10 * SECOND);
    limiter.set(1_000.0, 10 * SECOND);
    let passed = (0..100).filter(|_| limiter.decide(10 * SECOND) == Verdict::Pass).count();
    // The burst of the low rate.
    assert_eq!(passed, 3);
}

#[test]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "figures of a second")]
fn threads_that_ask_while_the_rate_changes_pass_no_more_than_it_allows() {
    let limiter = Arc::new(Limiter::new());
    let origin = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let passed = Arc::new(AtomicU64::new(0));
    let askers: Vec<_> = (0..3)
        .map(|_| {
            let (limiter, stop, passed) = (limiter.clone(), stop.clone(), passed.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if limiter.decide(origin.elapsed().as_nanos() as u64) == Verdict::Pass {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let (mut integral, mut rate, mut last) = (0.0, 0.0, 0);
    for step in 0..400_u32 {
        let now = origin.elapsed().as_nanos() as u64;
        integral += rate * (now - last) as f64 / 1e9;
        last = now;
        rate = f64::from((step * 7_919) % 20) * 5_000.0;
        limiter.set(rate, now);
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
    let now = origin.elapsed().as_nanos() as u64;
    integral += rate * (now - last) as f64 / 1e9;
    limiter.set(0.0, now);
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.join().unwrap();
    }
    // Between the setter's look at the clock and the change taking effect an asker still sees the old rate; what it then
    // passes is owed, so that the sum is late by one such moment at the most.
    let passed = passed.load(Ordering::Relaxed) as f64;
    assert!(passed > 0.0);
    assert!(passed <= integral + burst_requests(100_000.0) + 100_000.0 * 0.1, "{passed} of {integral}");
}
