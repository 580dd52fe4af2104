use super::*;

/// Starts a, b and c below a root, kills b, and says who was started and stopped, and how often each was restarted.
async fn kill_the_middle(strategy: Strategy) -> (Vec<String>, Vec<u32>) {
    let (root, log) = (root(strategy), Log::default());
    let players = ["a", "b", "c"].map(|name| root.start(player(name, &log)));
    pass(1).await;
    log.take();
    assert!(players[1].send(Fail).await.is_err());
    pass(100).await;
    for player in &players {
        assert_eq!(count(player).await.ok(), Some(1));
    }
    (log.take(), root.tree().children.iter().map(|child| child.restarts).collect())
}

#[test]
fn one_for_one_restarts_only_the_one_that_ended() {
    assert_eq!(run(kill_the_middle(Strategy::OneForOne)), (vec!["b started".into()], vec![0, 1, 0]));
}

#[test]
fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let expected = ["c stopped", "a stopped", "a started", "b started", "c started"].map(String::from).to_vec();
    assert_eq!(run(kill_the_middle(Strategy::OneForAll)), (expected, vec![1, 1, 1]));
}

#[test]
fn rest_for_one_restarts_those_that_came_after() {
    let expected = ["c stopped", "b started", "c started"].map(String::from).to_vec();
    assert_eq!(run(kill_the_middle(Strategy::RestForOne)), (expected, vec![0, 1, 1]));
}

#[test]
fn a_normal_end_restarts_only_a_permanent_child_and_a_panic_never_a_temporary_one() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        for (restart, after_leaving, after_panic) in
            [(Restart::Permanent, true, true), (Restart::Transient, false, true), (Restart::Temporary, false, false)]
        {
            let leaves = root.start(player("leaves", &log).restart(restart));
            let panics = root.start(player("panics", &log).restart(restart));
            leaves.do_send(Leave);
            panics.do_send(Fail);
            pass(100).await;
            assert_eq!((leaves.connected(), panics.connected()), (after_leaving, after_panic), "{restart:?}");
        }
        assert_eq!(root.paths(), ["/", "/leaves", "/panics", "/panics"], "what is not restarted is forgotten");
    });
}

#[test]
fn the_backoff_doubles_with_jitter_and_starts_over_after_a_long_life() {
    let delays = |seed| {
        run(async move {
            let spec = SupervisorSpec::new(Strategy::OneForOne).entropy(Entropy::from_seed(seed)).intensity(100, Duration::from_secs(60));
            let (root, log) = (Supervisor::root(spec.backoff(Duration::from_millis(100), Duration::from_secs(1))), Log::default());
            let address = root.start(player("p", &log));
            let mut delays = Vec::new();
            for n in 0..7 {
                if n == 6 {
                    pass(1001).await;
                }
                assert!(address.send(Fail).await.is_err());
                let down = tokio::time::Instant::now();
                assert!(count(&address).await.is_ok());
                delays.push(down.elapsed().as_millis());
            }
            delays
        })
    };
    let first = delays(1);
    for (delay, most) in first.iter().zip([100, 200, 400, 800, 1000, 1000, 100]) {
        assert!((most / 2..=most + 1).contains(delay), "{delay} of {most}");
    }
    assert_eq!(first, delays(1), "one seed, one run");
    assert_ne!(first, delays(2));
}

#[test]
fn a_supervisor_whose_child_restarts_too_often_is_restarted_with_its_children_and_their_addresses() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let spec = SupervisorSpec::new(Strategy::OneForOne).intensity(2, Duration::from_secs(10));
        let team = root.supervisor("team", spec);
        let (calm, wild) = (team.start(player("calm", &log)), team.start(player("wild", &log)));
        let temporary = team.start(player("temporary", &log).restart(Restart::Temporary));
        for _ in 0..3 {
            assert!(wild.send(Fail).await.is_err());
        }
        pass(1).await;
        assert_eq!(root.tree().children[0].state, State::Down);
        let late = team.start(player("late", &log));
        calm.do_send(Count);
        pass(100).await;
        assert_eq!((count(&calm).await.ok(), count(&wild).await.ok(), count(&late).await.ok()), (Some(2), Some(1), Some(1)));
        assert!(!temporary.connected(), "a temporary child is never restarted");
        let seen = root.tree();
        assert_eq!(seen.children[0].restarts, 1);
        assert_eq!(seen.children[0].children.iter().map(|child| child.restarts).collect::<Vec<_>>(), [1, 3, 0]);
    });
}

#[test]
fn an_injected_fault_restarts_a_supervisor_in_order() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let team = root.supervisor("team", Strategy::OneForOne);
        let players = ["a", "b"].map(|name| team.start(player(name, &log)));
        pass(1).await;
        assert!(root.inject_panic("/team"));
        pass(100).await;
        assert_eq!(log.take(), ["a started", "b started", "b stopped", "a stopped", "a started", "b started"]);
        assert_eq!(count(&players[0]).await.ok(), Some(1));
    });
}

