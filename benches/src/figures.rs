//! What was measured, as figures: kept in a file of text, so that charts can be drawn anew.
//!
//! A line is one figure: the chart it belongs to, the commit it was measured at, its row, its
//! series and its value, separated by tabs.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::options::Result;

/// The first line of a file.
const HEAD: &str = "wasmelt-bench figures 1";

#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    pub chart: String,
    pub commit: String,
    pub row: String,
    pub series: String,
    pub value: f64,
}

/// Figures of one run, or of several.
#[derive(PartialEq, Debug)]
pub struct Figures {
    /// Of what is added.
    commit: String,
    list: Vec<Figure>,
}

impl Figures {
    pub fn new(commit: &str) -> Figures {
        Figures {
            commit: word(commit),
            list: Vec::new(),
        }
    }

    /// Adds a figure, in place of the one that is there.
    pub fn add(&mut self, chart: &str, row: &str, series: &str, value: f64) {
        let figure = Figure {
            chart: word(chart),
            commit: self.commit.clone(),
            row: word(row),
            series: word(series),
            value,
        };
        let is_it = |other: &&mut Figure| {
            (&other.chart, &other.row, &other.series)
                == (&figure.chart, &figure.row, &figure.series)
        };
        match self.list.iter_mut().find(is_it) {
            Some(other) => *other = figure,
            None => self.list.push(figure),
        }
    }

    /// The figures of a chart, in order.
    pub fn of<'a>(&'a self, chart: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.list.iter().filter(move |figure| figure.chart == chart)
    }

    /// Adds all of a file that [`save`](Figures::save) has written.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        self.read(&text)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, self.text()).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn text(&self) -> String {
        let lines = self.list.iter().map(|figure| {
            let Figure {
                chart,
                commit,
                row,
                series,
                value,
            } = figure;
            format!("{chart}\t{commit}\t{row}\t{series}\t{value}\n")
        });
        format!("{HEAD}\n{}", lines.collect::<String>())
    }

    fn read(&mut self, text: &str) -> Result<()> {
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, line)| line) != Some(HEAD) {
            return Err(format!("it does not begin with `{HEAD}`"));
        }
        for (number, line) in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            let fault = |what: &str| format!("line {}: {what}", number + 1);
            let [chart, commit, row, series, value] = fields[..] else {
                return Err(fault("there are not five fields"));
            };
            let value: Option<f64> = value.parse().ok().filter(|value: &f64| value.is_finite());
            self.list.push(Figure {
                chart: chart.to_owned(),
                commit: commit.to_owned(),
                row: row.to_owned(),
                series: series.to_owned(),
                value: value.ok_or_else(|| fault("the last field is no number"))?,
            });
        }
        Ok(())
    }
}

/// Without what separates fields and lines.
fn word(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// The commit of the sources that this program was built of, with `+` when there are changes.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        let folder = env!("CARGO_MANIFEST_DIR");
        let output = Command::new("git").args(["-C", folder]).args(args).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let is_clean = git(&["status", "--porcelain", "-uno"]).is_some_and(|list| list.is_empty());
    commit + if is_clean { "" } else { "+" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let mut figures = Figures::new("0feff37");
        figures.add("start", "static\tC", "wall", 168.25);
        figures.add("start", "wasmelt", "wall", 1e-9);
        let mut loaded = Figures::new("0feff37");
        loaded.read(&figures.text()).unwrap();
        assert_eq!(loaded, figures);
        assert_eq!(loaded.of("start").next().unwrap().row, "static C");
        assert_eq!(loaded.of("size").count(), 0);
    }

    #[test]
    fn later_figures_take_the_place_of_earlier_ones() {
        let mut figures = Figures::new("a");
        figures
            .read(&format!("{HEAD}\nstart\told\twasmelt\twall\t2\n"))
            .unwrap();
        figures.add("start", "wasmelt", "wall", 1.0);
        let list: Vec<_> = figures.of("start").collect();
        assert_eq!(list.len(), 1);
        assert_eq!((list[0].value, list[0].commit.as_str()), (1.0, "a"));
    }

    #[test]
    fn other_files_are_refused() {
        let mut figures = Figures::new("a");
        let mut fault = |text: &str| figures.read(text).unwrap_err();
        assert!(fault("").contains("does not begin"));
        assert!(fault(&format!("{HEAD}\nstart\ta\tb\n")).starts_with("line 2: there are not"));
        assert!(fault(&format!("{HEAD}\na\tb\tc\td\tNaN\n")).starts_with("line 2: the last"));
    }
}
