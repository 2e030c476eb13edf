//! The schema of values of a declared shape, as a workflow writes them: literals, or `${ … }` in the place of any.

use serde_json::{Map, Value as Json, json};

use super::{described, reference, text};
use crate::model::schema::{Field, Object, Shape};

/// A mapping of declared fields; where the object is open, of others as well.
pub(super) fn object(object: &Object) -> Json {
    let properties: Map<String, Json> = object.fields.iter().map(|known| (known.name.clone(), field(known))).collect();
    let required: Vec<&str> =
        object.fields.iter().filter(|field| !field.optional).map(|field| field.name.as_str()).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": object.open })
}

fn field(field: &Field) -> Json {
    let mut schema = value(&field.shape);
    if field.nullable {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    described(schema, &format!("`{}`{}{}", field.shape, if field.docs.is_empty() { "" } else { ": " }, field.docs))
}

fn value(shape: &Shape) -> Json {
    let literal = match shape {
        Shape::Any => return json!({}),
        // An expression within text gives text.
        Shape::String => return json!({ "type": "string" }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Int => json!({ "type": "integer" }),
        Shape::Double => json!({ "type": "number" }),
        Shape::Duration => text::duration(),
        Shape::Timestamp => json!({ "type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]" }),
        Shape::List(item) => json!({ "type": "array", "items": value(item) }),
        Shape::Map(item) => json!({ "type": "object", "additionalProperties": value(item) }),
        Shape::Object(inner) => object(inner),
    };
    json!({ "anyOf": [literal, reference("template")] })
}
