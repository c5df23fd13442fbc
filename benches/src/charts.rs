//! Charts of what was measured: horizontal bars in SVG, readable on light and on dark pages.
//!
//! The files have no script and refer to nothing, so that pages can show them as images.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::figures::{Figure, Figures};
use crate::options::Result;

/// What is drawn, and how; its figures have the same name.
struct Chart {
    name: &'static str,
    title: &'static str,
    /// What the numbers are, and which way is good.
    unit: &'static str,
    section: &'static str,
    scale: Scale,
    /// A value to compare with.
    mark: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// From zero.
    Linear,
    /// Bars begin at one.
    Logarithmic,
}

const CHARTS: [Chart; 11] = [
    Chart {
        name: "start",
        title: "Hello world, from start to exit",
        unit: "microseconds, less is better",
        section: "startup",
        scale: Scale::Linear,
        mark: None,
    },
    Chart {
        name: "size",
        title: "Hello world, size",
        unit: "bytes, less is better",
        section: "size",
        scale: Scale::Linear,
        mark: None,
    },
    Chart {
        name: "code",
        title: "CPU time of programs, against Wasmtime",
        unit: "Wasmtime is 1, less is better",
        section: "throughput",
        scale: Scale::Linear,
        mark: Some(1.0),
    },
    Chart {
        name: "native",
        title: "CPU time of programs, against native code",
        unit: "native code is 1, less is better",
        section: "throughput",
        scale: Scale::Linear,
        mark: Some(1.0),
    },
    Chart {
        name: "compile",
        title: "Compiling, against Wasmtime",
        unit: "Wasmtime is 1, less is better",
        section: "compile components",
        scale: Scale::Linear,
        mark: Some(1.0),
    },
    Chart {
        name: "calls",
        title: "Calls from one component to another",
        unit: "times as fast as Wasmtime, more is better",
        section: "components",
        scale: Scale::Logarithmic,
        mark: Some(1.0),
    },
    Chart {
        name: "component-start",
        title: "Big components, from start to exit, against Wasmtime",
        unit: "Wasmtime is 1, less is better",
        section: "components",
        scale: Scale::Linear,
        mark: Some(1.0),
    },
    Chart {
        name: "streams",
        title: "1 GiB through streams of WASI 0.3",
        unit: "MiB a second, more is better",
        section: "async",
        scale: Scale::Linear,
        mark: None,
    },
    Chart {
        name: "async-memory",
        title: "Many timers and connections, peak memory",
        unit: "MiB, less is better",
        section: "async",
        scale: Scale::Linear,
        mark: None,
    },
    Chart {
        name: "http",
        title: "CPU time of a server for one request",
        unit: "microseconds, less is better",
        section: "http",
        scale: Scale::Logarithmic,
        mark: None,
    },
    Chart {
        name: "http-start",
        title: "A server, from exec to the end of its first response",
        unit: "milliseconds, less is better",
        section: "http",
        scale: Scale::Linear,
        mark: None,
    },
];

