//! `docs/reference/api.md`, from the OpenAPI document.

use serde_json::Value as Json;

use super::{MADE, cell, hold};

#[test]
fn every_resource_is_described() {
    let document = serde_json::to_value(homeostat::api::openapi()).unwrap();
    let mut page = format!(
        "{MADE}# HTTP\n\nThe engine serves its own description at `GET /v1/openapi.json`, with the shape of every body; this is \
         its table of\ncontents. A request that is not served is answered with a problem document (RFC 9457) that holds one of \
         the\n[codes](diagnostics.md). Agents speak gRPC on the same port: see `proto/homeostat/agent/v1/agent.proto`.\n"
    );
    for tag in document["tags"].as_array().unwrap() {
        let name = tag["name"].as_str().unwrap();
        page.push_str(&format!("\n## {}\n\n{}.\n", title(name), cell(tag["description"].as_str().unwrap())));
        let mut described = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if operation["tags"][0].as_str() == Some(name) {
                    page.push_str(&section(path, method, operation));
                    described += 1;
                }
            }
        }
        assert!(described > 0, "nothing is tagged `{name}`");
    }
    hold("docs/reference/api.md", &page);
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn section(path: &str, method: &str, operation: &Json) -> String {
    let summary = operation["summary"].as_str().unwrap_or_else(|| panic!("{path} has no summary"));
    let mut text = format!("\n### `{} {path}`\n\n{summary}\n", method.to_uppercase());
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        text.push_str("\n| parameter | in | |\n| --- | --- | --- |\n");
        for parameter in parameters {
            let place = parameter["in"].as_str().unwrap();
            let docs = parameter["description"].as_str().unwrap_or_default();
            text.push_str(&format!("| `{}` | {place} | {} |\n", parameter["name"].as_str().unwrap(), cell(docs)));
        }
    }
    text.push_str("\n| status | |\n| --- | --- |\n");
    for (status, answer) in operation["responses"].as_object().unwrap() {
        text.push_str(&format!("| {status} | {} |\n", cell(answer["description"].as_str().unwrap_or_default())));
    }
    text
}
