//! One step as a box with lines of text, as wide as its longest line.

use super::{escaped, shortened, width_of};
use crate::base::literal::format_duration;
use crate::model::action::Effect;
use crate::plan::canonical::written;
use crate::plan::render::{is_conditional, one_line, scalar, uses};
use crate::plan::{Step, Undo};

/// Characters of a line; what is longer ends in an ellipsis, and stands whole in the box's tip.
const LONGEST: usize = 40;
/// Pixels between a box's border and its text.
const PADDING: f64 = 12.;
const LINE: f64 = 16.;
/// Height of the strip that says how a step is undone.
const STRIP: f64 = 20.;
/// How far the loop of an undo reaches out of the box, into what stays free around it.
const LOOP: f64 = 16.;

/// A step, measured and ready to be drawn.
pub(super) struct Card {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Class and text of each line.
    lines: Vec<(&'static str, String)>,
    undo: Option<String>,
    class: String,
    tip: String,
}

/// What is done.
fn action(step: &Step) -> String {
    match step.border {
        None => step.action.name.to_string(),
        Some(_) => uses(step),
    }
}

impl Card {
    pub(super) fn of(step: &Step) -> Self {
        let mut lines = vec![("name", step.name.to_string()), ("action", action(step))];
        if let Some(condition) = &step.condition {
            lines.push(("if", format!("if {}", one_line(&spaced(condition.text())))));
        }
        if let Some(each) = &step.for_each {
            let items = scalar(&written(&each.items));
            let items = items.strip_prefix("${").and_then(|items| items.strip_suffix('}')).unwrap_or(&items);
            lines.push(("if", format!("for each of {items}")));
        }
        let attempts = step.retry.map(|retry| format!("up to {} attempts", retry.attempts));
        let timeout = step.timeout.map(|timeout| format!("at most {}", format_duration(timeout)));
        let limits: Vec<String> = attempts.into_iter().chain(timeout).collect();
        if !limits.is_empty() {
            lines.push(("limit", limits.join(" of ").replace("attempts of at most", "attempts, each at most")));
        }
        if let Some(phase) = step.action.proposes {
            lines.push(("phase", format!("target becomes {}", phase.as_str())));
        }
        let undo = step.undo.as_ref().map(|undo| match undo {
            Undo::Previous => "undo: restore what was before".to_owned(),
            Undo::Action { action, .. } => format!("undo: {}", action.name),
        });
        let tip: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).chain(undo.as_deref()).collect();
        let tip = tip.join("\n");
        let tip = if step.docs.is_empty() { tip } else { format!("{tip}\n{}", one_line(&step.docs)) };
        let lines: Vec<(&str, String)> = lines
            .into_iter()
            .flat_map(|(class, text)| {
                let (first, rest) = if class == "if" { split(&text) } else { (text, None) };
                std::iter::once(first).chain(rest).map(move |text| (class, shortened(&text, LONGEST)))
            })
            .collect();
        let undo = undo.map(|undo| shortened(&undo, LONGEST));
        let widths = lines.iter().map(|(class, text)| width_of(text, *class == "name"));
        let widest = widths.chain(undo.iter().map(|undo| width_of(undo, false))).fold(110., f64::max);
        let effect = match step.action.effect {
            Effect::None => "none",
            Effect::Idempotent => "idempotent",
            Effect::AtMostOnce => "once",
        };
        let maybe = if is_conditional(step) { " maybe" } else { "" };
        Self {
            width: widest + 2. * PADDING,
            height: LINE * count(lines.len()) + PADDING + if undo.is_some() { STRIP } else { 0. },
            lines,
            undo,
            class: format!("step {effect}{maybe}"),
            tip,
        }
    }

    /// Draws it with its top left corner there.
    pub(super) fn draw(&self, left: f64, top: f64, out: &mut String) {
        let (width, height) = (self.width, self.height);
        out.push_str(&format!("<g class=\"{}\"><title>{}</title>\n", self.class, escaped(&self.tip)));
        out.push_str(&format!(
            "<rect class=\"box\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>\n"
        ));
        for (at, (class, text)) in self.lines.iter().enumerate() {
            let (x, y) = (left + width / 2., top + PADDING / 2. + LINE * count(at) + 12.);
            out.push_str(&format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escaped(text)));
        }
        if let Some(undo) = &self.undo {
            let (right, line) = (left + width, top + height - STRIP);
            out.push_str(&format!("<path class=\"strip\" d=\"M{left:.1} {line:.1}H{right:.1}\"/>\n"));
            let (x, y) = (left + width / 2., line + 14.);
            out.push_str(&format!("<text class=\"undo\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escaped(undo)));
            // Out at the strip, back in above it.
            let (from, to, out_to) = (line + STRIP / 2., f64::midpoint(top, line), right + LOOP);
            out.push_str(&format!(
                "<path class=\"edge back\" d=\"M{right:.1} {from:.1}C{out_to:.1} {from:.1} {out_to:.1} {to:.1} {:.1} {to:.1}\"/>\n",
                right + 2.
            ));
        }
        out.push_str("</g>\n");
    }
}

/// A text in two where it is too long for a line: behind the last blank that fits.
fn split(text: &str) -> (String, Option<String>) {
    let cut = text.char_indices().take(LONGEST + 1).filter(|(_, letter)| *letter == ' ').map(|(at, _)| at).last();
    match cut.filter(|_| text.chars().count() > LONGEST).and_then(|at| text.split_at_checked(at)) {
        Some((first, rest)) if first != "if" => (first.to_owned(), Some(rest.trim_start().to_owned())),
        _ => (text.to_owned(), None),
    }
}

/// Runs of blanks and line ends as one blank.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn count(lines: usize) -> f64 {
    f64::from(u32::try_from(lines).unwrap_or(u32::MAX))
}
