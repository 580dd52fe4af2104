//! The context in which every actor of the cast runs.

use std::{any::type_name, pin::Pin, sync::Arc};

use actix::{
    Actor, ActorContext, ActorFuture, ActorState, Addr, AsyncContext, Handler, Message, SpawnHandle,
    dev::{Envelope, EnvelopeProxy, MessageResponse, OneshotSender, ToEnvelope},
};

use super::node::Node;

/// A future of an actor.
pub(super) struct Item<A: Actor> {
    pub handle: SpawnHandle,
    /// The future's Rust type.
    pub what: &'static str,
    pub future: Pin<Box<dyn ActorFuture<A, Output = ()>>>,
}

/// The context of every actor of the cast: `type Context = Ctx<Self>`. It belongs to one life of the actor; the mailbox does not.
pub struct Ctx<A: Actor<Context = Ctx<A>>> {
    address: Addr<A>,
    pub(super) node: Arc<Node>,
    pub(super) state: ActorState,
    pub(super) spawned: Vec<Item<A>>,
    pub(super) waits: Vec<Item<A>>,
    pub(super) cancelled: Vec<SpawnHandle>,
    last_handle: SpawnHandle,
    /// What the actor is at, for the report should it panic.
    pub(super) doing: &'static str,
}

impl<A: Actor<Context = Ctx<A>>> Ctx<A> {
    pub(super) fn new(address: Addr<A>, node: Arc<Node>) -> Self {
        Self {
            address,
            node,
            state: ActorState::Started,
            spawned: Vec::new(),
            waits: Vec::new(),
            cancelled: Vec::new(),
            last_handle: SpawnHandle::default(),
            doing: "started",
        }
    }

    /// The actor's place in the supervision tree, for logs.
    pub fn path(&self) -> &str {
        &self.node.path
    }

    fn item(&mut self, what: &'static str, future: Pin<Box<dyn ActorFuture<A, Output = ()>>>) -> Item<A> {
        self.last_handle = self.last_handle.next();
        Item { handle: self.last_handle, what, future }
    }
}

impl<A: Actor<Context = Ctx<A>>> ActorContext for Ctx<A> {
    fn stop(&mut self) {
        if self.state.alive() {
            self.state = ActorState::Stopping;
        }
    }

    fn terminate(&mut self) {
        self.state = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.state
    }
}

impl<A: Actor<Context = Ctx<A>>> AsyncContext<A> for Ctx<A> {
    fn address(&self) -> Addr<A> {
        self.address.clone()
    }

    fn spawn<F: ActorFuture<A, Output = ()> + 'static>(&mut self, future: F) -> SpawnHandle {
        let item = self.item(type_name::<F>(), Box::pin(future));
        let handle = item.handle;
        self.spawned.push(item);
        handle
    }

    fn wait<F: ActorFuture<A, Output = ()> + 'static>(&mut self, future: F) {
        let item = self.item(type_name::<F>(), Box::pin(future));
        self.waits.push(item);
    }

    fn waiting(&self) -> bool {
        !self.waits.is_empty() || self.state.stopping()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.cancelled.push(handle);
        true
    }
}

impl<A, M> ToEnvelope<A, M> for Ctx<A>
where
    A: Actor<Context = Ctx<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(message: M, reply: Option<OneshotSender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Letter(Some((message, reply)))))
    }
}

/// A message on its way, which says its type when it is opened.
struct Letter<M: Message>(Option<(M, Option<OneshotSender<M::Result>>)>);

impl<A, M> EnvelopeProxy<A> for Letter<M>
where
    A: Actor<Context = Ctx<A>> + Handler<M>,
    M: Message + 'static,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut Ctx<A>) {
        let Some((message, reply)) = self.0.take() else { return };
        if reply.as_ref().is_some_and(OneshotSender::is_closed) {
            return;
        }
        ctx.doing = type_name::<M>();
        actor.handle(message, ctx).handle(ctx, reply);
    }
}
