use super::draw;
use crate::harness::simulation::{Case, Figures, Point, RunLine, Simulated};

/// A target that bears less from the tenth minute's half on.
fn simulated() -> Simulated {
    let point = |second: u32| {
        let at_s = f64::from(second);
        let capacity_rps = if at_s < 300.0 { 400.0 } else { 240.0 };
        let broken = (300.0..303.0).contains(&at_s);
        Point {
            at_s,
            capacity_rps,
            oracle_rps: capacity_rps * 0.95,
            rate_rps: Some(if at_s < 303.0 { 380.0 } else { 230.0 }),
            passed_rps: capacity_rps.min(380.0),
            served_rps: capacity_rps.min(380.0),
            p50_ms: Some(20.0),
            p99_ms: Some(if broken { 400.0 } else { 60.0 }),
            error_rate: 0.0,
            broken,
        }
    };
    Simulated {
        points: (0..600).map(point).collect(),
        figures: Figures { lost: 0.012, broken_s: 3.0, broken: 0.005, settling_s: Some(4.0), overshoot: 0.02 },
        runs: vec![RunLine { at_s: 300.0, workflow: "deployment_change".to_owned(), status: "succeeded".to_owned() }],
        untaken: vec!["HIGH_LATENCY"],
    }
}

#[test]
fn a_course_is_drawn_for_a_terminal() {
    insta::assert_snapshot!(draw::text("checkout: step-down", Case::StepDown, &simulated(), 250.0));
}

#[test]
fn a_course_is_drawn_for_a_page() {
    let svg = draw::svg("a < b & c", &simulated(), 250.0);
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("a &lt; b &amp; c"));
    assert_eq!(svg.matches("<polyline").count(), 4);
    assert_eq!(svg.matches("fill=\"#fbb\"").count(), 3, "each broken second is marked");
    assert!(svg.contains("deployment_change: succeeded"));
}
