//! The one place that reads time. Monotonic time is tokio's (which a test can pause); wall time is the system's, or, in a simulated
//! world, an epoch plus the tokio time that has passed on this thread.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::runtime::Handle;
pub use tokio::time::Instant;

thread_local! {
    /// What this thread's wall time follows, and the runtime whose clock that is, if it is another thread's.
    static SIMULATED: RefCell<Option<(Arc<Course>, Option<Handle>)>> = const { RefCell::new(None) };
    /// How many seconds the wall clock is ahead of the others' by which lives what runs now.
    static AHEAD: Cell<i64> = const { Cell::new(0) };
}

/// How wall time follows a (paused) clock.
struct Course {
    epoch: Mutex<Timestamp>,
    start: Instant,
}

/// Wall time. Never use it to measure a duration: it may jump.
pub fn now() -> Timestamp {
    SIMULATED.with_borrow(|simulated| match simulated {
        Some((course, runtime)) => {
            let _inside = runtime.as_ref().map(Handle::enter);
            *course.epoch.lock() + (Instant::now() - course.start) + SignedDuration::from_secs(AHEAD.get())
        }
        None => system_now(),
    })
}

/// Wall time by the clock with which the others are compared.
pub fn reference() -> Timestamp {
    let _looking = Looking::at(0);
    now()
}

/// Monotonic time, for durations and deadlines.
pub fn instant() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

/// Makes this thread's wall time follow tokio's (paused) clock from `epoch` on, until the guard is dropped.
pub fn simulate(epoch: Timestamp) -> Simulated {
    let course = Course { epoch: Mutex::new(epoch), start: Instant::now() };
    SIMULATED.set(Some((Arc::new(course), None)));
    Simulated(())
}

/// Lets simulated wall time jump, forwards or backwards; monotonic time goes on as ever. Does nothing in real time.
pub fn jump(by: SignedDuration) {
    SIMULATED.with_borrow(|simulated| {
        if let Some((course, _)) = simulated {
            *course.epoch.lock() += by;
        }
    });
}

/// Lets other threads have the simulated wall time of one.
#[derive(Clone)]
pub struct Shared(Arc<Course>, Handle);

/// This thread's simulated wall time, for others; `None` if it lives in real time.
pub fn shared() -> Option<Shared> {
    SIMULATED.with_borrow(|simulated| simulated.as_ref().map(|(course, _)| Shared(course.clone(), Handle::current())))
}

impl Shared {
    /// From now on this thread has that wall time. Its timers are what they were.
    pub fn follow(self) {
        SIMULATED.set(Some((self.0, Some(self.1))));
    }
}

/// While it lives, this thread's wall time is simulated.
#[must_use]
pub struct Simulated(());

impl Drop for Simulated {
    fn drop(&mut self) {
        SIMULATED.set(None);
    }
}

/// The wall clock of one machine in a simulated world, which may differ from the others'. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct WallClock(Arc<AtomicI64>);

impl WallClock {
    /// From now on it is so many seconds ahead of the others; behind them if negative.
    pub fn set_ahead(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        let _looking = self.look();
        now()
    }

    /// Until the guard is dropped, what runs on this thread lives by this clock.
    pub fn look(&self) -> Looking {
        Looking::at(self.0.load(Ordering::Relaxed))
    }

    /// A future that lives by this clock, whoever polls it.
    pub async fn rule<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _looking = self.look();
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// While it lives, this thread's wall time is that of one machine.
#[must_use]
pub struct Looking {
    before: i64,
}

impl Looking {
    fn at(ahead: i64) -> Self {
        Self { before: AHEAD.replace(ahead) }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        AHEAD.set(self.before);
    }
}
