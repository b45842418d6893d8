//! TLS, by the asynchronous client.

use std::any::Any;

use connect_pg::tokio::Store;
use connect_pg::{ConnectionSettings, Error};

use super::runtime;
use crate::support::tls_cases;

fn connect(settings: &ConnectionSettings) -> Result<Box<dyn Any>, Error> {
    let runtime = runtime();
    let store = runtime.block_on(Store::builder().settings(settings.clone()).connect())?;
    Ok(Box::new((store, runtime)))
}

#[test]
fn sslmode_decides_whether_there_is_tls_and_what_is_verified() {
    tls_cases::sslmode_decides(connect);
}

#[test]
fn expired_revoked_and_self_signed_certificates_are_refused_unless_named() {
    tls_cases::certificate_is_checked(connect);
}

#[test]
fn client_certificate_is_sent_to_a_server_that_asks() {
    tls_cases::client_certificate_is_sent(connect);
}

#[test]
fn authentication_method_and_channel_binding_are_checked_before_a_reply() {
    tls_cases::authentication_is_checked(connect);
}

#[test]
fn stranger_between_client_and_server_is_refused() {
    tls_cases::stranger_in_between_is_refused(connect);
}

#[test]
fn direct_handshake_needs_a_server_that_knows_it() {
    tls_cases::handshake_may_begin_at_once(connect);
}
