//! An API server spoken to over HTTPS, found by a kubeconfig.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use http_body_util::{BodyExt, BodyStream, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::Value;

use super::status::Status;

/// Why a request was not answered with what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The kubeconfig cannot be used; says which part and why.
    #[error("{}: {what}", file.display())]
    Config { file: PathBuf, what: String },
    /// No answer: nobody listens there, or the connection broke.
    #[error("cannot reach {server}: {what}")]
    Unreachable { server: String, what: String },
    /// The server's own refusal.
    #[error("Error from server{}: {}", parenthesised(&.0.reason), .0.message)]
    Refused(#[from] Box<Status>),
    /// Bytes that are no answer of an API server.
    #[error("the server's answer cannot be read: {0}")]
    Garbled(String),
}

impl RemoteError {
    /// The server's refusal, if it was one.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused(status) => Some(status),
            _ => None,
        }
    }
}

fn parenthesised(reason: &impl fmt::Debug) -> String {
    match format!("{reason:?}").as_str() {
        "Unknown" => String::new(),
        reason => format!(" ({reason})"),
    }
}

/// A connection to one API server as one user. Cheap to clone; connections are pooled.
#[derive(Clone)]
pub struct Remote {
    server: String,
    /// The namespace of the kubeconfig's context.
    namespace: String,
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// One request. `path` begins with a slash and may carry a query.
#[derive(Debug)]
pub struct Ask<'a> {
    pub method: Method,
    pub path: &'a str,
    pub accept: &'a str,
    pub content_type: &'a str,
    pub body: Bytes,
}

impl<'a> Ask<'a> {
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, accept: "application/json", content_type: "", body: Bytes::new() }
    }

    pub fn with(method: Method, path: &'a str, body: &Value) -> Self {
        Self { method, content_type: "application/json", body: body.to_string().into(), ..Self::get(path) }
    }

    pub fn accept(mut self, accept: &'a str) -> Self {
        self.accept = accept;
        self
    }

    pub fn content_type(mut self, content_type: &'a str) -> Self {
        self.content_type = content_type;
        self
    }
}

impl Remote {
    /// Connects as a kubeconfig's current context says.
    pub fn from_kubeconfig(file: &Path) -> Result<Self, RemoteError> {
        Self::from_context(file, None)
    }

    /// Connects as one of a kubeconfig's contexts says: the current one, unless another is named.
    pub fn from_context(file: &Path, context: Option<&str>) -> Result<Self, RemoteError> {
        let wrong = |what: String| RemoteError::Config { file: file.into(), what };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let config: Kubeconfig = serde_saphyr::from_str(&text).map_err(|error| wrong(format!("not a kubeconfig: {error}")))?;
        let context = context.map_or_else(|| config.current_context.clone(), str::to_owned);
        config.connect(&context, file.parent().unwrap_or(Path::new("."))).map_err(wrong)
    }

