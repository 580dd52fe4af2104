use super::*;

#[test]
fn the_tree_shows_depth_counts_and_panics_without_asking_anybody() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let team = root.supervisor("team", Strategy::RestForOne);
        let busy = team.start(player("busy", &log).mailbox(4));
        let _idle = team.start(player("idle", &log));
        let other = root.start(player("other", &log));
        assert!(other.send(Fail).await.is_err());
        busy.do_send(Pause(Duration::from_secs(10)));
        pass(50).await;
        (0..3).for_each(|_| busy.do_send(Count));
        pass(50).await;
        let tree = root.tree();
        assert_eq!(tree.children[0].children[0].mailbox_depth, 3);
        assert_eq!(tree, serde_json::from_str(&serde_json::to_string(&tree).unwrap()).unwrap());
        let text = tree.to_string();
        let starts = ["NAME ", "root ", "├── team ", "│   ├── busy ", "│   └── idle ", "└── other "];
        assert_eq!(text.lines().count(), starts.len());
        assert!(text.lines().zip(starts).all(|(line, start)| line.starts_with(start)), "{text}");
        let last = text.lines().last().expect("a line");
        assert!(last.contains("Running   1") && last.contains("told to fail (Fail, at "), "{last}");
    });
}

#[test]
fn ten_thousand_temporary_children_come_and_go_and_are_forgotten() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let pods = root.supervisor("pods", Strategy::OneForOne);
        let workers: Vec<_> = (0..10_000).map(|_| pods.start(player("pod", &log).restart(Restart::Temporary).mailbox(4))).collect();
        pass(1).await;
        assert_eq!(pods.tree().children.len(), 10_000);
        workers.iter().step_by(2).for_each(|worker| worker.do_send(Leave));
        pass(1).await;
        assert_eq!(pods.tree().children.len(), 5_000);
        root.stop().await;
        assert!(workers.iter().all(|worker| !worker.connected()));
    });
}

#[test]
fn the_same_run_from_the_same_seed_ends_the_same() {
    let once = || {
        run(async {
            let (root, log) = (root(Strategy::OneForAll), Log::default());
            let players = ["a", "b", "c"].map(|name| root.start(player(name, &log)));
            for n in [2, 0, 1, 1, 2] {
                players[n].do_send(Fail);
                pass(30).await;
            }
            let mut tree = root.tree();
            for child in &mut tree.children {
                // Wall time, here the system's.
                child.last_panic.iter_mut().for_each(|panic| panic.time.clear());
            }
            (log.take(), tree)
        })
    };
    assert_eq!(once(), once());
}
