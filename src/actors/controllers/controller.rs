//! The actor around every reconciler.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, WrapFuture};
use futures::stream::{FuturesUnordered, LocalBoxStream, StreamExt, select_all};
use futures::{Stream, future, stream};

use super::queue::WorkQueue;
use crate::actors::informer::{Delta, InformerHandle};
use crate::api::status::Status;
use crate::runtime::clock::{self, Instant};
use crate::runtime::entropy::Entropy;
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};

/// Brings one part of the world to what is wanted of it. It takes no input but a key: whatever woke it, it looks at what the informers
/// show now. So it may be woken too often and restarted at any time.
pub trait Reconciler: Sized + Unpin + 'static {
    /// What is reconciled at a time, never twice at once.
    type Key: Clone + Ord + fmt::Debug + 'static;

    /// As in logs and in the tree of actors.
    const NAME: &'static str;

    /// How many keys are worked on at once.
    const WORKERS: usize = 5;

    /// How long a key rests after it was reconciled: what wakes it meanwhile is dealt with at one go. For keys that many objects wake
    /// and that cost as much as there are objects, so that a flood of them costs no more than its duration.
    const PACE: Duration = Duration::ZERO;

    /// What wakes it.
    fn watches(&self) -> Vec<Watch<Self>>;

    /// What wakes it besides, as it comes to be known.
    fn later(&self) -> LocalBoxStream<'_, Watch<Self>> {
        stream::pending().boxed_local()
    }

    /// Keys that are due at the start, whatever the informers show.
    fn first_keys(&self) -> Vec<Self::Key> {
        Vec::new()
    }

    /// # Errors
    /// It is tried again after a delay that doubles each time.
    fn reconcile(&self, key: &Self::Key) -> impl Future<Output = Result<Outcome, Status>>;
}

/// An informer, and which keys a change in it concerns.
pub struct Watch<R: Reconciler> {
    informer: InformerHandle,
    keys: fn(&R, &Delta) -> Vec<R::Key>,
}

impl<R: Reconciler> Watch<R> {
    pub fn new(informer: &InformerHandle, keys: fn(&R, &Delta) -> Vec<R::Key>) -> Self {
        Self { informer: informer.clone(), keys }
    }

    /// The keys that each change concerns.
    fn concerned(self, reconciler: &R) -> impl Stream<Item = Vec<R::Key>> + Unpin {
        let Self { informer, keys } = self;
        informer.subscribe().map(move |deltas: Vec<Delta>| deltas.iter().flat_map(|delta| keys(reconciler, delta)).collect())
    }
}

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do until something wakes the key.
    Done,
    /// Look again after this time, or earlier if something wakes the key.
    Again(Duration),
}

impl Outcome {
    /// Look again at that time, if there is one.
    pub fn at(due: Option<jiff::Timestamp>, now: jiff::Timestamp) -> Self {
        due.map_or(Self::Done, |due| Self::Again(Duration::try_from(due.duration_since(now)).unwrap_or_default()))
    }
}

/// Runs a reconciler: waits until its informers have synced, queues the keys that their changes concern, and works on them.
pub struct Controller<R> {
    /// Taken at the start.
    parts: Option<(R, Entropy)>,
}

impl<R: Reconciler> Controller<R> {
    /// Starts a controller under a supervisor. A restart makes a new reconciler, which finds every key due.
    pub fn start(supervisor: &Supervisor, entropy: &Entropy, mut reconciler: impl FnMut() -> R + Send + 'static) {
        let stream = entropy.split(R::NAME);
        let mut starts = 0_u64;
        supervisor.start(ChildSpec::new(R::NAME, move || {
            starts += 1;
            Self { parts: Some((reconciler(), stream.split(&starts.to_string()))) }
        }));
    }
}

impl<R: Reconciler> Actor for Controller<R> {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (reconciler, entropy) = self.parts.take().expect("an actor is started once");
        let work = async move {
            let woken = keys_to_wake(&reconciler).await;
            run(&reconciler, woken, WorkQueue::new(R::PACE, entropy)).await;
        };
        ctx.spawn(work.into_actor(self).map(|(), _, _| ()));
    }
}

/// The keys that changes concern, once all informers have synced. The first are those of all objects there are.
async fn keys_to_wake<R: Reconciler>(reconciler: &R) -> impl Stream<Item = Vec<R::Key>> {
    let watches = reconciler.watches();
    future::join_all(watches.iter().map(|watch| watch.informer.synced())).await;
    let changes = watches.into_iter().map(|watch| watch.concerned(reconciler).left_stream());
    // What comes later is waited for by itself: the others do not wait for it.
    let later = reconciler.later().map(|watch| watch.concerned(reconciler)).flatten_unordered(None);
    stream::iter([reconciler.first_keys()]).chain(select_all(changes.chain([later.right_stream()])))
}

async fn run<R: Reconciler>(reconciler: &R, woken: impl Stream<Item = Vec<R::Key>>, mut queue: WorkQueue<R::Key>) {
    let mut woken = std::pin::pin!(woken.fuse());
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < R::WORKERS
            && let Some(key) = queue.take(clock::instant())
        {
            running.push(async move {
                let result = reconciler.reconcile(&key).await;
                (key, result)
            });
        }
        tokio::select! {
            biased;
            Some(keys) = woken.next() => keys.into_iter().for_each(|key| queue.add(key)),
            Some((key, result)) = running.next() => settle::<R>(&mut queue, key, result),
            () = until(queue.next_due()), if running.len() < R::WORKERS => {}
        }
    }
}

