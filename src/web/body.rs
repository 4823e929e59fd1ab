//! Request bodies, bounded in bytes and in time. A client that sends too much still reads the refusal.

use std::time::Duration;

use rocket::data::{Data, DataStream, ToByteUnit};
use tokio::io::AsyncReadExt as _;

use crate::error::{Error, FieldError, Result};
use crate::limits::{BODY_SECONDS, EXCESS_SECONDS, MAX_EXCESS};

/// Opens a body to read `most` bytes, one more that shows that it is too long, and [`MAX_EXCESS`] to discard.
pub fn open(data: Data<'_>, most: u64) -> DataStream<'_> {
    data.open((most + 1 + MAX_EXCESS).bytes())
}

/// The bytes of a body; `too_large` if there are more than `most`, 400 if it breaks off or does not come in time.
pub async fn read(data: Data<'_>, most: u64, too_large: impl FnOnce() -> Error) -> Result<Vec<u8>> {
    let mut body = open(data, most);
    let mut bytes = Vec::new();
    in_time((&mut body).take(most + 1).read_to_end(&mut bytes)).await?;
    if bytes.len() as u64 > most {
        skip(body).await;
        return Err(too_large());
    }
    Ok(bytes)
}

/// Reads and discards the rest of a refused body: if the server closed while the client still sends, the kernel would
/// reset the connection, and the response might be lost (RFC 9112, 9.6). Stops after [`MAX_EXCESS`] bytes or
/// [`EXCESS_SECONDS`]; then the client is cut off.
pub async fn skip(mut body: DataStream<'_>) {
    let mut nowhere = tokio::io::sink();
    let rest = tokio::io::copy(&mut body, &mut nowhere);
    // Late, broken off or at its end: it is refused in any case.
    tokio::time::timeout(Duration::from_secs(EXCESS_SECONDS), rest).await.ok();
}

/// What is read of a body, if it comes in time.
async fn in_time<T>(read: impl Future<Output = std::io::Result<T>>) -> Result<T> {
    let broken = |detail: &str| Error::BadRequest(vec![FieldError::at("", detail)]);
    match tokio::time::timeout(Duration::from_secs(BODY_SECONDS), read).await {
        Ok(read) => read.map_err(|_| broken("the body broke off")),
        Err(_) => Err(broken("the body took too long to come")),
    }
}
