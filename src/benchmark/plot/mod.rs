//! Draws a benchmark: for each metric the percentile curves of all variants, and beside them the distributions.
//!
//! A picture brings its own light panel, so that it reads alike on paper and on dark pages. Colours are those of Okabe and
//! Ito, which people with colour-blindness tell apart, and lines are dashed differently for print without colours. The
//! font is embedded, so that nothing of the host decides how a picture looks.

mod curve;
mod density;
mod style;

use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::*;

use self::style::{HEAD_PX, INK, PANEL, ROW_PX, Scaled, WIDTH_PX};
use super::Results;
use crate::convergence::Metric;
use crate::words::counted;

/// What a picture shows if nobody says it: how long each step of a failover takes.
pub const MAIN: [Metric; 4] = [Metric::Pfail, Metric::Fail, Metric::VoteWon, Metric::Unwritable];

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// Its name does not say which kind it is to be.
    #[error("--plot {}: a picture is a .svg or a .png", .0.display())]
    Kind(PathBuf),
    /// It cannot be drawn or written.
    #[error("cannot draw {}: {why}", path.display())]
    Drawing {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// What a drawing area answers with.
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// The kind of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines and text, of any size.
    Svg,
    /// Dots, twice as many as the drawing's size says.
    Png,
}

impl Kind {
    /// The kind that a file's name says.
    pub fn of(path: &Path) -> Result<Kind, PlotError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Ok(Kind::Svg),
            Some("png") => Ok(Kind::Png),
            _ => Err(PlotError::Kind(path.to_owned())),
        }
    }
}

/// Draws the metrics of a benchmark into a file, of the kind that its name says.
pub fn draw(results: &Results, metrics: &[Metric], path: &Path) -> Result<(), PlotError> {
    let failed = |why: String| PlotError::Drawing { path: path.to_owned(), why };
    style::register_font().map_err(failed)?;
    match Kind::of(path)? {
        Kind::Svg => {
            let text = svg(results, metrics).map_err(failed)?;
            std::fs::write(path, text).map_err(|error| failed(error.to_string()))
        }
        Kind::Png => {
            let sheet = Sheet { results, metrics, scale: Scaled(2) };
            let root = BitMapBackend::new(path, sheet.size()).into_drawing_area();
            sheet.draw(&root).and_then(|()| root.present()).map_err(|error| failed(error.to_string()))
        }
    }
}

fn svg(results: &Results, metrics: &[Metric]) -> Result<String, String> {
    let sheet = Sheet { results, metrics, scale: Scaled(1) };
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, sheet.size()).into_drawing_area();
        sheet.draw(&root).and_then(|()| root.present()).map_err(|error| error.to_string())?;
    }
    Ok(text)
}

/// One picture.
struct Sheet<'a> {
    results: &'a Results,
    metrics: &'a [Metric],
    scale: Scaled,
}

/// The figures of one variant in one metric.
struct Series {
    /// Its place among the variants, which gives colour and dashes.
    place: usize,
    /// Milliseconds, ascending; never empty.
    ascending_ms: Vec<f64>,
}

