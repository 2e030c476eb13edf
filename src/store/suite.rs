//! What every store promises, checked on each of them by the same tests.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use self::stored::{
    accept, accept_at, append, assignment, bookmark, bury, discard, entry, event, guarded, outcome, record, redrive,
    rule_state, run_id, settle, sqlite, summary, target, writes,
};
use super::MemoryStore;
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::{
    Accepted, Bookmark, CalledSource, EventFilter, EventOrder, Holder, PlanSource, PruneOrder, Pruned, Receipt,
    RecordFilter, RunFilter, Store, StoreError, Transaction, Write,
};

mod model;
pub(super) mod stored;

/// Runs every promise on every store.
macro_rules! promises {
    ($($promise:ident,)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&super::MemoryStore::with_incarnation(7)).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::sqlite(folder.path()).await;
                super::$promise(&store).await;
                store.close().await;
            })*
        }
    };
}

promises! {
    an_empty_store_has_nothing,
    an_event_is_taken_once,
    a_name_may_come_again_after_its_window,
    a_settled_event_is_not_loaded_again,
    dead_letters_are_listed_redriven_and_dropped,
    only_a_dead_letter_is_redriven_or_dropped,
    events_are_listed_from_both_ends,
    what_is_too_old_is_removed_a_little_at_a_time,
    what_is_active_stays_whatever_its_age,
    only_what_was_accepted_is_settled,
    a_guard_refuses_a_lost_lease,
    a_lease_token_never_falls,
    a_journal_has_no_gap_and_no_double,
    an_epoch_never_falls,
    a_refused_transaction_leaves_nothing,
    a_refusal_does_not_spoil_its_neighbours,
    later_transactions_see_what_earlier_ones_did,
    halts_come_and_go,
    a_rule_state_replaces_the_one_before,
    bookmarks_are_moved_and_taken_out,
    runs_are_listed_newest_first,
    records_are_listed_newest_first_and_saved_once,
    a_plan_stays_as_it_was_first_given,
    loading_gives_the_unfinished_business_in_order,
    many_committers_lose_nothing,
}

async fn commit(store: &dyn Store, all: impl IntoIterator<Item = Write>) -> Result<Receipt, StoreError> {
    store.commit(writes(all)).await
}

/// All that can be read of a store, as text.
pub(super) async fn everything(store: &dyn Store) -> String {
    use std::fmt::Write as _;

    let mut text = format!("{:#?}\n", store.load().await.unwrap());
    let all = RunFilter { limit: 1000, ..RunFilter::default() };
    for run in store.runs(&all).await.unwrap() {
        writeln!(text, "{:#?}", store.run(run.id).await.unwrap()).unwrap();
    }
    for target in store.targets().await.unwrap() {
        writeln!(text, "{:#?}", store.target(&target.name).await.unwrap()).unwrap();
    }
    for target in ["checkout", "search", "stock"] {
        writeln!(text, "{:#?}", store.assignments(&target.into()).await.unwrap()).unwrap();
    }
    writeln!(text, "{:#?}", store.records(&RecordFilter { limit: 1000, ..RecordFilter::default() }).await).unwrap();
    for digest in ["a", "b"] {
        writeln!(text, "{:#?}", store.plan(&Digest::of(digest)).await.unwrap()).unwrap();
    }
    for (source, id) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")] {
        writeln!(text, "{:#?}", store.event(source, id).await.unwrap()).unwrap();
    }
    writeln!(text, "{:#?}", store.bookmarks().await.unwrap()).unwrap();
    for only_dead_letters in [false, true] {
        let filter = EventFilter { only_dead_letters, ..EventFilter::default() };
        writeln!(text, "{:#?}", store.events(&filter).await.unwrap()).unwrap();
    }
    text
}

async fn an_empty_store_has_nothing(store: &dyn Store) {
    let loaded = store.load().await.unwrap();
    assert!(loaded.incarnation > 0);
    assert!(loaded.events.is_empty() && loaded.runs.is_empty() && loaded.halts.is_empty());
    assert_eq!(store.event("a", "1").await, Ok(None));
    assert_eq!(store.run(run_id(1)).await, Ok(None));
    assert_eq!(store.target(&"checkout".into()).await, Ok(None));
    assert_eq!(store.plan(&Digest::of("a")).await, Ok(None));
    assert_eq!(store.commit(Transaction::default()).await, Ok(Receipt::default()));
}

