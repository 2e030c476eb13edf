//! Whether two expressions say the same: equal trees, wherever they stand and however they are spaced and quoted.

use super::ast::{Expr, ExprKind, Literal};

impl Expr {
    /// Whether both trees are equal but for places. Nothing is computed: `1 + 2` and `2 + 1` are not the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.children(), other.children());
        left.len() == right.len()
            && is_same_node(&self.kind, &other.kind)
            && left.drain(..).zip(right.drain(..)).all(|(left, right)| left.is_same(right))
    }
}

/// What is said by the nodes themselves, their children left out.
fn is_same_node(left: &ExprKind, right: &ExprKind) -> bool {
    use ExprKind as Kind;
    match (left, right) {
        (Kind::Literal(left), Kind::Literal(right)) => is_same_literal(left, right),
        (Kind::Name { name, absolute }, Kind::Name { name: other, absolute: also }) => {
            (name, absolute) == (other, also)
        }
        (Kind::Select { field, optional, .. }, Kind::Select { field: other, optional: also, .. }) => {
            (&field.node, optional) == (&other.node, also)
        }
        (Kind::Has { field, .. }, Kind::Has { field: other, .. }) => field.node == other.node,
        (Kind::Index { optional, .. }, Kind::Index { optional: also, .. }) => optional == also,
        (Kind::Call { receiver, function, .. }, Kind::Call { receiver: other, function: called, .. }) => {
            receiver.is_some() == other.is_some() && function.node == called.node
        }
        (Kind::Unary { operator, .. }, Kind::Unary { operator: other, .. }) => operator == other,
        (Kind::Binary { operator, .. }, Kind::Binary { operator: other, .. }) => operator == other,
        (Kind::And(_), Kind::And(_))
        | (Kind::Or(_), Kind::Or(_))
        | (Kind::Conditional { .. }, Kind::Conditional { .. }) => true,
        (Kind::List(left), Kind::List(right)) => {
            left.iter().zip(right).all(|(left, right)| left.optional == right.optional)
        }
        (Kind::Map(left), Kind::Map(right)) => {
            left.iter().zip(right).all(|(left, right)| left.optional == right.optional)
        }
        (Kind::Comprehension(left), Kind::Comprehension(right)) => {
            let second = |of: &super::ast::Comprehension| of.second.as_ref().map(|name| name.node.clone());
            left.kind == right.kind
                && left.first.node == right.first.node
                && second(left) == second(right)
                && left.filter.is_some() == right.filter.is_some()
        }
        (Kind::Bind { name, .. }, Kind::Bind { name: other, .. }) => name.node == other.node,
        (Kind::OptionalMap { name, flat, .. }, Kind::OptionalMap { name: other, flat: also, .. }) => {
            (&name.node, flat) == (&other.node, also)
        }
        _ => false,
    }
}

fn is_same_literal(left: &Literal, right: &Literal) -> bool {
    match (left, right) {
        // Zero has a sign.
        (Literal::Double(left), Literal::Double(right)) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use crate::base::fragment::Fragment;
    use crate::base::source::SourceId;
    use crate::expression::parse;

    fn is_same(left: &str, right: &str) -> bool {
        let tree = |text: &str| parse(&Fragment::verbatim(SourceId(0), 7, text)).unwrap();
        tree(left).is_same(&tree(right))
    }

    #[test]
    fn spaces_comments_brackets_and_quotes_say_nothing() {
        for (left, right) in [
            ("a.b(1)+c", " a . b ( 1 ) // why\n + c"),
            ("'x' + \"y\"", r#""x"+'\u0079'"#),
            ("(a && b) && c", "a && (b) && c"),
            ("a + b * c", "a + (b * c)"),
            ("0x10", "16"),
            ("xs.exists(x, x > 1)", "xs.exists(x,x>1)"),
            ("a.`b`", "a.b"),
        ] {
            assert!(is_same(left, right), "{left} and {right}");
        }
    }

    #[test]
    fn every_part_of_a_node_counts() {
        let all = [
            "a",
            ".a",
            "b",
            "1",
            "1u",
            "1.0",
            "-0.0",
            "0.0",
            "'1'",
            "b'1'",
            "true",
            "null",
            "a.b",
            "a.?b",
            "a.c",
            "has(a.b)",
            "a[b]",
            "a[?b]",
            "f(a)",
            "a.f()",
            "g(a)",
            "f(a, b)",
            "!a",
            "-a",
            "a + b",
            "a - b",
            "b + a",
            "a in b",
            "a && b",
            "a || b",
            "a && b && c",
            "a && (b || c)",
            "a ? b : c",
            "[a]",
            "[?a]",
            "[a, b]",
            "{a: b}",
            "{?a: b}",
            "a.all(x, b)",
            "a.exists(x, b)",
            "a.all(y, b)",
            "a.all(x, y, b)",
            "a.map(x, b)",
            "a.map(x, c, b)",
            "cel.bind(x, a, b)",
            "cel.bind(y, a, b)",
            "a.optMap(x, b)",
            "a.optFlatMap(x, b)",
        ];
        for (at, left) in all.iter().enumerate() {
            for (place, right) in all.iter().enumerate() {
                assert_eq!(is_same(left, right), at == place, "{left} and {right}");
            }
        }
    }
}
