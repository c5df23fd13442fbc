//! `inspect --graph`: what an input is made of, as a drawing (SVG) or as text for Mermaid.
//!
//! Who uses something stands left of who provides it: exports first, then components and modules by
//! the longest way from an export, imports last.

use std::fmt::Write;

use clap::ValueEnum;
use wasmelt_compiler::{Graph, GraphNode, GraphNodeKind};

use crate::diagnostic::printable;

/// `--graph`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GraphFormat {
    /// A drawing
    Svg,
    /// Text that Markdown of GitHub and others shows as a drawing
    Mermaid,
}

/// All kinds, with their colours.
const KINDS: [(GraphNodeKind, &str, &str, &str); 4] = [
    (GraphNodeKind::Export, "export", "#e6f4ea", "#34a853"),
    (GraphNodeKind::Component, "component", "#e8f0fe", "#4285f4"),
    (GraphNodeKind::Module, "module", "#fef7e0", "#f9ab00"),
    (GraphNodeKind::Import, "import", "#fce8e6", "#ea4335"),
];

/// Sizes in pixels. The font is of fixed width.
const CHAR_WIDTH: usize = 8;
const LINE_HEIGHT: usize = 18;
const PADDING: usize = 10;
const ROW_GAP: usize = 14;
const COLUMN_GAP: usize = 110;
const MARGIN: usize = 20;

/// Longer names are cut.
const NAME_CHARS_MAX: usize = 60;

pub(crate) fn drawn(graph: &Graph, title: &str, format: GraphFormat) -> String {
    match format {
        GraphFormat::Svg => svg(graph, title),
        GraphFormat::Mermaid => mermaid(graph),
    }
}

fn style(kind: GraphNodeKind) -> (&'static str, &'static str, &'static str) {
    let row = KINDS.iter().find(|(known, ..)| *known == kind);
    let (_, name, fill, line) = row.expect("all kinds are there");
    (name, fill, line)
}

fn mermaid(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let (class, ..) = style(node.kind);
        let name = mermaid_text(&node.name);
        let label = match node.detail.is_empty() {
            true => name,
            false => format!("{name}<br/>{}", mermaid_text(&node.detail)),
        };
        let (open, close) = match node.kind {
            GraphNodeKind::Export | GraphNodeKind::Import => ("([", "])"),
            GraphNodeKind::Component | GraphNodeKind::Module => ("[", "]"),
        };
        let _ = writeln!(text, "  n{index}{open}\"{label}\"{close}:::{class}");
    }
    for (&(from, to), labels) in &graph.edges {
        let labels: Vec<String> = labels.iter().map(|label| mermaid_text(label)).collect();
        let label = match labels.is_empty() {
            true => String::new(),
            false => format!("|\"{}\"|", labels.join("<br/>")),
        };
        let _ = writeln!(text, "  n{from} -->{label} n{to}");
    }
    for (_, class, fill, line) in KINDS {
        let _ = writeln!(
            text,
            "  classDef {class} fill:{fill},stroke:{line},color:#000"
        );
    }
    text
}

/// Text between quotes, in which Mermaid has entities of its own.
fn mermaid_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(text).chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Where a node is drawn.
#[derive(Clone, Copy, Default)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

fn svg(graph: &Graph, title: &str) -> String {
    let places = places(graph);
    let right = places.iter().map(|place| place.x + place.width).max();
    let bottom = places.iter().map(|place| place.y + place.height).max();
    let (width, height) = (
        right.unwrap_or(0) + MARGIN,
        bottom.unwrap_or(0) + MARGIN + 2 * LINE_HEIGHT,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"13\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#888\"/></marker></defs>\n",
        escaped(title)
    );
    for (&(from, to), labels) in &graph.edges {
        edge(&mut text, places[from], places[to], &mut labels.iter());
    }
    for (node, &place) in graph.nodes.iter().zip(&places) {
        box_of(&mut text, node, place);
    }
    let mut x = MARGIN;
    for (_, name, fill, line) in KINDS {
        let y = height - MARGIN - LINE_HEIGHT;
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" \
             stroke=\"{line}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            x + 20,
            y + 12
        );
        x += 40 + name.len() * CHAR_WIDTH;
    }
    text.push_str("</svg>\n");
    text
}

