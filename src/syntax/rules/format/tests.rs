//! Examples, and properties of whole files that are made at random.

mod generate;
mod properties;

use super::format;
use crate::base::source::{SourceId, Sources};
use crate::diagnostic::render::to_people;

/// The file formatted; doing it again changes nothing.
fn formatted(text: &str) -> String {
    let once = format(SourceId(0), text).unwrap_or_else(|problems| {
        let mut sources = Sources::new();
        sources.add("test.rules", text);
        panic!("{}", to_people(&problems, &sources, false))
    });
    assert_eq!(format(SourceId(0), &once).unwrap(), once, "formatted again");
    once
}

#[test]
fn every_clause_and_comment_has_its_place() {
    insta::assert_snapshot!(formatted(
        r#"


//first
//// Not documentation.


///What happens.
///
///   Indented.
event A{name:string// trailing
,/// How many.
count?:int,   // before the next

rates: list < double >, labels:map<list<string>>,
   // Where.
   place: {host: string, since?: timestamp,}, other: list<{
      a: int, // of it
      b: int }>
   // the end
}
event com.example.deployed{ }
event B{a:int,b?:string,}
event C{
 a:int, b:int}
/// Everything.
rule all{   // all of it
  on // in the midst
    A


  // Why.
  when event.data.name=="}"&& // not the end
       event.data.count in[1,2] // the end
  priority -10  threshold 3 within 1m  debounce 1.5s // quiet
  throttle 1 per 5m
  busy supersede

  run wf(name:"a, b)",count:size([1,2,3,]),nested:{"a":(1)},)
  emit A(name:'x' // first
    , // which
    count : // how many
    2
    // no more
  )
  emit com.example.deployed() // at last
    after 1h30m
  /// Astray.
}   // behind it
rule one_line{on A when event.data.name.matches(r"\d")}// x
rule empty{}
rule told{
  // Nothing yet.
}
// the end"#
    ));
}

#[test]
fn expressions_are_spaced_and_broken_where_they_are_too_long() {
    insta::assert_snapshot!(formatted(
        r#"
rule spaced {
  on A
  when a&&!b||-c- -1<2.5e-3*( d )?e [ 0 ] .?f[?g] : {"k" :1, ?"o":x?1:2}.`//x` in xs.filter( x,x>.5 )&&a . b ( .c,[ ] )
}
rule long {
  on A
  when event.data.first_name == "something" && event.data.second_name == "something else" || event.data.third_name == "more"
  throttle 1 per 5m
  run workflow(first: event.data.first_name == "something" ? event.data.second_name : event.data.third_name + "no more")
}
rule longer {
  on A
  when event.data.names.exists(name, name.startsWith("a prefix that is long enough") && name.endsWith("a suffix that is long")) && target.phase in ["stable", "degraded", "paused", "adjusting", "and others that do not exist", "at all"]
}
rule cannot_be_broken {
  on A
  when event.data.some_value_with_a_long_name + event.data.some_value_with_a_long_name + event.data.some_value_with > run.a
  emit B(text: '''several
  lines''', more: 1)
}
rule lines {
  on A
  when (event.data.a &&
    event.data.b // both
      )  ||
  // or this

  f(event.data.c,
  1)
  emit B(a: 1, b: event.data.first_name_of_it, c: event.data.second_name_of_it, d: event.data.third_name_of_it) after 5m
}
"#
    ));
}

#[test]
fn the_line_ends_of_the_file_are_kept() {
    let text = "event A{}\r\nrule x{on A\r\nwhen a&& // why\r\n'''\r\n\n'''==b\r\n}\r\n";
    let kept =
        "event A {}\r\n\r\nrule x {\r\n    on    A\r\n    when  a && // why\r\n          '''\r\n\n''' == b\r\n}\r\n";
    assert_eq!(formatted(text), kept);
}

#[test]
fn what_has_no_items_keeps_its_comments() {
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("\u{FEFF}\n \n"), "");
    assert_eq!(formatted("\n// a\n\n\n//b  \n"), "// a\n\n//b\n");
    assert_eq!(formatted("/// Of nothing."), "/// Of nothing.\n");
}

#[test]
fn a_file_with_mistakes_has_no_layout() {
    for (text, message) in [
        ("rule x { on A run wf( }", "this `(` is never closed"),
        ("rule x { on A when a &&& b }", "`&` is no operator"),
        ("rule x { on A when '\\q' == a }", "escape"),
    ] {
        let problems = format(SourceId(0), text).unwrap_err();
        let found: Vec<_> = problems.iter().map(|problem| problem.message.clone()).collect();
        assert!(found.iter().any(|found| found.contains(message)), "{found:?}");
    }
}
