use std::thread::{self, ThreadId};

use super::*;

struct Where;

impl Actor for Where {
    type Context = Ctx<Self>;
}

#[derive(Message)]
#[rtype(result = "Place")]
struct Thread;

struct Place(ThreadId);

impl Handler<Thread> for Where {
    type Result = actix::MessageResult<Thread>;

    fn handle(&mut self, _: Thread, _: &mut Ctx<Self>) -> Self::Result {
        actix::MessageResult(Place(thread::current().id()))
    }
}

async fn place(address: &Addr<Where>) -> ThreadId {
    address.send(Thread).await.expect("an answer").0
}

#[test]
fn a_child_runs_on_its_own_arbiter_and_keeps_it_through_a_restart() {
    actix::System::new().block_on(async {
        let root = root(Strategy::OneForOne);
        let here = root.start(ChildSpec::new("here", || Where));
        let away = root.start(ChildSpec::new("away", || Where).own_arbiter());
        assert_eq!(place(&here).await, thread::current().id());
        let first = place(&away).await;
        assert_ne!(first, thread::current().id());
        assert!(root.inject_panic("/away"));
        assert_eq!(place(&away).await, first);
        root.stop().await;
        assert!(!away.connected());
    });
}

#[test]
fn a_child_started_from_another_thread_runs_on_its_supervisors() {
    actix::System::new().block_on(async {
        let root = root(Strategy::OneForOne);
        let handle = root.clone();
        let child = thread::spawn(move || handle.start(ChildSpec::new("child", || Where))).join().expect("no panic");
        assert_eq!(place(&child).await, thread::current().id());
    });
}

#[test]
fn a_single_threaded_tree_has_one_thread() {
    actix::System::new().block_on(async {
        let root = Supervisor::root(SupervisorSpec::new(Strategy::OneForOne).single_threaded());
        let child = root.supervisor("team", Strategy::OneForOne).start(ChildSpec::new("child", || Where).own_arbiter());
        assert_eq!(place(&child).await, thread::current().id());
    });
}

#[test]
fn a_supervisor_on_an_arbiter_has_its_children_there() {
    actix::System::new().block_on(async {
        let (root, arbiter) = (root(Strategy::OneForOne), actix::Arbiter::new());
        let team = root.supervisor("team", SupervisorSpec::new(Strategy::OneForOne).arbiter(arbiter.handle()));
        let (one, other) = (team.start(ChildSpec::new("one", || Where)), team.start(ChildSpec::new("other", || Where)));
        let there = place(&one).await;
        assert_ne!(there, thread::current().id());
        assert_eq!(place(&other).await, there);
        root.stop().await;
        assert!(!one.connected());
    });
}

#[test]
fn a_child_whose_thread_ends_is_forgotten_and_its_address_closes() {
    actix::System::new().block_on(async {
        let (root, arbiter) = (root(Strategy::OneForOne), actix::Arbiter::new());
        let child = root.start(ChildSpec::new("child", || Where).arbiter(arbiter.handle()));
        place(&child).await;
        arbiter.stop();
        arbiter.join().expect("an orderly end");
        root.stop_child("child").await;
        assert!(!child.connected());
        let late = root.start(ChildSpec::new("late", || Where).arbiter(actix::Arbiter::new().handle()));
        place(&late).await;
        root.stop().await;
        assert_eq!(root.ended().await, Ended::Stopped);
    });
}
