//! Where the steps of a graph stand in a picture, and the ways of the edges between them: a layered drawing.
//!
//! The layout library finds the places; it draws nothing.

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::{Point, Position};
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

/// What stays free around a box, in pixels: side by side, and one below the other.
const FREE: Point = Point { x: 36., y: 52. };

/// Boxes and edges of a picture, the topmost and leftmost at zero. All in pixels.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Top left corner of each box, in the order they were given.
    pub(super) corners: Vec<(f64, f64)>,
    /// For each edge, in the order they were given, what `d` of a path holds.
    pub(super) paths: Vec<String>,
}

/// Places boxes of these sizes, from top to bottom along the edges, which hold no cycle and name boxes by their index.
pub(super) fn place(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Places {
    if sizes.is_empty() {
        return Places::default();
    }
    let mut graph = VisualGraph::new(Orientation::TopToBottom);
    let nodes: Vec<_> = sizes
        .iter()
        .map(|(width, height)| {
            let mut element = Element::create(
                ShapeKind::new_box(""),
                StyleAttr::simple(),
                Orientation::TopToBottom,
                Point::new(*width, *height),
            );
            element.pos = Position::new(Point::zero(), Point::new(*width, *height), Point::zero(), FREE);
            graph.add_node(element)
        })
        .collect();
    for (before, after) in edges {
        if let Some((before, after)) = nodes.get(*before).zip(nodes.get(*after)) {
            graph.add_edge(Arrow::simple(""), *before, *after);
        }
    }
    let mut ways = Ways::default();
    graph.do_it(false, false, false, &mut ways);

    let boxes: Vec<(Point, Point)> = nodes.iter().map(|node| graph.pos(*node).bbox(false)).collect();
    let points =
        || boxes.iter().flat_map(|(first, last)| [first, last]).chain(ways.0.iter().flatten().map(|(_, at)| at));
    let left = points().map(|point| point.x).fold(f64::INFINITY, f64::min);
    let top = points().map(|point| point.y).fold(f64::INFINITY, f64::min);
    Places {
        width: points().map(|point| point.x).fold(0., f64::max) - left,
        height: points().map(|point| point.y).fold(0., f64::max) - top,
        corners: boxes.iter().map(|(corner, _)| (corner.x - left, corner.y - top)).collect(),
        paths: ways.0.iter().map(|way| path(way, left, top)).collect(),
    }
}

/// A way as a row of Bézier curves. The first pair is where it starts and the control point there; each other pair is the
/// control point before a place, and that place.
fn path(way: &[(Point, Point)], left: f64, top: f64) -> String {
    let at = |point: &Point| format!("{:.1} {:.1}", point.x - left, point.y - top);
    let mut path = String::new();
    for (number, (first, second)) in way.iter().enumerate() {
        path.push_str(&match number {
            0 => format!("M{} C{} ", at(first), at(second)),
            1 => format!("{} {}", at(first), at(second)),
            _ => format!(" S{} {}", at(first), at(second)),
        });
    }
    path
}

/// The ways of the edges, taken down where others would draw them.
#[derive(Debug, Default)]
struct Ways(Vec<Vec<(Point, Point)>>);

impl RenderBackend for Ways {
    fn draw_rect(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>, _: Option<ClipHandle>) {}

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        self.0.push(path.to_vec());
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sizes and edges.
    type Made = (Vec<(f64, f64)>, Vec<(usize, usize)>);

    /// Boxes of any size, and edges that lead from a lower index to a higher one.
    fn graphs() -> impl Strategy<Value = Made> {
        (1_usize..40).prop_flat_map(|count| {
            let size = (40.0..420.0_f64, 20.0..120.0_f64);
            let edge = (0..count, 0..count).prop_filter("no loop", |(one, other)| one != other);
            let edge = edge.prop_map(|(one, other)| (one.min(other), one.max(other)));
            let edges = prop::collection::btree_set(edge, 0..if count > 1 { 2 * count } else { 1 });
            (prop::collection::vec(size, count), edges.prop_map(|edges| edges.into_iter().collect()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn boxes_stand_apart_and_edges_lead_down((sizes, edges) in graphs()) {
            let places = place(&sizes, &edges);
            prop_assert_eq!(places.corners.len(), sizes.len());
            prop_assert_eq!(places.paths.len(), edges.len());
            let boxes: Vec<_> = places.corners.iter().zip(&sizes).collect();
            for (at, ((x, y), (width, height))) in boxes.iter().enumerate() {
                prop_assert!(*x >= 0. && *y >= 0. && x + width <= places.width + 0.1 && y + height <= places.height + 0.1);
                for ((other_x, other_y), (other_width, other_height)) in &boxes[at + 1..] {
                    let apart = x + width < *other_x || other_x + other_width < *x;
                    prop_assert!(apart || y + height < *other_y || other_y + other_height < *y);
                }
            }
            for (before, after) in edges {
                prop_assert!(places.corners[before].1 + sizes[before].1 < places.corners[after].1);
            }
        }
    }

    #[test]
    fn the_same_graph_has_the_same_places() {
        let sizes: Vec<(f64, f64)> = (0..60).map(|at| (100. + f64::from(at % 7) * 20., 60.)).collect();
        let edges: Vec<(usize, usize)> = (1..60).flat_map(|at| [(at / 2, at), (at / 3, at)]).collect();
        let edges: Vec<_> = edges.into_iter().filter(|(before, after)| before < after).collect();
        let first = place(&sizes, &edges);
        for _ in 0..3 {
            let again = place(&sizes, &edges);
            assert_eq!((&again.corners, &again.paths), (&first.corners, &first.paths));
        }
    }
}