async fn an_event_is_taken_once(store: &dyn Store) {
    let first = commit(store, [accept("a", "1"), accept("a", "2"), accept("a", "1"), accept("b", "1")]).await.unwrap();
    let new = |sequence| Accepted::New { sequence };
    assert_eq!(first.accepted, [new(1), new(2), Accepted::Duplicate, new(3)]);
    let second = commit(store, [accept("b", "1"), accept("b", "2")]).await.unwrap();
    assert_eq!(second.accepted, [Accepted::Duplicate, new(4)]);
    let stored = store.event("a", "2").await.unwrap().unwrap();
    assert_eq!((stored.sequence, stored.event, stored.outcome), (2, event("a", "2"), None));
    assert_eq!(stored.accepted_at, Timestamp(1_700_000_000_001));
    assert_eq!(store.load().await.unwrap().events.len(), 4);
}

async fn a_name_may_come_again_after_its_window(store: &dyn Store) {
    let take = async |at| commit(store, [accept_at("a", "1", at)]).await.unwrap().accepted[0];
    let new = |sequence| Accepted::New { sequence };
    assert_eq!(take(1_000).await, new(1));
    assert_eq!(take(5_000).await, Accepted::Duplicate, "the first one is not settled");
    commit(store, [settle(1, "first")]).await.unwrap();
    assert_eq!(take(1_100).await, Accepted::Duplicate, "within the window, its end included");
    assert_eq!(take(1_101).await, new(2));
    assert_eq!(take(1_102).await, Accepted::Duplicate);
    let newest = store.event("a", "1").await.unwrap().unwrap();
    assert_eq!((newest.sequence, newest.accepted_at, newest.outcome), (2, Timestamp(1_101), None));
    let first = store.event_at(1).await.unwrap().unwrap();
    assert_eq!((first.accepted_at, first.outcome), (Timestamp(1_000), Some(outcome("first"))));
}

/// The numbers of the dead letters, the newest first.
async fn letters(store: &dyn Store) -> Vec<u64> {
    let filter = EventFilter { only_dead_letters: true, ..EventFilter::default() };
    store.events(&filter).await.unwrap().into_iter().map(|stored| stored.sequence).collect()
}

async fn dead_letters_are_listed_redriven_and_dropped(store: &dyn Store) {
    commit(store, ["1", "2", "3", "4"].map(|id| accept("a", id))).await.unwrap();
    commit(store, [bury(1, "first"), settle(2, ""), bury(3, "third"), bury(4, "fourth")]).await.unwrap();
    assert_eq!(letters(store).await, [4, 3, 1]);
    assert!(store.load().await.unwrap().events.is_empty(), "a dead letter is settled");

    commit(store, [redrive(3, "a", "3"), discard(4)]).await.unwrap();
    assert_eq!(letters(store).await, [1]);
    let loaded = store.load().await.unwrap().events;
    assert_eq!(loaded.iter().map(|it| (it.sequence, it.attempts)).collect::<Vec<_>>(), [(3, 1)]);
    assert_eq!(loaded[0].event, event("a", "3"));
    let dropped = store.event_at(4).await.unwrap().unwrap();
    assert!(dropped.outcome.unwrap().dropped, "what became of it is still known");

    commit(store, [bury(3, "again")]).await.unwrap();
    let again = store.event_at(3).await.unwrap().unwrap();
    assert_eq!(again.dead_letter().unwrap().dead.as_deref(), Some("again"));
    assert_eq!(letters(store).await, [3, 1]);
}

async fn only_a_dead_letter_is_redriven_or_dropped(store: &dyn Store) {
    commit(store, [accept("a", "1"), accept("a", "2"), settle(2, "")]).await.unwrap();
    for sequence in [0, 1, 2, 3] {
        for write in [redrive(sequence, "a", "1"), discard(sequence)] {
            let error = commit(store, [write]).await.unwrap_err();
            assert_eq!(error, StoreError::Refused { problem: format!("event {sequence} is no dead letter") });
        }
    }
    // Once is enough, also within one transaction and within one batch.
    let twice = commit(store, [bury(1, ""), redrive(1, "a", "1"), discard(1)]).await;
    assert_eq!(twice, Err(StoreError::Refused { problem: "event 1 is no dead letter".to_owned() }));
    commit(store, [bury(1, ""), redrive(1, "a", "1"), bury(1, "")]).await.unwrap();
    let both = join_all([redrive(1, "a", "1"), discard(1)].map(|write| store.commit(writes([write])))).await;
    assert_eq!(both.iter().filter(|result| result.is_ok()).count(), 1);
}

