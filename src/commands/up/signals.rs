//! How people ask a process to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears Ctrl-C and SIGTERM, from its making on.
pub struct Asked {
    interrupt: Signal,
    terminate: Signal,
}

impl Asked {
    pub fn to_stop() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Somebody asks, or has asked since this was last called.
    pub async fn heard(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
