//! Reading: pages of entries, their counts and facets, single entries and their neighbours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::{Entry, EntryId};
use super::order;
use super::reader::Reader;
use super::scope::Scope;
use super::service::Entries;
use super::sql::{self, Filter};
use super::store::{self, Batch, FacetValue, Stretch};
use super::system;
use crate::collections::{CachedCollection, CollectionId};
use crate::db::DbError;
use crate::error::{Error, Result};
use crate::filter::{Count, Cursor, Query};
use crate::json::Path;
use crate::limits::DEFAULT_LIMIT;

/// A page of entries with what belongs to it.
pub struct Listing {
    page: Page,
    pub newer: Option<String>,
    pub next: Option<String>,
    pub count: Option<i64>,
    /// There are more than `count`.
    pub truncated: bool,
    pub warnings: Vec<String>,
    pub facets: Vec<(Path, Option<Vec<FacetValue>>)>,
    /// The collections that were looked at.
    pub collections: Vec<Arc<CachedCollection>>,
}

/// A page as the database put it together, in the direction of walking and with one entry more to know whether there is one.
struct Page {
    batch: Batch,
    limit: usize,
    reversed: bool,
    reader: Reader,
}

impl Page {
    fn entries(&self) -> Vec<store::EntryRef<'_>> {
        let entries = self.batch.iter().take(self.limit);
        let mut entries: Vec<_> = entries.map(|entry| entry.for_reader(&self.reader)).collect();
        if self.reversed {
            entries.reverse();
        }
        entries
    }
}

impl Listing {
    /// The state of an entry, by name.
    pub fn state_of(&self, entry: &store::EntryRef<'_>) -> String {
        if !entry.work.state.is_empty() {
            return entry.work.state.to_owned();
        }
        let known = self.collections.iter().find(|known| known.collection.id == entry.collection);
        known.map_or(String::new(), |known| known.collection.first_state())
    }

    /// The entries in the order asked for.
    pub fn entries(&self) -> Vec<store::EntryRef<'_>> {
        self.page.entries()
    }
}

impl Entries {
    /// A page of entries.
    pub async fn list(&self, reader: &Reader, query: &Query) -> Result<Listing> {
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        let warnings = self.unknown_fields(query, &collections).await?;
        let _turn = self.downloads.turn_to_list(reader).await?;
        let started = Instant::now();
        let found = self.page(reader, query, &filter, &collections).await;
        self.note_time(reader, &filter, &collections, started.elapsed());
        let (page, newer, next) = found?;
        let found = page.batch.iter().count();
        let (count, truncated) = if query.cursor.is_none() && found <= page.limit && query.count != Count::None {
            (Some(found as i64), false)
        } else {
            self.count(query, &filter).await?
        };
        let facets = self.facets(query, &filter).await?;
        Ok(Listing { page, newer, next, count, truncated, warnings, facets, collections })
    }

