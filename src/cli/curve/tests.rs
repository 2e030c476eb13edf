use super::*;

fn trial(rate_rps: f64, p99_ms: f64, error_rate: f64, verdict: TrialVerdict) -> Trial {
    Trial {
        rate_rps,
        live_rps: 0.0,
        duration_ms: 2_000,
        requests: 600,
        p50_ms: p99_ms * 0.6,
        p99_ms,
        error_rate,
        lateness_p99_ms: 0.4,
        verdict,
    }
}

fn trials() -> Vec<Trial> {
    vec![
        trial(20.0, 21.0, 0.0, TrialVerdict::Pass),
        trial(40.0, 22.0, 0.0, TrialVerdict::Pass),
        trial(80.0, 21.5, 0.0, TrialVerdict::Pass),
        trial(640.0, 402.0, 0.31, TrialVerdict::Fail),
        trial(160.0, 23.0, 0.0, TrialVerdict::Pass),
        trial(300.0, 90.0, 0.0, TrialVerdict::Invalid),
        trial(320.0, 26.0, 0.0, TrialVerdict::Pass),
        trial(412.0, 310.0, 0.0, TrialVerdict::Fail),
        trial(400.0, 61.0, 0.0, TrialVerdict::Pass),
        trial(400.0, 74.0, 0.0, TrialVerdict::Pass),
    ]
}

#[test]
fn a_terminal_shows_the_knee_the_choice_and_the_objective() {
    let trials = trials();
    insta::assert_snapshot!(Curve::new(&trials, Some(400.0), Some(250.0)).text());
    insta::assert_snapshot!("nothing_verified", Curve::new(&trials[3..4], None, None).text());
    assert_eq!(Curve::new(&[], None, None).text().lines().count(), 1);
}

#[test]
fn a_picture_is_a_document_of_its_own() {
    let trials = trials();
    let svg = Curve::new(&trials, Some(400.0), Some(250.0)).svg("checkout <sha256:1f2e>");
    assert_eq!(svg.matches("<circle").count(), 18, "two for each trial of which something is known");
    insta::assert_snapshot!(svg);
}

#[test]
fn the_knee_is_where_latency_leaves_what_it_was() {
    let trials = trials();
    assert_eq!(Curve::new(&trials, None, None).knee_rps, Some(320.0));
    let flat = [trial(10.0, 20.0, 0.0, TrialVerdict::Pass), trial(20.0, 20.0, 0.0, TrialVerdict::Pass)];
    assert_eq!(Curve::new(&flat, None, None).knee_rps, Some(20.0));
    assert_eq!(Curve::new(&flat[..0], None, None).knee_rps, None);
}
