//! What ships and every example carries its tests: they pass, and reach every rule, step and branch.

use std::sync::Arc;

use homeostat::app::program::{StoredPlans, assemble};
use homeostat::harness::report;
use homeostat::harness::session::{Options, Report, test};
use homeostat::harness::snapshots::Mode;
use homeostat::harness::world::Laws;

use super::folders;
use super::plans::compiled;

fn tested(folder: &std::path::Path) -> Report {
    let laws = Laws { program: assemble(compiled(folder)).unwrap(), planner: Arc::new(StoredPlans) };
    test(&Options { paths: &[folder.to_owned()], laws, filter: None, mode: Mode::Check }, |_| {})
}

#[test]
fn all_of_them_pass_and_leave_nothing_out() {
    for (name, folder) in folders() {
        let report = tested(&folder);
        assert!(report.problems.is_empty(), "{name}: {:?}", report.problems);
        assert!(report.is_right() && !report.cases.is_empty(), "{name}:\n{}", report::to_people(&report, false));
        let gaps: Vec<_> = report.coverage.gaps().map(ToString::to_string).collect();
        assert!(gaps.is_empty(), "{name}: {}", gaps.join("\n"));
        assert!(!report.snapshots.is_empty(), "{name}: its plans are not kept");
    }
}

#[test]
fn the_same_test_gives_the_same_bytes() {
    for (name, folder) in folders() {
        let [one, other] = [tested(&folder), tested(&folder)];
        assert_eq!(report::to_json(&one), report::to_json(&other), "{name}");
    }
}
