//! The chart of the browse page.

use crate::moment::Moment;

/// Entries per day as bars of an SVG that is 100 high and as wide as there are days.
pub struct ChartView {
    pub bars: Vec<Bar>,
    pub total: i64,
    /// Entries of the day with the most: what the highest bar stands for.
    pub most: String,
}

pub struct Bar {
    pub x: usize,
    pub y: i64,
    pub height: i64,
    pub day: String,
    pub count: i64,
}

const CHART_HEIGHT: i64 = 100;

impl ChartView {
    pub fn new(days: &[(Moment, i64)]) -> ChartView {
        let most = days.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let bar = |(x, (day, count)): (usize, &(Moment, i64))| {
            let height = if *count == 0 { 0 } else { (count * CHART_HEIGHT / most).max(2) };
            Bar { x, y: CHART_HEIGHT - height, height, day: day.to_string()[..10].to_owned(), count: *count }
        };
        ChartView {
            bars: days.iter().enumerate().map(bar).collect(),
            total: days.iter().map(|(_, count)| count).sum(),
            most: crate::words::thousands(most),
        }
    }
}
