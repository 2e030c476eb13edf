//! Which names an expression may use, and what they hold during one evaluation.

use std::sync::Arc;

use serde_json::Value as Json;

use super::functions::Overload;
use super::types::Type;
use super::value::Value;
use crate::model::schema::Shape;

/// The names an expression may use, with their types.
#[derive(Clone, Debug, Default)]
pub struct TypeEnv {
    variables: Vec<(String, Type)>,
    container: String,
    functions: Vec<(String, Overload)>,
    /// Names that do not exist here, and what to say to whoever uses one.
    absent: Vec<(&'static str, &'static str)>,
}

impl TypeEnv {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same names and one more.
    #[must_use]
    pub fn with(self, name: &str, shape: Shape) -> Self {
        let kind = match shape {
            Shape::Object(object) => Type::Object(Arc::new(object)),
            other => Type::of_shape(&other),
        };
        self.with_type(name, kind)
    }

    /// The same names and one more, of a type that no data has. The name may be dotted.
    #[must_use]
    pub fn with_type(mut self, name: &str, kind: Type) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), kind));
        self
    }

    /// The same names, looked up within the namespace `container` first.
    #[must_use]
    pub fn with_container(mut self, container: &str) -> Self {
        container.clone_into(&mut self.container);
        self
    }

    /// The same names and a function that is known to the checker only. `member`: the first parameter is a receiver.
    #[must_use]
    pub fn with_function(mut self, name: &str, member: bool, parameters: Vec<Type>, result: Type) -> Self {
        self.functions.push((name.to_owned(), Overload::new(member, parameters, result)));
        self
    }

    /// The same names; whoever uses `name`, which does not exist here, is told `why`.
    #[must_use]
    pub fn without(mut self, name: &'static str, why: &'static str) -> Self {
        self.absent.push((name, why));
        self
    }

    /// What to say of a name that does not exist here.
    pub(super) fn why_absent(&self, name: &str) -> Option<&'static str> {
        self.absent.iter().rev().find(|(absent, _)| *absent == name).map(|(_, why)| *why)
    }

    /// Every variable with its type, in the order they were added.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.variables.iter().map(|(name, kind)| (name.as_str(), kind))
    }

    /// Every variable's name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// Whether plain words are all there is: no dotted names and no container.
    pub(super) fn is_flat(&self) -> bool {
        self.container.is_empty() && !self.variables.iter().any(|(name, _)| name.contains('.'))
    }

    /// What `name` means here: within the container, its parents, and at last as it stands. `absolute`: only that.
    pub(super) fn candidates(&self, name: &str, absolute: bool) -> Vec<String> {
        let mut candidates = Vec::new();
        let mut container = if absolute { "" } else { self.container.as_str() };
        while !container.is_empty() {
            candidates.push(format!("{container}.{name}"));
            container = container.rsplit_once('.').map_or("", |(parent, _)| parent);
        }
        candidates.push(name.to_owned());
        candidates
    }

    /// The type of the variable of exactly this name.
    pub(super) fn variable(&self, name: &str) -> Option<&Type> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, kind)| kind)
    }

    /// The declared overloads of a function.
    pub(super) fn overloads<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Overload> {
        self.functions.iter().filter(move |(known, _)| known == name).map(|(_, overload)| overload)
    }
}

/// What the names hold during one evaluation. Borrows: nothing is converted before it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Bindings<'a> {
    variables: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Bindings<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same bindings and one more.
    #[must_use]
    pub fn with(self, name: &'a str, value: &'a Json) -> Self {
        self.with_value(name, Value::from_json(value))
    }

    /// The same bindings and one more, of any type.
    #[must_use]
    pub fn with_value(mut self, name: &'a str, value: Value<'a>) -> Self {
        self.variables.push((name, value));
        self
    }

    /// The last value that was bound to the name.
    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}
