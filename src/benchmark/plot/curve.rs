//! Percentile curves, as HDR plots show them: the further right, the rarer, ten times at each mark.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::style::{self, Axis, Scaled};
use super::{Drawn, Series, extent};

/// Room to the right of the rarest figure, so that a mark there is drawn.
const ROOM: f64 = 1.02;

/// Draws the curves of all variants.
pub(super) fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    all: &[Series],
    scale: Scaled,
) -> Drawn<DB> {
    let (least, most) = extent(all);
    let deepest =
        all.iter().map(|series| depth_of_last(series.ascending_ms.len())).fold(1.0, f64::max) * ROOM;
    let mut chart = ChartBuilder::on(area)
        .margin(scale.px(8))
        .margin_right(scale.px(20))
        .x_label_area_size(scale.px(44))
        .y_label_area_size(scale.px(72))
        .build_cartesian_2d(0.0..deepest, least..most)?;
    let x = Axis {
        title: "percentile of disruptions",
        labels: deepest.ceil() as usize + 1,
        figure: &|depth| percentile(*depth),
    };
    let y = Axis { title: "milliseconds", labels: 6, figure: &f64::to_string };
    style::axes(&mut chart, [x, y], scale)?;
    // The median is no whole number of nines, so its mark is drawn by hand.
    let median = depth(0.5);
    chart.draw_series(LineSeries::new([(median, least), (median, most)], style::grid(scale)))?;
    let (left, bottom) = chart.backend_coord(&(median, least));
    style::below(area, "50", (left, bottom), scale)?;
    for series in all {
        style::curve(&mut chart, curve(&series.ascending_ms), series.place, scale)?;
    }
    Ok(())
}

/// The points of a curve: how rare each figure is, and the figure.
fn curve(ascending_ms: &[f64]) -> Vec<(f64, f64)> {
    let count = ascending_ms.len() as f64;
    let point = |(place, ms): (usize, &f64)| (depth(place as f64 / count), *ms);
    ascending_ms.iter().enumerate().map(point).collect()
}

/// How many nines a share has: 0.9 has one, 0.99 two.
fn depth(share: f64) -> f64 {
    -(1.0 - share).log10()
}

fn depth_of_last(count: usize) -> f64 {
    depth((count - 1) as f64 / count as f64)
}

/// A number of nines as a percentile: `99.9` for three.
fn percentile(depth: f64) -> String {
    let nines = depth.round();
    if (depth - nines).abs() > 1e-6 {
        return String::new();
    }
    match nines as usize {
        0 => "0".to_owned(),
        1 => "90".to_owned(),
        2 => "99".to_owned(),
        nines => format!("99.{}", "9".repeat(nines - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::{curve, percentile};

    #[test]
    fn percentiles_are_named_by_their_nines() {
        assert_eq!([0.0, 1.0, 2.0, 3.0, 4.0, 0.5].map(percentile), ["0", "90", "99", "99.9", "99.99", ""]);
    }

    #[test]
    fn a_curve_goes_as_deep_as_its_sample_allows() {
        let samples: Vec<f64> = (0..1000).map(f64::from).collect();
        let points = curve(&samples);
        assert_eq!(points[0], (0.0, 0.0));
        assert!((points[900].0 - 1.0).abs() < 1e-9 && (points[999].0 - 3.0).abs() < 1e-9);
    }
}
