//! Every key of a scenario file: the one table that reading, editors and the JSON Schema are made from.

/// A key of some mapping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    pub name: &'static str,
    pub takes: Takes,
    pub docs: &'static str,
}

/// Its name.
impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.name
    }
}

/// Every key of some mapping.
pub type Table = &'static [Key];

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// Anything: data of the program's own, or a value that is compared.
    Any,
    /// Text that is not empty.
    Text,
    Texts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, or a mapping.
    WordOr(&'static [&'static str], Table),
    /// Text, or a mapping.
    TextOr(Table),
    Bool,
    /// A whole number between these.
    Whole(u32, u32),
    Number,
    /// A number, or nothing where there is none.
    Figure,
    /// Requests per second: a number, or text like `50rps`.
    Rate,
    /// A duration above zero.
    Duration,
    /// A duration from the start; zero is one.
    Moment,
    Mapping(Table),
    List(Table),
    /// A list of texts, or of mappings.
    ListOfTextOr(Table),
    /// A mapping from names of the author's or the program's.
    Named(&'static Takes),
    /// `real`, `never_ends`, a mapping, or a list of these.
    Outcomes(Table),
}

macro_rules! keys {
    ($($name:literal $takes:expr, $docs:literal;)*) => {
        &[$(Key { name: $name, takes: $takes, docs: $docs },)*]
    };
}

/// Of a file with several scenarios. One with a single scenario has [`SCENARIO`].
pub const FILE: Table = keys! {
    "scenarios" Takes::List(SCENARIO), "The scenarios, each with a name of its own.";
    "given" Takes::Mapping(GIVEN), "What is so in all scenarios of the file; each may add to it.";
    "mock" Takes::Named(&Takes::Outcomes(OUTCOME)), "What stands in for actions in all scenarios of the file.";
};

/// Of a scenario.
pub const SCENARIO: Table = keys! {
    "scenario" Takes::Text, "What it shows.";
    "given" Takes::Mapping(GIVEN), "What is so before anything happens.";
    "mock" Takes::Named(&Takes::Outcomes(OUTCOME)), "What stands in for actions: by step, `WORKFLOW.STEP`, or action.";
    "when" Takes::List(WHEN), "What is done to the engine, in order.";
    "then" Takes::Mapping(THEN), "What must have come of it.";
    "lasts" Takes::Duration, "How long the world goes on after the last entry of `when` at most; `24h` where nothing is said.";
};

/// Of `given`.
pub const GIVEN: Table = keys! {
    "now" Takes::Text, "When the scenario begins, like `2026-01-05T09:00:00Z`.";
    "config" Takes::Named(&Takes::Any), "Settings as in `homeostat.yaml`: `targets`, `defaults`, `network`.";
    "targets" Takes::Named(&Takes::Mapping(TARGET)), "The targets there are, as they are.";
    "records" Takes::List(RECORD), "What was measured before.";
};

/// Of a given target.
pub const TARGET: Table = keys! {
    "phase" Takes::Word(&["stable", "degraded", "paused"]), "The phase it rests in; `stable` where nothing is said.";
    "reason" Takes::Text, "Why it is in this phase.";
    "signature" Takes::Text, "The deployment that runs.";
    "rate" Takes::Rate, "The total rate that was last decided.";
    "verified" Takes::Rate, "What is verified for the deployment; that of its newest record where nothing is said.";
    "labels" Takes::Named(&Takes::Text), "Words of your own.";
    "agents" Takes::Texts, "The names of its agents.";
};

/// Of a given record.
pub const RECORD: Table = keys! {
    "target" Takes::Text, "Which target was measured; the only one where nothing is said.";
    "signature" Takes::Text, "Which deployment was measured.";
    "max_rps" Takes::Rate, "What it bears.";
    "age" Takes::Duration, "How long ago it was measured.";
};

/// Of a mock's outcome.
pub const OUTCOME: Table = keys! {
    "output" Takes::Any, "What the action returns. Of a load test only `max_rps` must be said.";
    "fails" Takes::TextOr(FAILURE), "Why it fails.";
    "never_ends" Takes::Bool, "Whether it runs until it is told to stop.";
    "after" Takes::Duration, "How long it takes.";
    "item" Takes::Whole(0, u32::MAX), "Only for this item of a `for_each` step, from 0.";
    "attempt" Takes::Whole(1, 1_000), "Only for this attempt, from 1.";
    "undo" Takes::Bool, "Whether it is for undoing the step.";
};

