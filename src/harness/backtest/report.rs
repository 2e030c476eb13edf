//! A backtest for people and for programs.

use serde_json::{Value as Json, json};

use super::{Compared, Report, Verdict};

/// Every verdict with the words for its line, in the order of the lines.
const VERDICTS: [(Verdict, &str, &str); 5] = [
    (Verdict::Same, "same", "the same comes of it"),
    (Verdict::Differs, "differs", "something else comes of it"),
    (Verdict::OnlyBefore, "only before", "nothing comes of it any more"),
    (Verdict::OnlyNow, "only now", "nothing came of it before"),
    (Verdict::Refused, "refused", "it would not be taken"),
];

impl Report {
    /// Whether the same came of every event.
    pub fn is_same(&self) -> bool {
        self.events.iter().all(|event| event.verdict == Verdict::Same)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.events.iter().filter(|event| event.verdict == verdict).count()
    }
}

/// What differs, event by event, then how many there are of each kind.
pub fn to_people(report: &Report) -> String {
    let mut text = String::new();
    for event in report.events.iter().filter(|event| event.verdict != Verdict::Same) {
        text.push_str(&told(event));
        text.push('\n');
    }
    for (verdict, name, meaning) in VERDICTS {
        text.push_str(&format!("{name:<12}{:>8}  {meaning}\n", report.count(verdict)));
    }
    let notes = [
        (report.unfinished, "not over when this was read, and not compared"),
        (report.unknown_measurements, "load tests that were never made are asked for: they fail here"),
        (report.unknown_plans, "runs went by plans that this version cannot make: what they came to is not known"),
    ];
    for (count, meaning) in notes.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("{:<12}{count:>8}  {meaning}\n", "note"));
    }
    text
}

fn told(event: &Compared) -> String {
    let subject = event.subject.as_ref().map(|subject| format!(" of {subject}")).unwrap_or_default();
    let mut text = format!("{}  {} {}{subject}\n", event.accepted_at, event.id, event.kind);
    for change in &event.changes {
        text.push_str(&format!("  {change}\n"));
    }
    text
}

/// The whole report: `same` and the others as counts, and every event with what came and comes of it.
pub fn to_json(report: &Report) -> Json {
    let mut counts: serde_json::Map<String, Json> =
        VERDICTS.iter().map(|(verdict, name, _)| (name.replace(' ', "_"), json!(report.count(*verdict)))).collect();
    if let Ok(Json::Object(whole)) = serde_json::to_value(report) {
        counts.extend(whole);
    }
    counts.into()
}
