//! What a stranger may send before it is an object: every input is answered, whatever it is. See [`runtime::fuzz`](crate::runtime::fuzz).

use bytes::{BufMut, BytesMut};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;
use tokio_util::codec::{Decoder, Encoder};

use super::audit::Policy;
use super::authentication::PeerUser;
use super::identity::Identity;
use super::negotiation::{Offer, negotiate};
use super::request::{Query, RequestInfo};
use super::{body, options, protobuf, spdy};
use crate::runtime::fuzz::bytes;

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

#[test]
fn protobuf_bodies() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"a": "b"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}, "livenessProbe": {"httpGet": {"port": 80}}}]}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"versions": [{"name": "v1", "schema":
        {"openAPIV3Schema": {"maximum": 1.5, "items": [{"type": "string"}], "default": {"a": 1}}}}]}});
    let corpus = [protobuf::body(&pod).unwrap(), protobuf::body(&definition).unwrap()];
    let corpus: Vec<&[u8]> = corpus.iter().map(|body| &body[..]).collect();
    bytes("protobuf", &corpus, &["\u{0a}", "k8s\0", "\u{12}\u{7f}", "v1"], |input| {
        if let Ok(Some(object)) = protobuf::decode(input) {
            // What was read may say a time or a quantity that is none; writing it may be refused, and must not panic.
            let _ = protobuf::body(&object);
        }
    });
}

#[test]
fn requests() {
    let corpus: [&[u8]; 4] = [
        b"/api/v1/namespaces/n/pods/p/log?follow=true&tailLines=5",
        b"/apis/apps/v1/watch/namespaces/n/deployments?watch&resourceVersion=0&timeoutSeconds=1&limit=2&continue=eyJ2IjoibWV0YSJ9",
        b"/api/v1/pods?fieldSelector=metadata.name%3Da&labelSelector=a+in+(b)&resourceVersionMatch=Exact&fieldManager=x",
        b"/openapi/v3/apis/apps/v1?hash=AA",
    ];
    bytes("requests", &corpus, &["%", "%ff", "//", "?", "&", "=", "watch", "namespaces", "../"], |input| {
        let text = text(input);
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        let query = Query::new(query);
        for method in ["GET", "POST", "DELETE", "BREW"] {
            let _ = RequestInfo::new(method, path, &query);
        }
        let _ = options::list(&query);
        let _ = options::delete(&query);
        let _ = options::timeout(&query);
    });
}

#[test]
fn headers() {
    let corpus: [&[u8]; 2] = [
        b"application/json;as=Table;v=v1;g=meta.k8s.io,application/vnd.kubernetes.protobuf;q=0.3,*/*",
        b"application/yaml; q=1e9 ; stream=watch",
    ];
    bytes("headers", &corpus, &[";", "q=", "as=", "NaN", ",", "application/"], |input| {
        for binary in [true, false] {
            let _ = negotiate(&text(input), Offer::Objects { streams: true, binary });
        }
    });
}

#[test]
fn options_of_deletions() {
    let corpus: [&[u8]; 2] = [br#"{"gracePeriodSeconds":0,"preconditions":{"uid":"x"},"dryRun":["All"]}"#, b"propagationPolicy: Orphan\n"];
    bytes("deletions", &corpus, &["null", "-1", "All", "\"kind\":"], |input| {
        for encoding in [body::Encoding::Json, body::Encoding::Yaml, body::Encoding::Protobuf] {
            let _ = body::delete_options(input, encoding);
        }
        let _ = body::patch_json(input);
        let _ = body::patch_yaml(input);
    });
}

#[test]
fn frames_of_spdy() {
    let (mut codec, mut accept) = (spdy::Codec::default(), BytesMut::new());
    codec.encode(spdy::Frame::Accept(1), &mut accept).unwrap();
    // The same headers in a frame that opens a stream: another type, another stream and a priority before them.
    let block = &accept[12..];
    let mut open = BytesMut::from(&[0x80, 3, 0, 1, 0, 0, 0][..]);
    open.put_u8(u8::try_from(block.len() + 10).unwrap());
    open.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    open.extend_from_slice(block);
    assert!(matches!(spdy::Codec::default().decode(&mut open.clone()), Ok(Some(spdy::Frame::Open { stream: 1, .. }))));
    codec.encode(spdy::Frame::Data { stream: 1, fin: true, bytes: "hello"[..].into() }, &mut open).unwrap();
    codec.encode(spdy::Frame::Ping(7), &mut open).unwrap();
    bytes("spdy", &[&open], &["\u{80}\u{3}\0\u{1}", "\0\0\0"], |input| {
        let (mut codec, mut buffer) = (spdy::Codec::default(), BytesMut::from(input));
        while let Ok(Some(_)) = codec.decode(&mut buffer) {}
    });
}

#[test]
fn certificates() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::open(directory.path(), &[]).unwrap();
    let good = CertificateDer::from_pem_slice(identity.admin.certificate.as_bytes()).unwrap();
    assert!(PeerUser::from_certificate(&good).is_some());
    bytes("certificates", &[&good], &["\u{30}\u{ff}", "\u{6}\u{3}\u{55}\u{4}\u{3}", "\u{13}\u{0}"], |input| {
        let _ = PeerUser::from_certificate(&CertificateDer::from(input));
    });
}

#[test]
fn audit_policies() {
    let corpus: [&[u8]; 1] =
        [b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Request, resources: [{group: '', resources: ['*/x']}]}\n"];
    bytes("policies", &corpus, &["level:", "nonResourceURLs: ['/*']", "- ", "*"], |input| {
        let _ = Policy::parse(&text(input));
    });
}
