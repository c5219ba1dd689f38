//! Distributions: which share of the disruptions took how long.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::style::{self, Axis, Scaled};
use super::{Drawn, Series, extent};

/// Into how many equal parts the durations are sorted.
const PARTS: usize = 60;

/// Draws the distributions of all variants.
pub(super) fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    all: &[Series],
    scale: Scaled,
) -> Drawn<DB> {
    let (least, most) = extent(all);
    let outlines: Vec<(usize, Vec<(f64, f64)>)> =
        all.iter().map(|series| (series.place, outline(&series.ascending_ms, (least, most)))).collect();
    let highest = outlines.iter().flat_map(|(_, points)| points).map(|(_, share)| *share).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(scale.px(8))
        .margin_right(scale.px(24))
        .x_label_area_size(scale.px(44))
        .y_label_area_size(scale.px(60))
        .build_cartesian_2d(least..most, 0.0..highest * 1.08)?;
    let x = Axis { title: "milliseconds", labels: 7, figure: &f64::to_string };
    let y = Axis { title: "% of disruptions", labels: 5, figure: &f64::to_string };
    style::axes(&mut chart, [x, y], scale)?;
    for (place, points) in outlines {
        let fill = style::colour(place).mix(0.16).filled();
        chart.draw_series(AreaSeries::new(points.clone(), 0.0, fill))?;
        for points in risen(&points) {
            style::curve(&mut chart, points, place, scale)?;
        }
    }
    Ok(())
}

/// The parts of an outline that are above the axis, each from the axis to the axis.
fn risen(outline: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let parts = outline.chunk_by(|a, b| (a.1 > 0.0) == (b.1 > 0.0)).filter(|part| part[0].1 > 0.0);
    let closed = parts.map(|part| {
        let ends = [(part[0].0, 0.0), (part[part.len() - 1].0, 0.0)];
        [&ends[..1], part, &ends[1..]].concat()
    });
    closed.collect()
}

/// The steps of a histogram, in percent of the sample, from part to part.
fn outline(ascending_ms: &[f64], (least, most): (f64, f64)) -> Vec<(f64, f64)> {
    let width = (most - least) / PARTS as f64;
    let mut counts = [0usize; PARTS];
    for ms in ascending_ms {
        counts[(((ms - least) / width) as usize).min(PARTS - 1)] += 1;
    }
    let share = |count: usize| 100.0 * count as f64 / ascending_ms.len() as f64;
    let steps = counts.iter().enumerate().flat_map(|(part, count)| {
        let left = least + part as f64 * width;
        [(left, share(*count)), (left + width, share(*count))]
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::{PARTS, outline, risen};

    #[test]
    fn an_outline_leaves_the_axis_where_there_is_something() {
        let outline = [(0.0, 0.0), (1.0, 0.0), (1.0, 5.0), (2.0, 5.0), (2.0, 0.0), (3.0, 0.0)];
        assert_eq!(risen(&outline), [[(1.0, 0.0), (1.0, 5.0), (2.0, 5.0), (2.0, 0.0)]]);
    }

    #[test]
    fn every_figure_is_in_one_part() {
        let samples: Vec<f64> = (0..=100).map(f64::from).collect();
        let points = outline(&samples, (0.0, 100.0));
        assert_eq!(points.len(), 2 * PARTS);
        let whole: f64 = points.iter().step_by(2).map(|(_, share)| share).sum();
        assert!((whole - 100.0).abs() < 1e-9, "{whole}");
    }
}
