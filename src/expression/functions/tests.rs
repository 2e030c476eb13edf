//! Every signature is readable, and every function stands in the guide.

use super::*;

#[test]
fn every_signature_is_read() {
    let families = [
        standard::FUNCTIONS,
        conversion::FUNCTIONS,
        time::FUNCTIONS,
        string::FUNCTIONS,
        math::FUNCTIONS,
        list::FUNCTIONS,
        encoder::FUNCTIONS,
        network::FUNCTIONS,
        optional::FUNCTIONS,
    ];
    let mut seen = std::collections::HashSet::new();
    for declaration in families.into_iter().flatten() {
        assert!(seen.insert(declaration.name), "`{}` is declared twice", declaration.name);
        for text in declaration.signatures {
            assert!(signature::read(text).is_some(), "`{}`: {text}", declaration.name);
        }
    }
    for (symbol, texts) in operators::OPERATORS {
        assert_eq!(operator(symbol).len(), texts.len(), "`{symbol}`");
    }
}

#[test]
fn every_function_stands_in_the_guide() {
    let guide = include_str!("../../../docs/expressions.md");
    let missing: Vec<&str> = names().filter(|name| !guide.contains(&format!("{name}("))).collect();
    assert!(missing.is_empty(), "docs/expressions.md does not mention {missing:?}");
}
