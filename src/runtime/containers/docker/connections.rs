use std::sync::Arc;

use bollard::BollardRequest;
use bollard::errors::Error;
use bytes::Bytes;
use futures::stream::BoxStream;
use http_body_util::{Either, Full, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::UnixStream;

use super::CONCURRENCY;
use super::engine::HOST_NAME;

/// What bollard sends.
type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, std::io::Result<Frame<Bytes>>>>>;

/// Connections to an engine, kept for the next request: of itself bollard makes one for each, and that takes as long as the engine takes
/// for a short answer.
pub(super) struct Connections {
    socket: String,
    /// Those whose answer has not been read to its end are among them, and not ready.
    kept: Mutex<Vec<SendRequest<Body>>>,
}

impl Connections {
    pub fn to(socket: &str) -> Arc<Self> {
        Arc::new(Self { socket: socket.to_owned(), kept: Mutex::default() })
    }

    pub async fn send(self: Arc<Self>, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Into::into).unwrap_or_default();
        request.headers_mut().insert(HOST, HeaderValue::from_static(HOST_NAME));
        let kept = self.take();
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.open().await?,
        };
        let response = match connection.try_send_request(request).await {
            Ok(response) => response,
            Err(mut failure) => {
                // The engine closed the connection before it was used.
                let Some(request) = failure.take_message() else { return Err(failure.into_error().into()) };
                connection = self.open().await?;
                connection.send_request(request).await?
            }
        };
        self.keep(connection);
        Ok(response)
    }

    fn take(&self) -> Option<SendRequest<Body>> {
        let mut kept = self.kept.lock();
        kept.retain(|connection| !connection.is_closed());
        let ready = kept.iter().position(SendRequest::is_ready)?;
        Some(kept.swap_remove(ready))
    }

    /// One that is not kept ends with its answer.
    fn keep(&self, connection: SendRequest<Body>) {
        let mut kept = self.kept.lock();
        if kept.len() < CONCURRENCY {
            kept.push(connection);
        }
    }

    async fn open(&self) -> Result<SendRequest<Body>, Error> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
