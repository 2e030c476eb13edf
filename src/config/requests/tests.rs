use std::path::Path;

use crate::config::{Loaded, read};
use crate::model::load::{Arrivals, Body, Connections, LoadSettings, Piece, Protocol, Template};

fn configured(measure: &str) -> Loaded {
    let text = format!("targets:\n  t:\n    measure:\n      endpoint: http://127.0.0.1/\n{measure}");
    read("homeostat.yaml", &text, Path::new("/etc/homeostat"), &[])
}

fn load(measure: &str) -> LoadSettings {
    let loaded = configured(measure);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.config.unwrap().targets.settings(&"t".into()).unwrap().measure.clone().unwrap().load
}

/// Every problem with what it points at.
fn problems(loaded: &Loaded) -> String {
    let shown = loaded.diagnostics.iter().map(|diagnostic| {
        let source = loaded.sources.get(diagnostic.primary.span.source).unwrap();
        let marked = source.text.get(diagnostic.primary.span.range()).unwrap();
        let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\n    help: {help}"));
        format!("{} {marked:?}\n    {}{help}\n", diagnostic.code, diagnostic.message)
    });
    shown.collect()
}

const FULL: &str = "
      data: rows.csv
      success: response.status == 200
      allow_unsafe: true
      arrivals: poisson
      seed: 7
      connections: new
      http: 2
      tls: { ca: ca.pem, verify: off }
      requests:
        - { path: '/items/${data.id}?full=1', weight: 9 }
        - method: post
          path: /carts
          headers: { Content-Type: application/json, x-shop: 'a ${data.shop} $${b}' }
          body: '{\"id\": ${data.id}}'
          success: response.status == 201 && response.body.contains('ok')
        - { grpc: shop.v1.Cart/Add, message: CAE= }
";

#[test]
fn everything_that_is_sent_can_be_said() {
    let load = load(FULL);
    assert_eq!(load.data.as_deref(), Some(Path::new("/etc/homeostat/rows.csv")));
    assert_eq!(load.tls.ca.as_deref(), Some(Path::new("/etc/homeostat/ca.pem")));
    assert!(!load.tls.verify);
    assert_eq!((load.arrivals, load.seed), (Arrivals::Poisson, 7));
    assert_eq!((load.connections, load.protocol), (Connections::New, Protocol::Http2));
    let [get, post, call] = load.requests.as_slice() else { panic!("{:?}", load.requests) };
    assert_eq!((get.method.as_str(), get.weight), ("GET", 9));
    assert_eq!(get.path.as_ref().unwrap().to_string(), "/items/${data.id}?full=1");
    assert_eq!(get.success.as_deref(), Some("response.status == 200"));
    assert_eq!(post.method, "POST");
    assert_eq!(post.headers[0].0, "content-type");
    let shop = vec![Piece::Text("a ".into()), Piece::Expression("data.shop".into()), Piece::Text(" ${b}".into())];
    assert_eq!(post.headers[1], ("x-shop".to_owned(), Template(shop)));
    assert!(matches!(&post.body, Body::Text(text) if text.to_string() == "{\"id\": ${data.id}}"));
    assert_eq!(post.success.as_deref(), Some("response.status == 201 && response.body.contains('ok')"));
    assert_eq!(call.path.as_ref().unwrap().to_string(), "/shop.v1.Cart/Add");
    assert_eq!((&call.body, &call.success), (&Body::Grpc(vec![8, 1]), &None));
}

#[test]
fn a_target_that_says_nothing_is_sent_a_get() {
    assert_eq!(load(""), LoadSettings::default());
    let only_success = load("      success: response.status < 500\n");
    assert_eq!(only_success.requests[0].success.as_deref(), Some("response.status < 500"));
    assert_eq!(load("      requests: [{ grpc: a.B/c }]\n      allow_unsafe: true\n").protocol, Protocol::Http2);
}

#[test]
fn what_is_shown_of_requests_is_no_secret() {
    let measure = FULL.replace("'a ${data.shop} $${b}'", "hush-hush");
    let config = configured(&measure).config.unwrap();
    let shown: Vec<_> = config
        .settings
        .iter()
        .filter(|setting| setting.path.starts_with("targets.t.measure."))
        .map(|setting| format!("{} = {}", setting.path, setting.value.as_deref().unwrap_or("–")))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_command_has_its_placeholders() {
    let driver = load("      command: [./load.sh, 'RATE=${trial.rate_rps}']\n").driver.unwrap();
    assert_eq!(driver.folder, Path::new("/etc/homeostat"));
    assert_eq!(
        driver.command.iter().map(Template::to_string).collect::<Vec<_>>(),
        ["./load.sh", "RATE=${trial.rate_rps}"]
    );
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let mut told = String::new();
    for measure in [
        "requests: { path: / }",
        "requests: []",
        "requests: [/]",
        "requests: [{ paths: / }]",
        "requests: [{ method: POST }, { method: delete, path: / }, { grpc: a.B/c }]",
        "requests: [{ method: 'GET /' }, { method: TRACE }]",
        "requests: [{ path: items }, { path: //evil.example/ }, { path: '/a#b' }]",
        "requests: [{ path: '/${data.id}' }]",
        "{ data: r.csv, requests: [{ path: '/${data.id' }, { path: '/${data.}' }, { path: '/${row.id}' }] }",
        "requests: [{ weight: 0 }, { weight: 1_000_001 }, { weight: [1] }]",
        "requests: [{ headers: { 'a b': c, Host: x, x: 1, X: 2, y: [z] } }, { headers: x }]",
        "requests: [{ success: response.state == 200 }, { success: response.status }]",
        "success: response.status ==",
        "requests: [{ message: AA== }, { grpc: a/b/c }, { grpc: a.B/c, path: /, message: '=' }]",
        "{ http: 1.1, allow_unsafe: true, requests: [{ grpc: a.B/c }] }",
        "http: 3",
        "allow_unsafe: on",
        "command: ./load.sh",
        "command: []",
        "command: ['${trial.run}']",
        "command: [k6, '${trial.rate}', { a: b }]",
        "tls: { verify: no }",
    ] {
        // Several settings stand in braces, the requests last.
        let inner = measure.strip_prefix("{ ").and_then(|inner| inner.strip_suffix(" }")).unwrap_or(measure);
        let split = if inner == measure { 0 } else { inner.find("requests:").unwrap() };
        let (before, last) = inner.split_at(split);
        let lines = before.split(", ").filter(|line| !line.is_empty()).chain([last]);
        let lines: Vec<String> = lines.map(|line| format!("      {line}\n")).collect();
        told.push_str(&format!("--- {measure}\n{}", problems(&configured(&lines.concat()))));
    }
    insta::assert_snapshot!(told);
}

proptest::proptest! {
    #[test]
    fn no_request_is_a_panic(text in "[a-z:{}\\[\\]$/, \n\"'0-9%-]{0,80}") {
        configured(&format!("      requests: [{{ path: {text} }}]\n"));
        configured(&format!("      requests:\n        - {text}\n      command: {text}\n      success: {text}\n"));
    }
}
