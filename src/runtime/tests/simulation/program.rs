//! Rules and workflows made up from a seed: they compile, and use all that rules and workflows have.

use std::fmt::Write as _;

use super::dice::Dice;

/// The text of a program, and what the checks need to know of it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) rules: String,
    pub(super) workflows: Vec<(String, String)>,
    /// Rules that look at nothing but the data: which events they match can be told beforehand.
    pub(super) plain: Vec<Plain>,
}

/// `when event.data.n % modulus == rest`.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) rule: String,
    pub(super) on: &'static str,
    pub(super) modulus: i64,
    pub(super) rest: i64,
}

pub(super) fn make(seed: u64) -> Made {
    let dice = Dice::of(seed, "program");
    let count = 1 + dice.index(4);
    let workflows: Vec<_> =
        (0..count).map(|index| (format!("w{index}.yaml"), workflow(&dice, &format!("w{index}")))).collect();
    let mut made = Made { rules: EVENTS.to_owned(), workflows, plain: Vec::new() };
    for index in 0..=dice.index(5) {
        rule(&dice, index, count, &mut made);
    }
    if dice.percent(60) {
        made.rules.push_str(DEPLOYED);
        made.workflows.push(("deploy.yaml".to_owned(), DEPLOY.to_owned()));
    }
    made
}

const EVENTS: &str = "event TICK { n: int }\nevent GO { n: int }\nevent DONE { n: int }\nevent DEPLOYED { signature: string }\nevent WAKE {}\n";

const DEPLOYED: &str = "
rule deployed {
    on    DEPLOYED
    when  event.data.signature != target.signature
    busy  supersede
    run   deploy(signature: event.data.signature)
}
";

/// As the workflow that ships, with shorter times.
const DEPLOY: &str = r#"workflow: deploy
summary: x
inputs: { signature: string }
steps:
  check:
    uses: recorder.lookup
    with: { signature: "${inputs.signature}", max_age: 30d }
  hold:
    if: "!has(steps.check.record)"
    uses: agents.dispatch
    with: { total_rps: "${target.rate.interim_rps}", signature: "${inputs.signature}" }
    timeout: 30s
    undo: previous
  load_test:
    needs: [hold]
    if: "!has(steps.check.record)"
    uses: pressure.measure
    timeout: 15m
  save:
    if: has(steps.?load_test.max_rps)
    uses: recorder.save
    with: { signature: "${inputs.signature}", measurement: "${steps.load_test}" }
    retry: { attempts: 3, backoff: 100ms, max_backoff: 1s }
    timeout: 10s
  adjust:
    uses: adjust.compute
    with: { max_rps: "${steps.?load_test.max_rps.or(steps.check.?record.max_rps).value()}" }
  dispatch:
    uses: agents.dispatch
    with: { assignments: "${steps.adjust.assignments}", signature: "${inputs.signature}" }
    timeout: 30s
    undo: previous
  stable:
    uses: state.stable
    needs: [save, dispatch]
    with: { signature: "${inputs.signature}" }
on_failure:
  degrade: { uses: state.degraded, with: { reason: "${error.message}" } }
"#;

fn rule(dice: &Dice, index: usize, workflows: usize, made: &mut Made) {
    let on = if dice.percent(75) { "TICK" } else { "GO" };
    let (modulus, rest) = (1 + i64::try_from(dice.below(4)).unwrap(), i64::try_from(dice.below(2)).unwrap());
    let name = format!("r{index}");
    let mut text = format!("\nrule {name} {{\n    on {on}\n    when event.data.n % {modulus} == {rest}\n");
    let mut plain = true;
    if dice.percent(20) {
        text.push_str(dice.pick::<&str>(&["    threshold 2 within 20s\n", "    threshold 3 within 1m\n"]));
        plain = false;
    }
    if dice.percent(20) {
        text.push_str("    debounce 3s\n");
        plain = false;
    }
    if dice.percent(20) {
        text.push_str(dice.pick::<&str>(&["    throttle 1 per 10s\n", "    throttle 3 per 30s\n"]));
        plain = false;
    }
    let busy = dice.pick(&["queue", "queue", "coalesce", "supersede", "drop"]);
    writeln!(text, "    busy {busy}").unwrap();
    if dice.percent(30) {
        writeln!(text, "    priority {}", dice.below(3)).unwrap();
    }
    let emits = on == "TICK" && dice.percent(25);
    if !emits || dice.percent(70) {
        writeln!(text, "    run w{}(n: event.data.n)", dice.index(workflows)).unwrap();
    }
    if emits {
        let after = dice.pick(&["", " after 2s", " after 20s"]);
        writeln!(text, "    emit GO(n: event.data.n + 1){after}").unwrap();
    }
    text.push_str("}\n");
    made.rules.push_str(&text);
    if plain {
        made.plain.push(Plain { rule: name, on, modulus, rest });
    }
}

