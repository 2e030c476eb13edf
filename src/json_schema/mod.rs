//! JSON Schemas (2020-12) of the files that people write, for editors and validators of other makes.
//!
//! Made from the very tables that reading goes by, so that a key cannot be in one and not in the other. A schema says
//! what a file looks like; whether a step exists or an expression has the right type is for `homeostat validate`.

mod config;
mod scenario;
mod shape;
mod text;
mod workflow;

use serde_json::{Value as Json, json};

use crate::model::action::Catalogue;
pub use config::config;
pub use scenario::scenario;
pub use workflow::workflow;

/// Which version of JSON Schema the documents are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every schema by its name: `homeostat schema NAME` prints it, and `docs/reference/schema/NAME.json` holds it.
pub fn all(catalogue: &Catalogue) -> [(&'static str, Json); 3] {
    [("workflow", workflow(catalogue)), ("config", config()), ("scenario", scenario())]
}

/// A document's head, and below it what else it says.
fn document(title: &str, description: &str, rest: Json) -> Json {
    let mut document = json!({ "$schema": DIALECT, "title": title, "description": description });
    if let (Some(document), Json::Object(rest)) = (document.as_object_mut(), rest) {
        document.extend(rest);
    }
    document
}

/// The same schema with what it is for.
fn described(mut schema: Json, docs: &str) -> Json {
    if let Some(entries) = schema.as_object_mut().filter(|_| !docs.is_empty()) {
        entries.insert("description".to_owned(), docs.into());
    }
    schema
}

/// A reference to one of the document's own definitions.
fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{name}") })
}

#[cfg(test)]
mod tests;
