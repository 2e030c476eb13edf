//! What is known to hold where an expression stands: what is there, what is not null, which conditions hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::expression::ast::{
    BinaryOperator, Comprehension, ComprehensionKind, Expr, ExprKind, Literal, UnaryOperator,
};
use crate::lint::text::{path, text};

/// What is known. Paths are as [`path`] writes them.
#[derive(Clone, Debug, Default)]
pub(in crate::lint) struct Facts {
    present: BTreeSet<String>,
    absent: BTreeSet<String>,
    /// What is not null.
    filled: BTreeSet<String>,
    nonzero: BTreeSet<String>,
    /// Lists whose size was asked for.
    sized: BTreeSet<String>,
    /// Keys with the map or list that has them.
    keyed: BTreeSet<(String, String)>,
    held: BTreeSet<String>,
}

/// The conditions of a workflow's steps: a step that has none always runs.
#[derive(Debug, Default)]
pub(in crate::lint) struct Conditions<'e> {
    pub by_step: BTreeMap<&'e str, &'e Expr>,
    /// Whether a step whose condition holds has run: in `on_failure` it may not have come to that.
    pub decide: bool,
}

impl Facts {
    /// What follows from `condition` being `truth`. `evaluated`: it has a value, so that what it selects was there.
    pub(in crate::lint) fn learn(&mut self, condition: &Expr, truth: bool, evaluated: bool) {
        self.held.insert(signed(condition, truth));
        match &condition.kind {
            ExprKind::And(operands) if truth => operands.iter().for_each(|it| self.learn(it, true, evaluated)),
            ExprKind::Or(operands) if !truth => operands.iter().for_each(|it| self.learn(it, false, evaluated)),
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => self.learn(operand, !truth, evaluated),
            ExprKind::Has { operand, field } => {
                if let Some(operand) = path(operand) {
                    let whole = format!("{operand}.{}", field.node);
                    if truth {
                        self.add_present(&whole);
                    } else {
                        self.absent.insert(whole);
                    }
                }
            }
            ExprKind::Binary { operator, left, right } => self.learn_comparison(*operator, left, right, truth),
            ExprKind::Call { receiver: Some(receiver), function, .. } if function.node == "hasValue" => {
                if let (Some(whole), true) = (path(receiver), truth) {
                    self.add_present(&whole);
                }
            }
            _ => {}
        }
        if evaluated {
            self.learn_evaluated(condition);
        }
    }

    fn learn_comparison(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr, truth: bool) {
        use BinaryOperator::{Equal, Greater, GreaterEqual, In, Less, LessEqual, NotEqual};
        for list in [left, right].into_iter().filter_map(size_of) {
            self.sized.insert(text(list));
        }
        let unequal = matches!((operator, truth), (NotEqual, true) | (Equal, false));
        let equal = matches!((operator, truth), (Equal, true) | (NotEqual, false));
        let above = matches!((operator, truth), (Greater, true) | (LessEqual, false));
        let below = matches!((operator, truth), (Less, true) | (GreaterEqual, false));
        let at_least = matches!((operator, truth), (GreaterEqual, true) | (Less, false));
        let at_most = matches!((operator, truth), (LessEqual, true) | (Greater, false));
        for (side, other, beyond, from) in [(left, right, above, at_least), (right, left, below, at_most)] {
            let is_null = other.kind == ExprKind::Literal(Literal::Null);
            let is_value = matches!(&other.kind, ExprKind::Literal(literal) if *literal != Literal::Null);
            if let Some(side) = path(side)
                && (unequal && is_null || equal && is_value)
            {
                self.filled.insert(side);
            }
            let Some(number) = whole_number(other) else { continue };
            if beyond && number >= 0 || from && number >= 1 || unequal && number == 0 || equal && number != 0 {
                self.nonzero.insert(text(side));
            }
        }
        if operator == In && truth {
            self.keyed.insert((text(left), text(right)));
            if let (ExprKind::Literal(Literal::String(key)), Some(map)) = (&left.kind, path(right)) {
                self.add_present(&format!("{map}.{key}"));
            }
        }
    }

