//! TLS, by the asynchronous client.

use std::any::Any;

use connect_pg::tokio::Store;
use connect_pg::{ConnectionSettings, Error, SessionEvent};
use tokio::time::timeout;

use super::{create, outside, runtime};
use crate::support::tls_cases;
use crate::support::wait::PATIENCE;

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
fn proxy_between_client_and_server_is_refused() {
    tls_cases::proxy_in_between_is_refused(connect);
}

#[test]
fn direct_handshake_needs_a_server_that_knows_it() {
    tls_cases::handshake_may_begin_at_once(connect);
}

#[test]
fn channel_is_bound_by_the_hash_of_each_kind_of_signature() {
    tls_cases::channel_is_bound_by_each_signature(connect);
}

#[test]
fn application_brings_its_own_connector() {
    tls_cases::application_brings_its_connector(connect);
}

#[test]
fn driver_configuration_is_protected_by_default() {
    tls_cases::driver_configuration_is_protected(|config, connector| {
        let runtime = runtime();
        let builder = Store::builder().config(config);
        let store = runtime.block_on(match connector {
            Some(connector) => builder.connector(connector).connect(),
            None => builder.connect(),
        })?;
        Ok(Box::new((store, runtime)))
    });
}

#[test]
fn pool_and_listener_use_tls() {
    let Some((server, url)) = tls_cases::server_with_store("async") else {
        return;
    };
    runtime().block_on(async {
        let store = Store::connect(&url).await.unwrap();
        let mut listener = store.listen().await.unwrap();
        let session = create(&store, ()).await;
        assert!(store.end(session.id()).await.unwrap());
        let event = timeout(PATIENCE, listener.recv()).await.unwrap().unwrap();
        assert!(matches!(event, SessionEvent::Ended(_)), "{event:?}");
        let tls = outside(|| server.tls_of("async"));
        assert!(
            tls.len() >= 2 && tls.iter().all(|version| version == "TLSv1.3"),
            "{tls:?}"
        );
    });
}
