//! What came of a test, for people and programs. The same test always gives the same bytes.

mod json;
mod junit;
mod text;

use super::session::Report;

pub use json::render as to_json;
pub use junit::render as to_junit;
pub use text::render as to_people;

/// What is wrong with snapshots: one line each.
fn snapshot_problems(report: &Report) -> Vec<(String, String)> {
    use super::snapshots::State;
    use crate::diagnostic::Code;
    let said = report.snapshots.iter().filter_map(|snapshot| {
        let (code, what) = match &snapshot.state {
            State::Matches | State::Written | State::Deleted => return None,
            State::Differs(lines) => (Code::SnapshotDiffers, format!("the plan is not as it was kept:\n{lines}")),
            State::Missing => (Code::SnapshotMissing, "the plan was not kept yet".to_owned()),
            State::Obsolete => (Code::SnapshotObsolete, "no workflow has this name any more".to_owned()),
            State::Failed(why) => (Code::NotWritable, format!("cannot be read or written: {why}")),
        };
        Some((snapshot.path.display().to_string().replace('\\', "/"), format!("{code}: {what}")))
    });
    said.collect()
}
