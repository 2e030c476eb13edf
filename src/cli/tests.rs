use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use clap::{CommandFactory as _, Parser as _};
use serde_json::{Value as Json, json};

use super::exit::Exit;
use super::{Cli, halt, records, run, runs, targets};

/// An engine that gives one answer and keeps what it was asked.
struct Engine {
    url: String,
    asked: JoinHandle<String>,
}

impl Engine {
    fn answering(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4_096];
            loop {
                let length = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..length]);
                let text = String::from_utf8_lossy(&request);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let expected = head
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= expected {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        Self { url, asked }
    }

    /// Runs a command line against it; gives the exit, the line that asked and the body.
    fn run(self, line: &[&str]) -> (Exit, String, Json) {
        let exit = homeostat(&[line, &["--url", &self.url]].concat());
        let asked = self.asked.join().unwrap();
        let (head, body) = asked.split_once("\r\n\r\n").unwrap();
        (exit, head.lines().next().unwrap().to_owned(), serde_json::from_str(body).unwrap_or_default())
    }
}

fn homeostat(line: &[&str]) -> Exit {
    run(Cli::try_parse_from([&["homeostat"], line].concat()).unwrap())
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn options_become_an_event() {
    let engine = Engine::answering(202, r#"[{"source":"s","id":"7","sequence":1}]"#);
    let line = [
        "event",
        "send",
        "--type",
        "DEPLOYMENT_CHANGE",
        "--subject",
        "checkout",
        "--data",
        r#"{"signature":"a"}"#,
        "--source",
        "/ci",
        "--id",
        "7",
        "--priority",
        "0",
        "--deliver-at",
        "2026-03-01T09:30:00Z",
    ];
    let (exit, asked, body) = engine.run(&line);
    assert_eq!((exit, asked.as_str()), (Exit::Done, "POST /v1/events HTTP/1.1"));
    assert_eq!(
        body,
        json!({
            "specversion": "1.0", "id": "7", "source": "/ci", "type": "DEPLOYMENT_CHANGE", "subject": "checkout",
            "data": { "signature": "a" }, "priority": 0, "deliverat": "2026-03-01T09:30:00Z"
        })
    );
}

#[test]
fn whole_events_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json");
    std::fs::write(&file, r#"[{"id":"1"},{"id":"2"}]"#).unwrap();
    let engine = Engine::answering(202, "[]");
    let (exit, _, body) = engine.run(&["event", "send", "--file", file.to_str().unwrap()]);
    assert_eq!((exit, body), (Exit::Done, json!([{ "id": "1" }, { "id": "2" }])));
    std::fs::write(&file, b"\xff").unwrap();
    assert_eq!(homeostat(&["event", "send", "--file", file.to_str().unwrap()]), Exit::Usage);
    assert_eq!(homeostat(&["event", "send", "--file", "/nowhere"]), Exit::Usage);
    assert_eq!(homeostat(&["event", "send", "--type", "X", "--data", "not json"]), Exit::Usage);
}

#[test]
fn names_are_escaped_on_their_way() {
    let (exit, asked, _) = Engine::answering(200, "{}").run(&["targets", "show", "a/b c"]);
    assert_eq!((exit, asked.as_str()), (Exit::Done, "GET /v1/targets/a%2Fb%20c HTTP/1.1"));
    let line = ["runs", "list", "--target", "a&b", "--status", "failed", "--limit", "3"];
    let (_, asked, _) = Engine::answering(200, r#"{"runs":[]}"#).run(&line);
    assert_eq!(asked, "GET /v1/runs?limit=3&target=a%26b&status=failed HTTP/1.1");
    let (_, asked, body) = Engine::answering(200, "{}").run(&["halt", "checkout"]);
    assert_eq!((asked.as_str(), body), ("POST /v1/halt HTTP/1.1", json!({ "target": "checkout" })));
    let (_, asked, body) = Engine::answering(200, "{}").run(&["unhalt"]);
    assert_eq!((asked.as_str(), body), ("POST /v1/unhalt HTTP/1.1", json!({})));
}

#[test]
fn answers_become_exit_codes() {
    let problem = |status: u16| json!({ "code": "H0600", "detail": "no", "status": status }).to_string();
    for (status, exit) in [
        (400, Exit::Usage),
        (403, Exit::Refused),
        (404, Exit::Usage),
        (409, Exit::Findings),
        (422, Exit::Usage),
        (429, Exit::Internal),
        (503, Exit::Internal),
    ] {
        assert_eq!(Engine::answering(status, &problem(status)).run(&["targets", "pause", "x"]).0, exit, "{status}");
    }
    // Something else listens there.
    assert_eq!(Engine::answering(500, "<html>").run(&["records"]).0, Exit::Internal);
    assert_eq!(Engine::answering(200, "<html>").run(&["records"]).0, Exit::Internal);
}

#[test]
fn an_engine_that_is_away_is_told() {
    let connection = |url: &str| super::client::Connection { url: url.to_owned(), format: super::output::Format::Text };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = connection(&format!("http://127.0.0.1:{port}")).get(&["v1", "runs"], Vec::new()).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Internal, "H0601"));
    assert!(failure.message.contains("Connection refused"), "{failure}");
    for wrong in ["localhost:7400", "", "ftp://x", "mailto:x"] {
        let failure = connection(wrong).get(&[], Vec::new()).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "H0610"), "{wrong}");
    }
}

