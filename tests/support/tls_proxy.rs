//! What may stand between a client and a server with TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::certificates::Signed;

/// The length, and the code of a request for TLS.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A proxy that tells the client that the server has no TLS, and notes what the client sends.
pub struct StrippingProxy {
    pub port: u16,
    seen: Arc<Seen>,
}

struct Seen {
    strips: AtomicBool,
    /// The first 8 bytes of each connection.
    first: Mutex<Vec<[u8; 8]>>,
    sent: Mutex<Vec<u8>>,
}

impl StrippingProxy {
    pub fn to(server: u16) -> StrippingProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen {
            strips: AtomicBool::new(true),
            first: Mutex::default(),
            sent: Mutex::default(),
        });
        let shared = Arc::clone(&seen);
        // The threads end with their connection or with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let seen = Arc::clone(&shared);
                thread::spawn(move || strip(client.unwrap(), server, &seen));
            }
        });
        StrippingProxy { port, seen }
    }

    /// Passes requests for TLS on, from now on, or answers them itself.
    pub fn strip(&self, strips: bool) {
        self.seen.strips.store(strips, Ordering::SeqCst);
    }

    /// Returns all that clients have sent so far.
    pub fn sent(&self) -> Vec<u8> {
        self.seen.sent.lock().unwrap().clone()
    }

    /// Returns the first message of each connection.
    pub fn first_requests(&self) -> Vec<[u8; 8]> {
        self.seen.first.lock().unwrap().clone()
    }
}

fn strip(mut client: TcpStream, server: u16, seen: &Seen) {
    let mut request = [0; 8];
    if client.read_exact(&mut request).is_err() {
        return;
    }
    seen.first.lock().unwrap().push(request);
    seen.sent.lock().unwrap().extend(request);
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
    if request == SSL_REQUEST && seen.strips.load(Ordering::SeqCst) {
        client.write_all(b"N").unwrap();
    } else {
        server.write_all(&request).unwrap();
    }
    let (mut to_client, mut from_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        seen.sent.lock().unwrap().extend(&buffer[..length]);
        if server.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Starts a proxy that has a certificate of its own: it decrypts what the client sends, and encrypts it for the server, whose
/// certificate it trusts. Returns its port.
pub fn terminating_proxy(server: u16, own: &Signed, server_root: &str) -> u16 {
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let acceptor = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let connector = client_config(server_root);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (acceptor, connector) = (
        TlsAcceptor::from(Arc::new(acceptor)),
        TlsConnector::from(Arc::new(connector)),
    );
    thread::spawn(move || {
        for client in listener.incoming() {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            let client = client.unwrap();
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                // An error ends this connection, and the client shows it.
                let _: std::io::Result<()> =
                    runtime.block_on(terminate(client, server, &acceptor, &connector));
            });
        }
    });
    port
}

async fn terminate(
    client: TcpStream,
    server: u16,
    acceptor: &TlsAcceptor,
    connector: &TlsConnector,
) -> std::io::Result<()> {
    client.set_nonblocking(true)?;
    let mut client = tokio::net::TcpStream::from_std(client)?;
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    assert_eq!(request, SSL_REQUEST);
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;

    let mut server = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    server.write_all(&SSL_REQUEST).await?;
    let mut reply = [0];
    server.read_exact(&mut reply).await?;
    assert_eq!(reply, *b"S");
    let name = ServerName::try_from("db.example").unwrap();
    let mut server = connector.connect(name, server).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Returns the configuration of a client that trusts one authority.
pub fn client_config(root: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
