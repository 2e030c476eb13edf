//! `given`: the world that a scenario begins in.

use std::collections::HashMap;
use std::time::Duration;

use super::keys;
use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, RunId, Signature, TargetName};
use crate::base::literal::Rate;
use crate::base::source::Sources;
use crate::base::span::Spanned;
use crate::config::{self, ABOUT_TARGETS, TargetTable};
use crate::diagnostic::{Code, Diagnostic};
use crate::harness::world::Setting;
use crate::model::record::{Conditions, Measurement, Record, Verdict};
use crate::model::target::{Phase, TargetSettings, TargetState};
use crate::syntax::fields::Walk;
use crate::syntax::yaml::{self, Key, Node};

/// 2026-01-05T09:00:00Z, a Monday: when a scenario begins that does not say when.
const START: Timestamp = Timestamp(1_767_603_600_000);

/// What a target is that is named without settings of its own: free to be measured and told rates.
const PLAIN_TARGET: &str = "defaults:
  mode: enforce
  measure: { endpoint: \"http://127.0.0.1:1/\", live_traffic: isolated }
";

/// Reads `given`; what is wrong is told and left out.
pub(super) fn read(node: Option<&Node>, walk: &mut Walk, sources: &Sources) -> Setting {
    let mut setting = Setting { start: START, ..Setting::default() };
    let Some(node) = node.filter(|node| !node.is_null()) else { return setting };
    walk.mapping(node, "`given`", keys::GIVEN, "");
    if let Some(now) = node.get("now") {
        match now.scalar().and_then(|text| Timestamp::parse(&text.text)) {
            Some(now) => setting.start = now,
            None => walk.wrong_kind(now, "`now`", "a time", "write it like `2026-01-05T09:00:00Z`"),
        }
    }
    let targets = node.get("targets").map(|targets| entries(targets, "`targets`", walk)).unwrap_or_default();
    let table = node.get("config").map(|config| read_config(config, walk, sources));
    setting.targets = settings(table, targets, walk);
    if let Some(records) = node.get("records") {
        setting.records = read_records(records, &setting, walk);
    }
    for (key, target) in targets {
        let name = TargetName::from(key.name.as_str());
        let (state, agents) = read_state(name.clone(), target, &setting, walk);
        setting.states.push(state);
        setting.agents.insert(name, agents);
    }
    setting
}

fn entries<'n>(node: &'n Node, what: &str, walk: &mut Walk) -> &'n [(Key, Node)] {
    node.as_map().unwrap_or_else(|| {
        walk.wrong_kind(node, what, "a mapping from names", "");
        &[]
    })
}

fn read_config(node: &Node, walk: &mut Walk, sources: &Sources) -> TargetTable {
    walk.mapping(node, "`config`", ABOUT_TARGETS, "");
    let about_targets =
        node.as_map().is_some_and(|entries| entries.iter().all(|(key, _)| ABOUT_TARGETS.contains(&key.name.as_str())));
    if !about_targets {
        return TargetTable::default();
    }
    let (table, problems) = config::read_targets(node, sources);
    walk.diagnostics.extend(problems);
    table
}

/// The settings of every target: from `config`, or plain ones.
fn settings(table: Option<TargetTable>, targets: &[(Key, Node)], walk: &mut Walk) -> TargetTable {
    let configured = table.unwrap_or_default();
    let mut names = configured.names();
    names.extend(targets.iter().map(|(key, _)| TargetName::from(key.name.as_str())));
    names.sort();
    names.dedup();
    let plain = plain_targets();
    let given: HashMap<&str, &Node> = targets.iter().map(|(key, node)| (key.name.as_str(), node)).collect();
    let mut listed = Vec::new();
    for name in names {
        let Some(found) = configured.settings(&name).or_else(|| plain.settings(&name)) else { continue };
        let mut settings: TargetSettings = (*found).clone();
        let labels = given.get(name.as_str()).and_then(|node| node.get("labels"));
        for (key, value) in labels.map(|labels| entries(labels, "`labels`", walk)).unwrap_or_default() {
            if let Some(text) = walk.text(value, &format!("label `{}`", key.name)) {
                settings.labels.insert(key.name.clone(), text.node);
            }
        }
        listed.push(settings);
    }
    TargetTable::new(listed, None)
}

fn plain_targets() -> TargetTable {
    let mut sources = Sources::new();
    let source = sources.add("(plain)", PLAIN_TARGET);
    let (root, _) = yaml::parse(source, PLAIN_TARGET);
    root.map(|root| config::read_targets(&root, &sources).0).unwrap_or_default()
}

fn read_state(name: TargetName, node: &Node, setting: &Setting, walk: &mut Walk) -> (TargetState, Vec<AgentId>) {
    let mut state = TargetState::unknown(name.clone(), setting.start);
    let mut agents = Vec::new();
    if node.is_null() {
        return (state, agents);
    }
    for (key, value) in walk.mapping(node, "a target", keys::TARGET, "") {
        match key.name.as_str() {
            "phase" => {
                if let Some(phase) = walk.text(value, "`phase`").and_then(|phase| read_phase(&phase, walk)) {
                    (state.phase, state.phase_before) = (phase, phase);
                }
            }
            "reason" => state.reason = walk.text(value, "`reason`").map(|reason| reason.node),
            "signature" => state.signature = walk.text(value, "`signature`").map(|text| Signature::from(text.node)),
            "rate" => state.rate_rps = read_rate(value, "`rate`", walk),
            "verified" => state.verified_rps = read_rate(value, "`verified`", walk),
            "agents" => agents = read_agents(value, walk),
            _ => {}
        }
    }
    if state.verified_rps.is_none() {
        // As the engine keeps it: what is recorded for the deployment that runs.
        let of_this = |record: &&Record| record.target == name && Some(&record.signature) == state.signature.as_ref();
        let newest = setting.records.iter().filter(of_this).max_by_key(|record| record.recorded_at);
        state.verified_rps = newest.map(|record| record.measurement.max_rps);
    }
    (state, agents)
}

