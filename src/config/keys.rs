//! Every setting there is: the one table that reading, `config show` and the reference are made from.

use std::fmt;
use std::sync::LazyLock;

use crate::diagnostic::Code;

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// From the file's root for those of the engine, from the target for those of a target.
    pub path: &'static str,
    pub kind: Kind,
    pub default: Fallback,
    pub docs: &'static str,
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Path,
    Store,
    Url,
    Address,
    Duration,
    Rate,
    Percentage,
    Count,
    Choice(&'static [&'static str]),
    /// The word `off`; the keys below it are the alternative.
    Off,
    TextList,
    Agents,
    /// A cron pattern.
    Cron,
    TimeZone,
    /// A mapping of anything: what an event carries.
    Data,
    /// The name of a secret, never the secret.
    Secret,
    Requests,
    Command,
    /// An expression over an answer.
    Success,
    /// An expression; over what is said where it is read.
    Expression,
    /// A header of a request, in which secrets may be named.
    Header,
}

/// The keys of the file under which things of one's own naming are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Targets,
    Schedules,
    Webhooks,
    Detectors,
}

impl List {
    pub const ALL: [Self; 4] = [Self::Targets, Self::Schedules, Self::Webhooks, Self::Detectors];

    /// The list that stands under a key of the file.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.key() == key)
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Schedules => "schedules",
            Self::Webhooks => "webhooks",
            Self::Detectors => "detectors",
        }
    }

    /// What one of its things is called.
    pub fn item(self) -> &'static str {
        match self {
            Self::Targets => "target",
            Self::Schedules => "schedule",
            Self::Webhooks => "webhook",
            Self::Detectors => "detector",
        }
    }

    /// The settings of one of its things.
    pub fn table(self) -> &'static [Key] {
        match self {
            Self::Targets => TARGET,
            Self::Schedules => SCHEDULE,
            Self::Webhooks => WEBHOOK,
            Self::Detectors => detector::DETECTOR,
        }
    }

    /// How one of its things is written, as briefly as can be.
    pub fn example(self) -> &'static str {
        match self {
            Self::Targets => "targets: { NAME: { mode: enforce } }",
            Self::Schedules => "schedules: { NAME: { every: 1h, event: TYPE } }",
            Self::Webhooks => "webhooks: { NAME: { url: \"https://host/path\", secret: \"${secret.NAME}\" } }",
            Self::Detectors => "detectors: { NAME: { kind: http, url: \"http://host/path\", target: NAME } }",
        }
    }
}

