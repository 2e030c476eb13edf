//! Other rules come into force while the engine is at work.

use serde_json::json;

use super::stage::{play, program};
use crate::api::reload::Reload as _;
use crate::app::program as files;
use crate::app::reload::Reloader;
use crate::config;
use crate::runtime::control::{AcceptError, Control as _};
use crate::runtime::ports::RuleResult::{self, BelowThreshold, Matched};

const DECLARED: &str = "event SPIKE { n: int }\nevent SEEN {}\n";

/// A rule that waits for two events.
fn twice(name: &str, condition: &str) -> String {
    format!("rule {name} {{\n    on SPIKE\n    when {condition}\n    threshold 2 within 1h\n    emit SEEN()\n}}\n")
}

#[test]
fn what_is_handled_from_now_on_is_handled_by_the_new_rules() {
    let old = format!("{DECLARED}rule low {{\n    on SPIKE\n    when event.data.n < 10\n    emit SEEN()\n}}\n");
    let new = "event SPIKE { n: int }\nevent HIGH {}\nrule high {\n    on SPIKE\n    when event.data.n > 10\n    emit HIGH()\n}\n";
    play(&old, async |mut stage| {
        let first = stage.send("SPIKE", json!({ "n": 3 })).await;
        // Taken under the old rules, due under the new ones.
        let mut later = stage.event("SPIKE", json!({ "n": 30 }));
        later.deliver_at = Some(super::stage::START.after(std::time::Duration::from_mins(1)));
        let later = stage.accept(later).await;
        stage.engine.replace_program(program(&[("new.rules", new)]));
        let second = stage.send("SPIKE", json!({ "n": 3 })).await;
        stage.pass(std::time::Duration::from_secs(61)).await;
        let mut results = Vec::new();
        for number in [first, second, later] {
            let rules = stage.at(number).await.outcome.unwrap().rules;
            results.extend(rules.iter().map(|rule| (rule.rule.to_string(), rule.result)));
        }
        // Of the second nothing is told: no rule matched.
        assert_eq!(results, [("low".to_owned(), Matched), ("high".to_owned(), Matched)]);
        let gone = stage.event("SEEN", json!({}));
        assert!(matches!(stage.engine.accept(vec![gone]).await, Err(AcceptError::Refused(_))));
    });
}

#[test]
fn a_rule_that_stays_the_same_remembers_and_one_that_changes_forgets() {
    let old = format!("{DECLARED}{}{}", twice("same", "event.data.n > 0"), twice("other", "event.data.n > 0"));
    let new = format!("{DECLARED}{}{}", twice("same", "event.data.n > 0"), twice("other", "event.data.n > 1"));
    play(&old, async |mut stage| {
        stage.send("SPIKE", json!({ "n": 3 })).await;
        stage.engine.replace_program(program(&[("new.rules", &new)]));
        let second = stage.send("SPIKE", json!({ "n": 3 })).await;
        let results: Vec<RuleResult> =
            stage.at(second).await.outcome.unwrap().rules.iter().map(|rule| rule.result).collect();
        assert_eq!(results, [Matched, BelowThreshold]);
    });
}

#[test]
fn files_that_do_not_check_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.rules");
    let rules = |number: u8| {
        format!("{DECLARED}rule low {{\n    on SPIKE\n    when event.data.n < {number}\n    emit SEEN()\n}}\n")
    };
    std::fs::write(&path, rules(10)).unwrap();
    play(&rules(10), async |mut stage| {
        let paths = vec![folder.path().to_path_buf()];
        let outline = files::outline(&files::check(&paths));
        let reloader =
            Reloader::new(stage.engine.clone(), config::Program::Paths(paths), Vec::new(), Vec::new(), outline);
        let unchanged = reloader.reload().await.unwrap();
        assert!(unchanged.changes.is_empty(), "{unchanged:?}");

        std::fs::write(&path, format!("{}rule bad {{ on NOTHING emit SEEN() }}\n", rules(1))).unwrap();
        let refused = reloader.reload().await.unwrap_err();
        assert_eq!(refused.summary, "1 error in 1 file; the rules and workflows of before stay in force");
        assert_eq!(refused.problems[0]["code"], "H0202", "{:?}", refused.problems);
        let sent = stage.send("SPIKE", json!({ "n": 3 })).await;
        assert_eq!(stage.at(sent).await.outcome.unwrap().rules[0].result, Matched);

        std::fs::write(&path, rules(1)).unwrap();
        let changed = reloader.reload().await.unwrap();
        let told: Vec<_> = changed.changes.iter().map(|it| (it["name"].clone(), it["change"].clone())).collect();
        assert_eq!(told, [(json!("low"), json!("changed"))]);
        assert_ne!(changed.digest, unchanged.digest);
        let sent = stage.send("SPIKE", json!({ "n": 3 })).await;
        assert_eq!(stage.at(sent).await.outcome.unwrap().rules, []);
    });
}

#[test]
fn rules_under_which_a_schedule_would_come_in_vain_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.rules");
    std::fs::write(&path, DECLARED).unwrap();
    play(DECLARED, async |stage| {
        let paths = vec![folder.path().to_path_buf()];
        let outline = files::outline(&files::check(&paths));
        let settings = "schedules: { tick: { every: 1h, event: SPIKE, data: { n: 3 } } }";
        let schedules = config::read("test.yaml", settings, std::path::Path::new(""), &[]).schedules;
        let reloader =
            Reloader::new(stage.engine.clone(), config::Program::Paths(paths), schedules, Vec::new(), outline);
        reloader.reload().await.unwrap();
        std::fs::write(&path, DECLARED.replace("n: int", "n: string")).unwrap();
        let refused = reloader.reload().await.unwrap_err();
        assert_eq!(
            refused.summary,
            "schedule `tick`: `data.n` must be string, but it is the number 3; the rules and workflows of before stay in force"
        );
        std::fs::write(&path, "event OTHER {}\n").unwrap();
        let refused = reloader.reload().await.unwrap_err();
        assert_eq!(
            refused.summary,
            "schedule `tick`: no rules file declares `SPIKE`; the rules and workflows of before stay in force"
        );
    });
}
