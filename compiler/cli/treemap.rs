//! `inspect --size --html`: what takes the bytes, as a page with nested rectangles.
//!
//! The page needs nothing else, and no script: each rectangle's area is its bytes, and its title
//! says what it is. Rectangles of a row are made as near to squares as they can be (Bruls, Huizing,
//! van Wijk: Squarified Treemaps, 2000).

use std::fmt::Write;

use crate::build::size;
use crate::size::Part;

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 760.0;

/// Above the parts of a rectangle stands its name.
const TITLE_HEIGHT: f64 = 15.0;

/// What is smaller than this is not drawn: nobody could see it.
const SIDE_MIN: f64 = 1.5;

/// Names need this much.
const LABEL_WIDTH: f64 = 40.0;
const CHAR_WIDTH: f64 = 6.7;

/// By depth, and within it in turn.
const COLOURS: [&str; 8] = [
    "#8ecae6", "#ffb703", "#a7c957", "#f4a261", "#cdb4db", "#90be6d", "#f28482", "#b8c0cc",
];

#[derive(Clone, Copy, PartialEq, Debug)]
struct Rectangle {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The page.
pub(crate) fn page(tree: &Part) -> String {
    let title = escaped(&tree.name);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>\nbody {{ font: 14px sans-serif; margin: 20px; }}\n\
         rect {{ stroke: #fff; }}\nrect:hover {{ stroke: #000; }}\n\
         text {{ font: 11px monospace; pointer-events: none; }}\n</style>\n\
         <h1>{title}</h1>\n<p>{} in {} sections. Areas are bytes; a rectangle says what it is.</p>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"100%\">\n",
        size(tree.bytes),
        tree.parts.len()
    );
    let whole = Rectangle {
        x: 0.0,
        y: 0.0,
        width: WIDTH,
        height: HEIGHT,
    };
    for (index, (part, place)) in tree
        .parts
        .iter()
        .zip(placed(&tree.parts, whole))
        .enumerate()
    {
        let place = place.filter(Rectangle::is_visible);
        if let Some(place) = place {
            draw(&mut text, part, place, index, "", tree.bytes);
        }
    }
    text.push_str("</svg>\n</html>\n");
    text
}

impl Rectangle {
    fn is_visible(&self) -> bool {
        self.width >= SIDE_MIN && self.height >= SIDE_MIN
    }
}

/// A part, and its parts in it.
fn draw(text: &mut String, part: &Part, place: Rectangle, index: usize, above: &str, all: u64) {
    let Rectangle {
        x,
        y,
        width,
        height,
    } = place;
    let path = match above.is_empty() {
        true => part.name.clone(),
        false => format!("{above} › {}", part.name),
    };
    let percent = part.bytes as f64 * 100.0 / all.max(1) as f64;
    let colour = COLOURS[index % COLOURS.len()];
    let _ = writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{colour}\"><title>{}: {} bytes, {percent:.1} %</title></rect>",
        escaped(&path),
        part.bytes
    );
    if width >= LABEL_WIDTH && height >= TITLE_HEIGHT {
        let chars = ((width - 6.0) / CHAR_WIDTH) as usize;
        let label: String = part.name.chars().take(chars).collect();
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 3.0,
            y + 11.0,
            escaped(&label)
        );
    }
    let inner = Rectangle {
        x: x + 2.0,
        y: y + TITLE_HEIGHT,
        width: width - 4.0,
        height: height - TITLE_HEIGHT - 2.0,
    };
    if part.parts.is_empty() || inner.width <= 0.0 || inner.height <= 0.0 {
        return;
    }
    for (below, (inside, place)) in part
        .parts
        .iter()
        .zip(placed(&part.parts, inner))
        .enumerate()
    {
        if let Some(place) = place.filter(Rectangle::is_visible) {
            draw(text, inside, place, index + 1 + below, &path, all);
        }
    }
}

/// Where parts lie in a rectangle. They are sorted, the largest first; none for those without room.
fn placed(parts: &[Part], whole: Rectangle) -> Vec<Option<Rectangle>> {
    let all: u64 = parts.iter().map(|part| part.bytes).sum();
    let scale = whole.width * whole.height / all.max(1) as f64;
    let areas: Vec<f64> = parts.iter().map(|part| part.bytes as f64 * scale).collect();
    let mut places = vec![None; parts.len()];
    let (mut free, mut first) = (whole, 0);
    while first < areas.len() && free.is_visible() {
        let side = free.width.min(free.height);
        let mut end = first + 1;
        while end < areas.len()
            && worst(&areas[first..=end], side) <= worst(&areas[first..end], side)
        {
            end += 1;
        }
        let row: f64 = areas[first..end].iter().sum();
        let depth = row / side;
        let mut along = 0.0;
        for (place, area) in places[first..end].iter_mut().zip(&areas[first..end]) {
            let length = area / depth;
            *place = Some(match free.width >= free.height {
                true => Rectangle {
                    x: free.x,
                    y: free.y + along,
                    width: depth,
                    height: length,
                },
                false => Rectangle {
                    x: free.x + along,
                    y: free.y,
                    width: length,
                    height: depth,
                },
            });
            along += length;
        }
        match free.width >= free.height {
            true => {
                free.x += depth;
                free.width -= depth;
            }
            false => {
                free.y += depth;
                free.height -= depth;
            }
        }
        first = end;
    }
    places
}

/// The worst relation of sides in a row of these areas along a side.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let (largest, smallest) = (row[0], row[row.len() - 1]);
    let square = side * side;
    (square * largest / (sum * sum)).max(sum * sum / (square * smallest.max(f64::MIN_POSITIVE)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_bytes_and_lie_within() {
        let part = |bytes| Part {
            name: String::from("p"),
            bytes,
            parts: Vec::new(),
        };
        let parts: Vec<Part> = [600, 600, 400, 300, 200, 200, 100].map(part).into();
        let whole = Rectangle {
            x: 0.0,
            y: 0.0,
            width: 600.0,
            height: 400.0,
        };
        for (part, place) in parts.iter().zip(placed(&parts, whole)) {
            let place = place.expect("there is room");
            let area = place.width * place.height;
            assert!((area - part.bytes as f64 * 100.0).abs() < 1.0, "{place:?}");
            assert!(place.x >= -0.01 && place.x + place.width <= 600.01);
            assert!(place.y >= -0.01 && place.y + place.height <= 400.01);
            assert!(place.width / place.height < 4.0 && place.height / place.width < 4.0);
        }
    }
}
