use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::config::keys::detector::{DETECTOR, KINDS, OWN, reads, required};
use crate::config::tests::{good, parse_with, problems};
use crate::model::detector::{AlertmanagerSettings, DataTemplate, FileFormat, FileSettings, HttpSettings, Watched};
use crate::model::load::{Piece, Template};
use crate::model::schema::{Field, Object, Shape};

/// A detector of each kind with as much as there is to be said.
const EACH: &[(&str, &str)] = &[
    ("http", "url: 'http://127.0.0.1/v', headers: { KEY: 'Bearer ${secret.A}' }, value: body.v"),
    ("oci", "image: '127.0.0.1:5000/shop/checkout:stable', username: a, password: '${secret.A}'"),
    (
        "prometheus",
        "url: 'http://127.0.0.1:9090', headers: { KEY: a }, query: up, when: value < 1.0, event: DOWN, target_label: job",
    ),
    ("alertmanager", "event: FIRES, when: alert.labels.alertname == 'Slow'"),
    ("file", "path: marker, value: body.v, format: yaml"),
    (
        "kubernetes",
        "url: 'http://127.0.0.1:8001', headers: { KEY: a }, namespace: shop, selector: a=b, target_label: app",
    ),
];

fn config(kind: &str, more: &str) -> String {
    format!("targets: {{ checkout: }}\ndetectors: {{ d: {{ kind: {kind}, {more} }} }}\n")
}

#[test]
fn every_kind_reads_its_settings_and_no_other() {
    assert_eq!(EACH.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), KINDS);
    let mut read = BTreeSet::new();
    for (kind, more) in EACH.iter().filter(|(kind, _)| cfg!(feature = "kubernetes") || *kind != "kubernetes") {
        let config = good(&config(kind, more), &[]);
        for key in DETECTOR {
            let path = format!("detectors.d.{}", key.path);
            let times = config.settings.iter().filter(|setting| setting.path == path).count();
            assert_eq!(times, usize::from(reads(kind, key.path)), "{path} of {kind}");
            read.extend((times == 1).then_some(key.path));
        }
        assert!(required(kind).iter().all(|path| reads(kind, path)), "{kind}");
    }
    assert!(read.len() == DETECTOR.len() || !cfg!(feature = "kubernetes"));
    let known = |path: &str| DETECTOR.iter().any(|key| key.path == path || key.path.starts_with(&format!("{path}.")));
    assert!(OWN.iter().all(|(path, kinds)| known(path) && kinds.iter().all(|kind| KINDS.contains(kind))));
}

#[test]
fn every_setting_has_its_effect() {
    let text = "\
targets: { checkout: }
detectors:
  version:
    kind: http
    url: http://127.0.0.1:9/version
    headers: { Authorization: 'Bearer ${secret.A_1}', accept: a/b }
    value: body.commit
    target: checkout
    event: BUILT
    data: { commit: '${value}', tags: [a, 'x${status}'], n: 5 }
    every: 1m
    timeout: 2s
    for: 3s
    repeat: 4h
    first: skip
    max_backoff: 5s
    per_minute: 6
  plain: { kind: http, url: 'http://127.0.0.1/' }
  image: { kind: oci, image: '[::1]:5000/shop/check-out:v1.2_3', tls: off, username: u, password: '${secret.P}' }
  alerts: { kind: alertmanager, event: FIRES, target_label: service }
  marker: { kind: file, path: marker.json, format: json, value: body.v, every: 2s }
";
    let config = good(text, &[]);
    let [version, plain, image, alerts, marker] = &config.detectors[..] else { panic!("{:?}", config.detectors) };
    let detector = &version.detector;
    let (hole, words) = (|text: &str| Piece::Expression(text.to_owned()), |text: &str| Piece::Text(text.to_owned()));
    let http = HttpSettings {
        url: "http://127.0.0.1:9/version".to_owned(),
        headers: vec![
            ("accept".to_owned(), Template(vec![words("a/b")])),
            ("authorization".to_owned(), Template(vec![words("Bearer "), hole("secret.A_1")])),
        ],
        value: "body.commit".to_owned(),
    };
    assert_eq!(detector.watched, Watched::Http(http));
    assert_eq!((detector.event.as_str(), detector.target.clone()), ("BUILT", Some("checkout".into())));
    let tags = vec![DataTemplate::Fixed(json!("a")), DataTemplate::Text(Template(vec![words("x"), hole("status")]))];
    let data = DataTemplate::Map(vec![
        ("commit".to_owned(), DataTemplate::Text(Template(vec![hole("value")]))),
        ("n".to_owned(), DataTemplate::Fixed(json!(5))),
        ("tags".to_owned(), DataTemplate::List(tags)),
    ]);
    let DataTemplate::Map(mut entries) = detector.data.clone() else { panic!("{:?}", detector.data) };
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(DataTemplate::Map(entries), data);
    let times = (detector.every, detector.timeout, detector.lasting, detector.repeat, detector.max_backoff);
    let seconds = Duration::from_secs;
    assert_eq!(times, (seconds(60), seconds(2), seconds(3), Some(seconds(4 * 3_600)), seconds(5)));
    assert_eq!((detector.tells_first, detector.per_minute), (false, 6));
    let plain = &plain.detector;
    assert_eq!((plain.event.as_str(), plain.lasting, plain.repeat), ("DEPLOYMENT_CHANGE", Duration::ZERO, None));
    let signature = Template(vec![hole("string(value)")]);
    assert_eq!(plain.data, DataTemplate::Map(vec![("signature".to_owned(), DataTemplate::Text(signature))]));
    assert!(plain.tells_first);
    let Watched::Oci(image) = &image.detector.watched else { panic!("{image:?}") };
    assert_eq!(
        (image.registry.as_str(), image.repository.as_str(), image.tag.as_str()),
        ("[::1]:5000", "shop/check-out", "v1.2_3")
    );
    assert_eq!((image.tls, image.username.as_deref(), image.password.as_deref()), (false, Some("u"), Some("P")));
    let alerts = &alerts.detector;
    let firing = AlertmanagerSettings { when: "alert.status == \"firing\"".to_owned() };
    assert_eq!((&alerts.watched, alerts.target_label.as_deref()), (&Watched::Alertmanager(firing), Some("service")));
    let file = FileSettings {
        path: "/etc/homeostat/marker.json".into(),
        format: FileFormat::Json,
        value: "body.v".to_owned(),
    };
    assert_eq!((&marker.detector.watched, marker.detector.max_backoff), (&Watched::File(file), seconds(2)));
}

