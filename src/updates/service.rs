//! The verbs of updates.

use super::feed::Feeds;
use super::pinned::{Board, Pinned};
use super::slug::{numbered, slug_of};
use super::store;
use super::update::{Update, Working};
use super::writer::Writer;
use super::writing::Writing;
use crate::db::{DbError, Pool, Tx};
use crate::error::{Error, Result};
use crate::moment::{Clock, Moment};
use crate::secrets::random_bytes;
use crate::staff::{Deed, audit};

/// All updates. Cheap to clone.
#[derive(Clone)]
pub struct Updates {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pinned: Board,
    pub(super) feeds: Feeds,
}

/// How often an address is chosen anew when somebody else was faster.
const ATTEMPTS: usize = 5;
/// Updates of one title, which is the same address with a number.
const MAX_SAME: usize = 1000;

impl Updates {
    /// The updates of a database.
    pub fn new(db: Pool, clock: Clock) -> Updates {
        Updates { db, clock, pinned: Board::new(), feeds: Feeds::default() }
    }

    /// What the time is.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Pinned ones that visitors see now, the newest first, at most three. From memory: what other processes changed is in it
    /// within seconds.
    pub fn pinned(&self) -> Vec<Pinned> {
        self.pinned.at(self.now())
    }

    /// Reads again what is pinned.
    pub async fn refresh(&self) -> Result<()> {
        Ok(self.pinned.read(&self.db).await?)
    }

    /// The same after a change, which is done whether or not it can be read.
    async fn show_pinned(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(?error, "what is pinned could not be read; it is tried again");
        }
    }

    /// Makes an update. 422 for what is wrong with it.
    pub async fn create(&self, by: &Writer, writing: Writing) -> Result<Update> {
        self.insert(by, writing.checked()?).await
    }

    /// Makes a draft of what is being typed, even without a title.
    pub async fn begin(&self, by: &Writer, writing: Writing) -> Result<Update> {
        let writing = Writing { draft: true, publish_at: None, ..writing.tidied()? };
        self.insert(by, writing).await
    }

    async fn insert(&self, by: &Writer, writing: Writing) -> Result<Update> {
        let now = self.now();
        let blank = blank(by, now)?;
        let publish_at = blank.publication(&writing, now)?;
        let draft = writing.draft;
        let slug = writing.slug.clone();
        let new = Update { draft, publish_at, ..blank.with_text(writing, now) };
        for _ in 0..ATTEMPTS {
            if let Some(id) = self.try_insert(by, &new, &slug).await? {
                self.show_pinned().await;
                return self.find(id).await;
            }
        }
        Err(outrun())
    }

    /// `None`: somebody else took the same address at the same time.
    async fn try_insert(&self, by: &Writer, new: &Update, slug: &str) -> Result<Option<i64>> {
        let mut tx = self.db.begin().await?;
        let (slug, slug_made) = free_slug(&mut tx, None, new, slug).await?;
        let id = match store::insert(&mut tx, &Update { slug, slug_made, ..new.clone() }).await {
            Err(DbError::Duplicate) => return Ok(None),
            inserted => inserted?,
        };
        audit::note(&mut tx, &by.by, Deed::new("created", "updates", id), new.created_at).await?;
        tx.commit().await?;
        Ok(Some(id))
    }

    /// Replaces what is written of an update that is still of this version; otherwise 412. Changes that were kept are in it,
    /// or gone.
    pub async fn change(&self, by: &Writer, update: &Update, writing: Writing) -> Result<Update> {
        self.replace(by, update, writing, None).await
    }

    /// The same, but for changes that were kept: they stay as long as title and text are as they were.
    pub async fn amend(&self, by: &Writer, update: &Update, writing: Writing) -> Result<Update> {
        let working = if update.reads(&writing) { update.working.clone() } else { None };
        self.replace(by, update, writing, working).await
    }

    async fn replace(&self, by: &Writer, update: &Update, writing: Writing, working: Option<String>) -> Result<Update> {
        let now = self.now();
        let writing = writing.checked()?;
        let publish_at = update.publication(&writing, now)?;
        let (draft, slug) = (writing.draft, writing.slug.clone());
        let changed = Update { draft, publish_at, working, ..update.clone().with_text(writing, now) };
        self.write(update, changed, &slug, Some((by, "changed"))).await
    }

    /// Keeps what is being typed: in a draft as its text, beside what others see as changes that are not published. An
    /// address that is another's is told when it is saved. 412 if it is another version meanwhile.
    pub async fn keep(&self, by: &Writer, update: &Update, writing: Writing) -> Result<Update> {
        let now = self.now();
        let writing = writing.tidied()?;
        if update.draft {
            let slug = writing.slug.clone();
            let changed = Update { working: None, ..update.clone().with_text(writing, now) };
            return match self.write(update, changed.clone(), &slug, None).await {
                Err(Error::Invalid(_)) => self.write(update, changed, &update.slug, None).await,
                kept => kept,
            };
        }
        let working = Working { writing, by: by.by.name().to_owned(), at: now };
        let working = serde_json::to_string(&working).map_err(|error| Error::Internal(error.into()))?;
        self.write(update, Update { working: Some(working), ..update.clone() }, &update.slug, None).await
    }

    /// Drops the changes that are not published.
    pub async fn discard(&self, by: &Writer, update: &Update) -> Result<Update> {
        let changed = Update { working: None, ..update.clone() };
        self.write(update, changed, &update.slug, Some((by, "discarded changes of"))).await
    }

    /// `slug`: what was written for its address. `deed`: a line for the audit trail.
    async fn write(&self, was: &Update, changed: Update, slug: &str, deed: Option<(&Writer, &str)>) -> Result<Update> {
        for _ in 0..ATTEMPTS {
            if self.try_write(was, &changed, slug, deed).await? {
                self.show_pinned().await;
                return self.find(was.id).await;
            }
        }
        Err(outrun())
    }

    /// `false`: somebody else took the same address at the same time.
    async fn try_write(
        &self,
        was: &Update,
        changed: &Update,
        slug: &str,
        deed: Option<(&Writer, &str)>,
    ) -> Result<bool> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let (slug, slug_made) = free_slug(&mut tx, Some(was), changed, slug).await?;
        if slug != was.slug && was.public_since(now).is_some() {
            store::note_former(&mut tx, &was.slug, was.id).await?;
        }
        match store::update(&mut tx, &Update { slug, slug_made, updated_at: now, ..changed.clone() }).await {
            Err(DbError::Duplicate) => return Ok(false),
            Ok(false) => return Err(Error::PreconditionFailed),
            written => written?,
        };
        if let Some((by, action)) = deed {
            audit::note(&mut tx, &by.by, Deed::new(action, "updates", was.id), now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes an update that is still of this version; otherwise 412. Nobody sees it any more. It can be restored.
    pub async fn remove(&self, by: &Writer, update: &Update) -> Result<()> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        if !store::set_deleted(&mut tx, update, Some(now), now).await? {
            return Err(Error::PreconditionFailed);
        }
        audit::note(&mut tx, &by.by, Deed::new("deleted", "updates", update.id), now).await?;
        tx.commit().await?;
        self.show_pinned().await;
        Ok(())
    }

    /// Brings a deleted update back as it was; one that is there stays. If another has its address meanwhile, it gets one
    /// with a number.
    pub async fn restore(&self, by: &Writer, id: i64) -> Result<Update> {
        let update = store::find(&self.db, id).await?.ok_or_else(missing)?;
        if update.deleted_at.is_none() {
            return Ok(update);
        }
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let slug = first_free(&mut tx, &update.slug, id).await?;
        if !store::set_deleted(&mut tx, &Update { slug, ..update }, None, now).await? {
            return Err(Error::PreconditionFailed);
        }
        audit::note(&mut tx, &by.by, Deed::new("restored", "updates", id), now).await?;
        tx.commit().await?;
        self.show_pinned().await;
        self.find(id).await
    }

    /// One that is not deleted, whatever its state.
    pub async fn find(&self, id: i64) -> Result<Update> {
        let found = store::find(&self.db, id).await?;
        found.filter(|update| update.deleted_at.is_none()).ok_or_else(missing)
    }
}