    /// What an expression that has a value has selected, but for what it may have passed over.
    fn learn_evaluated(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Select { operand, optional: false, .. } => {
                self.present.extend(path(expr));
                self.filled.extend(path(operand));
                self.learn_evaluated(operand);
            }
            ExprKind::Has { operand, .. } | ExprKind::Unary { operand, .. } => self.learn_evaluated(operand),
            ExprKind::Binary { operator, left, right } => {
                use BinaryOperator::{Equal, In, NotEqual};
                let takes_null = matches!(operator, Equal | NotEqual | In);
                for side in [left, right] {
                    self.filled.extend(path(side).filter(|_| !takes_null));
                    self.learn_evaluated(side);
                }
            }
            ExprKind::Index { operand, key, optional: false } => {
                self.keyed.insert((text(key), text(operand)));
                self.learn_evaluated(operand);
            }
            ExprKind::Conditional { condition, .. } => self.learn_evaluated(condition),
            _ => {}
        }
    }

    /// Something is there, and so is all that it was selected from.
    fn add_present(&mut self, whole: &str) {
        let mut rest = whole;
        loop {
            self.present.insert(rest.to_owned());
            let Some((operand, _)) = rest.rsplit_once('.') else { return };
            self.filled.insert(operand.to_owned());
            rest = operand;
        }
    }

    /// Something is not there.
    pub(super) fn add_absent(&mut self, whole: String) {
        self.absent.insert(whole);
    }

    pub(super) fn is_present(&self, whole: &str) -> bool {
        self.present.contains(whole)
    }

    pub(in crate::lint) fn is_filled(&self, whole: &str) -> bool {
        self.filled.contains(whole)
    }

    pub(super) fn is_nonzero(&self, expr: &Expr) -> bool {
        self.nonzero.contains(&text(expr))
    }

    pub(in crate::lint) fn is_sized(&self, expr: &Expr) -> bool {
        self.sized.contains(&text(expr))
    }

    pub(super) fn has_key(&self, key: &Expr, of: &Expr) -> bool {
        self.keyed.contains(&(text(key), text(of)))
    }

    /// What follows from steps having run or not, until nothing more does.
    pub(in crate::lint) fn close(&mut self, conditions: &Conditions<'_>) {
        let mut open: BTreeSet<&str> = conditions.by_step.keys().copied().collect();
        loop {
            let mut moved = Vec::new();
            for name in &open {
                let Some(condition) = conditions.by_step.get(name) else { continue };
                let whole = format!("steps.{name}");
                if self.present.contains(&whole) {
                    moved.push((*name, *condition, true));
                } else if conditions.decide && self.holds(condition) {
                    self.add_present(&whole);
                    moved.push((*name, *condition, true));
                } else if conditions.decide && self.absent.contains(&whole) {
                    moved.push((*name, *condition, false));
                }
            }
            if moved.is_empty() {
                return;
            }
            for (name, condition, truth) in moved {
                open.remove(name);
                self.learn(condition, truth, true);
            }
        }
    }

    /// Whether the condition is known to be true.
    fn holds(&self, condition: &Expr) -> bool {
        let there = |set: &BTreeSet<String>, operand: &Expr, field: &str| {
            path(operand).is_some_and(|operand| set.contains(&format!("{operand}.{field}")))
        };
        if self.held.contains(&signed(condition, true)) {
            return true;
        }
        match &condition.kind {
            ExprKind::And(operands) => operands.iter().all(|operand| self.holds(operand)),
            ExprKind::Or(operands) => operands.iter().any(|operand| self.holds(operand)),
            ExprKind::Has { operand, field } => there(&self.present, operand, &field.node),
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => match &operand.kind {
                ExprKind::Has { operand, field } => there(&self.absent, operand, &field.node),
                _ => false,
            },
            _ => false,
        }
    }

    /// The facts without those about a variable that means something else now.
    #[must_use]
    pub(super) fn without(&self, name: &str) -> Self {
        let about =
            |whole: &String| whole == name || whole.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let mut kept = self.clone();
        for set in [&mut kept.present, &mut kept.absent, &mut kept.filled] {
            set.retain(|whole| !about(whole));
        }
        // These are texts of whole expressions: what mentions the name at all goes.
        for set in [&mut kept.nonzero, &mut kept.sized, &mut kept.held] {
            set.retain(|text| !text.contains(name));
        }
        kept.keyed.retain(|(key, of)| !key.contains(name) && !of.contains(name));
        kept
    }

    /// What is known of each item of `range`, as `name`: it has passed the filters that made the list.
    pub(in crate::lint) fn learn_items(&mut self, range: &Expr, name: &str) {
        let ExprKind::Comprehension(it) = &range.kind else { return };
        let Comprehension { kind, range, first, second: None, body, .. } = &**it else { return };
        match kind {
            ComprehensionKind::Filter => {
                let mut own = Self::default();
                own.learn(body, true, true);
                for (from, into) in [(&own.present, &mut self.present), (&own.filled, &mut self.filled)] {
                    let rest = from.iter().filter_map(|whole| whole.strip_prefix(first.node.as_str()));
                    into.extend(
                        rest.filter(|rest| rest.is_empty() || rest.starts_with('.')).map(|it| format!("{name}{it}")),
                    );
                }
                self.learn_items(range, name);
            }
            ComprehensionKind::SortBy => self.learn_items(range, name),
            _ => {}
        }
    }
}

fn signed(condition: &Expr, truth: bool) -> String {
    match &condition.kind {
        ExprKind::Unary { operator: UnaryOperator::Not, operand } => signed(operand, !truth),
        _ => format!("{}{}", if truth { "" } else { "!" }, text(condition)),
    }
}

/// The list or text whose size the expression is.
fn size_of(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Call { receiver, function, arguments } if function.node == "size" => {
            receiver.as_deref().or(arguments.first())
        }
        _ => None,
    }
}

fn whole_number(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Literal(Literal::Int(number)) => Some(*number),
        ExprKind::Literal(Literal::Uint(number)) => i64::try_from(*number).ok(),
        _ => None,
    }
}
