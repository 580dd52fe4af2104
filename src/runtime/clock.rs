//! The one place that reads time. Monotonic time is tokio's (which a test can pause); wall time is the system's, or, in a simulated
//! world, an epoch plus the tokio time that has passed on this thread.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
pub use tokio::time::Instant;

thread_local! {
    static SIMULATED: Cell<Option<(Timestamp, Instant)>> = const { Cell::new(None) };
}

/// Wall time. Never use it to measure a duration: it may jump.
pub fn now() -> Timestamp {
    match SIMULATED.get() {
        Some((epoch, start)) => epoch + (Instant::now() - start),
        None => system_now(),
    }
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
    SIMULATED.set(Some((epoch, Instant::now())));
    Simulated(())
}

/// Lets this thread's simulated wall time jump, forwards or backwards; monotonic time goes on as ever. Does nothing in real time.
pub fn jump(by: SignedDuration) {
    if let Some((epoch, start)) = SIMULATED.get() {
        SIMULATED.set(Some((epoch + by, start)));
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
