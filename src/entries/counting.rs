//! Counting entries: totals, values of fields, entries of each day. All within a time budget.

use std::sync::Arc;

use super::reader::Reader;
use super::reading::over_budget;
use super::service::Entries;
use super::sql::Filter;
use super::store::{self, FacetValue};
use crate::collections::CachedCollection;
use crate::db::DbError;
use crate::error::Result;
use crate::filter::{Count, Query};
use crate::json::Path;
use crate::moment::{DAY, Moment};

/// `_count=auto` counts to here.
const COUNTED: u32 = 10_000;

impl Entries {
    pub(super) async fn count(&self, query: &Query, filter: &Filter) -> Result<(Option<i64>, bool)> {
        if let (Some(collections), true) = (&filter.all_of, query.count != Count::None) {
            let totals = store::totals(&self.db).await?;
            return Ok((Some(collections.iter().filter_map(|id| totals.get(id)).sum()), false));
        }
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

    pub(super) async fn facets(&self, query: &Query, filter: &Filter) -> Result<Vec<(Path, Option<Vec<FacetValue>>)>> {
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
        let found = match &filter.all_of {
            Some(collections) => store::visible_per_day(&self.db, collections, from, offset).await?,
            None => match store::per_day(&self.db, &filter, from, offset, self.settings.facet_budget).await {
                Err(DbError::OverBudget) => return Ok(None),
                found => found?,
            },
        };
        let count = |day: i64| found.iter().find(|(d, _)| *d == day).map_or(0, |(_, count)| *count);
        Ok(Some((today - days + 1..=today).map(|day| (Moment(day * DAY), count(day))).collect()))
    }

    /// How many entries a query has, and whether there are more than were counted.
    pub async fn count_of(&self, reader: &Reader, query: &Query) -> Result<(Option<i64>, bool)> {
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        self.count(query, &filter).await
    }

    /// Every collection with the number of its entries that are neither deleted nor spam, by name.
    pub async fn collection_totals(&self) -> Result<Vec<(Arc<CachedCollection>, i64)>> {
        let totals = store::totals(&self.db).await?;
        let all = self.collections.list().await?.into_iter();
        Ok(all
            .map(|known| {
                let count = totals.get(&known.collection.id).copied().unwrap_or(0);
                (known, count)
            })
            .collect())
    }
}