impl Sheet<'_> {
    fn size(&self) -> (u32, u32) {
        let rows = self.metrics.len() as u32 * ROW_PX;
        let Scaled(scale) = self.scale;
        (WIDTH_PX * scale, (self.head_px() + rows) * scale)
    }

    fn head_px(&self) -> u32 {
        HEAD_PX + style::LEGEND_PX * self.results.variants.len() as u32
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        root.fill(&PANEL)?;
        let (head, body) = root.split_vertically(self.scale.px(self.head_px()));
        self.head(&head)?;
        let rows = body.split_evenly((self.metrics.len(), 1));
        for (metric, row) in self.metrics.iter().zip(&rows) {
            self.row(*metric, row)?;
        }
        Ok(())
    }

    fn head<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        let Results { scenario, seeds, variants, .. } = self.results;
        let title =
            format!("{}: {} of each variant, in virtual time", scenario.name, counted(seeds.count, "run"));
        let left = self.scale.px(24);
        area.draw_text(&title, &self.scale.bold(20).color(&INK), (left, self.scale.px(20)))?;
        for (place, variant) in variants.iter().enumerate() {
            let y = self.scale.px(HEAD_PX - 8 + style::LEGEND_PX * place as u32);
            let middle = y + self.scale.px(7);
            let line = vec![(left, middle), (left + self.scale.px(44), middle)];
            style::line(area, &line, place, self.scale)?;
            let label = self.scale.plain(15).color(&INK);
            area.draw_text(&variant.label, &label, (left + self.scale.px(56), y))?;
        }
        Ok(())
    }

    fn row<DB: DrawingBackend>(&self, metric: Metric, row: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        let all = self.series(metric);
        let titled = row.titled(metric.title(), self.scale.bold(15).color(&INK))?;
        if all.is_empty() {
            let nothing = "not reached in any run";
            let place = (self.scale.px(64), self.scale.px(40));
            return titled.draw_text(nothing, &self.scale.plain(13).color(&INK), place);
        }
        let (left, right) = titled.split_horizontally(self.scale.px(WIDTH_PX / 2));
        curve::draw(&left, &all, self.scale)?;
        density::draw(&right, &all, self.scale)
    }

    fn series(&self, metric: Metric) -> Vec<Series> {
        let figures = self.results.variants.iter().enumerate().filter_map(|(place, variant)| {
            let samples = &variant.metric(metric)?.samples_ns;
            let mut ascending_ms: Vec<f64> = samples.iter().map(|ns| *ns as f64 / 1e6).collect();
            ascending_ms.sort_by(f64::total_cmp);
            (!ascending_ms.is_empty()).then_some(Series { place, ascending_ms })
        });
        figures.collect()
    }
}

impl Series {
    fn least(&self) -> f64 {
        self.ascending_ms[0]
    }

    fn most(&self) -> f64 {
        self.ascending_ms[self.ascending_ms.len() - 1]
    }
}

/// From the least to the most of all series, with a little room, and never empty.
fn extent(all: &[Series]) -> (f64, f64) {
    let least = all.iter().map(Series::least).fold(f64::INFINITY, f64::min);
    let most = all.iter().map(Series::most).fold(0.0, f64::max);
    let room = ((most - least) * 0.04).max(0.05);
    ((least - room).max(0.0), most + room)
}

#[cfg(test)]
mod tests {
    use super::super::results::sample::{results, variant};
    use super::*;

    fn sample() -> Results {
        let of = |label, from: u64| {
            let samples: Vec<u64> = (0..200).map(|i| from + (i * i * 37) % 501).collect();
            variant(label, Metric::Fail, &samples, 0)
        };
        results(vec![of("valkey <8.1.8>", 2_600), of("valkey 9.1.2", 2_300)])
    }

    #[test]
    fn one_benchmark_gives_one_picture_with_its_own_background() {
        style::register_font().expect("the font is whole");
        let text = svg(&sample(), &[Metric::Fail, Metric::Lag]).expect("it can be drawn");
        assert_eq!(svg(&sample(), &[Metric::Fail, Metric::Lag]), Ok(text.clone()));
        assert!(text.contains("valkey &lt;8.1.8&gt;"), "a label is escaped");
        assert!(text.contains("not reached in any run"), "a metric without figures says so");
        assert!(
            text.contains("\n50\n") && text.contains("\n99\n") && text.contains("percentile of disruptions"),
            "the percentiles are named"
        );
    }

    #[test]
    fn a_picture_of_dots_is_a_png() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("plot.png");
        draw(&sample(), &[Metric::Fail], &file).expect("it can be drawn");
        assert!(std::fs::read(&file).expect("it is there").starts_with(b"\x89PNG"));
    }

    #[test]
    fn a_picture_of_another_kind_is_refused() {
        let refused = draw(&sample(), &MAIN, Path::new("plot.gif")).expect_err("it is no kind we draw");
        assert_eq!(refused.to_string(), "--plot plot.gif: a picture is a .svg or a .png");
    }
}
