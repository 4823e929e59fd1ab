//! The verbs of entries: record what clients send; find, list and change what is stored.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::http::ContentType;

use super::body::{self, Body};
use super::cursor::{self, Cursor};
use super::intake::Intake;
use super::limits::{Limits, RateSettings};
use super::path::Path;
use super::query::{Count, DEFAULT_LIMIT, Query};
use super::sql::{self, Filter, Scope};
use super::store::{self, Batch, FacetValue, Mark, Stretch};
use super::upkeep::SlowFilters;
use super::{Entry, EntryId, NewEntry, Outcome, submission};
use crate::collections::{CollectionId, Collections, DEFAULT_COLLECTION, Known};
use crate::db::{DbError, Pool};
use crate::error::{Error, FieldError, Result};
use crate::moment::{Clock, DAY, Moment};

/// How entries behave; the part of the configuration that concerns them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `None`: no limits.
    pub rates: Option<RateSettings>,
    pub list_budget: Duration,
    pub facet_budget: Duration,
    /// A filter that takes longer counts as slow.
    pub slow_filter: Duration,
    /// Signs cursors.
    pub cursor_key: [u8; 32],
}

/// Everything about entries, shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct Entries(Arc<Shared>);

impl std::ops::Deref for Entries {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of [`Entries`] share.
pub struct Shared {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pub(super) collections: Collections,
    pub(super) intake: Intake,
    pub(super) limits: Limits,
    pub(super) settings: Settings,
    pub(super) slow: SlowFilters,
}

/// Who reads, and so which entries there are for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// Signed in: everything.
    Staff(i64),
    /// A browser session: its own entries. The public session id.
    Session(String),
    /// Nobody: collections that anyone may read.
    Public,
}

impl Reader {
    fn name(&self) -> String {
        match self {
            Reader::Staff(id) => format!("staff {id}"),
            Reader::Session(session) => format!("session {session}"),
            Reader::Public => "public".into(),
        }
    }
}

/// A request to `/add`, as it came.
pub struct Submission {
    /// From the URL.
    pub collection: Option<String>,
    /// From the URL or the header `X-Frontdesk-Key`.
    pub key: Option<String>,
    pub origin: Option<String>,
    pub address: Option<IpAddr>,
    pub kind: Option<ContentType>,
    pub gzip: bool,
    pub bytes: Vec<u8>,
}

/// What became of a request to `/add`.
pub struct Recorded {
    pub shape: Shape,
    /// In the order of the request.
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    One,
    Batch,
    /// An HTML form, and where it wants to go next.
    Form {
        next: Option<String>,
    },
}

pub struct Item {
    pub outcome: Outcome,
    pub warnings: Vec<String>,
}

/// A page of entries with what belongs to it.
pub struct Listing {
    /// In the order asked for.
    pub entries: Vec<Entry>,
    pub newer: Option<String>,
    pub next: Option<String>,
    pub count: Option<i64>,
    /// There are more than `count`.
    pub truncated: bool,
    pub warnings: Vec<String>,
    pub facets: Vec<(Path, Option<Vec<FacetValue>>)>,
    /// The collections that were looked at.
    pub collections: Vec<Arc<Known>>,
}

/// `_count=auto` counts to here.
const COUNTED: u32 = 10_000;

impl Entries {
    pub fn new(db: Pool, clock: Clock, collections: Collections, settings: Settings) -> Entries {
        Entries(Arc::new(Shared {
            intake: Intake::start(db.clone(), clock.clone()),
            limits: Limits::new(settings.rates),
            slow: SlowFilters::default(),
            db,
            clock,
            collections,
            settings,
        }))
    }

    /// Stores what a client sent. What an outcome calls stored is on disk.
    pub async fn record(&self, submission: Submission) -> Result<Recorded> {
        let Submission { kind, gzip, bytes, .. } = &submission;
        let (shape, texts) = match body::read(kind.as_ref(), *gzip, bytes.clone()).await? {
            Body::One(text) => (Shape::One, vec![text]),
            Body::Batch(texts) => (Shape::Batch, texts),
            Body::Form(text) => (Shape::Form { next: None }, vec![text]),
        };
        let mut parsed = Vec::with_capacity(texts.len());
        for text in &texts {
            parsed.push(self.prepare(&submission, text).await);
        }
        if shape != Shape::Batch {
            let one = parsed.pop().ok_or(Error::NotFound("".into()))??;
            return self.record_one(shape, one).await;
        }
        self.record_batch(parsed).await
    }

