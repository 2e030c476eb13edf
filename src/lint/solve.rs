//! Whether conditions can hold together: comparisons of one thing with constants, and whatever else is written alike.
//!
//! What is not understood is taken as possible, so that "never" is certain.

use std::collections::BTreeMap;

use super::text::text;
use crate::base::span::Span;
use crate::expression::ast::{Expr, ExprKind, Literal, UnaryOperator};
use crate::expression::fact::{Constant, Fact, comparison};

/// More ways to read a condition than this are not tried.
const MAX_WAYS: usize = 256;

/// What is known of things beforehand, by how they are written: the texts they can be.
#[derive(Clone, Debug, Default)]
pub(super) struct Domain {
    pub words: BTreeMap<String, Vec<&'static str>>,
    pub owned: BTreeMap<String, String>,
    pub bounds: BTreeMap<String, (f64, f64)>,
}

/// Two places that cannot hold together; the same place twice where one is enough.
pub(super) type Conflict = (Span, Span);

/// Why the conditions, each with what it is to be, can never hold together; `None` where they may.
pub(super) fn contradiction(conditions: &[(&Expr, bool)], domain: &Domain) -> Option<Conflict> {
    let mut ways: Vec<Vec<(&Expr, bool)>> = vec![Vec::new()];
    for (condition, truth) in conditions {
        ways = expand(condition, *truth, ways)?;
    }
    let mut conflicts = ways.iter().map(|way| conflict(way, domain));
    let first = conflicts.next()??;
    conflicts.all(|conflict| conflict.is_some()).then_some(first)
}

/// Whether `weaker` holds wherever `stronger` does.
pub(super) fn implies(stronger: Option<&Expr>, weaker: Option<&Expr>, domain: &Domain) -> bool {
    match (stronger, weaker) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(stronger), Some(weaker)) => contradiction(&[(stronger, true), (weaker, false)], domain).is_some(),
    }
}

/// What a condition fixes to one constant each, by how it is written: what all its ways have in common at first sight.
/// Conditions that fix one thing to different constants exclude each other.
pub(super) fn fixed(condition: Option<&Expr>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(&Expr, bool)> = condition.map(|condition| (condition, true)).into_iter().collect();
    while let Some((expr, truth)) = open.pop() {
        match (&expr.kind, truth) {
            (ExprKind::Unary { operator: UnaryOperator::Not, operand }, _) => open.push((operand, !truth)),
            (ExprKind::And(operands), true) | (ExprKind::Or(operands), false) => {
                open.extend(operands.iter().map(|operand| (operand, truth)));
            }
            (ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Literal(_), _) => {}
            _ => match comparison(expr, truth) {
                Some((thing, Fact::Is(value))) => {
                    found.insert(text(thing), format!("{value:?}"));
                }
                Some(_) => {}
                None => {
                    found.insert(text(expr), format!("{:?}", Constant::Bool(truth)));
                }
            },
        }
    }
    found
}

type Ways<'e> = Vec<Vec<(&'e Expr, bool)>>;

/// Every way so far, with every way in which the condition can be `truth`; `None` where there are too many.
fn expand<'e>(condition: &'e Expr, truth: bool, ways: Ways<'e>) -> Option<Ways<'e>> {
    match (&condition.kind, truth) {
        (ExprKind::Unary { operator: UnaryOperator::Not, operand }, _) => expand(operand, !truth, ways),
        (ExprKind::And(operands), true) | (ExprKind::Or(operands), false) => {
            operands.iter().try_fold(ways, |ways, operand| expand(operand, truth, ways))
        }
        (ExprKind::Or(operands), true) | (ExprKind::And(operands), false) => {
            let mut all = Vec::new();
            for operand in operands {
                all.extend(expand(operand, truth, ways.clone())?);
                if all.len() > MAX_WAYS {
                    return None;
                }
            }
            Some(all)
        }
        _ => Some(ways.into_iter().map(|way| [way, vec![(condition, truth)]].concat()).collect()),
    }
}

/// What one thing must be.
#[derive(Default)]
struct Known {
    is: Vec<(Constant, Span)>,
    is_not: Vec<(Constant, Span)>,
    among: Vec<(Vec<Constant>, Span)>,
    /// Bounds with whether they are excluded.
    low: Vec<(f64, bool, Span)>,
    high: Vec<(f64, bool, Span)>,
}

