//! What cannot be handled is kept with its reason until a person decides.

use serde_json::json;

use super::stage::play;
use crate::runtime::control::{Control as _, ControlError};
use crate::runtime::ports::{RuleResult, StoredEvent};

/// Each event leads to the next one.
const ENDLESS: &str = "
event PING { n: int }
rule again {
    on   PING
    emit PING(n: event.data.n + 1)
}
";

fn reason(letter: &StoredEvent) -> &str {
    letter.dead_letter().and_then(|outcome| outcome.dead.as_deref()).unwrap_or_default()
}

#[test]
fn a_chain_that_is_too_long_ends_among_the_dead_letters() {
    play(ENDLESS, async |mut stage| {
        stage.send("PING", json!({ "n": 1 })).await;
        let letters = stage.letters().await;
        assert_eq!(letters.len(), 1);
        assert_eq!(reason(&letters[0]), "it is number 17 of a chain of events, and at most 16 follow each other");
        assert_eq!((letters[0].event.data["n"].as_i64(), letters[0].event.chain), (Some(18), 17));
        assert_eq!(letters[0].dead_letter().unwrap().attempts, 1);
        let events = stage.events().await;
        assert_eq!(events.len(), 18);
        let cause = &events[16].outcome.as_ref().unwrap().rules[0];
        assert_eq!(cause.result, RuleResult::Matched);
        assert_eq!(
            cause.note.as_deref(),
            Some(
                "`PING` goes to the dead letters: it is number 17 of a chain of events, and at most 16 follow each other"
            )
        );
    });
}

#[test]
fn a_redriven_letter_is_handled_and_begins_a_chain_of_its_own() {
    play(ENDLESS, async |mut stage| {
        stage.send("PING", json!({ "n": 1 })).await;
        let number = stage.letters().await[0].sequence;
        stage.engine.redrive(number).await.unwrap();
        stage.pass(std::time::Duration::ZERO).await;
        let handled = stage.at(number).await;
        assert_eq!((handled.event.chain, handled.attempts), (0, 1));
        assert_eq!(handled.outcome.as_ref().unwrap().attempts, 2, "both attempts count");
        let letters = stage.letters().await;
        assert_eq!(letters.iter().map(|letter| letter.event.data["n"].clone()).collect::<Vec<_>>(), [json!(35)]);
        assert_eq!(stage.engine.redrive(number).await, Err(ControlError::NoDeadLetter(number)));
    });
}

#[test]
fn a_redriven_letter_outlives_a_crash() {
    play(ENDLESS, async |mut stage| {
        stage.send("PING", json!({ "n": 1 })).await;
        let number = stage.letters().await[0].sequence;
        let engine = stage.engine.clone();
        engine.redrive(number).await.unwrap();
        // Nothing of it was handled: nobody had a turn since.
        stage.crash().await;
        assert_eq!(stage.at(number).await.outcome.unwrap().attempts, 2);
    });
}

#[test]
fn a_dropped_letter_is_over() {
    play(ENDLESS, async |mut stage| {
        stage.send("PING", json!({ "n": 1 })).await;
        let number = stage.letters().await[0].sequence;
        stage.engine.drop_letter(number).await.unwrap();
        assert!(stage.letters().await.is_empty());
        assert!(stage.at(number).await.outcome.unwrap().dropped);
        for result in [stage.engine.drop_letter(number).await, stage.engine.redrive(number).await] {
            assert_eq!(result, Err(ControlError::NoDeadLetter(number)));
        }
    });
}

#[test]
fn emitted_data_that_does_not_fit_is_kept() {
    let rules = "
event ASK { of: any }
event TELL { n: int }
rule tell {
    on   ASK
    emit TELL(n: event.data.of)
}
";
    play(rules, async |mut stage| {
        stage.send("ASK", json!({ "of": 7 })).await;
        assert!(stage.letters().await.is_empty());
        stage.send("ASK", json!({ "of": "seven" })).await;
        let letters = stage.letters().await;
        assert_eq!(letters.len(), 1);
        assert!(reason(&letters[0]).starts_with("its data is not as `TELL` declares: "), "{}", reason(&letters[0]));
        let refused = stage.engine.redrive(letters[0].sequence).await;
        let Err(ControlError::Conflict(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("cannot be handled now either: `data.n`"), "{why}");
        assert_eq!(stage.letters().await, letters, "it stays");
    });
}
