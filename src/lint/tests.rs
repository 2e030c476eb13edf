//! Each lint's own examples, and what all lints keep to.

use super::{Level, Levels, Linted, Options, fix, lint};
use crate::action::catalogue;
use crate::base::source::Sources;
use crate::diagnostic::render::{summary, to_people};
use crate::diagnostic::{Code, Diagnostics, Severity};
use crate::lint::LINTS;

/// Lints texts; one called `homeostat.yaml` is the configuration.
pub(super) fn linted(files: &[(String, String)], levels: &Levels) -> Linted {
    let (sources, options) = given(files, levels);
    lint(sources, Diagnostics::new(), &catalogue(), &options)
}

fn given(files: &[(String, String)], levels: &Levels) -> (Sources, Options) {
    let mut sources = Sources::new();
    let mut targets = None;
    for (name, text) in files {
        if name == "homeostat.yaml" {
            let loaded = crate::config::read(name, text, std::path::Path::new(""), &[]);
            let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
            targets = Some(crate::app::program::lint_targets(&config));
        } else {
            sources.add(name, text.as_str());
        }
    }
    (sources, Options { levels: levels.clone(), targets })
}

pub(super) fn shown(linted: &Linted) -> String {
    let problems = to_people(&linted.diagnostics, &linted.sources, false);
    format!("{problems}{}", summary(&linted.diagnostics, linted.sources.iter().count()))
}

fn codes(linted: &Linted) -> Vec<Code> {
    let mut codes: Vec<Code> = linted.diagnostics.iter().map(|problem| problem.code).collect();
    codes.dedup();
    codes
}

#[test]
fn names_are_those_of_the_codes_and_every_code_is_a_lint() {
    for lint in LINTS {
        assert_eq!(lint.code.lint_name().as_deref(), Some(lint.name));
    }
    let of_lints: Vec<Code> = Code::ALL.iter().copied().filter(|code| code.lint_name().is_some()).collect();
    assert_eq!(LINTS.iter().map(|lint| lint.code).collect::<Vec<_>>(), of_lints);
}

#[test]
fn the_wrong_example_is_found_by_its_lint_alone_and_the_right_one_by_none() {
    let mut told = String::new();
    for lint in LINTS {
        let page = lint.page();
        assert!(!page.text.is_empty() && !page.wrong.files.is_empty() && !page.right.files.is_empty(), "{}", lint.name);
        let mut levels = Levels::default();
        if lint.level == Level::Allow {
            levels.set(lint.name, Level::Warn).unwrap();
        }
        for (example, expected) in [(&page.wrong, vec![lint.code]), (&page.right, Vec::new())] {
            let linted = linted(&example.files, &levels);
            if codes(&linted) != expected {
                told.push_str(&format!("--- {}: expected {expected:?}\n{}\n", lint.name, shown(&linted)));
            }
        }
    }
    assert!(told.is_empty(), "{told}");
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lint/fixtures");

/// The files of a fixture: those whose names begin with its own.
fn fixture(name: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(FIXTURES).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = entries
        .filter(|path| path.file_stem().unwrap().to_str().unwrap().split('_').next() == Some(name))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name}");
    files
}

const NAMES: [&str; 8] = ["broken", "conditions", "fallible", "pairs", "rates", "secrets", "steps", "suppressions"];

#[test]
fn fixtures_are_told_what_is_found() {
    let mut different = Vec::new();
    for name in NAMES {
        let mut levels = Levels::default();
        // Each step of a fixture stands for itself.
        levels.set("unordered-dispatch", Level::Allow).unwrap();
        if name == "fallible" {
            // Its rules differ in nothing but how they guard themselves.
            levels.set("rule-shadowed", Level::Allow).unwrap();
        }
        let output = shown(&linted(&fixture(name), &levels));
        let kept = std::panic::catch_unwind(|| insta::assert_snapshot!(name, output));
        different.extend(kept.is_err().then_some(name));
    }
    assert!(different.is_empty(), "{different:?}");
}

/// Everything that is linted in these tests.
fn all() -> Vec<(String, Vec<(String, String)>)> {
    let fixtures = NAMES.iter().map(|name| ((*name).to_owned(), fixture(name)));
    fixtures.chain(LINTS.iter().map(|lint| (lint.name.to_owned(), lint.page().wrong.files))).collect()
}

fn fixed(files: &[(String, String)]) -> Vec<(String, String)> {
    let (sources, options) = given(files, &Levels::default());
    let fixed = fix::fix(sources, &Diagnostics::new(), &catalogue(), &options).unwrap();
    let left = &fixed.linted.sources;
    left.iter().map(|(_, source)| (source.path.clone(), source.text.to_string())).collect()
}

fn without_settings(files: &[(String, String)]) -> Vec<(String, String)> {
    files.iter().filter(|(name, _)| name != "homeostat.yaml").cloned().collect()
}

