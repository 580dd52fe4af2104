//! The wish to stop, which every long-lived part can wait for.

use tokio_util::sync::CancellationToken;

/// Handed to every part that must end in order. Cloned handles share one signal.
#[derive(Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to stop; may be called more than once.
    pub fn begin(&self) {
        self.0.cancel();
    }

    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves once stopping has begun.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}
