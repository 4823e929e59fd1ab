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

impl Socket {
    /// The connection from this address. `None` where the system does not list what a process has open.
    pub fn from(peer: SocketAddr) -> Option<Socket> {
        let open = std::fs::read_dir("/proc/self/fd").ok()?;
        let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        numbers.filter(|number| *number > 2).find_map(|number| {
            // SAFETY: the number was open a moment ago and is only duplicated. Should it be closed or given to another file
            // meanwhile, the call fails or the copy is of that one; what is looked at from here on is the copy.
            let listed = unsafe { BorrowedFd::borrow_raw(number) };
            let copy = fcntl_dupfd_cloexec(listed, 3).ok()?;
            is_from(&copy, peer).then_some(Socket(copy))
        })
    }

    /// Ends the connection at once, in the middle of whatever is being sent.
    pub fn cut(&self) {
        // It may be closed already.
        let _ = shutdown(&self.0, Shutdown::Both);
    }

    /// Waits until the client has closed its side; for ever if it has sent another request meanwhile.
    pub async fn closed(self) {
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
    match peer.and_then(Socket::from) {
        Some(socket) => socket.closed().await,
        None => std::future::pending().await,
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
        Socket::from(peer).expect("it is open").cut();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(Socket::from("192.0.2.1:1".parse().unwrap()).is_none());
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed() {
        let (client, _server, peer) = pair().await;
        let closed = tokio::spawn(Socket::from(peer).unwrap().closed());
        drop(client);
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("it is noticed").unwrap();
    }
}