    async fn page(
        &self,
        reader: &Reader,
        query: &Query,
        filter: &Filter,
        collections: &[Arc<CachedCollection>],
    ) -> Result<(Page, Option<String>, Option<String>)> {
        let key = &self.settings.cursor_key;
        let cursor = query.cursor.as_deref().map(|text| Cursor::open(text, key, query, &reader.name())).transpose()?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        let order = order::order(&query.sort, self.db.is_postgres());
        let reversed = cursor.as_ref().is_some_and(|c| c.reversed);
        let after = cursor.as_ref().map(|c| c.values.as_slice()).filter(|values| values.len() == order.len());
        let stretch = Stretch { order: &order, after, reversed, limit: limit + 1 };
        let batch = store::page(&self.db, filter, &stretch, self.settings.list_budget)
            .await
            .map_err(|e| over_budget(e, filter))?;
        let more = batch.iter().count() > limit as usize;
        let page = Page { batch, limit: limit as usize, reversed, reader: reader.clone() };
        let entries = page.entries();
        let seal = |entry: &store::EntryRef<'_>, reversed: bool| {
            let name = collections
                .iter()
                .find(|k| k.collection.id == entry.collection)
                .map_or("", |k| k.collection.name.as_str());
            Cursor { values: order::values(&query.sort, entry, name), reversed }.seal(key, query, &reader.name())
        };
        let has_next = if reversed { cursor.is_some() } else { more };
        let has_newer = if reversed { more } else { cursor.is_some() };
        let next = entries.last().filter(|_| has_next).map(|entry| seal(entry, false));
        let newer = entries.first().filter(|_| has_newer).map(|entry| seal(entry, true));
        drop(entries);
        Ok((page, newer, next))
    }

    /// The collections a query covers. An unknown name is 404; for the public it is
    /// 401, as is one that it may not read.
    pub async fn readable(&self, reader: &Reader, query: &Query) -> Result<Vec<Arc<CachedCollection>>> {
        let all = self.collections.list().await?;
        let may_read = |known: &CachedCollection| *reader != Reader::Public || known.collection.public_read;
        let Some(names) = system::collections_of(query) else {
            let readable: Vec<_> = all.into_iter().filter(|known| may_read(known)).collect();
            return if readable.is_empty() { Err(Error::Unauthenticated) } else { Ok(readable) };
        };
        let mut found: Vec<Arc<CachedCollection>> = Vec::new();
        for name in names {
            match self.collections.get(name).await {
                Ok(known) if may_read(&known) => found.push(known),
                Err(error) if *reader != Reader::Public || !matches!(error, Error::NotFound(_)) => return Err(error),
                _ => return Err(Error::Unauthenticated),
            }
        }
        found.sort_by_key(|known| known.collection.id);
        found.dedup_by_key(|known| known.collection.id);
        Ok(found)
    }

    pub(super) async fn filter(
        &self,
        reader: &Reader,
        query: &Query,
        collections: &[Arc<CachedCollection>],
    ) -> Result<Filter> {
        let about_work = [system::STATE, system::ASSIGNEE, system::NOTE].iter().any(|field| query.goes_by(*field));
        if !reader.sees_sessions() && query.goes_by(system::SESSION) || !reader.sees_work() && about_work {
            return Err(Error::Unauthenticated);
        }
        let names: Vec<(CollectionId, String)> =
            collections.iter().map(|known| (known.collection.id, known.collection.name.clone())).collect();
        let states: Vec<_> =
            collections.iter().map(|known| (known.collection.id, known.collection.first_state())).collect();
        let pins = self.slow.ready_pins(&self.db).await?;
        let session = match reader {
            Reader::Session(session) => Some(session.as_str()),
            _ => None,
        };
        Ok(sql::filter(&self.db, query, &Scope { collections: &names, states: &states, session, pins: &pins }))
    }

    /// A slow filter counts, whether or not it was answered; those of strangers do not.
    fn note_time(&self, reader: &Reader, filter: &Filter, collections: &[Arc<CachedCollection>], took: Duration) {
        if let (Reader::Staff(_), Some(path), [known]) = (reader, &filter.unpinned, collections)
            && took >= self.settings.slow_filter
        {
            self.slow.note(known.collection.id, path.clone(), self.clock.now());
        }
    }

    /// An entry that this reader may see. Deleted ones are there for staff.
    pub async fn find(&self, reader: &Reader, id: EntryId) -> Result<(Entry, Arc<CachedCollection>)> {
        let missing = || Error::NotFound(format!("There is no entry {}.", id.0).into());
        let entry = store::find(&self.db, id).await?.ok_or_else(missing)?;
        let all = self.collections.list().await?;
        let known = all.into_iter().find(|known| known.collection.id == entry.collection).ok_or_else(missing)?;
        match reader {
            Reader::System | Reader::Staff(_) => Ok((entry, known)),
            Reader::Public if known.collection.public_read && entry.deleted.is_none() && entry.flags.is_none() => {
                Ok((entry.borrowed().for_reader(reader).to_entry(), known))
            }
            _ => Err(Error::Unauthenticated),
        }
    }

    /// The newest entries of the same browser session, this one aside.
    pub async fn of_session(&self, entry: &Entry) -> Result<Batch> {
        match &entry.session {
            Some(session) => Ok(store::of_session(&self.db, entry, session).await?),
            None => Ok(Batch::default()),
        }
    }

    /// Every collection by name.
    pub async fn list_collections(&self) -> Result<Vec<Arc<CachedCollection>>> {
        self.collections.list().await
    }

    /// Names of the collections that these entries are in.
    pub async fn collections_of(&self, ids: &[i64]) -> Result<Vec<String>> {
        let found = store::collections_of(&self.db, ids).await?;
        let all = self.collections.list().await?;
        let named = all.iter().filter(|known| found.contains(&known.collection.id));
        Ok(named.map(|known| known.collection.name.clone()).collect())
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
        let order = order::order(&query.sort, self.db.is_postgres());
        let name =
            collections.iter().find(|k| k.collection.id == entry.collection).map_or("", |k| k.collection.name.as_str());
        let values = order::values(&query.sort, &entry.borrowed(), name);
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

    /// Reads decoded parameters, as of now. `_secret` is not taken.
    pub fn read_query(&self, params: &[(String, String)]) -> Result<Query> {
        system::parse_query(params, self.clock.now(), false)
    }

    /// How the database would answer a query of staff: for tests and for people who wonder why it is slow.
    pub async fn explain(&self, query: &str) -> Result<String> {
        let query = self.read_query(&crate::web::pairs(query)?)?;
        let reader = Reader::System;
        let collections = self.readable(&reader, &query).await?;
        let filter = self.filter(&reader, &query, &collections).await?;
        let order = order::order(&query.sort, self.db.is_postgres());
        Ok(store::explain(
            &self.db,
            &filter,
            &Stretch { order: &order, after: None, reversed: false, limit: DEFAULT_LIMIT },
        )
        .await?)
    }
}

pub(super) fn over_budget(error: DbError, filter: &Filter) -> Error {
    match (error, &filter.unpinned) {
        (DbError::OverBudget, Some(path)) => Error::Unavailable {
            detail: format!(
                "This took longer than it may. Pin the field \"{path}\" on the page of its collection: then it has an index, and a filter \
                 on it is fast. Or narrow it down, for instance by _received__gte=-30d."
            )
            .into(),
            retry_after: 5,
        },
        (error, _) => error.into(),
    }
}