async fn events_are_listed_from_both_ends(store: &dyn Store) {
    commit(store, (0..7).map(|n| accept("a", &n.to_string()))).await.unwrap();
    let list = async |order, limit| -> Vec<u64> {
        let filter = EventFilter { order, limit, ..EventFilter::default() };
        store.events(&filter).await.unwrap().into_iter().map(|stored| stored.sequence).collect()
    };
    assert_eq!(list(EventOrder::NewestFirst { before: None }, 3).await, [7, 6, 5]);
    assert_eq!(list(EventOrder::NewestFirst { before: Some(3) }, 0).await, [2, 1]);
    assert_eq!(list(EventOrder::OldestFirst { after: 0 }, 2).await, [1, 2]);
    assert_eq!(list(EventOrder::OldestFirst { after: 5 }, 0).await, [6, 7]);
    assert_eq!(list(EventOrder::OldestFirst { after: u64::MAX }, 0).await, Vec::<u64>::new());
}

/// Everything from before that moment is too old.
fn prune_before(at: i64, limit: u64) -> PruneOrder {
    PruneOrder {
        events: Timestamp(at),
        dead_letters: Timestamp(at),
        runs: Timestamp(at),
        records: Timestamp(at),
        known_since: Timestamp(at),
        keep_records: Vec::new(),
        limit,
    }
}

async fn what_is_too_old_is_removed_a_little_at_a_time(store: &dyn Store) {
    const LATE: i64 = 1_800_000_000_000;
    commit(store, (0..7).map(|n| accept("a", &n.to_string()))).await.unwrap();
    commit(store, (1..=7).map(|n| if n <= 2 { bury(n, "") } else { settle(n, "") })).await.unwrap();
    for n in 1..=5 {
        let mut run = summary(n, None, RunStatus::Succeeded);
        run.ended_at = Some(Timestamp(1_700_000_000_000 + i64::from(n)));
        commit(store, [append(n, 0), append(n, 1), Write::PutRun(run)]).await.unwrap();
        commit(store, [Write::PutRecord(record("checkout", "a", n, n.into(), 1.0))]).await.unwrap();
    }
    let mut removed = Vec::new();
    loop {
        let step = store.prune(&prune_before(LATE, 2)).await.unwrap();
        if step == Pruned::default() {
            break;
        }
        removed.push([step.events, step.dead_letters, step.runs, step.records]);
    }
    assert_eq!(removed, [[2, 2, 2, 2], [2, 0, 2, 2], [0, 0, 1, 1]]);
    for n in 1..=5 {
        assert_eq!(store.run(run_id(n)).await.unwrap(), None);
    }
    assert!(store.records(&RecordFilter::default()).await.unwrap().is_empty());
    // The last event stays, so that numbers go on.
    assert_eq!(store.event("a", "6").await.unwrap().unwrap().sequence, 7);
    assert_eq!(commit(store, [accept("a", "0")]).await.unwrap().accepted, [Accepted::New { sequence: 8 }]);
    assert_eq!(commit(store, [append(1, 0)]).await, Ok(Receipt::default()), "its journal has gone as a whole");
}

