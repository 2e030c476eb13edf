use std::sync::Arc;

use super::*;
use crate::model::load::{Piece, Template};

const RUN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn run() -> RunId {
    RUN.parse().unwrap()
}

/// `${…}` in `text` is an expression.
fn template(text: &str) -> Template {
    let mut pieces = Vec::new();
    for (index, part) in text.split("${").enumerate() {
        match part.split_once('}') {
            Some((expression, rest)) if index > 0 => {
                pieces.extend([Piece::Expression(expression.to_owned()), Piece::Text(rest.to_owned())]);
            }
            _ => pieces.push(Piece::Text(part.to_owned())),
        }
    }
    Template(pieces)
}

fn get(path: &str) -> RequestSettings {
    RequestSettings { path: Some(template(path)), ..RequestSettings::default() }
}

fn post(kind: &str, body: &str) -> RequestSettings {
    RequestSettings {
        method: "POST".to_owned(),
        headers: vec![("content-type".to_owned(), template(kind))],
        body: Body::Text(template(body)),
        ..RequestSettings::default()
    }
}

/// The mix of some requests over rows of data, as files of that name hold them.
fn mix(requests: Vec<RequestSettings>, file: &str, rows: &str) -> Result<Mix, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    std::fs::write(&path, rows).unwrap();
    let settings = LoadSettings { requests, data: Some(path), ..LoadSettings::default() };
    let shown = folder.path().display().to_string();
    Mix::new(&Uri::from_static("http://shop.example:8080/base?x=1"), &settings, run())
        .map_err(|why| why.replace(&shown, "…"))
}

/// Everything that is sent for one request, one line a row.
fn written(request: RequestSettings, file: &str, rows: &str) -> String {
    match mix(vec![request], file, rows) {
        Ok(mix) => lines(mix.kinds[0].made.iter().map(|made| made.written.escape_ascii().to_string())),
        Err(why) => lines([why]),
    }
}

fn lines(told: impl IntoIterator<Item = String>) -> String {
    told.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

#[test]
fn a_value_stays_one_value_wherever_it_stands() {
    let rows = "id,note\n7,plain\n\"a/../b?c=1&d#e %2F\",\"say \"\"hi\"\"\\, é\"\n";
    let shown: String = [
        get("/items/${data.id}?note=${data.note}"),
        RequestSettings { headers: vec![("x-note".to_owned(), template("<${data.id}>"))], ..get("/") },
        post("application/json; charset=utf-8", r#"{"id": ${data.id}, "note": "it says: ${data.note}"}"#),
        post("application/x-www-form-urlencoded", "id=${data.id}&note=${data.note}"),
        post("text/plain", "${data.note}"),
    ]
    .into_iter()
    .map(|request| written(request, "rows.csv", rows))
    .collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn rows_of_jsonl_keep_their_types() {
    let rows = "{\"n\": 1.5, \"on\": true, \"tags\": [\"a\"]}\n\n{\"n\": 2, \"on\": false, \"tags\": []}\n";
    let shown =
        written(post("application/json", r#"{"n": ${data.n}, "t": ${data.tags}, "s": "${data.on}"}"#), "r.jsonl", rows);
    insta::assert_snapshot!(shown);
}

#[test]
fn what_cannot_be_sent_is_told_before_any_load() {
    let told: String = [
        (get("/items/${data.sku}"), "r.csv", "id\n1\n"),
        (get("/items/${data.id}/x"), "r.csv", "id\n1\n..\n"),
        (
            RequestSettings { headers: vec![("x".to_owned(), template("${data.id}"))], ..get("/") },
            "r.csv",
            "id\n\"a\r\nb: c\"\n",
        ),
        (post("application/json", "{\"id\": ${data.id}"), "r.csv", "id\n1\n"),
        (get("/${data.n}"), "r.jsonl", "{\"n\": null}\n"),
        (get("/${data.n}"), "r.jsonl", "{\"n\": []}\n"),
        (get("/${data.n}"), "r.jsonl", "{\"n\": 1}\n{\"n\": \n"),
        (get("/${data.n}"), "r.csv", "n\n"),
        (get("/${data.n}"), "r.csv", "n,n\n1,2\n"),
        (get("/${data.n}"), "r.csv", "n,m\n1\n"),
        (get("/${data.n}"), "r.txt", "n\n1\n"),
        (get("/a b"), "r.csv", "n\n1\n"),
    ]
    .into_iter()
    .map(|(request, file, rows)| written(request, file, rows))
    .collect();
    insta::assert_snapshot!(told);
    let missing = LoadSettings { data: Some("/nowhere/rows.csv".into()), ..LoadSettings::default() };
    let why = Mix::new(&Uri::from_static("http://a/"), &missing, run()).unwrap_err();
    assert!(why.contains("`/nowhere/rows.csv`"), "{why}");
}

#[test]
fn each_request_comes_as_often_as_it_weighs_and_evenly_spread() {
    assert_eq!(round(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(round(&[50, 10, 10]), [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(round(&[3]), [0]);
    assert!(round(&[]).is_empty());
    let long = round(&[1_000_000, 1]);
    assert!(long.len() <= 10_001 && long.contains(&1), "{}", long.len());
}

#[test]
fn rows_come_in_turn_and_begin_again() {
    let mix =
        mix(vec![get("/${data.id}"), RequestSettings { weight: 2, ..get("/fixed") }], "r.csv", "id\n1\n2\n").unwrap();
    let paths: Vec<_> = (0..9).map(|_| mix.next().unwrap().made.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/fixed", "/1", "/fixed", "/fixed", "/2", "/fixed", "/fixed", "/1", "/fixed"]);
    assert_eq!(mix.probe().unwrap().made.uri.path(), "/fixed", "what is sent most");
    let shared = Arc::new(mix);
    assert_eq!(shared.kinds[0].made.len(), 2);
}

#[test]
fn an_expression_sees_what_it_asks_for() {
    let of = |text: &str| Success::new(&RequestSettings { success: Some(text.to_owned()), ..get("/") }).unwrap();
    let reply = || Reply {
        status: http::StatusCode::CREATED,
        headers: HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static("/items/7"))]),
        body: br#"{"ok": true}"#.to_vec(),
        trailers: HeaderMap::new(),
    };
    assert_eq!(of("response.status == 201").wants(), Wants::default());
    assert_eq!(of("has(response.headers.location)").wants(), Wants { headers: true, body: false });
    assert_eq!(of("response.body.size() > 3").wants(), Wants { headers: false, body: true });
    for holds in
        ["response.status == 201", "response.headers.location.startsWith('/items')", "response.body.contains('ok')"]
    {
        assert_eq!(of(holds).judge(reply()), crate::service::pressure::client::Answer::Success, "{holds}");
    }
    let told = [of("response.status < 200"), of("response.headers.age == '1'")]
        .map(|success| success.judge(reply()).to_string());
    insta::assert_snapshot!(told.join("\n"));
}