/// What holds where a setting is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// As it would be written.
    Is(&'static str),
    /// Follows from other settings, or is nothing: in words.
    Says(&'static str),
    /// Must be given where its group is.
    Required,
}

macro_rules! keys {
    ($($path:literal $kind:expr, $default:expr, $docs:literal;)*) => {
        &[$(Key { path: $path, kind: $kind, default: $default, docs: $docs },)*]
    };
}

pub mod detector;

use Fallback::{Is, Required, Says};

/// Settings of the engine.
pub const ENGINE: &[Key] = keys! {
    "store" Kind::Store, Is("sqlite://data/homeostat.db"),
        "Where everything durable is. The file's folder is the data folder; it is made at the first start.";
    "listen" Kind::Address, Is("127.0.0.1:7400"),
        "Where HTTP and the agents' streams are served. Only loopback addresses: there are no tokens and no TLS yet. Port 0 picks a free one.";
    "program" Kind::TextList, Says("the rules and workflows that ship"),
        "Files and folders that hold `*.rules` and workflows (`*.yaml`, `*.yml`).";
    "reload.watch" Kind::Choice(&["on", "off"]), Is("off"),
        "Whether a change in the files of `program` brings them into force at once, as `homeostat reload` does.";
    "standby" Kind::Choice(&["on", "off"]), Is("off"),
        "Whether an engine that finds its store in use by another one waits for the other's end, and then takes over; else it does not start.";
    "network.allow" Kind::TextList, Is("[127.0.0.0/8, \"::1\"]"),
        "Hosts that load tests, pushed commands, webhooks and detectors may reach: names, `*.example`, addresses, networks. Checked again after name resolution.";
    "events.waiting" Kind::Count, Is("100000"),
        "So many events may wait to be handled; further ones are refused with 429 until some are.";
    "events.dedup" Kind::Duration, Is("7d"),
        "An event with the source and id of one that was accepted within this time is the same event, and is taken once.";
    "retention.events" Kind::Duration, Is("30d"),
        "How long a handled event is kept, since it was accepted. Not shorter than `events.dedup`.";
    "retention.dead_letters" Kind::Duration, Is("90d"),
        "How long an event that could not be handled is kept, since it was put aside.";
    "retention.runs" Kind::Duration, Is("30d"),
        "How long a run is kept with its journal, since it ended.";
    "retention.records" Kind::Duration, Is("365d"),
        "How long a record is kept. That of the deployment which runs stays.";
    "secrets.file" Kind::Path, Says("none"),
        "A file with lines `NAME=VALUE`, in which `${secret.NAME}` is looked up where the environment has no `HOMEOSTAT_SECRET_NAME`.";
    "secrets.folder" Kind::Path, Says("none"),
        "A folder with one file a secret, of its name: where it is looked up last.";
    "encryption" Kind::Off, Says("sealed, see `encryption.key_file`"),
        "`off` stores everything in the clear: for debugging only.";
    "encryption.key_file" Kind::Path, Says("`homeostat.key` in the data folder"),
        "The file that holds the key. The default one is made at the first start, readable by its owner alone; one that is named here must exist.";
    "encryption.key_env" Kind::Text, Says("none"),
        "The environment variable that holds the key, in place of a file.";
    "log.level" Kind::Text, Is("info"),
        "`error`, `warn`, `info`, `debug`, `trace`, or directives like `homeostat=debug,sqlx=warn`. `--log-level` and `RUST_LOG` go first.";
    "log.format" Kind::Choice(&["text", "json"]), Is("text"),
        "How log lines are written. `--log-format` goes first.";
    "lint.KEY" Kind::Choice(&["allow", "warn", "deny"]), Says("the lint's own level"),
        "What a finding of the lint `KEY` means to `homeostat lint`: nothing, a warning, an error. The [lints](reference/lints.md) are listed with their own levels.";
};

/// Settings of a target: under `targets.NAME`, and under `defaults` for all targets.
pub const TARGET: &[Key] = keys! {
    "mode" Kind::Choice(&["observe", "recommend", "enforce"]), Is("observe"),
        "How far Homeostat may go: `observe` enforces nothing and runs no load test, `recommend` asks before each dispatch, `enforce` sets rates.";
    "labels.KEY" Kind::Text, Says("none"),
        "Words of your own that rules and workflows can read as `target.labels.KEY`.";
    "slo.p99" Kind::Duration, Is("500ms"),
        "The objective: the 99th percentile of latency.";
    "slo.errors" Kind::Percentage, Is("1%"),
        "The objective: the share of failed requests.";
    "rate.initial" Kind::Rate, Says("the floor"),
        "The target's total rate before anything is known.";
    "rate.floor" Kind::Rate, Is("1rps"),
        "The total rate is never set below this.";
    "rate.ceiling" Kind::Rate, Is("10000rps"),
        "The total rate is never set above this.";
    "rate.interim" Kind::Percentage, Is("70%"),
        "The share of the current rate that a deployment gets while it is not measured.";
    "rate.max_step" Kind::Percentage, Says("no limit"),
        "The largest rise in one adjustment, as a share of the current rate.";
    "rate.time_to_live" Kind::Duration, Is("1m"),
        "How long an agent may hold its rate without renewal; renewed at a third of it.";
    "rate.on_expiry" Kind::Choice(&["floor", "refuse"]), Is("floor"),
        "What an agent does when its rate ran out: hold its share of the floor, or refuse everything.";
    "detect.latency" Kind::Duration, Says("off"),
        "When the p99 that agents see was above `slo.p99` for so long, the event `HIGH_LATENCY` is sent, and again after as long.";
    "detect.idle" Kind::Duration, Says("off"),
        "When nothing came to the agents for so long, the event `IDLE` is sent; and `WAKE` when something comes to a target that was paused for it.";
    "strategy.name" Kind::Choice(&["headroom", "aimd", "pid", "gradient", "learning"]), Is("headroom"),
        "How the rate is found: `headroom` keeps a share of the measured maximum free; the others begin there and go on by what the agents see. See [strategies](control.md).";
    "strategy.keep" Kind::Percentage, Is("20%"),
        "The share of a measured maximum that is kept free: by `headroom` for good, by the others at first.";
    "strategy.split" Kind::Choice(&["equal", "weighted", "fair"]), Is("equal"),
        "How a total is split over the agents: the same for each, by `strategy.weights`, or max-min fair by what comes to each of them.";
    "strategy.weights.KEY" Kind::Count, Says("1"),
        "`weighted`: how much the agent of that name weighs.";
    "strategy.every" Kind::Duration, Is("1s"),
        "How often what the agents saw becomes a rate.";
    "strategy.hysteresis" Kind::Percentage, Is("1%"),
        "A rate that differs by less from the one that holds is not set.";
    "strategy.patience" Kind::Duration, Is("5s"),
        "When connected agents have reported nothing for so long, the rate decays.";
    "strategy.decay" Kind::Percentage, Is("5%"),
        "By how much it then decays, a second.";
    "strategy.max_age" Kind::Duration, Is("30d"),
        "`headroom`: a record that is older asks for a retest, by the event `RETEST_DUE`.";
    "strategy.increase" Kind::Percentage, Is("0.3%"),
        "`aimd`: how fast the rate rises after a decrease, a second; faster and faster above what was borne before.";
    "strategy.backoff" Kind::Percentage, Is("97%"),
        "`aimd`: the share of what was served that a decrease leaves.";
    "strategy.setpoint" Kind::Percentage, Is("20%"),
        "`pid`: the queue that is kept, as a share of the time that the objective leaves beyond the latency without a queue.";
    "strategy.proportional" Kind::Percentage, Is("15%"),
        "`pid`: the change of the rate for a queue that moved by all of that time.";
    "strategy.integral" Kind::Percentage, Is("4%"),
        "`pid`: the change of the rate a second for a queue that is all of that time away from the set point.";
    "strategy.derivative" Kind::Percentage, Is("2%"),
        "`pid`: the change of the rate for a queue whose movement changed by all of that time.";
    "strategy.tolerance" Kind::Percentage, Is("175%"),
        "`gradient`: up to this multiple of its baseline the latency tells of no queue.";
    "strategy.smoothing" Kind::Percentage, Is("10%"),
        "`gradient`: how much of each new value is taken over.";
    "strategy.explore" Kind::Percentage, Is("5%"),
        "`learning`: how often a step is tried that is not thought the best.";
    "strategy.learn" Kind::Percentage, Is("10%"),
        "`learning`: how much of each new experience is taken over.";
    "measure.endpoint" Kind::Url, Required,
        "What the load test sends requests to. Without `measure` the target cannot be load-tested.";
    "measure.health" Kind::Url, Says("none"),
        "Asked several times a second during a load test; two answers in a row that are no success end the test.";
    "measure.live_traffic" Kind::Choice(&["count", "hold", "isolated"]), Is("count"),
        "What the agents send meanwhile: `count` adds it to the test's rate, `hold` brings them to the floor first, `isolated` says that none feeds the endpoint.";
    "measure.limits.max_rate" Kind::Rate, Says("the ceiling"),
        "No trial offers more.";
    "measure.limits.time" Kind::Duration, Is("10m"),
        "No search takes longer.";
    "measure.limits.requests" Kind::Count, Is("500000"),
        "No search sends more requests.";
    "measure.windows" Kind::TextList, Says("always"),
        "When load tests may be under way, like `Mon-Fri 09:00-16:00 Europe/Zurich`. A test waits for its window, and ends with it.";
    "measure.freezes" Kind::TextList, Says("none"),
        "When none may, like `2026-12-20 to 2027-01-02 Europe/Zurich`: a freeze goes before every window.";
    "measure.request_timeout" Kind::Duration, Is("10s"),
        "A request that takes longer counts as failed.";
    "measure.trial_time" Kind::Duration, Is("2s"),
        "A trial lasts at least this long.";
    "measure.trial_requests" Kind::Count, Is("300"),
        "A trial sends at least this many requests.";
    "measure.precision" Kind::Percentage, Is("3%"),
        "The search ends when its bounds are this close, as a share of the upper one.";
    "measure.requests" Kind::Requests, Says("`GET` of the endpoint"),
        "What is sent, and how often each. See [requests](requests.md).";
    "measure.data" Kind::Path, Says("none"),
        "A CSV or JSONL file: each request takes the next row, which its `${data.…}` sees.";
    "measure.success" Kind::Success, Says("a status from 200 to 299"),
        "When an answer is a success, for requests that do not say it: an expression over `response`.";
    "measure.allow_unsafe" Kind::Choice(&["true", "false"]), Is("false"),
        "Whether requests other than `GET`, `HEAD` and `OPTIONS` may be sent: they may change what the target holds.";
    "measure.arrivals" Kind::Choice(&["constant", "poisson"]), Is("constant"),
        "When requests are due: evenly spaced, or independent of each other like those of many users.";
    "measure.seed" Kind::Count, Is("1"),
        "What is by chance in a load test is the same for the same seed.";
    "measure.connections" Kind::Choice(&["keep", "new"]), Is("keep"),
        "`keep` uses connections again, `new` opens one for each request.";
    "measure.http" Kind::Choice(&["auto", "1.1", "2"]), Is("auto"),
        "Which HTTP is spoken. `auto`: over TLS what the target prefers, without it 1.1. `2` without TLS is by prior knowledge.";
    "measure.tls.ca" Kind::Path, Says("the system's"),
        "The certificates (PEM) of the authorities that are trusted in place of the system's.";
    "measure.tls.verify" Kind::Choice(&["on", "off"]), Is("on"),
        "`off` trusts whoever answers: for targets whose certificate nobody can check.";
    "measure.command" Kind::Command, Says("none"),
        "A program and its arguments that send each trial in place of Homeostat. See [other load generators](requests.md#other-load-generators).";
    "agents" Kind::Agents, Is("[]"),
        "Agents of other makes: a list of `{ id: NAME, push: URL }`; commands are posted to the URL.";
};

/// Settings of a schedule: under `schedules.NAME`.
pub const SCHEDULE: &[Key] = keys! {
    "cron" Kind::Cron, Says("none: `every` is given"),
        "When its events come: minute, hour, day of the month, month and day of the week, like `30 2 * * MON-FRI`, perhaps with seconds before them; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.";
    "time_zone" Kind::TimeZone, Is("UTC"),
        "On which clock `cron` is read. See [clocks that are put forward and back](schedules.md#clocks-that-are-put-forward-and-back).";
    "every" Kind::Duration, Says("none: `cron` is given"),
        "In place of `cron`, the time from one event to the next, at least `1s`; counted from 1970, so that `15m` is on the quarter of each hour.";
    "event" Kind::Text, Required,
        "The type of its events.";
    "target" Kind::Text, Says("none"),
        "The target that they are about.";
    "data" Kind::Data, Says("nothing"),
        "What they carry, as their type declares it.";
    "catch_up" Kind::Choice(&["none", "last", "all"]), Is("last"),
        "What comes of those that were due while no engine was there: nothing, one event for the last of them, or an event for each of the last hundred.";
};

/// Settings of a subscriber outside: under `webhooks.NAME`.
pub const WEBHOOK: &[Key] = keys! {
    "url" Kind::Url, Required,
        "Where events are posted. Its host must be among those of `network.allow`.";
    "events" Kind::TextList, Says("all"),
        "The types of the events that are posted.";
    "secret" Kind::Secret, Required,
        "The name of the secret that what is posted is signed with, as `${secret.NAME}`.";
    "timeout" Kind::Duration, Is("10s"),
        "An answer that takes longer is a failure.";
    "max_backoff" Kind::Duration, Is("10m"),
        "The pause between two tries doubles from a second up to this.";
    "give_up_after" Kind::Duration, Is("1d"),
        "An event is given up when it was tried for so long.";
    "refusals" Kind::Count, Is("5"),
        "An event is given up when the subscriber has answered it so often with a status from 400 to 499; 408, 425 and 429 do not count.";
};

/// What each of `agents` is written with; both must be there.
pub const AGENT: &[Key] = keys! {
    "id" Kind::Text, Required,
        "The name by which the agent gets its share of the rate.";
    "push" Kind::Url, Required,
        "The URL that its commands are posted to.";
};

/// What each of `measure.requests` is written with.
pub const REQUEST: &[Key] = keys! {
    "method" Kind::Text, Is("GET"),
        "Others than `GET`, `HEAD` and `OPTIONS` need `allow_unsafe: true`.";
    "path" Kind::Text, Says("that of the endpoint"),
        "With its query, from the root of the endpoint's host.";
    "weight" Kind::Count, Is("1"),
        "How often it is sent: its weight among all weights.";
    "headers.KEY" Kind::Text, Says("none"),
        "Headers, by their names.";
    "body" Kind::Text, Says("none"),
        "What it carries. How values are written into it follows from the header `content-type`.";
    "grpc" Kind::Text, Says("none"),
        "A unary method of gRPC, like `shop.v1.Cart/Add`, in place of `method`, `path` and `body`.";
    "message" Kind::Text, Says("an empty one"),
        "With `grpc`: the request message as Protocol Buffers encode it, in Base64.";
    "success" Kind::Success, Says("`measure.success`"),
        "When an answer is a success: an expression over `response`.";
};

/// Settings that the design has and this version has not: named, so that nobody searches for a typing error.
pub const LATER: &[&str] = &["tables", "tokens", "tls", "broker"];

/// The names of all lints, which are those of their codes.
static LINTS: LazyLock<Vec<String>> = LazyLock::new(|| Code::ALL.iter().filter_map(|code| code.lint_name()).collect());

/// The most that a share of a target may be, in per cent, where a larger one is refused.
pub fn most(path: &str) -> Option<u8> {
    match path {
        "slo.errors" | "rate.interim" => Some(100),
        "strategy.keep" => Some(95),
        "measure.precision" => Some(50),
        _ => None,
    }
}

/// What stands at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub key: Option<Key>,
    /// Whether keys stand below it.
    pub is_group: bool,
    /// The names that may follow; empty where any may.
    pub children: Vec<&'static str>,
    pub later: bool,
}