async fn what_is_active_stays_whatever_its_age(store: &dyn Store) {
    const AT: i64 = 1_700_000_000_001;
    commit(store, [accept("a", "waits"), accept("source", "id"), accept("a", "over"), accept("a", "last")])
        .await
        .unwrap();
    commit(store, [settle(2, ""), settle(3, ""), settle(4, "")]).await.unwrap();
    // Its event is `source`, `id`.
    commit(store, [Write::PutRun(summary(1, None, RunStatus::Waiting)), append(1, 0)]).await.unwrap();
    let mut put = record("checkout", "runs", 1, 5, 1.0);
    commit(store, [Write::PutRecord(put.clone())]).await.unwrap();
    put.signature = "ran".into();
    commit(store, [Write::PutRecord(put)]).await.unwrap();

    let order = |events, known_since| PruneOrder {
        events: Timestamp(events),
        known_since: Timestamp(known_since),
        keep_records: vec![("checkout".into(), "runs".into())],
        ..prune_before(2 * AT, 100)
    };
    // Within the dedup window, or not old enough.
    let young = store.prune(&order(2 * AT, AT)).await.unwrap();
    assert_eq!(young, Pruned { records: 1, ..Pruned::default() });
    assert_eq!(store.prune(&order(AT, 2 * AT)).await.unwrap(), Pruned::default());
    let pruned = store.prune(&order(AT + 1, AT + 1)).await.unwrap();
    assert_eq!(pruned, Pruned { events: 1, dead_letters: 0, runs: 0, records: 0 });
    assert_eq!(store.event("a", "over").await, Ok(None));
    for (source, id) in [("a", "waits"), ("source", "id"), ("a", "last")] {
        assert!(store.event(source, id).await.unwrap().is_some(), "{id}");
    }
    assert_eq!(store.run(run_id(1)).await.unwrap().unwrap().batches, 1);
    let records = store.records(&RecordFilter::default()).await.unwrap();
    assert_eq!(records.iter().map(|record| record.signature.as_str()).collect::<Vec<_>>(), ["runs"]);

    // Once the run is over, its event goes with it.
    let mut run = summary(1, None, RunStatus::Succeeded);
    run.ended_at = Some(Timestamp(AT));
    commit(store, [Write::PutRun(run)]).await.unwrap();
    let pruned = store.prune(&order(AT + 1, AT + 1)).await.unwrap();
    assert_eq!(pruned, Pruned { events: 1, dead_letters: 0, runs: 1, records: 0 });
}

async fn a_settled_event_is_not_loaded_again(store: &dyn Store) {
    commit(store, [accept("a", "1"), accept("a", "2"), settle(1, "in one transaction")]).await.unwrap();
    commit(store, [settle(2, "later")]).await.unwrap();
    assert!(store.load().await.unwrap().events.is_empty());
    assert_eq!(store.event("a", "1").await.unwrap().unwrap().outcome, Some(outcome("in one transaction")));
    assert_eq!(store.event("a", "2").await.unwrap().unwrap().outcome, Some(outcome("later")));
    assert_eq!(commit(store, [accept("a", "1")]).await.unwrap().accepted, [Accepted::Duplicate]);
}

async fn only_what_was_accepted_is_settled(store: &dyn Store) {
    for sequence in [0, 1, u64::MAX] {
        let error = commit(store, [settle(sequence, "")]).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    }
}

async fn a_guard_refuses_a_lost_lease(store: &dyn Store) {
    let fenced = |held, current| Err(StoreError::Fenced { target: "checkout".into(), held, current });
    let note = || Write::PutRuleState(rule_state("rule", None, 1));
    store.commit(guarded("checkout", 0, note())).await.unwrap();
    assert_eq!(store.commit(guarded("checkout", 1, note())).await, fenced(1, 0));
    commit(store, [Write::PutTarget(target("checkout", 5))]).await.unwrap();
    store.commit(guarded("checkout", 5, note())).await.unwrap();
    for token in [0, 4, 6] {
        let refused = guarded("checkout", token, Write::PutHalt { target: None, at: Timestamp(1) });
        assert_eq!(store.commit(refused).await, fenced(token, 5));
    }
    // The guard is looked at before the transaction's own writes.
    assert_eq!(store.commit(guarded("checkout", 6, Write::PutTarget(target("checkout", 6)))).await, fenced(6, 5));
    store.commit(guarded("checkout", 5, Write::PutTarget(target("checkout", 6)))).await.unwrap();
    assert!(store.load().await.unwrap().halts.is_empty());
}

