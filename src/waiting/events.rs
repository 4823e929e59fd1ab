//! Server-sent events: what a page or a program follows. Every stream sends the whole of what it shows whenever
//! that changes, with the queue's `seq` as its id, so a client that reconnects has nothing to catch up on.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::Shutdown;
use rocket::futures::FutureExt as _;
use rocket::futures::future::BoxFuture;
use rocket::futures::stream::BoxStream;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::stream::{Event, EventStream, stream};

use super::live::{Live, Room};
use super::service::Rooms;
use super::streams::StreamSeat;
use crate::error::Result;
use crate::moment::Moment;
use crate::staff::{Accounts, Credential, Role};

/// How often a stream shows that it lives. Estimates are made anew then, too.
const BEAT: Duration = Duration::from_secs(10);
/// Events read at once.
const BATCH: i64 = 500;

pub type Stream = EventStream<BoxStream<'static, Event>>;

/// What a stream depends on beside the queue.
pub struct Follower {
    rooms: Rooms,
    shutdown: Shutdown,
    /// What has to hold, for staff.
    staff: Option<(Accounts, Credential)>,
    address: Option<IpAddr>,
    /// What a stranger follows.
    place: Option<i64>,
    /// `Last-Event-ID`, with which a reader comes back.
    pub last_id: Option<String>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Follower {
    type Error = Infallible;
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let rocket = request.rocket();
        let Some(rooms) = rocket.state::<Rooms>().cloned() else {
            return Outcome::Forward(rocket::http::Status::InternalServerError);
        };
        let accounts = rocket.state::<Accounts>().cloned();
        Outcome::Success(Follower {
            rooms,
            shutdown: rocket.shutdown(),
            staff: accounts.zip(Credential::of(request)),
            address: request.client_ip(),
            place: None,
            last_id: request.headers().get_one("Last-Event-ID").map(str::to_owned),
        })
    }
}

impl Follower {
    /// For anybody who has the link of a place: nothing else has to hold.
    pub fn of_place(mut self, place: i64) -> Follower {
        self.staff = None;
        self.place = Some(place);
        self
    }

    fn seat(&self) -> Result<StreamSeat> {
        self.rooms.streams.take(self.address, self.place)
    }

    /// Ready when the session or token of staff has ended; for anybody else, never.
    /// Boxed: what only staff need must not make the page of every student larger.
    fn farewell(&self) -> BoxFuture<'static, ()> {
        match &self.staff {
            Some((accounts, credential)) => Box::pin(accounts.revoked(credential.clone(), Role::Viewer).map(drop)),
            None => Box::pin(std::future::pending()),
        }
    }

    /// Sends what `view` makes of the room: at once, and whenever it changes. 503 if too many follow.
    pub fn follow(
        self,
        live: Arc<Live>,
        mut view: impl FnMut(&Room, Moment) -> String + Send + 'static,
    ) -> Result<Stream> {
        let seat = self.seat()?;
        let events = stream! {
            let _seat = seat;
            let mut changes = live.watch();
            let mut beat = tokio::time::interval(BEAT);
            let mut farewell = self.farewell();
            let mut shutdown = self.shutdown.clone();
            // A hash, not the text: thousands of streams may be open.
            let mut shown = None;
            loop {
                let (seq, text) = {
                    let room = live.room();
                    (room.queue.seq, view(&room, self.rooms.now()))
                };
                let hash = hash_of(&text);
                if shown.replace(hash) == Some(hash) {
                    yield Event::empty().event("beat").id(seq.to_string());
                } else {
                    yield Event::data(text).event("show").id(seq.to_string());
                }
                loop {
                    tokio::select! {
                        () = &mut shutdown => return,
                        changed = changes.changed() => {
                            if changed.is_err() { return }
                            // What concerns others is no news here.
                            if shown != Some(hash_of(&view(&live.room(), self.rooms.now()))) { break }
                        }
                        _ = beat.tick() => break,
                        () = &mut farewell => return,
                    }
                }
            }
        };
        Ok(EventStream::from(Box::pin(events) as BoxStream<'static, Event>))
    }

    /// Sends every event of a queue as JSON, from the one named by `Last-Event-ID` on, else from now on. 503 if too many follow.
    pub fn events(self, queue: i64, live: Arc<Live>) -> Result<Stream> {
        let seat = self.seat()?;
        let events = stream! {
            let _seat = seat;
            let mut changes = live.watch();
            let mut beat = tokio::time::interval(BEAT);
            let mut farewell = self.farewell();
            let mut shutdown = self.shutdown.clone();
            let (mut seq, mut id) = self.last_id.as_deref().and_then(position).unwrap_or((live.room().queue.seq, i64::MAX));
            loop {
                loop {
                    let Ok(batch) = self.rooms.events_after(queue, (seq, id), BATCH).await else { return };
                    let more = batch.len() as i64 == BATCH;
                    for event in batch {
                        (seq, id) = (event.seq, event.id);
                        let name = event.what.clone();
                        yield Event::data(super::json::event(&event).to_string()).event(name).id(format!("{seq}-{id}"));
                    }
                    if !more { break }
                }
                tokio::select! {
                    () = &mut shutdown => return,
                    changed = changes.changed() => if changed.is_err() { return },
                    _ = beat.tick() => yield Event::empty().event("beat"),
                    () = &mut farewell => return,
                }
            }
        };
        Ok(EventStream::from(Box::pin(events) as BoxStream<'static, Event>))
    }
}

fn hash_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// `seq-id`, or a `seq` alone: everything of it was seen.
fn position(text: &str) -> Option<(i64, i64)> {
    match text.split_once('-') {
        Some((seq, id)) => Some((seq.parse().ok()?, id.parse().ok()?)),
        None => Some((text.parse().ok()?, i64::MAX)),
    }
}
