//! The math extension.

use std::cmp::Ordering;

use super::Declaration;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::{ListRef, Value};

const EXTREMES: &[&str] = &[
    "(int...) -> int",
    "(uint...) -> uint",
    "(double...) -> double",
    "(list(int)) -> int",
    "(list(uint)) -> uint",
    "(list(double)) -> double",
    "(list(dyn)) -> dyn",
    "(dyn...) -> dyn",
];
const BITS: &[&str] = &["(int, int) -> int", "(uint, uint) -> uint"];
const SHIFTS: &[&str] = &["(int, int) -> int", "(uint, int) -> uint"];
const NUMBER: &[&str] = &["(int) -> int", "(uint) -> uint", "(double) -> double"];
const WHOLE: &[&str] = &["(int) -> int", "(uint) -> uint"];
const DOUBLE: &[&str] = &["(double) -> double"];
const ASKED: &[&str] = &["(double) -> bool"];

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration { name: "math.greatest", signatures: EXTREMES, implementation: greatest },
    Declaration { name: "math.least", signatures: EXTREMES, implementation: least },
    Declaration { name: "math.ceil", signatures: DOUBLE, implementation: ceil },
    Declaration { name: "math.floor", signatures: DOUBLE, implementation: floor },
    Declaration { name: "math.round", signatures: DOUBLE, implementation: round },
    Declaration { name: "math.trunc", signatures: DOUBLE, implementation: trunc },
    Declaration {
        name: "math.sqrt",
        signatures: &["(double) -> double", "(int) -> double", "(uint) -> double"],
        implementation: sqrt,
    },
    Declaration { name: "math.abs", signatures: NUMBER, implementation: abs },
    Declaration { name: "math.sign", signatures: NUMBER, implementation: sign },
    Declaration { name: "math.isNaN", signatures: ASKED, implementation: is_nan },
    Declaration { name: "math.isInf", signatures: ASKED, implementation: is_inf },
    Declaration { name: "math.isFinite", signatures: ASKED, implementation: is_finite },
    Declaration { name: "math.bitAnd", signatures: BITS, implementation: bit_and },
    Declaration { name: "math.bitOr", signatures: BITS, implementation: bit_or },
    Declaration { name: "math.bitXor", signatures: BITS, implementation: bit_xor },
    Declaration { name: "math.bitNot", signatures: WHOLE, implementation: bit_not },
    Declaration { name: "math.bitShiftLeft", signatures: SHIFTS, implementation: bit_shift_left },
    Declaration { name: "math.bitShiftRight", signatures: SHIFTS, implementation: bit_shift_right },
];

/// The first of the arguments, or of the one list, before which none stands in the `wanted` order.
fn extreme<'a>(name: &str, arguments: &[Value<'a>], wanted: Ordering, budget: &mut Budget) -> Outcome<'a> {
    let number = |value: &Value<'_>| matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_));
    let mut best: Option<Value<'a>> = None;
    let mut take = |value: Value<'a>| {
        if !number(&value) {
            return Err(Fault::no_overload(name, arguments));
        }
        let better = match &best {
            None => true,
            Some(best) => value.order(best).flatten() == Some(wanted),
        };
        if better {
            best = Some(value);
        }
        Ok(())
    };
    match arguments {
        [list @ (Value::List(_) | Value::JsonList(_))] => {
            for value in list.as_list().into_iter().flat_map(ListRef::iter) {
                budget.spend(1)?;
                take(value)?;
            }
        }
        _ => {
            for value in arguments {
                take(value.clone())?;
            }
        }
    }
    best.ok_or_else(|| Fault::new(format!("`{name}` of an empty list")))
}

fn greatest<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    extreme("math.greatest", arguments, Ordering::Greater, budget)
}

fn least<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    extreme("math.least", arguments, Ordering::Less, budget)
}