#[test]
fn a_header_is_shown_only_where_it_names_a_secret() {
    let text = config("http", "url: 'http://127.0.0.1/', headers: { x: geheim, authorization: 'Bearer ${secret.A}' }");
    let config = good(&text, &[("HOMEOSTAT__DETECTORS__D__HEADERS__Y", "geheim")]);
    let shown: Vec<_> = config
        .settings
        .iter()
        .filter(|setting| setting.path.contains("headers"))
        .map(|setting| (setting.path.as_str(), setting.value.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        shown,
        [
            ("detectors.d.headers.authorization", "Bearer ${secret.A}"),
            ("detectors.d.headers.x", "***"),
            ("detectors.d.headers.y", "***")
        ]
    );
}

#[test]
fn all_problems_come_at_once() {
    let text = "\
targets: { checkout: }
detectors:
  nothing:
  unknown: { kind: htp, url: nowhere }
  bare: { kind: http }
  bad:
    kind: http
    url: http://192.0.2.1/
    headers: { authorization: hush, host: a, x: '${env.A}', y: '${secret.' }
    value: body.commit + status2
    target: check
    data: { a: '${valu}', b: [{ c: '${status + }' }] }
    every: 500ms
    per_minute: 0
    first: perhaps
    colour: red
  image: { kind: oci, image: shop/checkout, url: 'http://127.0.0.1/', username: a }
  secret: { kind: oci, image: '192.0.2.1/shop/checkout:1', password: hush, username: a }
  query: { kind: prometheus, url: 'http://127.0.0.1/', query: up, when: value, target: checkout, target_label: a }
  alerts: { kind: alertmanager, when: alert.name == 'a', every: 5s, data: { a: '${alert.labels}', b: '${value}' } }
  marker: { kind: file, path: a, format: xml, timeout: 5s }
  cluster: { kind: kubernetes, url: 'http://127.0.0.1/', namespace: a/b, value: deployment.spec + }
";
    let loaded = parse_with(text, &[]);
    assert!(loaded.config.is_none());
    let told = problems(&loaded);
    assert!(!told.contains("hush\n"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn what_detectors_send_is_held_against_declarations() {
    let text = "\
targets: { checkout: }
detectors:
  unknown: { kind: http, url: 'http://127.0.0.1/', event: BUIL }
  default: { kind: http, url: 'http://127.0.0.1/' }
  bad:
    kind: http
    url: http://127.0.0.1/
    event: BUILT
    data: { commit: '${status}', n: 'v${status}', parts: [{ name: '${body}', size: a }, { size: '${status}' }], x: 1 }
  right:
    kind: http
    url: http://127.0.0.1/
    event: BUILT
    data: { commit: 'v${status}', n: '${double(status)}', parts: [{ name: '${body}' }] }
";
    let mut loaded = parse_with(text, &[]);
    let part = vec![Field::required("name", Shape::String, ""), Field::optional("size", Shape::Int, "")];
    let fields = vec![
        Field::required("commit", Shape::String, ""),
        Field::required("n", Shape::Double, ""),
        Field::optional("parts", Shape::List(Box::new(Shape::Object(Object::new(part)))), ""),
    ];
    let events = [("BUILT".to_owned(), Object::new(fields))].into();
    let misfits: Vec<_> = loaded.detectors.iter().flat_map(|declared| declared.misfits(&events)).collect();
    misfits.into_iter().for_each(|misfit| loaded.diagnostics.push(misfit));
    insta::assert_snapshot!(problems(&loaded));
}
