//! What may come next in an expression that is being written.
//!
//! The text before the cursor is no expression yet. What stands before the last dot is one, and has a type; the macros
//! around the cursor say which variables there are besides.

use super::scan::{Kind, Token, last_word, tokens};
use super::{Item, ItemKind};
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::expression::reference::{self, Macro};
use crate::expression::{Type, TypeEnv, inspect};
use crate::lsp::describe;
use crate::lsp::hover::variable;
use crate::model::schema::{Object, Shape};

/// What may come at the end of `text`, which is all of the expression that stands before the cursor.
pub(super) fn complete(text: &str, env: &TypeEnv) -> Vec<Item> {
    let tokens = tokens(text);
    if tokens
        .last()
        .is_some_and(|last| last.range.end == text.len() && matches!(last.kind, Kind::OpenText | Kind::Comment))
    {
        return Vec::new();
    }
    let word = last_word(text);
    let before: Vec<Token> = tokens
        .into_iter()
        .filter(|token| token.range.end <= text.len() - word && token.kind != Kind::Comment)
        .collect();
    let env = with_locals(text, &before, env.clone());
    match before.split_last() {
        Some((last, rest)) if last.is('.') => members(text, rest, &env),
        Some((last, [rest @ .., dot])) if last.is('?') && dot.is('.') => members(text, rest, &env),
        // Behind a value comes an operator, not a name; a name that was begun may follow `in` or nothing.
        _ => names(&env),
    }
}

/// The value that the tokens end with, as in `a + b.c(1).d`: where it begins.
fn chain(text: &str, tokens: &[Token]) -> Option<usize> {
    let mut at = tokens.len();
    loop {
        let last = tokens.get(at.checked_sub(1)?)?;
        if last.closes() {
            at = opening(tokens, at - 1)?;
            let called = at.checked_sub(1).and_then(|before| tokens.get(before));
            if tokens.get(at)?.is('(') {
                // A call, or a group.
                if called.is_some_and(|token| token.kind == Kind::Word && !is_operator(token.text(text))) {
                    at -= 1;
                }
            } else if tokens.get(at)?.is('[')
                && called.is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Text) || token.closes())
            {
                continue;
            }
        } else if matches!(last.kind, Kind::Word | Kind::Text) {
            at -= 1;
        } else {
            return None;
        }
        let mut left = at;
        if left > 0 && tokens.get(left - 1).is_some_and(|token| token.is('?')) {
            left -= 1;
        }
        if left > 0 && tokens.get(left - 1).is_some_and(|token| token.is('.')) {
            at = left - 1;
            continue;
        }
        return tokens.get(at).map(|first| first.range.start);
    }
}

fn is_operator(word: &str) -> bool {
    word == "in"
}

/// The bracket that the closing one at `closing` closes.
fn opening(tokens: &[Token], closing: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..=closing).rev() {
        let token = tokens.get(at)?;
        if token.closes() {
            depth += 1;
        } else if token.opens() {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// The type of a text; `None` where it is no expression.
fn type_of(text: &str, env: &TypeEnv) -> Option<Type> {
    let fragment = Fragment::verbatim(SourceId(0), 0, text);
    inspect(&fragment, env).map(|seen| seen.result().clone())
}

/// The value that the tokens end with: its text.
fn value<'t>(text: &'t str, tokens: &[Token]) -> Option<&'t str> {
    let start = chain(text, tokens)?;
    text.get(start..tokens.last()?.range.end)
}

// ---- variables of macros --------------------------------------------------------------------------------------------

/// The names that the macros around the end of the text bind, outermost first.
fn with_locals(text: &str, tokens: &[Token], mut env: TypeEnv) -> TypeEnv {
    let mut open: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.opens() {
            open.push(at);
        } else if token.closes() {
            open.pop();
        }
    }
    for at in open {
        for (name, kind) in bound(text, tokens, at, &env).unwrap_or_default() {
            env = env.with_type(&name, kind);
        }
    }
    env
}

/// What the macro binds whose bracket stands at `open`, in its arguments behind those that name variables.
fn bound(text: &str, tokens: &[Token], open: usize, env: &TypeEnv) -> Option<Vec<(String, Type)>> {
    let name = tokens.get(open.checked_sub(1)?)?;
    let dot = tokens.get(open.checked_sub(2)?)?;
    if name.kind != Kind::Word || !dot.is('.') || !tokens.get(open)?.is('(') {
        return None;
    }
    let receiver = value(text, tokens.get(..open - 2)?)?;
    let arguments = arguments(tokens, open + 1);
    // A variable has been named once there is a comma behind it.
    let named: Vec<String> = arguments
        .iter()
        .take(arguments.len().saturating_sub(1))
        .map_while(|range| match tokens.get(range.clone())? {
            [word] if word.kind == Kind::Word => Some(word.text(text).to_owned()),
            _ => None,
        })
        .collect();
    let first = named.first()?.clone();
    match name.text(text) {
        "bind" if receiver == "cel" => {
            let [_, given, _, ..] = arguments.as_slice() else { return None };
            let given = tokens.get(given.clone())?;
            let given = text.get(given.first()?.range.start..given.last()?.range.end)?;
            Some(vec![(first, type_of(given, env)?)])
        }
        "optMap" | "optFlatMap" => Some(vec![(first, describe::content(&type_of(receiver, env)?).clone())]),
        macro_name if reference::find_macro(macro_name).is_some_and(|known| known.on_value) => {
            let of = type_of(receiver, env)?;
            let (key, item, is_list) = match describe::content(&of) {
                Type::List(item) => (Type::Int, item.as_ref().clone(), true),
                Type::Map(key, value) => (key.as_ref().clone(), value.as_ref().clone(), false),
                Type::Object(_) => (Type::String, Type::Dyn, false),
                _ => (Type::Dyn, Type::Dyn, false),
            };
            match named.get(1) {
                Some(second) => Some(vec![(first, key), (second.clone(), item)]),
                None => Some(vec![(first, if is_list { item } else { key })]),
            }
        }
        _ => None,
    }
}