/// Of a mocked failure.
pub const FAILURE: Table = keys! {
    "kind" Takes::Word(&["transient", "permanent", "timed_out", "halted", "cancelled", "lease_lost"]),
        "What it means for the step: `retry` applies to `transient` and `timed_out`.";
    "message" Takes::Text, "What people are told.";
};

/// Of an entry of `when`, whatever it does.
pub const WHEN: Table = keys! {
    "at" Takes::Moment, "From the start; as the entry before where nothing is said.";
    "event" Takes::Text, "An event of this type is sent.";
    "subject" Takes::Text, "The target it is about; `none` for none.";
    "data" Takes::Any, "What the event carries.";
    "priority" Takes::Whole(0, 9), "0 goes first; 5 where nothing is said.";
    "id" Takes::Text, "The event's id.";
    "source" Takes::Text, "Who sends it.";
    "times" Takes::Whole(1, 1_000), "How often it is sent.";
    "every" Takes::Duration, "How long lies between two of them.";
    "run" Takes::Text, "A person starts this workflow.";
    "target" Takes::Text, "The target that the run holds; `none` for none.";
    "inputs" Takes::Any, "What the workflow is given.";
    "crash" Takes::WordOr(&["now"], CRASH), "The engine is killed, and another one goes on with what it left.";
    "down" Takes::Duration, "How long after a crash the next engine starts.";
    "halt" Takes::Text, "Load tests and dispatches of this target are stopped; `all` for all.";
    "unhalt" Takes::Text, "A halt is taken back.";
    "pause" Takes::Text, "A person pauses this target.";
    "resume" Takes::Text, "A person resumes this target.";
    "approve" Takes::Text, "A person approves what this step of the newest run waits for.";
    "reject" Takes::Text, "A person rejects what this step of the newest run waits for.";
    "by" Takes::Text, "Who decides.";
    "note" Takes::Text, "What they say about it.";
    "cancel" Takes::Text, "A person cancels the newest run of this workflow that is not over.";
    "retry" Takes::Text, "A person starts the newest run of this workflow again that is over.";
    "from_failed_step" Takes::Bool, "Whether it keeps what steps returned that succeeded and were not undone.";
};

/// Of a crash at a step.
pub const CRASH: Table = keys! {
    "before" Takes::Text, "Once the step's attempt is journaled, before anything is done.";
    "after" Takes::Text, "Once the step has done what it does, before anybody knows.";
};

/// Of `then`.
pub const THEN: Table = keys! {
    "runs" Takes::List(RUN), "Every run there was, in order.";
    "dispatched" Takes::List(DISPATCH), "Everything that agents were told, in order.";
    "phases" Takes::Named(&Takes::ListOfTextOr(PHASE)), "The phases that targets went through.";
    "targets" Takes::Named(&Takes::Mapping(TARGET_THEN)), "Targets as they are at the end.";
    "records" Takes::List(RECORD_THEN), "Everything that was recorded, in order.";
    "emitted" Takes::List(EMITTED), "Every event that rules and steps emitted, in order.";
    "events" Takes::List(EVENT), "Every event that was taken, in order.";
    "refused" Takes::Texts, "What was not taken, in a few words each.";
    "never" Takes::List(NEVER), "What must not have happened.";
};

/// Of an expected run.
pub const RUN: Table = keys! {
    "workflow" Takes::Text, "Which workflow ran.";
    "target" Takes::Any, "The target it held.";
    "rule" Takes::Any, "The rule that started it; empty where a person did.";
    "event" Takes::Any, "The id of the event that caused it.";
    "inputs" Takes::Any, "What it was given.";
    "status" Takes::Word(&["waiting", "running", "succeeded", "failed", "cancelled", "dropped", "parked"]), "How it ended.";
    "error" Takes::Any, "A part of why it failed.";
    "outputs" Takes::Any, "What it returned.";
    "began" Takes::Any, "When it began, from the start.";
    "ended" Takes::Any, "When it ended, from the start.";
    "steps" Takes::Named(&Takes::TextOr(STEP)), "What became of its steps.";
};

