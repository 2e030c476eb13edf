//! Random transactions, on both stores: they answer the same and hold the same, also when many come at once and when the
//! file is opened again.

use proptest::prelude::*;

use super::*;
use crate::model::target::TargetState;
use crate::runtime::ports::Guard;

fn sources() -> impl Strategy<Value = (&'static str, &'static str)> {
    (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["1", "2"]))
}

fn targets() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["checkout", "search", "stock"])
}

fn agents() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["one", "two"])
}

fn statuses() -> impl Strategy<Value = RunStatus> {
    prop::sample::select(vec![RunStatus::Waiting, RunStatus::Running, RunStatus::Succeeded, RunStatus::Parked])
}

/// Any rate, to the last bit.
fn rates() -> impl Strategy<Value = f64> {
    use prop::num::f64::{NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NORMAL | SUBNORMAL | ZERO
}

fn write() -> impl Strategy<Value = Write> {
    let scope = || prop::option::of(targets());
    prop_oneof![
        3 => sources().prop_map(|(source, id)| accept(source, id)),
        1 => (0u64..5, "[a-c]").prop_map(|(sequence, note)| settle(sequence, &note)),
        1 => (sources(), 0i64..400).prop_map(|((source, id), at)| accept_at(source, id, at)),
        1 => (0u64..5, "[a-c]").prop_map(|(sequence, note)| bury(sequence, &note)),
        1 => (0u64..5).prop_map(discard),
        2 => (1u8..4, scope(), statuses()).prop_map(|(n, target, status)| Write::PutRun(summary(n, target, status))),
        4 => (1u8..4, 0u64..4).prop_map(|(n, position)| append(n, position)),
        1 => (prop::sample::select(vec!["a", "b"]), "[a-c]").prop_map(|(digest, text)| Write::PutPlan {
            digest: Digest::of(digest),
            source: PlanSource::alone("path", text),
        }),
        3 => (targets(), 0u64..4, prop::option::of(rates())).prop_map(|(name, token, rate_rps)| {
            Write::PutTarget(TargetState { rate_rps, ..target(name, token) })
        }),
        1 => (targets(), agents(), 1u8..3, 0i64..3, rates())
            .prop_map(|(name, signature, n, at, max)| Write::PutRecord(record(name, signature, n, at, max))),
        3 => (targets(), agents(), rates(), 1u64..3, 0u64..3, 0u64..2).prop_map(|(target, agent, rate, a, b, c)| {
            Write::PutAssignment(assignment(target, agent, rate, (a, b, c)))
        }),
        1 => (targets(), agents())
            .prop_map(|(target, agent)| Write::RemoveAssignment { target: target.into(), agent: agent.into() }),
        1 => (agents(), scope(), any::<u64>())
            .prop_map(|(rule, target, count)| Write::PutRuleState(rule_state(rule, target, count))),
        1 => (agents(), any::<u64>()).prop_map(|(name, at)| Write::PutBookmark(bookmark(name, at))),
        1 => agents().prop_map(|name| Write::RemoveBookmark(bookmark(name, 0).holder)),
        1 => (scope(), any::<i64>()).prop_map(|(target, at)| Write::PutHalt {
            target: target.map(TargetName::from),
            at: Timestamp(at),
        }),
        1 => scope().prop_map(|target| Write::RemoveHalt { target: target.map(TargetName::from) }),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let guard = (targets(), 0u64..4).prop_map(|(target, token)| Guard::Lease { target: target.into(), token });
    (prop::collection::vec(guard, 0..2), prop::collection::vec(write(), 0..6))
        .prop_map(|(guards, writes)| Transaction { guards, writes })
}

async fn agree(rounds: Vec<Vec<Transaction>>) {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = sqlite(folder.path()).await;
    let memory = MemoryStore::with_incarnation(sqlite.load().await.unwrap().incarnation);
    for (round, transactions) in rounds.into_iter().enumerate() {
        let mut expected = Vec::new();
        for transaction in &transactions {
            expected.push(memory.commit(transaction.clone()).await);
        }
        // One thread: all of them wait before the writer looks, so they are one batch, in this order.
        let before = sqlite.syncs();
        let found = join_all(transactions.into_iter().map(|transaction| sqlite.commit(transaction))).await;
        assert!(sqlite.syncs() - before <= 1);
        assert_eq!(found, expected);
        assert_eq!(everything(&sqlite).await, everything(&memory).await);
        if round % 2 == 1 {
            sqlite.close().await;
            sqlite = super::sqlite(folder.path()).await;
            assert_eq!(everything(&sqlite).await, everything(&memory).await);
        }
    }
    sqlite.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn both_stores_agree(
        rounds in prop::collection::vec(prop::collection::vec(transaction(), 1..8), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(rounds));
    }
}
