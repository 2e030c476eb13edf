//! The names under which figures are published. A name is for ever; `docs/metrics.md` lists them all.

/// A published figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// How a figure behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    Gauge,
    /// Counts of values up to each bound, with their sum.
    Histogram,
}

impl Kind {
    /// As the Prometheus text format writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($constant:ident = $name:literal $kind:ident [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// Every figure that is published, in the order of the reference.
        pub const ALL: &[Metric] = &[$($constant,)*];
    };
}

metrics! {
    HTTP_REQUESTS = "homeostat_http_requests_total" Counter ["method", "route", "status"]
        "HTTP requests that were answered, by route and status.";
    HTTP_SECONDS = "homeostat_http_request_seconds" Histogram ["method", "route"]
        "Time from a request's head to its answer, in seconds.";
    EVENTS = "homeostat_events_total" Counter ["result"]
        "Events sent over HTTP: `accepted`, `duplicate`, `malformed`, `refused`, `busy` or `failed`.";
    EVENTS_WAITING = "homeostat_events_waiting" Gauge []
        "Events that were accepted and are not handled yet, those that are not due yet included.";
    EVENTS_WAITING_LIMIT = "homeostat_events_waiting_limit" Gauge []
        "With so many waiting, further events are refused with 429.";
    EVENTS_OLDEST = "homeostat_events_oldest_seconds" Gauge []
        "How long the event has been due that has waited longest of those that go next; 0 where none is due.";
    RULE_RESULTS = "homeostat_rule_results_total" Counter ["rule", "result"]
        "What rules made of events that they matched, or could not be held against: `matched`, `error`, `below_threshold`, `debounced`, `throttled` or `busy`.";
    DEAD_LETTERS = "homeostat_dead_letters_total" Counter []
        "Events that could not be handled and were put aside.";
    HANDLER_FAILURES = "homeostat_handler_failures_total" Counter ["handler"]
        "Attempts of plugged-in handlers that failed, panicked or took too long.";
    SCHEDULE_EVENTS = "homeostat_schedule_events_total" Counter ["schedule", "result"]
        "Occurrences of schedules: `accepted`, or `refused` where no rules file declares such an event any more.";
    SCHEDULE_LATE = "homeostat_schedule_late_seconds" Histogram ["schedule"]
        "Time from an occurrence of a schedule to its event being durable, in seconds.";
    DETECTOR_LOOKS = "homeostat_detector_looks_total" Counter ["detector", "result"]
        "Looks of declared detectors: `succeeded` or `failed`.";
    DETECTOR_EVENTS = "homeostat_detector_events_total" Counter ["detector", "result"]
        "Events of declared detectors: `accepted`; `refused` where it is not as its type declares it; `postponed` for each try while the engine takes none; `held_back` whenever more than `per_minute` is to be told.";
    WEBHOOK_DELIVERIES = "homeostat_webhook_deliveries_total" Counter ["webhook", "result"]
        "Events posted to subscribers: `delivered`, `failed` for each try in vain, or `given_up`.";
    RUNS = "homeostat_runs_total" Counter ["workflow", "status"]
        "Runs that ended, by how: `succeeded`, `failed` or `cancelled`.";
    STEP_ATTEMPTS = "homeostat_step_attempts_total" Counter ["action", "result"]
        "Attempts of steps that ended, undoing included: `succeeded`, `failed` or `cancelled`.";
    STORE_COMMITS = "homeostat_store_commits_total" Counter []
        "Commits of the store: each one sync.";
    STORE_TRANSACTIONS = "homeostat_store_transactions_total" Counter []
        "Transactions that were made durable; many may share a commit.";
    STORE_BATCH = "homeostat_store_batch_transactions" Histogram []
        "Transactions of one commit.";
    STORE_COMMIT_SECONDS = "homeostat_store_commit_seconds" Histogram []
        "Time a commit took, in seconds.";
    PRUNED = "homeostat_pruned_total" Counter ["kind"]
        "What was too old and was removed: `event`, `dead_letter`, `run` or `record`.";
    READY = "homeostat_ready" Gauge []
        "1 where the engine can do its work, else 0.";
    DETECTOR_SUCCEEDED = "homeostat_detector_succeeded_timestamp_seconds" Gauge ["detector"]
        "When a detector last saw what it watches, in seconds since 1970.";
    DETECTOR_FAILING = "homeostat_detector_failing" Gauge ["detector"]
        "1 where the last look of a detector failed, else 0.";
    WEBHOOK_BEHIND = "homeostat_webhook_behind_events" Gauge ["webhook"]
        "How many events were accepted after the last one that a subscriber has got or did not want.";
    WEBHOOK_FAILING = "homeostat_webhook_failing" Gauge ["webhook"]
        "1 where a subscriber does not take an event and is tried again, else 0.";
    TARGET_PHASE = "homeostat_target_phase" Gauge ["target", "phase"]
        "1 for the phase a target is in.";
    TARGET_RATE = "homeostat_target_rate_rps" Gauge ["target"]
        "The total rate that was last decided for a target, in requests per second.";
    TARGET_VERIFIED = "homeostat_target_verified_rps" Gauge ["target"]
        "What is verified for the running deployment of a target, in requests per second.";
    TARGET_HALTED = "homeostat_target_halted" Gauge ["target"]
        "1 where load tests and dispatches of a target are halted, else 0.";
    AGENT_CONNECTED = "homeostat_agent_connected" Gauge ["target", "agent"]
        "1 where an agent is connected, else 0.";
    AGENT_RATE = "homeostat_agent_rate_rps" Gauge ["target", "agent"]
        "The rate an agent was last told, in requests per second.";
    AGENT_PASSED = "homeostat_agent_passed_rps" Gauge ["target", "agent"]
        "Requests per second that an agent passed, over its last report.";
    AGENT_REFUSED = "homeostat_agent_refused_rps" Gauge ["target", "agent"]
        "Requests per second that an agent refused, over its last report.";
}
