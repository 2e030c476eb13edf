//! All files together become one program.

use std::collections::HashMap;

use super::{Program, Workflow, workflow};
use crate::base::parallel;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::Catalogue;
use crate::syntax::workflow::ast;

/// Checks every workflow against the catalogue. What is wrong with one hides nothing of the others, and is left out of
/// the result.
pub fn check_workflows(workflows: &[ast::Workflow], catalogue: &Catalogue) -> (Vec<Workflow>, Diagnostics) {
    let mut found = Diagnostics::new();
    let mut names = HashMap::new();
    for name in workflows.iter().filter_map(|workflow| workflow.name.as_ref()) {
        if let Some(first) = names.insert(name.node.as_str(), name.span) {
            let message = format!("there are two workflows called `{}`", name.node);
            let help = "rename or delete one of the two";
            found.push(Diagnostic::error(Code::DuplicateName, name.span, message).also(first, "the first").help(help));
        }
    }
    let checked = parallel::map(workflows, |tree| {
        let mut found = Diagnostics::new();
        (workflow::check(tree, catalogue, &mut found), found)
    });
    let mut right = Vec::new();
    for (workflow, problems) in checked {
        right.extend(workflow);
        found.extend(problems);
    }
    (right, found)
}

impl Program {
    /// The workflow of that name.
    pub fn workflow(&self, name: &str) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| workflow.name.node.as_str() == name)
    }
}
