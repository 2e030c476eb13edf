use super::*;
use crate::service::dispatch::tests::fixture;

struct Watch {
    settings: TargetSettings,
    state: TargetState,
    watched: Watched,
    at_s: i64,
}

impl Watch {
    fn new() -> Self {
        let mut settings = fixture::settings("checkout");
        settings.detect.latency = Some(Duration::from_secs(3));
        settings.detect.idle = Some(Duration::from_secs(5));
        let state = TargetState::unknown("checkout".into(), Timestamp(0));
        Self { settings, state, watched: Watched::default(), at_s: 0 }
    }

    /// The next second: so many requests, of this p99.
    fn second(&mut self, passed: f64, p99_ms: Option<f64>) -> Vec<Finding> {
        self.at_s += 1;
        let (from, to) = (Timestamp((self.at_s - 1) * 1_000), Timestamp(self.at_s * 1_000));
        let sample = Sample { from, to, passed, refused: 0.0, answered: passed, failed: 0.0, p50_ms: p99_ms, p99_ms };
        self.watched.judge(&self.settings, &self.state, Some(&sample), to)
    }

    fn seconds(&mut self, count: usize, passed: f64, p99_ms: Option<f64>) -> Vec<(i64, Finding)> {
        (0..count)
            .flat_map(|_| {
                let found = self.second(passed, p99_ms);
                found.into_iter().map(|finding| (self.at_s, finding)).collect::<Vec<_>>()
            })
            .collect()
    }
}

#[test]
fn a_latency_that_stays_above_the_objective_is_told_and_told_again_after_as_long() {
    let mut watch = Watch::new();
    assert_eq!(watch.seconds(2, 100.0, Some(400.0)), []);
    assert_eq!(watch.second(100.0, Some(200.0)), [], "it went by");
    let slow = Finding::Slow { p99_ms: 400.0 };
    assert_eq!(watch.seconds(7, 100.0, Some(400.0)), [(6, slow), (9, slow)]);
    // The objective itself is no breach of it.
    assert_eq!(watch.seconds(9, 100.0, Some(250.0)), []);
    watch.settings.detect.latency = None;
    assert_eq!(watch.seconds(9, 100.0, Some(400.0)), []);
}

#[test]
fn a_target_that_nobody_uses_is_told_once_until_somebody_does() {
    let mut watch = Watch::new();
    let since = Timestamp(0);
    assert_eq!(watch.seconds(20, 0.0, None), [(5, Finding::Idle { since })]);
    assert_eq!(watch.second(1.0, Some(20.0)), []);
    assert_eq!(watch.seconds(5, 0.0, None), [(26, Finding::Idle { since: Timestamp(21_000) })]);
    watch.settings.detect.idle = None;
    watch.second(1.0, Some(20.0));
    assert_eq!(watch.seconds(20, 0.0, None), []);
}

#[test]
fn silence_is_neither_idleness_nor_latency() {
    let mut watch = Watch::new();
    for second in 0..20 {
        let now = Timestamp(second * 1_000);
        assert_eq!(watch.watched.judge(&watch.settings, &watch.state, None, now), []);
    }
}

#[test]
fn a_sleeping_target_is_woken_by_demand_and_one_that_a_person_paused_is_not() {
    let mut watch = Watch::new();
    watch.state.phase = Phase::Paused;
    watch.state.reason = Some("idle".to_owned());
    assert_eq!(watch.seconds(20, 0.0, None), [], "it sleeps already");
    assert_eq!(watch.seconds(12, 3.0, Some(20.0)), [(21, Finding::Wanted), (31, Finding::Wanted)]);
    watch.state.reason = Some(PAUSED_BY_A_PERSON.to_owned());
    assert_eq!(watch.seconds(20, 3.0, Some(20.0)), []);
}
