//! A server of its own for each test, and clients that speak to it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kabuki::actors::scheduler::Diagnoses;
use kabuki::api::authorization::defaults;
use kabuki::api::object::Object;
use kabuki::api::streams::NodeDirectory;
use kabuki::api::verbs::{Api, LocalClient, Settings, User};
use kabuki::http::audit::{Audit, Log, Options, Policy};
use kabuki::http::authentication::Authenticator;
use kabuki::http::identity::{Certificate, Identity};
use kabuki::http::{Front, server};
use kabuki::runtime::entropy::Entropy;
use kabuki::runtime::recording::Recorder;
use kabuki::runtime::shutdown::Shutdown;
use kabuki::runtime::store::LocalStore;
use kabuki::runtime::supervision::{Strategy, Supervisor};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub struct Site {
    pub api: Api,
    pub identity: Identity,
    pub address: SocketAddr,
    pub supervisor: Supervisor,
    pub nodes: NodeDirectory,
    pub store: Arc<LocalStore<Object>>,
    pub directory: tempfile::TempDir,
}

/// Runs a test against a server with an empty store and a namespace `n`.
pub fn site<F: Future<Output = ()>>(test: impl FnOnce(Arc<Site>) -> F) {
    run(None, test);
}

/// The same with an audit log by such a policy. What was logged is answered.
pub fn audited<F: Future<Output = ()>>(policy: &str, test: impl FnOnce(Arc<Site>) -> F) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("audit.log");
    let log = Log::open(Options { file: file.clone(), size: 1 << 30, backups: 0 }).unwrap();
    let audit = Audit::new(Policy::parse(policy).unwrap(), log);
    run(Some(audit.clone()), test);
    audit.settle();
    std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn run<F: Future<Output = ()>>(audit: Option<Arc<Audit>>, test: impl FnOnce(Arc<Site>) -> F) {
    actix_rt::System::new().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let identity = Identity::open(directory.path(), &[]).unwrap();
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let store: Arc<LocalStore<Object>> = Arc::new(LocalStore::in_memory(&supervisor));
        let entropy = Entropy::from_seed(7);
        let api = Api::new(store.clone(), entropy.split("api"), Settings { tokens: Some(identity.tokens.clone()), ..Settings::default() });
        defaults::found(&api).await.unwrap();
        let client = Arc::new(LocalClient::new(api.clone(), User::default()));
        let nodes = NodeDirectory::default();
        let front = Front {
            authenticator: Authenticator::new(&identity, client),
            nodes: nodes.clone(),
            diagnoses: Diagnoses::default(),
            audit,
            supervisor: supervisor.clone(),
            recorder: Recorder::default(),
            entropy: entropy.split("http").into(),
            shutdown: Shutdown::new(),
            api: api.clone(),
        };
        let socket = server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap();
        server::serve(&supervisor.supervisor("http", Strategy::OneForOne), socket, &identity, front).unwrap();
        let site = Arc::new(Site { api, identity, address, supervisor, nodes, store, directory });
        site.admin().post("/api/v1/namespaces", r#"{"metadata": {"name": "n"}}"#).await;
        test(site.clone()).await;
        site.supervisor.stop_child("http").await;
    });
}

impl Site {
    /// A client with the administrator's certificate.
    pub fn admin(&self) -> Client<'_> {
        Client { site: self, certificate: Some(self.identity.admin.clone()), headers: Vec::new() }
    }

    pub fn with_certificate(&self, certificate: Certificate) -> Client<'_> {
        Client { site: self, certificate: Some(certificate), headers: Vec::new() }
    }

    /// A client without any credentials.
    pub fn nobody(&self) -> Client<'_> {
        Client { site: self, certificate: None, headers: Vec::new() }
    }

    pub async fn connect(&self, certificate: Option<&Certificate>) -> TlsStream<TcpStream> {
        self.connect_speaking(certificate, "http/1.1").await
    }

    /// `protocol` as ALPN names it.
    pub async fn connect_speaking(&self, certificate: Option<&Certificate>, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.identity.authority.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            Some(certificate) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap()).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }
}

/// Sends requests, each over a connection of its own.
pub struct Client<'a> {
    site: &'a Site,
    certificate: Option<Certificate>,
    headers: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub code: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The failure's code and message.
    pub fn failure(&self) -> (u16, String) {
        let status = self.json();
        assert_eq!(status["kind"], "Status", "{status}");
        (self.code.as_u16(), status["message"].as_str().unwrap_or_default().to_owned())
    }
}

impl Client<'_> {
    pub fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub async fn send(&self, method: Method, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let response = self.open(method, path, body).await;
        let (parts, body) = response.into_parts();
        Answer { code: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// The answer with its body still to come.
    pub async fn open(&self, method: Method, path: &str, body: impl AsRef<[u8]>) -> Response<hyper::body::Incoming> {
        let stream = self.site.connect(self.certificate.as_ref()).await;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        actix_rt::spawn(async move {
            let _ = connection.await;
        });
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        sender.send_request(request.body(Full::new(Bytes::copy_from_slice(body.as_ref()))).unwrap()).await.unwrap()
    }
}
