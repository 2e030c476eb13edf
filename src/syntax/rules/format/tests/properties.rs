//! What holds for every file: it means what it meant, its comments are all there, and it stays as it is.

use proptest::prelude::*;

use super::generate::{Clause, Field, File, Item, Spacing, Type, file};
use crate::base::fragment::Fragment;
use crate::base::literal::parse_duration;
use crate::base::source::{SourceId, Sources};
use crate::diagnostic::render::to_people;
use crate::syntax::rules::ast;
use crate::syntax::rules::format::{comments, format};
use crate::syntax::rules::parse;
use crate::syntax::rules::scan::{self, Kind};

fn docs(docs: Option<&ast::Docs>) -> Vec<String> {
    docs.map(|docs| docs.node.split('\n').map(str::to_owned).collect()).unwrap_or_default()
}

fn are_fields(read: &[ast::Field], made: &[Field]) -> bool {
    read.len() == made.len()
        && read.iter().zip(made).all(|(read, made)| {
            docs(read.docs.as_ref()) == made.docs
                && read.name.node == made.name
                && read.optional == made.optional
                && is_type(&read.kind.node, &made.kind)
        })
}

fn is_type(read: &ast::Type, made: &Type) -> bool {
    match (read, made) {
        (ast::Type::Named(read), Type::Named(made)) => read == made,
        (ast::Type::List(read), Type::List(made)) | (ast::Type::Map(read), Type::Map(made)) => {
            is_type(&read.node, made)
        }
        (ast::Type::Object(read), Type::Object(made)) => are_fields(read, made),
        _ => false,
    }
}

fn is_expression(read: &Fragment, made: &[String]) -> bool {
    let made = Fragment::verbatim(SourceId(0), 0, made.join(" "));
    let tree = |fragment: &Fragment| crate::expression::parse(fragment).unwrap();
    tree(read).is_same(&tree(&made))
}

fn is_clause(read: &ast::ClauseKind, made: &Clause) -> bool {
    let time = |text: &String| parse_duration(text).unwrap();
    match (read, made) {
        (ast::ClauseKind::When(read), Clause::When(made)) => is_expression(read, made),
        (ast::ClauseKind::Run(call), Clause::Call { word: "run", name, arguments, .. }) => {
            is_call(call, name, arguments)
        }
        (ast::ClauseKind::Emit { call, after }, Clause::Call { word: "emit", name, arguments, after: made }) => {
            is_call(call, name, arguments) && after.as_ref().map(|after| after.node) == made.as_ref().map(time)
        }
        (ast::ClauseKind::On(name), Clause::Plain("on", rest))
        | (ast::ClauseKind::Busy(name), Clause::Plain("busy", rest)) => name.node == rest[0],
        (ast::ClauseKind::Priority(number), Clause::Plain("priority", rest)) => number.node.to_string() == rest[0],
        (ast::ClauseKind::Debounce(read), Clause::Plain("debounce", rest)) => read.node == time(&rest[0]),
        (ast::ClauseKind::Threshold { count, within: read }, Clause::Plain("threshold", rest))
        | (ast::ClauseKind::Throttle { count, per: read }, Clause::Plain("throttle", rest)) => {
            count.node.to_string() == rest[0] && read.node == time(&rest[2])
        }
        _ => false,
    }
}

fn is_call(read: &ast::Call, name: &str, arguments: &[(String, Vec<String>)]) -> bool {
    read.name.node == name
        && read.arguments.len() == arguments.len()
        && read
            .arguments
            .iter()
            .zip(arguments)
            .all(|(read, (name, value))| read.name.node == *name && is_expression(&read.value, value))
}

fn is_item(read: &ast::Item, made: &Item) -> bool {
    match (read, made) {
        (ast::Item::Event(event), Item::Event { docs: lines, name, fields }) => {
            docs(event.docs.as_ref()) == *lines && event.name.node == *name && are_fields(&event.fields, fields)
        }
        (ast::Item::Rule(rule), Item::Rule { docs: lines, name, clauses }) => {
            docs(rule.docs.as_ref()) == *lines
                && rule.name.node == *name
                && rule.clauses.len() == clauses.len()
                && rule.clauses.iter().zip(clauses).all(|(read, made)| is_clause(&read.kind, made))
        }
        _ => false,
    }
}

/// Reads the text, which says what was made; what names each rule's digest.
fn reads_as(text: &str, made: &File) -> Vec<String> {
    let mut sources = Sources::new();
    let id = sources.add("made.rules", text);
    let (file, problems) = parse(id, text);
    assert!(problems.is_empty(), "{text}\n{}", to_people(&problems, &sources, false));
    assert_eq!(file.items.len(), made.len(), "{text}");
    for (read, made) in file.items.iter().zip(made) {
        assert!(is_item(read, made), "{text}\n{read:#?}\n{made:#?}");
    }
    let canonical = file.items.into_iter().filter_map(|item| match item {
        ast::Item::Rule(rule) => Some(rule.canonical),
        ast::Item::Event(_) => None,
    });
    canonical.collect()
}

fn comments_of(text: &str) -> Vec<String> {
    scan::pieces(text)
        .filter(|(kind, _)| *kind == Kind::Comment)
        .map(|(_, range)| comments::written(&text[range]))
        .collect()
}

fn formatted(text: &str) -> String {
    format(SourceId(0), text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_formatted_file_says_what_it_said(made in file(), bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let mut spacing = Spacing::new(&bytes);
        let text = spacing.text(&made);
        let before = reads_as(&text, &made);
        let once = formatted(&text);
        // What a rule's clauses remember is kept as well: it is bound to this text.
        prop_assert_eq!(reads_as(&once, &made), before, "{}\n{}", text, once);
        prop_assert_eq!(comments_of(&once), spacing.comments, "{}\n{}", text, once);
        prop_assert_eq!(formatted(&once), once, "{}", text);
    }

    #[test]
    fn how_a_file_is_spaced_makes_no_difference_where_its_author_breaks_no_line(made in file()) {
        let texts = [vec![0], vec![100], vec![150, 0]].map(|bytes| Spacing::new(&bytes).text(&made));
        let [first, second, third] = texts.map(|text| formatted(&text));
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(&first, &third);
    }

    #[test]
    fn whatever_is_accepted_stays_as_it_is_written(
        text in "(rule x|event A|on A|when|run w|[{}(),:?.<>&|!'\"` \n]|//[/ ]?|a|1|///){0,40}"
    ) {
        if let Ok(once) = format(SourceId(0), &text) {
            prop_assert_eq!(formatted(&once), once);
        }
    }
}