    async fn record_one(&self, shape: Shape, prepared: Prepared) -> Result<Recorded> {
        self.limits.take_quota(&self.db, &prepared.known.collection, 1, self.clock.now()).await?;
        let shape = match shape {
            Shape::Form { .. } => Shape::Form { next: prepared.next },
            other => other,
        };
        let outcome = self.intake.submit(vec![prepared.entry]).await?.into_iter().next();
        match outcome {
            Some(Outcome::Rejected(refusal)) => Err(body::malformed(refusal)),
            Some(outcome) => Ok(Recorded { shape, items: vec![Item { outcome, warnings: prepared.warnings }] }),
            None => Err(Error::Internal("the intake gave no answer".into())),
        }
    }

    async fn record_batch(&self, parsed: Vec<Result<Prepared>>) -> Result<Recorded> {
        let good: Vec<_> = parsed.iter().filter_map(|p| p.as_ref().ok()).collect();
        if good.is_empty() {
            return Err(all_refused(parsed));
        }
        for (known, count) in per_collection(&good) {
            self.limits.take_quota(&self.db, &known.collection, count, self.clock.now()).await?;
        }
        let entries = good.iter().map(|p| p.entry.clone()).collect();
        let mut outcomes = self.intake.submit(entries).await?.into_iter();
        let items = parsed
            .into_iter()
            .map(|prepared| match prepared {
                Ok(prepared) => Item {
                    outcome: outcomes.next().unwrap_or_else(|| rejected("not stored")),
                    warnings: prepared.warnings,
                },
                Err(error) => Item { outcome: Outcome::Rejected(refusal_of(&error)), warnings: Vec::new() },
            })
            .collect();
        Ok(Recorded { shape: Shape::Batch, items })
    }

    async fn prepare(&self, submission: &Submission, text: &[u8]) -> Result<Prepared> {
        let parsed = submission::parse(text, self.intake.seed()).map_err(body::malformed)?;
        let key = parsed.meta.key.as_deref().or(submission.key.as_deref());
        let name = parsed.meta.collection.as_deref().or(submission.collection.as_deref());
        let known = self.collection_for(name, key).await?;
        self.check_origin(&known, submission.origin.as_deref())?;
        self.limits.take(submission.address, known.collection.id, 1)?;
        let warnings = submission::check(&parsed.data, &known.checks)?;
        let now = self.clock.now();
        Ok(Prepared {
            next: parsed.meta.next.clone(),
            entry: parsed.into_entry(known.collection.id, submission.origin.clone(), now),
            warnings,
            known,
        })
    }

    /// The collection that a client means, if the client may send to it.
    async fn collection_for(&self, name: Option<&str>, key: Option<&str>) -> Result<Arc<Known>> {
        let by_key = match key {
            Some(key) => Some(self.collections.by_key(key).await?.ok_or_else(|| {
                Error::Forbidden("There is no collection with this key. Copy it from the collection's page.".into())
            })?),
            None => None,
        };
        let known = match (name, by_key) {
            (None, Some(known)) => return Ok(known),
            (name, by_key) => {
                let name = name.unwrap_or(DEFAULT_COLLECTION);
                let known = self.collections.by_name(name).await?.ok_or_else(|| no_collection(name))?;
                if by_key.is_some_and(|other| other.collection.id != known.collection.id) {
                    return Err(Error::Forbidden(format!("This key is not the one of \"{name}\".").into()));
                }
                known
            }
        };
        if !known.collection.open && key.is_none() {
            return Err(Error::Forbidden(
                format!("The collection \"{}\" takes entries only with its key.", known.collection.name).into(),
            ));
        }
        Ok(known)
    }

