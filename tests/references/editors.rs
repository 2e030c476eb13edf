//! `editors/vscode` has the words of the language and starts for its files: lists in its grammars and patterns, held against
//! the tables that the language is read by.

use std::collections::BTreeSet;

use homeostat::config::DEFAULT_FILE;
use homeostat::expression::TypeEnv;
use homeostat::expression::reference::MACROS;
use homeostat::ir::Busy;
use homeostat::ir::scope::{self, Part};
use homeostat::model::schema::{Object, Shape};
use homeostat::syntax::load::{Language, is_scenarios};
use homeostat::syntax::rules::ast::ClauseWord;
use homeostat::syntax::{shape, workflow};
use serde_json::Value as Json;

use super::{read, root};

fn extension(file: &str) -> Json {
    let path = root().join("editors/vscode").join(file);
    serde_json::from_str(&read(&path)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The words of each alternative, `(?:a|b)` or `a|b` in a group, that a pattern below `part` of a grammar has.
fn words(grammar: &Json, part: &str) -> Vec<BTreeSet<String>> {
    let mut found = Vec::new();
    let mut nodes = vec![&grammar["repository"][part]];
    assert!(!nodes[0].is_null(), "the grammar has no part `{part}`");
    while let Some(node) = nodes.pop() {
        match node {
            Json::String(pattern) => {
                for group in pattern.split('(').skip(1) {
                    let group = group.split(')').next().unwrap().trim_start_matches("?:").trim_start_matches("?=");
                    let is_list = group.contains('|') && group.chars().all(|c| c.is_alphanumeric() || "_|".contains(c));
                    if is_list {
                        found.push(group.split('|').map(str::to_owned).collect());
                    }
                }
            }
            Json::Array(list) => nodes.extend(list),
            Json::Object(fields) => nodes.extend(fields.values()),
            _ => {}
        }
    }
    found
}

fn set<'w>(words: impl IntoIterator<Item = &'w str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

fn holds(file: &str, part: &str, expected: &BTreeSet<String>) {
    let found = words(&extension(file), part);
    assert!(found.contains(expected), "{file}, {part}: none of {found:?} is {expected:?}");
}

#[test]
fn the_grammar_has_the_words_of_rules() {
    const RULES: &str = "syntaxes/rules.tmLanguage.json";
    let clauses = set(ClauseWord::ALL.map(ClauseWord::as_str));
    holds(RULES, "plain", &clauses);
    // A condition ends before each of them.
    holds(RULES, "condition", &clauses);
    holds(RULES, "busy", &set(Busy::ALL.map(Busy::as_str)));
    holds(RULES, "type", &set(shape::names().chain(["list", "map"])));
}

#[test]
fn the_grammar_has_the_words_of_expressions() {
    const CEL: &str = "syntaxes/cel.tmLanguage.json";
    let macros = MACROS.iter().map(|known| known.name.rsplit('.').next().unwrap());
    holds(CEL, "call", &set(macros));
    let names = |env: &TypeEnv| env.variables().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>();
    let tree = workflow::parse(homeostat::base::source::SourceId(0), "workflow: a\nsteps: {}\n").0.unwrap();
    let in_workflow = scope::with_item(scope::workflow(&tree, &|_| None, Part::OnFailure), Shape::Any);
    let in_rule = scope::rule(Object::default(), &scope::target());
    holds(CEL, "variable", &names(&in_workflow).into_iter().chain(names(&in_rule)).collect());
}

/// Whether a pattern like `**/*.{a,b}` names the file; just as much of patterns as the extension uses.
fn matches(pattern: &str, file: &str) -> bool {
    let name = pattern.strip_prefix("**/").unwrap_or_else(|| panic!("{pattern}"));
    let Some(ending) = name.strip_prefix('*') else { return file == name };
    match ending.split_once('{') {
        Some((dot, list)) => {
            list.trim_end_matches('}').split(',').any(|ending| file.ends_with(&format!("{dot}{ending}")))
        }
        None => file.ends_with(ending),
    }
}

#[test]
fn the_extension_starts_for_our_files_and_asks_about_them() {
    let package = extension("package.json");
    let patterns =
        |list: &Json| list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let starts: Vec<String> = patterns(&package["activationEvents"])
        .iter()
        .map(|event| event.strip_prefix("workspaceContains:").unwrap_or_else(|| panic!("{event}")).to_owned())
        .collect();
    let asks: Vec<String> =
        extension("src/files.json").as_object().unwrap().values().map(|it| it.as_str().unwrap().to_owned()).collect();
    let client = read(&root().join("editors/vscode/src/extension.ts"));
    assert!(client.contains(r#"import files from "./files.json""#), "the client asks about other files");

    let endings = patterns(&package["contributes"]["languages"][0]["extensions"]);
    for file in
        ["a.rules", "a.yaml", "a.yml", "a.test.yaml", "a.test.yml", DEFAULT_FILE, "a.json", "a.rs", "rules", "yaml"]
    {
        let is_rules = Language::of(file) == Some(Language::Rules);
        let is_ours = Language::of(file).is_some() || is_scenarios(file) || file == DEFAULT_FILE;
        assert_eq!(endings.iter().any(|ending| file.ends_with(ending)), is_rules, "{file} as rules");
        assert_eq!(asks.iter().any(|pattern| matches(pattern, file)), is_ours, "{file} is asked about");
        // YAML alone says nothing: every other program has some.
        let is_sure = is_rules || is_scenarios(file) || file == DEFAULT_FILE;
        assert_eq!(starts.iter().any(|pattern| matches(pattern, file)), is_sure, "{file} starts the extension");
    }
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
}

/// Every grammar that the extension names is there, and says the same name.
#[test]
fn the_grammars_are_those_that_are_named() {
    let package = extension("package.json");
    let grammars = package["contributes"]["grammars"].as_array().unwrap();
    assert_eq!(grammars.len(), 2);
    for grammar in grammars {
        let file = grammar["path"].as_str().unwrap();
        assert_eq!(extension(file)["scopeName"], grammar["scopeName"], "{file}");
    }
}
