//! Pages that look back: statistics of a queue, the history of a place, the visits of a student.

use askama::Template;
use rocket::{Route, State, get, routes};

use super::Place;
use super::service::Rooms;
use super::stats::{Figures, Spread};
use super::store::Event;
use crate::directory::STUDENTS;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::staff::{Layout, Viewer};
use crate::web::{Html, item_id, render};

pub fn routes() -> Vec<Route> {
    routes![statistics, place, visits]
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
#[derive(Template)]
#[template(path = "waiting/statistics.html")]
struct StatisticsPage {
    layout: Layout,
    id: i64,
    title: String,
    zone: String,
    days: i64,
    f: Figures,
}

impl StatisticsPage {
    fn day(&self, day: &i8) -> &'static str {
        usize::try_from(*day).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or("")
    }

    fn minutes(&self, spread: &Option<Spread>) -> String {
        spread.map_or("–".into(), |spread| format!("{} / {} min", spread.p50, spread.p90))
    }

    fn percent(&self, percent: &Option<usize>) -> String {
        percent.map_or("–".into(), |percent| format!("{percent} %"))
    }

    /// Length of a bar against the busiest hour, in SVG units of 100.
    fn share(&self, joined: &usize) -> usize {
        let most = self.f.by_hour.iter().map(|hour| hour.joined).max().unwrap_or(1);
        100 * joined / most.max(1)
    }
}

#[get("/board/<queue>/statistics?<days>")]
async fn statistics(
    _viewer: Viewer,
    layout: Layout,
    rooms: &State<Rooms>,
    queue: &str,
    days: Option<&str>,
) -> Result<Html> {
    let id = item_id(queue)?;
    let wrong = || Error::parameter("days", "must be a number from 1 to 3650");
    let days: i64 = days.unwrap_or("30").parse().map_err(|_| wrong())?;
    if !(1..=3650).contains(&days) {
        return Err(wrong());
    }
    let (title, zone) = {
        let live = rooms.room(id).await?;
        let room = live.room();
        (room.queue.title.clone(), room.queue.timezone.clone())
    };
    let ended = rooms.ended(id, days).await?;
    let tz = jiff::tz::TimeZone::get(&zone).unwrap_or(jiff::tz::TimeZone::UTC);
    render(&StatisticsPage { layout, id, title, zone, days, f: Figures::of(&ended, &tz) })
}

#[derive(Template)]
#[template(path = "waiting/place.html")]
struct PlacePage {
    layout: Layout,
    place: std::sync::Arc<Place>,
    queue: String,
    events: Vec<Event>,
}

#[get("/places/<id>")]
async fn place(_viewer: Viewer, layout: Layout, rooms: &State<Rooms>, id: &str) -> Result<Html> {
    let (live, place) = rooms.place(item_id(id)?).await?;
    let events = rooms.history(place.id).await?;
    let queue = live.room().queue.title.clone();
    render(&PlacePage { layout, place, queue, events })
}

#[derive(Template)]
#[template(path = "waiting/visits.html")]
struct VisitsPage {
    layout: Layout,
    student: i64,
    name: String,
    places: Vec<Place>,
}

#[get("/students/<id>/visits")]
async fn visits(
    _viewer: Viewer,
    layout: Layout,
    rooms: &State<Rooms>,
    records: &State<Records>,
    id: &str,
) -> Result<Html> {
    let student = records.find_any(&STUDENTS, item_id(id)?, true).await?.ok_or_else(|| STUDENTS.missing())?;
    let places = rooms.places_of(student.id).await?;
    render(&VisitsPage { layout, student: student.id, name: student.text("name").to_owned(), places })
}
