//! Files that change, are away, and are not what they should be.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;

fn detector(folder: &tempfile::TempDir, more: &str) -> DetectorSettings {
    let path = folder.path().join("marker");
    read(&format!("kind: file, path: '{}', target: checkout, {more}", path.display()), "marker")
}

fn write(folder: &tempfile::TempDir, content: impl AsRef<[u8]>) {
    // As deployment tools do it: another file in place of the one that was there.
    let fresh = folder.path().join("fresh");
    std::fs::write(&fresh, content).unwrap();
    std::fs::rename(fresh, folder.path().join("marker")).unwrap();
}

#[tokio::test]
async fn a_value_of_the_file_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, " v7\n");
    let settings = detector(&folder, "every: 1s");
    assert_eq!(one(&settings).await.state, Some(json!("v7")));
    assert_eq!(carried(&settings, &one(&settings).await).unwrap(), json!({ "signature": "v7" }));
    write(&folder, "release: { id: v8, size: 3 }\n");
    assert_eq!(one(&detector(&folder, "format: yaml, value: body.release.id")).await.state, Some(json!("v8")));
    write(&folder, r#"{"release": {"id": "v9"}}"#);
    assert_eq!(one(&detector(&folder, "format: json, value: body.release.id")).await.state, Some(json!("v9")));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    assert!(why(&detector(&folder, "every: 1s")).await.contains("/marker: it cannot be read: "));
    write(&folder, [0xff, 0xfe]);
    assert!(why(&detector(&folder, "every: 1s")).await.ends_with("/marker: it is not UTF-8"));
    write(&folder, "{");
    assert!(why(&detector(&folder, "format: json")).await.contains("/marker: it is no JSON: "));
    write(&folder, "a: [");
    assert!(why(&detector(&folder, "format: yaml")).await.contains("/marker: it is no YAML: "));
    write(&folder, "{}");
    assert!(why(&detector(&folder, "format: json, value: body.a")).await.contains("`body.a` fails"));
    write(&folder, vec![b'x'; 1024 * 1024 + 1]);
    assert!(why(&detector(&folder, "every: 1s")).await.ends_with("it is longer than 1048576 bytes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_comes_and_changes_becomes_events() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(system_clock());
    let shutdown = CancellationToken::new();
    let detectors = vec![detector(&folder, "every: 1s")];
    let running = tokio::spawn(crate::service::detect::run(house.options(), detectors, shutdown.clone()));
    eventually(async || house.board.all().iter().any(|(_, standing)| standing.failing.is_some())).await;
    for count in 1..=2 {
        write(&folder, format!("v{count}"));
        eventually(async || house.data().await.len() == count).await;
    }
    assert_eq!(house.data().await, [json!({ "signature": "v1" }), json!({ "signature": "v2" })]);
    shutdown.cancel();
    running.await.unwrap();
}
