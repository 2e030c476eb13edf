use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, Fallback, Kind};
use super::{Config, Encryption, Loaded, LogFormat, Program, Secrets, build, read};
use crate::model::record::LiveTraffic;
use crate::model::schedule::{CatchUp, Timing};
use crate::model::schema::{Field, Object, Shape};
use crate::model::strategy::{Split, Strategy, StrategyName, StrategySettings};
use crate::model::target::{DetectSettings, Mode, OnExpiry};
use crate::model::webhook::Webhook;

pub(super) fn parse_with(text: &str, environment: &[(&str, &str)]) -> Loaded {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    read("homeostat.yaml", text, Path::new("/etc/homeostat"), &environment)
}

pub(super) fn good(text: &str, environment: &[(&str, &str)]) -> Config {
    let loaded = parse_with(text, environment);
    assert!(loaded.diagnostics.is_empty(), "{}", problems(&loaded));
    loaded.config.unwrap()
}

/// Every problem with its place and what it points at.
pub(super) fn problems(loaded: &Loaded) -> String {
    let mut text = String::new();
    for diagnostic in loaded.diagnostics.iter() {
        let source = loaded.sources.get(diagnostic.primary.span.source).unwrap();
        let (line, column) = source.line_column(diagnostic.primary.span.start as usize);
        let marked = source.text.get(diagnostic.primary.span.range()).unwrap();
        text.push_str(&format!("{} {}:{line}:{column} {marked:?}\n", diagnostic.code, source.path));
        text.push_str(&format!("    {}\n", diagnostic.message));
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("    help: {help}\n"));
        }
    }
    text
}

const FULL: &str = "\
store: sqlite://state/engine.db
listen: '[::1]:7401'
reload: { watch: on }
standby: on
program: [rules, workflows]
network: { allow: ['*.staging.internal', 10.0.0.0/8, 127.0.0.1] }
encryption: { key_file: master.key }
log: { level: debug, format: json }
defaults:
  slo: { p99: 400ms }
  labels: { tier: two, team: shop }
  measure: { limits: { time: 5m } }
targets:
  checkout:
    mode: enforce
    labels: { team: pay, cost: 7 }
    slo: { p99: 250ms, errors: 0.1% }
    rate: { initial: 50rps, floor: 20rps, ceiling: 2000rps, interim: 60%, max_step: 25%, time_to_live: 30s, on_expiry: refuse }
    strategy: { name: headroom, keep: 15% }
    measure:
      endpoint: http://checkout.staging.internal/
      live_traffic: hold
      limits: { max_rate: 1500rps, requests: 40000 }
      request_timeout: 3s
      trial_time: 4s
      trial_requests: 500
      health: http://checkout.staging.internal/healthz
      precision: 2%
    agents:
      - { id: edge, push: 'http://10.1.2.3:9000/rates' }
  search:
schedules:
  nightly: { cron: '30 2 * * MON-FRI', time_zone: Europe/Zurich, event: RETEST_DUE, target: checkout, data: { signature: v42, n: 5 }, catch_up: all }
  beat: { every: 90s, event: BEAT }
secrets: { file: secrets.env, folder: /run/secrets }
webhooks:
  audit:
    url: https://10.1.2.3/hook
    events: [RETEST_DUE, BEAT]
    secret: ${secret.AUDIT_HOOK}
    timeout: 3s
    max_backoff: 1m
    give_up_after: 2h
    refusals: 9
";

