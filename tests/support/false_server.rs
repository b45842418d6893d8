//! A server that is not what the client asks for: it lets every login in, or asks for the password in clear.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::certificates::Signed;
use super::tls_proxy::SSL_REQUEST;

// What a server says. (Protocol, 55.7 "Message Formats")
const AUTHENTICATION_OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
const CLEARTEXT_PASSWORD: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const READY: &[u8] = b"Z\0\0\0\x05I";

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    LetsIn,
    AsksForPassword,
}

/// A running false server. Its threads end with the process.
pub struct FalseServer {
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Clients that said who they are.
    logins: AtomicUsize,
    passwords: AtomicUsize,
    /// Clients that went on after the login.
    believed: AtomicUsize,
}

impl FalseServer {
    /// Starts one at this address, with TLS if it has a certificate.
    pub fn start(address: SocketAddr, login: Login, own: Option<&Signed>) -> FalseServer {
        let acceptor = own.map(|own| {
            let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
            TlsAcceptor::from(Arc::new(config))
        });
        let listener = TcpListener::bind(address).unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (seen, acceptor) = (Arc::clone(&shared), acceptor.clone());
                seen.connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    // An error ends this connection, and the client shows it.
                    let _: io::Result<()> =
                        runtime.block_on(serve(client.unwrap(), login, acceptor, &seen));
                });
            }
        });
        FalseServer { seen }
    }

    /// Returns how many clients connected.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Returns how many clients said who they are.
    pub fn logins(&self) -> usize {
        self.seen.logins.load(Ordering::SeqCst)
    }

    /// Returns how many clients sent a password.
    pub fn passwords(&self) -> usize {
        self.seen.passwords.load(Ordering::SeqCst)
    }

    /// Returns how many clients sent a statement after the login.
    pub fn believed(&self) -> usize {
        self.seen.believed.load(Ordering::SeqCst)
    }
}

async fn serve(
    client: TcpStream,
    login: Login,
    acceptor: Option<TlsAcceptor>,
    seen: &Seen,
) -> io::Result<()> {
    client.set_nonblocking(true)?;
    let mut client = tokio::net::TcpStream::from_std(client)?;
    let mut head = [0; 8];
    client.read_exact(&mut head).await?;
    if head != SSL_REQUEST {
        return converse(client, head, login, seen).await;
    }
    let Some(acceptor) = acceptor else {
        client.write_all(b"N").await?;
        client.read_exact(&mut head).await?;
        return converse(client, head, login, seen).await;
    };
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    client.read_exact(&mut head).await?;
    converse(client, head, login, seen).await
}

/// Speaks with a client whose startup message begins so.
async fn converse(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    head: [u8; 8],
    login: Login,
    seen: &Seen,
) -> io::Result<()> {
    seen.logins.fetch_add(1, Ordering::SeqCst);
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let mut rest = vec![0; length.saturating_sub(8)];
    client.read_exact(&mut rest).await?;
    if login == Login::AsksForPassword {
        client.write_all(CLEARTEXT_PASSWORD).await?;
        if read_message(&mut client).await? == b'p' {
            seen.passwords.fetch_add(1, Ordering::SeqCst);
        }
    }
    client.write_all(AUTHENTICATION_OK).await?;
    client.write_all(READY).await?;
    if read_message(&mut client).await? != b'X' {
        seen.believed.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Reads a message. Returns its type.
async fn read_message(client: &mut (impl AsyncRead + Unpin)) -> io::Result<u8> {
    let kind = client.read_u8().await?;
    let length = client.read_u32().await?;
    let mut body = vec![0; (length as usize).saturating_sub(4)];
    client.read_exact(&mut body).await?;
    Ok(kind)
}