async fn a_lease_token_never_falls(store: &dyn Store) {
    for token in [3, 3, 4] {
        commit(store, [Write::PutTarget(target("checkout", token))]).await.unwrap();
    }
    let lower = commit(store, [Write::PutTarget(target("checkout", 3))]).await;
    assert_eq!(lower, Err(StoreError::Fenced { target: "checkout".into(), held: 3, current: 4 }));
    let within = [Write::PutTarget(target("search", 2)), Write::PutTarget(target("search", 1))];
    let lower = commit(store, within).await;
    assert_eq!(lower, Err(StoreError::Fenced { target: "search".into(), held: 1, current: 2 }));
    assert_eq!(store.targets().await.unwrap(), [target("checkout", 4)]);
}

async fn a_journal_has_no_gap_and_no_double(store: &dyn Store) {
    let moved = |position, expected| Err(StoreError::JournalMoved { run: run_id(1), position, expected });
    assert_eq!(commit(store, [append(1, 1)]).await, moved(1, 0));
    commit(store, [Write::PutRun(summary(1, None, RunStatus::Running)), append(1, 0), append(1, 1)]).await.unwrap();
    assert_eq!(commit(store, [append(1, 1)]).await, moved(1, 2));
    assert_eq!(commit(store, [append(1, 3)]).await, moved(3, 2));
    assert_eq!(commit(store, [append(1, 2), append(1, 2)]).await, moved(2, 3));
    commit(store, [append(1, 2), append(2, 0), Write::PutRun(summary(1, None, RunStatus::Failed))]).await.unwrap();
    let stored = store.run(run_id(1)).await.unwrap().unwrap();
    let steps = ["step_0", "another", "step_1", "another", "step_2", "another"];
    assert_eq!((stored.batches, stored.journal), (3, steps.map(entry).to_vec()));
    // Also once the run is final, and may be forgotten where it is not read again.
    assert_eq!(commit(store, [append(1, 2)]).await, moved(2, 3));
}

async fn an_epoch_never_falls(store: &dyn Store) {
    let put = |agent: &str, rate, epoch| Write::PutAssignment(assignment("checkout", agent, rate, epoch));
    let moved = |agent: &str| Err(StoreError::AssignmentMoved { agent: agent.into() });
    commit(store, [put("b", 1.5, (1, 5, 5)), put("a", 0.1, (1, 1, 1))]).await.unwrap();
    for epoch in [(1, 5, 4), (1, 4, 9), (0, 9, 9)] {
        assert_eq!(commit(store, [put("b", 9.0, epoch)]).await, moved("b"));
    }
    commit(store, [put("b", 2.5, (1, 5, 5)), put("a", 0.2, (2, 0, 0))]).await.unwrap();
    assert_eq!(
        store.assignments(&"checkout".into()).await.unwrap(),
        [assignment("checkout", "a", 0.2, (2, 0, 0)), assignment("checkout", "b", 2.5, (1, 5, 5))]
    );
    assert_eq!(store.assignments(&"search".into()).await.unwrap(), []);
    let remove = || Write::RemoveAssignment { target: "checkout".into(), agent: "b".into() };
    commit(store, [remove(), put("a", 0.3, (2, 0, 1))]).await.unwrap();
    commit(store, [put("b", 3.5, (1, 0, 0)), remove(), remove()]).await.unwrap();
    assert_eq!(store.assignments(&"checkout".into()).await.unwrap(), [assignment("checkout", "a", 0.3, (2, 0, 1))]);
}

async fn a_refused_transaction_leaves_nothing(store: &dyn Store) {
    commit(store, [accept("a", "1"), Write::PutTarget(target("checkout", 2)), append(1, 0)]).await.unwrap();
    commit(store, [Write::PutHalt { target: None, at: Timestamp(1) }]).await.unwrap();
    commit(store, [Write::PutAssignment(assignment("checkout", "a", 1.0, (1, 1, 1)))]).await.unwrap();
    let before = everything(store).await;
    let refused = [
        accept("a", "2"),
        settle(1, "no"),
        Write::PutRun(summary(2, Some("checkout"), RunStatus::Running)),
        append(1, 1),
        append(2, 0),
        Write::PutPlan { digest: Digest::of("a"), source: PlanSource::alone("p", "t") },
        Write::PutTarget(target("checkout", 3)),
        Write::PutTarget(target("search", 1)),
        Write::PutRecord(record("checkout", "s", 1, 1, 1.0)),
        Write::RemoveAssignment { target: "checkout".into(), agent: "a".into() },
        Write::PutAssignment(assignment("checkout", "b", 1.0, (1, 1, 1))),
        Write::PutRuleState(rule_state("rule", None, 1)),
        Write::RemoveHalt { target: None },
        Write::PutHalt { target: Some("search".into()), at: Timestamp(1) },
        append(1, 1),
    ];
    let error = commit(store, refused).await.unwrap_err();
    assert_eq!(error, StoreError::JournalMoved { run: run_id(1), position: 1, expected: 2 });
    assert_eq!(everything(store).await, before);
    // Nor does it change what is refused later.
    let receipt = commit(store, [accept("a", "2"), append(1, 1), Write::PutTarget(target("checkout", 2))]).await;
    assert_eq!(receipt.unwrap().accepted, [Accepted::New { sequence: 2 }]);
}

