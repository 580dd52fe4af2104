//! Several control planes, of which one leads.

use super::*;
use crate::simulation::deeds::Deed;
use crate::simulation::{Journal, Span};

fn pair(seed: u64) -> Setup {
    Setup { control_planes: 2, ..Setup::new(seed, 3) }
}

/// The numbers of the control planes that act.
fn acting(cluster: &Cluster) -> Vec<u32> {
    let paths = cluster.root().paths();
    (0..2).filter(|number| paths.contains(&format!("/candidate {number}/control-plane/controllers"))).collect()
}

/// The one that acts, once one does.
async fn leader(cluster: &Cluster) -> u32 {
    cluster.until(seconds(60), async || acting(cluster).len() == 1).await.unwrap();
    acting(cluster)[0]
}

#[test]
fn another_takes_over_from_a_control_plane_that_loses_its_lease() {
    let story = |cluster: Arc<Cluster>| async move {
        cluster.deploy("web", 4).await;
        cluster.comes_right("web", 4).await;
        let first = leader(&cluster).await;
        cluster.strike(&Deed::LoseLease { pick: 0, span: Span::seconds(1) }).await;
        for _ in 0..60 {
            cluster.pass(seconds(1)).await;
            assert!(acting(&cluster).len() < 2, "one stops before the other starts");
        }
        let second = leader(&cluster).await;
        assert_ne!(second, first);
        cluster.scale("web", 7).await.unwrap();
        cluster.comes_right("web", 7).await;
        // The other way round, in order: the second is back at once.
        cluster.network.calm_all();
        cluster.pass(seconds(5)).await;
        assert!(cluster.root().inject_panic(&format!("/candidate {second}")));
        cluster.pass(seconds(5)).await;
        leader(&cluster).await;
        cluster.scale("web", 2).await.unwrap();
        cluster.comes_right("web", 2).await;
    };
    run(pair(1), story);
}

#[test]
fn what_acts_and_gives_up_is_started_again_by_who_leads() {
    let story = |cluster: Arc<Cluster>| async move {
        let first = leader(&cluster).await;
        for part in ["control-plane", "control-plane/informers", "office", "leader of control-plane"] {
            assert!(cluster.root().inject_panic(&format!("/candidate {first}/{part}")), "{part}");
            cluster.pass(seconds(10)).await;
            leader(&cluster).await;
            if part.starts_with("control-plane") {
                assert_eq!(acting(&cluster), [first], "{part}");
            }
        }
        cluster.deploy("web", 3).await;
        cluster.comes_right("web", 3).await;
    };
    run(pair(2), story);
}

/// A leader that is told that it still leads acts beside the one that took over.
fn two_at_once(seed: u64) -> Journal {
    let story = |cluster: Arc<Cluster>| async move {
        cluster.deploy("web", 4).await;
        cluster.comes_right("web", 4).await;
        leader(&cluster).await;
        cluster.strike(&Deed::ForgeLease { pick: 0, span: Span::seconds(1) }).await;
        cluster.until(seconds(60), async || acting(&cluster).len() == 2).await.unwrap();
        cluster.scale("web", 10).await.unwrap();
        cluster.comes_right("web", 10).await;
        assert_eq!(acting(&cluster).len(), 2);
        cluster.network.calm_all();
        cluster.pass(seconds(5)).await;
        assert_eq!(acting(&cluster).len(), 1, "it hears of the other, and stops");
        cluster.scale("web", 5).await.unwrap();
        cluster.comes_right("web", 5).await;
    };
    run(pair(seed), story).1
}

#[test]
fn two_that_lead_at_once_come_right_and_do_the_same_again() {
    for seed in 0..2 {
        twice(seed, two_at_once);
    }
}

#[test]
fn the_scenario_of_two_leaders_comes_right() {
    for seed in 0..3 {
        played(include_str!("../../../examples/scenarios/two-leaders.yaml"), seed);
    }
}

#[test]
fn a_lease_is_lost_only_where_there_is_one() {
    let text = include_str!("../../../examples/scenarios/two-leaders.yaml").replace("control-planes: 2\n", "");
    let script = Scenario::read(&text).unwrap().script(1);
    assert!(script.check().unwrap_err().to_string().contains("control-planes: 2"));
}
