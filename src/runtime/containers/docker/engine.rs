use std::path::Path;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::connections::Connections;
use super::errors::{from_bollard, from_engine};
use crate::runtime::containers::{Duplex, Error, Result};

/// Requests need a host; the engine does not look at it.
pub(super) const HOST_NAME: &str = "docker";
/// The oldest API that has all we need: that of Docker 20.10.
const MIN_API: Version = Version(1, 41);

/// A connection to a Docker engine: `client` for what is asked and answered, and streams of its own where the client's framing is wrong
/// (with a terminal it takes bytes of the stream for frame headers).
#[derive(Clone)]
pub(super) struct Engine {
    pub client: bollard::Docker,
    socket: String,
    api: Version,
}

/// A version of the engine's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }

    fn prefix(self) -> String {
        format!("/v{}.{}", self.0, self.1)
    }
}

impl Engine {
    /// Longer than the engine takes for any request that is not a stream.
    const TIMEOUT_SECONDS: u64 = 120;

    /// Connects and settles on a version. The errors are for people to read.
    pub async fn connect(socket: &str) -> Result<Self> {
        if !Path::new(socket).exists() {
            return Err(Error::Unavailable(format!("there is no Docker socket at {socket}; is Docker installed and running?")));
        }
        let connections = Connections::to(socket);
        let transport = move |request| connections.clone().send(request);
        let address = Some(format!("http://{HOST_NAME}"));
        let client =
            bollard::Docker::connect_with_custom_transport(transport, address, Self::TIMEOUT_SECONDS, bollard::API_DEFAULT_VERSION)
                .map_err(from_bollard)?;
        let version = client.version().await.map_err(|error| match from_bollard(error) {
            Error::Unavailable(reason) => Error::Unavailable(format!("Docker does not answer at {socket}: {reason}")),
            error => error,
        })?;
        let spoken = version.api_version.as_deref().and_then(Version::parse);
        if spoken.is_none_or(|spoken| spoken < MIN_API) {
            let found = version.version.unwrap_or_else(|| "of no known version".to_owned());
            return Err(Error::Unavailable(format!("Docker at {socket} is {found}; Kabuki needs Docker 20.10 or newer")));
        }
        let api = version.min_api_version.as_deref().and_then(Version::parse).map_or(MIN_API, |oldest| oldest.max(MIN_API));
        let client = client.with_request_modifier(move |request| versioned(request, api));
        Ok(Self { client, socket: socket.to_owned(), api })
    }

    /// A request whose answer is a stream; its head has arrived when this returns.
    pub async fn stream(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let request = self.request(Method::GET, path).body(Full::default());
        let response = self.send(request.map_err(unsendable)?).await?;
        let stream = response.into_body().into_data_stream().map_err(|error| Error::Unavailable(error.to_string()));
        Ok(stream.boxed())
    }

    /// A request that turns its connection into a bare one.
    pub async fn hijack(&self, path: &str, body: &serde_json::Value) -> Result<impl Duplex> {
        let request = self.request(Method::POST, path).header(CONNECTION, "Upgrade").header(UPGRADE, "tcp");
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::from(body.to_string()));
        let response = self.send(request.map_err(unsendable)?).await?;
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(TokioIo::new(upgraded))
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let uri = format!("{}{path}", self.api.prefix());
        Request::builder().method(method).uri(uri).header(HOST, HOST_NAME)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| Error::Unavailable(error.to_string()))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| Error::Unavailable(error.to_string()))?;
        tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await.map_err(|error| Error::Unavailable(error.to_string()))?;
        match response.status() {
            status if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS => Ok(response),
            status => {
                let body = response.into_body().collect().await.map_err(|error| Error::Unavailable(error.to_string()))?.to_bytes();
                let message: Option<EngineMessage> = serde_json::from_slice(&body).ok();
                let message = message.map_or_else(|| String::from_utf8_lossy(&body).into_owned(), |body| body.message);
                Err(from_engine(status.as_u16(), message))
            }
        }
    }
}

/// How the engine tells an error.
#[derive(serde::Deserialize)]
struct EngineMessage {
    message: String,
}

fn unsendable(error: hyper::http::Error) -> Error {
    Error::Invalid(error.to_string())
}

/// Puts the version before the path, which the client leaves out: without it the engine speaks its newest.
fn versioned(mut request: bollard::BollardRequest, api: Version) -> bollard::BollardRequest {
    let uri = request.uri().clone();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{}{path}", api.prefix()).parse().ok();
    if let Ok(uri) = hyper::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}
