//! Runs that take their target over from others, and in each other's place.

use std::time::Duration;

use serde_json::json;

use super::stage::play_files;
use crate::runtime::control::Control as _;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::RunFilter;

/// Two rules on one event, each of which takes over.
const RULES: &str = "
event GO { n: int }
rule one { on GO busy supersede run slow(n: event.data.n) }
rule two { on GO busy supersede run slow(n: event.data.n + 100) }
";
const SLOW: &str = "workflow: slow
summary: x
inputs: { n: int }
steps:
  nap: { uses: sleep, with: { for: 1m } }
";

#[test]
fn two_rules_that_take_over_from_the_same_waiting_runs_replace_each_of_them_once() {
    play_files(&[("test.rules", RULES), ("slow.yaml", SLOW)], async |mut stage| {
        let events = (1..5).map(|n| stage.event("GO", json!({ "n": n }))).collect();
        stage.engine.accept(events).await.unwrap();
        stage.pass(Duration::from_mins(10)).await;
        assert_eq!(stage.engine.health().problems, Vec::<String>::new());
        assert!(stage.events().await.iter().all(|stored| stored.outcome.is_some()));
        let runs = stage.store().runs(&RunFilter::default()).await.unwrap();
        assert_eq!(runs.len(), 8);
        assert!(runs.iter().all(|run| run.status.is_final()), "{runs:#?}");
        // Of all that were made, those of the last event are performed to their end.
        let of_last = runs.iter().filter(|run| run.event.as_ref().is_some_and(|(_, id)| id == "4"));
        assert!(of_last.clone().all(|run| run.status == RunStatus::Succeeded), "{runs:#?}");
        assert_eq!(of_last.count(), 2);
    });
}
