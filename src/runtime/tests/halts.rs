//! A halt is for all that is there, and for all that comes while it lasts.

use std::time::Duration;

use serde_json::json;

use super::stage::play_files;
use crate::runtime::control::Control as _;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::RunFilter;

const RULES: &str = "event GO {}\nrule go { on GO run slow() }\n";
const SLOW: &str = "workflow: slow\nsummary: x\nsteps:\n  nap: { uses: sleep, with: { for: 1m } }\n";

#[test]
fn a_target_of_which_nothing_was_heard_yet_is_halted_with_the_others() {
    play_files(&[("test.rules", RULES), ("slow.yaml", SLOW)], async |mut stage| {
        let statuses = async |stage: &super::stage::Stage| {
            let runs = stage.store().runs(&RunFilter::default()).await.unwrap();
            runs.into_iter().map(|run| run.status).collect::<Vec<_>>()
        };
        stage.engine.halt(None).await.unwrap();
        stage.send("GO", json!({})).await;
        assert_eq!(statuses(&stage).await, [RunStatus::Waiting]);
        // The same after a crash, where the store knows of the halt alone.
        stage.crash().await;
        assert_eq!(statuses(&stage).await, [RunStatus::Waiting]);
        stage.engine.unhalt(None).await.unwrap();
        stage.pass(Duration::ZERO).await;
        assert_eq!(statuses(&stage).await, [RunStatus::Running]);
    });
}