#[test]
fn what_is_mended_is_mended_once() {
    let mut told = String::new();
    for (name, files) in all() {
        let once = fixed(&files);
        assert_eq!(fixed(&once), once, "{name}");
        for ((file, before), (_, after)) in without_settings(&files).iter().zip(&once) {
            if before != after {
                let diff = similar::TextDiff::from_lines(before, after);
                told.push_str(&format!("{}\n", diff.unified_diff().context_radius(2).header(file, &name)));
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_fix_leaves_nothing_certain_to_mend_and_no_comment_behind_but_its_own() {
    for (name, files) in all() {
        let once = fixed(&files);
        let left = linted(&once, &Levels::default());
        assert!(left.diagnostics.iter().all(|problem| problem.edits.is_empty()), "{name}");
        let comments = |files: &[(String, String)]| -> Vec<String> {
            let lines = files.iter().flat_map(|(_, text)| text.lines());
            let starts = |line: &&str| line.trim_start().starts_with(['#', '/']) && !line.contains("homeostat:");
            lines.filter(starts).map(str::to_owned).collect()
        };
        assert_eq!(comments(&once), comments(&without_settings(&files)), "{name}");
    }
}

#[test]
fn levels_decide_what_a_finding_is() {
    let files = fixture("rates");
    let severities = |level: Level| -> Vec<Severity> {
        let mut levels = Levels::default();
        levels.set("invented-rate", level).unwrap();
        levels.set("unordered-dispatch", Level::Allow).unwrap();
        linted(&files, &levels).diagnostics.iter().map(|problem| problem.severity).collect()
    };
    assert_eq!(severities(Level::Allow), []);
    assert_eq!(severities(Level::Warn), [Severity::Warning; 4]);
    assert_eq!(severities(Level::Deny), [Severity::Error; 4]);
    let unknown = Levels::default().set("invented-rates", Level::Deny).unwrap_err();
    assert_eq!(
        (unknown.to_string().as_str(), unknown.nearest),
        ("there is no lint `invented-rates`", Some("invented-rate"))
    );
}

/// What ships, the examples, and what `init` makes.
#[test]
fn what_ships_is_free_of_findings() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places = vec![root.join("workflows")];
    places.extend(std::fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path()));
    let config = crate::config::read("homeostat.yaml", include_str!("../cli/init/homeostat.yaml"), root, &[]).config;
    let targets = Some(crate::app::program::lint_targets(&config.unwrap()));
    let mut levels = Levels::default();
    levels.set("missing-docs", Level::Allow).unwrap();
    let options = Options { levels, targets };
    for place in places {
        let found = crate::app::program::lint(&[place], &options);
        assert!(found.diagnostics.is_empty(), "{}", shown(&found));
    }
}

/// An action that must not be repeated is none that ships.
#[test]
fn what_may_happen_once_is_not_retried() {
    use crate::model::action::{ActionSignature, Catalogue, Effect};
    let once = ActionSignature {
        effect: Effect::AtMostOnce,
        ..ActionSignature::pure("bell.ring", "Rings.", Vec::new(), Vec::new())
    };
    let mut sources = Sources::new();
    let text = "workflow: ring\nsteps:\n  ring: { uses: bell.ring, timeout: 1s, retry: { attempts: 2 } }\n";
    sources.add("ring.yaml", text);
    let found = lint(sources, Diagnostics::new(), &Catalogue::new([once]), &Options::default());
    assert_eq!(codes(&found), [Code::UnsafeRetry]);
}

/// An edit is given up where it does not do what it is for.
#[test]
fn a_fix_that_changes_what_it_must_not_is_refused() {
    let found = |text: &str| {
        let mut sources = Sources::new();
        sources.add("a.yaml", text);
        lint(sources, Diagnostics::new(), &catalogue(), &Options::default())
    };
    let before = "workflow: a\nsteps:\n  # homeostat: allow(unused-input): of no use\n  x: { uses: state.stable }\n";
    let (before, wrong) = (found(before), found("workflow: a\nsteps:\n  x: { uses: state.degraded }\n"));
    let round: Vec<_> = before.diagnostics.iter().collect();
    assert_eq!(round.len(), 1);
    let refused = fix::check(&before, &wrong, &round).unwrap_err();
    assert_eq!(refused.to_string(), "the fix for H0728 would change what a workflow does");
    let broken = found("workflow: a\nsteps:\n  x: { uses: state.stabel }\n");
    assert_eq!(fix::check(&before, &broken, &round).unwrap_err().what, "make an error");
    assert_eq!(fix::check(&before, &before, &round).unwrap_err().what, "mend nothing");
}

proptest::proptest! {
    /// Whatever is written, nothing panics, and what is mended stays mended.
    #[test]
    fn damaged_files_are_linted(at in 0.0..1.0_f64, length in 0_usize..40, put in "[ -~\n#{}]{0,6}") {
        for name in ["steps", "suppressions", "pairs"] {
            let mut files = fixture(name);
            let text = &mut files[0].1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
            let mut from = (text.len() as f64 * at) as usize;
            while !text.is_char_boundary(from) {
                from -= 1;
            }
            let mut to = (from + length).min(text.len());
            while !text.is_char_boundary(to) {
                to += 1;
            }
            text.replace_range(from..to, &put);
            let once = fixed(&files);
            proptest::prop_assert_eq!(fixed(&once), once);
        }
    }
}
