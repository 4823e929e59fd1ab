//! A client that reads too slowly: nobody asks for the next piece, and no timer inside a body would run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;

use super::socket::Socket;

/// For so long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);
const FULL: u64 = PATIENCE.as_millis() as u64;

/// How a body is read. A client has [`PATIENCE`] to take the next piece; with a floor, what it takes gives back only as much
/// of the time as the piece is worth, so that over any half minute it has to read as fast as that.
pub struct Progress {
    begun: Instant,
    shared: Arc<Shared>,
    /// Bytes a second; 0: any piece is worth all of the time.
    floor: u64,
    /// Bytes of the piece that was given last.
    bytes: u64,
    watch: Option<AbortOnDropHandle<()>>,
}

struct Shared {
    /// Milliseconds since the beginning at which a piece was given and no further one asked for; 0: one is asked for.
    given: AtomicU64,
    /// Milliseconds that the client may still let pass.
    credit: AtomicU64,
}

impl Progress {
    /// For a body that has to be read as fast as `floor`, in bytes a second.
    pub fn with_floor(floor: u64) -> Progress {
        let shared = Shared { given: AtomicU64::new(0), credit: AtomicU64::new(FULL) };
        Progress { begun: Instant::now(), shared: Arc::new(shared), floor, bytes: 0, watch: None }
    }

    /// The next piece is asked for.
    pub fn asked(&self) {
        let given = self.shared.given.swap(0, Ordering::Relaxed);
        if given > 0 {
            let waited = milliseconds(self.begun.elapsed()).saturating_sub(given);
            let worth = (self.bytes * 1000).checked_div(self.floor).unwrap_or(FULL);
            let credit = self.shared.credit.load(Ordering::Relaxed).saturating_sub(waited) + worth;
            self.shared.credit.store(credit.min(FULL), Ordering::Relaxed);
        }
    }

    /// A piece was given, and there are more to come. The first time the watch begins.
    pub fn given(&mut self, bytes: usize, peer: Option<SocketAddr>) {
        self.bytes = bytes as u64;
        self.shared.given.store(milliseconds(self.begun.elapsed()).max(1), Ordering::Relaxed);
        if let Some(peer) = peer.filter(|_| self.watch.is_none()) {
            let watch = tokio::spawn(cut_when_stuck(self.shared.clone(), self.begun, peer));
            self.watch = Some(AbortOnDropHandle::new(watch));
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

async fn cut_when_stuck(shared: Arc<Shared>, begun: Instant, peer: SocketAddr) {
    loop {
        tokio::time::sleep(PATIENCE / 6).await;
        let given = shared.given.load(Ordering::Relaxed);
        let waits = milliseconds(begun.elapsed()).saturating_sub(given);
        if given > 0 && waits > shared.credit.load(Ordering::Relaxed) {
            tracing::info!("a client read too slowly; its answer is cut off");
            return Socket::cut_from(Some(peer)).await;
        }
    }
}
