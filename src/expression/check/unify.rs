//! Which type fits where, and what inference has found out so far.
//!
//! The relation is that of the language definition: `dyn` fits everywhere, a type variable takes the most general of
//! the types it meets. Declared objects and nullable values are ours: an object is a map from text, a nullable value
//! fits where its value would.

use std::sync::Arc;

use crate::expression::types::Type;

/// What each variable stands for.
#[derive(Debug, Default)]
pub(super) struct Substitution {
    known: Vec<Option<Type>>,
    /// What was replaced since the first of the assignments that are being tried, so that they can be taken back.
    replaced: Vec<(usize, Option<Type>)>,
}

impl Substitution {
    /// A variable of which nothing is known.
    pub(super) fn fresh(&mut self) -> Type {
        self.known.push(None);
        Type::Variable(u32::try_from(self.known.len() - 1).unwrap_or(u32::MAX))
    }

    fn find(&self, variable: u32) -> Option<&Type> {
        self.known.get(variable as usize)?.as_ref()
    }

    fn set(&mut self, variable: u32, to: Type) {
        let variable = variable as usize;
        if let Some(place) = self.known.get_mut(variable) {
            self.replaced.push((variable, place.replace(to)));
        }
    }

    /// The type with every known variable replaced; with `settle`, an unknown one becomes `dyn`.
    pub(super) fn apply(&self, of: &Type, settle: bool) -> Type {
        let deeper = |inner: &Arc<Type>| Arc::new(self.apply(inner, settle));
        match of {
            Type::Variable(variable) => match self.find(*variable) {
                Some(known) => self.apply(known, settle),
                None if settle => Type::Dyn,
                None => of.clone(),
            },
            Type::List(item) => Type::List(deeper(item)),
            Type::Map(key, value) => Type::Map(deeper(key), deeper(value)),
            Type::Optional(content) => Type::Optional(deeper(content)),
            Type::Type(content) => Type::Type(deeper(content)),
            Type::Nullable(content) => self.apply(content, settle).nullable(),
            Type::Opaque(name, parameters) => {
                Type::Opaque(name.clone(), parameters.iter().map(|inner| self.apply(inner, settle)).collect())
            }
            _ => of.clone(),
        }
    }

    /// Whether every value of `values` fits its place in `places`. What is learned is kept only if so.
    pub(super) fn fits_all<'t>(&mut self, pairs: impl IntoIterator<Item = (&'t Type, &'t Type)>) -> bool {
        self.replaced.clear();
        let fits = pairs.into_iter().all(|(value, place)| self.assign(value, place));
        while !fits && let Some((variable, before)) = self.replaced.pop() {
            if let Some(place) = self.known.get_mut(variable) {
                *place = before;
            }
        }
        fits
    }

    pub(super) fn fits(&mut self, value: &Type, place: &Type) -> bool {
        self.fits_all([(value, place)])
    }

    fn assign(&mut self, value: &Type, place: &Type) -> bool {
        if let Type::Variable(variable) = place {
            match self.bind(value, *variable) {
                Bound::Fits => return true,
                Bound::Conflicts => return false,
                Bound::Circular => {}
            }
        }
        if let Type::Variable(variable) = value {
            return matches!(self.bind(place, *variable), Bound::Fits);
        }
        match (value, place) {
            (Type::Dyn | Type::Error, _)
            | (_, Type::Dyn | Type::Error)
            | (Type::Object(_), Type::Object(_))
            | (Type::Type(_), Type::Type(_)) => true,
            (Type::Null, other) | (other, Type::Null) => takes_null(other),
            (Type::Nullable(a), b) | (b, Type::Nullable(a)) => {
                let inner = b.without_null().clone();
                self.assign(a, &inner)
            }
            (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => self.assign(a, b),
            (Type::Map(k, v), Type::Map(l, w)) => self.assign(k, l) && self.assign(v, w),
            (Type::Object(_), Type::Map(key, value)) => {
                self.assign(&Type::String, key) && self.assign(&Type::Dyn, value)
            }
            (Type::Map(key, value), Type::Object(_)) => {
                self.assign(key, &Type::String) && self.assign(value, &Type::Dyn)
            }
            (Type::Opaque(a, given), Type::Opaque(b, taken)) => {
                a == b && given.len() == taken.len() && given.iter().zip(taken.iter()).all(|(a, b)| self.assign(a, b))
            }
            _ => value == place,
        }
    }

    fn bind(&mut self, value: &Type, variable: u32) -> Bound {
        if *value == Type::Variable(variable) {
            return Bound::Fits;
        }
        let Some(known) = self.find(variable).cloned() else {
            if self.occurs(variable, value) {
                return Bound::Circular;
            }
            self.set(variable, value.clone());
            return Bound::Fits;
        };
        if *value == known {
            return Bound::Fits;
        }
        if !self.assign(value, &known) {
            return Bound::Conflicts;
        }
        let general = most_general(value, &known);
        if !self.occurs(variable, &general) {
            self.set(variable, general);
        }
        Bound::Fits
    }

    /// Whether `variable` stands somewhere within `of`.
    fn occurs(&self, variable: u32, of: &Type) -> bool {
        match of {
            Type::Variable(other) if *other == variable => true,
            Type::Variable(other) => self.find(*other).is_some_and(|known| self.occurs(variable, known)),
            Type::List(inner) | Type::Optional(inner) | Type::Type(inner) | Type::Nullable(inner) => {
                self.occurs(variable, inner)
            }
            Type::Map(key, value) => self.occurs(variable, key) || self.occurs(variable, value),
            Type::Opaque(_, parameters) => parameters.iter().any(|inner| self.occurs(variable, inner)),
            _ => false,
        }
    }

    /// The type of what may be one or the other; `dyn` where they have nothing in common.
    pub(super) fn join(&mut self, one: &Type, other: &Type) -> Type {
        if self.fits(one, other) { most_general(one, other) } else { Type::Dyn }
    }
}

enum Bound {
    Fits,
    Conflicts,
    /// The variable would hold itself.
    Circular,
}

fn takes_null(kind: &Type) -> bool {
    matches!(
        kind,
        Type::Null
            | Type::Nullable(_)
            | Type::Optional(_)
            | Type::Opaque(..)
            | Type::Duration
            | Type::Timestamp
            | Type::Variable(_)
    )
}

/// The less specific of two types that fit each other.
fn most_general(one: &Type, other: &Type) -> Type {
    let both = |a: &Arc<Type>, b: &Arc<Type>| Arc::new(most_general(a, b));
    match (one, other) {
        (Type::Dyn | Type::Variable(_), _) => one.clone(),
        (_, Type::Dyn | Type::Variable(_)) | (Type::Null | Type::Error, _) => other.clone(),
        (Type::Nullable(a), b) | (b, Type::Nullable(a)) => most_general(a, b.without_null()).nullable(),
        (Type::List(a), Type::List(b)) => Type::List(both(a, b)),
        (Type::Optional(a), Type::Optional(b)) => Type::Optional(both(a, b)),
        (Type::Map(k, v), Type::Map(l, w)) => Type::Map(both(k, l), both(v, w)),
        (Type::Object(a), Type::Object(b)) if a == b => one.clone(),
        (Type::Object(_), Type::Object(_) | Type::Map(..)) | (Type::Map(..), Type::Object(_)) => {
            Type::map(Type::String, Type::Dyn)
        }
        (Type::Opaque(name, given), Type::Opaque(_, taken)) => {
            Type::Opaque(name.clone(), given.iter().zip(taken.iter()).map(|(a, b)| most_general(a, b)).collect())
        }
        _ => one.clone(),
    }
}
