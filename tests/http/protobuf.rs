//! Answers in Kubernetes' protobuf, as client-go asks for them.

use http_body_util::BodyExt;
use hyper::Method;

use super::site::{Client, Site, site};

const CONFIGS: &str = "/api/v1/namespaces/n/configmaps";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const EITHER: &str = "application/vnd.kubernetes.protobuf,application/json";

fn binary(site: &Site) -> Client<'_> {
    site.admin().with("accept", EITHER).with("content-type", PROTOBUF)
}

async fn create(site: &Site, name: &str) {
    let body = format!(r#"{{"metadata": {{"name": "{name}"}}, "data": {{"a": "b"}}, "binaryData": {{"c": "AAH/"}}}}"#);
    assert_eq!(site.admin().post(CONFIGS, &body).await.code, 201);
}

#[test]
fn what_was_read_can_be_written_again() {
    site(async |site| {
        create(&site, "a").await;
        let path = format!("{CONFIGS}/a");
        let read = binary(&site).get(&path).await;
        assert_eq!((read.code.as_u16(), read.header("content-type"), &read.body[..4]), (200, PROTOBUF, &b"k8s\0"[..]));
        let before = site.admin().get(&path).await.json();
        let written = binary(&site).send(Method::PUT, &path, &read.body).await;
        assert_eq!((written.code.as_u16(), &written.body[..4]), (200, &b"k8s\0"[..]), "{written:?}");
        let after = site.admin().get(&path).await.json();
        assert_eq!(
            (&after["data"], &after["binaryData"], &after["metadata"]["uid"]),
            (&before["data"], &before["binaryData"], &before["metadata"]["uid"])
        );
    });
}

#[test]
fn a_list_is_one_message_and_a_watch_one_an_event() {
    site(async |site| {
        create(&site, "a").await;
        let list = binary(&site).get(CONFIGS).await;
        assert_eq!(list.header("content-type"), PROTOBUF);
        let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(has(&list.body, "ConfigMapList") && has(&list.body, "\x0a\x01a"), "{list:?}");

        let watch = site.admin().with("accept", "application/vnd.kubernetes.protobuf;stream=watch");
        let response = watch.open(Method::GET, &format!("{CONFIGS}?watch=1"), "").await;
        assert_eq!(response.headers()["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
        let mut body = response.into_body();
        let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let length = u32::from_be_bytes(chunk[..4].try_into().unwrap()) as usize;
        assert_eq!(chunk.len(), length + 4);
        assert!(chunk[4..].starts_with(b"\x0a\x05ADDED\x12") && has(&chunk, "k8s\0"), "{chunk:?}");
    });
}

#[test]
fn who_takes_metadata_alone_gets_them_and_what_has_no_such_form_is_json() {
    site(async |site| {
        create(&site, "a").await;
        let partial = format!("{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        let list = site.admin().with("accept", &partial).get(CONFIGS).await;
        assert_eq!((list.code.as_u16(), list.header("content-type")), (200, PROTOBUF));
        let table = format!("{PROTOBUF};as=Table;g=meta.k8s.io;v=v1,application/json;as=Table;g=meta.k8s.io;v=v1");
        assert_eq!(site.admin().with("accept", &table).get(CONFIGS).await.json()["kind"], "Table");
        assert_eq!(binary(&site).get("/apis").await.json()["kind"], "APIGroupList");
        assert_eq!(binary(&site).get(&format!("{CONFIGS}/none")).await.failure().0, 404);
    });
}
