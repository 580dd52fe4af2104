//! How an operator is tested against a whole cluster on a bad day: the operator below keeps a pod for each config map that is labelled
//! `echo=yes`, and none besides. It holds nothing but a [`Client`], so it cannot tell that time and machines are simulated.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kabuki::api::client::{Client, ClientRef, DeleteOptions, ListOptions};
use kabuki::api::kinds::Registry;
use kabuki::api::status::Status;
use kabuki::simulation::trial;
use serde_json::{from_value, json};

/// Brings the pods to what the config maps want.
async fn reconcile(client: &dyn Client, options: &ListOptions) -> Result<(), Status> {
    let wanted: BTreeSet<_> =
        client.typed::<ConfigMap>().list("default", options).await?.into_iter().map(|map| map.metadata.name).collect();
    let there: BTreeSet<_> = client.typed::<Pod>().list("default", options).await?.into_iter().map(|pod| pod.metadata.name).collect();
    for name in wanted.difference(&there) {
        // The name is the config map's: who asks twice, because an answer was lost, gets one pod.
        let metadata = json!({"name": name, "labels": {"echo": "yes"}});
        let pod = from_value(json!({"metadata": metadata, "spec": {"containers": [{"name": "echo", "image": "echo"}]}}));
        client.typed::<Pod>().create("default", &pod.map_err(Status::internal)?).await?;
    }
    for name in there.difference(&wanted).flatten() {
        client.typed::<Pod>().delete("default", name, &DeleteOptions::default()).await?;
    }
    Ok(())
}

/// The operator: whatever wakes it, it does the same, and what fails it tries again.
async fn operate(client: ClientRef) {
    let options = ListOptions { label_selector: "echo=yes".into(), ..ListOptions::default() };
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Ok(mut changes) = client.watch(Registry::built_in().of::<ConfigMap>(), "default", &options).await else { continue };
        while reconcile(&*client, &options).await.is_ok() {
            // Now and then it looks although nothing came: a pod may have gone.
            let woken = tokio::time::timeout(Duration::from_secs(30), changes.next()).await;
            if matches!(woken, Ok(None | Some(Err(_)))) {
                break;
            }
        }
    }
}

/// A bad day: answers are lost, a machine goes down, the API is killed and the operator as well. In the end there is one pod for each map.
fn day(seed: u64) {
    let (maps, pods): (Vec<String>, Vec<String>) = trial(seed, 4, async |cluster| {
        let operator = tokio::task::spawn_local(operate(cluster.network.client("operator")));
        for deed in ["lose-answers: {rate: 0.4, for: 2m}", "slow-api: {most: 2s, for: 1m}", "lose-node: {node: 1, for: 8m}"] {
            cluster.inject(&deed.parse().unwrap()).await.unwrap();
        }
        for number in 0..8 {
            let map =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("map-{number}"), "labels": {"echo": "yes"}}});
            // Its answer may be lost, too.
            while cluster.apply(&map).await.is_err() {}
        }
        operator.abort();
        cluster.inject(&"crash: {down: 5s}".parse().unwrap()).await.unwrap();
        let _again = tokio::task::spawn_local(operate(cluster.network.client("operator")));
        cluster.pass(Duration::from_secs(900)).await;
        while cluster.client.typed::<ConfigMap>().delete("default", "map-3", &DeleteOptions::default()).await.is_err() {}
        let names = async |kind: &str| names(&*cluster.client, kind).await;
        cluster.until(Duration::from_secs(120), async || names("ConfigMap").await == names("Pod").await).await.unwrap();
        (names("ConfigMap").await, names("Pod").await)
    });
    assert_eq!((maps.len(), &pods), (7, &maps), "seed {seed}");
}

/// The names of what is labelled.
async fn names(client: &dyn Client, kind: &str) -> Vec<String> {
    let options = ListOptions { label_selector: "echo=yes".into(), ..ListOptions::default() };
    let kind = Registry::built_in().kind("v1", kind).unwrap();
    client.list(kind, "default", &options).await.unwrap().items.iter().map(|object| object.name().to_owned()).collect()
}

#[test]
fn there_is_one_pod_for_each_config_map_whatever_the_day_was_like() {
    (1..=10).for_each(day);
}
