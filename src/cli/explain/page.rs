//! The page of a code becomes text for a terminal, or data. A lint's page is that of the lint.

use serde_json::{Map, Value as Json, json};

use super::summary;
use crate::diagnostic::Code;
use crate::diagnostic::page::{Example, Page};
use crate::lint::{LINTS, Lint};

/// What is written of a code, and the lint whose code it is.
fn find(code: Code) -> (Option<Page>, Option<&'static Lint>) {
    let lint = LINTS.iter().find(|lint| lint.code == code);
    (code.page().or_else(|| lint.map(Lint::page)), lint)
}

/// The page for people: blocks are indented, everything else is as it is written.
pub(super) fn text(code: Code) -> String {
    let bold = anstyle::Style::new().bold();
    let (page, lint) = find(code);
    let mut text = format!("{bold}{code}: {}{bold:#}\n", code.title());
    if let Some(lint) = lint {
        text.push_str(&format!(
            "\nThe lint `{}`, which is on `{}` where nobody says otherwise.\n",
            lint.name, lint.level
        ));
    }
    text.push_str(&format!("\n{}\n", code.remedy()));
    if let Some(page) = page {
        text.push_str(&format!("\n{}\n", page.text));
        for (title, example) in [("Wrong:", &page.wrong), ("Right:", &page.right)] {
            if !example.is_empty() {
                text.push_str(&format!("\n{bold}{title}{bold:#}\n\n{}", shown(&example.markdown)));
            }
        }
    }
    text
}

/// Markdown without its fences: what stands in a block is indented, and a file with a name of its own stands under it.
fn shown(markdown: &str) -> String {
    let mut text = String::new();
    let mut in_block = false;
    for line in markdown.lines() {
        if let Some(language) = line.strip_prefix("```") {
            in_block = !in_block;
            if let Some((_, name)) = language.split_once(' ') {
                text.push_str(&format!("  {name}:\n\n"));
            }
        } else {
            let indent = if in_block && !line.is_empty() { "    " } else { "" };
            text.push_str(&format!("{indent}{line}\n"));
        }
    }
    text
}

/// The page for programs.
pub(super) fn data(code: Code) -> Json {
    let (page, lint) = find(code);
    let mut data = summary(code);
    if let (Some(data), Some(page)) = (data.as_object_mut(), page) {
        if let Some(lint) = lint {
            data.insert("lint".to_owned(), json!({ "name": lint.name, "level": lint.level.to_string() }));
        }
        data.insert("text".to_owned(), page.text.into());
        for (key, example) in [("wrong", page.wrong), ("right", page.right)] {
            if !example.is_empty() {
                data.insert(key.to_owned(), example_data(example));
            }
        }
    }
    data
}

fn example_data(example: Example) -> Json {
    let files: Map<String, Json> = example.files.into_iter().map(|(name, text)| (name, text.into())).collect();
    json!({ "files": files, "console": example.console })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_with_more_than_its_line() {
        for code in Code::ALL {
            let (page, lint) = find(*code);
            assert!(page.is_some(), "{code} has no page");
            assert_eq!(lint.is_some(), code.lint_name().is_some(), "{code}");
            assert!(!text(*code).contains("```"), "{code}");
        }
    }

    #[test]
    fn a_page_is_shown_with_its_examples() {
        let page = text(Code::UnknownWorkflow);
        assert!(page.contains("\n  shop.rules:\n\n    event HIGH_LATENCY"), "{page}");
        assert!(page.contains("\n    $ homeostat validate"), "{page}");
        let lint = text(Code::UnsafeRetry);
        assert!(lint.contains("\nThe lint `unsafe-retry`, which is on `deny`"), "{lint}");
        assert!(lint.contains("\n    workflow: measure\n"), "{lint}");
    }

    #[test]
    fn data_holds_the_examples_files() {
        let data = data(Code::UnknownName);
        assert!(data["wrong"]["files"]["example.rules"].as_str().unwrap().contains("when p99_ms"), "{data}");
        assert!(data["wrong"]["console"].as_str().unwrap().contains("error[H0101]"), "{data}");
        assert_eq!(super::data(Code::Internal)["wrong"], Json::Null);
        assert_eq!(super::data(Code::UnsafeRetry)["lint"]["name"], "unsafe-retry");
    }
}