    fn check_origin(&self, known: &Known, origin: Option<&str>) -> Result<()> {
        match origin {
            Some(origin) if !known.allows(origin) => {
                self.collections.note_refused(known.collection.id, origin);
                Err(Error::Forbidden(
                    format!("Pages of {origin} may not send to \"{}\".", known.collection.name).into(),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Where a form may lead: the pages of an allowed origin, or of the origin that the form stands on.
    pub async fn may_lead_to(&self, url: &str, origin: Option<&str>, collection: Option<&str>) -> bool {
        let Ok(target) = crate::collections::WebOrigin::of_url(url) else { return false };
        let listed = match self.collections.by_name(collection.unwrap_or(DEFAULT_COLLECTION)).await {
            Ok(Some(known)) => known.origins.iter().any(|allowed| allowed == target.as_str()),
            _ => false,
        };
        listed || origin == Some(target.as_str())
    }

    /// A page of entries.
    pub async fn list(&self, reader: &Reader, query: &Query) -> Result<Listing> {
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        let warnings = self.unknown_fields(query, &collections).await?;
        let started = Instant::now();
        let (entries, newer, next) = self.page(reader, query, &filter, &collections).await?;
        self.note_time(&filter, &collections, started.elapsed());
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT) as usize;
        let (count, truncated) = if query.cursor.is_none() && entries.len() < limit && query.count != Count::None {
            (Some(entries.len() as i64), false)
        } else {
            self.count(query, &filter).await?
        };
        let facets = self.facets(query, &filter).await?;
        Ok(Listing { entries, newer, next, count, truncated, warnings, facets, collections })
    }

    async fn page(
        &self,
        reader: &Reader,
        query: &Query,
        filter: &Filter,
        collections: &[Arc<Known>],
    ) -> Result<(Vec<Entry>, Option<String>, Option<String>)> {
        let key = &self.settings.cursor_key;
        let cursor = query.cursor.as_deref().map(|text| Cursor::open(text, key, query, &reader.name())).transpose()?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        let order = sql::order(&query.sort, self.db.is_postgres());
        let reversed = cursor.as_ref().is_some_and(|c| c.reversed);
        let after = cursor.as_ref().map(|c| c.values.as_slice()).filter(|values| values.len() == order.len());
        let stretch = Stretch { order: &order, after, reversed, limit: limit + 1 };
        let batch = store::page(&self.db, filter, &stretch, self.settings.list_budget)
            .await
            .map_err(|e| over_budget(e, filter))?;
        let (mut entries, more) = take_page(&batch, limit as usize);
        if reversed {
            entries.reverse();
        }
        let seal = |entry: &store::EntryRef<'_>, reversed: bool| {
            let name = collections
                .iter()
                .find(|k| k.collection.id == entry.collection)
                .map_or("", |k| k.collection.name.as_str());
            Cursor { values: cursor::values(&query.sort, entry, name), reversed }.seal(key, query, &reader.name())
        };
        let has_next = if reversed { cursor.is_some() } else { more };
        let has_newer = if reversed { more } else { cursor.is_some() };
        let next = entries.last().filter(|_| has_next).map(|entry| seal(entry, false));
        let newer = entries.first().filter(|_| has_newer).map(|entry| seal(entry, true));
        Ok((entries.into_iter().map(|entry| entry.to_entry()).collect(), newer, next))
    }

    async fn count(&self, query: &Query, filter: &Filter) -> Result<(Option<i64>, bool)> {
        let at_most = match query.count {
            Count::None => return Ok((None, false)),
            Count::Exact => None,
            Count::Auto => Some(COUNTED + 1),
        };
        match store::count(&self.db, filter, at_most, self.settings.list_budget).await {
            Ok(count) if query.count == Count::Auto && count > i64::from(COUNTED) => {
                Ok((Some(i64::from(COUNTED)), true))
            }
            Ok(count) => Ok((Some(count), false)),
            // A page without its count is still a page; an exact count was asked for by name.
            Err(DbError::OverBudget) if query.count == Count::Auto => Ok((None, true)),
            Err(error) => Err(over_budget(error, filter)),
        }
    }

    async fn facets(&self, query: &Query, filter: &Filter) -> Result<Vec<(Path, Option<Vec<FacetValue>>)>> {
        let mut facets = Vec::new();
        for path in &query.facets {
            let values = match store::facet(&self.db, filter, path, self.settings.facet_budget).await {
                Ok(values) => Some(values),
                Err(DbError::OverBudget) => None,
                Err(error) => return Err(error.into()),
            };
            facets.push((path.clone(), values));
        }
        Ok(facets)
    }

    /// Entries of each of the last `days` days, oldest first, by the reader's calendar; `None` if it takes too long.
    pub async fn per_day(&self, reader: &Reader, query: &Query, days: i64) -> Result<Option<Vec<(Moment, i64)>>> {
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        let now = self.clock.now();
        let offset = i64::from(query.zone.to_offset(now.timestamp()).seconds()) * 1000;
        let today = (now.0 + offset).div_euclid(DAY);
        let from = Moment((today - days + 1) * DAY - offset);
        let found = match store::per_day(&self.db, &filter, from, offset, self.settings.facet_budget).await {
            Err(DbError::OverBudget) => return Ok(None),
            found => found?,
        };
        let count = |day: i64| found.iter().find(|(d, _)| *d == day).map_or(0, |(_, count)| *count);
        Ok(Some((today - days + 1..=today).map(|day| (Moment(day * DAY), count(day))).collect()))
    }

    /// The collections a query covers. A name that is not there is 404; one that may not be read asks to sign in.
    pub async fn readable(&self, reader: &Reader, query: &Query) -> Result<Vec<Arc<Known>>> {
        let all = self.collections.list().await?;
        let may_read = |known: &Known| *reader != Reader::Public || known.collection.public_read;
        let Some(names) = query.collections() else {
            let readable: Vec<_> = all.into_iter().filter(|known| may_read(known)).collect();
            return if readable.is_empty() { Err(Error::Unauthenticated) } else { Ok(readable) };
        };
        let mut found: Vec<Arc<Known>> = Vec::new();
        for name in names {
            match self.collections.by_name(name).await? {
                Some(known) if may_read(&known) => found.push(known),
                _ if *reader == Reader::Public => return Err(Error::Unauthenticated),
                _ => return Err(no_collection(name)),
            }
        }
        found.sort_by_key(|known| known.collection.id);
        found.dedup_by_key(|known| known.collection.id);
        Ok(found)
    }

    pub(super) async fn filter(&self, reader: &Reader, query: &Query, collections: &[Arc<Known>]) -> Result<Filter> {
        let names: Vec<(CollectionId, String)> =
            collections.iter().map(|known| (known.collection.id, known.collection.name.clone())).collect();
        let pins = self.slow.ready_pins(&self.db).await?;
        let session = match reader {
            Reader::Session(session) => Some(session.as_str()),
            _ => None,
        };
        Ok(sql::filter(&self.db, query, &Scope { collections: &names, session, pins: &pins }))
    }

    /// Warnings for fields that nobody ever sent; an error instead if the query is strict.
    async fn unknown_fields(&self, query: &Query, collections: &[Arc<Known>]) -> Result<Vec<String>> {
        let asked: Vec<_> = query.data_fields().collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.field_paths(collections).await?;
        let mut warnings = Vec::new();
        for path in asked {
            let text = path.to_string();
            if !is_known(&known, path) {
                let hint = crate::words::did_you_mean(&text, known.iter().map(String::as_str));
                let warning = format!("no entry has \"{text}\"{hint}");
                if query.strict {
                    return Err(Error::parameter(text, warning));
                }
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        }
        Ok(warnings)
    }

    /// Every path of these collections, in the order in which they were first seen.
    pub async fn field_paths(&self, collections: &[Arc<Known>]) -> Result<Vec<String>> {
        let mut fields = Vec::new();
        for known in collections {
            fields.extend(crate::collections::fields(&self.db, known.collection.id).await?);
        }
        fields.sort_by_key(|field| field.id);
        let mut seen = std::collections::HashSet::new();
        Ok(fields.into_iter().map(|field| field.path).filter(|path| seen.insert(path.clone())).collect())
    }

    fn note_time(&self, filter: &Filter, collections: &[Arc<Known>], took: Duration) {
        if let (Some(path), [known]) = (&filter.unpinned, collections)
            && took >= self.settings.slow_filter
        {
            self.slow.note(known.collection.id, path.clone(), self.clock.now());
        }
    }

    /// An entry that this reader may see. Deleted ones are there for staff.
    pub async fn find(&self, reader: &Reader, id: EntryId) -> Result<(Entry, Arc<Known>)> {
        let missing = || Error::NotFound(format!("There is no entry {}.", id.0).into());
        let entry = store::find(&self.db, id).await?.ok_or_else(missing)?;
        let all = self.collections.list().await?;
        let known = all.into_iter().find(|known| known.collection.id == entry.collection).ok_or_else(missing)?;
        match reader {
            Reader::Staff(_) => Ok((entry, known)),
            Reader::Public if known.collection.public_read && entry.deleted.is_none() && entry.flags.is_none() => {
                Ok((entry, known))
            }
            _ => Err(Error::Unauthenticated),
        }
    }

    /// Marks all entries of a query and returns how many changed, with the moment that takes it back.
    pub async fn mark(&self, reader: &Reader, query: &Query, mark: Mark) -> Result<(u64, Moment)> {
        if query.conditions.is_empty() && query.words.is_empty() {
            return Err(Error::BadRequest(vec![FieldError::at(
                "",
                "name at least one condition: this would change everything",
            )]));
        }
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let changed = store::mark(&mut tx, filter, mark, now).await?;
        tx.commit().await?;
        Ok((changed, now))
    }

    /// Takes back a [`Entries::mark`].
    pub async fn unmark(&self, mark: Mark, at: Moment) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let changed = store::unmark(&mut tx, mark, at).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Replaces the data of an entry, if it still has the version that `expected` names.
    pub async fn replace(&self, id: EntryId, expected: Option<i64>, data: &[u8]) -> Result<Entry> {
        let canonical = super::json::object(data, self.intake.seed(), &mut |_, _| false).map_err(body::malformed)?;
        let (entry, _) = self.find(&Reader::Staff(0), id).await?;
        if expected.is_some_and(|version| version != entry.version) {
            return Err(Error::PreconditionFailed);
        }
        let mut tx = self.db.begin().await?;
        if !store::update_data(&mut tx, id, entry.version, &canonical.text).await? {
            return Err(Error::PreconditionFailed);
        }
        for path in super::json::paths(&canonical.text) {
            crate::collections::register_field(&mut tx, entry.collection, &path, self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(self.find(&Reader::Staff(0), id).await?.0)
    }

    /// Merges a patch into the data of an entry (RFC 7396).
    pub async fn merge(&self, id: EntryId, expected: Option<i64>, patch: &[u8]) -> Result<Entry> {
        let (entry, _) = self.find(&Reader::Staff(0), id).await?;
        let checked = super::json::object(patch, self.intake.seed(), &mut |_, _| false).map_err(body::malformed)?;
        let merged = super::submission::merge(&entry.data, &checked.text)?;
        self.replace(id, Some(expected.unwrap_or(entry.version)), merged.as_bytes()).await
    }

    /// The newest entries of the same browser session, this one aside.
    pub async fn of_session(&self, entry: &Entry) -> Result<Batch> {
        match &entry.session {
            Some(session) => Ok(store::of_session(&self.db, entry, session).await?),
            None => Ok(Batch::default()),
        }
    }

    /// Every collection by name.
    pub async fn list_collections(&self) -> Result<Vec<Arc<Known>>> {
        self.collections.list().await
    }

    /// How many entries a query has, and whether there are more than were counted.
    pub async fn count_of(&self, reader: &Reader, query: &Query) -> Result<(Option<i64>, bool)> {
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        self.count(query, &filter).await
    }

    /// The entries before and after one in the order of a query.
    pub async fn neighbours(
        &self,
        reader: &Reader,
        query: &Query,
        entry: &Entry,
    ) -> Result<(Option<EntryId>, Option<EntryId>)> {
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        let order = sql::order(&query.sort, self.db.is_postgres());
        let name =
            collections.iter().find(|k| k.collection.id == entry.collection).map_or("", |k| k.collection.name.as_str());
        let values = cursor::values(&query.sort, &entry.borrowed(), name);
        let mut found = [None, None];
        for (place, reversed) in found.iter_mut().zip([true, false]) {
            let stretch = Stretch { order: &order, after: Some(&values), reversed, limit: 1 };
            match store::page(&self.db, &filter, &stretch, self.settings.list_budget).await {
                Ok(batch) => *place = batch.iter().next().map(|entry| entry.id),
                // The page is worth showing without its neighbours.
                Err(DbError::OverBudget) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((found[0], found[1]))
    }

    /// How the database would answer a query of staff: for tests and for people who wonder why it is slow.
    pub async fn explain(&self, query: &str) -> Result<String> {
        let query = super::query::parse(&crate::web::pairs(query)?, self.clock.now(), false)?;
        let reader = Reader::Staff(0);
        let collections = self.readable(&reader, &query).await?;
        let filter = self.filter(&reader, &query, &collections).await?;
        let order = sql::order(&query.sort, self.db.is_postgres());
        Ok(store::explain(
            &self.db,
            &filter,
            &Stretch { order: &order, after: None, reversed: false, limit: DEFAULT_LIMIT },
        )
        .await?)
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

struct Prepared {
    entry: NewEntry,
    known: Arc<Known>,
    warnings: Vec<String>,
    next: Option<String>,
}

fn per_collection<'p>(prepared: &[&'p Prepared]) -> Vec<(&'p Known, i64)> {
    let mut counts: Vec<(&Known, i64)> = Vec::new();
    for one in prepared {
        match counts.iter_mut().find(|(known, _)| known.collection.id == one.known.collection.id) {
            Some((_, count)) => *count += 1,
            None => counts.push((&one.known, 1)),
        }
    }
    counts
}

/// Nothing of a batch can be stored: one error that names every place, unless they were refused for a reason of their own.
fn all_refused(parsed: Vec<Result<Prepared>>) -> Error {
    let mut fields = Vec::new();
    let mut malformed = false;
    for (index, result) in parsed.into_iter().enumerate() {
        match result {
            Err(Error::Invalid(errors)) => fields.extend(errors.into_iter().map(|e| inside(index, e))),
            Err(Error::BadRequest(errors)) => {
                malformed = true;
                fields.extend(errors.into_iter().map(|e| inside(index, e)));
            }
            Err(other) => return other,
            Ok(_) => {}
        }
    }
    if malformed { Error::BadRequest(fields) } else { Error::Invalid(fields) }
}

fn inside(index: usize, error: FieldError) -> FieldError {
    FieldError::at(format!("/{index}{}", error.pointer.unwrap_or_default()), error.detail)
}

fn refusal_of(error: &Error) -> super::json::Refusal {
    let first = error.errors().first();
    super::json::Refusal {
        pointer: first.and_then(|e| e.pointer.clone()).unwrap_or_default(),
        detail: first.map_or_else(|| error.detail().into_owned(), |e| e.detail.clone()),
        malformed: false,
    }
}

fn rejected(detail: &str) -> Outcome {
    Outcome::Rejected(super::json::Refusal::rule(detail))
}

fn no_collection(name: &str) -> Error {
    let shown: String = name.chars().take(80).collect();
    Error::NotFound(format!("There is no collection \"{shown}\".").into())
}

fn is_known(known: &[String], path: &Path) -> bool {
    // A path inside an array, or an object on the way, is known by its beginning or its end.
    let text = path.to_string();
    known.iter().any(|k| {
        *k == text
            || k.strip_prefix(&text).is_some_and(|rest| rest.starts_with('.'))
            || text.strip_prefix(k.as_str()).is_some_and(|rest| rest.starts_with('.'))
    })
}

fn over_budget(error: DbError, filter: &Filter) -> Error {
    match (error, &filter.unpinned) {
        (DbError::OverBudget, Some(path)) => Error::Unavailable {
            detail: format!("This took longer than it may. Narrow it down, for instance by _received__gte=-30d, or pin the field \"{path}\".").into(),
            retry_after: 5,
        },
        (error, _) => error.into(),
    }
}

fn take_page(batch: &Batch, limit: usize) -> (Vec<store::EntryRef<'_>>, bool) {
    let mut entries: Vec<_> = batch.iter().collect();
    let more = entries.len() > limit;
    entries.truncate(limit);
    (entries, more)
}
