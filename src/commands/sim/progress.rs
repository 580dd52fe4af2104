//! Shows how far a run is, at a terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that follows a run's clock, until it is dropped.
pub struct Progress {
    bar: ProgressBar,
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Progress {
    /// `clock` is in milliseconds of simulated time. Nothing is shown unless standard error is a terminal.
    pub fn follow(what: String, clock: Arc<AtomicU64>) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} [{elapsed}]").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let (stop, stopped) = std::sync::mpsc::channel();
        let shown = bar.clone();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(100)).is_err_and(|end| end == std::sync::mpsc::RecvTimeoutError::Timeout) {
                let seconds = clock.load(Ordering::Relaxed) / 1000;
                shown.set_message(format!("{what}: {}:{:02}:{:02} of simulated time", seconds / 3600, seconds / 60 % 60, seconds % 60));
                shown.tick();
            }
        });
        Self { bar, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It holds nothing that could be poisoned, and ends by itself.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}