/// Of an expected step.
pub const STEP: Table = keys! {
    "status" Takes::Word(&["succeeded", "failed", "skipped", "kept", "running", "retrying", "waiting", "not_started"]), "What became of it.";
    "attempts" Takes::Figure, "How many attempts it took.";
    "performed" Takes::Figure, "How often it was performed, repetitions after a crash included.";
    "interruptions" Takes::Figure, "How often a crash cut it off.";
    "input" Takes::Any, "What the action was given.";
    "output" Takes::Any, "What the action returned.";
    "error" Takes::Any, "A part of why it failed.";
    "undo" Takes::Any, "`done`, `failed`, or empty where it was not undone.";
    "undo_error" Takes::Any, "A part of why undoing it failed.";
    "items" Takes::Any, "What became of the items of a `for_each` step, in order.";
};

/// Of an expected dispatch.
pub const DISPATCH: Table = keys! {
    "at" Takes::Any, "When, from the start.";
    "target" Takes::Any, "Whose agents were told.";
    "workflow" Takes::Any, "Which workflow told them.";
    "step" Takes::Any, "Which step told them.";
    "undo" Takes::Bool, "Whether that was to undo the step.";
    "total_rps" Takes::Number, "The total.";
    "agents" Takes::Named(&Takes::Number), "The rate of each agent.";
};

/// Of an expected phase.
pub const PHASE: Table = keys! {
    "at" Takes::Any, "When it began, from the start.";
    "phase" Takes::Text, "`stable`, `adjusting`, `degraded` or `paused`.";
    "reason" Takes::Any, "A part of why.";
};

/// Of a target at the end.
pub const TARGET_THEN: Table = keys! {
    "phase" Takes::Text, "`stable`, `adjusting`, `degraded` or `paused`.";
    "reason" Takes::Any, "A part of why.";
    "signature" Takes::Any, "The deployment that runs.";
    "rate_rps" Takes::Figure, "The total rate that was last decided.";
    "verified_rps" Takes::Figure, "What is verified for the deployment.";
};

/// Of what was recorded.
pub const RECORD_THEN: Table = keys! {
    "at" Takes::Any, "When, from the start.";
    "target" Takes::Any, "Of which target.";
    "signature" Takes::Any, "Of which deployment.";
    "max_rps" Takes::Figure, "What it bears.";
};

/// Of an emitted event.
pub const EMITTED: Table = keys! {
    "at" Takes::Any, "When, from the start.";
    "type" Takes::Text, "Its type.";
    "subject" Takes::Any, "The target it is about.";
    "data" Takes::Any, "What it carries.";
    "after" Takes::Any, "How long it waits before it is handled.";
};

/// Of an event.
pub const EVENT: Table = keys! {
    "at" Takes::Any, "When it was taken, from the start.";
    "id" Takes::Any, "Its id.";
    "type" Takes::Text, "Its type.";
    "subject" Takes::Any, "The target it is about.";
    "during_test" Takes::Bool, "Whether its target was under a load test.";
    "state" Takes::Word(&["settled", "waiting"]), "Whether rules have seen it.";
    "rules" Takes::Named(&Takes::TextOr(RULE)), "What each rule made of it.";
};

/// Of what a rule made of an event.
pub const RULE: Table = keys! {
    "result" Takes::Word(&["matched", "no_match", "error", "below_threshold", "debounced", "throttled", "busy"]), "How far it came.";
    "note" Takes::Any, "A part of what is said of it.";
    "run" Takes::Any, "The workflow that it led to.";
};

/// Of an entry of `never`, which has one of them.
pub const NEVER: Table = keys! {
    "run" Takes::Text, "That this workflow ran.";
    "step" Takes::Text, "That this step was performed.";
    "action" Takes::Text, "That this action was performed.";
    "emitted" Takes::Text, "That an event of this type was emitted.";
    "phase" Takes::Text, "That a target was in this phase.";
    "above_rps" Takes::Number, "That agents were told a higher total.";
};
