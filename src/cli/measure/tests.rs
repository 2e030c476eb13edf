use clap::Parser as _;
use serde_json::{Value as Json, json};

use super::outcome::{Baseline, Outcome};
use super::report::Measured;
use super::*;
use crate::app::measure::Report;
use crate::base::clock::Timestamp;
use crate::cli::{Cli, Command};
use crate::demo::service::{Capacity, Plant};
use crate::model::load::LoadSettings;
use crate::model::record::{Measurement, Stopped, Trial, TrialVerdict, Verdict};

fn order() -> MeasureUrl {
    MeasureUrl {
        url: "http://user:secret@127.0.0.1:8080/".to_owned(),
        health: None,
        objective: Objective { p99_ms: 250.0, error_rate: 0.001 },
        max_rate_rps: 500.0,
        time: Duration::from_mins(5),
        requests: 500_000,
        request_timeout: Duration::from_secs(10),
        trial_time: Duration::from_secs(2),
        precision: 0.03,
        load: LoadSettings::default(),
    }
}

fn trial(rate_rps: f64, p99_ms: f64, verdict: TrialVerdict) -> Trial {
    Trial {
        rate_rps,
        live_rps: 0.0,
        duration_ms: 2_000,
        requests: 600,
        p50_ms: 20.5,
        p99_ms,
        error_rate: 0.0,
        lateness_p99_ms: 0.4,
        verdict,
    }
}

fn measurement(verdict: Verdict, stopped: Option<Stopped>) -> Measurement {
    Measurement {
        max_rps: 400.0,
        interval_rps: [400.0, 412.0],
        verdict,
        stopped,
        started_at: Timestamp(0),
        ended_at: Timestamp(20_000),
        requests: 1_800,
        curve: Vec::new(),
    }
}

fn report(result: Result<Measurement, &str>) -> Report {
    let curve = vec![
        trial(100.0, 21.0, TrialVerdict::Pass),
        trial(400.0, 24.0, TrialVerdict::Pass),
        trial(412.0, 310.0, TrialVerdict::Fail),
    ];
    Report {
        result: result.map_err(crate::runtime::effect::ActionError::permanent),
        curve,
        held_nothing: false,
        told: false,
    }
}

fn against(max_rps: f64) -> Baseline {
    Baseline { max_rps, min_ratio: 0.9 }
}

#[test]
fn an_outcome_is_said_only_where_the_interval_leaves_no_doubt() {
    let confirmed = measurement(Verdict::Confirmed, None);
    let limited = measurement(Verdict::LowerBound, None);
    let cut = measurement(Verdict::LowerBound, Some(Stopped::Time));
    for (found, baseline, outcome) in [
        (&confirmed, None, Outcome::Fine),
        (&limited, None, Outcome::Fine),
        (&cut, None, Outcome::Inconclusive),
        (&confirmed, Some(against(440.0)), Outcome::Fine),
        // 405 lies within the interval.
        (&confirmed, Some(against(450.0)), Outcome::Inconclusive),
        (&confirmed, Some(against(500.0)), Outcome::Regressed),
        (&cut, Some(against(440.0)), Outcome::Fine),
        (&cut, Some(against(500.0)), Outcome::Inconclusive),
        (&limited, Some(against(500.0)), Outcome::Inconclusive),
    ] {
        assert_eq!(Outcome::of(found, baseline), outcome, "{found:?} {baseline:?}");
    }
}

#[test]
fn a_measurement_is_told_to_people_and_to_programs() {
    let measured = |result, baseline| Measured::new(&order(), report(result), baseline);
    let confirmed = measured(Ok(measurement(Verdict::Confirmed, None)), None);
    insta::assert_snapshot!("confirmed", confirmed.text());
    insta::assert_json_snapshot!("confirmed_json", confirmed.json());
    insta::assert_snapshot!("confirmed_junit", confirmed.junit().unwrap());
    let stopped = measured(Ok(measurement(Verdict::LowerBound, Some(Stopped::Told))), None);
    insta::assert_snapshot!("stopped", stopped.text());
    let regressed = measured(Ok(measurement(Verdict::Confirmed, None)), Some(against(500.0)));
    insta::assert_snapshot!("regressed", regressed.text());
    insta::assert_snapshot!("regressed_junit", regressed.junit().unwrap());
    let nothing = measured(Err("it was stopped before any rate was verified"), None);
    insta::assert_snapshot!("nothing_json", serde_json::to_string_pretty(&nothing.json()).unwrap());
    assert_eq!((regressed.outcome, nothing.outcome), (Outcome::Regressed, Outcome::Inconclusive));
}

