//! A plan as a JSON document: keys sorted, steps in the order in which they may start.

use serde_json::{Value as Json, json};

use crate::plan::canonical::{fields, outputs, sorted, step};
use crate::plan::{Graph, Plan};

pub(super) fn render(plan: &Plan) -> String {
    let document = sorted(json!({
        "workflow": plan.workflow,
        "summary": plan.summary,
        "digest": plan.digest,
        "inputs": fields(&plan.inputs, true),
        "steps": steps(&plan.steps),
        "on_failure": steps(&plan.on_failure),
        "outputs": outputs(plan),
    }));
    // The alternate form of a JSON value is its indented one.
    format!("{document:#}\n")
}

fn steps(graph: &Graph) -> Json {
    let list = graph.iter().map(|(index, named)| {
        let mut map = step(graph, index, named);
        map.insert("step".to_owned(), json!(named.name));
        if !named.docs.is_empty() {
            map.insert("docs".to_owned(), json!(named.docs));
        }
        Json::Object(map)
    });
    Json::Array(list.collect())
}
