//! kube-rs, with a controller made of its runtime.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{self, Event, finalizer};
use kube::runtime::wait::await_condition;
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::site::Site;

const DEADLINE: Duration = Duration::from_secs(60);
const FINALIZER: &str = "story.test/echo";

async fn client(site: &Site) -> Client {
    let kubeconfig = Kubeconfig::read_from(site.kubeconfig()).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()).unwrap()
}

/// Keeps a secret beside each config map that is labelled: with its data, and owned by it.
async fn reconcile(map: Arc<ConfigMap>, client: Arc<Client>) -> Result<Action, finalizer::Error<kube::Error>> {
    let maps: Api<ConfigMap> = Api::default_namespaced((*client).clone());
    let secrets: Api<Secret> = Api::default_namespaced((*client).clone());
    let echo = async |event: Event<ConfigMap>| {
        if let Event::Apply(map) = event {
            let secret = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": map.name_any(), "ownerReferences": [map.controller_owner_ref(&()).unwrap()]},
                "stringData": map.data,
            });
            secrets.patch(&map.name_any(), &PatchParams::apply("echo").force(), &Patch::Apply(&secret)).await?;
        }
        Ok(Action::await_change())
    };
    finalizer(&maps, FINALIZER, map, echo).await
}

/// Waits until there is an object of this name, or none any more.
async fn until_there<K>(objects: &Api<K>, name: &str, is_there: bool)
where
    K: Clone + Debug + Send + DeserializeOwned + Resource + 'static,
{
    let holds = move |object: Option<&K>| object.is_some() == is_there;
    let waiting = await_condition(objects.clone(), name, holds);
    tokio::time::timeout(DEADLINE, waiting).await.expect(name).unwrap();
}

fn labelled(name: &str) -> ConfigMap {
    let map = json!({"metadata": {"name": name, "labels": {"story": "echo"}}, "data": {"key": name}});
    serde_json::from_value(map).unwrap()
}

async fn objects(maps: &Api<ConfigMap>) {
    let stale = maps.create(&PostParams::default(), &labelled("plain")).await.unwrap();
    let mut fresh = maps.get("plain").await.unwrap();
    assert_eq!(stale, fresh);
    fresh.data = Some([("key".to_owned(), "second".to_owned())].into());
    maps.replace("plain", &PostParams::default(), &fresh).await.unwrap();
    let late = maps.replace("plain", &PostParams::default(), &stale).await.unwrap_err();
    assert!(matches!(late, kube::Error::Api(status) if status.is_conflict()));
    let merged = maps.patch("plain", &PatchParams::default(), &Patch::Merge(json!({"data": {"more": "1"}}))).await.unwrap();
    assert_eq!(merged.data.unwrap().len(), 2);
    maps.create(&PostParams::default(), &labelled("plainer")).await.unwrap();
    let selected = ListParams::default().labels("story=echo");
    let page = maps.list(&selected.clone().limit(1)).await.unwrap();
    assert_eq!((page.items[0].name_any(), page.metadata.remaining_item_count), ("plain".to_owned(), None), "it is not counted by labels");
    let rest = maps.list(&selected.clone().continue_token(&page.metadata.continue_.unwrap())).await.unwrap();
    assert_eq!((page.metadata.resource_version, rest.items.len()), (rest.metadata.resource_version, 1));
    maps.delete_collection(&DeleteParams::default(), &selected).await.unwrap();
    assert!(maps.get_opt("plain").await.unwrap().is_none());
}

/// The controller that began before the kill acts after it, and finds all that was acknowledged.
async fn killed(site: &mut Site, client: &Client) {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let changes = watcher::Config::default().labels("story=echo");
    let controller = Controller::new(maps.clone(), changes).owns(secrets.clone(), watcher::Config::default());
    let again = |_: Arc<ConfigMap>, _: &finalizer::Error<kube::Error>, _: Arc<Client>| Action::requeue(Duration::from_millis(100));
    let acting = tokio::spawn(controller.run(reconcile, again, Arc::new(client.clone())).for_each(async |done| println!("{done:?}")));
    for name in ["a", "b", "c"] {
        maps.create(&PostParams::default(), &labelled(name)).await.unwrap();
    }
    for name in ["a", "b", "c"] {
        until_there(&secrets, name, true).await;
    }
    let uids = async || -> Vec<_> { maps.list(&ListParams::default()).await.unwrap().into_iter().map(|map| map.uid()).collect() };
    let before = uids().await;
    tokio::task::block_in_place(|| site.kill_and_start_again());
    assert_eq!(uids().await, before);
    maps.create(&PostParams::default(), &labelled("d")).await.unwrap();
    until_there(&secrets, "d", true).await;
    // The finalizer is taken off, and what the map owned goes with it; a secret that somebody else takes away comes back.
    secrets.delete("c", &DeleteParams::default()).await.unwrap();
    until_there(&secrets, "c", true).await;
    maps.delete("d", &DeleteParams::default()).await.unwrap();
    until_there(&maps, "d", false).await;
    until_there(&secrets, "d", false).await;
    acting.abort();
}

#[test]
fn kube_rs_and_a_controller_of_it_are_served_and_lose_nothing_by_a_kill() {
    let mut site = Site::up(36, &["--nodes=0"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let client = client(&site).await;
        objects(&Api::default_namespaced(client.clone())).await;
        killed(&mut site, &client).await;
    });
}
