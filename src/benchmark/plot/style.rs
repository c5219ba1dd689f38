//! Sizes, colours, dashes and the font of pictures.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::register_font as register;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Drawn;

/// The width of a picture.
pub(super) const WIDTH_PX: u32 = 1_180;
/// The height of its title.
pub(super) const HEAD_PX: u32 = 64;
/// The height of each line of the legend.
pub(super) const LEGEND_PX: u32 = 24;
/// The height of a metric's row.
pub(super) const ROW_PX: u32 = 290;

/// The panel that everything is drawn on: light, and not the white of a page.
pub(super) const PANEL: RGBColor = RGBColor(250, 250, 248);
/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(38, 38, 44);
/// The lines of the grid.
const GRID: RGBColor = RGBColor(219, 219, 222);

/// Colours by Okabe and Ito.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 110, 20),
];
/// Dashes and the gaps between them, in pixels; nothing for a line without gaps.
const DASHES: [Option<(u32, u32)>; 4] = [None, Some((9, 4)), Some((3, 3)), Some((14, 6))];

/// Readers of an SVG that lack the font take the next; sizes are those of the first.
const FAMILY: &str = "DejaVu Sans, Verdana, Arial, sans-serif";

/// Makes the embedded font known; it is as well done twice.
pub(super) fn register_font() -> Result<(), String> {
    let whole = |result: Result<(), _>| result.map_err(|_| "the embedded font is damaged".to_owned());
    whole(register(FAMILY, FontStyle::Normal, include_bytes!("font/DejaVuSans.ttf")))?;
    whole(register(FAMILY, FontStyle::Bold, include_bytes!("font/DejaVuSans-Bold.ttf")))
}

/// How many dots a pixel has in each direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled(pub u32);

impl Scaled {
    /// So many pixels, in dots.
    pub fn px(self, px: u32) -> i32 {
        (px * self.0) as i32
    }

    /// The font of that height.
    pub fn plain(self, px: u32) -> FontDesc<'static> {
        (FAMILY, self.px(px)).into_font()
    }

    /// The same, for titles.
    pub fn bold(self, px: u32) -> FontDesc<'static> {
        (FAMILY, self.px(px), FontStyle::Bold).into_font()
    }
}

/// The colour of the variant at `place`.
pub(super) fn colour(place: usize) -> RGBColor {
    COLOURS[place % COLOURS.len()]
}

/// The dashes of the variant at `place`, in dots.
fn dashes(place: usize, scale: Scaled) -> Option<(i32, i32)> {
    DASHES[place % DASHES.len()].map(|(dash, gap)| (scale.px(dash), scale.px(gap)))
}

/// The stroke of the variant at `place`.
fn stroke(place: usize, scale: Scaled) -> ShapeStyle {
    colour(place).stroke_width(2 * scale.0)
}

/// An axis of a chart.
pub(super) struct Axis<'a> {
    /// What it shows.
    pub title: &'a str,
    /// About how many figures stand at it.
    pub labels: usize,
    /// How a figure is written.
    pub figure: &'a dyn Fn(&f64) -> String,
}

/// A chart of numbers over numbers.
type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the axes of a chart and its grid.
pub(super) fn axes<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    [x, y]: [Axis; 2],
    scale: Scaled,
) -> Drawn<DB> {
    let small = scale.plain(12).color(&INK);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(scale.0))
        .axis_style(INK.stroke_width(scale.0))
        .x_labels(x.labels)
        .x_label_formatter(&x.figure)
        .y_labels(y.labels)
        .y_label_formatter(&y.figure)
        .x_desc(x.title)
        .y_desc(y.title)
        .label_style(small.clone())
        .axis_desc_style(small)
        .draw()
}

/// How lines of the grid are drawn.
pub(super) fn grid(scale: Scaled) -> ShapeStyle {
    GRID.stroke_width(scale.0)
}

/// Writes a figure below an axis, in its middle at a place of the whole picture.
pub(super) fn below<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    figure: &str,
    (x, y): (i32, i32),
    scale: Scaled,
) -> Drawn<DB> {
    let (columns, rows) = area.get_pixel_range();
    let centred = Pos::new(HPos::Center, VPos::Top);
    let style = scale.plain(12).color(&INK).pos(centred);
    area.draw_text(figure, &style, (x - columns.start, y - rows.start + scale.px(8)))
}

/// A curve of the variant at `place`.
pub(super) fn curve<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    points: Vec<(f64, f64)>,
    place: usize,
    scale: Scaled,
) -> Drawn<DB> {
    let style = stroke(place, scale);
    match dashes(place, scale) {
        None => chart.draw_series(LineSeries::new(points, style)).map(drop),
        Some((dash, gap)) => chart.draw_series(DashedLineSeries::new(points, dash, gap, style)).map(drop),
    }
}

/// A line of the variant at `place`, outside of charts.
pub(super) fn line<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    points: &[(i32, i32)],
    place: usize,
    scale: Scaled,
) -> Drawn<DB> {
    let style = stroke(place, scale);
    match dashes(place, scale) {
        None => area.draw(&PathElement::new(points.to_vec(), style)),
        Some((dash, gap)) => area.draw(&DashedPathElement::new(points.to_vec(), dash, gap, style)),
    }
}
