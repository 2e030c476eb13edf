//! The list extension. `sortBy` is a macro and not here.

use std::cmp::Ordering;

use super::Declaration;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::{ListRef, Value};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration { name: "slice", signatures: &["list(A).(int, int) -> list(A)"], implementation: slice },
    Declaration {
        name: "flatten",
        signatures: &["list(list(A)).() -> list(A)", "list(dyn).() -> list(dyn)", "list(dyn).(int) -> list(dyn)"],
        implementation: flatten,
    },
    Declaration { name: "lists.range", signatures: &["(int) -> list(int)"], implementation: range },
    Declaration { name: "distinct", signatures: &["list(A).() -> list(A)"], implementation: distinct },
    Declaration { name: "sort", signatures: &["list(A).() -> list(A)"], implementation: sort },
    Declaration {
        name: "reverse",
        signatures: &["list(A).() -> list(A)", "string.() -> string"],
        implementation: reverse,
    },
    Declaration { name: "first", signatures: &["list(A).() -> optional(A)"], implementation: first },
    Declaration { name: "last", signatures: &["list(A).() -> optional(A)"], implementation: last },
];

/// The receiver's items, paid for.
fn receiver<'v, 'a>(name: &str, arguments: &'v [Value<'a>], budget: &mut Budget) -> Result<ListRef<'v, 'a>, Fault> {
    match arguments.first().and_then(Value::as_list) {
        Some(items) => {
            budget.spend(items.len())?;
            Ok(items)
        }
        None => Err(Fault::no_overload(name, arguments)),
    }
}

fn slice<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let items = receiver("slice", arguments, budget)?;
    let [_, Value::Int(start), Value::Int(end)] = arguments else {
        return Err(Fault::no_overload("slice", arguments));
    };
    match (usize::try_from(*start), usize::try_from(*end)) {
        (Ok(from), Ok(to)) if from <= to && to <= items.len() => {
            Ok(Value::list(items.iter().skip(from).take(to - from).collect::<Vec<_>>()))
        }
        _ => Err(Fault::new(format!("cannot slice({start}, {end}) a list of {}", items.len()))),
    }
}

fn flatten<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let items = receiver("flatten", arguments, budget)?;
    let depth = match arguments {
        [_] => 1,
        [_, Value::Int(depth)] => {
            usize::try_from(*depth).map_err(|_| Fault::new("`flatten` to a negative depth".to_owned()))?
        }
        _ => return Err(Fault::no_overload("flatten", arguments)),
    };
    let mut flat = Vec::new();
    // What is still to be walked, innermost last: no recursion, whatever the depth.
    let mut waiting: Vec<(Value<'a>, usize)> = items.iter().rev().map(|item| (item, depth)).collect();
    while let Some((item, depth)) = waiting.pop() {
        budget.spend(1)?;
        match item.as_list() {
            Some(inner) if depth > 0 => waiting.extend(inner.iter().rev().map(|item| (item, depth - 1))),
            _ => flat.push(item),
        }
    }
    Ok(Value::list(flat))
}

fn range<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(end)] if *end < 0 => Err(Fault::new(format!("`lists.range` of a negative count: {end}"))),
        [Value::Int(end)] => {
            budget.spend(usize::try_from(*end).unwrap_or(0))?;
            Ok(Value::list((0..*end).map(Value::Int).collect::<Vec<_>>()))
        }
        _ => Err(Fault::no_overload("lists.range", arguments)),
    }
}

fn distinct<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let items = receiver("distinct", arguments, budget)?;
    let mut kept: Vec<Value<'a>> = Vec::new();
    for item in items.iter() {
        budget.spend(kept.len())?;
        let mut is_new = true;
        for other in &kept {
            if other.equals_within(&item, |count| budget.spend(count))? {
                is_new = false;
                break;
            }
        }
        if is_new {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn sort<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let items = receiver("sort", arguments, budget)?;
    let keyed = items.iter().map(|item| (item.clone(), item)).collect();
    sorted(keyed, budget)
}

/// The second of each pair, in the order of the firsts, which must be of one type that has an order.
pub(in crate::expression) fn sorted<'a>(mut keyed: Vec<(Value<'a>, Value<'a>)>, budget: &mut Budget) -> Outcome<'a> {
    budget.spend(keyed.len().saturating_mul(keyed.len().checked_ilog2().unwrap_or(0) as usize))?;
    if let Some((first, _)) = keyed.first() {
        let kind = first.type_name();
        if let Some((other, _)) = keyed.iter().find(|(key, _)| key.type_name() != kind) {
            return Err(Fault::new(format!("cannot sort {kind} and {} together", other.type_name())));
        }
        if first.order(first).is_none() {
            return Err(Fault::new(format!("values of type {kind} have no order")));
        }
    }
    keyed.sort_by(|(a, _), (b, _)| match (a, b) {
        // Sorting needs a total order: NaN comes first.
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())),
        _ => a.order(b).flatten().unwrap_or(Ordering::Equal),
    });
    Ok(Value::list(keyed.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))
}

fn reverse<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value @ (Value::Str(_) | Value::String(_))] => {
            let text = value.as_str().unwrap_or_default();
            budget.spend_bytes(text.len())?;
            Ok(Value::text(text.chars().rev().collect::<String>()))
        }
        [_] => {
            let items = receiver("reverse", arguments, budget)?;
            Ok(Value::list(items.iter().rev().collect::<Vec<_>>()))
        }
        _ => Err(Fault::no_overload("reverse", arguments)),
    }
}

fn first<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let items = receiver("first", arguments, budget)?;
    Ok(items.get(0).map_or(Value::Optional(None), Value::some))
}

fn last<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let items = receiver("last", arguments, budget)?;
    let last = items.len().checked_sub(1).and_then(|at| items.get(at));
    Ok(last.map_or(Value::Optional(None), Value::some))
}