fn of_double<'a>(name: &str, arguments: &[Value<'a>], compute: fn(f64) -> f64) -> Outcome<'a> {
    match arguments {
        [Value::Double(value)] => Ok(Value::Double(compute(*value))),
        _ => Err(Fault::no_overload(name, arguments)),
    }
}

fn ceil<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    of_double("math.ceil", arguments, f64::ceil)
}

fn floor<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    of_double("math.floor", arguments, f64::floor)
}

fn round<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    of_double("math.round", arguments, f64::round)
}

fn trunc<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    of_double("math.trunc", arguments, f64::trunc)
}

#[expect(clippy::cast_precision_loss, reason = "the root of the nearest double")]
fn sqrt<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(value)] => Ok(Value::Double((*value as f64).sqrt())),
        [Value::Uint(value)] => Ok(Value::Double((*value as f64).sqrt())),
        _ => of_double("math.sqrt", arguments, f64::sqrt),
    }
}

fn abs<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(value)] => {
            value.checked_abs().map(Value::Int).ok_or_else(|| Fault::new(format!("integer overflow: |{value}|")))
        }
        [Value::Uint(value)] => Ok(Value::Uint(*value)),
        _ => of_double("math.abs", arguments, f64::abs),
    }
}

fn sign<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(value)] => Ok(Value::Int(value.signum())),
        [Value::Uint(value)] => Ok(Value::Uint(u64::from(*value > 0))),
        [Value::Double(value)] if *value == 0.0 || value.is_nan() => Ok(Value::Double(*value)),
        _ => of_double("math.sign", arguments, f64::signum),
    }
}

fn ask<'a>(name: &str, arguments: &[Value<'a>], holds: fn(f64) -> bool) -> Outcome<'a> {
    match arguments {
        [Value::Double(value)] => Ok(Value::Bool(holds(*value))),
        _ => Err(Fault::no_overload(name, arguments)),
    }
}

fn is_nan<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("math.isNaN", arguments, f64::is_nan)
}

fn is_inf<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("math.isInf", arguments, f64::is_infinite)
}

fn is_finite<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("math.isFinite", arguments, f64::is_finite)
}

fn bit_and<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(a & b)),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(a & b)),
        _ => Err(Fault::no_overload("math.bitAnd", arguments)),
    }
}

fn bit_or<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(a | b)),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(a | b)),
        _ => Err(Fault::no_overload("math.bitOr", arguments)),
    }
}

fn bit_xor<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(a ^ b)),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(a ^ b)),
        _ => Err(Fault::no_overload("math.bitXor", arguments)),
    }
}

fn bit_not<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Int(value)] => Ok(Value::Int(!value)),
        [Value::Uint(value)] => Ok(Value::Uint(!value)),
        _ => Err(Fault::no_overload("math.bitNot", arguments)),
    }
}

/// Shifts the bits; an int's sign is a bit like any other. A shift by 64 or more leaves none.
fn shift<'a>(name: &str, arguments: &[Value<'a>], by: fn(u64, u32) -> Option<u64>) -> Outcome<'a> {
    let [value, Value::Int(offset)] = arguments else { return Err(Fault::no_overload(name, arguments)) };
    let bits = match value {
        Value::Int(value) => value.cast_unsigned(),
        Value::Uint(value) => *value,
        _ => return Err(Fault::no_overload(name, arguments)),
    };
    if *offset < 0 {
        return Err(Fault::new(format!("`{name}` by a negative offset: {offset}")));
    }
    let shifted = u32::try_from(*offset).ok().and_then(|offset| by(bits, offset)).unwrap_or(0);
    Ok(if matches!(value, Value::Int(_)) { Value::Int(shifted.cast_signed()) } else { Value::Uint(shifted) })
}

fn bit_shift_left<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    shift("math.bitShiftLeft", arguments, u64::checked_shl)
}

fn bit_shift_right<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    shift("math.bitShiftRight", arguments, u64::checked_shr)
}
