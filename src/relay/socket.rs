//! The connection of a request at the main address. Rocket hands no connection out, and two things need it: an answer that broke
//! off must not end like a whole one (Rocket ends every body well), and an upstream need not work on for a client that left.

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{Shutdown, SocketAddrAny, getpeername, shutdown};
use tokio::net::TcpStream;

/// A second descriptor of the connection to a client.
pub struct Socket(OwnedFd);

/// What is known of the connection to a client.
pub enum Found {
    /// It is open.
    Open(Socket),
    /// It is closed.
    Closed,
    /// The system does not list what a process has open.
    Unknown,
}

impl Socket {
    /// Looks for the connection from this address.
    pub fn from(peer: SocketAddr) -> Found {
        let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return Found::Unknown };
        let mut numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        let found = numbers.find_map(|number| {
            // SAFETY: the number was open a moment ago and is only duplicated. Should it be closed or given to another file
            // meanwhile, the call fails or the copy is of that one; what is looked at from here on is the copy.
            let listed = unsafe { BorrowedFd::borrow_raw(number) };
            let copy = fcntl_dupfd_cloexec(listed, 3).ok()?;
            is_from(&copy, peer).then_some(Socket(copy))
        });
        found.map_or(Found::Closed, Found::Open)
    }

    /// Ends the connection from this address at once, in the middle of whatever is being sent.
    pub fn cut_from(peer: Option<SocketAddr>) {
        match peer.map(Socket::from) {
            Some(Found::Open(socket)) => socket.cut(),
            Some(Found::Closed) => {}
            Some(Found::Unknown) | None => {
                tracing::warn!("an answer that broke off could not be broken off for the client");
            }
        }
    }

    /// Ends the connection at once, in the middle of whatever is being sent.
    fn cut(&self) {
        // It may be closed already.
        let _ = shutdown(&self.0, Shutdown::Both);
    }

    /// Waits until the client has closed its side; for ever if it has sent another request meanwhile.
    async fn closed(self) {
        match TcpStream::from_std(self.0.into()) {
            Ok(stream) if matches!(stream.peek(&mut [0]).await, Ok(0) | Err(_)) => {}
            _ => std::future::pending().await,
        }
    }
}

fn is_from(copy: &OwnedFd, peer: SocketAddr) -> bool {
    let name = getpeername(copy).ok().flatten();
    name.and_then(|name: SocketAddrAny| SocketAddr::try_from(name).ok()).is_some_and(|name| same(name, peer))
}

/// An IPv4 client of an IPv6 listener has two spellings.
fn same(a: SocketAddr, b: SocketAddr) -> bool {
    (a.ip().to_canonical(), a.port()) == (b.ip().to_canonical(), b.port())
}

/// After which it is worth the trouble to look whether a client is still there.
const PATIENCE: Duration = Duration::from_millis(500);

/// Waits until a client has left; for ever if that cannot be seen.
pub async fn left(peer: Option<SocketAddr>) {
    tokio::time::sleep(PATIENCE).await;
    match peer.map(Socket::from) {
        Some(Found::Open(socket)) => socket.closed().await,
        Some(Found::Closed) => {}
        Some(Found::Unknown) | None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (server, peer) = server.unwrap();
        (client.unwrap(), server, peer)
    }

    #[tokio::test]
    async fn a_connection_is_found_by_its_client_and_cut() {
        let (mut client, _server, peer) = pair().await;
        Socket::cut_from(Some(peer));
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(matches!(Socket::from("192.0.2.1:1".parse().unwrap()), Found::Closed));
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed() {
        for closes_before in [false, true] {
            let (client, server, peer) = pair().await;
            let server = (!closes_before).then_some(server);
            let noticed = tokio::spawn(left(Some(peer)));
            drop(client);
            tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("it is noticed").unwrap();
            drop(server);
        }
    }
}