    /// The namespace that is meant when none is named.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn server(&self) -> &str {
        &self.server
    }

    /// The whole answer as JSON.
    pub async fn json(&self, ask: Ask<'_>) -> Result<Value, RemoteError> {
        let body = self.bytes(ask).await?;
        serde_json::from_slice(&body).map_err(|error| RemoteError::Garbled(error.to_string()))
    }

    /// The whole answer as it came.
    pub async fn bytes(&self, ask: Ask<'_>) -> Result<Bytes, RemoteError> {
        let response = self.send(ask).await?;
        Ok(response.into_body().collect().await.map_err(|error| self.unreachable(&error))?.to_bytes())
    }

    /// The answer piece by piece, as it comes.
    pub async fn stream(&self, ask: Ask<'_>) -> Result<BoxStream<'static, Result<Bytes, RemoteError>>, RemoteError> {
        let server = self.server.clone();
        let body = BodyStream::new(self.send(ask).await?.into_body());
        let pieces = body.filter_map(move |frame| {
            let piece = match frame {
                Ok(frame) => frame.into_data().ok().map(Ok),
                Err(error) => Some(Err(RemoteError::Unreachable { server: server.clone(), what: error.to_string() })),
            };
            std::future::ready(piece)
        });
        Ok(pieces.boxed())
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>, RemoteError> {
        let uri: Uri = format!("{}{}", self.server, ask.path).parse().map_err(|error| self.unreachable(&error))?;
        let mut request = Request::builder().method(ask.method).uri(uri).header(ACCEPT, ask.accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !ask.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        let request = request.body(Full::new(ask.body)).map_err(|error| self.unreachable(&error))?;
        let response = self.client.request(request).await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status();
        let body = response.into_body().collect().await.map_err(|error| self.unreachable(&error))?.to_bytes();
        match serde_json::from_slice::<Status>(&body) {
            Ok(status) => Err(RemoteError::Refused(Box::new(status))),
            // What a server says of paths that it knows nothing of.
            Err(_) if code == 404 && body.starts_with(b"404 page not found") => {
                Err(RemoteError::Refused(Box::new(Status::no_such_resource())))
            }
            Err(_) => Err(RemoteError::Garbled(format!("{code}: {}", String::from_utf8_lossy(&body).lines().next().unwrap_or_default()))),
        }
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> RemoteError {
        // The outermost error of the chain says only that there was one; the last says which.
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        RemoteError::Unreachable { server: self.server.clone(), what: cause.to_string() }
    }
}

/// A kubeconfig, as far as it says how to connect.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    token: Option<String>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    exec: Option<Value>,
}

impl Kubeconfig {
    fn connect(self, name: &str, folder: &Path) -> Result<Remote, String> {
        let context = self.contexts.iter().find(|c| c.name == name).map(|c| &c.context);
        let context = context.ok_or(format!("the context {name:?} is not defined"))?;
        let cluster = self.clusters.iter().find(|c| c.name == context.cluster).map(|c| &c.cluster);
        let cluster = cluster.ok_or(format!("cluster {:?} is not defined", context.cluster))?;
        let user = self.users.iter().find(|u| u.name == context.user).map(|u| &u.user);
        let user = user.ok_or(format!("user {:?} is not defined", context.user))?;
        if user.exec.is_some() {
            return Err(format!(
                "user {:?} logs in by a program (exec), which is not run here: use a token or a certificate",
                context.user
            ));
        }
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(folder, cluster, user)?).https_only().enable_http1().build();
        let authorization = match &user.token {
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| "token: not a header value".to_owned())?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Remote {
            server: cluster.server.trim_end_matches('/').to_owned(),
            namespace: if context.namespace.is_empty() { "default".into() } else { context.namespace.clone() },
            authorization,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }
}

fn tls(folder: &Path, cluster: &Cluster, user: &User) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let authority = pem(folder, "certificate-authority", &cluster.certificate_authority, &cluster.certificate_authority_data)?
        .ok_or("the cluster names no certificate-authority")?;
    for certificate in certificates("certificate-authority", &authority)? {
        roots.add(certificate).map_err(|error| format!("certificate-authority: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let certificate = pem(folder, "client-certificate", &user.client_certificate, &user.client_certificate_data)?;
    let key = pem(folder, "client-key", &user.client_key, &user.client_key_data)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("client-certificate", &certificate)?;
            let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| format!("client-key: {error}"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("client-certificate: {error}"))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(field: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| format!("{field}: {error}"))
}

/// PEM text, given in place (base64) or by a file, whose path is relative to the kubeconfig.
fn pem(folder: &Path, field: &str, file: &Option<PathBuf>, data: &Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (data, file) {
        (Some(data), _) => STANDARD.decode(data).map(Some).map_err(|error| format!("{field}-data: {error}")),
        (None, Some(file)) => {
            let path = folder.join(file);
            std::fs::read(&path).map(Some).map_err(|error| format!("{field}: {}: {error}", path.display()))
        }
        (None, None) => Ok(None),
    }
}
