//! Every clause to the letter, in virtual time, and over a crash.

use std::time::Duration;

use serde_json::json;

use super::stage::{START, Stage, play};
use crate::model::event::Priority;
use crate::runtime::control::Control as _;
use crate::runtime::ports::RuleResult::{self, BelowThreshold, Debounced, Matched, Throttled};

const SECOND: Duration = Duration::from_secs(1);

/// One rule on `SPIKE` with these clauses, which emits what it got.
fn rule(clauses: &str) -> String {
    format!("event SPIKE {{ n: int }}\nevent SEEN {{ n: int }}\nrule spike {{\n    on SPIKE\n    {clauses}\n}}\n")
}

/// Whether the engine is killed after each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Calm,
    Crashing,
}

/// Sends spikes, numbered from 1, at these seconds: what the rule made of each, and which it emitted, at which seconds.
fn spikes(clauses: &str, seconds: &[u64], life: Life) -> (Vec<RuleResult>, Vec<(i64, i64)>) {
    play(&rule(clauses), async |mut stage| {
        let (mut sent, mut elapsed) = (Vec::new(), 0);
        for (second, n) in seconds.iter().zip(1..) {
            stage.pass(SECOND * u32::try_from(second - elapsed).unwrap()).await;
            elapsed = *second;
            sent.push(stage.send("SPIKE", json!({ "n": n })).await);
            if life == Life::Crashing {
                stage.crash().await;
            }
        }
        stage.pass(Duration::from_hours(2)).await;
        let mut results = Vec::new();
        for number in sent {
            results.extend(stage.at(number).await.outcome.unwrap().rules.iter().map(|rule| rule.result));
        }
        (results, emitted(&stage).await)
    })
}

/// Which spikes were emitted, and at which second after the start they were routed.
async fn emitted(stage: &Stage) -> Vec<(i64, i64)> {
    let events = stage.events().await;
    let mut seen: Vec<_> = events
        .iter()
        .filter(|stored| stored.event.kind == "SEEN")
        .map(|stored| {
            let routed_at = stored.outcome.as_ref().unwrap().routed_at;
            ((routed_at.0 - START.0) / 1_000, stored.event.data["n"].as_i64().unwrap())
        })
        .collect();
    seen.sort_unstable();
    seen
}

#[test]
fn threshold_counts_within_its_time_and_begins_anew() {
    for life in [Life::Calm, Life::Crashing] {
        let (results, emitted) = spikes(
            "threshold 3 within 1m\n    emit SEEN(n: event.data.n)",
            // Three within the minute, then one; the fifth comes when the fourth has just left it.
            &[0, 30, 59, 60, 120, 140, 179],
            life,
        );
        let below = BelowThreshold;
        assert_eq!(results, [below, below, Matched, below, below, below, Matched], "{life:?}");
        assert_eq!(emitted, [(59, 3), (179, 7)], "{life:?}");
    }
}

#[test]
fn debounce_lets_the_last_of_a_burst_through_once_it_is_quiet() {
    for life in [Life::Calm, Life::Crashing] {
        let (results, emitted) = spikes("debounce 10s\n    emit SEEN(n: event.data.n)", &[0, 5, 14, 30, 40], life);
        assert_eq!(results, [Debounced; 5], "{life:?}");
        // The fourth is due at the moment at which the fifth comes.
        assert_eq!(emitted, [(24, 3), (40, 4), (50, 5)], "{life:?}");
    }
}

#[test]
fn throttle_drops_the_excess_until_its_time_is_over() {
    for life in [Life::Calm, Life::Crashing] {
        let (results, emitted) =
            spikes("throttle 2 per 1m\n    emit SEEN(n: event.data.n)", &[0, 10, 20, 59, 60, 61, 70], life);
        assert_eq!(results, [Matched, Matched, Throttled, Throttled, Matched, Throttled, Matched], "{life:?}");
        assert_eq!(emitted, [(0, 1), (10, 2), (60, 5), (70, 7)], "{life:?}");
    }
}

#[test]
fn clauses_apply_in_their_order() {
    for life in [Life::Calm, Life::Crashing] {
        let (results, emitted) = spikes(
            "threshold 2 within 1m\n    debounce 10s\n    throttle 1 per 1m\n    emit SEEN(n: event.data.n)",
            &[0, 1, 20, 21, 90, 91],
            life,
        );
        let both = [BelowThreshold, Debounced];
        assert_eq!(results, [both, both, both].concat(), "{life:?}");
        assert_eq!(emitted, [(11, 2), (101, 6)], "{life:?}: the second burst is throttled");
    }
}

#[test]
fn an_event_emitted_after_a_while_comes_on_time_and_once() {
    for life in [Life::Calm, Life::Crashing] {
        let (results, emitted) = spikes("emit SEEN(n: event.data.n) after 30m", &[0, 60], life);
        assert_eq!(results, [Matched, Matched], "{life:?}");
        assert_eq!(emitted, [(1800, 1), (1860, 2)], "{life:?}");
    }
}

#[test]
fn what_was_due_while_the_engine_was_down_comes_at_once_when_it_is_back() {
    play(&rule("emit SEEN(n: event.data.n)"), async |mut stage| {
        let mut late = stage.event("SPIKE", json!({ "n": 1 }));
        late.deliver_at = Some(START.after(SECOND * 10));
        let number = stage.accept(late).await;
        stage.down(SECOND * 60).await;
        assert_eq!(stage.at(number).await.outcome.unwrap().routed_at, START.after(SECOND * 60));
        assert_eq!(emitted(&stage).await, [(60, 1)]);
    });
}

#[test]
fn urgent_events_go_first_among_those_that_wait() {
    play(&rule("emit SEEN(n: event.data.n)"), async |mut stage| {
        let events: Vec<_> = [5, 0, 9, 5, 0]
            .into_iter()
            .zip(1..)
            .map(|(level, n)| {
                let mut event = stage.event("SPIKE", json!({ "n": n }));
                event.priority = Priority::new(level).unwrap();
                event
            })
            .collect();
        stage.engine.accept(events).await.unwrap();
        stage.pass(SECOND).await;
        // What a spike leads to has its priority; so the numbers of what was emitted tell the order.
        let order: Vec<_> = stage
            .events()
            .await
            .iter()
            .filter(|stored| stored.event.kind == "SEEN")
            .map(|stored| stored.event.data["n"].as_i64().unwrap())
            .collect();
        assert_eq!(order, [2, 5, 1, 4, 3]);
    });
}