#[test]
fn every_setting_has_its_effect() {
    let config = good(FULL, &[]);
    assert_eq!(config.store, PathBuf::from("/etc/homeostat/state/engine.db"));
    assert_eq!(config.listen, "[::1]:7401".parse().unwrap());
    assert_eq!(config.program, Program::Paths(vec!["/etc/homeostat/rules".into(), "/etc/homeostat/workflows".into()]));
    assert!(config.watch && config.standby);
    assert!(config.network.allows("a.staging.internal", "93.184.216.34".parse().unwrap()));
    assert!(!config.network.allows("localhost", "127.0.0.2".parse().unwrap()));
    assert_eq!(config.encryption, Encryption::KeyFile { path: "/etc/homeostat/master.key".into(), create: false });
    assert_eq!((config.log.level.as_str(), config.log.format), ("debug", LogFormat::Json));

    let target = config.targets.settings(&"checkout".into()).unwrap();
    assert_eq!((target.name.as_str(), target.mode), ("checkout", Mode::Enforce));
    let labels: Vec<_> = target.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(labels, ["cost=7", "team=pay", "tier=two"]);
    assert!((target.slo.p99_ms - 250.0).abs() < 1e-9 && (target.slo.error_rate - 0.001).abs() < 1e-12);
    let rate = &target.rate;
    assert_eq!((rate.initial_rps, rate.floor_rps, rate.ceiling_rps), (50.0, 20.0, 2_000.0));
    assert_eq!((rate.interim, rate.max_step), (0.6, Some(0.25)));
    assert_eq!((rate.time_to_live, rate.on_expiry), (Duration::from_secs(30), OnExpiry::Refuse));
    assert_eq!(target.strategy, StrategySettings::headroom(0.15));
    let measure = target.measure.clone().unwrap();
    assert_eq!(measure.endpoint, "http://checkout.staging.internal/");
    assert_eq!(measure.live_traffic, LiveTraffic::Hold);
    assert_eq!((measure.limits.max_rate_rps, measure.limits.requests), (1_500.0, 40_000));
    assert_eq!(measure.limits.time, Duration::from_mins(5), "from the defaults");
    assert_eq!((measure.request_timeout, measure.trial_time), (Duration::from_secs(3), Duration::from_secs(4)));
    assert_eq!((measure.trial_requests, measure.precision), (500, 0.02));
    assert_eq!(measure.health.as_deref(), Some("http://checkout.staging.internal/healthz"));
    assert_eq!(
        (target.push_agents[0].id.as_str(), target.push_agents[0].url.as_str()),
        ("edge", "http://10.1.2.3:9000/rates")
    );

    let search = config.targets.settings(&"search".into()).unwrap();
    assert!((search.slo.p99_ms - 400.0).abs() < 1e-9 && search.measure.is_none());
    let other = config.targets.settings(&"other".into()).unwrap();
    assert_eq!((other.name.as_str(), other.mode), ("other", Mode::Observe));
    assert_eq!(config.targets.names(), ["checkout".into(), "search".into()]);

    let [nightly, beat] = &config.schedules[..] else { panic!("{:?}", config.schedules) };
    let nightly = &nightly.schedule;
    assert_eq!((nightly.name.as_str(), nightly.event.as_str()), ("nightly", "RETEST_DUE"));
    assert_eq!(nightly.timing.to_string(), "30 2 * * MON-FRI Europe/Zurich");
    assert_eq!((nightly.target.clone(), nightly.catch_up), (Some("checkout".into()), CatchUp::All));
    assert_eq!(nightly.data, serde_json::json!({ "signature": "v42", "n": 5 }));
    let beat = &beat.schedule;
    assert_eq!(beat.timing, Timing::Every(Duration::from_secs(90)));
    assert_eq!((beat.target.clone(), beat.catch_up, beat.data.is_null()), (None, CatchUp::Last, true));

    let secrets = Secrets { file: Some("/etc/homeostat/secrets.env".into()), folder: Some("/run/secrets".into()) };
    assert_eq!(config.secrets, secrets);
    let audit = Webhook {
        name: "audit".into(),
        url: "https://10.1.2.3/hook".to_owned(),
        events: vec!["RETEST_DUE".to_owned(), "BEAT".to_owned()],
        secret: "AUDIT_HOOK".to_owned(),
        timeout: Duration::from_secs(3),
        max_backoff: Duration::from_mins(1),
        give_up_after: Duration::from_hours(2),
        refusals: 9,
    };
    let [subscribed] = &config.webhooks[..] else { panic!("{:?}", config.webhooks) };
    assert_eq!(subscribed.webhook, audit);
}