#[test]
fn the_root_gives_up_with_the_reason_and_stops_what_is_below() {
    run(async {
        let spec = SupervisorSpec::new(Strategy::OneForOne).entropy(Entropy::from_seed(1)).intensity(1, Duration::from_secs(10));
        let (root, log) = (Supervisor::root(spec), Log::default());
        let (calm, wild) = (root.start(player("calm", &log)), root.start(player("wild", &log)));
        for _ in 0..2 {
            assert!(wild.send(Fail).await.is_err());
        }
        let Ended::GaveUp(reason) = root.ended().await else { panic!("it was not asked to stop") };
        assert!(reason.contains("/wild") && reason.contains("told to fail"), "{reason}");
        assert!(!calm.connected() && log.take().contains(&String::from("calm stopped")));
        assert!(!root.start(player("too late", &log)).connected());
        assert_eq!(root.paths(), ["/"]);
    });
}

#[test]
fn stopping_goes_in_reverse_and_drops_who_misses_the_deadline() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let slow = |name: &'static str, seconds: u64| {
            let log = log.clone();
            ChildSpec::new(name, move || Player {
                name,
                log: log.clone(),
                at: At::Nowhere,
                count: 0,
                wind_down: Some(Duration::from_secs(seconds)),
            })
        };
        let first = root.start(player("first", &log));
        let _in_time = root.start(slow("in time", 3).shutdown(Duration::from_secs(4)));
        let team = root.supervisor("team", Strategy::OneForOne);
        let _member = team.start(player("member", &log));
        let _too_slow = root.start(slow("too slow", 3600).shutdown(Duration::from_secs(2)));
        pass(1).await;
        log.take();
        let begun = tokio::time::Instant::now();
        root.stop().await;
        assert_eq!(log.take(), ["member stopped", "in time stopped", "first stopped"]);
        assert_eq!(begun.elapsed().as_secs(), 5);
        assert_eq!(root.ended().await, Ended::Stopped);
        assert!(!first.connected());
    });
}

#[test]
fn one_child_or_one_supervisor_can_be_stopped_and_is_forgotten() {
    run(async {
        let (root, log) = (root(Strategy::RestForOne), Log::default());
        let address = root.start(player("a", &log));
        let team = root.supervisor("team", Strategy::OneForOne);
        let (b, c) = (team.start(player("b", &log)), root.start(player("c", &log)));
        root.stop_child("a").await;
        team.stop().await;
        team.stop().await;
        assert_eq!((address.connected(), b.connected(), c.connected()), (false, false, true));
        assert_eq!(root.paths(), ["/", "/c"]);
    });
}

#[test]
fn stopping_a_child_that_is_down_releases_those_that_wait_for_it() {
    run(async {
        let (root, log) = (root(Strategy::RestForOne), Log::default());
        let (a, b) = (root.start(player("a", &log)), root.start(player("b", &log)));
        assert!(a.send(Fail).await.is_err());
        root.stop_child("a").await;
        assert_eq!(count(&b).await.ok(), Some(1));
    });
}

#[test]
fn an_actor_that_waits_is_stopped_without_waiting() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let address = root.start(player("p", &log));
        address.do_send(Pause(Duration::from_secs(3600)));
        pass(1).await;
        let begun = tokio::time::Instant::now();
        root.stop().await;
        assert!(begun.elapsed() < Duration::from_millis(5));
    });
}

#[test]
fn a_supervisor_in_a_group_is_restarted_with_it_and_keeps_its_children_in_their_order() {
    run(async {
        let (root, log) = (root(Strategy::OneForAll), Log::default());
        let failing = root.start(player("failing", &log));
        let team = root.supervisor("team", Strategy::OneForOne).supervisor("inner", Strategy::OneForOne);
        let members = ["a", "b"].map(|name| team.start(player(name, &log)));
        pass(1).await;
        log.take();
        assert!(failing.send(Fail).await.is_err());
        pass(100).await;
        assert_eq!(log.take(), ["b stopped", "a stopped", "failing started", "a started", "b started"]);
        assert_eq!((count(&members[0]).await.ok(), count(&members[1]).await.ok()), (Some(1), Some(1)));
        assert_eq!(root.paths(), ["/", "/failing", "/team", "/team/inner", "/team/inner/a", "/team/inner/b"]);
    });
}

#[test]
fn a_child_whose_start_never_came_is_forgotten_with_its_supervisor() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let team = root.supervisor("team", Strategy::OneForOne);
        let child = team.start(player("child", &log));
        team.stop().await;
        let late = team.start(player("late", &log));
        assert_eq!((child.connected(), late.connected()), (false, false));
        assert_eq!((team.paths().len(), root.paths().len()), (1, 1));
        assert!(log.take().is_empty());
    });
}
