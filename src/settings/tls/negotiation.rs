//! The request for TLS that a client sends before anything else.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::Socket;

/// The request: its length, and a code in place of a protocol version. (Protocol, 55.7 "Message Formats")
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks for TLS. Returns true if the server begins a handshake.
///
/// Reads one byte and no more: what else came unencrypted is taken for the handshake, and so fails it (CVE-2021-23222).
pub(super) async fn request_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    socket.flush().await?;
    let mut reply = [0];
    socket.read_exact(&mut reply).await?;
    // Another reply is an error of a server that does not know the request. It is not authenticated, so it is not shown.
    Ok(reply == *b"S")
}
