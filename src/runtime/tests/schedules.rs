//! Schedules in virtual time: each occurrence once and on time, over crashes, absences and clocks that are set.

use std::time::Duration;

use serde_json::json;

use super::stage::{START, Stage, play, program};
use crate::base::clock::{Clock as _, Timestamp};
use crate::runtime::ports::Bookmark;
use crate::runtime::scheduler::MOST_CAUGHT_UP;

const RULES: &str = "event TICK { n?: int }\n";
const MINUTE: Duration = Duration::from_mins(1);

/// The occurrences whose events are there, in the order in which they were taken in, as far as they are of one schedule.
async fn occurrences(stage: &Stage) -> Vec<String> {
    stage.events().await.into_iter().map(|stored| stored.event.time.to_string()).collect()
}

/// Its occurrences as minutes after the start.
async fn minutes(stage: &Stage) -> Vec<i64> {
    stage.events().await.into_iter().map(|stored| (stored.event.time.0 - START.0) / 60_000).collect()
}

#[test]
fn an_occurrence_comes_on_time_and_once_whatever_dies() {
    play(RULES, async |mut stage| {
        let schedules = "tick: { every: 1m, event: TICK, target: checkout, data: { n: 3 } }";
        stage.schedule(schedules);
        for _ in 0..20 {
            stage.pass(Duration::from_secs(47)).await;
            stage.crash().await;
            stage.schedule(schedules);
        }
        stage.pass(MINUTE).await;
        let events = stage.events().await;
        // From 22:13:20: the first whole minute is 40 seconds away.
        assert_eq!(minutes(&stage).await, (0..17).collect::<Vec<_>>());
        let late: Vec<_> = events.iter().map(|stored| stored.accepted_at.since(stored.event.time)).collect();
        assert!(late.iter().all(Duration::is_zero), "{late:?}");
        let first = &events[0].event;
        assert_eq!(
            (first.source.as_str(), first.id.as_str()),
            ("homeostat:schedules", "tick/2023-11-14T22:14:00.000Z")
        );
        assert_eq!(
            (first.subject.as_ref().map(crate::base::id::TargetName::as_str), &first.data),
            (Some("checkout"), &json!({ "n": 3 }))
        );
    });
}

/// What comes of an hour without an engine, of a schedule that comes every ten minutes.
fn after_an_hour_away(catch_up: &str) -> Vec<i64> {
    play(RULES, async |mut stage| {
        let schedules = format!("tick: {{ every: 10m, event: TICK, catch_up: {catch_up} }}");
        stage.schedule(&schedules);
        // To 22:30:00, from where on nobody is there until 23:35:00.
        stage.pass(Duration::from_secs(1_000)).await;
        stage.down(Duration::from_mins(65)).await;
        stage.schedule(&schedules);
        stage.pass(Duration::ZERO).await;
        let at_once = minutes(&stage).await;
        stage.pass(Duration::from_mins(10)).await;
        let later = minutes(&stage).await;
        assert_eq!(later[..at_once.len()], at_once[..]);
        assert_eq!(later.len(), at_once.len() + 1, "it goes on as before");
        at_once
    })
}

#[test]
fn what_was_missed_is_made_up_for_by_the_policy() {
    // 22:20 and 22:30 were there in time.
    assert_eq!(after_an_hour_away("none"), [6, 16]);
    assert_eq!(after_an_hour_away("last"), [6, 16, 76]);
    assert_eq!(after_an_hour_away("all"), [6, 16, 26, 36, 46, 56, 66, 76]);
}

#[test]
fn not_more_is_made_up_for_than_is_bounded() {
    play(RULES, async |mut stage| {
        let schedules = "tick: { every: 1s, event: TICK, catch_up: all }";
        stage.schedule(schedules);
        stage.pass(Duration::ZERO).await;
        stage.down(Duration::from_hours(24 * 365)).await;
        stage.schedule(schedules);
        stage.pass(Duration::ZERO).await;
        let found = stage.events().await;
        assert_eq!(found.len(), MOST_CAUGHT_UP + 1, "the last hundred, and that of this very moment");
        assert_eq!(found.last().unwrap().event.time, stage.clock.now());
    });
}