async fn a_refusal_does_not_spoil_its_neighbours(store: &dyn Store) {
    let transactions = [
        writes([accept("a", "1"), append(1, 0)]),
        writes([accept("a", "2"), append(1, 7)]),
        writes([accept("a", "2"), append(1, 1)]),
        guarded("checkout", 1, accept("b", "1")),
        writes([accept("b", "2")]),
    ];
    let results = join_all(transactions.map(|transaction| store.commit(transaction))).await;
    let accepted: Vec<_> = results.into_iter().map(|result| result.map(|receipt| receipt.accepted)).collect();
    let new = |sequence| Ok(vec![Accepted::New { sequence }]);
    assert_eq!(
        accepted,
        [
            new(1),
            Err(StoreError::JournalMoved { run: run_id(1), position: 7, expected: 1 }),
            new(2),
            Err(StoreError::Fenced { target: "checkout".into(), held: 1, current: 0 }),
            new(3),
        ]
    );
    let loaded = store.load().await.unwrap();
    let ids: Vec<_> = loaded.events.iter().map(|it| (it.event.source.as_str(), it.event.id.as_str())).collect();
    assert_eq!(ids, [("a", "1"), ("a", "2"), ("b", "2")]);
}

async fn later_transactions_see_what_earlier_ones_did(store: &dyn Store) {
    let transactions = [
        writes([accept("a", "1"), Write::PutTarget(target("checkout", 1))]),
        guarded("checkout", 1, accept("a", "1")),
        guarded("checkout", 0, accept("a", "2")),
        writes([settle(1, "first")]),
        writes([settle(1, "second")]),
    ];
    let results = join_all(transactions.map(|transaction| store.commit(transaction))).await;
    assert_eq!(results[1].as_ref().unwrap().accepted, [Accepted::Duplicate]);
    assert_eq!(results[2], Err(StoreError::Fenced { target: "checkout".into(), held: 0, current: 1 }));
    assert_eq!(store.event("a", "1").await.unwrap().unwrap().outcome, Some(outcome("second")));
}

async fn halts_come_and_go(store: &dyn Store) {
    let put = |target: Option<&str>, at| Write::PutHalt { target: target.map(TargetName::from), at: Timestamp(at) };
    let remove = |target: Option<&str>| Write::RemoveHalt { target: target.map(TargetName::from) };
    commit(store, [put(Some("search"), 1), put(None, 2), put(Some("checkout"), 3), put(Some(""), 4)]).await.unwrap();
    commit(store, [put(None, 5), remove(Some("search")), remove(Some("unknown"))]).await.unwrap();
    assert_eq!(store.load().await.unwrap().halts, [None, Some("".into()), Some("checkout".into())]);
    commit(store, [remove(None), remove(Some("")), put(Some("search"), 6), remove(Some("search"))]).await.unwrap();
    assert_eq!(store.load().await.unwrap().halts, [Some("checkout".into())]);
}

async fn a_rule_state_replaces_the_one_before(store: &dyn Store) {
    let put = |rule: &str, target, count| Write::PutRuleState(rule_state(rule, target, count));
    commit(store, [put("b", Some("x"), 1), put("b", None, 2), put("a", Some("y"), 3), put("b", None, 4)])
        .await
        .unwrap();
    commit(store, [put("b", Some("x"), 5)]).await.unwrap();
    assert_eq!(
        store.load().await.unwrap().rule_states,
        [rule_state("a", Some("y"), 3), rule_state("b", None, 4), rule_state("b", Some("x"), 5)]
    );
}