#[test]
fn what_schedules_send_and_webhooks_want_is_held_against_declarations() {
    let text = "\
schedules:
  nightly:
    every: 1h
    event: BACKLOG
    data: { queue: 5, workers: [{ name: a, busy: true }, { name: b, busy: perhaps, idle: 1 }], colour: red }
  empty: { every: 1h, event: BACKLOG }
  unknown: { every: 1h, event: BACKLO }
  right: { every: 1h, event: BACKLOG, data: { queue: eu, workers: [] } }
webhooks:
  audit: { url: 'http://127.0.0.1/', secret: '${secret.A}', events: [BACKLOG, BACKLOGG] }
";
    let mut loaded = parse_with(text, &[]);
    let worker = vec![Field::required("name", Shape::String, ""), Field::required("busy", Shape::Bool, "")];
    let fields = vec![
        Field::required("queue", Shape::String, ""),
        Field::required("workers", Shape::List(Box::new(Shape::Object(Object::new(worker)))), ""),
    ];
    let events = [("BACKLOG".to_owned(), Object::new(fields))].into();
    let misfits: Vec<_> = loaded.schedules.iter().flat_map(|scheduled| scheduled.misfits(&events)).collect();
    let unknown = loaded.webhooks.iter().flat_map(|subscribed| subscribed.misfits(&events));
    let misfits: Vec<_> = misfits.into_iter().chain(unknown).collect();
    misfits.into_iter().for_each(|misfit| loaded.diagnostics.push(misfit));
    insta::assert_snapshot!(problems(&loaded));
}

#[test]
fn detectors_are_off_until_they_are_given_a_time() {
    let detect = |text: &str| {
        let config = good(&format!("targets: {{ a: {{ {text} }} }}"), &[]);
        config.targets.settings(&"a".into()).unwrap().detect
    };
    assert_eq!(detect("mode: enforce"), DetectSettings::default());
    let given = detect("detect: { latency: 5s, idle: 10m }");
    assert_eq!((given.latency, given.idle), (Some(Duration::from_secs(5)), Some(Duration::from_mins(10))));
}

#[test]
fn every_setting_of_a_strategy_has_its_effect_and_the_defaults_are_the_tuned_ones() {
    let strategy = |text: &str| {
        let config = good(&format!("targets: {{ a: {{ strategy: {{ {text} }} }} }}"), &[]);
        config.targets.settings(&"a".into()).unwrap().strategy.clone()
    };
    for name in StrategyName::ALL {
        let found = strategy(&format!("name: {}", name.as_str()));
        let tuned = StrategySettings::standard(name);
        assert_eq!(format!("{found:.9?}"), format!("{tuned:.9?}"));
    }
    let shared = strategy("name: pid, keep: 30%, every: 2s, hysteresis: 3%, patience: 9s, decay: 7%");
    assert_eq!((shared.keep, shared.hysteresis, shared.decay), (0.3, 0.03, 0.07));
    assert_eq!((shared.every, shared.patience), (Duration::from_secs(2), Duration::from_secs(9)));
    let kind = |text: &str| strategy(text).kind;
    assert_eq!(kind("max_age: 2h"), Strategy::Headroom { max_age: Duration::from_hours(2) });
    assert_eq!(kind("name: aimd, increase: 1%, backoff: 90%"), Strategy::Aimd { increase: 0.01, backoff: 0.9 });
    assert_eq!(
        kind("name: pid, setpoint: 10%, proportional: 20%, integral: 5%, derivative: 0%"),
        Strategy::Pid { setpoint: 0.1, proportional: 0.2, integral: 0.05, derivative: 0.0 }
    );
    assert_eq!(
        kind("name: gradient, tolerance: 200%, smoothing: 50%"),
        Strategy::Gradient { tolerance: 2.0, smoothing: 0.5 }
    );
    assert_eq!(kind("name: learning, explore: 1%, learn: 20%"), Strategy::Learning { explore: 0.01, rate: 0.2 });
    assert_eq!(strategy("split: fair").split, Split::Fair);
    let weighted = strategy("split: weighted, weights: { edge: 3 }").split;
    assert_eq!(weighted, Split::Weighted([("edge".into(), 3.0)].into()));
}

