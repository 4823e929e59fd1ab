//! A client that reads too slowly: nobody asks for the next piece, and no timer inside a body would run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;

use super::socket::Socket;

/// For so long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a body is read.
pub struct Progress {
    begun: Instant,
    /// Milliseconds since the beginning at which a piece was given and no further one asked for; 0: one is asked for.
    given: Arc<AtomicU64>,
    watch: Option<AbortOnDropHandle<()>>,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress { begun: Instant::now(), given: Arc::default(), watch: None }
    }
}

impl Progress {
    /// The next piece is asked for.
    pub fn asked(&self) {
        self.given.store(0, Ordering::Relaxed);
    }

    /// A piece was given, and there are more to come. The first time the watch begins.
    pub fn given(&mut self, peer: Option<SocketAddr>) {
        let at = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.given.store(at.max(1), Ordering::Relaxed);
        if let Some(peer) = peer.filter(|_| self.watch.is_none()) {
            let watch = tokio::spawn(cut_when_stuck(self.given.clone(), self.begun, peer));
            self.watch = Some(AbortOnDropHandle::new(watch));
        }
    }
}

async fn cut_when_stuck(given: Arc<AtomicU64>, begun: Instant, peer: SocketAddr) {
    loop {
        tokio::time::sleep(PATIENCE / 6).await;
        let at = given.load(Ordering::Relaxed);
        let waits = begun.elapsed().saturating_sub(Duration::from_millis(at));
        if at > 0 && waits > PATIENCE {
            tracing::info!("a client took nothing for half a minute; its answer is cut off");
            return Socket::cut_from(Some(peer)).await;
        }
    }
}