#[test]
fn refused_batches_name_each_event() {
    let problem = json!({
        "code": "H0600", "detail": "2 problems", "status": 422,
        "errors": [
            { "index": 0, "attribute": "subject", "code": "H0502", "detail": "is not configured" },
            { "index": 3, "code": "H0600", "detail": "is odd" },
        ]
    });
    let engine = Engine::answering(422, &problem.to_string());
    let connection = super::client::Connection { url: engine.url, format: super::output::Format::Text };
    let failure = connection.get(&[], Vec::new()).unwrap_err();
    engine.asked.join().unwrap();
    assert_eq!(failure.notes, ["event 0, `subject`: is not configured (H0502)", "event 3: is odd (H0600)"]);
}

#[test]
fn a_record_is_shown_with_its_curve() {
    let trial = |rate_rps: f64, p99_ms: f64, verdict: &str| {
        json!({
            "rate_rps": rate_rps, "live_rps": 0.0, "duration_ms": 2000, "requests": 600, "p50_ms": p99_ms * 0.6,
            "p99_ms": p99_ms, "error_rate": 0.0, "lateness_p99_ms": 0.3, "verdict": verdict
        })
    };
    let answer = json!({ "records": [{
        "target": "checkout", "signature": "sha256:1f2e", "max_rps": 400.0, "interval_rps": [400.0, 408.0],
        "verdict": "lower_bound", "stopped": "time", "requests": 1800, "run": "0198c0de-0000-7000-8000-000000000001",
        "recorded_at": "2026-03-01T09:00:00.000Z",
        "conditions": { "p99_ms": 250.0, "error_rate": 0.001, "live_traffic": "count", "endpoint": "http://10.0.0.1/" },
        "curve": [trial(100.0, 21.0, "pass"), trial(400.0, 40.0, "pass"), trial(408.0, 312.0, "fail")]
    }] });
    insta::assert_snapshot!("a_record", records::show(&answer["records"][0]).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("curve.svg");
    let line = ["records", "show", "checkout", "--signature", "sha256:1f2e", "--svg", file.to_str().unwrap()];
    let (exit, asked, _) = Engine::answering(200, &answer.to_string()).run(&line);
    assert_eq!(exit, Exit::Done);
    assert_eq!(asked, "GET /v1/records?limit=1&target=checkout&signature=sha256%3A1f2e HTTP/1.1");
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.contains("checkout, sha256:1f2e") && svg.contains("chosen 400.0/s"),
        "{svg}"
    );
    let none = r#"{"records":[]}"#;
    assert_eq!(Engine::answering(200, none).run(&["records", "show", "search"]).0, Exit::Usage);
}

#[test]
fn a_configuration_that_is_wrong_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("homeostat.yaml");
    let path = file.to_str().unwrap();
    for (text, exit) in
        [("listen: 127.0.0.1:0\n", Exit::Done), ("listen: 10.0.0.1:0\n", Exit::Usage), ("x: [", Exit::Usage)]
    {
        std::fs::write(&file, text).unwrap();
        assert_eq!(homeostat(&["config", "show", "--config", path]), exit, "{text}");
        assert_eq!(homeostat(&["config", "show", "--config", path, "--format", "json"]), exit, "{text}");
    }
    assert_eq!(homeostat(&["config", "show", "--config", "/nowhere.yaml"]), Exit::Usage);
    assert_eq!(homeostat(&["serve", "--config", path, "--listen", "0.0.0.0:1"]), Exit::Usage);
}

#[test]
fn people_read_tables() {
    let run = json!({
        "id": "0198c0de-0000-7000-8000-000000000001", "workflow": "deployment_change", "target": "checkout",
        "rule": null, "event": { "source": "/ci", "id": "1" }, "inputs": { "signature": "a" }, "status": "failed",
        "error": "nobody there", "created_at": "2026-03-01T09:00:00.000Z", "started_at": null, "ended_at": null,
        "stop": null, "phase": "degraded", "progress": { "step": "tell" },
        "steps": [
            { "step": "tell", "item": 1, "status": "failed", "attempts": 2, "started_at": "2026-03-01T09:00:00.000Z",
              "ended_at": null, "error": { "kind": "permanent", "message": "nobody there" } },
            { "step": "check_recorder", "item": null, "status": "skipped", "attempts": 0, "error": null },
        ]
    });
    let target = json!({
        "name": "checkout", "mode": "enforce", "phase": "stable", "reason": null, "signature": "a", "rate_rps": 320.0,
        "verified_rps": 400.04, "halted": false, "run": null, "connected_agents": 1,
        "settings": {
            "rate": { "floor_rps": 20.0, "ceiling_rps": 2000.0 }, "slo": { "p99_ms": 250.0, "error_rate": 0.001 },
            "strategy": { "name": "headroom" }, "measure": null
        },
        "agents": [{ "id": "edge-1", "connected": true, "rate_rps": 160.0, "confirmed": true, "passed_rps": 158.5,
            "refused_rps": 3.0, "seen_at": null }]
    });
    let measured = json!({ "records": [{
        "target": "checkout", "signature": "a", "max_rps": 400.0, "interval_rps": [398.0, 408.0], "verdict": "confirmed",
        "curve": [{}, {}], "requests": 24000, "recorded_at": "2026-03-01T09:00:00.000Z"
    }] });
    let brake = [json!({ "all": true, "targets": ["a"] }), json!({ "all": false, "targets": [] })];
    let parts = [
        runs::describe(&run),
        targets::describe(&target),
        records::describe(&measured),
        brake.iter().map(halt::describe).collect(),
    ];
    // On a terminal heads are bold.
    let text = anstream::adapter::strip_str(&parts.join("----\n")).to_string();
    let text: Vec<_> = text.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(text.join("\n"));
}