/// Columns from left to right, and in each the nodes in an order in which few edges cross.
fn places(graph: &Graph) -> Vec<Place> {
    let columns = columns(graph);
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (node, &column) in columns.iter().enumerate() {
        rows[column].push(node);
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for &(from, to) in graph.edges.keys() {
        users[to].push(from);
    }
    let mut places = vec![Place::default(); graph.nodes.len()];
    let mut x = MARGIN;
    for nodes in &mut rows {
        // Beside those that use them, which are placed already.
        let middle = |node: usize| {
            let ys = users[node].iter().map(|&user| places[user].y);
            ys.sum::<usize>() / users[node].len().max(1)
        };
        nodes.sort_by_key(|&node| (middle(node), node));
        let (mut y, mut widest) = (MARGIN, 0);
        for &node in &*nodes {
            let size = size(&graph.nodes[node]);
            places[node] = Place { x, y, ..size };
            y += size.height + ROW_GAP;
            widest = widest.max(size.width);
        }
        if widest > 0 {
            x += widest + COLUMN_GAP;
        }
    }
    places
}

/// The column of each node: edges lead to the right.
fn columns(graph: &Graph) -> Vec<usize> {
    let mut columns = vec![0; graph.nodes.len()];
    // Who uses something was defined after it, and exports after everything.
    for &(from, to) in graph.edges.keys().rev() {
        if graph.nodes[from].kind == GraphNodeKind::Export {
            columns[to] = columns[to].max(1);
        }
    }
    for &(from, to) in graph.edges.keys().rev() {
        if graph.nodes[from].kind != GraphNodeKind::Export {
            columns[from] = columns[from].max(1);
            columns[to] = columns[to].max(columns[from] + 1);
        }
    }
    let last = columns.iter().max().copied().unwrap_or(0).max(1);
    for (column, node) in columns.iter_mut().zip(&graph.nodes) {
        match node.kind {
            GraphNodeKind::Export => *column = 0,
            GraphNodeKind::Import => *column = last,
            GraphNodeKind::Component | GraphNodeKind::Module => *column = (*column).max(1),
        }
    }
    columns
}

fn size(node: &GraphNode) -> Place {
    let chars = shown(&node.name).chars().count();
    let chars = chars.max(node.detail.chars().count());
    let lines = 1 + usize::from(!node.detail.is_empty());
    Place {
        width: chars * CHAR_WIDTH + 2 * PADDING,
        height: lines * LINE_HEIGHT + PADDING,
        ..Place::default()
    }
}

fn shown(name: &str) -> String {
    let name = printable(name);
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name,
    }
}

fn box_of(text: &mut String, node: &GraphNode, place: Place) {
    let Place {
        x,
        y,
        width,
        height,
    } = place;
    let (_, fill, line) = style(node.kind);
    let round = match node.kind {
        GraphNodeKind::Export | GraphNodeKind::Import => height / 2,
        GraphNodeKind::Component | GraphNodeKind::Module => 4,
    };
    let _ = writeln!(
        text,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
         rx=\"{round}\" fill=\"{fill}\" stroke=\"{line}\"/><text x=\"{}\" y=\"{}\">{}</text>",
        escaped(&printable(&node.name)),
        x + PADDING,
        y + LINE_HEIGHT,
        escaped(&shown(&node.name))
    );
    if !node.detail.is_empty() {
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" fill=\"#666\" font-size=\"11\">{}</text>",
            x + PADDING,
            y + 2 * LINE_HEIGHT,
            escaped(&node.detail)
        );
    }
    text.push_str("</g>\n");
}

fn edge(text: &mut String, from: Place, to: Place, labels: &mut dyn Iterator<Item = &String>) {
    let (x1, y1) = (from.x + from.width, from.y + from.height / 2);
    let (x2, y2) = (to.x, to.y + to.height / 2);
    let bend = COLUMN_GAP / 2;
    let _ = writeln!(
        text,
        "<path d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#888\" \
         marker-end=\"url(#tip)\"/>",
        x1 + bend,
        x2.saturating_sub(bend)
    );
    for (index, label) in labels.enumerate() {
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" fill=\"#555\" font-size=\"11\" text-anchor=\"middle\">{}</text>",
            x1.midpoint(x2),
            y1.midpoint(y2) + index * LINE_HEIGHT,
            escaped(&shown(label))
        );
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: GraphNodeKind, name: &str) -> GraphNode {
        GraphNode {
            kind,
            name: name.to_owned(),
            detail: String::new(),
        }
    }

    #[test]
    fn users_stand_left_of_providers() {
        let graph = Graph {
            nodes: vec![
                node(GraphNodeKind::Import, "i"),
                node(GraphNodeKind::Component, "a"),
                node(GraphNodeKind::Component, "b"),
                node(GraphNodeKind::Export, "e"),
            ],
            edges: [(1, 0), (2, 1), (3, 2)]
                .map(|edge| (edge, std::collections::BTreeSet::new()))
                .into(),
        };
        assert_eq!(columns(&graph), [3, 2, 1, 0]);
    }

    #[test]
    fn names_are_no_markup() {
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
        assert_eq!(mermaid_text("a\"#b"), "a#34;#35;b");
    }
}
