//! An expression as tools show it: the type of every node as far as it is known, also where something is wrong.

use super::ast::Expr;
use super::check::{self, Checked, Meaning};
use super::environment::TypeEnv;
use super::types::Type;
use crate::base::fragment::Fragment;

/// A syntax tree with what the checker knows of it.
#[derive(Debug)]
pub struct Inspection {
    expr: Expr,
    checked: Checked,
}

/// Reads and checks; `None` where the text is no expression at all.
pub fn inspect(fragment: &Fragment, env: &TypeEnv) -> Option<Inspection> {
    let expr = super::parse(fragment).ok()?;
    let (checked, _) = check::check(&expr, env);
    Some(Inspection { expr, checked })
}

impl Inspection {
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The type of a node of the tree; `dyn` where it is not known.
    pub fn type_of(&self, node: &Expr) -> &Type {
        self.checked.type_of(node)
    }

    /// The type of the whole.
    pub fn result(&self) -> &Type {
        self.type_of(&self.expr)
    }

    /// The namespaced function that a call stands for, like `math.least`; `None` for every other node.
    pub fn namespaced(&self, call: &Expr) -> Option<&str> {
        match self.checked.meaning(call) {
            Some(Meaning::Function(name)) => Some(name),
            _ => None,
        }
    }
}
