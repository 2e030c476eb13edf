use super::*;
use crate::app::program::{assemble, check};

/// A folder with one workflow.
fn folder(rate: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), rate);
    folder
}

fn write(folder: &Path, rate: u32) {
    let text = format!(
        "workflow: w\nsteps:\n  s: {{ uses: agents.dispatch, with: {{ total_rps: {rate}.0 }}, timeout: 5s }}\n"
    );
    std::fs::write(folder.join("w.yaml"), text).unwrap();
}

fn states(folder: &Path, mode: Mode) -> Vec<State> {
    let program = assemble(check(&[folder.to_owned()])).unwrap();
    compare(&program, mode, |_| true).into_iter().map(|snapshot| snapshot.state).collect()
}

#[test]
fn plans_are_kept_compared_and_let_go() {
    let folder = folder(5);
    let root = folder.path();
    let kept = root.join("snapshots/w.snap");
    assert_eq!(states(root, Mode::KeepNew), [], "nobody asked to keep plans here");
    assert_eq!(states(root, Mode::Update), [State::Written]);
    assert_eq!(states(root, Mode::Check), [State::Matches]);

    write(root, 6);
    let before = std::fs::read(&kept).unwrap();
    let [State::Differs(lines)] = &states(root, Mode::KeepNew)[..] else { panic!("a change is not seen") };
    let changed: Vec<_> = lines.lines().filter(|line| line.contains("total_rps")).map(str::to_owned).collect();
    assert_eq!(changed, ["-       with     total_rps: 5.0", "+       with     total_rps: 6.0"]);
    assert_eq!(std::fs::read(&kept).unwrap(), before, "only `--update` overwrites");

    // Snapshots of other things are nobody's business here.
    std::fs::write(root.join("snapshots/other.snap"), "---\nsource: a\nexpression: b\n---\nc\n").unwrap();
    std::fs::rename(&kept, root.join("snapshots/gone.snap")).unwrap();
    assert_eq!(states(root, Mode::Check), [State::Missing, State::Obsolete]);
    assert_eq!(states(root, Mode::KeepNew), [State::Written, State::Obsolete]);
    assert_eq!(states(root, Mode::Update), [State::Matches, State::Deleted]);
    assert!(root.join("snapshots/other.snap").exists());
}

/// `insta` reads what is kept: it compares, and finds no difference.
#[test]
fn insta_reads_what_is_kept() {
    let folder = folder(5);
    assert_eq!(states(folder.path(), Mode::Update), [State::Written]);
    let program = assemble(check(&[folder.path().to_owned()])).unwrap();
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(folder.path().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("w", render(&program.plans["w"], Format::Text)));
    assert!(!folder.path().join("snapshots/w.snap.new").exists());
}