/// Looks a path up.
pub fn place(path: &[&str]) -> Place {
    match path {
        [] => {
            let mut place = below(ENGINE, path);
            place.children.extend(List::ALL.map(List::key));
            place.children.push("defaults");
            place.is_group = true;
            place
        }
        [list] if List::of(list).is_some() => Place { is_group: true, ..Place::default() },
        ["lint"] => Place { is_group: true, children: LINTS.iter().map(String::as_str).collect(), ..Place::default() },
        ["lint", name] if !LINTS.iter().any(|known| known == name) => Place::default(),
        ["defaults", rest @ ..] => below(TARGET, rest),
        [list, rest @ ..] => match (List::of(list), rest) {
            (Some(list), [_, rest @ ..]) => below(list.table(), rest),
            _ => below(ENGINE, path),
        },
    }
}

fn below(keys: &'static [Key], path: &[&str]) -> Place {
    let mut place = Place { is_group: path.is_empty(), ..Place::default() };
    for key in keys {
        let mut pattern = key.path.split('.');
        let fits = path.iter().all(|segment| pattern.next().is_some_and(|name| name == *segment || name == "KEY"));
        if !fits {
            continue;
        }
        match pattern.next() {
            None => place.key = Some(*key),
            Some(child) => {
                place.is_group = true;
                if child != "KEY" && !place.children.contains(&child) {
                    place.children.push(child);
                }
            }
        }
    }
    place.later = LATER.contains(&path.join(".").as_str());
    place
}

