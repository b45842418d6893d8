//! TLS, by the synchronous client.

use std::any::Any;
use std::thread;

use connect_pg::{ConnectionSettings, Error, SessionEvent, Store, TlsFailure};
use postgres::error::SqlState;

use crate::support::certificates::Authority;
use crate::support::server::value;
use crate::support::skip::skip;
use crate::support::test_database::create;
use crate::support::tls_cases;
use crate::support::tls_proxy::{SSL_REQUEST, StrippingProxy};
use crate::support::tls_server::TlsServer;
use crate::support::wait::{PATIENCE, wait_until};

fn connect(settings: &ConnectionSettings) -> Result<Box<dyn Any>, Error> {
    Ok(Box::new(settings.connect()?))
}

tls_cases::tests!(connect);

#[test]
fn driver_configuration_is_protected_by_default() {
    tls_cases::driver_configuration_is_protected(|config, connector| {
        let builder = Store::builder().config(config);
        Ok(Box::new(match connector {
            Some(connector) => builder.connector(connector).connect()?,
            None => builder.connect()?,
        }))
    });
}

#[test]
fn pool_and_listener_use_tls() {
    let Some((server, url)) = tls_cases::server_with_store("sync") else {
        return;
    };
    let store = Store::connect(&url).unwrap();
    let mut listener = store.listen().unwrap();
    let session = create(&store, ());
    assert!(store.end(session.id()).unwrap());
    let event = listener.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(event, Some(SessionEvent::Ended(_))), "{event:?}");
    assert_eq!(server.tls_of("sync"), ["TLSv1.3"; 2]);
}

#[test]
fn cancel_request_is_protected_as_its_connection() {
    let server = match TlsServer::start() {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    server.set_certificate(&Authority::new("own").sign("server", &["db.example"]));
    let proxy = StrippingProxy::to(server.port);
    proxy.strip(false);
    let url = format!(
        "{} port={} host=db.example sslmode=require application_name=cancelled",
        server.url(),
        proxy.port
    );
    let settings = ConnectionSettings::parse(&url).unwrap();
    let mut client = settings.connect().unwrap();
    let token = client.cancel_token();
    let sleep = thread::spawn(move || client.batch_execute("select pg_sleep(600)"));
    wait_until("the statement runs", || {
        value::<i64>(
            &mut server.superuser(),
            "select count(*) from pg_stat_activity where application_name = 'cancelled' and wait_event = 'PgSleep'",
        ) == 1
    });
    proxy.strip(true);
    let error = settings.cancel_query(&token).unwrap_err();
    assert_eq!(error.tls_failure(), Some(TlsFailure::NotOffered), "{error}");
    proxy.strip(false);
    settings.cancel_query(&token).unwrap();
    let error = sleep.join().unwrap().unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error}");
    // Each of the three connections began with a request for TLS.
    assert_eq!(proxy.first_requests(), [SSL_REQUEST; 3]);
}
