//! Recording: what clients send becomes entries.

use std::net::IpAddr;
use std::sync::Arc;

use super::body::{self, Body};
use super::entry::{NewEntry, Outcome};
use super::form;
use super::refusal::reason;
use super::service::Entries;
use super::submission::{self, Meta};
use crate::collections::{CachedCollection, DEFAULT_COLLECTION, WebOrigin};
use crate::error::{Error, FieldError, Result};
use crate::json::Refusal;

/// What the address and the headers of a request to `/add` say.
pub struct Submission {
    /// From the URL.
    pub collection: Option<String>,
    /// From the URL or the header `X-Frontdesk-Key`.
    pub key: Option<String>,
    pub origin: Option<String>,
    pub address: Option<IpAddr>,
    /// Where a form goes next, from the URL.
    pub next: Option<String>,
    /// Parameters of the URL that are none of ours, as [`Recorded::warnings`] tell them.
    pub strays: Vec<String>,
}

/// What became of a request to `/add`.
pub struct Recorded {
    pub shape: RequestKind,
    /// In the order of the request.
    pub items: Vec<RecordedItem>,
    /// What was left out although the entries were stored.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    One,
    Batch,
    /// An HTML form: where it wants to go next, the files that came with it and were not kept, and the collection.
    Form {
        next: Option<String>,
        files: Vec<String>,
        collection: String,
    },
}

pub struct RecordedItem {
    pub outcome: Outcome,
    pub warnings: Vec<String>,
    /// Why it was refused, in words for the visitor who sent a form.
    pub message: Option<String>,
}

impl Entries {
    /// Stores what a client sent. What an outcome calls stored is on disk.
    pub async fn record(&self, submission: &Submission, body: Body) -> Result<Recorded> {
        match body {
            Body::One(text) => {
                let prepared = self.prepare(submission, &text).await?;
                self.record_one(submission, RequestKind::One, prepared).await
            }
            Body::Form(form) => {
                let mut prepared = self.prepare(submission, &form.object).await?;
                if !form::is_filled(&prepared.entry.data) {
                    return Err(Error::invalid("", "the form is empty: fill in at least one field"));
                }
                let next = prepared.next.take().or_else(|| submission.next.clone());
                let collection = prepared.known.collection.name.clone();
                self.record_one(submission, RequestKind::Form { next, files: form.files, collection }, prepared).await
            }
            Body::Batch(texts) => {
                let mut parsed = Vec::with_capacity(texts.len());
                for text in &texts {
                    parsed.push(self.prepare(submission, text).await);
                }
                Box::pin(self.record_batch(submission, parsed)).await
            }
        }
    }

    async fn record_one(&self, submission: &Submission, shape: RequestKind, prepared: Prepared) -> Result<Recorded> {
        self.limits.take_address(submission.address, 1)?;
        self.limits.take_collection(prepared.known.collection.id, 1)?;
        self.limits.take_quota(&self.db, &prepared.known.collection, 1, self.clock.now()).await?;
        let outcome = self.intake.submit(vec![prepared.entry]).await?.into_iter().next();
        match outcome {
            Some(Outcome::Rejected(refusal)) => Err(body::malformed(refusal)),
            Some(outcome) => {
                let mut warnings = prepared.warnings;
                warnings.extend(submission.strays.iter().cloned());
                if let RequestKind::Form { files, .. } = &shape {
                    warnings
                        .extend(files.iter().map(|file| format!("files are not kept: \"{file}\" is noted by name")));
                }
                Ok(Recorded {
                    shape,
                    items: vec![RecordedItem { outcome, warnings, message: None }],
                    warnings: Vec::new(),
                })
            }
            None => Err(Error::Internal("the intake gave no answer".into())),
        }
    }

    async fn record_batch(&self, submission: &Submission, parsed: Vec<Result<Prepared>>) -> Result<Recorded> {
        // A failure that may pass refuses no entry: the client sends the whole batch again.
        let again = |error: &Error| error.retry_after().is_some() || matches!(error, Error::Internal(_));
        if let Some(at) = parsed.iter().position(|one| one.as_ref().is_err_and(again)) {
            let error = parsed.into_iter().nth(at).and_then(Result::err);
            return Err(error.unwrap_or_else(|| Error::Internal("an error that was there is gone".into())));
        }
        self.limits.take_address(submission.address, parsed.len())?;
        let good: Vec<_> = parsed.iter().filter_map(|p| p.as_ref().ok()).collect();
        if good.is_empty() {
            return Err(all_refused(parsed));
        }
        for (known, count) in per_collection(&good) {
            self.limits.take_collection(known.collection.id, usize::try_from(count).unwrap_or(1))?;
            self.limits.take_quota(&self.db, &known.collection, count, self.clock.now()).await?;
        }
        let entries = good.iter().map(|p| p.entry.clone()).collect();
        let mut outcomes = self.intake.submit(entries).await?.into_iter();
        let items = parsed
            .into_iter()
            .map(|prepared| match prepared {
                Ok(prepared) => {
                    let outcome = outcomes.next().unwrap_or_else(|| rejected("not stored"));
                    let conflicts = matches!(outcome, Outcome::Conflict(_));
                    let message = conflicts.then(|| reason(&Error::Conflict("".into())));
                    RecordedItem { outcome, warnings: prepared.warnings, message }
                }
                Err(error) => RecordedItem {
                    outcome: Outcome::Rejected(refusal_of(&error)),
                    warnings: Vec::new(),
                    message: Some(reason(&error)),
                },
            })
            .collect();
        Ok(Recorded { shape: RequestKind::Batch, items, warnings: submission.strays.clone() })
    }

