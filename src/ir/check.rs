//! All files together become one program.

use std::collections::HashMap;
use std::sync::Arc;

use super::call::{self, Callable};
use super::{Program, Workflow, workflow};
use crate::base::parallel;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::Catalogue;
use crate::syntax::workflow::ast;

/// What calls see of each workflow, also of those that something is wrong with.
pub fn callable(workflows: &[ast::Workflow], catalogue: &Catalogue) -> Callable {
    check_all(workflows, catalogue, &mut Diagnostics::new()).1
}

/// Checks every workflow against the catalogue and those that it calls. What is wrong with one hides nothing of the others,
/// and is left out of the result.
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
    let right = check_all(workflows, catalogue, &mut found).0;
    (right, found)
}

fn check_all(workflows: &[ast::Workflow], catalogue: &Catalogue, found: &mut Diagnostics) -> (Vec<Workflow>, Callable) {
    let mut checked: Vec<Option<(Option<Workflow>, Diagnostics)>> = workflows.iter().map(|_| None).collect();
    // What goes in a circle is called by what is known of it from the start.
    let firsts = call::by_name(workflows);
    let sketched =
        firsts.iter().filter_map(|(name, at)| Some(((*name).to_owned(), Arc::new(call::sketch(workflows.get(*at)?)?))));
    let mut callable: Callable = sketched.collect();
    for round in call::rounds(workflows, &firsts, found) {
        let known = &callable;
        let results = parallel::map(&round, |at| {
            let mut found = Diagnostics::new();
            let tree = workflows.get(*at)?;
            let (workflow, signature) = workflow::check(tree, catalogue, known, &mut found);
            Some((workflow, signature, found))
        });
        for (at, (workflow, signature, problems)) in round.into_iter().zip(results.into_iter().flatten()) {
            let name = workflows.get(at).and_then(|tree| tree.name.as_ref()).map(|name| name.node.as_str());
            if let (Some(name), Some(signature)) = (name.filter(|name| firsts.get(name) == Some(&at)), signature) {
                callable.insert(name.to_owned(), Arc::new(signature));
            }
            if let Some(place) = checked.get_mut(at) {
                *place = Some((workflow, problems));
            }
        }
    }
    let mut right = Vec::new();
    for (workflow, problems) in checked.into_iter().flatten() {
        right.extend(workflow);
        found.extend(problems);
    }
    (right, callable)
}

impl Program {
    /// The workflow of that name.
    pub fn workflow(&self, name: &str) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| workflow.name.node.as_str() == name)
    }
}
