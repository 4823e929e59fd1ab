//! A page of entries as JSON.

use rocket::Request;
use rocket::http::Header;
use rocket::response::{self, Responder};

use crate::entries::export::write_json;
use crate::entries::reading::Listing;
use crate::entries::store::EntryRef;
use crate::filter::{Fields as Chosen, Query};
use crate::json;
use crate::web::{Download, Html, JsonAnswer, SeeOther};

/// What `/list`, `/csv` and the API answer.
pub(super) enum Answered {
    Page(Html),
    Json(JsonAnswer),
    Download(Download),
    Redirect(SeeOther),
}

impl<'r> Responder<'r, 'static> for Answered {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = match self {
            Answered::Page(page) => page.respond_to(request)?,
            Answered::Download(download) => download.respond_to(request)?,
            Answered::Redirect(redirect) => redirect.respond_to(request)?,
            Answered::Json(answer) => answer.respond_to(request)?,
        };
        response.set_header(Header::new("Vary", "Accept, Cookie"));
        Ok(response)
    }
}

pub(super) fn listing_json(listing: &Listing, query: &Query) -> String {
    let entries = listing.entries();
    let mut out = Vec::with_capacity(entries.iter().map(|entry| entry.data.len() + 300).sum::<usize>() + 500);
    out.extend(b"{\"entries\":[");
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_entry(&mut out, entry, listing, &query.fields);
    }
    let count = listing.count.map_or("null".to_owned(), |count| count.to_string());
    let next = listing.next.as_deref().map_or("null".to_owned(), json::string);
    let tail = format!(
        "],\"next\":{next},\"count\":{count},\"truncated\":{},\"applied\":{},\"warnings\":{},\"facets\":{}}}",
        listing.truncated,
        applied(query),
        serde_json::to_string(&listing.warnings).unwrap_or_default(),
        facets(listing),
    );
    out.extend(tail.as_bytes());
    String::from_utf8(out).unwrap_or_default()
}

fn write_entry(out: &mut Vec<u8>, entry: &EntryRef<'_>, listing: &Listing, fields: &Chosen) {
    let known = listing.collections.iter().find(|known| known.collection.id == entry.collection);
    write_json(out, entry, known.map_or("", |known| known.collection.name.as_str()), fields);
}

fn applied(query: &Query) -> String {
    let conditions: Vec<_> = query
        .conditions
        .iter()
        .map(|c| {
            let value = &query.params[c.param].1;
            format!(
                "{{\"field\":{},\"op\":\"{}\",\"value\":{}}}",
                json::string(&c.field.to_string()),
                c.op.name(),
                json::string(value)
            )
        })
        .collect();
    format!("[{}]", conditions.join(","))
}

fn facets(listing: &Listing) -> String {
    let facets: Vec<_> = listing
        .facets
        .iter()
        .map(|(path, values)| {
            let values = values.as_ref().map_or("null".to_owned(), |values| {
                let values: Vec<_> = values
                    .iter()
                    .map(|v| {
                        let value = if v.is_text { json::string(&v.value) } else { v.value.clone() };
                        format!("{{\"value\":{value},\"count\":{}}}", v.times)
                    })
                    .collect();
                format!("[{}]", values.join(","))
            });
            format!("{}:{values}", json::string(&path.to_string()))
        })
        .collect();
    format!("{{{}}}", facets.join(","))
}