/// The setting of that path in a table.
pub fn find(keys: &'static [Key], path: &str) -> Option<Key> {
    keys.iter().find(|key| key.path == path).copied()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Path => f.write_str("a path"),
            Self::Store => f.write_str("a store, like `sqlite://PATH`"),
            Self::Url => f.write_str("a URL, like `http://host/path`"),
            Self::Address => f.write_str("an address, like `127.0.0.1:7400`"),
            Self::Duration => f.write_str("a duration, like `250ms` or `10m`"),
            Self::Rate => f.write_str("a rate, like `50rps`"),
            Self::Percentage => f.write_str("a percentage, like `20%`"),
            Self::Count => f.write_str("a whole number above 0"),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                f.write_str(&words.join(" or "))
            }
            Self::Off => f.write_str("`off`"),
            Self::TextList => f.write_str("a list of texts"),
            Self::Agents => f.write_str("a list of `{ id, push }`"),
            Self::Cron => f.write_str("a cron pattern, like `30 2 * * *`"),
            Self::TimeZone => f.write_str("a time zone, like `Europe/Zurich`"),
            Self::Secret => f.write_str("the name of a secret, as `${secret.NAME}`"),
            Self::Data => f.write_str("a mapping, like `{ signature: v42 }`"),
            Self::Requests => f.write_str("a list of `{ method, path, … }`"),
            Self::Command => f.write_str("a list of a program and its arguments"),
            Self::Success | Self::Expression => f.write_str("an expression"),
            Self::Header => f.write_str("a text, perhaps with `${secret.NAME}`"),
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => write!(f, "`{text}`"),
            Self::Says(words) => f.write_str(words),
            Self::Required => f.write_str("must be given"),
        }
    }
}

/// The tables of the reference, in Markdown.
pub fn reference() -> String {
    let table = |keys: &[Key]| {
        let mut text = "| key | takes | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
        for Key { path, kind, default, docs } in keys {
            let kind = kind.to_string().replace('|', "\\|");
            text.push_str(&format!("| `{path}` | {kind} | {default} | {docs} |\n"));
        }
        text
    };
    format!(
        "### The engine\n\n{}\n### A target\n\nUnder `targets.NAME`, or under `defaults` for every target that does not say \
         otherwise.\n\n{}\n### A schedule\n\nUnder `schedules.NAME`. [Schedules](schedules.md) tells how they behave.\n\n{}\n\
         ### A webhook\n\nUnder `webhooks.NAME`. [Webhooks](webhooks.md) tells what a subscriber gets.\n\n{}\n\
         ### A detector\n\nUnder `detectors.NAME`. [Detectors](detectors.md) tells what each kind watches.\n\n{}",
        table(ENGINE),
        table(TARGET),
        table(SCHEDULE),
        table(WEBHOOK),
        table(detector::DETECTOR)
    )
}