fn missing() -> Error {
    Error::NotFound("There is no such update.".into())
}

/// What is true of an update before anything is written.
fn blank(by: &Writer, now: Moment) -> Result<Update> {
    Ok(Update {
        id: 0,
        uuid: uuid::Builder::from_random_bytes(random_bytes()?).into_uuid().to_string(),
        slug: String::new(),
        slug_made: true,
        title: String::new(),
        body: String::new(),
        tags: String::new(),
        pinned: false,
        draft: true,
        publish_at: None,
        public_at: None,
        timezone: String::new(),
        author: by.name.clone(),
        edited_at: now,
        working: None,
        version: 1,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    })
}

/// Others took the same address at the same time, again and again.
fn outrun() -> Error {
    Error::Conflict("Others took the same address at the same time. Please try again.".into())
}

/// The address for an update, and whether it was made: the one that was written, 422 if it is another's; else the one it
/// has, if people may know it; else one made of the title.
async fn free_slug(tx: &mut Tx, was: Option<&Update>, update: &Update, written: &str) -> Result<(String, bool)> {
    let written = written.trim();
    match was {
        Some(was) if written == was.slug => return Ok((was.slug.clone(), was.slug_made)),
        Some(was) if written.is_empty() && (update.public_at.is_some() || !update.draft && !was.draft) => {
            return Ok((was.slug.clone(), was.slug_made));
        }
        _ if written.is_empty() => return Ok((first_free(tx, &slug_of(&update.title), update.id).await?, true)),
        _ => {}
    }
    let slug = slug_of(written);
    match store::is_taken(tx, &slug, update.id).await? {
        true => Err(Error::invalid("/slug", format!("\"{slug}\" is the address of another update"))),
        false => Ok((slug, false)),
    }
}

/// This address, or the first with a number, that no update but `own` has.
async fn first_free(tx: &mut Tx, slug: &str, own: i64) -> Result<String> {
    let candidates = std::iter::once(slug.to_owned()).chain((2..=MAX_SAME).map(|number| numbered(slug, number)));
    for slug in candidates {
        if !store::is_taken(tx, &slug, own).await? {
            return Ok(slug);
        }
    }
    Err(Error::invalid("/title", format!("{MAX_SAME} updates have it already: choose another, or an address")))
}
