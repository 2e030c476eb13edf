//! Environment variables `HOMEOSTAT__A__B` override the setting `a.b`.
//!
//! Case does not matter. In the name of a target, schedule, webhook or detector, `_` also stands for `-` and `.`, which variables cannot hold; in a lint's name
//! it stands for `-`.

use super::collect::Collected;
use super::keys::{self, Key, Kind};
use super::tree::{Content, Node};
use crate::base::fragment::Fragment;
use crate::base::source::Sources;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};

/// What every such variable begins with.
pub(super) const PREFIX: &str = "HOMEOSTAT__";

/// Takes in every variable of ours; the others are not looked at.
pub(super) fn apply(collected: &mut Collected, environment: &[(String, String)], sources: &mut Sources) {
    let mut variables: Vec<_> =
        environment.iter().filter(|(name, _)| name.to_uppercase().starts_with(PREFIX)).collect();
    variables.sort();
    for (name, text) in variables {
        let source = sources.add(format!("${name}"), text.as_str());
        let span = Span::new(source, 0, text.len());
        let path = match resolve(name, collected) {
            Ok(path) => path,
            Err(problem) => {
                collected.diagnostics.push(*problem(span));
                continue;
            }
        };
        let (path, key) = path;
        if path.first().is_some_and(|first| first == "encryption") {
            // The ways to give a key exclude each other: the variable's takes the place of the file's.
            collected.found.retain(|known, found| {
                known.first().is_none_or(|first| first != "encryption") || is_variable(sources, found.span)
            });
        }
        if path.first().is_some_and(|first| first == "defaults") {
            collected.defaults.get_or_insert(span);
        }
        let node = match key.kind {
            Kind::Agents | Kind::Data | Kind::Requests | Kind::Command => {
                match super::yaml::read(source, text, &mut collected.diagnostics) {
                    Some(node) => node,
                    None => continue,
                }
            }
            _ => {
                let content = Content::Scalar(Fragment::verbatim(source, 0, text.as_str()));
                Node { span, content, scalar: text.as_str().into(), is_cut: false }
            }
        };
        collected.value(path, key, &node);
    }
}

fn is_variable(sources: &Sources, span: Span) -> bool {
    sources.get(span.source).is_some_and(|source| source.path.starts_with('$'))
}

type Complaint = Box<dyn FnOnce(Span) -> Box<Diagnostic>>;

/// The path that a variable's name means.
fn resolve(name: &str, collected: &Collected) -> Result<(Vec<String>, Key), Complaint> {
    let rest = name.get(PREFIX.len()..).unwrap_or_default().to_lowercase();
    let mut path: Vec<String> = rest.split("__").map(str::to_owned).collect();
    if let [first, segment, ..] = path.as_mut_slice()
        && let Some(list) = keys::List::of(first)
    {
        let items = collected.items(list);
        let Some(item) = items.iter().find(|item| same_name(&item.node, segment)) else {
            let what = list.item();
            let message = format!("`{name}`: the file lists no {what} `{segment}`");
            let known: Vec<_> = items.iter().map(|item| format!("`{}`", item.node)).collect();
            let help = if known.is_empty() {
                format!("a variable overrides a {what}'s settings, it does not make a {what}: list it in the file")
            } else {
                format!("listed are {}", known.join(", "))
            };
            return Err(Box::new(move |span| Box::new(Diagnostic::error(Code::BadOverride, span, message).help(help))));
        };
        segment.clone_from(&item.node);
    }
    if let [first, lint] = path.as_mut_slice()
        && first == "lint"
    {
        *lint = lint.replace('_', "-");
    }
    let segments: Vec<_> = path.iter().map(String::as_str).collect();
    match keys::place(&segments).key {
        Some(key) => Ok((path, key)),
        None => {
            let message = format!("`{name}` names no setting: there is no `{}`", path.join("."));
            let nearest = nearest(&segments).map(|key| format!("{PREFIX}{}", key.to_uppercase().replace('.', "__")));
            Err(Box::new(move |span| {
                let diagnostic = Diagnostic::error(Code::BadOverride, span, message);
                Box::new(match nearest {
                    Some(right) => diagnostic.help(format!("did you mean `{right}`?")),
                    None => diagnostic.help("`homeostat config show` prints every setting"),
                })
            }))
        }
    }
}

fn same_name(item: &str, segment: &str) -> bool {
    item.to_lowercase().replace(['-', '.'], "_") == segment.replace(['-', '.'], "_")
}

/// The path of a setting that is nearly the one that was named.
fn nearest(segments: &[&str]) -> Option<String> {
    let (scope, rest, table) = match segments {
        [list, item, rest @ ..] if keys::List::of(list).is_some() => {
            (format!("{list}.{item}."), rest, keys::List::of(list).map_or(keys::TARGET, keys::List::table))
        }
        ["defaults", rest @ ..] => ("defaults.".to_owned(), rest, keys::TARGET),
        rest => (String::new(), rest, keys::ENGINE),
    };
    crate::base::suggest::nearest(&rest.join("."), table.iter().map(|key| key.path))
        .map(|path| format!("{scope}{path}"))
}