#[test]
fn a_setting_that_the_strategy_does_not_read_is_told() {
    let text = "targets:\n  a:\n    strategy: { name: pid, backoff: 90% }\n";
    let shown = problems(&parse_with(text, &[]));
    assert!(shown.contains("`strategy.backoff` is read by `aimd`, and the strategy is `pid`"), "{shown}");
    let shown = problems(&parse_with("targets: { a: { strategy: { weights: { edge: 3 } } } }", &[]));
    assert!(shown.contains("weights are read by `split: weighted` only"), "{shown}");
    good("defaults: { strategy: { name: aimd, backoff: 90% } }\ntargets: { a: { strategy: { name: pid } } }", &[]);
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = good("", &[]);
    assert_eq!(config.store, PathBuf::from("/etc/homeostat/data/homeostat.db"));
    assert_eq!(config.listen, "127.0.0.1:7400".parse().unwrap());
    assert_eq!(config.program, Program::Shipped);
    assert_eq!(
        config.encryption,
        Encryption::KeyFile { path: "/etc/homeostat/data/homeostat.key".into(), create: true }
    );
    assert!(config.network.allows("localhost", "::1".parse().unwrap()));
    assert!(config.targets.settings(&"checkout".into()).is_none(), "an unknown target is refused without defaults");
    assert!(good("defaults:", &[]).targets.settings(&"checkout".into()).is_some());
}