#[test]
fn a_machine_that_slept_was_not_there_either() {
    for (catch_up, expected) in
        [("none", vec![6, 16]), ("last", vec![6, 16, 76]), ("all", vec![6, 16, 26, 36, 46, 56, 66, 76])]
    {
        play(RULES, async |mut stage| {
            stage.schedule(&format!("tick: {{ every: 10m, event: TICK, catch_up: {catch_up} }}"));
            stage.pass(Duration::from_secs(1_000)).await;
            stage.clock.jump_to(stage.clock.now().after(Duration::from_mins(65)));
            stage.pass(Duration::ZERO).await;
            assert_eq!(minutes(&stage).await, expected, "{catch_up}");
        });
    }
}

#[test]
fn a_schedule_begins_when_it_is_first_seen_and_anew_when_it_changes_or_was_away() {
    play(RULES, async |mut stage| {
        let ten = "tick: { every: 10m, event: TICK, catch_up: all }";
        stage.schedule(ten);
        stage.pass(Duration::ZERO).await;
        assert_eq!(minutes(&stage).await, [0; 0]);
        // It goes by other moments: those of before are nobody's.
        stage.down(Duration::from_hours(1)).await;
        stage.schedule("tick: { every: 7m, event: TICK, catch_up: all }");
        stage.pass(Duration::ZERO).await;
        assert_eq!(minutes(&stage).await, [0; 0]);
        // It is away, and comes again.
        stage.down(Duration::from_hours(1)).await;
        stage.schedule("other: { every: 30d, event: TICK }");
        stage.pass(Duration::ZERO).await;
        let kept: Vec<String> = stage
            .store()
            .bookmarks()
            .await
            .unwrap()
            .iter()
            .map(|Bookmark { holder, .. }| format!("{holder:?}"))
            .collect();
        assert_eq!(kept, ["Schedule(ScheduleName(\"other\"))"]);
        stage.down(Duration::from_hours(1)).await;
        stage.schedule("tick: { every: 7m, event: TICK, catch_up: all }");
        stage.pass(Duration::ZERO).await;
        assert_eq!(minutes(&stage).await, [0; 0]);
        // Only from then on something can be missed.
        stage.down(Duration::from_mins(14)).await;
        stage.schedule("tick: { every: 7m, event: TICK, catch_up: all }");
        stage.pass(Duration::ZERO).await;
        assert_eq!(minutes(&stage).await.len(), 2);
    });
}

#[test]
fn a_pattern_comes_by_the_clock_of_its_zone_also_when_that_is_set() {
    play(RULES, async |mut stage| {
        stage.schedule("nightly: { cron: '30 2 * * *', time_zone: Europe/Zurich, event: TICK }");
        // To the 2nd of April.
        stage.pass(Duration::from_hours(24 * 140)).await;
        let found = occurrences(&stage).await;
        assert_eq!(found.len(), 140);
        assert_eq!(
            found[135..],
            [
                "2024-03-29T01:30:00.000Z",
                "2024-03-30T01:30:00.000Z",
                // Half past two is left out that night: three o'clock follows at once.
                "2024-03-31T01:00:00.000Z",
                "2024-04-01T00:30:00.000Z",
                "2024-04-02T00:30:00.000Z",
            ]
        );
    });
}

#[test]
fn what_nobody_declares_any_more_is_passed_over() {
    play(RULES, async |mut stage| {
        stage.schedule("tick: { every: 1m, event: TICK }");
        stage.pass(Duration::from_mins(2)).await;
        stage.engine.replace_program(program(&[("test.rules", "event OTHER {}\n")]));
        stage.pass(Duration::from_mins(3)).await;
        assert_eq!(minutes(&stage).await, [0, 1]);
        stage.engine.replace_program(program(&[("test.rules", RULES)]));
        stage.pass(Duration::from_mins(2)).await;
        assert_eq!(minutes(&stage).await, [0, 1, 5, 6]);
        let [Bookmark { state, .. }] = &stage.store().bookmarks().await.unwrap()[..] else { panic!("one is kept") };
        let until: Timestamp = serde_json::from_value(state["until"].clone()).unwrap();
        assert_eq!((until.0 - START.0) / 60_000, 6);
    });
}
