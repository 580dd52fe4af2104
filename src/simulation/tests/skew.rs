//! Nodes whose clocks differ.

use super::*;
use crate::simulation::Span;
use crate::simulation::deeds::Deed;

async fn skew(cluster: &Cluster, node: u32, minutes: i64) {
    cluster.strike(&Deed::SkewClock { node: node.into(), seconds: minutes * 60, span: Span::seconds(1) }).await;
}

/// How often a node was said not to be ready.
fn silences(cluster: &Cluster) -> usize {
    let entries = cluster.journal.entries();
    let is_silence = |entry: &&super::super::Entry| match &entry.event {
        Event::Commit { key, value: Some(value), .. } if &*key.collection == "minions" => {
            String::from_utf8_lossy(value).contains("NodeStatusUnknown")
        }
        _ => false,
    };
    entries.iter().filter(is_silence).count()
}

#[test]
fn nodes_whose_clocks_differ_by_ten_minutes_serve_and_nothing_restarts() {
    let story = |cluster: Arc<Cluster>| async move {
        skew(&cluster, 0, 10).await;
        skew(&cluster, 1, -10).await;
        cluster.deploy("web", 9).await;
        cluster.comes_right("web", 9).await;
        let before = runs(&cluster, "web").await;
        assert!(before.values().all(|(_, restarts)| *restarts == 0), "{before:?}");
        cluster.pass(seconds(1800)).await;
        cluster.comes_right("web", 9).await;
        assert_eq!(runs(&cluster, "web").await, before);
        assert_eq!(silences(&cluster), 0);
        let now = clock::now();
        let mut ages = BTreeMap::new();
        for pod in cluster.pods().await {
            let started = pod.status.unwrap().start_time.unwrap().0;
            ages.insert(pod.spec.unwrap().node_name.unwrap(), now.duration_since(started).as_secs() / 60);
        }
        assert_eq!(Vec::from_iter(ages), [("node-0".into(), 20), ("node-1".into(), 40), ("node-2".into(), 30)]);
    };
    run(Setup::new(1, 3), story);
}

#[test]
fn a_pod_has_its_grace_and_a_silent_node_is_seen_whatever_the_clocks_say() {
    let story = |cluster: Arc<Cluster>| async move {
        skew(&cluster, 0, 10).await;
        skew(&cluster, 1, -10).await;
        cluster.deploy("web", 9).await;
        cluster.comes_right("web", 9).await;
        cluster.scale("web", 0).await.unwrap();
        cluster.comes_right("web", 0).await;
        let ends = |entry: &super::super::Entry| match &entry.event {
            Event::Container { what: super::super::ContainerChange::Ended(code), .. } => Some(*code),
            _ => None,
        };
        let ends: Vec<i32> = cluster.journal.entries().iter().filter_map(ends).collect();
        assert_eq!(ends, [0; 9], "none is killed before its time");
        cluster.scale("web", 6).await.unwrap();
        cluster.comes_right("web", 6).await;
        for node in ["node-0", "node-1"] {
            let cut = Disturbance { user: format!("system:node:{node}"), effect: Effect::Cut };
            let cut = cluster.network.disturb(cut);
            cluster.pass(seconds(60)).await;
            let pods = cluster.pods().await;
            let on = pods.iter().filter(|pod| pod.spec.as_ref().unwrap().node_name.as_deref() == Some(node));
            assert_eq!(on.filter(|pod| is_ready(pod)).count(), 0, "{node} is silent");
            cluster.network.calm(cut);
            cluster.comes_right("web", 6).await;
        }
    };
    run(Setup::new(1, 3), story);
}

#[test]
fn the_scenario_of_differing_clocks_comes_right() {
    for seed in 0..3 {
        played(include_str!("../../../examples/scenarios/clock-skew.yaml"), seed);
    }
}
