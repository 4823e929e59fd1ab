//! An upstream that does what a test tells it, good or bad, byte by byte, and notes what it got.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::desk::unchunked;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Received {
    pub method: String,
    /// As it stands in the request line.
    pub target: String,
    /// Names in small letters, values as bytes.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Unchunked.
    pub body: Vec<u8>,
    /// The body ended as its framing says.
    pub is_whole: bool,
}

impl Received {
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.fields.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    pub fn one(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_default()
    }
}

/// What an upstream does next.
#[derive(Clone)]
pub enum Step {
    Send(Arc<[u8]>),
    Wait(Duration),
    /// Waits until the test says so.
    For(Arc<Notify>),
    /// What was sent before is taken.
    Count(Arc<AtomicUsize>),
    /// Ends the connection in order.
    Close,
    /// Ends it with a reset.
    Reset,
}

/// Text to send.
pub fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().into())
}

/// A good answer with this body.
pub fn ok(body: &str) -> Vec<Step> {
    answer("200 OK", "", body)
}

/// An answer with a length. `fields`: whole lines.
pub fn answer(status: &str, fields: &str, body: &str) -> Vec<Step> {
    vec![send(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n{body}", body.len()))]
}

type Script = dyn Fn(&Received) -> Vec<Step> + Send + Sync;

pub struct Upstream {
    pub port: u16,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Answers every request whose body has come, or broken off, as `script` says.
    pub async fn start(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Upstream {
        Upstream::begin(Arc::new(script), true).await
    }

    /// Answers as soon as the head is there.
    pub async fn early(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Upstream {
        Upstream::begin(Arc::new(script), false).await
    }

    /// Answers everything with so many pieces of 64 KiB, and counts those that the other side took.
    pub async fn counting(pieces: usize, taken: Arc<AtomicUsize>) -> Upstream {
        let piece: Arc<[u8]> = vec![b'x'; 64 * 1024].into();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", pieces * piece.len());
        let steps = move |_: &Received| {
            let counted = (0..pieces).flat_map(|_| [Step::Send(piece.clone()), Step::Count(taken.clone())]);
            std::iter::once(send(&head)).chain(counted).collect()
        };
        Upstream::begin(Arc::new(steps), true).await
    }

    async fn begin(script: Arc<Script>, reads_bodies: bool) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, open, received) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::default());
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let (counted, opened, noted, all) = (connections.clone(), open.clone(), Arc::clone(&received), bytes.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                opened.fetch_add(1, Ordering::SeqCst);
                let (script, noted, opened, all) = (script.clone(), Arc::clone(&noted), opened.clone(), all.clone());
                tokio::spawn(async move {
                    serve(stream, &*script, &noted, reads_bodies.then_some(()).ok_or(&*all)).await;
                    opened.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Upstream { port, connections, open, received, bytes, accepting }
    }

    /// Connections that were ever made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().clone()
    }

    /// What came after heads that were answered at once.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().clone()
    }

    pub fn last(&self) -> Received {
        self.received.lock().last().cloned().unwrap_or_default()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &Script,
    noted: &Mutex<Vec<Received>>,
    reads: Result<(), &Mutex<Vec<u8>>>,
) {
    let mut read = Vec::new();
    while let Some(mut received) = head(&mut stream, &mut read).await {
        if reads.is_ok() {
            body(&mut stream, &mut read, &mut received).await;
        }
        noted.lock().push(received.clone());
        for step in script(&received) {
            match step {
                Step::Send(bytes) if stream.write_all(&bytes).await.is_err() => return,
                Step::Send(_) => {}
                // A client that leaves meanwhile is noticed.
                Step::Wait(time) => tokio::select! {
                    () = tokio::time::sleep(time) => {}
                    () = left(&stream) => return,
                },
                Step::For(notify) => tokio::select! {
                    () = notify.notified() => {}
                    () = left(&stream) => return,
                },
                Step::Count(taken) => _ = taken.fetch_add(1, Ordering::SeqCst),
                Step::Close => return,
                Step::Reset => {
                    let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
                    return;
                }
            }
        }
        if let Err(bytes) = reads {
            return keep(&mut stream, &mut read, bytes).await;
        }
    }
}

/// Keeps what comes until the other side ends.
async fn keep(stream: &mut TcpStream, read: &mut Vec<u8>, bytes: &Mutex<Vec<u8>>) {
    loop {
        bytes.lock().append(read);
        if !more(stream, read).await {
            return;
        }
    }
}

async fn left(stream: &TcpStream) {
    match stream.peek(&mut [0]).await {
        Ok(0) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> bool {
    let mut piece = [0; 64 * 1024];
    match stream.read(&mut piece).await {
        Ok(0) | Err(_) => false,
        Ok(n) => {
            read.extend_from_slice(&piece[..n]);
            true
        }
    }
}

async fn head(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        match read.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end,
            None if !more(stream, read).await => return None,
            None => {}
        }
    };
    let head: Vec<u8> = read.drain(..end + 4).take(end).collect();
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = String::from_utf8_lossy(lines.next()?).into_owned();
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let field = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
        Some((name, line[colon + 1..].trim_ascii().to_vec()))
    };
    Some(Received { method, target, fields: lines.filter_map(field).collect(), ..Received::default() })
}

async fn body(stream: &mut TcpStream, read: &mut Vec<u8>, received: &mut Received) {
    if received.one("transfer-encoding") == "chunked" {
        loop {
            if let Some((body, used)) = unchunked(read) {
                read.drain(..used);
                (received.body, received.is_whole) = (body, true);
                return;
            }
            if !more(stream, read).await {
                received.body = std::mem::take(read);
                return;
            }
        }
    }
    let length = received.one("content-length").parse().unwrap_or(0);
    while read.len() < length && more(stream, read).await {}
    let end = length.min(read.len());
    received.body = read.drain(..end).collect();
    received.is_whole = received.body.len() == length;
}
