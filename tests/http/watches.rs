//! Watches over real connections.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use kabuki::runtime::supervision::{State, Tree};
use serde_json::{Value, json};

use super::site::{Site, site};

const CONFIGS: &str = "/api/v1/namespaces/n/configmaps";

/// The lines of a watch.
struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    async fn open(site: &Site, query: &str, accept: &str) -> Self {
        let response = site.admin().with("accept", accept).open(Method::GET, &format!("{CONFIGS}?watch=1&{query}"), "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        Self { body: response.into_body(), buffer: Vec::new() }
    }

    /// The next event; `None` once the server has ended the watch.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(Duration::from_secs(10), self.body.frame()).await.expect("an event in time")?;
            self.buffer.extend_from_slice(frame.unwrap().data_ref().unwrap());
        }
    }
}

async fn create(site: &Site, name: &str) {
    let answer = site.admin().post(CONFIGS, &json!({"metadata": {"name": name}}).to_string()).await;
    assert_eq!(answer.code, 201);
}

#[test]
fn a_watch_brings_what_is_there_and_then_what_changes() {
    site(async |site| {
        create(&site, "a").await;
        let mut lines = Lines::open(&site, "", "").await;
        let seen =
            |event: &Value| (event["type"].as_str().unwrap().to_owned(), event["object"]["metadata"]["name"].as_str().unwrap().to_owned());
        assert_eq!(seen(&lines.next().await.unwrap()), ("ADDED".into(), "a".into()));
        create(&site, "b").await;
        let added = lines.next().await.unwrap();
        assert_eq!((seen(&added), &added["object"]["kind"]), (("ADDED".into(), "b".into()), &json!("ConfigMap")));
        site.admin().send(Method::DELETE, &format!("{CONFIGS}/a"), "").await;
        assert_eq!(seen(&lines.next().await.unwrap()), ("DELETED".into(), "a".into()));
    });
}

#[test]
fn a_watched_table_has_its_columns_once() {
    site(async |site| {
        create(&site, "a").await;
        create(&site, "b").await;
        let mut lines = Lines::open(&site, "", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").await;
        let first = lines.next().await.unwrap();
        let second = lines.next().await.unwrap();
        assert_eq!(first["object"]["rows"][0]["cells"][0], "a");
        assert!(first["object"]["columnDefinitions"].is_array());
        assert_eq!((&second["object"]["rows"][0]["cells"][0], &second["object"]["columnDefinitions"]), (&json!("b"), &json!(null)));
    });
}

#[test]
fn a_streamed_list_ends_with_a_bookmark() {
    site(async |site| {
        create(&site, "a").await;
        let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
        let mut lines = Lines::open(&site, query, "").await;
        assert_eq!(lines.next().await.unwrap()["type"], "ADDED");
        let bookmark = lines.next().await.unwrap();
        assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    });
}

#[test]
fn a_watch_ends_after_its_timeout() {
    site(async |site| {
        let mut lines = Lines::open(&site, "timeoutSeconds=1", "").await;
        assert_eq!(lines.next().await, None);
    });
}

#[test]
fn a_watch_from_a_forgotten_revision_says_so_and_ends() {
    site(async |site| {
        create(&site, "a").await;
        site.store.compact();
        let mut lines = Lines::open(&site, "resourceVersion=1", "").await;
        let event = lines.next().await.unwrap();
        assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
        assert_eq!(lines.next().await, None);
    });
}

#[test]
fn stopping_the_server_ends_its_watches() {
    site(async |site| {
        let mut lines = Lines::open(&site, "", "").await;
        let (end, ()) = tokio::join!(lines.next(), site.supervisor.stop_child("http"));
        assert_eq!(end, None);
    });
}

#[test]
fn a_listener_that_panics_listens_again_and_ends_no_watch() {
    site(async |site| {
        let mut lines = Lines::open(&site, "", "").await;
        let is_back = |node: &Tree| node.restarts == 1 && node.state == State::Running;
        assert!(site.supervisor.inject_panic("/http/listener"));
        while !site.supervisor.tree().iter().any(|node| node.name == "listener" && is_back(node)) {
            tokio::task::yield_now().await;
        }
        create(&site, "a").await;
        assert_eq!(lines.next().await.unwrap()["object"]["metadata"]["name"], "a");
    });
}
