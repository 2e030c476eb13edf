//! The real binary is killed and started again: at every commit, in the middle of a load test, in the middle of a dispatch.
//!
//! What must be found afterwards: the run finished, the event handled once, each command applied once, the sum of what
//! agents may send never above the target's rate, the target stable.

mod house;
mod torture;

use std::time::Duration;

use house::{House, Push};

/// The deployment that every scenario announces.
const SIGNATURE: &str = "sha256:feed";
/// More commits than one deployment change makes: a scenario beyond the last one does not crash.
const MOST_COMMITS: usize = 40;
/// Scenarios that run side by side: each has its own engine, and one load test at a time would be too slow.
const SIDE_BY_SIDE: usize = 4;

/// How often a scenario begins anew because other work on the machine left no room for a load test. That says nothing of
/// crashes; everything else that goes wrong fails at once.
const TRIES: usize = 4;

/// What a scenario gives, begun anew while it gives nothing because the machine had no room for its load test.
async fn with_room<T, F: Future<Output = Option<T>>>(scenario: impl Fn() -> F) -> T {
    for _ in 0..TRIES {
        if let Some(given) = scenario().await {
            return given;
        }
    }
    panic!("this machine was {TRIES} times too busy to measure");
}

/// All is well with what a house was left with; `None` where its load test found no room.
async fn settled(mut house: House, point: &str) -> Option<House> {
    if house.was_too_busy().await {
        house.stop().await;
        return None;
    }
    house.check_all_is_well(SIGNATURE, point).await;
    Some(house)
}

/// The engine is killed at one commit; whether it came to that.
async fn killed_at(point: &str) -> Option<bool> {
    let mut house = House::new(point).await;
    house.start_engine(Some(point)).await;
    house.announce(SIGNATURE).await;
    let crashed = house.wait_for_crash_or_end().await;
    if crashed {
        house.start_engine(None).await;
        // Whoever got no 202 sends the same event again.
        house.announce(SIGNATURE).await;
        house.wait_for_end().await;
    }
    settled(house, point).await?.stop().await;
    Some(crashed)
}

async fn killed_in_the_load_test() -> Option<()> {
    let mut house = House::new("load test").await;
    house.start_engine(None).await;
    house.announce(SIGNATURE).await;
    house.wait_for_load(100).await;
    house.kill_engine().await;
    house.start_engine(None).await;
    house.wait_for_end().await;
    settled(house, "in the load test").await?.stop().await;
    Some(())
}

async fn killed_in_the_dispatch() -> Option<()> {
    let mut house = House::new("dispatch").await;
    // The first command of the last dispatch is taken, but the engine does not live to hear of it.
    house.hold_answers_of("dispatch");
    house.start_engine(None).await;
    house.announce(SIGNATURE).await;
    if !house.wait_for_held_answer().await {
        house.stop().await;
        return None;
    }
    house.kill_engine().await;
    house.release_answers();
    house.start_engine(None).await;
    house.wait_for_end().await;
    let house = settled(house, "in the dispatch").await?;
    let commands: Vec<Push> = house.commands();
    let repeated = commands.iter().filter(|push| push.step() == Some("dispatch") && push.answer == "repeated").count();
    let applied = commands.iter().filter(|push| push.step() == Some("dispatch") && push.answer == "applied").count();
    assert_eq!(applied, 2, "one command for each agent: {commands:#?}");
    assert!(repeated >= 1, "the command was not sent again: {commands:#?}");
    house.stop().await;
    Some(())
}

async fn stopped_in_order() -> Option<()> {
    let mut house = House::new("drain").await;
    house.start_engine(None).await;
    house.announce(SIGNATURE).await;
    house.wait_for_load(100).await;
    let exit = house.terminate_engine(Duration::from_secs(30)).await;
    assert!(exit.success(), "SIGTERM: {exit}");
    house.start_engine(None).await;
    house.wait_for_end().await;
    settled(house, "after SIGTERM").await?.stop().await;
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_commit_it_finishes_what_it_began() {
    let mut commits = 0;
    for side in ["before", "after"] {
        let mut next = 1;
        let mut running = tokio::task::JoinSet::new();
        let mut reached_the_end = false;
        loop {
            while !reached_the_end && running.len() < SIDE_BY_SIDE && next <= MOST_COMMITS {
                let point = format!("{side}:{next}");
                running.spawn(async move { with_room(|| killed_at(&point)).await });
                next += 1;
            }
            match running.join_next().await.map(Result::unwrap) {
                Some(true) => commits += 1,
                Some(false) => reached_the_end = true,
                None => break,
            }
        }
        assert!(reached_the_end, "a deployment change makes more than {MOST_COMMITS} commits");
    }
    // Each of hold, load test, save and dispatch alone makes two on both sides.
    assert!(commits >= 16, "only {commits} crashes: the crash points are not reached");
    eprintln!("survived {commits} crashes at commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_the_load_test_it_goes_on_from_its_bracket() {
    with_room(killed_in_the_load_test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_test_that_was_cut_off_twice_fails_and_the_target_says_so() {
    let mut house = House::new("load test, twice").await;
    house.start_engine(None).await;
    house.announce(SIGNATURE).await;
    for _ in 0..2 {
        let before = house.offered();
        house.wait_for_load(before + 60).await;
        house.kill_engine().await;
        house.start_engine(None).await;
    }
    let run = house.wait_for_end().await;
    assert_eq!(run["status"], "failed", "{run}");
    let target = house.target().await;
    assert_eq!(target["phase"], "degraded", "{target}");
    house.check_commands("cut off twice").await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_dispatch_it_sends_the_same_command_again() {
    with_room(killed_in_the_dispatch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_stops_real_load_and_outlives_the_engine() {
    let mut house = House::new("halt").await;
    house.start_engine(None).await;
    house.announce(SIGNATURE).await;
    house.wait_for_load(100).await;
    house.post("/v1/halt", r#"{"target":"checkout"}"#).await;
    // A second is what is promised; a second more is for a machine that has other work.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let offered = house.offered();
    let run = house.wait_for_end().await;
    assert_eq!(run["status"], "failed", "{run}");
    house.kill_engine().await;
    house.start_engine(None).await;
    let target = house.target().await;
    assert_eq!(target["phase"], "degraded", "{target}");
    assert_eq!(target["halted"], true, "{target}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(house.offered(), offered, "load went on after the halt");
    house.check_commands("halt").await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_in_order_it_leaves_a_load_test_to_go_on_with() {
    with_room(stopped_in_order).await;
}

async fn killed_while_it_waits() -> Option<()> {
    let mut house = House::recommending("approval").await;
    house.start_engine(None).await;
    house.announce(SIGNATURE).await;
    for step in ["hold", "dispatch"] {
        // The load test stands between the two.
        let Some(run) = house.wait_for_question(step).await else { break };
        house.kill_engine().await;
        house.start_engine(None).await;
        assert_eq!(house.wait_for_question(step).await, Some(run.clone()), "the same run waits on");
        assert_eq!(house.commands().iter().filter(|push| push.step() == Some(step)).count(), 0, "nothing was sent");
        house.post(&format!("/v1/runs/{run}/approve"), r#"{"by":"crash-test"}"#).await;
        // The approval is durable once it is answered.
        house.kill_engine().await;
        house.start_engine(None).await;
    }
    house.wait_for_end().await;
    settled(house, "between approvals").await?.stop().await;
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_waits_for_approval_it_waits_on_and_asks_nobody_twice() {
    with_room(killed_while_it_waits).await;
}
