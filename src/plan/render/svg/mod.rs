//! A plan as a picture: one SVG file that needs no other, readable on light and dark pages.
//!
//! Solid edges are `needs`, dashed ones references; a dashed box may be skipped; a loop is an undo; what happens after a
//! failure stands in a frame of its own, with an edge to it. Every box has its whole text as a tip.

mod card;
mod place;

use card::Card;
use place::{Places, place};

use super::one_line;
use crate::plan::Plan;
use crate::plan::graph::{Edge, Graph};

/// Pixels around everything.
const MARGIN: f64 = 24.;
/// Where the steps begin: below the title.
const TOP: f64 = 76.;
/// Pixels between the steps and the frame below them.
const GAP: f64 = 56.;
/// Width of the line on the left that leads to the frame.
const RAIL: f64 = 20.;
/// Characters of the summary below the title.
const SUMMARY: usize = 140;
/// Characters of the digest that are shown.
const DIGEST: usize = 19;
/// Pixels of one character: of a name, and of everything else. The fonts are monospaced; some programs round up.
const WIDE: f64 = 8.2;
const NARROW: f64 = 7.1;

const STYLE: &str = "\
text{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:11px;text-anchor:middle;fill:#57606a}
.page{fill:#fff}.title,.name{fill:#1f2328;font-weight:bold}.title{font-size:16px}.name{font-size:13px}.start{text-anchor:start}
.box{fill:#f6f8fa;stroke:#8c959f}.idempotent .box{fill:#ddf4ff;stroke:#54aeff}.once .box{fill:#fbefff;stroke:#c297ff}
.maybe .box{stroke-dasharray:5 3}.if{fill:#0550ae}.phase{fill:#116329;font-weight:bold}.undo{fill:#9a6700}
.strip{stroke:#d4a72c;stroke-dasharray:2 2;fill:none}
.edge{fill:none;stroke:#57606a;stroke-width:1.3;marker-end:url(#head)}.reference{stroke-dasharray:5 4}
.implied{stroke-opacity:.45}
.back{stroke:#bf8700;stroke-dasharray:3 2;marker-end:url(#head-back)}
.failure{stroke:#cf222e;stroke-dasharray:7 3;marker-end:url(#head-failure)}.frame{fill:none;stroke:#cf222e;stroke-dasharray:7 3}
.red{fill:#cf222e}.tip{fill:#57606a}.tip-back{fill:#bf8700}.tip-failure{fill:#cf222e}
@media (prefers-color-scheme:dark){text{fill:#9198a1}.page{fill:#0d1117}.title,.name{fill:#f0f6fc}
.box{fill:#151b23;stroke:#656c76}.idempotent .box{fill:#0c2d5a;stroke:#388bfd}.once .box{fill:#2f1c52;stroke:#8957e5}
.if{fill:#79c0ff}.phase{fill:#56d364}.undo{fill:#e3b341}.strip{stroke:#9e6a03}.edge{stroke:#9198a1}.back{stroke:#d29922}
.failure,.frame{stroke:#f85149}.red{fill:#ff7b72}.tip{fill:#9198a1}.tip-back{fill:#d29922}.tip-failure{fill:#f85149}}
";

const MARKERS: &str = "\
<defs>
<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" \
orient=\"auto\"><path class=\"tip\" d=\"M0 0.5L8 4L0 7.5z\"/></marker>
<marker id=\"head-back\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tip-back\" d=\"M0 0.5L8 4L0 7.5z\"/></marker>
<marker id=\"head-failure\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"9\" markerHeight=\"9\" \
markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tip-failure\" d=\"M0 0.5L8 4L0 7.5z\"/></marker>
</defs>
";

pub(super) fn render(plan: &Plan) -> String {
    let (steps, handler) = (Drawing::of(&plan.steps), Drawing::of(&plan.on_failure));
    let can_undo = plan.steps.iter().any(|(_, step)| step.undo.is_some());
    let undone = if can_undo { "undo what was done, last first" } else { "nothing can be undone" };
    let then = if plan.on_failure.is_empty() { "the target is left degraded" } else { "on failure" };
    let frame_title = format!("{undone}, then: {then}");
    let summary = shortened(&one_line(&plan.summary), SUMMARY);
    let title = plan.workflow.to_string();

    let frame_width = (handler.places.width + 2. * MARGIN).max(width_of(&frame_title, false) + 2. * MARGIN);
    let frame_height = if plan.on_failure.is_empty() { 36. } else { handler.places.height + MARGIN + 36. };
    let widths = [
        RAIL + steps.places.width,
        frame_width,
        width_of(&title, true) * 1.25,
        width_of(&summary, false),
        width_of(LEGEND, false),
    ];
    let width = widths.into_iter().fold(0., f64::max) + 2. * MARGIN;
    let frame_top = TOP + steps.places.height + GAP;
    let legend = frame_top + frame_height + 28.;
    let height = legend + MARGIN;

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n{MARKERS}",
        escaped(&format!("workflow {title}"))
    );
    out.push_str(&format!("<rect class=\"page\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n"));
    out.push_str(&format!("<text class=\"title start\" x=\"{MARGIN}\" y=\"32\">{}</text>\n", escaped(&title)));
    let digest: String = plan.digest.to_string().chars().take(DIGEST).collect();
    let digest_at = MARGIN + width_of(&title, true) * 1.25 + 12.;
    out.push_str(&format!("<text class=\"start\" x=\"{digest_at:.1}\" y=\"32\">{}</text>\n", escaped(&digest)));
    out.push_str(&format!("<text class=\"start\" x=\"{MARGIN}\" y=\"52\">{}</text>\n", escaped(&summary)));

    // The way of a failure: down the left side of all steps, into the frame.
    let rail = MARGIN + 4.;
    out.push_str(&format!(
        "<path class=\"edge failure\" d=\"M{:.1} {TOP:.1}H{rail:.1}V{frame_top:.1}\"/>\n",
        rail + 12.
    ));
    out.push_str(&format!(
        "<text class=\"red start\" x=\"{:.1}\" y=\"{:.1}\">when a step fails</text>\n",
        rail + 10.,
        frame_top - 14.
    ));
    let spare = (width - 2. * MARGIN - RAIL - steps.places.width) / 2.;
    steps.draw(MARGIN + RAIL + spare.max(0.), TOP, &mut out);

    out.push_str(&format!(
        "<rect class=\"frame\" x=\"{MARGIN}\" y=\"{frame_top:.1}\" width=\"{frame_width:.1}\" height=\"{frame_height:.1}\" rx=\"8\"/>\n\
         <text class=\"red start\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
        MARGIN * 2.,
        frame_top + 22.,
        escaped(&frame_title)
    ));
    handler.draw(MARGIN * 2., frame_top + 36., &mut out);
    out.push_str(&format!("<text class=\"start\" x=\"{MARGIN}\" y=\"{legend:.1}\">{}</text>\n", escaped(LEGEND)));
    out.push_str("</svg>\n");
    out
}

const LEGEND: &str = "edges: solid needs, dashed refers to · dashed box: may be skipped · grey: changes nothing, blue: may be repeated, violet: never repeated";

/// The steps of one graph with their places.
struct Drawing {
    cards: Vec<Card>,
    places: Places,
    /// The class of each edge.
    classes: Vec<&'static str>,
}

impl Drawing {
    fn of(graph: &Graph) -> Self {
        let cards: Vec<Card> = graph.iter().map(|(_, step)| Card::of(step)).collect();
        let sizes: Vec<(f64, f64)> = cards.iter().map(|card| (card.width, card.height)).collect();
        let edges = graph.edges();
        let pairs: Vec<(usize, usize)> = edges.iter().map(|(before, after, _)| (before.0, after.0)).collect();
        let classes = edges.iter().map(|(before, after, why)| {
            // What another way implies stays in the background.
            let dependencies = graph.dependencies(*after);
            let implied = dependencies.iter().any(|(other, _)| graph.waits_for(*other, *before));
            match (why, implied) {
                (Edge::Needs, false) => "edge",
                (Edge::Needs, true) => "edge implied",
                (Edge::Reference, false) => "edge reference",
                (Edge::Reference, true) => "edge reference implied",
            }
        });
        let classes = classes.collect();
        Self { cards, places: place(&sizes, &pairs), classes }
    }

    fn draw(&self, left: f64, top: f64, out: &mut String) {
        out.push_str(&format!("<g transform=\"translate({left:.1} {top:.1})\">\n"));
        for (class, path) in self.classes.iter().zip(&self.places.paths) {
            out.push_str(&format!("<path class=\"{class}\" d=\"{path}\"/>\n"));
        }
        for (card, (x, y)) in self.cards.iter().zip(&self.places.corners) {
            card.draw(*x, *y, out);
        }
        out.push_str("</g>\n");
    }
}

/// Pixels that a text takes at the most. Letters from beyond ASCII may be twice as wide.
fn width_of(text: &str, wide: bool) -> f64 {
    let one = if wide { WIDE } else { NARROW };
    text.chars().map(|letter| if letter.is_ascii() { one } else { 2. * one }).sum()
}

/// At most so many characters; an ellipsis takes the place of what is too much.
fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Text as XML holds it.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to write these.
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            control if control.is_control() && control != '\n' => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}