async fn bookmarks_are_moved_and_taken_out(store: &dyn Store) {
    commit(store, [bookmark("b", 1), bookmark("a", 1), bookmark("b", 2)].map(Write::PutBookmark)).await.unwrap();
    assert_eq!(store.bookmarks().await.unwrap(), [bookmark("a", 1), bookmark("b", 2)]);
    let refused = commit(store, [Write::PutBookmark(bookmark("a", 9)), settle(7, "")]).await;
    assert!(refused.is_err());
    // A schedule, a webhook and a detector of one name are not the same.
    let webhook = || Bookmark { holder: Holder::Webhook("a".into()), state: serde_json::json!({ "position": 5 }) };
    commit(store, [Write::PutBookmark(webhook())]).await.unwrap();
    assert_eq!(store.bookmarks().await.unwrap(), [bookmark("a", 1), bookmark("b", 2), webhook()]);
    let detector = || Bookmark { holder: Holder::Detector("a".into()), state: serde_json::json!({ "told": {} }) };
    commit(store, [Write::PutBookmark(detector())]).await.unwrap();
    assert_eq!(store.bookmarks().await.unwrap(), [detector(), bookmark("a", 1), bookmark("b", 2), webhook()]);
    commit(store, [webhook().holder, detector().holder].map(Write::RemoveBookmark)).await.unwrap();
    let away = Write::RemoveBookmark(bookmark("b", 0).holder);
    commit(store, [away.clone(), Write::PutBookmark(bookmark("c", 3)), away]).await.unwrap();
    assert_eq!(store.bookmarks().await.unwrap(), [bookmark("a", 1), bookmark("c", 3)]);
}

async fn runs_are_listed_newest_first(store: &dyn Store) {
    for n in 1..=120u8 {
        let target = if n % 3 == 0 { "search" } else { "checkout" };
        let status = if n % 2 == 0 { RunStatus::Succeeded } else { RunStatus::Waiting };
        commit(store, [Write::PutRun(summary(n, Some(target), status))]).await.unwrap();
    }
    let list = async |filter: RunFilter| -> Vec<RunId> {
        store.runs(&filter).await.unwrap().into_iter().map(|run| run.id).collect()
    };
    let expected = |numbers: &mut dyn Iterator<Item = u8>| numbers.map(run_id).collect::<Vec<_>>();
    assert_eq!(list(RunFilter::default()).await, expected(&mut (21..=120).rev()));
    let page = RunFilter { before: Some(run_id(21)), limit: 15, ..RunFilter::default() };
    assert_eq!(list(page).await, expected(&mut (6..=20).rev()));
    let filter = RunFilter {
        target: Some("search".into()),
        status: Some(RunStatus::Succeeded),
        before: Some(run_id(100)),
        limit: 3,
    };
    assert_eq!(list(filter).await, expected(&mut [96, 90, 84].into_iter()));
    commit(store, [Write::PutRun(summary(96, Some("search"), RunStatus::Failed))]).await.unwrap();
    let failed = RunFilter { status: Some(RunStatus::Failed), ..RunFilter::default() };
    assert_eq!(store.runs(&failed).await.unwrap(), [summary(96, Some("search"), RunStatus::Failed)]);
}

async fn records_are_listed_newest_first_and_saved_once(store: &dyn Store) {
    let put = |target, signature, n, at, max| Write::PutRecord(record(target, signature, n, at, max));
    commit(store, [put("checkout", "a", 1, 10, 400.1), put("checkout", "b", 2, 30, 200.0)]).await.unwrap();
    commit(store, [put("search", "a", 3, 20, 100.0), put("checkout", "a", 4, 40, 410.0)]).await.unwrap();
    commit(store, [put("checkout", "a", 1, 99, 999.0)]).await.unwrap();
    let list = async |target: Option<&str>, signature: Option<&str>, limit| -> Vec<i64> {
        let filter = RecordFilter { target: target.map(Into::into), signature: signature.map(Into::into), limit };
        store.records(&filter).await.unwrap().into_iter().map(|record| record.recorded_at.0).collect()
    };
    assert_eq!(list(None, None, 0).await, [40, 30, 20, 10]);
    assert_eq!(list(None, None, 2).await, [40, 30]);
    assert_eq!(list(Some("checkout"), None, 0).await, [40, 30, 10]);
    assert_eq!(list(Some("checkout"), Some("a"), 0).await, [40, 10]);
    assert_eq!(list(None, Some("a"), 0).await, [40, 20, 10]);
    let oldest = store.records(&RecordFilter::default()).await.unwrap().pop().unwrap();
    assert_eq!(oldest, record("checkout", "a", 1, 10, 400.1));
}

