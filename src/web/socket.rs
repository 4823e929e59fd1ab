//! The connection of a request at the main address. Rocket hands no connection out, and two things need it: an answer that broke
//! off must not end like a whole one (Rocket ends every body well), and an upstream need not work on for a client that left.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{Shutdown, SocketAddrAny, getpeername, shutdown};
use tokio::net::TcpStream;

/// A second descriptor of the connection to a client.
pub struct Socket(OwnedFd);

/// Seconds for which it is tried to cut a connection.
const PERSISTENCE: usize = 60;

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
        // SAFETY: the number was open a moment ago. Should it be closed or given to another file meanwhile, the call fails or
        // tells of that one; only a copy is used from here on, and it is looked at again.
        let listed = |number: i32| unsafe { BorrowedFd::borrow_raw(number) };
        let Some(number) = numbers.find(|number| is_from(listed(*number), peer)) else { return Found::Closed };
        match fcntl_dupfd_cloexec(listed(number), 3) {
            Ok(copy) if is_from(copy.as_fd(), peer) => Found::Open(Socket(copy)),
            Ok(_) | Err(Errno::BADF) => Found::Closed,
            Err(_) => Found::Unknown,
        }
    }

    /// Ends the connection from this address, in the middle of whatever is being sent. Where that cannot be done at once it is
    /// tried for a while: an answer that stops is better than one that ends wrongly.
    pub async fn cut_from(peer: Option<SocketAddr>) {
        for _ in 0..PERSISTENCE {
            match peer.map(Socket::from) {
                Some(Found::Open(socket)) => return socket.cut(),
                Some(Found::Closed) => return,
                Some(Found::Unknown) | None => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
        tracing::warn!("an answer that broke off could not be broken off for the client");
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

fn is_from(socket: BorrowedFd<'_>, peer: SocketAddr) -> bool {
    let name = getpeername(socket).ok().flatten();
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
        Socket::cut_from(Some(peer)).await;
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
