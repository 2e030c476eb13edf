//! Whether a value of one shape may stand where another is declared.
//!
//! Strict where the misfit is certain, lenient where a shape is only known at run time: data is held against its
//! declaration again when it is there.

use crate::expression::Program;
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

/// What to do about a value of shape `actual` where `declared` is expected, where there is a plain answer.
pub fn remedy(text: &str, actual: &Shape, declared: &Shape) -> Option<String> {
    if text.trim_start().starts_with(['"', '\'']) {
        // A text that is written out is wrong itself.
        return None;
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

/// A shape in the words of a message.
fn words(shape: &Shape) -> String {
    match shape {
        Shape::Object(_) => "an object".to_owned(),
        shape => format!("`{shape}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{fits, remedy};
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
        assert_eq!(remedy("n", &Shape::Bool, &Shape::Double), None);
    }
}
