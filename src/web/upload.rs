//! Multipart bodies that are read piece by piece, and files that are kept until they are needed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use rocket::Request;
use rocket::data::{Data, DataStream, FromData, Outcome};
use rocket::http::ContentType;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use super::body;
use super::form::Fields;
use super::guards::Refused;
use crate::config::Config;
use crate::error::{Error, FieldError, Result};
use crate::limits::{MAX_IMPORT, MAX_TABLE, UPLOAD_SECONDS};
use crate::secrets::random_hex;

/// Bytes received since the parser last consumed any.
pub type Unread = Arc<AtomicU64>;

/// Passes a body to the parser piece by piece, so that a file is not buffered faster than it is consumed. Fails when
/// more than `most` bytes arrive unconsumed: headers or preambles without an end. The end is its own piece, as multer
/// reports a body as broken that arrives and ends between two polls for its first line.
pub fn pieces<S>(body: S, unread: Unread, most: u64) -> impl Stream<Item = io::Result<bytes::Bytes>> + Send
where
    S: Stream<Item = io::Result<bytes::Bytes>> + Send,
{
    let end = futures::stream::once(async { Ok(bytes::Bytes::new()) });
    let mut is_first = true;
    body.chain(end).then(move |piece| {
        let (unread, waits) = (unread.clone(), !std::mem::replace(&mut is_first, false));
        async move {
            if waits {
                tokio::task::yield_now().await;
            }
            let piece = piece?;
            if unread.fetch_add(piece.len() as u64, Ordering::Relaxed) > most {
                return Err(io::Error::other("a part has no end"));
            }
            Ok(piece)
        }
    })
}

/// A form with a file, which is in the folder for uploads now.
pub struct Upload {
    /// The other fields of the form.
    pub fields: Fields,
    /// The name that the file has on the sender's machine; empty for a text that was pasted.
    pub name: String,
    /// Its name in the folder.
    pub stored: String,
}

/// Where uploads are kept.
pub fn uploads(config: &Config) -> PathBuf {
    config.data_dir.join("uploads")
}

impl Upload {
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Upload> {
        let config = request.rocket().state::<Config>().ok_or_else(|| Error::Internal("no configuration".into()))?;
        let folder = uploads(config);
        crate::db::make_private_folder(&folder).map_err(internal)?;
        let stored = random_hex::<16>()?;
        let mut options = tokio::fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(folder.join(&stored)).await.map_err(internal)?;
        let mut body = body::open(data, MAX_IMPORT + MAX_TABLE);
        let read = save(request.content_type(), &mut body, &mut file);
        let read = tokio::time::timeout(Duration::from_secs(UPLOAD_SECONDS), read).await;
        let read = read.unwrap_or_else(|_| Err(broken("the file took too long to come")));
        if read.is_err() {
            body::skip(body).await;
        }
        let read = match read {
            Ok((_, _, 0)) => Err(Error::invalid("/file", "choose a file, or paste its text")),
            read => read,
        };
        match read {
            Ok((fields, name, _)) => Ok(Upload { fields, name, stored }),
            Err(error) => {
                tokio::fs::remove_file(folder.join(&stored)).await.ok();
                Err(error)
            }
        }
    }
}

/// Saves the file of a form, or else its field `text`, and returns the other fields, the file's name and its bytes.
async fn save(
    kind: Option<&ContentType>,
    body: &mut DataStream<'_>,
    file: &mut tokio::fs::File,
) -> Result<(Fields, String, u64)> {
    let boundary = boundary(kind)?;
    let unread = Unread::default();
    let mut parts = multer::Multipart::new(pieces(ReaderStream::new(body), unread.clone(), MAX_TABLE), boundary);
    let (mut fields, mut name, mut length, mut room) = (Fields::default(), String::new(), 0, MAX_TABLE);
    while let Some(mut part) = parts.next_field().await.map_err(|error| broken(error.to_string()))? {
        let field = part.name().unwrap_or_default().to_owned();
        // A text is a file that nobody gave a name.
        let is_file = field == "file" || field == "text";
        if field == "file" {
            name = part.file_name().unwrap_or_default().to_owned();
        }
        let mut value = Vec::new();
        while let Some(mut piece) = part.chunk().await.map_err(|error| broken(error.to_string()))? {
            unread.store(0, Ordering::Relaxed);
            if field == "text" {
                piece = without_returns(&piece);
            }
            if is_file {
                length += piece.len() as u64;
                if length > MAX_IMPORT {
                    return Err(too_large());
                }
                file.write_all(&piece).await.map_err(internal)?;
            } else {
                room = room.checked_sub(piece.len() as u64).ok_or_else(|| broken("the form is too large"))?;
                value.extend_from_slice(&piece);
            }
        }
        if !is_file {
            fields.0.push((field, String::from_utf8_lossy(&value).into_owned()));
        }
    }
    file.sync_all().await.map_err(internal)?;
    Ok((fields, name, length))
}

fn boundary(kind: Option<&ContentType>) -> Result<&str> {
    let kind = kind.filter(|kind| **kind == ContentType::FormData);
    let boundary = kind.and_then(|kind| kind.param("boundary"));
    boundary.ok_or_else(|| Error::UnsupportedType("Send a form with a file.".into()))
}

/// Browsers make CRLF of every line break that was pasted; a cell would have it too.
fn without_returns(text: &[u8]) -> bytes::Bytes {
    text.iter().copied().filter(|byte| *byte != b'\r').collect()
}

fn too_large() -> Error {
    Error::TooLarge(format!("A file holds at most {MAX_IMPORT} bytes here; the command line takes larger ones.").into())
}

fn internal(error: io::Error) -> Error {
    Error::Internal(Box::new(error))
}

fn broken(detail: impl Into<String>) -> Error {
    Error::BadRequest(vec![FieldError::at("/file", detail)])
}

#[rocket::async_trait]
impl<'r> FromData<'r> for Upload {
    type Error = ();
    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match Box::pin(Upload::read(request, data)).await {
            Ok(upload) => Outcome::Success(upload),
            Err(error) => Outcome::Error(Refused::note(request, error)),
        }
    }
}
