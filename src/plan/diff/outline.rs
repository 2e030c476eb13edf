//! What rules and workflows say, as JSON in which only meaning stands: one form for files and for saved plans.

use serde_json::{Map, Value as Json, json};

use crate::base::literal::format_duration;
use crate::ir;
use crate::model::schema::JsonMap;
use crate::plan::canonical::{fields, outputs, step, written};
use crate::plan::{Graph, Plan};

/// Events, rules and workflows by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    pub(super) events: JsonMap,
    pub(super) rules: JsonMap,
    pub(super) workflows: JsonMap,
}

impl Outline {
    /// Of one workflow.
    pub fn of_plan(plan: &Plan) -> Self {
        let mut outline = Self::default();
        outline.add(plan);
        outline
    }

    /// Of everything that was compiled together.
    pub fn of_program<'a>(program: &ir::Program, plans: impl IntoIterator<Item = &'a Plan>) -> Self {
        let mut outline = Self::default();
        plans.into_iter().for_each(|plan| outline.add(plan));
        outline.events = program
            .events
            .iter()
            .map(|event| (event.name.clone(), json!({ "fields": fields(&event.data, false) })))
            .collect();
        outline.rules = program.rules.iter().map(|rule| (rule.name.to_string(), self::rule(rule))).collect();
        outline
    }

    /// Of a plan that was saved as JSON; `None` for JSON that is no plan.
    pub fn of_saved(saved: &Json) -> Option<Self> {
        let name = saved.get("workflow")?.as_str()?;
        let steps = |key: &str| -> Option<JsonMap> {
            saved
                .get(key)?
                .as_array()?
                .iter()
                .map(|step| Some((step.get("step")?.as_str()?.to_owned(), plain(step.as_object()?))))
                .collect()
        };
        let inputs = saved.get("inputs")?.as_object()?.iter();
        let inputs = inputs.map(|(name, field)| Some((name.clone(), plain(field.as_object()?))));
        let workflow = json!({
            "inputs": inputs.collect::<Option<JsonMap>>()?,
            "steps": steps("steps")?,
            "on_failure": steps("on_failure")?,
            "outputs": saved.get("outputs")?,
        });
        let workflows = JsonMap::from_iter([(name.to_owned(), workflow)]);
        Some(Self { workflows, ..Self::default() })
    }

    fn add(&mut self, plan: &Plan) {
        let workflow = json!({
            "inputs": fields(&plan.inputs, false),
            "steps": steps(&plan.steps),
            "on_failure": steps(&plan.on_failure),
            "outputs": outputs(plan),
        });
        self.workflows.insert(plan.workflow.to_string(), workflow);
    }
}

fn steps(graph: &Graph) -> JsonMap {
    graph.iter().map(|(index, named)| (named.name.to_string(), plain(&step(graph, index, named)))).collect()
}

/// A step or a field without its name and comments. Why there is an edge is left out as well: whether it is written or
/// implied, the step waits.
fn plain(entry: &Map<String, Json>) -> Json {
    let kept = entry.iter().filter(|(key, _)| !matches!(key.as_str(), "step" | "docs"));
    let mut kept: JsonMap = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(after) = kept.get("after").and_then(Json::as_object) {
        let after: JsonMap = after.keys().map(|step| (step.clone(), json!({}))).collect();
        kept.insert("after".to_owned(), Json::Object(after));
    }
    Json::Object(kept)
}

fn rule(rule: &ir::Rule) -> Json {
    let mut map = JsonMap::new();
    let mut put = |key: &str, value: Option<Json>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("on", Some(json!(rule.on)));
    put("when", rule.when.as_ref().map(|when| json!(when.text().trim())));
    put("priority", Some(json!(rule.priority)));
    put("threshold", rule.threshold.map(|it| json!(format!("{} within {}", it.count, format_duration(it.within)))));
    put("debounce", rule.debounce.map(|quiet| json!(format_duration(quiet))));
    put("throttle", rule.throttle.map(|it| json!(format!("{} per {}", it.count, format_duration(it.per)))));
    put("busy", Some(json!(rule.busy.as_str())));
    let run = rule.run.as_ref();
    put("run", run.map(|run| json!({ "workflow": run.workflow, "with": written(&run.arguments) })));
    let emit = rule.emit.iter().map(
        |emit| json!({ "event": emit.event, "with": written(&emit.arguments), "after": format_duration(emit.after) }),
    );
    put("emit", Some(Json::Array(emit.collect())).filter(|emit| emit != &json!([])));
    Json::Object(map)
}
