//! What lies at the edges: TLS, a proxy in front, hashes in aggregates, descriptors that run out.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::desk::{Desk, LONG, ask, get, until};
use super::upstream::{Upstream, ok};
use crate::crash::Server;

/// A server with a certificate that it signed itself. Counts connections, and those in which something was said.
async fn untrusted() -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key.into()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (connected, said) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counts = (connected.clone(), said.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counts.0.fetch_add(1, Ordering::SeqCst);
            if let Ok(mut stream) = acceptor.accept(stream).await
                && matches!(stream.read(&mut [0; 1]).await, Ok(1))
            {
                counts.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (port, connected, said)
}

/// A server that answers whatever comes with HTTP in the clear.
async fn speaks_no_tls() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    port
}

#[rocket::async_test]
async fn a_certificate_that_cannot_be_trusted_is_told_nothing() {
    let desk = Desk::start("sqlite").await;
    let (bad, connected, said) = untrusted().await;
    let plain = speaks_no_tls().await;
    let good = Upstream::start(|_| ok("good")).await;
    let (bad, no_tls) = (format!("https://127.0.0.1:{bad}"), format!("https://127.0.0.1:{plain}"));
    for (name, url) in [("bad", &bad), ("plain", &no_tls)] {
        let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": url}]});
        desk.define(name, json!({"pools": [pool], "default_pool": "p"})).await;
        for door in desk.doors() {
            let got = ask(door, "POST", &format!("/relay/{name}/"), "Content-Length: 6\r\n", b"secret").await;
            assert_eq!((got.status, got.error()), (502, "tls"), "{}", got.text());
        }
    }
    // Nothing was sent, so even a POST may go to another.
    let upstreams = json!([{"url": bad}, {"url": format!("http://127.0.0.1:{}", good.port)}]);
    let pool = json!({"name": "p", "policy": "first", "allow_private": true, "upstreams": upstreams});
    desk.define("both", json!({"pools": [pool], "default_pool": "p"})).await;
    for door in desk.doors() {
        let got = ask(door, "POST", "/relay/both/", "Content-Length: 6\r\n", b"secret").await;
        assert_eq!((got.status, got.text().as_str()), (200, "good"));
        assert_eq!(good.last().body, b"secret");
    }
    assert!(connected.load(Ordering::SeqCst) >= 4);
    assert_eq!(said.load(Ordering::SeqCst), 0);
}

#[rocket::async_test]
async fn a_proxy_in_front_tells_who_the_client_is_at_both_doors() {
    let desk = Desk::behind_proxy("X-Client").await;
    let upstream = Upstream::start(|_| ok("x")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        ask(door, "GET", "/relay/r/", "X-Client: 203.0.113.7\r\nX-Forwarded-For: 6.6.6.6\r\n", b"").await;
        assert_eq!(upstream.last().all("x-forwarded-for"), ["203.0.113.7"]);
        ask(door, "GET", "/relay/r/", "", b"").await;
        assert_eq!(upstream.last().all("x-forwarded-for"), ["127.0.0.1"], "whoever comes without it is the peer");
    }
}

#[rocket::async_test]
async fn each_pool_of_an_aggregate_keeps_to_its_policy() {
    let desk = Desk::start("sqlite").await;
    let mut upstreams = Vec::new();
    for name in ["a0", "a1", "b0", "b1"] {
        upstreams.push(Upstream::start(move |_| ok(&format!("\"{name}\""))).await);
    }
    let pool = |name: &str, i: usize| {
        let urls = [&upstreams[i], &upstreams[i + 1]].map(|up| json!({"url": format!("http://127.0.0.1:{}", up.port)}));
        json!({"name": name, "policy": "hash", "hash_on": {"header": "X-User"}, "allow_private": true, "upstreams": urls})
    };
    desk.define("r", json!({"mode": "object", "pools": [pool("a", 0), pool("b", 2)]})).await;
    let mut seen = std::collections::BTreeSet::new();
    for user in 0..12 {
        let asked = async |door| {
            let got = ask(door, "GET", "/relay/r/", &format!("X-User: {user}\r\n"), b"").await.text();
            let parts: serde_json::Value = serde_json::from_str(&got).unwrap();
            format!("{} {}", parts["a"]["body"], parts["b"]["body"])
        };
        let first = asked(desk.own).await;
        for door in desk.doors() {
            assert_eq!(asked(door).await, first, "the same user, the same upstream of each pool");
        }
        seen.extend(["a0", "a1", "b0", "b1"].into_iter().filter(|name| first.contains(name)));
    }
    assert_eq!(seen.len(), 4, "users are shared out in both pools: {seen:?}");
}

#[rocket::async_test]
async fn a_listener_without_descriptors_takes_connections_again() {
    let folder = tempfile::tempdir().unwrap();
    let own = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 128; exec \"$0\"", env!("CARGO_BIN_EXE_frontdesk")]);
    command.env("FRONTDESK_RELAY_ADDRESS", format!("127.0.0.1:{own}"));
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let server = tokio::task::spawn_blocking({
        let data = folder.path().to_owned();
        move || Server::run(command, &url, &data)
    });
    let server = server.await.unwrap();
    let mut held = Vec::new();
    for _ in 0..200 {
        // Beyond the limit the system accepts them for the program, which cannot take them yet.
        let connected = tokio::time::timeout(LONG, TcpStream::connect(("127.0.0.1", own))).await;
        held.push(connected.expect("the system takes them").unwrap());
    }
    drop(held);
    until("the listener answers again", async || {
        let got = tokio::time::timeout(LONG, get(own, "/relay/none/")).await.unwrap_or_default();
        got.error() == "no_relay"
    })
    .await;
    drop(server);
}
