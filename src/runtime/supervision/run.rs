//! One life of an actor, and the seat that it leaves to the next.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix::{
    Actor, ActorContext, ActorState, Addr, Arbiter, AsyncContext, Running,
    dev::{Envelope, EnvelopeProxy, channel::AddressReceiver},
};
use futures::Stream;

use super::{
    child::{Body, End, Report},
    context::{Ctx, Item},
    node::{KILL, Node, STOP, fault},
    panics::{Caught, contain},
    spec::Home,
    tree::State,
};
use crate::runtime::clock::{self, WallClock};

/// How many messages, and how many rounds over the futures, one poll may take before others get their turn.
const TURN: usize = 128;

/// What outlives an actor: its factory and its mailbox.
pub(super) struct Seat<A: Actor<Context = Ctx<A>>> {
    pub factory: Box<dyn FnMut() -> A + Send>,
    pub mailbox: Mailbox<A>,
    pub node: Arc<Node>,
    pub home: Home,
}

impl<A: Actor<Context = Ctx<A>>> Body for Seat<A> {
    fn launch(mut self: Box<Self>, report: Report) {
        if let Home::Own(arbiter @ None) = &mut self.home {
            match Arbiter::try_new() {
                Ok(new) => *arbiter = Some(new.handle()),
                Err(error) => return report.send(self, End::Failed(format!("no thread: {error}"))),
            }
        }
        let arbiter = match &self.home {
            Home::Supervisors => None,
            Home::Shared(arbiter) => Some(arbiter.clone()),
            Home::Own(arbiter) => arbiter.clone(),
        };
        let start = move || drop(actix::spawn(Run { life: None, seat: Some(self), report: Some(report) }));
        match arbiter {
            // If the arbiter has gone, the seat goes with the closure, and the report says so when it is dropped.
            Some(arbiter) => drop(arbiter.spawn_fn(start)),
            None => start(),
        }
    }
}

impl<A: Actor<Context = Ctx<A>>> Drop for Seat<A> {
    fn drop(&mut self) {
        if let Home::Own(Some(arbiter)) = &self.home {
            arbiter.stop();
        }
    }
}

/// The queue of an actor. What has been taken out of actix's channel is counted, so that its depth can be seen; it is never more than
/// the capacity, so that senders are still held back.
pub(super) struct Mailbox<A: Actor<Context = Ctx<A>>> {
    receiver: AddressReceiver<A>,
    taken: VecDeque<Envelope<A>>,
}

impl<A: Actor<Context = Ctx<A>>> Mailbox<A> {
    pub fn new(receiver: AddressReceiver<A>) -> Self {
        Self { receiver, taken: VecDeque::new() }
    }