fn workflow(dice: &Dice, name: &str) -> String {
    let count = 1 + dice.index(6);
    let mut text = format!("workflow: {name}\nsummary: x\ninputs: {{ n: int }}\nsteps:\n");
    for index in 0..count {
        step(dice, index, &mut text);
    }
    match dice.below(4) {
        0 | 1 => {
            let all: Vec<_> = (0..count).map(|index| format!("s{index}")).collect();
            let rest = dice.pick(&["state.stable", "state.stable", "state.degraded"]);
            writeln!(text, "  rest:\n    uses: {rest}\n    needs: [{}]", all.join(", ")).unwrap();
            text.push_str("on_failure:\n  degrade: { uses: state.degraded, with: { reason: \"${error.message}\" } }\n");
        }
        2 => text.push_str("on_failure:\n  told: { uses: sim.effect, with: { n: 1 } }\n"),
        _ => {}
    }
    text
}

fn step(dice: &Dice, index: usize, text: &mut String) {
    writeln!(text, "  s{index}:").unwrap();
    let needs: Vec<_> = (0..index).filter(|_| dice.percent(35)).map(|before| format!("s{before}")).collect();
    if !needs.is_empty() {
        writeln!(text, "    needs: [{}]", needs.join(", ")).unwrap();
    }
    if dice.percent(20) {
        text.push_str(dice.pick::<&str>(&[
            "    if: inputs.n % 2 == 0\n",
            "    if: inputs.n > 3\n",
            "    if: \"1 / inputs.n > 0\"\n",
        ]));
    }
    match dice.below(20) {
        0..8 => {
            let each = dice.percent(20);
            let n = if each { "${item}" } else { "${inputs.n}" };
            writeln!(text, "    uses: sim.effect\n    with: {{ n: \"{n}\" }}").unwrap();
            if each {
                let items = dice.pick(&["[1, 2, 3]", "[]", "[1]", "[1, 2, 3, 4, 5]"]);
                writeln!(text, "    for_each: {items}\n    concurrency: {}", 1 + dice.below(3)).unwrap();
            }
            match dice.below(4) {
                0 | 1 => text.push_str("    undo: previous\n"),
                2 => text.push_str("    undo: { uses: sim.effect, with: { n: 0 } }\n"),
                _ => {}
            }
            tries(dice, text);
        }
        8..10 => {
            text.push_str("    uses: sim.once\n    with: { n: \"${inputs.n}\" }\n");
            tries(dice, text);
        }
        10 | 11 => text.push_str("    uses: sim.look\n    with: { n: \"${inputs.n}\" }\n"),
        12 | 13 => writeln!(text, "    uses: sleep\n    with: {{ for: {}s }}", 1 + dice.below(20)).unwrap(),
        14 => {
            text.push_str("    uses: approval.wait\n    with: { reason: may it, required: false }\n");
            writeln!(text, "    timeout: {}s", 5 + dice.below(60)).unwrap();
        }
        15 => {
            text.push_str("    uses: event.wait\n    with: { type: GO, required: false }\n");
            writeln!(text, "    timeout: {}s", 5 + dice.below(40)).unwrap();
        }
        16 => text.push_str("    uses: event.emit\n    with: { type: DONE, data: { n: \"${inputs.n}\" }, after: 1s }\n    retry: { attempts: 4, backoff: 200ms, max_backoff: 5s }\n"),
        _ => {
            writeln!(text, "    uses: agents.dispatch\n    with: {{ total_rps: {}.0 }}", 30 + dice.below(300)).unwrap();
            text.push_str("    timeout: 40s\n");
            if dice.percent(70) {
                text.push_str("    undo: previous\n");
            }
        }
    }
}

fn tries(dice: &Dice, text: &mut String) {
    if dice.percent(50) {
        writeln!(text, "    retry: {{ attempts: {}, backoff: 200ms, max_backoff: 5s }}", 2 + dice.below(3)).unwrap();
    }
    if dice.percent(50) {
        writeln!(text, "    timeout: {}s", 1 + dice.below(8)).unwrap();
    }
}
