//! TLS by rustls.

mod certificate;
mod client_certificate;
mod end_point;
mod pem;
mod refusal;
mod revocation;
mod roots;
mod rustls_handshake;
mod rustls_stream;
mod server_verifier;
mod unverified_signature;

pub(super) use refusal::refusal_by_server;
pub(super) use rustls_handshake::RustlsHandshake;
