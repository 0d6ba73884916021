use std::fmt::Display;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::{Color, DrawingArea, IntoDrawingArea, IntoFont, RGBColor, Rectangle, SVGBackend, Text, WHITE};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, TextStyle};
use sortie::BoxError;

const WIDTH: u32 = 760;
const TITLE: i32 = 56;
const HEADING: i32 = 34;
const BAR: i32 = 24;
const MARGIN: i32 = 20;
/// Where the bars begin: right of their labels; and how long the longest is, with room for its value.
const LABELS: i32 = 250;
const LONGEST: i32 = 380;

const OURS: RGBColor = RGBColor(31, 111, 178);
const FLOOR: RGBColor = RGBColor(110, 118, 129);
const THEIRS: RGBColor = RGBColor(201, 138, 61);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Horizontal bars, group below group, all on one scale.
pub(crate) struct Chart {
    title: &'static str,
    /// What a bar's length is.
    unit: &'static str,
    groups: Vec<Group>,
}

struct Group {
    name: String,
    bars: Vec<(String, f64)>,
}

impl Chart {
    pub(crate) fn new(title: &'static str, unit: &'static str) -> Self {
        Self { title, unit, groups: Vec::new() }
    }

    pub(crate) fn group(&mut self, name: impl Into<String>, bars: Vec<(String, f64)>) {
        self.groups.push(Group { name: name.into(), bars });
    }

    pub(crate) fn draw(&self, path: &Path) -> Result<(), BoxError> {
        let heights = self.groups.iter().map(|group| HEADING + BAR * group.bars.len() as i32);
        let height = TITLE + heights.sum::<i32>() + MARGIN;
        let area = SVGBackend::new(path, (WIDTH, height.unsigned_abs())).into_drawing_area();
        // White in a dark page too: the text is black.
        area.fill(&WHITE)?;
        write(&area, self.title, (MARGIN, 22), 18, HPos::Left)?;
        write(&area, self.unit, (MARGIN, 43), 13, HPos::Left)?;
        let bars = self.groups.iter().flat_map(|group| &group.bars);
        let longest = bars.fold(0.0, |longest, (_, value)| value.max(longest));
        let mut top = TITLE;
        for group in &self.groups {
            write(&area, &group.name, (MARGIN, top + HEADING / 2 + 2), 15, HPos::Left)?;
            top += HEADING;
            for (label, value) in &group.bars {
                bar(&area, top, (label, *value), longest)?;
                top += BAR;
            }
        }
        area.present()?;
        Ok(())
    }
}

fn bar(area: &Area<'_>, top: i32, (label, value): (&str, f64), longest: f64) -> Result<(), BoxError> {
    let colour = match label {
        label if label.starts_with("sortie") => OURS,
        label if label.starts_with("floor") => FLOOR,
        _ => THEIRS,
    };
    let end = LABELS + (f64::from(LONGEST) * value / longest).round() as i32;
    area.draw(&Rectangle::new([(LABELS, top + 3), (end, top + BAR - 3)], colour.filled()))?;
    write(area, label, (LABELS - 8, top + BAR / 2), 13, HPos::Right)?;
    let value = if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    write(area, value, (end + 6, top + BAR / 2), 13, HPos::Left)
}

fn write(area: &Area<'_>, text: impl Display, at: (i32, i32), size: i32, side: HPos) -> Result<(), BoxError> {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&BLACK).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_string(), at, style))?;
    Ok(())
}
