//! Calls whoever keeps the process to kill it.

use crate::runtime::watch;

/// Rings from when a trap springs until it is heard or silenced. Clones are the same alarm.
#[derive(Clone)]
pub struct Alarm(watch::Sender<Option<&'static str>>);

impl Alarm {
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// `why` completes "the process …".
    pub fn ring(&self, why: &'static str) {
        self.0.send_replace(Some(why));
    }

    /// Forgets what rang for a process that has ended since.
    pub fn silence(&self) {
        self.0.send_replace(None);
    }

    /// Resolves when it rings, with the reason.
    pub async fn heard(&self) -> &'static str {
        let mut calls = self.0.subscribe();
        loop {
            let rung = *calls.borrow_and_update();
            if let Some(why) = rung {
                self.silence();
                return why;
            }
            if calls.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