/// Writes a file for each chart that there are figures for.
pub fn draw(figures: &Figures, folder: &Path) -> Result<()> {
    let failed = |path: &Path, error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for chart in &CHARTS {
        let figures: Vec<&Figure> = figures.of(chart.name).collect();
        if figures.is_empty() {
            println!("{}: not measured, not drawn", chart.name);
            continue;
        }
        let path = folder.join(format!("{}.svg", chart.name));
        fs::write(&path, svg(chart, &figures)).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
/// Where bars begin and end; names are left of them, values right.
const LEFT: f64 = 250.0;
const RIGHT: f64 = 690.0;
const HEAD_HEIGHT: f64 = 78.0;
const BAR_HEIGHT: f64 = 13.0;
const ROW_GAP: f64 = 9.0;
const FOOT_HEIGHT: f64 = 48.0;

/// Colours: text, faint lines, and series, on light pages and on dark ones.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}
.t{font-size:15px;font-weight:600}
.f{fill:#57606a}
.e{text-anchor:end}
.m{text-anchor:middle}
.g{stroke:#d0d7de}
.r{stroke:#24292f;stroke-dasharray:4 3}
.s0{fill:#0969da}
.s1{fill:#bf8700}
.s2{fill:#8c959f}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.f{fill:#9198a1}
.g{stroke:#3d444d}
.r{stroke:#e6edf3}
.s0{fill:#4493f8}
.s1{fill:#d29922}
.s2{fill:#656c76}
}
";
/// Classes of [`STYLE`].
const COLOURS: usize = 3;

/// Values to places from left to right.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// Where lines are drawn.
    ticks: Vec<f64>,
}

impl Axis {
    fn new(chart: &Chart, figures: &[&Figure]) -> Axis {
        let values = figures.iter().map(|figure| figure.value);
        let largest = values
            .clone()
            .chain(chart.mark)
            .fold(f64::MIN_POSITIVE, f64::max);
        match chart.scale {
            Scale::Linear => {
                let step = round_step(largest / 4.0);
                let steps = (largest / step).ceil().max(1.0) as usize;
                let ticks: Vec<f64> = (0..=steps).map(|tick| tick as f64 * step).collect();
                Axis {
                    scale: chart.scale,
                    low: 0.0,
                    high: ticks[steps],
                    ticks,
                }
            }
            Scale::Logarithmic => {
                let smallest = values.filter(|value| *value > 0.0).fold(1.0, f64::min);
                let largest = largest.max(2.0);
                let decades = smallest.log10().floor() as i32..=largest.log10().floor() as i32;
                let ticks: Vec<f64> = decades
                    .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)))
                    .collect();
                let low = ticks.iter().copied().rfind(|tick| *tick <= smallest);
                let high = ticks.iter().copied().find(|tick| *tick >= largest);
                let (low, high) = (low.unwrap_or(smallest), high.unwrap_or(largest));
                let is_shown = |tick: &f64| (low..=high).contains(tick);
                Axis {
                    scale: chart.scale,
                    low,
                    high,
                    ticks: ticks.into_iter().filter(is_shown).collect(),
                }
            }
        }
    }

    /// How far right a value is.
    fn x(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => value / self.high,
            Scale::Logarithmic => {
                (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
            }
        };
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Where bars begin.
    fn start(&self) -> f64 {
        self.x(match self.scale {
            Scale::Linear => 0.0,
            Scale::Logarithmic => 1.0,
        })
    }
}

/// The next number above that is 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0];
    let digit = digits.into_iter().find(|digit| digit * power >= least);
    digit.unwrap_or(10.0) * power
}

/// The different ones, in the order in which they come.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut list: Vec<&str> = Vec::new();
    for name in names {
        if !list.contains(&name) {
            list.push(name);
        }
    }
    list
}

/// The chart as a file.
fn svg(chart: &Chart, figures: &[&Figure]) -> String {
    let rows = distinct(figures.iter().map(|figure| figure.row.as_str()));
    let series = distinct(figures.iter().map(|figure| figure.series.as_str()));
    let commits = distinct(figures.iter().map(|figure| figure.commit.as_str()));
    let axis = Axis::new(chart, figures);
    let row_height = series.len() as f64 * BAR_HEIGHT + ROW_GAP;
    let bottom = HEAD_HEIGHT + rows.len() as f64 * row_height;
    let height = bottom + FOOT_HEIGHT;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
        escaped(chart.title)
    );
    head(&mut text, chart, &series);
    grid(&mut text, &axis, bottom);
    for (position, row) in rows.iter().enumerate() {
        let top = HEAD_HEIGHT + position as f64 * row_height;
        let middle = top + (row_height - ROW_GAP) / 2.0 + 4.0;
        label(&mut text, "e", LEFT - 10.0, middle, row);
        for figure in figures.iter().filter(|figure| figure.row == *row) {
            let place = series.iter().position(|name| *name == figure.series);
            let place = place.expect("the series are of these figures");
            bar(&mut text, &axis, top, place, figure.value);
        }
    }
    if let Some(mark) = chart.mark {
        line(&mut text, "r", axis.x(mark), bottom);
    }
    let command = format!(
        "wasmelt-bench {}, commit {}",
        chart.section,
        commits.join(", ")
    );
    label(&mut text, "f", MARGIN, height - 12.0, &command);
    text.push_str("</svg>\n");
    text
}

/// Title, unit, and which colour is what.
fn head(text: &mut String, chart: &Chart, series: &[&str]) {
    label(text, "t", MARGIN, 24.0, chart.title);
    label(text, "f", MARGIN, 43.0, chart.unit);
    if series.len() < 2 {
        return;
    }
    let mut left = LEFT;
    for (place, name) in series.iter().enumerate() {
        let _ = writeln!(
            text,
            "<rect class=\"s{}\" x=\"{left}\" y=\"53\" width=\"10\" height=\"10\"/>",
            place % COLOURS
        );
        label(text, "", left + 15.0, 62.0, name);
        left += 34.0 + name.chars().count() as f64 * 6.5;
    }
}

fn grid(text: &mut String, axis: &Axis, bottom: f64) {
    for &tick in &axis.ticks {
        line(text, "g", axis.x(tick), bottom);
        label(text, "f m", axis.x(tick), bottom + 14.0, &number(tick));
    }
}

fn line(text: &mut String, class: &str, x: f64, bottom: f64) {
    let top = HEAD_HEIGHT - 6.0;
    let _ = writeln!(
        text,
        "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
    );
}

fn bar(text: &mut String, axis: &Axis, top: f64, place: usize, value: f64) {
    let (start, end) = (axis.start(), axis.x(value));
    let (left, width) = (start.min(end), (end - start).abs().max(1.0));
    let top = top + place as f64 * BAR_HEIGHT;
    let _ = writeln!(
        text,
        "<rect class=\"s{}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{}\"/>",
        place % COLOURS,
        BAR_HEIGHT - 2.0
    );
    label(
        text,
        "",
        left + width + 5.0,
        top + BAR_HEIGHT - 3.0,
        &number(value),
    );
}

fn label(text: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let class = match class {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    };
    let _ = writeln!(
        text,
        "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escaped(words)
    );
}

/// Three digits that matter, thousands apart.
fn number(value: f64) -> String {
    if value.abs() >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    let decimals = match value.abs() {
        0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(scale: Scale) -> Chart {
        Chart {
            name: "test",
            title: "A & B < C",
            unit: "less is better",
            section: "size",
            scale,
            mark: Some(1.0),
        }
    }

    fn drawn(scale: Scale, values: &[f64]) -> String {
        let mut figures = Figures::new("c0ffee0");
        for (position, value) in values.iter().enumerate() {
            figures.add("test", &format!("row <{position}>"), "wasmelt", *value);
        }
        svg(&chart(scale), &figures.of("test").collect::<Vec<_>>())
    }

    /// The numbers that an attribute of the bars has.
    fn bars(svg: &str, attribute: &str) -> Vec<f64> {
        let bars = svg.lines().filter(|line| line.starts_with("<rect"));
        let value = |line: &str| {
            let (_, rest) = line.split_once(&format!(" {attribute}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        bars.map(value).collect()
    }

    #[test]
    fn bars_are_as_long_as_values_are_large() {
        let widths = bars(&drawn(Scale::Linear, &[0.5, 1.0, 2.0]), "width");
        assert!((widths[1] - 2.0 * widths[0]).abs() < 0.2, "{widths:?}");
        assert!((widths[2] - 2.0 * widths[1]).abs() < 0.2, "{widths:?}");
    }

    #[test]
    fn logarithmic_bars_begin_at_one() {
        let svg = drawn(Scale::Logarithmic, &[0.5, 2.0, 4.0]);
        let (left, width) = (bars(&svg, "x"), bars(&svg, "width"));
        assert!((left[0] + width[0] - left[1]).abs() < 0.2, "{svg}");
        assert!((width[2] - 2.0 * width[1]).abs() < 0.2, "{svg}");
    }

    #[test]
    fn text_is_escaped_and_nothing_leaves_the_page() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            for values in [&[][..], &[0.0], &[1e-9, 1e12], &[1.0; 40]] {
                let svg = drawn(scale, values);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(!svg.contains("row <"), "{svg}");
                assert!(svg.contains("A &amp; B &lt; C"), "{svg}");
                for (x, width) in bars(&svg, "x").into_iter().zip(bars(&svg, "width")) {
                    assert!(x >= LEFT - 1.0 && x + width <= RIGHT + 1.0, "{svg}");
                }
                assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
            }
        }
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.884, "0.88"),
            (1.0, "1"),
            (49.04, "49"),
            (168.3, "168"),
            (46936.0, "46,936"),
            (1_234_567.0, "1,234,567"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