    /// Takes over what has come; the task is woken for what will.
    fn fill(&mut self, node: &Node, cx: &mut Context<'_>) {
        while self.taken.len() < self.receiver.capacity() {
            match Pin::new(&mut self.receiver).poll_next(cx) {
                Poll::Ready(Some(envelope)) => self.taken.push_back(envelope),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        node.set_depth(self.taken.len());
    }
}

/// An actor that lives.
struct Life<A: Actor<Context = Ctx<A>>> {
    actor: A,
    ctx: Ctx<A>,
    futures: Vec<Item<A>>,
    /// The futures that hold up all else; the last first.
    waits: Vec<Item<A>>,
}

impl<A: Actor<Context = Ctx<A>>> Life<A> {
    fn poll(&mut self, mailbox: &mut Mailbox<A>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURN {
            mailbox.fill(&self.ctx.node, cx);
            if self.poll_waits(cx).is_pending() {
                return Poll::Pending;
            }
            let more = self.open_mail(mailbox, cx);
            if self.ctx.waits.is_empty() {
                self.poll_futures(cx);
            }
            let news = self.absorb();
            match self.ctx.state {
                ActorState::Started | ActorState::Running if news && !more => {}
                ActorState::Started | ActorState::Running => return Poll::Pending,
                ActorState::Stopping => {
                    self.ctx.doing = "stopping";
                    if self.actor.stopping(&mut self.ctx) == Running::Stop {
                        return self.stopped();
                    }
                    self.ctx.state = ActorState::Running;
                }
                ActorState::Stopped => return self.stopped(),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn started(&mut self) {
        self.actor.started(&mut self.ctx);
        if self.ctx.state == ActorState::Started {
            self.ctx.state = ActorState::Running;
        }
        self.absorb();
    }

    fn stopped(&mut self) -> Poll<()> {
        self.ctx.state = ActorState::Stopped;
        self.ctx.doing = "stopped";
        self.actor.stopped(&mut self.ctx);
        Poll::Ready(())
    }

    /// Pending while the actor waits for a future and is not to stop.
    fn poll_waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.ctx.state.alive()
            && let Some(item) = self.waits.last_mut()
        {
            let at = item.handle;
            self.ctx.doing = item.what;
            if item.future.as_mut().poll(&mut self.actor, &mut self.ctx, cx).is_ready() {
                self.waits.retain(|item| item.handle != at);
            } else if self.ctx.state.alive() && self.ctx.waits.is_empty() {
                return Poll::Pending;
            }
            self.absorb();
        }
        Poll::Ready(())
    }

    /// True if there may be more, but others are to have their turn first.
    fn open_mail(&mut self, mailbox: &mut Mailbox<A>, cx: &mut Context<'_>) -> bool {
        for _ in 0..TURN {
            if self.ctx.waiting() {
                return false;
            }
            if mailbox.taken.is_empty() {
                mailbox.fill(&self.ctx.node, cx);
            }
            let Some(mut envelope) = mailbox.taken.pop_front() else { return false };
            self.ctx.node.handled_one();
            envelope.handle(&mut self.actor, &mut self.ctx);
        }
        cx.waker().wake_by_ref();
        true
    }

    fn poll_futures(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while at < self.futures.len() && !self.ctx.waiting() {
            let item = &mut self.futures[at];
            self.ctx.doing = item.what;
            if item.future.as_mut().poll(&mut self.actor, &mut self.ctx, cx).is_ready() {
                self.futures.swap_remove(at);
            } else if !self.ctx.waits.is_empty() {
                // The others are to come first after the wait.
                self.futures[at..].rotate_left(1);
            } else {
                at += 1;
            }
        }
    }

    /// Takes over what was spawned and drops what was cancelled; true if there is something new to poll.
    fn absorb(&mut self) -> bool {
        let news = !self.ctx.spawned.is_empty() || !self.ctx.waits.is_empty();
        self.futures.append(&mut self.ctx.spawned);
        self.waits.append(&mut self.ctx.waits);
        for handle in std::mem::take(&mut self.ctx.cancelled) {
            self.futures.retain(|item| item.handle != handle);
        }
        news
    }

    /// Drops everything, one at a time: two panics in one unwinding would abort the process. Returns the first.
    fn end(self) -> Option<(&'static str, Caught)> {
        let Life { actor, ctx, futures, waits } = self;
        let Ctx { spawned, waits: new_waits, .. } = ctx;
        let items = waits.into_iter().chain(new_waits).chain(futures).chain(spawned);
        let mut first = None;
        for item in items {
            first = first.or(contain(|| drop(item.future)).err().map(|caught| (item.what, caught)));
        }
        first.or(contain(|| drop(actor)).err().map(|caught| ("drop", caught)))
    }
}

/// The task of one life of an actor. At its end it hands the seat back to the supervisor.
struct Run<A: Actor<Context = Ctx<A>>> {
    life: Option<Life<A>>,
    seat: Option<Box<Seat<A>>>,
    report: Option<Report>,
}

impl<A: Actor<Context = Ctx<A>>> Run<A> {
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(seat) = self.seat.as_mut() else { return Poll::Ready(()) };
        let signals = seat.node.take_signals();
        if let Some(fault) = fault(signals) {
            self.life.iter_mut().for_each(|life| life.ctx.doing = "poll");
            panic!("{fault}");
        }
        if signals & KILL != 0 || (signals & STOP != 0 && self.life.is_none()) {
            return Poll::Ready(());
        }
        if let Some(life) = &mut self.life {
            if signals & STOP != 0 {
                life.ctx.stop();
            }
            return life.poll(&mut seat.mailbox, cx);
        }
        let ctx = Ctx::new(Addr::new(seat.mailbox.receiver.sender()), seat.node.clone());
        let life = self.life.insert(Life { actor: (seat.factory)(), ctx, futures: Vec::new(), waits: Vec::new() });
        seat.node.set_state(State::Running);
        life.started();
        life.poll(&mut seat.mailbox, cx)
    }

    /// Drops what lived; nothing that panics in it gets out.
    fn finish(&mut self, outcome: Result<(), Caught>) -> End {
        let during = self.life.as_ref().map_or("factory", |life| life.ctx.doing);
        let in_drop = self.life.take().and_then(Life::end);
        let Some((during, caught)) = outcome.err().map(|caught| (during, caught)).or(in_drop) else { return End::Normal };
        if let Some(seat) = &self.seat {
            seat.node.panicked(during, &caught);
        }
        End::Failed(format!("{} (during {during}, at {})", caught.message, caught.location))
    }
}

impl<A: Actor<Context = Ctx<A>>> Future for Run<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(node) = self.seat.as_ref().map(|seat| seat.node.clone()) else { return Poll::Ready(()) };
        node.on_signal_wake(cx.waker());
        let _clock = node.clock.as_ref().map(WallClock::look);
        let begun = clock::instant();
        let outcome = contain(|| self.step(cx));
        self.seat.iter().for_each(|seat| node.set_depth(seat.mailbox.taken.len()));
        let outcome = match outcome {
            Ok(Poll::Pending) => {
                node.was_busy(begun.elapsed());
                return Poll::Pending;
            }
            Ok(Poll::Ready(())) => Ok(()),
            Err(caught) => Err(caught),
        };
        let end = self.finish(outcome);
        node.was_busy(begun.elapsed());
        if let (Some(seat), Some(report)) = (self.seat.take(), self.report.take()) {
            report.send(seat, end);
        }
        Poll::Ready(())
    }
}

impl<A: Actor<Context = Ctx<A>>> Drop for Run<A> {
    /// Only if its thread ends before it does.
    fn drop(&mut self) {
        if self.life.is_some() {
            self.finish(Ok(()));
        }
    }
}