/// The ranges of tokens between the commas from `start` on, to the end of the text.
fn arguments(tokens: &[Token], start: usize) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0_usize, start);
    for (at, token) in tokens.iter().enumerate().skip(start) {
        if token.opens() {
            depth += 1;
        } else if token.closes() {
            depth = depth.saturating_sub(1);
        } else if token.is(',') && depth == 0 {
            found.push(begin..at);
            begin = at + 1;
        }
    }
    found.push(begin..tokens.len());
    found
}

// ---- what is offered ------------------------------------------------------------------------------------------------

/// What may stand behind the dot after these tokens.
fn members(text: &str, tokens: &[Token], env: &TypeEnv) -> Vec<Item> {
    let Some(receiver) = value(text, tokens) else { return Vec::new() };
    let namespace = format!("{receiver}.");
    let is_variable = env.variables().any(|(name, _)| name == receiver);
    let namespaced: Vec<Item> = if is_variable {
        Vec::new()
    } else {
        let functions = reference::functions().into_iter().filter_map(|function| {
            let name = function.name.strip_prefix(&namespace)?;
            Some(call(name, &describe::function(&function), function.forms.first()))
        });
        let macros =
            reference::MACROS.iter().filter_map(|known| Some(macro_item(known.name.strip_prefix(&namespace)?, known)));
        functions.chain(macros).collect()
    };
    if !namespaced.is_empty() {
        return namespaced;
    }
    let Some(of) = type_of(receiver, env) else { return Vec::new() };
    let mut items = match describe::content(&of) {
        Type::Object(object) => fields(object),
        _ => Vec::new(),
    };
    items.extend(methods(&of));
    items
}

/// The fields of an object.
fn fields(object: &Object) -> Vec<Item> {
    object
        .fields
        .iter()
        .map(|field| {
            let mark = if field.optional { "?" } else { "" };
            let null = if field.nullable { " or null" } else { "" };
            Item::new(&field.name, ItemKind::Field)
                .detail(&format!("{}{mark}{null}", shape_name(&field.shape)))
                .docs(&field.docs)
        })
        .collect()
}

fn shape_name(shape: &Shape) -> String {
    shape.to_string()
}

/// The functions and macros that can be called on a value of this type.
fn methods(of: &Type) -> Vec<Item> {
    let is_optional = matches!(of, Type::Optional(_));
    // On an optional `map` and the like are those of what it is, not of what it holds.
    let seen = if is_optional { of } else { describe::content(of) };
    let head = head(&seen.to_string()).to_owned();
    let fits = |form: &str, name: &str| {
        let receiver = form.split_once(&format!(".{name}(")).map_or("", |(receiver, _)| receiver);
        matches!(head.as_str(), "dyn")
            || matches!(self::head(receiver), known if known == head || known == "dyn" || known == "map" && head == "object")
    };
    let functions = reference::functions().into_iter().filter(|function| function.on_value).filter_map(|function| {
        let form = function.forms.iter().find(|form| fits(form, function.name))?;
        Some(call(function.name, &describe::function(&function), Some(form)))
    });
    let walks = matches!(seen, Type::List(_) | Type::Map(..) | Type::Object(_) | Type::Dyn);
    let macros = reference::MACROS.iter().filter(|known| {
        let for_optionals = known.name.starts_with("opt");
        known.on_value && if for_optionals { is_optional || *seen == Type::Dyn } else { walks }
    });
    functions.chain(macros.map(|known| macro_item(known.name, known))).collect()
}

/// The name of a type without its parameters.
fn head(kind: &str) -> &str {
    kind.split('(').next().unwrap_or(kind)
}

/// What may stand where a value begins.
fn names(env: &TypeEnv) -> Vec<Item> {
    let mut items: Vec<Item> = env
        .variables()
        .map(|(name, kind)| Item::new(name, ItemKind::Variable).detail(&kind.to_string()).docs(variable(name)).first())
        .collect();
    let functions = reference::functions();
    let mut namespaces: Vec<&str> = Vec::new();
    for function in &functions {
        match function.name.split_once('.') {
            Some((namespace, _)) if !namespaces.contains(&namespace) => namespaces.push(namespace),
            None if function.alone => {
                items.push(call(
                    function.name,
                    &describe::function(function),
                    function.forms.iter().find(|form| form.starts_with(function.name)),
                ));
            }
            _ => {}
        }
    }
    namespaces.push("cel");
    // `ip` is a function as well.
    namespaces.retain(|name| items.iter().all(|item| item.label != *name));
    items.extend(namespaces.into_iter().map(|name| Item::new(name, ItemKind::Namespace)));
    items.extend(
        reference::MACROS
            .iter()
            .filter(|known| !known.on_value && !known.name.contains('.'))
            .map(|known| macro_item(known.name, known)),
    );
    items.extend(["true", "false", "null"].map(|word| Item::new(word, ItemKind::Keyword)));
    items
}

fn call(name: &str, docs: &str, form: Option<&String>) -> Item {
    Item::new(name, ItemKind::Function).detail(form.map_or("", String::as_str)).docs(docs)
}

fn macro_item(name: &str, known: &Macro) -> Item {
    Item::new(name, ItemKind::Function)
        .detail(known.forms.first().copied().unwrap_or_default())
        .docs(&describe::macro_of(known))
}
