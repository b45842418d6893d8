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

tls_cases::tests!(connect);

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
