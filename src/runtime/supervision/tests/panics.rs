use super::*;

/// The one child of a tree that has just been through a panic.
async fn after(at: At) -> (Addr<Player>, Tree) {
    let (root, log) = (root(Strategy::OneForOne), Log::default());
    let address = root.start(flawed("p", &log, at));
    pass(1).await;
    if matches!(at, At::Stopped | At::Drop) {
        address.do_send(Leave);
    }
    pass(100).await;
    (address, root.tree().children.remove(0))
}

#[test]
fn a_panic_anywhere_in_a_life_is_a_restart_that_keeps_the_address() {
    for (at, during) in [(At::Factory, "factory"), (At::Started, "started"), (At::Stopped, "stopped"), (At::Drop, "drop")] {
        run(async {
            let (address, seen) = after(at).await;
            assert_eq!(count(&address).await.ok(), Some(1), "{at:?}");
            assert_eq!((seen.restarts, seen.state), (1, State::Running), "{at:?}");
            let panic = seen.last_panic.expect("a panic");
            assert_eq!(panic.during, during);
            assert!(panic.location.contains("tests/mod.rs"), "{}", panic.location);
        });
    }
}

#[test]
fn a_handlers_panic_loses_its_message_and_tells_the_sender_while_the_others_wait_for_the_next_life() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let address = root.start(player("p", &log));
        assert_eq!(count(&address).await.ok(), Some(1));
        let sent = futures::join!(address.send(Fail), address.send(Count), address.send(Count));
        assert!(matches!(sent.0, Err(MailboxError::Closed)));
        assert_eq!((sent.1.ok(), sent.2.ok()), (Some(1), Some(2)), "a new life counts from the start");
        let seen = root.tree().children.remove(0);
        let panic = seen.last_panic.expect("a panic");
        assert_eq!((panic.message.as_str(), panic.during.rsplit("::").next()), ("told to fail", Some("Fail")));
        assert_eq!((seen.messages_handled, seen.mailbox_depth), (4, 0));
    });
}

#[test]
fn a_spawned_futures_panic_restarts_the_actor() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let address = root.start(player("p", &log));
        address.do_send(FailLater);
        pass(4).await;
        assert_eq!(count(&address).await.ok(), Some(1));
        pass(100).await;
        assert_eq!(count(&address).await.ok(), Some(1));
        assert_eq!(root.tree().children[0].last_panic.as_ref().map(|p| p.message.clone()).as_deref(), Some("told to fail later"));
    });
}

#[test]
fn a_message_sent_while_the_actor_is_down_waits_for_it() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let address = root.start(player("p", &log));
        assert!(address.send(Fail).await.is_err());
        assert_eq!(root.tree().children[0].state, State::Down);
        let begun = tokio::time::Instant::now();
        assert_eq!(count(&address).await.ok(), Some(1));
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_millis(10) && waited <= Duration::from_millis(21), "the first backoff: {waited:?}");
    });
}

/// Panics in its handler, in the drop of a future that it spawned, and in its own.
struct Wreck(Arc<Mutex<u32>>);

struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("a trap");
    }
}

impl Actor for Wreck {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        *self.0.lock() += 1;
        if *self.0.lock() == 1 {
            for trap in [Trap, Trap] {
                ctx.spawn(std::future::pending().into_actor(self).map(move |(), _, _| drop(trap)));
            }
            ctx.notify(Broken);
        }
    }
}

impl Drop for Wreck {
    fn drop(&mut self) {
        assert_ne!(*self.0.lock(), 1, "the first life ends badly");
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Broken;

impl Handler<Broken> for Wreck {
    type Result = ();

    fn handle(&mut self, _: Broken, _: &mut Ctx<Self>) {
        std::panic::panic_any(Trap);
    }
}

#[test]
fn many_panics_in_one_end_are_contained_one_by_one_and_the_first_is_kept() {
    run(async {
        let (root, lives) = (root(Strategy::OneForOne), Arc::new(Mutex::new(0)));
        let seen = lives.clone();
        let _address = root.start(ChildSpec::new("wreck", move || Wreck(lives.clone())));
        pass(100).await;
        assert_eq!(*seen.lock(), 2);
        let panic = root.tree().children.remove(0).last_panic.expect("a panic");
        assert_eq!(panic.message, "a value that is not text");
        assert!(panic.during.contains("Broken"), "{}", panic.during);
    });
}

#[test]
fn an_injected_panic_restarts_an_actor_under_load_and_loses_no_message() {
    run(async {
        let (root, log) = (root(Strategy::OneForOne), Log::default());
        let address = root.start(player("p", &log).mailbox(8));
        let load = futures::future::join_all((0..500u64).map(|n| {
            let address = address.clone();
            async move {
                pass(n / 10).await;
                count(&address).await.is_ok()
            }
        }));
        let faults = async {
            for _ in 0..4 {
                pass(10).await;
                assert!(root.inject_panic("/p"));
            }
        };
        let (answered, ()) = futures::join!(load, faults);
        assert!(answered.into_iter().all(|ok| ok));
        let seen = root.tree().children.remove(0);
        assert!(seen.restarts >= 2, "{seen:?}");
        assert_eq!(seen.messages_handled, 500);
        assert!(!root.inject_panic("/q"));
    });
}