    async fn prepare(&self, submission: &Submission, text: &[u8]) -> Result<Prepared> {
        let parsed = submission::parse(text, self.intake.seed()).map_err(body::malformed)?;
        let known = self.collection_for(&parsed.meta, submission).await?;
        self.check_origin(&known, submission.origin.as_deref())?;
        let warnings = submission::check(&parsed.data, &known.checks)?;
        let now = self.clock.now();
        let next = parsed.meta.next.clone();
        let mut entry = parsed.into_entry(known.collection.id, submission.origin.clone(), now);
        entry.address = submission.address;
        Ok(Prepared { next, entry, warnings, known })
    }

    /// The collection that a client means, if the client may send to it. What stands in the entry goes before what
    /// stands around it: an entry that names its collection is not held against the key of the page's snippet.
    async fn collection_for(&self, inner: &Meta, outer: &Submission) -> Result<Arc<CachedCollection>> {
        let named_inside = inner.collection.is_some() && inner.key.is_none();
        let key = inner.key.as_deref().or(outer.key.as_deref());
        let by_key = match key {
            Some(key) => Some(self.collections.by_key(key).await?.ok_or_else(|| {
                Error::Forbidden("There is no collection with this key. Copy it from the collection's page.".into())
            })?),
            None => None,
        };
        let name = match (inner.collection.as_deref().or(outer.collection.as_deref()), &by_key) {
            (None, Some(known)) => return Ok(known.clone()),
            (name, _) => name.unwrap_or(DEFAULT_COLLECTION),
        };
        let known = self.collections.get(name).await?;
        let has_key = by_key.as_ref().is_some_and(|other| other.collection.id == known.collection.id);
        if by_key.is_some() && !has_key && !named_inside {
            return Err(Error::Forbidden(format!("This key is not the one of \"{name}\".").into()));
        }
        if !known.collection.open && !has_key {
            return Err(Error::Forbidden(
                format!("The collection \"{}\" takes entries only with its key.", known.collection.name).into(),
            ));
        }
        Ok(known)
    }

    fn check_origin(&self, known: &CachedCollection, origin: Option<&str>) -> Result<()> {
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

    /// Where a form may lead: the pages of an origin that may send to its collection, or of the origin that the form
    /// stands on. A path alone is one of that origin's.
    pub async fn lead_to(&self, next: &str, origin: Option<&str>, collection: &str) -> Option<String> {
        let scheme = next.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':'));
        if !scheme {
            let site = WebOrigin::parse(origin?).ok()?;
            let is_path = !next.starts_with("//") && !next.contains('\\');
            return is_path.then(|| format!("{}/{}", site.as_str(), next.trim_start_matches('/')));
        }
        let target = WebOrigin::of_url(next).ok()?;
        let listed = match self.collections.by_name(collection).await {
            Ok(Some(known)) => known.origins.iter().any(|allowed| allowed == target.as_str()),
            _ => false,
        };
        (listed || origin == Some(target.as_str())).then(|| next.to_owned())
    }
}

struct Prepared {
    entry: NewEntry,
    known: Arc<CachedCollection>,
    warnings: Vec<String>,
    next: Option<String>,
}

fn per_collection<'p>(prepared: &[&'p Prepared]) -> Vec<(&'p CachedCollection, i64)> {
    let mut counts: Vec<(&CachedCollection, i64)> = Vec::new();
    for one in prepared {
        match counts.iter_mut().find(|(known, _)| known.collection.id == one.known.collection.id) {
            Some((_, count)) => *count += 1,
            None => counts.push((&one.known, 1)),
        }
    }
    counts
}

/// The error of a batch without a valid entry: it names every invalid place, or is the first error of another kind.
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

fn refusal_of(error: &Error) -> Refusal {
    let first = error.errors().first();
    Refusal {
        pointer: first.and_then(|e| e.pointer.clone()).unwrap_or_default(),
        detail: first.map_or_else(|| error.detail().into_owned(), |e| e.detail.clone()),
        malformed: false,
    }
}

fn rejected(detail: &str) -> Outcome {
    Outcome::Rejected(Refusal::rule(detail))
}