fn conflict(way: &[(&Expr, bool)], domain: &Domain) -> Option<Conflict> {
    let mut things: BTreeMap<String, Known> = BTreeMap::new();
    for (atom, truth) in way {
        if let ExprKind::Literal(Literal::Bool(value)) = atom.kind {
            if value != *truth {
                return Some((atom.span, atom.span));
            }
            continue;
        }
        match comparison(atom, *truth) {
            Some((thing, fact)) => things.entry(text(thing)).or_default().add(fact, atom.span),
            None => {
                let known = things.entry(text(atom)).or_default();
                known.is.push((Constant::Bool(*truth), atom.span));
            }
        }
    }
    things.iter().find_map(|(thing, known)| known.conflict(thing, domain))
}

impl Known {
    fn add(&mut self, fact: Fact, span: Span) {
        match fact {
            Fact::Is(value) => self.is.push((value, span)),
            Fact::IsNot(value) => self.is_not.push((value, span)),
            Fact::Among(values) => self.among.push((values, span)),
            Fact::NotAmong(values) => self.is_not.extend(values.into_iter().map(|value| (value, span))),
            Fact::Low(number, excluded) => self.low.push((number, excluded, span)),
            Fact::High(number, excluded) => self.high.push((number, excluded, span)),
        }
    }

    fn conflict(&self, thing: &str, domain: &Domain) -> Option<Conflict> {
        let mut among = self.among.clone();
        let own = self.is.iter().map(|(_, span)| *span).chain(self.is_not.iter().map(|(_, span)| *span));
        let any = own.chain(self.among.iter().map(|(_, span)| *span)).next();
        let words =
            domain.words.get(thing).map(|words| words.iter().map(|word| Constant::Text((*word).into())).collect());
        let one = domain.owned.get(thing).map(|word| vec![Constant::Text(word.clone())]);
        if let (Some(words), Some(span)) = (words.or(one), any) {
            // What is known beforehand stands nowhere.
            among.push((words, span));
        }
        let (mut low, mut high) = (self.low.clone(), self.high.clone());
        let bound = self.low.iter().chain(&self.high).map(|(_, _, span)| *span).chain(any).next();
        if let (Some((least, most)), Some(span)) = (domain.bounds.get(thing), bound) {
            low.push((*least, false, span));
            high.push((*most, false, span));
        }
        for (index, (value, span)) in self.is.iter().enumerate() {
            let other = self.is.iter().skip(index + 1).find(|(other, _)| other != value).map(|(_, span)| *span);
            let denied = self.is_not.iter().find(|(other, _)| other == value).map(|(_, span)| *span);
            let outside = among.iter().find(|(values, _)| !values.contains(value)).map(|(_, span)| *span);
            let beyond = |number: f64| {
                let below = low.iter().find(|(bound, excluded, _)| number < *bound || *excluded && number <= *bound);
                let above = high.iter().find(|(bound, excluded, _)| number > *bound || *excluded && number >= *bound);
                below.or(above).map(|(_, _, span)| *span)
            };
            let bounds = match value {
                Constant::Number(number) => beyond(*number),
                Constant::Null => self.low.iter().chain(&self.high).map(|(_, _, span)| *span).next(),
                _ => None,
            };
            if let Some(second) = other.or(denied).or(outside).or(bounds) {
                return Some(ordered(*span, second));
            }
        }
        for (values, span) in &among {
            let left: Vec<&Constant> = values
                .iter()
                .filter(|value| self.is_not.iter().all(|(denied, _)| denied != *value))
                .filter(|value| among.iter().all(|(others, _)| others.contains(value)))
                .collect();
            if left.is_empty() {
                let others = self.is_not.iter().map(|(_, span)| *span).chain(among.iter().map(|(_, span)| *span));
                return Some(ordered(*span, others.rev().find(|other| other != span).unwrap_or(*span)));
            }
        }
        low.iter().find_map(|(least, least_excluded, first)| {
            let beyond =
                high.iter().find(|(most, excluded, _)| least > most || least >= most && (*excluded || *least_excluded));
            beyond.map(|(_, _, second)| ordered(*first, *second))
        })
    }
}

fn ordered(a: Span, b: Span) -> Conflict {
    if a <= b { (a, b) } else { (b, a) }
}
