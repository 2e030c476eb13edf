use super::{Atoms, Formula, Verdict, contradiction, undecided};

/// The case in which none of these holds; `None` where one always does.
fn case(texts: &[&str]) -> Option<Vec<String>> {
    let mut atoms = Atoms::default();
    let formulas: Vec<Formula> = texts.iter().map(|text| atoms.read(text)).collect();
    let formulas: Vec<&Formula> = formulas.iter().collect();
    match undecided(&formulas, &atoms) {
        Verdict::Never => None,
        Verdict::Case(case) => Some(case),
        Verdict::TooMany => panic!("too many atoms"),
    }
}

fn always(texts: &[&str]) -> bool {
    case(texts).is_none()
}

#[test]
fn opposites_cover_everything() {
    assert!(always(&["a", "!a"]));
    assert!(always(&["has(steps.x.y)", "!has(steps.x.y)"]));
    assert!(always(&["has( steps.x.y )", "!has(steps.x.y)"]));
    assert!(always(&["a == 1", "!(a == 1)"]));
    assert!(always(&["a && b", "!a || !b"]));
    assert!(always(&["a ? b : c", "!(a ? b : c)"]));
    assert!(always(&["!!a", "!a"]));
    assert!(always(&["a // why\n && b", "!(a && b)"]));
    assert!(always(&["x.exists(t, t > 1 || t < 0)", "!x.exists(t, t > 1 || t < 0)"]));
}

#[test]
fn what_only_looks_opposite_does_not() {
    assert!(!always(&["a == b", "!a == b"]));
    assert!(!always(&["a", "!b"]));
    assert!(!always(&["a || b ? c : d", "!(a || b)"]));
    assert!(!always(&["a == 'x'", "!(a == 'x ')"]));
    assert!(!always(&["a == 'x || true'"]));
    assert!(!always(&[r#"a == "\" || true || \"""#]));
    assert!(!always(&["a == r'\\' || b == '||true||'"]));
    assert!(!always(&["a == '''x' || true'''"]));
    assert!(!always(&["(a) == (b)", "!(a)"]));
    assert!(!always(&["a in b", "!a in b"]));
    assert!(!always(&["f(a || true)"]));
}

#[test]
fn a_case_names_only_what_matters() {
    let case = case(&["a && b", "b && c"]).unwrap();
    assert_eq!(case, ["`b` is false"]);
}

#[test]
fn formulas_that_exclude_each_other_are_seen() {
    let mut atoms = Atoms::default();
    let [one, other, third] = ["a && b", "!a", "b"].map(|text| atoms.read(text));
    assert!(contradiction(&[&one, &other], &atoms));
    assert!(!contradiction(&[&one, &third], &atoms));
}

#[test]
fn hostile_conditions_end() {
    let mut atoms = Atoms::default();
    let deep = format!("{}a{}", "(".repeat(50_000), ")".repeat(50_000));
    atoms.read(&deep);
    atoms.read(&"!".repeat(100_000));
    atoms.read("((((");
    atoms.read("'never closed");
    let many: Vec<String> = (0..40).map(|at| format!("a{at}")).collect();
    let wide = atoms.read(&many.join(" && "));
    assert!(matches!(undecided(&[&wide], &atoms), Verdict::TooMany));
}

proptest::proptest! {
    /// Whatever the text, reading it ends, and a text and its negation in parentheses always cover everything.
    #[test]
    fn any_text_is_read(text in "[ab()!&|?:'\" .\\[\\]{}<=\\-\\\\r]{0,24}") {
        let mut atoms = Atoms::default();
        atoms.read(&text);
    }
}
