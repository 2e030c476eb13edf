//! What is right and yet probably not meant: lints over checked programs, each documented, configurable, and to be
//! allowed in place with a reason.
//!
//! sources ─▶ [`lint()`] ─▶ the compiler's diagnostics and every finding, in one list. A finding is a diagnostic with the
//! lint's code; its severity is the lint's level. What it must not know: configuration files, the command line, what
//! actions do beyond their signatures.
//!
//! One file a lint in `checks/`, with its page beside it: a paragraph, a wrong and a right example.

mod checks;
pub mod fix;
mod flow;
mod level;
mod pairs;
mod solve;
mod subject;
mod suppress;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::parallel;
use crate::base::source::Sources;
use crate::base::span::Span;
use crate::compile::{self, Trees};
use crate::diagnostic::page::Page;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::ir;
use crate::model::action::Catalogue;
use crate::plan::Plan;

pub use checks::LINTS;
pub use level::{Level, Levels, UnknownLint, find};
pub use subject::{Subject, Target};

/// One thing that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// How it is configured and allowed: that of its code, see [`Code::lint_name`].
    pub name: &'static str,
    pub code: Code,
    /// Where nobody says otherwise.
    pub level: Level,
    /// What it is about, in Markdown.
    page: &'static str,
    check: fn(&Subject<'_>, &mut Findings),
}

/// What one lint has found. The severity is not decided here.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Diagnostic>,
}

impl Findings {
    fn push(&mut self, finding: Diagnostic) {
        self.list.push(finding);
    }
}

impl Lint {
    /// What it finds, in a line.
    pub fn summary(&self) -> &'static str {
        self.code.title()
    }

    /// Why, and examples.
    pub fn page(&self) -> Page {
        Page::read(self.page)
    }
}

/// What decides which findings there are.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub levels: Levels,
    /// What the configuration says of load tests; `None` where there is no configuration.
    pub targets: Option<Vec<Target>>,
}

/// What came of linting.
#[derive(Debug)]
pub struct Linted {
    pub sources: Sources,
    /// The compiler's and the lints', in the order of their places.
    pub diagnostics: Diagnostics,
    /// What each plan does, by workflow: to see whether a fix has changed it.
    plans: BTreeMap<String, String>,
}

/// Compiles sources and lints what is right of them; `diagnostics` is what is known of them already.
pub fn lint(sources: Sources, mut diagnostics: Diagnostics, catalogue: &Catalogue, options: &Options) -> Linted {
    let trees = compile::parse(&sources, &mut diagnostics);
    let program = compile::check(&trees, catalogue, &mut diagnostics);
    let plans = compile::plan(&program.workflows, &sources, &mut diagnostics);
    let found = findings(&sources, &trees, &program, &plans, &diagnostics, options);
    diagnostics = fix::mend_needs(diagnostics, &sources);
    diagnostics.extend(found);
    compile::tell_once(&mut diagnostics);
    let plans = plans.iter().map(|plan| (plan.workflow.to_string(), fix::meaning(plan))).collect();
    Linted { sources, diagnostics, plans }
}

fn findings(
    sources: &Sources,
    trees: &Trees,
    program: &ir::Program,
    plans: &[std::sync::Arc<Plan>],
    diagnostics: &Diagnostics,
    options: &Options,
) -> Diagnostics {
    let subject = Subject::new(sources, trees, program, plans, diagnostics, options.targets.as_deref());
    let (mut suppressions, mut told) = suppress::read(sources, trees);
    let mut found = Diagnostics::new();
    // What the compiler refuses is told once.
    let refused: BTreeSet<Span> = diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| problem.primary.span)
        .collect();
    let wanted = LINTS.iter().filter_map(|lint| Some((lint, options.levels.of(lint).severity()?)));
    let wanted: Vec<(&Lint, Severity)> = wanted.collect();
    let checked = parallel::map(&wanted, |(lint, _)| {
        let mut findings = Findings::default();
        (lint.check)(&subject, &mut findings);
        findings
    });
    let ran: Vec<&str> = wanted.iter().map(|(lint, _)| lint.name).collect();
    for ((lint, severity), findings) in wanted.into_iter().zip(checked) {
        for finding in findings.list.into_iter().filter(|finding| !refused.contains(&finding.primary.span)) {
            if !suppressions.allow(lint, finding.primary.span) {
                found.push(Diagnostic { severity, ..finding });
            }
        }
    }
    told.extend(suppressions.unused(&subject, &ran));
    for finding in told {
        let lint = LINTS.iter().find(|lint| lint.code == finding.code);
        if let Some(severity) = lint.and_then(|lint| options.levels.of(lint).severity()) {
            found.push(Diagnostic { severity, ..finding });
        }
    }
    found
}

#[cfg(test)]
mod tests;
