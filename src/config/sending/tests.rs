use super::*;
use crate::model::load::{Arrivals, Protocol};

fn given(option: &'static str, path: &[&str], text: &str) -> Given {
    Given { option, path: path.iter().map(|name| (*name).to_owned()).collect(), text: text.to_owned() }
}

/// Every problem with the option or file that it is in, and what it points at.
fn problems(sending: &Sending, folder: &Path) -> String {
    let mut told = String::new();
    for diagnostic in sending.diagnostics.iter() {
        let source = sending.sources.get(diagnostic.primary.span.source).unwrap();
        let marked = source.text.get(diagnostic.primary.span.range()).unwrap();
        told.push_str(&format!("{} {} {marked:?}\n    {}\n", diagnostic.code, source.path, diagnostic.message));
    }
    told.replace(&folder.display().to_string(), "…")
}

#[test]
fn options_go_over_the_file_and_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("send.yaml");
    let text = "requests: [{ path: '/${data.id}' }]\ndata: rows.csv\narrivals: poisson\nseed: 3\nhttp: 2\n";
    std::fs::write(&file, text).unwrap();
    let options = [given("--seed", &["seed"], "9"), given("--insecure", &["tls", "verify"], "off")];
    let load = sending(Some(&file), &options).load.unwrap();
    assert_eq!(load.data, Some(folder.path().join("rows.csv")));
    assert_eq!((load.arrivals, load.seed, load.protocol), (Arrivals::Poisson, 9, Protocol::Http2));
    assert!(!load.tls.verify);
    let options = [
        given("--method", &["requests", "method"], "put"),
        given("--allow-unsafe", &["allow_unsafe"], "true"),
        given("--header", &["requests", "headers", "A"], "1"),
        given("--header", &["requests", "headers", "b"], "2: 3"),
        given("--success", &["success"], "response.status == 204"),
    ];
    let load = sending(None, &options).load.unwrap();
    let [request] = load.requests.as_slice() else { panic!("{load:?}") };
    assert_eq!((request.method.as_str(), request.success.as_deref()), ("PUT", Some("response.status == 204")));
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(headers, ["a=1", "b=2: 3"]);
    assert_eq!(sending(None, &[]).load, Some(LoadSettings::default()));
}

#[test]
fn what_is_wrong_is_pointed_at_in_option_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("send.yaml");
    let mut told = String::new();
    for text in
        ["requests: [{ method: POST }]\nlimits: { time: 5m }\nendpoint: http://a/\ncommand: [a]\n", "- a\n", "a: [", ""]
    {
        std::fs::write(&file, text).unwrap();
        told.push_str(&problems(&sending(Some(&file), &[]), folder.path()));
    }
    told.push_str(&problems(&sending(Some(&folder.path().join("none.yaml")), &[]), folder.path()));
    for option in [
        given("--method", &["requests", "method"], "POST"),
        given("--header", &["requests", "headers", "host"], "a"),
        given("--body", &["requests", "body"], "${data.id}"),
        given("--success", &["success"], "response.code == 1"),
    ] {
        let sending = sending(None, &[option]);
        assert!(sending.load.is_none());
        told.push_str(&problems(&sending, folder.path()));
    }
    insta::assert_snapshot!(told);
}
