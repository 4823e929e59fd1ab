//! The fields of entries: which there are, and warnings for those in a query that nobody ever sent.

use std::collections::HashSet;
use std::sync::Arc;

use super::service::Entries;
use crate::collections::{CachedCollection, RegisteredField};
use crate::error::{Error, Result};
use crate::filter::{Query, control_meant};
use crate::json::Path;
use crate::words::did_you_mean;

impl Entries {
    /// Warnings for fields that nobody ever sent; an error instead if the query is strict.
    pub(super) async fn unknown_fields(
        &self,
        query: &Query,
        collections: &[Arc<CachedCollection>],
    ) -> Result<Vec<String>> {
        let asked: Vec<_> = query.data_fields().collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        // A field that is known stays known: only a doubt is worth looking the registry up anew.
        if asked.iter().all(|path| self.seen_fields.knows(collections, path)) {
            return Ok(Vec::new());
        }
        let fields = self.fields_of(collections).await?;
        let lists: Vec<_> = fields.iter().filter(|field| field.arrays > 0).map(|field| field.path.clone()).collect();
        let known = paths_of(fields);
        let mut warnings = Vec::new();
        for path in asked {
            let text = path.to_string();
            let list = list_around(&lists, path).filter(|_| !known.contains(&text));
            let warning = if let Some(list) = list {
                inside_a_list(&list, path)
            } else if is_known(&known, path) {
                self.seen_fields.learn(collections, path);
                continue;
            } else if query.strict {
                return Err(Error::parameter(text.clone(), unknown_field(&text, &known)));
            } else {
                unknown_field(&text, &known)
            };
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        Ok(warnings)
    }

    /// Every path of these collections, in the order in which they were first seen.
    pub async fn field_paths(&self, collections: &[Arc<CachedCollection>]) -> Result<Vec<String>> {
        self.fields_of(collections).await.map(paths_of)
    }

    async fn fields_of(&self, collections: &[Arc<CachedCollection>]) -> Result<Vec<RegisteredField>> {
        let mut fields = Vec::new();
        for known in collections {
            fields.extend(self.collections.fields(known.collection.id).await?);
        }
        fields.sort_by_key(|field| field.id);
        Ok(fields)
    }
}

fn paths_of(fields: Vec<RegisteredField>) -> Vec<String> {
    let mut seen = HashSet::new();
    fields.into_iter().map(|field| field.path).filter(|path| seen.insert(path.clone())).collect()
}

/// The list that a path leads into without saying to which element.
fn list_around(lists: &[String], path: &Path) -> Option<Path> {
    let around = |end: usize| Path(path.0[..end].to_vec());
    let list = (1..path.0.len()).map(around).find(|outer| lists.contains(&outer.to_string()))?;
    let index = path.0.get(list.0.len())?.bytes().all(|b| b.is_ascii_digit());
    (!index).then_some(list)
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

fn inside_a_list(list: &Path, path: &Path) -> String {
    let steps = Path(path.0[list.0.len()..].to_vec());
    format!(
        "conditions do not look into the elements of the list \"{list}\"; \"{list}.0.{steps}\" is that of the first"
    )
}

fn unknown_field(text: &str, known: &[String]) -> String {
    let hint = match control_meant(text) {
        Some(control) => format!("; did you mean \"{control}\"?"),
        None => did_you_mean(text, known.iter().map(String::as_str)),
    };
    format!("no entry has \"{text}\"{hint}")
}
