//! Requests that arrive twice.

use serde_json::json;

use super::*;
use crate::simulation::Outcome;

const DOUBLED: &str = "
name: doubled
about: For minutes all that changes something arrives twice
nodes: {count: 4}
pods: 12
timeline:
- {at: 1s, do: {duplicate-requests: {rate: 1.0, for: 5m}}}
- {at: 10s, do: {scale: {pick: 0, replicas: 15}}}
- {at: 40s, do: {delete-pod: {pick: 3}}}
- {at: 50s, do: {kill-containers: {node: 1, share: 1.0}}}
- {at: 1m, do: {silence-node: {node: 0, for: 2m}}}
- {at: 2m, do: {scale: {pick: 0, replicas: 2}}}
- {at: 3m, do: {crash: {down: 2s}}}
- {at: 4m, do: {drain: {node: 2}}}
- {at: 5m, do: {uncordon: {node: 2}}}
";

#[test]
fn a_request_that_arrives_twice_is_two_requests_of_which_one_is_answered() {
    let story = |cluster: Arc<Cluster>| async move {
        cluster.network.disturb(Disturbance { user: "kubernetes-admin".into(), effect: Effect::Duplicates(1.0) });
        let maps = Registry::built_in().kind("v1", "ConfigMap").unwrap();
        let before = cluster.journal.count() as usize;
        for metadata in [json!({"generateName": "any-"}), json!({"name": "one"})] {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
            cluster.client.create(maps, "default", body, &WriteOptions::default()).await.unwrap();
        }
        cluster.pass(seconds(11)).await;
        let all = cluster.client.list(maps, "default", &ListOptions::default()).await.unwrap();
        let count = |prefix: &str| all.items.iter().filter(|map| map.name().starts_with(prefix)).count();
        assert_eq!((count("any-"), count("one")), (2, 1));
        let of = |entry: &super::super::Entry| match &entry.event {
            Event::Answered { request, outcome, .. } if &*request.user == "kubernetes-admin" && request.verb == "create" => {
                Some(matches!(outcome, Outcome::Lost))
            }
            _ => None,
        };
        let mut lost: Vec<bool> = cluster.journal.entries()[before..].iter().filter_map(of).collect();
        lost.sort_unstable();
        assert_eq!(lost, [false, false, true, true]);
    };
    run(Setup::new(1, 1), story);
}

#[test]
fn a_cluster_whose_every_write_arrives_twice_comes_right() {
    for seed in 0..4 {
        played(DOUBLED, seed);
    }
}
