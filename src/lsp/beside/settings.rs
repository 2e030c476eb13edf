//! The configuration: its keys with what they mean, from the table of settings.

use super::key;
use crate::config::keys::{Kind, Place, place};
use crate::lsp::completion::{Item, ItemKind};

/// What a key means.
pub(super) fn docs(path: &[&str]) -> Option<String> {
    let setting = place(path).key?;
    Some(format!("`{}`: {}. Default: {}.\n\n{}", path.join("."), setting.kind, setting.default, setting.docs))
}

/// The keys that may stand in the mapping at a path.
pub(super) fn keys(path: &[&str]) -> Vec<Item> {
    let Place { children, is_group, .. } = place(path);
    let children = children.into_iter().filter(|_| is_group);
    let items = children.map(|name| {
        let below: Vec<&str> = path.iter().copied().chain([name]).collect();
        match place(&below).key {
            Some(setting) => key(name, &format!("{}; {}", setting.kind, setting.default), setting.docs),
            None => key(name, "", ""),
        }
    });
    items.collect()
}

/// What a setting can be, where there is a choice.
pub(super) fn values(path: &[&str]) -> Vec<Item> {
    let words: &[&str] = match place(path).key.map(|setting| setting.kind) {
        Some(Kind::Choice(words)) => words,
        Some(Kind::Off) => &["off"],
        _ => &[],
    };
    words.iter().map(|word| Item::new(word, ItemKind::Keyword)).collect()
}
