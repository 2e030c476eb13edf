//! Whether a value of one shape may stand where another is declared.
//!
//! Strict where the misfit is certain, lenient where a shape is only known at run time: data is held against its
//! declaration again when it is there.

use crate::base::literal::parse_duration;
use crate::base::span::Span;
use crate::base::suggest::nearest;
use crate::expression::Program;
use crate::expression::ast::{Expr, ExprKind, Literal};
use crate::model::schema::{Object, Shape};

/// Whether a value of shape `actual` fits `declared`. A value that may be null fits: whether it is null shows when it
/// is there.
///
/// # Errors
/// What does not fit, to follow the name of the value: "is `int`, but `string` is declared".
pub fn fits(actual: &Shape, declared: &Shape) -> Result<(), String> {
    match (actual, declared) {
        (Shape::Any, _) | (_, Shape::Any) => Ok(()),
        (Shape::List(actual), Shape::List(declared)) => {
            fits(actual, declared).map_err(|why| format!("is a list, and each item {why}"))
        }
        (Shape::Map(actual), Shape::Map(declared)) => {
            fits(actual, declared).map_err(|why| format!("is a map, and each value {why}"))
        }
        (Shape::Object(actual), Shape::Map(declared)) => actual.fields.iter().try_for_each(|field| {
            fits(&field.shape, declared).map_err(|why| format!("has `{}`, which {why}", field.name))
        }),
        (Shape::Map(actual), Shape::Object(declared)) => {
            declared.fields.iter().filter(|field| !field.optional).try_for_each(|field| {
                fits(actual, &field.shape).map_err(|why| format!("has `{}`, which {why}", field.name))
            })
        }
        (Shape::Object(actual), Shape::Object(declared)) => fits_object(actual, declared),
        (actual, declared) if actual == declared => Ok(()),
        (actual, declared) => Err(format!("is {}, but {} is declared", words(actual), words(declared))),
    }
}

fn fits_object(actual: &Object, declared: &Object) -> Result<(), String> {
    for field in &declared.fields {
        match actual.field(&field.name) {
            Some(found) if found.optional && !field.optional => {
                return Err(format!("may lack `{}`, which is required", field.name));
            }
            Some(found) => {
                fits(&found.shape, &field.shape).map_err(|why| format!("has `{}`, which {why}", field.name))?;
            }
            None if field.optional || actual.open => {}
            None => return Err(format!("lacks `{}`, which is required", field.name)),
        }
    }
    if declared.open {
        return Ok(());
    }
    match actual.fields.iter().find(|field| declared.field(&field.name).is_none()) {
        Some(field) => Err(format!("has `{}`, which is not declared", field.name)),
        None => Ok(()),
    }
}

/// Whether what `program` gives fits `declared`. As [`fits`], and a whole number that is written out fits `double`.
///
/// # Errors
/// As [`fits`].
pub fn program_fits(program: &Program, declared: &Shape) -> Result<(), String> {
    let literal = program.text().trim().parse::<i64>().is_ok();
    if literal && *declared == Shape::Double {
        return Ok(());
    }
    fits(&program.shape(), declared)
}

/// What of a value that is written out in the expression does not fit `declared`, with its place: lists and maps of literals
/// have types of their own, which say less than they do.
pub fn written_misfit(expr: &Expr, declared: &Shape) -> Option<(Span, String)> {
    match (&expr.kind, declared) {
        (ExprKind::Map(entries), Shape::Object(object)) => {
            let mut given = Vec::new();
            for entry in entries {
                let ExprKind::Literal(Literal::String(name)) = &entry.key.kind else { return None };
                given.push(name.as_str());
                let Some(field) = object.field(name) else {
                    if object.open {
                        continue;
                    }
                    return Some((entry.key.span, format!("has `{name}`, which is not declared")));
                };
                if matches!(entry.value.kind, ExprKind::Literal(Literal::Null)) {
                    if field.nullable || field.shape == Shape::Any {
                        continue;
                    }
                    return Some((entry.value.span, format!("has `{name}`, which cannot be null")));
                }
                if let Some((span, why)) = written_misfit(&entry.value, &field.shape) {
                    return Some((span, format!("has `{name}`, which {why}")));
                }
            }
            let mut lacking =
                object.fields.iter().filter(|field| !field.optional && !given.contains(&field.name.as_str()));
            lacking.next().map(|field| (expr.span, format!("lacks `{}`, which is required", field.name)))
        }
        (ExprKind::Map(entries), Shape::Map(value)) => entries.iter().find_map(|entry| {
            if matches!(entry.value.kind, ExprKind::Literal(Literal::Null)) && **value != Shape::Any {
                return Some((entry.value.span, "is a map, and a value of it is null".to_owned()));
            }
            let (span, why) = written_misfit(&entry.value, value)?;
            Some((span, format!("is a map, and each value {why}")))
        }),
        (ExprKind::List(elements), Shape::List(item)) => elements.iter().find_map(|element| {
            if matches!(element.value.kind, ExprKind::Literal(Literal::Null)) && **item != Shape::Any {
                return Some((element.value.span, "is a list, and an item of it is null".to_owned()));
            }
            let (span, why) = written_misfit(&element.value, item)?;
            Some((span, format!("is a list, and each item {why}")))
        }),
        (ExprKind::Literal(literal), declared) => {
            let actual = match literal {
                Literal::Bool(_) => Shape::Bool,
                Literal::Int(_) if *declared == Shape::Double => return None,
                Literal::Int(_) => Shape::Int,
                Literal::Double(_) => Shape::Double,
                // As data they are text.
                Literal::String(_) if matches!(declared, Shape::Duration | Shape::Timestamp) => return None,
                Literal::String(_) => Shape::String,
                _ => return None,
            };
            fits(&actual, declared).err().map(|why| (expr.span, why))
        }
        _ => None,
    }
}