fn settle<R: Reconciler>(queue: &mut WorkQueue<R::Key>, key: R::Key, result: Result<Outcome, Status>) {
    let now = clock::instant();
    match result {
        Ok(Outcome::Done) => queue.succeeded(key, None, now),
        Ok(Outcome::Again(delay)) => queue.succeeded(key, Some(delay), now),
        Err(_) if planted(Flaw::ForgetsErrors) => queue.succeeded(key, None, now),
        Err(error) => {
            let delay = queue.failed(key.clone(), now);
            // Losing a race against another writer is no news: the newer state is on its way.
            if error.is_conflict() {
                tracing::debug!(controller = R::NAME, ?key, %error, ?delay, "will try again");
            } else {
                tracing::warn!(controller = R::NAME, ?key, %error, ?delay, "will try again");
            }
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use tokio::sync::mpsc;

    use super::*;

    /// Takes a second a key, and notes what it does.
    #[derive(Clone, Default)]
    struct Slow(Rc<Notes>);

    #[derive(Default)]
    struct Notes {
        log: RefCell<Vec<String>>,
        running: Cell<usize>,
        most: Cell<usize>,
        failures: Cell<u32>,
        again: Cell<Option<Duration>>,
    }

    impl Reconciler for Slow {
        type Key = u32;
        const NAME: &'static str = "slow";
        const WORKERS: usize = 2;

        fn watches(&self) -> Vec<Watch<Self>> {
            Vec::new()
        }

        async fn reconcile(&self, key: &u32) -> Result<Outcome, Status> {
            let notes = &self.0;
            notes.log.borrow_mut().push(format!("{key} at {}", (clock::now() - jiff::Timestamp::UNIX_EPOCH).get_seconds()));
            notes.running.set(notes.running.get() + 1);
            notes.most.set(notes.most.get().max(notes.running.get()));
            tokio::time::sleep(Duration::from_secs(1)).await;
            notes.running.set(notes.running.get() - 1);
            if notes.failures.get() > 0 {
                notes.failures.set(notes.failures.get() - 1);
                return Err(Status::internal("as asked"));
            }
            Ok(notes.again.take().map_or(Outcome::Done, Outcome::Again))
        }
    }

    /// Runs a script against a controller whose clock starts at 0, then lets it go on until `until` seconds, and gives its notes.
    fn play<F: Future<Output = ()>>(slow: &Slow, until: u64, script: impl FnOnce(mpsc::UnboundedSender<Vec<u32>>) -> F) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let _simulated = clock::simulate(jiff::Timestamp::UNIX_EPOCH);
            let (sender, receiver) = mpsc::unbounded_channel();
            let woken = stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|keys| (keys, receiver)) });
            let controller = run(slow, woken, WorkQueue::new(Duration::ZERO, Entropy::from_seed(1)));
            let play = async {
                script(sender.clone()).await;
                tokio::time::sleep(Duration::from_secs(until)).await;
            };
            tokio::select! { biased; () = controller => {}, () = play => {} }
        });
        slow.0.log.borrow().clone()
    }

    #[test]
    fn keys_are_worked_on_a_few_at_once() {
        let slow = Slow::default();
        let log = play(&slow, 10, |keys| async move { keys.send(vec![1, 2, 3, 4, 1, 2]).unwrap() });
        assert_eq!(log, ["1 at 0", "2 at 0", "3 at 1", "4 at 1"]);
        assert_eq!(slow.0.most.get(), 2);
    }

    #[test]
    fn a_key_woken_during_its_reconciliation_is_reconciled_once_more_and_never_twice_at_once() {
        let slow = Slow::default();
        let log = play(&slow, 10, |keys| async move {
            keys.send(vec![1]).unwrap();
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                keys.send(vec![1]).unwrap();
            }
        });
        assert_eq!(log, ["1 at 0", "1 at 1"]);
        assert_eq!(slow.0.most.get(), 1);
    }

    #[test]
    fn a_key_comes_again_after_the_time_it_asked_for_unless_woken_earlier() {
        let slow = Slow::default();
        slow.0.again.set(Some(Duration::from_secs(60)));
        let log = play(&slow, 100, |keys| async move { keys.send(vec![1]).unwrap() });
        assert_eq!(log, ["1 at 0", "1 at 61"]);
        let slow = Slow::default();
        slow.0.again.set(Some(Duration::from_secs(60)));
        let log = play(&slow, 100, |keys| async move {
            keys.send(vec![1]).unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
            keys.send(vec![1]).unwrap();
        });
        assert_eq!(log, ["1 at 0", "1 at 10"]);
    }

    #[test]
    fn a_failure_is_tried_again_and_delays_no_other_key() {
        let slow = Slow::default();
        slow.0.failures.set(1);
        let log = play(&slow, 10, |keys| async move { keys.send(vec![1, 2]).unwrap() });
        assert_eq!(log, ["1 at 0", "2 at 0", "1 at 1"]);
    }
}
