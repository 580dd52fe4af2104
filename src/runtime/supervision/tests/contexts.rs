use actix::{ActorFuture, AtomicResponse, SpawnHandle, StreamHandler};
use futures::stream;

use super::*;

/// Writes down what reaches it.
struct Scribe {
    log: Log,
    timer: SpawnHandle,
}

impl Actor for Scribe {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.run_later(Duration::from_millis(30), |scribe, _| scribe.log.write("later".into()));
        self.timer = ctx.run_interval(Duration::from_millis(20), |scribe, _| scribe.log.write("tick".into()));
        ctx.add_stream(stream::iter([1, 2]));
        ctx.notify(Note("notified"));
        ctx.address().do_send(Note("sent"));
        self.log.write(ctx.path().to_owned());
    }
}

impl StreamHandler<u8> for Scribe {
    fn handle(&mut self, item: u8, _: &mut Ctx<Self>) {
        self.log.write(item.to_string());
    }

    fn finished(&mut self, _: &mut Ctx<Self>) {
        self.log.write("finished".into());
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Note(&'static str);

impl Handler<Note> for Scribe {
    type Result = ();

    fn handle(&mut self, Note(text): Note, _: &mut Ctx<Self>) {
        self.log.write(text.into());
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Silence;

impl Handler<Silence> for Scribe {
    type Result = ();

    fn handle(&mut self, _: Silence, ctx: &mut Ctx<Self>) {
        ctx.cancel_future(self.timer);
    }
}

/// Answered after 10 ms in which nothing else is taken.
#[derive(Message)]
#[rtype(result = "&'static str")]
struct Slowly;

impl Handler<Slowly> for Scribe {
    type Result = AtomicResponse<Self, &'static str>;

    fn handle(&mut self, _: Slowly, _: &mut Ctx<Self>) -> Self::Result {
        let answer: std::pin::Pin<Box<dyn ActorFuture<Self, Output = &'static str>>> =
            Box::pin(pass(10).into_actor(self).map(|(), scribe: &mut Self, _| {
                scribe.log.write("slowly".into());
                "done"
            }));
        AtomicResponse::new(answer)
    }
}

/// Sends itself the next one at once, for ever.
#[derive(Message)]
#[rtype(result = "()")]
struct Storm;

impl Handler<Storm> for Scribe {
    type Result = ();

    fn handle(&mut self, _: Storm, ctx: &mut Ctx<Self>) {
        ctx.address().do_send(Storm);
        ctx.notify(Calm);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Calm;

impl Handler<Calm> for Scribe {
    type Result = ();

    fn handle(&mut self, _: Calm, _: &mut Ctx<Self>) {}
}

fn scribe(root: &Supervisor) -> (Addr<Scribe>, Log) {
    let log = Log::default();
    let kept = log.clone();
    (root.start(ChildSpec::new("scribe", move || Scribe { log: kept.clone(), timer: SpawnHandle::default() }).mailbox(2)), log)
}

#[test]
fn timers_streams_and_notes_reach_the_actor_and_can_be_cancelled() {
    run(async {
        let root = root(Strategy::OneForOne);
        let (address, log) = scribe(&root);
        pass(1).await;
        assert_eq!(log.take(), ["/scribe", "sent", "1", "2", "finished", "notified"]);
        pass(49).await;
        assert_eq!(log.take(), ["tick", "later", "tick"]);
        address.do_send(Silence);
        pass(100).await;
        assert!(log.take().is_empty());
    });
}

#[test]
fn while_an_actor_waits_it_takes_no_message_and_its_senders_are_held_back() {
    run(async {
        let root = root(Strategy::OneForOne);
        let (address, log) = scribe(&root);
        address.send(Silence).await.expect("an answer");
        log.take();
        let slow = address.send(Slowly);
        let notes = futures::future::join_all(["a", "b", "c", "d", "e", "f"].map(|text| {
            let address = address.clone();
            async move { address.send(Note(text)).await }
        }));
        let (answer, notes) = futures::join!(slow, notes);
        assert_eq!(answer.ok(), Some("done"));
        assert!(notes.into_iter().all(|note| note.is_ok()));
        assert_eq!(log.take(), ["slowly", "a", "b", "c", "d", "e", "f"]);
        address.do_send(Slowly);
        pass(1).await;
        let accepted = (0..20).filter(|_| address.clone().try_send(Note("more")).is_ok()).count();
        assert_eq!(accepted, 20, "every new sender has a slot of its own");
        let accepted = (0..20).filter(|_| address.try_send(Note("more")).is_ok()).count();
        assert_eq!(accepted, 1, "one sender is held back");
    });
}

#[test]
fn an_actor_that_never_runs_out_of_messages_lets_the_others_run() {
    run(async {
        let root = root(Strategy::OneForOne);
        let (address, _) = scribe(&root);
        let log = Log::default();
        let other = root.start(player("other", &log));
        address.do_send(Storm);
        for _ in 0..10 {
            assert!(count(&other).await.is_ok());
        }
        root.stop().await;
        assert!(!address.connected());
    });
}
