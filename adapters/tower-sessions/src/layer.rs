use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::store::ConnectPgStore;

/// A layer of tower-sessions, within one request: see [`ConnectPgStore::layer`].
#[derive(Debug, Clone)]
pub struct ConnectPgLayer<L> {
    store: ConnectPgStore,
    inner: L,
}

impl<L> ConnectPgLayer<L> {
    pub(crate) fn new(store: ConnectPgStore, inner: L) -> ConnectPgLayer<L> {
        ConnectPgLayer { store, inner }
    }
}

impl<S, L: Layer<S>> Layer<S> for ConnectPgLayer<L> {
    type Service = ConnectPgService<L::Service>;

    fn layer(&self, service: S) -> ConnectPgService<L::Service> {
        ConnectPgService {
            store: self.store.clone(),
            inner: self.inner.layer(service),
        }
    }
}

/// The service of a [`ConnectPgLayer`].
#[derive(Debug, Clone)]
pub struct ConnectPgService<S> {
    store: ConnectPgStore,
    inner: S,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for ConnectPgService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Future: Send + 'static,
    S::Error: Send,
    ResponseBody: Default + Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let state = self.store.request_state(&parts);
        let future = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move {
            let mut response = Arc::clone(&state).scope(future).await?;
            if let Err(error) = state.finish().await {
                // The handler's response says that the session is deleted.
                tracing::error!(%error, "a session that was deleted is not ended");
                response = Response::default();
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            } else if state.is_unavailable()
                && response.status() == StatusCode::INTERNAL_SERVER_ERROR
            {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok(response)
        })
    }
}
