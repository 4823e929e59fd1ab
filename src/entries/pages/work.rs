//! Working on an entry from its page: mending values, state, assignee and note, Undo.

use rocket::response::Flash;
use rocket::{State, post};

use crate::entries::entry::EntryId;
use crate::entries::service::Entries;
use crate::entries::submission::merge;
use crate::entries::work::WorkChange;
use crate::error::{Error, Result};
use crate::filter::number;
use crate::json;
use crate::json::Path;
use crate::staff::Staff;
use crate::web::{Fields, SeeOther, told};

/// Where the page goes on, and what it says there.
fn back(id: i64, form: &Fields, done: Result<&str>) -> Result<Flash<SeeOther>> {
    let query = form.get("query");
    let page = if query.is_empty() { format!("/entries/{id}") } else { format!("/entries/{id}?{query}") };
    let note = match done {
        Ok(text) => text.to_owned(),
        Err(Error::PreconditionFailed) => {
            "Somebody changed this entry meanwhile, and nothing was saved. Look at it and do it again.".to_owned()
        }
        Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => format!("Nothing was saved: {}", error.detail()),
        Err(error) => return Err(error),
    };
    Ok(told(page, note))
}

/// State, assignee and note.
#[post("/entries/<id>/work", data = "<form>")]
pub(super) async fn work(staff: Staff, entries: &State<Entries>, id: i64, form: Fields) -> Result<Flash<SeeOther>> {
    let text = |name: &str| form.has(name).then(|| form.get(name).to_owned());
    let change = WorkChange { state: text("state"), assignee: text("assignee"), note: text("note") };
    let done = entries.work_on(&staff.author(), EntryId(id), form.get("version").parse().ok(), change).await;
    back(id, &form, done.map(|_| "Saved."))
}

/// Values of fields. Only those that differ are written.
#[post("/entries/<id>/data", data = "<form>")]
pub(super) async fn data(staff: Staff, entries: &State<Entries>, id: i64, form: Fields) -> Result<Flash<SeeOther>> {
    let done = write_data(&staff, entries, id, &form).await;
    back(id, &form, done.map(|()| "Saved."))
}

async fn write_data(staff: &Staff, entries: &Entries, id: i64, form: &Fields) -> Result<()> {
    let reader = crate::entries::Reader::Staff(staff.0.id);
    let (entry, _) = entries.find(&reader, EntryId(id)).await?;
    let version = form.get("version").parse().ok();
    let mut data = entry.data.clone();
    for (path, value) in form.all("path").zip(form.all("value")) {
        let steps = Path::parse(path).map_err(|detail| Error::invalid(format!("/{path}"), detail))?;
        let Some(present) = json::find(&entry.data, &steps) else { continue };
        if let Some(new) = typed(present, value).map_err(|detail| Error::invalid(format!("/{path}"), detail))? {
            let patch = steps.0.iter().rev().fold(new, |inner, step| format!("{{{}:{inner}}}", json::string(step)));
            data = merge(&data, &patch);
        }
    }
    if data != entry.data {
        entries.replace(&staff.author(), EntryId(id), version, data.as_bytes()).await?;
    }
    Ok(())
}

/// The typed text as JSON, of the present value's type where possible; `None` if it is unchanged.
fn typed(present: &str, value: &str) -> std::result::Result<Option<String>, String> {
    let value = value.replace("\r\n", "\n");
    let old: serde_json::Value = serde_json::from_str(present).unwrap_or_default();
    let unchanged = match &old {
        serde_json::Value::String(text) => text.replace("\r\n", "\n") == value,
        serde_json::Value::Null => value.is_empty(),
        _ => value == present,
    };
    if unchanged {
        return Ok(None);
    }
    let is_number = number(&value).is_some() && value.trim() == value;
    match old {
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&value).is_ok();
            is_json.then_some(Some(value)).ok_or_else(|| "is no JSON".into())
        }
        serde_json::Value::Number(_) if is_number => Ok(Some(value)),
        serde_json::Value::Bool(_) if matches!(value.as_str(), "true" | "false") => Ok(Some(value)),
        _ => Ok(Some(json::string(&value))),
    }
}

/// Undo.
#[post("/entries/<id>/changes/<change>/reversal", data = "<form>")]
pub(super) async fn take_back(
    staff: Staff,
    entries: &State<Entries>,
    id: i64,
    change: i64,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let done = entries.undo_change(&staff.author(), EntryId(id), change).await;
    back(id, &form, done.map(|_| "Taken back."))
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn what_is_typed_keeps_its_kind_where_it_can() {
        for (present, value, new) in [
            (r#""a""#, "a", None),
            (r#""a""#, "b \"c\"", Some(r#""b \"c\"""#)),
            (r#""1""#, "2", Some(r#""2""#)),
            (r#""a\r\nb""#, "a\r\nb", None),
            ("1.50", "1.50", None),
            ("1.50", "2", Some("2")),
            ("1.50", "two", Some(r#""two""#)),
            ("true", "false", Some("false")),
            ("true", "maybe", Some(r#""maybe""#)),
            ("null", "", None),
            ("null", "x", Some(r#""x""#)),
            ("[1,2]", "[1]", Some("[1]")),
        ] {
            assert_eq!(typed(present, value).unwrap().as_deref(), new, "{present} {value}");
        }
        assert!(typed("[1,2]", "[1").is_err());
    }
}
