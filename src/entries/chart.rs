//! The chart of the browse page.

use crate::moment::Moment;

/// Entries per day as bars of an SVG.
pub struct ChartView {
    pub bars: Vec<Bar>,
    pub total: i64,
}

pub struct Bar {
    pub x: usize,
    pub y: i64,
    pub height: i64,
    pub day: String,
    pub count: i64,
}

const CHART_HEIGHT: i64 = 40;

impl ChartView {
    pub fn new(days: &[(Moment, i64)]) -> ChartView {
        let most = days.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let bar = |(i, (day, count)): (usize, &(Moment, i64))| {
            let height = if *count == 0 { 0 } else { (count * CHART_HEIGHT / most).max(2) };
            Bar { x: i * 10, y: CHART_HEIGHT - height, height, day: day.to_string()[..10].to_owned(), count: *count }
        };
        ChartView { bars: days.iter().enumerate().map(bar).collect(), total: days.iter().map(|(_, count)| count).sum() }
    }
}
