//! Requests and their answers, one at a time.

use std::io::Read;

use bytes::Bytes;
use hyper::Method;
use serde_json::json;

use super::site::{Site, site};

const CONFIG: &str = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}"#;
const CONFIGS: &str = "/api/v1/namespaces/n/configmaps";

#[test]
fn an_object_is_created_read_changed_and_deleted() {
    site(async |site| {
        let admin = site.admin();
        let created = admin.post(CONFIGS, CONFIG).await;
        assert_eq!(created.code, 201);
        let path = format!("{CONFIGS}/c");
        assert_eq!(admin.get(&path).await.json(), created.json());
        let patched = site.admin().with("content-type", "application/merge-patch+json");
        let patched = patched.send(Method::PATCH, &path, r#"{"data": {"a": null, "c": "d"}}"#).await;
        assert_eq!(patched.json()["data"], json!({"c": "d"}));
        let deleted = admin.send(Method::DELETE, &path, "").await.json();
        let uid = &created.json()["metadata"]["uid"];
        assert_eq!((&deleted["status"], &deleted["details"]["uid"]), (&json!("Success"), uid));
        assert_eq!(admin.get(&path).await.failure(), (404, "configmaps \"c\" not found".to_owned()));
    });
}

#[test]
fn a_list_says_its_kind_once() {
    site(async |site| {
        site.admin().post(CONFIGS, CONFIG).await;
        let list = site.admin().get(CONFIGS).await.json();
        assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
        assert_eq!((&list["items"][0]["kind"], &list["items"][0]["data"]["a"]), (&json!(null), &json!("b")));
    });
}

#[test]
fn objects_come_as_tables_metadata_and_yaml() {
    site(async |site| {
        site.admin().post(CONFIGS, CONFIG).await;
        let accept = async |accept: &str, path: &str| site.admin().with("accept", accept).get(path).await;
        let one = format!("{CONFIGS}/c");
        for path in [CONFIGS, &one] {
            let table = accept("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", path).await.json();
            assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&json!("Table"), &json!("c")), "{path}");
        }
        let list = accept("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", CONFIGS).await.json();
        assert_eq!((&list["kind"], &list["items"][0]["data"]), (&json!("PartialObjectMetadataList"), &json!(null)));
        assert_eq!(list["items"][0]["metadata"]["name"], "c");
        let yaml = accept("application/yaml", &one).await;
        assert_eq!(yaml.header("content-type"), "application/yaml");
        assert!(std::str::from_utf8(&yaml.body).unwrap().contains("kind: ConfigMap\n"));
    });
}

