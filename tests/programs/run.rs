//! Every example is run, by the real binary, against a service of known capacity.

use homeostat::demo::service::{Capacity, Plant};
use homeostat::syntax::load::Language;
use serde_json::Value as Json;

use super::{entries, root};

/// What the service bears.
const CAPACITY_RPS: f64 = 120.0;

/// Inputs for each example's workflow; an example that is not listed fails the test.
const INPUTS: &[(&str, &[&str])] = &[
    ("conditions", &["signature=v1"]),
    ("failure_handler", &["signature=v1"]),
    ("for_each", &["signatures=[\"v1\",\"v2\",\"v3\"]"]),
    ("minimal", &["rate_rps=80"]),
    ("recommend", &["factor=0.5", "length=1s"]),
    ("retry_and_undo", &["signature=v1"]),
    ("sub_workflow", &["good=v1", "with_rates=true"]),
];

/// Examples that wait for a person, whom `homeostat run` does not have.
const ASK: &[&str] = &["waiting"];

/// What of a run is the same each time.
fn digest(run: &Json) -> String {
    let word = |value: &Json| value.as_str().unwrap_or("–").to_owned();
    let mut text = format!("{}, rests in {}\n", word(&run["status"]), word(&run["phase"]));
    for step in run["steps"].as_array().unwrap() {
        let item = step["item"].as_u64().map(|item| format!("[{item}]")).unwrap_or_default();
        text.push_str(&format!("  {}{item}: {}\n", word(&step["step"]), word(&step["status"])));
    }
    if let Some(error) = run["error"].as_str() {
        text.push_str(&format!("  {error}\n"));
    }
    for (name, value) in run["outputs"].as_object().into_iter().flatten() {
        let shown = if name == "max_rps" { "measured".to_owned() } else { value.to_string() };
        text.push_str(&format!("  -> {name}: {shown}\n"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_runs() {
    let plant = Plant::start("v1", Capacity::of_rps(CAPACITY_RPS)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("homeostat.yaml");
    let text = format!(
        "targets:
  checkout:
    mode: enforce
    slo: {{ p99: 250ms, errors: 1% }}
    rate: {{ initial: 50rps, floor: 10rps, ceiling: 500rps }}
    measure:
      endpoint: http://{}/
      live_traffic: isolated
      trial_time: 500ms
      trial_requests: 40
      precision: 20%
      limits: {{ max_rate: 500rps, time: 60s, requests: 50000 }}
",
        plant.address()
    );
    std::fs::write(&settings, text).unwrap();
    let mut all = String::new();
    for example in entries(&root().join("examples")) {
        let name = example.file_name().unwrap().to_string_lossy().into_owned();
        if ASK.contains(&name.as_str()) {
            continue;
        }
        let (_, inputs) = INPUTS.iter().find(|(known, _)| *known == name).expect("an example without inputs");
        let workflow = entries(&example)
            .into_iter()
            .find(|path| Language::of(&path.to_string_lossy()) == Some(Language::Workflow));
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_homeostat"));
        command.arg("run").arg(workflow.unwrap()).arg("--config").arg(&settings);
        command.args(["--target", "checkout", "--format", "json", "--log-level", "off"]);
        for input in *inputs {
            command.args(["--input", input]);
        }
        let output = command.current_dir(folder.path()).output().await.unwrap();
        let run: Json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{name}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        let succeeded = run["status"] == "succeeded";
        assert_eq!(output.status.code(), Some(i32::from(!succeeded)), "{name}: {run}");
        if let Some(measured) = run["outputs"]["max_rps"].as_f64() {
            assert!(measured <= CAPACITY_RPS * 1.05, "{name}: measured {measured} of {CAPACITY_RPS}");
        }
        all.push_str(&format!("{name}: {}", digest(&run)));
    }
    insta::assert_snapshot!(all);
}
