//! Everything that ships and every example compiles without a word, to the plans that are kept here.

use homeostat::action;
use homeostat::compile::{Compilation, load_and_compile};
use homeostat::diagnostic::render::to_people;
use homeostat::plan::render::{Format, render};
use homeostat::syntax::load::Language;
use homeostat::syntax::rules::format::format;

use super::{entries, root};

/// The folders that hold a program of their own, by the name their snapshots have.
pub(crate) fn folders() -> Vec<(String, std::path::PathBuf)> {
    let mut folders = vec![("workflows".to_owned(), root().join("workflows"))];
    for example in entries(&root().join("examples")) {
        folders.push((example.file_name().unwrap().to_string_lossy().into_owned(), example));
    }
    folders
}

pub(super) fn compiled(folder: &std::path::Path) -> Compilation {
    load_and_compile(&[folder.to_owned()], &action::catalogue())
}

#[test]
fn nothing_is_wrong_with_any_of_them() {
    for (name, folder) in folders() {
        let compilation = compiled(&folder);
        let problems = to_people(&compilation.diagnostics, &compilation.sources, false);
        assert_eq!(problems, "", "{name}");
        let program = compilation.program.unwrap();
        assert_eq!(program.workflows.len(), compilation.plans.len(), "{name}");
        assert!(!program.rules.is_empty() && !compilation.plans.is_empty(), "{name}");
        // Each workflow is run by a rule, or called by one that is: nothing is shown that nobody can reach.
        for workflow in &program.workflows {
            let runs =
                |rule: &homeostat::ir::Rule| rule.run.as_ref().is_some_and(|run| run.workflow == workflow.name.node);
            let mut calls = program.workflows.iter().flat_map(|other| &other.steps);
            let is_called = calls.any(|step| step.calls.as_ref() == Some(&workflow.name.node));
            assert!(is_called || program.rules.iter().any(runs), "{name}: no rule runs {}", workflow.name.node);
        }
    }
}

#[test]
fn their_plans_are_these() {
    for (name, folder) in folders() {
        for plan in compiled(&folder).plans {
            // As text they are kept beside them, by `homeostat test`.
            let forms = [("json", Format::Json), ("mermaid", Format::Mermaid), ("dot", Format::Dot)];
            for (ending, format) in forms {
                insta::assert_snapshot!(format!("{name}__{}.{ending}", plan.workflow), render(&plan, format));
            }
        }
    }
}

#[test]
fn the_same_text_gives_the_same_bytes() {
    for (_, folder) in folders() {
        for (one, other) in compiled(&folder).plans.iter().zip(compiled(&folder).plans) {
            assert_eq!(one.digest, other.digest);
            assert_eq!(one.canonical_text(), other.canonical_text());
            assert_eq!(render(one, Format::Text), render(&other, Format::Text));
        }
    }
}

#[test]
fn their_rules_are_formatted() {
    for (name, folder) in folders() {
        let sources = compiled(&folder).sources;
        let is_rules = |path: &str| Language::of(path) == Some(Language::Rules);
        for (id, source) in sources.iter().filter(|(_, source)| is_rules(&source.path)) {
            assert_eq!(format(id, &source.text).unwrap(), *source.text, "{name}: homeostat fmt {}", source.path);
        }
    }
}