#[test]
fn bodies_may_be_yaml() {
    site(async |site| {
        let client = site.admin().with("content-type", "application/yaml");
        let answer = client.post(CONFIGS, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n").await;
        assert_eq!((answer.code.as_u16(), &answer.json()["data"]), (201, &json!({"a": "b"})), "{answer:?}");
    });
}

#[test]
fn bad_requests_are_refused_with_a_reason() {
    site(async |site| {
        let admin = site.admin();
        for (method, path, code, message) in [
            (Method::GET, "/api/v2", 404, "the server could not find the requested resource"),
            (Method::GET, "/api/v1/namespaces/n/nodes/x", 404, "the server could not find the requested resource"),
            (Method::GET, "/api/v1/namespaces/n/widgets/x", 404, "the server could not find the requested resource"),
            (Method::PUT, CONFIGS, 405, "the server does not allow this method on the requested resource"),
            (Method::OPTIONS, "/api/v1/namespaces/n", 405, "the server does not allow this method on the requested resource"),
            (Method::GET, "/api/v1/configmaps?limit=ten", 400, "strconv.ParseInt: parsing \"ten\": invalid syntax"),
        ] {
            assert_eq!(admin.send(method, path, "").await.failure(), (code, message.to_owned()), "{path}");
        }
        let (code, message) = admin.get("/api/v1/nodes/x?resourceVersion=9223372036854775807").await.failure();
        assert!(code == 504 && message.starts_with("Timeout: Too large resource version: 9223372036854775807, current: "), "{message}");
        for path in ["/nonsense", "/apis/none.example.com", "/apis/none.example.com/v1/things", "/readyz/nonesuch"] {
            let answer = admin.get(path).await;
            assert_eq!((answer.code.as_u16(), &answer.body[..]), (404, &b"404 page not found\n"[..]), "{path}");
        }
        let typed = |kind| site.admin().with("content-type", kind);
        assert_eq!(typed("text/plain").post(CONFIGS, CONFIG).await.code, 415);
        assert_eq!(typed("application/vnd.kubernetes.protobuf").post(CONFIGS, CONFIG).await.code, 400);
        assert_eq!(typed("application/json").send(Method::PATCH, "/api/v1/namespaces/n", "{}").await.code, 415);
        assert_eq!(site.admin().with("accept", "text/html").get(CONFIGS).await.code, 406);
    });
}

#[test]
fn a_body_over_three_mebibytes_is_refused() {
    site(async |site| {
        let body = format!(r#"{{"metadata": {{"name": "big"}}, "data": {{"a": "{}"}}}}"#, "x".repeat(3 * 1024 * 1024));
        let answer = site.admin().post(CONFIGS, &body).await;
        assert_eq!(answer.failure(), (413, "Request entity too large: limit is 3145728".to_owned()));
    });
}

#[test]
fn a_path_that_is_no_text_is_refused() {
    site(async |site| {
        let why = "the path \"/api/v1/namespaces/n%c3/pods\" is not UTF-8: %c3 at byte 20 of what it stands for";
        assert_eq!(site.admin().get("/api/v1/namespaces/n%c3/pods").await.failure(), (400, why.to_owned()));
        assert_eq!(site.admin().get("/nonsense/%ff").await.code, 400);
        assert_eq!(site.admin().get("/api/v1/namespaces/n%C3%A4/pods").await.code, 200);
    });
}

/// Sends a body without saying how long it is, as long as the server takes it. Answers the code and the body.
async fn post_in_chunks(site: &Site, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let stream = site.connect_speaking(Some(&site.identity.admin), "h2").await;
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    actix_rt::spawn(async move {
        let _ = connection.await;
    });
    let request = http_of_h2::Request::post(format!("https://localhost{path}")).body(()).unwrap();
    let (answer, mut stream) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    let mut rest = Bytes::copy_from_slice(body);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let Some(Ok(capacity)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else { break };
        let chunk = rest.split_to(capacity);
        if stream.send_data(chunk, rest.is_empty()).is_err() {
            break;
        }
    }
    let answer = answer.await.unwrap();
    let (code, mut body, mut text) = (answer.status().as_u16(), answer.into_body(), Vec::new());
    while let Some(chunk) = body.data().await {
        text.extend_from_slice(&chunk.unwrap());
    }
    (code, text)
}

#[test]
fn a_body_over_three_mebibytes_that_comes_in_chunks_is_refused_with_an_answer() {
    site(async |site| {
        let body = vec![b' '; 12 << 20];
        let (code, text) = post_in_chunks(&site, CONFIGS, &body).await;
        let status: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((code, &status["reason"]), (413, &json!("RequestEntityTooLarge")));
    });
}

#[test]
fn json_and_yaml_that_are_too_deep_or_explode_are_refused() {
    site(async |site| {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let body = format!(r#"{{"metadata": {{"name": "deep"}}, "data": {deep}}}"#);
        assert_eq!(site.admin().post(CONFIGS, &body).await.code, 400);
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let last = format!("*a{},", level - 1).repeat(10);
            bomb += &format!("a{level}: &a{level} [{last}]\n");
        }
        assert_eq!(site.admin().with("content-type", "application/yaml").post(CONFIGS, &bomb).await.code, 400);
    });
}

#[test]
fn a_large_answer_is_compressed() {
    site(async |site| {
        let body = json!({"metadata": {"name": "big"}, "data": {"a": "x".repeat(200_000)}}).to_string();
        site.admin().post(CONFIGS, &body).await;
        let answer = site.admin().with("accept-encoding", "gzip").get(CONFIGS).await;
        assert_eq!(answer.header("content-encoding"), "gzip");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
        assert!(text.starts_with(r#"{"kind":"ConfigMapList""#));
    });
}

#[test]
fn discovery_names_what_is_served() {
    site(async |site| {
        let admin = site.admin();
        let core = admin.get("/api/v1").await.json();
        let names: Vec<_> = core["resources"].as_array().unwrap().iter().map(|resource| resource["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"pods") && names.contains(&"pods/exec") && names.is_sorted(), "{names:?}");
        assert_eq!(admin.get("/apis/coordination.k8s.io").await.json()["preferredVersion"]["version"], "v1");
        let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        let first = site.admin().with("accept", aggregated).get("/apis").await;
        assert_eq!(first.json()["kind"], "APIGroupDiscoveryList");
        let again = site.admin().with("accept", aggregated).with("if-none-match", first.header("etag")).get("/apis").await;
        assert_eq!((again.code.as_u16(), again.body.len()), (304, 0));
    });
}

#[test]
fn a_collection_is_deleted_as_far_as_its_selector_reaches() {
    site(async |site| {
        for (name, label) in [("a", "1"), ("b", "1"), ("c", "2")] {
            let body = json!({"metadata": {"name": name, "labels": {"k": label}}}).to_string();
            site.admin().post(CONFIGS, &body).await;
        }
        let deleted = site.admin().send(Method::DELETE, &format!("{CONFIGS}?labelSelector=k%3D1"), "").await.json();
        assert_eq!(deleted["items"].as_array().unwrap().len(), 2);
        assert_eq!(site.admin().get(CONFIGS).await.json()["items"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn the_supervision_tree_can_be_seen() {
    site(async |site| {
        let tree = site.admin().get("/debug/actors").await.json();
        assert!(!tree["children"].as_array().unwrap().is_empty(), "{tree}");
        assert_eq!(site.nobody().get("/debug/actors").await.code, 403);
    });
}

#[test]
fn an_administrator_may_kill_an_actor_and_it_is_started_anew() {
    site(async |site| {
        let kill = async |path: &str| site.admin().post(&format!("/debug/actors/kill?path={path}"), "").await.code;
        assert_eq!(site.nobody().post("/debug/actors/kill?path=/writer", "").await.code, 403);
        assert_eq!(kill("/nonsense").await, 404);
        assert_eq!(kill("/").await, 400);
        assert_eq!(kill("/writer").await, 200);
        // It is answered once the writer is there again.
        assert_eq!(site.admin().post(CONFIGS, CONFIG).await.code, 201);
        let tree = site.admin().get("/debug/actors").await.json().to_string();
        assert!(tree.contains("killed by an administrator"), "{tree}");
    });
}

#[test]
fn a_field_that_a_patch_gives_twice_is_refused_or_warned_of() {
    site(async |site| {
        site.admin().post(CONFIGS, CONFIG).await;
        for (format, patch, note) in [
            ("merge-patch", r#"{"data": {"c": "1", "c": "2"}}"#, r#"duplicate field "data.c""#),
            ("strategic-merge-patch", r#"{"data": {"c": "1"}, "data": {"c": "2"}}"#, r#"duplicate field "data""#),
            ("json-patch", r#"[{"op": "add", "path": "/data/c", "value": "1", "value": "2"}]"#, r#"duplicate field "[0].value""#),
        ] {
            let send = async |validation: &str| {
                let client = site.admin().with("content-type", &format!("application/{format}+json"));
                client.send(Method::PATCH, &format!("{CONFIGS}/c?fieldValidation={validation}"), patch).await
            };
            let (code, message) = send("Strict").await.failure();
            assert!(code == 422 && message.ends_with(&format!("strict decoding error: {note}")), "{code} {message}");
            let warned = send("Warn").await;
            assert_eq!((warned.code.as_u16(), &warned.json()["data"]["c"]), (200, &json!("2")), "{format}");
            assert!(warned.header("warning").contains(&note.replace('"', "\\\"")), "{}", warned.header("warning"));
            assert_eq!(send("Ignore").await.code, 200);
        }
    });
}

#[test]
fn what_is_made_when_asked_for_can_be_read_and_nothing_else() {
    site(async |site| {
        let admin = site.admin();
        let list = admin.get("/api/v1/componentstatuses?fieldSelector=metadata.name%3Detcd-0").await;
        assert!(list.header("warning").contains("v1 ComponentStatus is deprecated in v1.19+"));
        let condition = json!({"type": "Healthy", "status": "True", "message": "ok"});
        let store = json!({"metadata": {"name": "etcd-0"}, "conditions": [condition]});
        let expected = json!({"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": [store]});
        assert_eq!(list.json(), expected);
        assert_eq!(admin.get("/api/v1/componentstatuses/scheduler").await.json()["conditions"], json!([condition]));
        let missing = "componentstatuses \"x\" not found".to_owned();
        assert_eq!(admin.get("/api/v1/componentstatuses/x").await.failure(), (404, missing));
        for (method, path) in [(Method::POST, ""), (Method::DELETE, ""), (Method::PUT, "/scheduler"), (Method::DELETE, "/scheduler")] {
            let answer = admin.send(method.clone(), &format!("/api/v1/componentstatuses{path}"), "{}").await;
            assert_eq!(answer.code, 405, "{method} {path}");
        }
        assert_eq!(admin.get("/api/v1/componentstatuses?watch=true").await.code, 405);
    });
}

#[test]
fn the_openapi_document_comes_in_protobuf_to_who_asks_for_it() {
    site(async |site| {
        for accepted in
            ["application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"]
        {
            let answer = site.admin().with("accept", accepted).get("/openapi/v2").await;
            assert_eq!(
                (answer.code.as_u16(), answer.header("content-type")),
                (200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            );
            let name = b"\x0a\x16io.k8s.api.core.v1.Pod\x12";
            assert!(answer.body.windows(name.len()).any(|part| part == name), "the definition of pods, by its name");
        }
        let accepted = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
        assert_eq!(site.admin().with("accept", accepted).get("/openapi/v3").await.code, 406);
        assert_eq!(site.admin().get("/openapi/v2").await.json()["swagger"], "2.0");
    });
}