/// What to do about a value of shape `actual` where `declared` is expected, where there is a plain answer.
pub fn remedy(text: &str, actual: &Shape, declared: &Shape) -> Option<String> {
    if text.trim_start().starts_with(['"', '\'']) {
        let inner = written_text(text)?;
        return match declared {
            Shape::Int | Shape::Double if inner.parse::<f64>().is_ok() => {
                Some(format!("a number stands without quotes: `{inner}`"))
            }
            Shape::Bool if matches!(inner, "true" | "false") => Some(format!("write `{inner}`, without quotes")),
            Shape::Duration if parse_duration(inner).is_ok() => Some(format!("write `duration(\"{inner}\")`")),
            // A text that is written out is wrong itself.
            _ => None,
        };
    }
    let is_number = text.trim().parse::<f64>().is_ok();
    match (actual, declared) {
        (Shape::Int | Shape::Double, Shape::String) if is_number => {
            return Some(format!("text stands in quotes: `\"{}\"`", text.trim()));
        }
        (Shape::Int | Shape::Double, Shape::Duration) if is_number => {
            return Some(format!("a duration has a unit: `duration(\"{}s\")`", text.trim()));
        }
        _ => {}
    }
    if let (Shape::Double, Shape::Int, Ok(number)) = (actual, declared, text.trim().parse::<f64>()) {
        return (number.fract() == 0.0).then(|| format!("write `{number:.0}`: an `int` has no fraction"));
    }
    if let Shape::Object(object) = actual {
        let mut fitting = object.fields.iter().filter(|field| {
            !matches!(field.shape, Shape::Any) && fits(&field.shape, declared).is_ok() && *declared != Shape::Any
        });
        return match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(format!("did you mean `{}.{}`?", text.trim(), only.name)),
            _ => None,
        };
    }
    if let (Shape::Int, Shape::Double, true) = (actual, declared, text.contains('/')) {
        let sides: Option<Vec<i64>> = text.split('/').map(|side| side.trim().parse().ok()).collect();
        return Some(match sides.as_deref() {
            Some([left, right]) => {
                format!("write `{left}.0 / {right}.0`: between whole numbers `/` drops the fraction")
            }
            _ => "between whole numbers `/` drops the fraction: convert both sides with `double(…)`".to_owned(),
        });
    }
    // Longer expressions are not repeated: the function alone says it.
    let text = if text.chars().count() <= 40 && !text.contains(['\n', '\r']) { text.trim() } else { "…" };
    let function = match (actual, declared) {
        (Shape::Int | Shape::String, Shape::Double) => "double",
        (Shape::Double | Shape::String, Shape::Int) => "int",
        (Shape::Int | Shape::Double | Shape::Bool | Shape::Duration | Shape::Timestamp, Shape::String) => "string",
        (Shape::String, Shape::Duration) => "duration",
        (Shape::String, Shape::Timestamp) => "timestamp",
        _ => return None,
    };
    Some(format!("write `{function}({text})`"))
}

/// What stands between the quotes, where the whole expression is one text.
fn written_text(expression: &str) -> Option<&str> {
    let text = expression.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

/// A shape in the words of a message.
fn words(shape: &Shape) -> String {
    match shape {
        Shape::Object(_) => "an object".to_owned(),
        shape => format!("`{shape}`"),
    }
}

/// What an input that is not declared was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intended<'a> {
    /// This one, which is not given: that it is missing is then no mistake of its own.
    Missing(&'a str),
    /// This one, which is given besides.
    Given(&'a str),
    Nothing,
}

/// The declared input that is nearest to `name`; one that is not given goes before those that are.
pub(super) fn intended<'a>(name: &str, declared: &'a Object, is_given: &dyn Fn(&str) -> bool) -> Intended<'a> {
    let near = |given: bool| {
        let names = declared.fields.iter().map(|field| field.name.as_str());
        nearest(name, names.filter(|name| is_given(name) == given))
    };
    near(false).map(Intended::Missing).or_else(|| near(true).map(Intended::Given)).unwrap_or(Intended::Nothing)
}

