//! Webhooks that answer, lie, hang and flood, over real TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kabuki::api::admission::extension::{Caller, Destination};
use kabuki::http::webhook_client::WebhookClient;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server that gives every request the same bytes; gives where it is and whom to trust.
async fn server(answer: Option<Vec<u8>>) -> (u16, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut read = [0; 4096];
            let _ = stream.read(&mut read).await;
            match &answer {
                Some(answer) => drop(stream.write_all(answer).await),
                None => std::future::pending().await,
            }
            let _ = stream.shutdown().await;
        }
    });
    (port, certificate.into_bytes())
}

fn told(status: &str, body: &str) -> Option<Vec<u8>> {
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

async fn call(port: u16, authorities: Vec<u8>) -> Result<(u16, Bytes), String> {
    let url = format!("https://localhost:{port}/x?timeout=1s");
    let destination = Destination { url, addresses: None, authorities, timeout: Duration::from_secs(1) };
    let answer = WebhookClient::default().call(&destination, Bytes::from_static(b"{}")).await;
    answer.map(|answer| (answer.code, answer.body)).map_err(|failure| failure.0)
}

#[test]
fn a_webhook_is_called_and_bounded() {
    actix_rt::System::new().block_on(async {
        let (port, authorities) = server(told("200 OK", "{}")).await;
        assert_eq!(call(port, authorities).await, Ok((200, Bytes::from_static(b"{}"))));
        let (port, authorities) = server(told("302 Found\r\nlocation: https://localhost:1/", "")).await;
        assert_eq!(call(port, authorities).await.map(|(code, _)| code), Ok(302), "a redirect is not followed");
        let (port, authorities) = server(None).await;
        let hangs = call(port, authorities).await.unwrap_err();
        assert!(hangs.ends_with("context deadline exceeded"), "{hangs}");
        let mut flood = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n".to_vec();
        flood.resize(4 << 20, b' ');
        let (port, authorities) = server(Some(flood)).await;
        let large = call(port, authorities).await.unwrap_err();
        assert!(large.ends_with("the response is larger than 3145728 bytes"), "{large}");
        let (port, _) = server(told("200 OK", "{}")).await;
        let (_, strangers) = server(told("200 OK", "{}")).await;
        let untrusted = call(port, strangers).await.unwrap_err();
        assert!(untrusted.contains("tls: failed to verify certificate: x509: "), "{untrusted}");
    });
}
