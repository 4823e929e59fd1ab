//! Threads that give way to all others.

use crate::error::{Error, Result};

/// Niceness of threads that give way: about a tenth of the share that others get, so that it ends on a busy machine too.
const GENTLE: i32 = 10;

/// Runs long work in a thread of low priority, so that requests do not wait for it.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let internal = |error: Box<dyn std::error::Error + Send + Sync>| Error::Internal(error);
    let (answer, answered) = tokio::sync::oneshot::channel();
    let gentle = move || {
        // On Linux this concerns the thread alone. Without it the work is done as well.
        rustix::process::nice(GENTLE).ok();
        answer.send(work()).ok();
    };
    std::thread::Builder::new().name("import".into()).spawn(gentle).map_err(|error| internal(error.into()))?;
    answered.await.map_err(|error| internal(error.into()))
}