fn homeostat(line: &[&str]) -> Exit {
    let cli = Cli::try_parse_from([&["homeostat", "measure"], line].concat()).unwrap();
    let Command::Measure(args) = cli.command else { panic!("{line:?}") };
    run(&args)
}

fn refused(line: &[&str]) -> String {
    Cli::try_parse_from([&["homeostat", "measure", "http://127.0.0.1:1/"], line].concat()).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_meant_is_refused_before_any_load() {
    for (line, says) in [
        (&["--max-rate", "10"][..], "not a rate"),
        (&["--max-rate", "0.5rps"][..], "nothing lower is tried"),
        (&["--max-rate", "10rps", "--slo", "p95=1s"][..], "neither `p99=DURATION`"),
        (&["--max-rate", "10rps", "--slo", "errors=101%"][..], "within 0 % and 100 %"),
        (&["--max-rate", "10rps", "--precision", "60%"][..], "not within"),
        (&["--max-rate", "10rps", "--time", "0s"][..], "no time at all"),
        (&["--max-rate", "10rps", "--baseline", "x"][..], "--min-ratio"),
        (&[][..], "--max-rate"),
    ] {
        let message = refused(line);
        assert!(message.contains(says), "{line:?}: {message}");
    }
    let max = ["--max-rate", "10rps"];
    assert_eq!(homeostat(&[&["ftp://127.0.0.1/"], &max[..]].concat()), Exit::Usage);
    assert_eq!(homeostat(&[&["no url"], &max[..]].concat()), Exit::Usage);
    assert_eq!(homeostat(&[&["http://127.0.0.1:1/", "--timeout", "100ms"], &max[..]].concat()), Exit::Usage);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baseline.json");
    let path = file.to_str().unwrap();
    let line = [&["http://127.0.0.1:1/", "--baseline", path, "--min-ratio", "0.9"], &max[..]].concat();
    for text in ["", "{}", r#"{"max_rps": 10}"#, r#"{"max_rps": 10, "slo": {"p99_ms": 1, "error_rate": 0}}"#] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(homeostat(&line), Exit::Usage, "{text}");
    }
}

/// What `--format json` prints of a test of a plant that bears far more than is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_target_is_measured_from_a_url() {
    let plant = Plant::start("a", Capacity::of_rps(800.0)).await.unwrap();
    let order = MeasureUrl {
        url: format!("http://{}/", plant.address()),
        max_rate_rps: 60.0,
        trial_time: Duration::from_millis(500),
        ..order()
    };
    let mut looks = 0;
    let stop = tokio_util::sync::CancellationToken::new();
    let report = measure(&order, stop, |_| looks += 1).await.unwrap();
    assert!(looks > 0, "a person was shown something");
    let found: Json = Measured::new(&order, report, None).json();
    assert!(plant.counts().offered > 300, "{found}");
    // A machine that is busy with other things may not be able to measure: then it says so.
    if found["error"].is_null() {
        assert_eq!((&found["verdict"], &found["outcome"]), (&json!("lower_bound"), &json!("fine")), "{found}");
        assert!(found["max_rps"].as_f64().unwrap() <= 60.001, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_is_stopped_sends_nothing_more_and_says_what_was_verified() {
    let plant = Plant::start("a", Capacity::of_rps(800.0)).await.unwrap();
    let order = MeasureUrl { url: format!("http://{}/", plant.address()), ..order() };
    let stop = tokio_util::sync::CancellationToken::new();
    let (cancel, mut looks) = (stop.clone(), 0);
    let report = measure(&order, stop, |_| {
        looks += 1;
        if looks == 5 {
            cancel.cancel();
        }
    })
    .await
    .unwrap();
    let offered = plant.counts().offered;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(plant.counts().offered, offered, "nothing is sent once it has ended");
    match report.result {
        Ok(found) => assert_eq!(found.stopped, Some(Stopped::Told)),
        Err(error) => assert!(error.message.contains("stopped before any rate was verified"), "{error}"),
    }
}
