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
