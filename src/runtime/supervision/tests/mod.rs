//! Supervision on the paused clock.

mod contexts;
mod panics;
mod strategies;
mod threads;
mod trees;

use std::{future::Future, sync::Arc, time::Duration};

use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Handler, MailboxError, Message, Running, WrapFuture, fut};
use parking_lot::Mutex;

use super::*;
use crate::runtime::entropy::Entropy;

/// Runs on one thread, on which time jumps to the next timer when there is nothing to do.
fn run<T>(test: impl Future<Output = T>) -> T {
    let paused = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    actix::System::with_tokio_rt(paused).block_on(test)
}

fn root(strategy: Strategy) -> Supervisor {
    Supervisor::root(SupervisorSpec::new(strategy).entropy(Entropy::from_seed(1)))
}

async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// What the actors of a test did, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn write(&self, line: String) {
        self.0.lock().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Where a [`Player`] is to panic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Nowhere,
    Factory,
    Started,
    Stopped,
    Drop,
}

/// Logs its life, counts what it is told in this life, and panics where its part says, in its first life only.
struct Player {
    name: &'static str,
    log: Log,
    at: At,
    count: u32,
    /// How long it winds down before it stops; none: at once.
    wind_down: Option<Duration>,
}

impl Actor for Player {
    type Context = Ctx<Self>;

    fn started(&mut self, _: &mut Ctx<Self>) {
        self.log.write(format!("{} started", self.name));
        assert_ne!(self.at, At::Started);
    }

    fn stopping(&mut self, ctx: &mut Ctx<Self>) -> Running {
        match self.wind_down.take() {
            None => Running::Stop,
            Some(time) => {
                ctx.run_later(time, |_, ctx| ctx.stop());
                Running::Continue
            }
        }
    }

    fn stopped(&mut self, _: &mut Ctx<Self>) {
        self.log.write(format!("{} stopped", self.name));
        assert_ne!(self.at, At::Stopped);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        assert_ne!(self.at, At::Drop);
    }
}

/// A player whose first life has a fault.
fn flawed(name: &'static str, log: &Log, at: At) -> ChildSpec<Player> {
    let (log, mut first) = (log.clone(), true);
    ChildSpec::new(name, move || {
        let at = if std::mem::take(&mut first) { at } else { At::Nowhere };
        assert_ne!(at, At::Factory);
        Player { name, log: log.clone(), at, count: 0, wind_down: None }
    })
}

fn player(name: &'static str, log: &Log) -> ChildSpec<Player> {
    flawed(name, log, At::Nowhere)
}

/// Counts in this life.
#[derive(Message)]
#[rtype(result = "u32")]
struct Count;

#[derive(Message)]
#[rtype(result = "u32")]
struct Fail;

#[derive(Message)]
#[rtype(result = "()")]
struct FailLater;

#[derive(Message)]
#[rtype(result = "()")]
struct Leave;

/// Waits that long before it takes anything else.
#[derive(Message)]
#[rtype(result = "()")]
struct Pause(Duration);

impl Handler<Count> for Player {
    type Result = u32;

    fn handle(&mut self, _: Count, _: &mut Ctx<Self>) -> u32 {
        self.count += 1;
        self.count
    }
}

impl Handler<Fail> for Player {
    type Result = u32;

    fn handle(&mut self, _: Fail, _: &mut Ctx<Self>) -> u32 {
        panic!("told to fail")
    }
}

impl Handler<FailLater> for Player {
    type Result = ();

    fn handle(&mut self, _: FailLater, ctx: &mut Ctx<Self>) {
        ctx.spawn(pass(5).into_actor(self).then(|(), _, _| -> fut::Ready<()> { panic!("told to fail later") }));
    }
}

impl Handler<Leave> for Player {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Ctx<Self>) {
        ctx.stop();
    }
}

impl Handler<Pause> for Player {
    type Result = ();

    fn handle(&mut self, Pause(time): Pause, ctx: &mut Ctx<Self>) {
        ctx.wait(tokio::time::sleep(time).into_actor(self));
    }
}

async fn count(player: &Addr<Player>) -> Result<u32, MailboxError> {
    player.send(Count).await
}