async fn a_plan_stays_as_it_was_first_given(store: &dyn Store) {
    let called = |text: &str| vec![CalledSource { path: "flows/ease.yaml".to_owned(), text: text.into() }];
    let source = |text: &str| PlanSource { called: called(text), ..PlanSource::alone("flows/deploy.yaml", text) };
    let put = |text: &str| Write::PutPlan { digest: Digest::of("a"), source: source(text) };
    commit(store, [put("workflow: ä"), put("second")]).await.unwrap();
    commit(store, [put("third")]).await.unwrap();
    assert_eq!(store.plan(&Digest::of("a")).await.unwrap(), Some(source("workflow: ä")));
}

async fn loading_gives_the_unfinished_business_in_order(store: &dyn Store) {
    let events = ["9", "3", "7", "1", "5"].map(|id| accept("z", id));
    commit(store, events).await.unwrap();
    commit(store, [settle(2, ""), settle(4, "")]).await.unwrap();
    let statuses = [
        (9, RunStatus::Waiting),
        (2, RunStatus::Running),
        (5, RunStatus::Parked),
        (1, RunStatus::Succeeded),
        (3, RunStatus::Failed),
        (4, RunStatus::Cancelled),
        (6, RunStatus::Dropped),
    ];
    for (n, status) in statuses {
        commit(store, [Write::PutRun(summary(n, None, status)), append(n, 0)]).await.unwrap();
    }
    commit(store, [append(2, 1), append(8, 0)]).await.unwrap();
    commit(store, ["stock", "checkout", "search"].map(|name| Write::PutTarget(target(name, 1)))).await.unwrap();
    let agents = [("search", "a"), ("checkout", "b"), ("checkout", "a")];
    commit(store, agents.map(|(target, agent)| Write::PutAssignment(assignment(target, agent, 1.0, (1, 1, 1)))))
        .await
        .unwrap();

    let loaded = store.load().await.unwrap();
    let events: Vec<_> = loaded.events.iter().map(|it| (it.sequence, it.event.id.as_str())).collect();
    assert_eq!(events, [(1, "9"), (3, "7"), (5, "5")]);
    let runs: Vec<_> = loaded.runs.iter().map(|run| (run.summary.id, run.batches, run.journal.len())).collect();
    assert_eq!(runs, [(run_id(2), 2, 4), (run_id(5), 1, 2), (run_id(9), 1, 2)]);
    let targets: Vec<_> = loaded.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(targets, ["checkout", "search", "stock"]);
    let agents: Vec<_> = loaded.assignments.iter().map(|one| (one.target.as_str(), one.agent.as_str())).collect();
    assert_eq!(agents, [("checkout", "a"), ("checkout", "b"), ("search", "a")]);
}

async fn many_committers_lose_nothing(store: &dyn Store) {
    let committers = (1..=64u8).map(async |n| {
        let mut sequences = Vec::new();
        commit(store, [Write::PutRun(summary(n, None, RunStatus::Running))]).await.unwrap();
        for position in 0..5 {
            let receipt = commit(store, [append(n, position), accept(&n.to_string(), &position.to_string())]).await;
            sequences.extend(receipt.unwrap().accepted);
        }
        sequences
    });
    let accepted = join_all(committers).await.concat();
    let sequences: BTreeSet<_> = accepted
        .into_iter()
        .map(|accepted| match accepted {
            Accepted::New { sequence } => sequence,
            Accepted::Duplicate => panic!("every event was sent once"),
        })
        .collect();
    assert_eq!(sequences, (1..=320).collect());
    let loaded = store.load().await.unwrap();
    assert_eq!(loaded.events.len(), 320);
    assert_eq!(loaded.runs.len(), 64);
    assert!(loaded.runs.iter().all(|run| run.batches == 5));
}
