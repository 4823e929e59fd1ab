//! The verbs of entries: record what clients send; find, list and change what is stored.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::http::ContentType;

use super::body::{self, Body};
use super::intake::{Intake, Tally};
use super::limits::{Limits, RateSettings};
use super::query::Query;
use super::reading::{Reader, SeenFields};
use super::store::{self, Mark};
use super::upkeep::SlowFilters;
use super::{Entry, EntryId, NewEntry, Outcome, submission};
use crate::collections::{Collections, DEFAULT_COLLECTION, Known};
use crate::db::Pool;
use crate::error::{Error, FieldError, Result};
use crate::moment::{Clock, Moment};
use crate::staff::{Author, Deed, audit};

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
    pub(super) seen_fields: SeenFields,
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

impl Entries {
    pub fn new(db: Pool, clock: Clock, collections: Collections, settings: Settings) -> Entries {
        Entries(Arc::new(Shared {
            intake: Intake::start(db.clone(), clock.clone()),
            limits: Limits::new(settings.rates),
            slow: SlowFilters::default(),
            seen_fields: SeenFields::default(),
            db,
            clock,
            collections,
            settings,
        }))
    }

    /// What became of entries since the program started.
    pub fn tally(&self) -> &Tally {
        self.intake.tally()
    }

    /// Stores what a client sent. What an outcome calls stored is on disk.
    pub async fn record(&self, mut submission: Submission) -> Result<Recorded> {
        let bytes = std::mem::take(&mut submission.bytes);
        let (shape, texts) = match body::read(submission.kind.as_ref(), submission.gzip, bytes).await? {
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
        Box::pin(self.record_batch(parsed)).await
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

    /// Marks all entries of a query and returns how many changed, with the moment that takes it back.
    pub async fn mark(&self, by: &Author, reader: &Reader, query: &Query, mark: Mark) -> Result<(u64, Moment)> {
        self.mark_as(by, reader, query, mark, String::new()).await
    }

    /// [`Entries::mark`], told in the audit trail as this entry's.
    pub(super) async fn mark_as(
        &self,
        by: &Author,
        reader: &Reader,
        query: &Query,
        mark: Mark,
        id: String,
    ) -> Result<(u64, Moment)> {
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
        let deed = Deed::new(mark.done(), "entries", id).with(format!("{changed} changed"));
        audit::note(&mut tx, by, deed, now).await?;
        tx.commit().await?;
        Ok((changed, now))
    }

    /// Takes back a [`Entries::mark`].
    pub async fn unmark(&self, by: &Author, mark: Mark, at: Moment) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let changed = store::unmark(&mut tx, mark, at).await?;
        let deed = Deed::new("undone", "entries", "").with(format!("{}: {changed} taken back", mark.done()));
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Replaces the data of an entry, if it still has the version that `expected` names.
    pub async fn replace(&self, by: &Author, id: EntryId, expected: Option<i64>, data: &[u8]) -> Result<Entry> {
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
        audit::note(&mut tx, by, Deed::new("changed", "entries", id.0), self.clock.now()).await?;
        tx.commit().await?;
        Ok(self.find(&Reader::Staff(0), id).await?.0)
    }

    /// Merges a patch into the data of an entry (RFC 7396).
    pub async fn merge(&self, by: &Author, id: EntryId, expected: Option<i64>, patch: &[u8]) -> Result<Entry> {
        let (entry, _) = self.find(&Reader::Staff(0), id).await?;
        let checked = super::json::object(patch, self.intake.seed(), &mut |_, _| false).map_err(body::malformed)?;
        let merged = super::submission::merge(&entry.data, &checked.text);
        self.replace(by, id, Some(expected.unwrap_or(entry.version)), merged.as_bytes()).await
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

pub(super) fn no_collection(name: &str) -> Error {
    let shown: String = name.chars().take(80).collect();
    Error::NotFound(format!("There is no collection \"{shown}\".").into())
}