#[test]
fn unset_target_settings_follow_each_other() {
    let config = good(
        "targets: { a: { rate: { ceiling: 90rps, floor: 30rps }, measure: { endpoint: 'http://127.0.0.1/' } } }",
        &[],
    );
    let target = config.targets.settings(&"a".into()).unwrap();
    assert!((target.rate.initial_rps - 30.0).abs() < 1e-9);
    assert!((target.measure.as_ref().unwrap().limits.max_rate_rps - 90.0).abs() < 1e-9);
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "listen: 127.0.0.1:1\nencryption: off\ntargets:\n  check-out.eu: { mode: observe }\n\
                schedules: { beat-eu: { every: 1h, event: BEAT } }\n";
    let config = good(
        text,
        &[
            ("HOMEOSTAT__LISTEN", "127.0.0.1:2"),
            ("HOMEOSTAT__TARGETS__CHECK_OUT_EU__RATE__FLOOR", "9rps"),
            ("homeostat__targets__check-out.eu__mode", "enforce"),
            ("HOMEOSTAT__SCHEDULES__BEAT_EU__EVERY", "5m"),
            ("HOMEOSTAT__SCHEDULES__BEAT_EU__DATA", "{ n: 5 }"),
            ("HOMEOSTAT__TARGETS__CHECK_OUT_EU__AGENTS", "[{id: a, push: 'http://127.0.0.1:1/'}]"),
            ("HOMEOSTAT__PROGRAM", "rules, more"),
            ("HOMEOSTAT__ENCRYPTION__KEY_ENV", "SECRET"),
            ("HOMEOSTAT_URL", "not ours"),
            ("OTHER", "x"),
        ],
    );
    let target = config.targets.settings(&"check-out.eu".into()).unwrap();
    assert_eq!(config.listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!((target.rate.floor_rps, target.mode, target.push_agents.len()), (9.0, Mode::Enforce, 1));
    assert_eq!(config.program, Program::Paths(vec!["/etc/homeostat/rules".into(), "/etc/homeostat/more".into()]));
    assert_eq!(config.encryption, Encryption::KeyVariable("SECRET".to_owned()));
    let beat = &config.schedules[0].schedule;
    assert_eq!((beat.timing.to_string().as_str(), &beat.data), ("every 5m", &serde_json::json!({ "n": 5 })));
}

#[test]
fn an_override_of_nothing_is_told() {
    let loaded = parse_with(
        "targets: { checkout: {} }",
        &[
            ("HOMEOSTAT__LISTNE", "127.0.0.1:2"),
            ("HOMEOSTAT__TARGETS__CHEKOUT__MODE", "enforce"),
            ("HOMEOSTAT__SCHEDULES__BEAT__EVERY", "1m"),
            ("HOMEOSTAT__TARGETS__CHECKOUT__RATE__FLOR", "1rps"),
            ("HOMEOSTAT__TARGETS__CHECKOUT__RATE__FLOOR", "many"),
            ("HOMEOSTAT__", "x"),
        ],
    );
    assert!(loaded.config.is_none());
    insta::assert_snapshot!(problems(&loaded));
}

#[test]
fn all_problems_come_at_once() {
    let text = "\
store: postgres://db/homeostat
listen: 0.0.0.0:7400
lisen: 127.0.0.1:1
program: { a: b }
network: { allow: [not a host, 10.0.0.0/40] }
encryption: { key_file: a, key_env: B }
log: loud
tables: {}
defaults:
  agents: [{ id: a, push: 'http://127.0.0.1/' }]
targets:
  one:
    mode: recommend
    slo: { p99: 250, errors: 150% }
    rate: { initial: 5rps, floor: 20rps, ceiling: 10rps, interim: 170%, time_to_live: 1s, on_expiry: burst }
    strategy: { name: headrom }
    measure:
      endpoint: ftp://host/
      windows: [always]
  two:
    rate: { floor: 20rps, initial: 10rps }
    slo: { p99: 20s }
    measure:
      endpoint: http://user:geheim@192.0.2.1/
      limits: { requests: 10, time: 1s }
      precision: 0%
    agents:
      - { id: a, push: 'http://192.0.2.7/' }
      - { id: a, push: nowhere }
      - { id: a, push: 'http://127.0.0.1/' }
      - { ip: b }
  three: { measure: { trial_time: 3s } }
  'no name!': {}
  four: many
  five: { mode: [a], labels: { a: { b: c } } }
";
    let loaded = parse_with(text, &[]);
    assert!(loaded.config.is_none());
    let problems = problems(&loaded);
    insta::assert_snapshot!(problems);
}

#[test]
fn lints_have_levels_by_name() {
    let environment = [("HOMEOSTAT__LINT__EFFECT_WITHOUT_TIMEOUT", "allow")];
    let config = good("lint: { unbounded-for-each: deny, effect-without-timeout: warn }", &environment);
    let levels: Vec<_> = config.lint.iter().map(|(name, level)| format!("{name}={level}")).collect();
    assert_eq!(levels, ["effect-without-timeout=allow", "unbounded-for-each=deny"]);

    let loaded = parse_with(
        "lint: { unbounded-foreach: deny, racing-rules: error }",
        &[("HOMEOSTAT__LINT__RACING_RULE", "deny")],
    );
    insta::assert_snapshot!(problems(&loaded));
}

#[test]
fn what_is_no_yaml_is_told() {
    for text in ["targets: {", "a: b: c", "listen: 1\nlisten: 2", "just words", "- a list"] {
        let loaded = parse_with(text, &[]);
        assert!(loaded.config.is_none() && !loaded.diagnostics.is_empty(), "{text}");
    }
}

#[test]
fn only_loopback_addresses_are_taken_later_too() {
    let mut config = good("", &[]);
    assert!(config.listen_on("10.0.0.1:80".parse().unwrap()).unwrap_err().contains("tokens"));
    assert!(config.listen_on("127.0.0.1:0".parse().unwrap()).is_ok());
    assert_eq!(config.listen.port(), 0);
}

#[test]
fn each_value_is_shown_with_its_source() {
    let environment = [("HOMEOSTAT__TARGETS__CHECKOUT__SLO__P99", "300ms"), ("HOMEOSTAT__ENCRYPTION__KEY_FILE", "k")];
    let text = "\
network: { allow: [10.0.0.0/8] }
defaults:
  rate: { floor: 2rps }
targets:
  checkout:
    labels: { team: shop }
    measure: { endpoint: 'http://user:geheim@10.0.0.1/' }
";
    let config = good(text, &environment);
    let mut shown = String::new();
    for setting in &config.settings {
        let value = setting.value.as_deref().unwrap_or("–");
        shown.push_str(&format!("{} = {value} ({})\n", setting.path, setting.source));
    }
    assert!(!shown.contains("geheim"));
    insta::assert_snapshot!(shown);
}

/// Every key of the tables is read for the configuration: what is shown is what was read.
#[test]
fn no_setting_is_accepted_and_never_read() {
    // What only one strategy reads is read where it is chosen, and nowhere else.
    let mut read_by_some = std::collections::BTreeSet::new();
    for name in StrategyName::ALL {
        let text = format!(
            "defaults: {{}}\nlint: {{ unbounded-for-each: deny }}\n\
             targets: {{ t: {{ labels: {{ KEY: x }}, measure: {{ endpoint: 'http://127.0.0.1/' }}, \
             strategy: {{ name: {}, split: weighted, weights: {{ KEY: 2 }} }} }} }}\n\
             schedules: {{ s: {{ every: 1h, event: TICK }} }}\n\
             webhooks: {{ w: {{ url: 'http://127.0.0.1/', secret: '${{secret.A}}' }} }}",
            name.as_str()
        );
        let config = good(&text, &[]);
        let shown: Vec<_> = config.settings.iter().map(|setting| setting.path.as_str()).collect();
        let times = |path: &str| shown.iter().filter(|shown| **shown == path).count();
        for key in keys::ENGINE {
            // Its names are those of the lints.
            let path = key.path.replace("lint.KEY", "lint.unbounded-for-each");
            assert_eq!(times(&path), 1, "{path}");
        }
        for (list, keys) in [("schedules.s", keys::SCHEDULE), ("webhooks.w", keys::WEBHOOK)] {
            for key in keys {
                let path = format!("{list}.{}", key.path);
                assert_eq!(times(&path), 1, "{path}");
            }
        }
        for key in keys::TARGET {
            let path = format!("targets.t.{}", key.path);
            let of_one_strategy = build::OWN.iter().find(|(own, _)| *own == key.path);
            let expected = usize::from(of_one_strategy.is_none_or(|(_, of)| *of == name));
            assert_eq!(times(&path), expected, "{path} under {}", name.as_str());
            read_by_some.extend((expected == 1).then_some(key.path));
        }
    }
    assert_eq!(read_by_some.len(), keys::TARGET.len());
}

#[test]
fn every_default_is_what_its_kind_takes() {
    for key in keys::ENGINE
        .iter()
        .chain(keys::TARGET)
        .chain(keys::SCHEDULE)
        .chain(keys::WEBHOOK)
        .chain(keys::detector::DETECTOR)
    {
        if let Fallback::Is(text) = key.default {
            let value = build::default_value(key);
            let shown = value.show().replace('"', "");
            if !matches!(key.kind, Kind::Agents) {
                assert_eq!(shown, text.replace('"', ""), "{}", key.path);
            }
        }
    }
}

#[test]
fn the_reference_is_that_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let (head, _) = guide.split_once("<!-- settings -->\n").unwrap();
    let expected = format!("{head}<!-- settings -->\n\n{}", keys::reference());
    if std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        std::fs::write(path, expected).unwrap();
    } else {
        assert_eq!(guide, expected, "run the test with INSTA_UPDATE=always to write the tables anew");
    }
}

#[test]
fn the_file_that_init_makes_is_a_configuration() {
    let config = good(include_str!("../cli/init/homeostat.yaml"), &[]);
    assert_eq!(config.targets.names(), ["checkout".into()]);
}

proptest::proptest! {
    #[test]
    fn no_text_is_a_panic(text in "[a-z:{}\\[\\], \n\"'0-9%-]{0,120}") {
        parse_with(&text, &[("HOMEOSTAT__LISTEN", &text), ("HOMEOSTAT__DEFAULTS__AGENTS", &text)]);
    }

    #[test]
    fn no_scalar_is_a_panic(value in "\\PC{0,40}") {
        for key in keys::ENGINE.iter().chain(keys::TARGET).chain(keys::SCHEDULE).chain(keys::WEBHOOK).chain(keys::detector::DETECTOR) {
            let _ = super::values::parse(key.kind, &value);
        }
    }
}