/// What to say of an input that was meant to be another one.
pub(super) fn help_with(intended: Intended<'_>) -> Option<String> {
    match intended {
        Intended::Missing(name) => Some(format!("did you mean `{name}`?")),
        Intended::Given(name) => Some(format!("`{name}` is given already: delete this one")),
        Intended::Nothing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Intended, fits, intended, remedy};
    use crate::model::schema::{Field, Object, Shape};

    fn list(item: Shape) -> Shape {
        Shape::List(Box::new(item))
    }

    fn object(fields: Vec<Field>) -> Shape {
        Shape::Object(Object::new(fields))
    }

    #[test]
    fn what_is_known_must_agree_and_what_is_not_passes() {
        assert_eq!(fits(&Shape::Any, &Shape::Int), Ok(()));
        assert_eq!(fits(&Shape::String, &Shape::Any), Ok(()));
        assert_eq!(fits(&list(Shape::Any), &list(Shape::Int)), Ok(()));
        assert_eq!(fits(&Shape::Int, &Shape::Double), Err("is `int`, but `double` is declared".to_owned()));
        assert_eq!(
            fits(&list(Shape::Int), &list(Shape::String)),
            Err("is a list, and each item is `int`, but `string` is declared".to_owned())
        );
    }

    #[test]
    fn objects_agree_field_by_field() {
        let declared =
            object(vec![Field::required("name", Shape::String, ""), Field::optional("rate", Shape::Double, "")]);
        let check = |fields| fits(&object(fields), &declared);
        assert_eq!(check(vec![Field::required("name", Shape::String, "")]), Ok(()));
        assert_eq!(check(vec![Field::nullable("name", Shape::String, "")]), Ok(()));
        assert_eq!(
            check(vec![Field::optional("name", Shape::String, "")]),
            Err("may lack `name`, which is required".to_owned())
        );
        assert_eq!(check(vec![]), Err("lacks `name`, which is required".to_owned()));
        let extra = vec![Field::required("name", Shape::String, ""), Field::required("nmae", Shape::String, "")];
        assert_eq!(check(extra), Err("has `nmae`, which is not declared".to_owned()));
        assert_eq!(fits(&Shape::Map(Box::new(Shape::String)), &declared), Ok(()));
        assert!(fits(&Shape::Map(Box::new(Shape::Int)), &declared).is_err());
    }

    #[test]
    fn a_conversion_is_offered_where_one_exists() {
        assert_eq!(remedy("n", &Shape::Int, &Shape::Double), Some("write `double(n)`".to_owned()));
        let divided = "write `50.0 / 100.0`: between whole numbers `/` drops the fraction";
        assert_eq!(remedy("50 / 100", &Shape::Int, &Shape::Double).as_deref(), Some(divided));
        assert_eq!(remedy("n", &Shape::Bool, &Shape::Double), None);
        let given = |text: &str, declared: &Shape| remedy(text, &Shape::String, declared);
        assert_eq!(given("\"0.8\"", &Shape::Double).as_deref(), Some("a number stands without quotes: `0.8`"));
        assert_eq!(given("'30s'", &Shape::Duration).as_deref(), Some("write `duration(\"30s\")`"));
        assert_eq!(given("'a' + 'b'", &Shape::Double), None);
        let whole = remedy("1.0", &Shape::Double, &Shape::Int);
        assert_eq!(whole.as_deref(), Some("write `1`: an `int` has no fraction"));
        let output = object(vec![
            Field::required("total_rps", Shape::Double, ""),
            Field::required("shares", list(Shape::String), ""),
        ]);
        let of = |declared: &Shape| remedy("steps.a", &output, declared);
        assert_eq!(of(&list(Shape::String)).as_deref(), Some("did you mean `steps.a.shares`?"));
        assert_eq!(of(&Shape::Bool), None);
    }

    #[test]
    fn what_is_misspelt_is_not_missing_besides() {
        let declared = Object::new(vec![
            Field::required("factor", Shape::Double, ""),
            Field::optional("faktor", Shape::Double, ""),
        ]);
        assert_eq!(intended("facotr", &declared, &|_| false), Intended::Missing("factor"));
        assert_eq!(intended("facotr", &declared, &|name| name == "factor"), Intended::Missing("faktor"));
        assert_eq!(intended("facotr", &declared, &|_| true), Intended::Given("factor"));
        assert_eq!(intended("banana", &declared, &|_| false), Intended::Nothing);
    }
}