fn read_phase(phase: &Spanned<String>, walk: &mut Walk) -> Option<Phase> {
    const RESTING: [Phase; 3] = [Phase::Stable, Phase::Degraded, Phase::Paused];
    let found = RESTING.into_iter().find(|known| known.as_str() == phase.node);
    if found.is_none() {
        let message = format!("a target cannot begin in phase `{}`", phase.node);
        let problem = Diagnostic::error(Code::WrongKind, phase.span, message);
        let problem = problem.help("phases of rest are `stable`, `degraded` and `paused`; a run makes it `adjusting`");
        walk.diagnostics.push(problem.suggest(&phase.node, RESTING.map(Phase::as_str)));
    }
    found
}

/// `100rps` or `100`.
fn read_rate(node: &Node, what: &str, walk: &mut Walk) -> Option<f64> {
    let number = node.as_float().filter(|rate| *rate >= 0.0);
    let rate = number.or_else(|| node.as_str().and_then(|text| text.parse().ok()).map(|Rate(rate)| rate));
    if rate.is_none() {
        walk.wrong_kind(node, what, "a rate", "write requests per second, like `50rps`");
    }
    rate
}

fn read_agents(node: &Node, walk: &mut Walk) -> Vec<AgentId> {
    let Some(items) = node.as_seq() else {
        walk.wrong_kind(node, "`agents`", "a list of names", "");
        return Vec::new();
    };
    let mut agents: Vec<AgentId> = Vec::new();
    for item in items {
        let Some(name) = walk.text(item, "an agent") else { continue };
        let agent = AgentId::from(name.node);
        if agents.contains(&agent) {
            let message = format!("agent `{agent}` stands here twice");
            walk.error(Code::BadScenario, name.span, message, "each agent of a target has a name of its own");
        } else {
            agents.push(agent);
        }
    }
    agents
}

fn read_records(node: &Node, setting: &Setting, walk: &mut Walk) -> Vec<Record> {
    let Some(items) = node.as_seq() else {
        walk.wrong_kind(node, "`records`", "a list", "write `- { signature: …, max_rps: 400 }`");
        return Vec::new();
    };
    items.iter().zip(1..).filter_map(|(item, number)| read_record(item, number, setting, walk)).collect()
}

fn read_record(node: &Node, number: u64, setting: &Setting, walk: &mut Walk) -> Option<Record> {
    walk.mapping(node, "a record", keys::RECORD, "");
    let target = node.get("target").and_then(|target| walk.text(target, "`target`"));
    let settings = target_of(target.as_ref(), node, setting, walk)?;
    let signature = node.get("signature").and_then(|text| walk.text(text, "`signature`"));
    let max_rps = node.get("max_rps").and_then(|rate| read_rate(rate, "`max_rps`", walk));
    let age = node.get("age").and_then(|age| walk.duration(age, "`age`")).map_or(Duration::ZERO, |age| age.node);
    for key in ["signature", "max_rps"] {
        if node.get(key).is_none() {
            walk.error(Code::MissingKey, node.span, format!("the record has no `{key}`"), "");
        }
    }
    let Some(conditions) = Conditions::of(&settings) else {
        let message = format!("`{}` has no `measure` settings, so nothing can be recorded of it", settings.name);
        walk.error(Code::BadScenario, node.span, message, "give them under `given.config.targets`");
        return None;
    };
    let recorded_at = Timestamp(setting.start.0 - i64::try_from(age.as_millis()).unwrap_or(0));
    let max_rps = max_rps?;
    Some(Record {
        target: settings.name.clone(),
        signature: Signature::from(signature?.node),
        measurement: Measurement {
            max_rps,
            interval_rps: [max_rps, max_rps],
            verdict: Verdict::Confirmed,
            stopped: None,
            started_at: recorded_at,
            ended_at: recorded_at,
            requests: 1_000,
            curve: Vec::new(),
        },
        conditions,
        run: RunId::counted(recorded_at, number),
        recorded_at,
    })
}

/// The target that is named, or the only one there is.
pub(super) fn target_of(
    name: Option<&Spanned<String>>,
    node: &Node,
    setting: &Setting,
    walk: &mut Walk,
) -> Option<std::sync::Arc<TargetSettings>> {
    if let Some(name) = name {
        // Without a list of all: there may be thousands of targets, and as many that name one.
        let found = setting.targets.settings(&TargetName::from(name.node.as_str()));
        if found.is_some() || walk.diagnostics.is_full(name.span.source) {
            return found;
        }
    }
    let names = setting.targets.names();
    match (name, names.as_slice()) {
        (Some(name), _) => {
            let message = format!("the scenario has no target `{}`", name.node);
            let problem = Diagnostic::error(Code::BadScenario, name.span, message);
            let problem = problem.help("list it under `given.targets`");
            walk.diagnostics.push(problem.suggest(&name.node, names.iter().map(TargetName::as_str)));
            None
        }
        (None, [only]) => setting.targets.settings(only),
        (None, []) => {
            let help = "list it under `given.targets`; what is about none says `none`";
            walk.error(Code::MissingKey, node.span, "the scenario has no target", help);
            None
        }
        (None, _) => {
            let message = "it does not say about which target it is";
            walk.error(
                Code::MissingKey,
                node.span,
                message,
                "name it; only where there is just one it can be left out",
            );
            None
        }
    }
}
