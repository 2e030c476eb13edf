//! The functions of the language, one family a file: their signatures for the checker and what they compute.
//!
//! A function gets its receiver as its first argument. It is found by name; which overload is meant shows in the types
//! of its arguments, when it is checked and again when it runs.

mod conversion;
mod encoder;
mod format;
mod list;
mod math;
mod network;
mod operators;
mod optional;
mod pattern;
mod signature;
mod standard;
mod string;
mod time;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fault::{Budget, Outcome};
use super::types::Type;
use super::value::Value;
pub(super) use conversion::{read_duration, read_timestamp};
pub(super) use list::sorted;
pub(super) use pattern::regex;
pub(super) use time::is_zone;

/// What a function computes from its arguments, receiver first.
pub(super) type Implementation = for<'a> fn(&[Value<'a>], &mut Budget) -> Outcome<'a>;

/// One way to call a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Overload {
    /// Whether it is called on a receiver, which then is the first of `parameters`.
    pub(super) member: bool,
    pub(super) parameters: Vec<Type>,
    pub(super) result: Type,
    /// How many type parameters it has.
    pub(super) generics: u32,
}

impl Overload {
    pub(super) fn new(member: bool, parameters: Vec<Type>, result: Type) -> Self {
        let generics = parameters.iter().map(signature::generics).max().unwrap_or(0).max(signature::generics(&result));
        Self { member, parameters, result, generics }
    }
}

impl Overload {
    /// As it is called under `name`, and what it gives: `string.charAt(int) -> string`.
    pub(super) fn form(&self, name: &str) -> String {
        format!("{} -> {}", self.called(name), self.result)
    }

    fn called(&self, name: &str) -> String {
        let (receiver, parameters) = match self.parameters.split_first() {
            Some((receiver, rest)) if self.member => (format!("{receiver}."), rest),
            _ => (String::new(), self.parameters.as_slice()),
        };
        let listed: Vec<String> = parameters.iter().map(Type::to_string).collect();
        format!("{receiver}{name}({})", listed.join(", "))
    }
}

/// As it is called: `string.(int)`, `(int, int)`.
impl std::fmt::Display for Overload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.called(""))
    }
}

/// A function as its family declares it.
struct Declaration {
    /// With its namespace: `math.least`.
    name: &'static str,
    /// Like `(int, int) -> int`, or `string.(int) -> string` on a receiver. Single capitals are type parameters; `...`
    /// behind the last parameter lets it stand once or more.
    signatures: &'static [&'static str],
    implementation: Implementation,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) overloads: Vec<Overload>,
    /// Whether its last parameter may stand more than once.
    pub(super) variadic: bool,
    pub(super) implementation: Implementation,
}

static FUNCTIONS: LazyLock<HashMap<&'static str, Function>> = LazyLock::new(|| {
    let families = [
        standard::FUNCTIONS,
        conversion::FUNCTIONS,
        time::FUNCTIONS,
        string::FUNCTIONS,
        math::FUNCTIONS,
        list::FUNCTIONS,
        encoder::FUNCTIONS,
        network::FUNCTIONS,
        optional::FUNCTIONS,
    ];
    let mut functions: HashMap<&'static str, Function> = HashMap::new();
    for declaration in families.into_iter().flatten() {
        let mut function =
            Function { overloads: Vec::new(), variadic: false, implementation: declaration.implementation };
        for text in declaration.signatures {
            // A test reads every signature; one that is malformed would be left out.
            if let Some((overload, variadic)) = signature::read(text) {
                function.overloads.push(overload);
                function.variadic |= variadic;
            }
        }
        functions.insert(declaration.name, function);
    }
    functions
});

/// The function of this name, namespace included.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name)
}

/// The signatures of an operator, by its symbol; those with one parameter are of the sign before a value.
pub(super) fn operator(symbol: &str) -> &'static [Overload] {
    OPERATORS.get(symbol).map_or(&[], Vec::as_slice)
}

static OPERATORS: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let read = |texts: &[&str]| texts.iter().filter_map(|text| signature::read(text)).map(|(it, _)| it).collect();
    operators::OPERATORS.iter().map(|(symbols, texts)| (*symbols, read(texts))).collect()
});

/// Every function's name, in no order.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.keys().copied()
}

impl Function {
    /// Whether some overload is called like this; `arguments` counts the receiver.
    pub(super) fn takes(&self, member: bool, arguments: usize) -> bool {
        self.overloads.iter().any(|overload| {
            overload.member == member
                && (overload.parameters.len() == arguments
                    || self.variadic && !overload.parameters.is_empty() && arguments >= overload.parameters.len())
        })
    }
}

#[cfg(test)]
mod tests;
