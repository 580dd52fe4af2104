use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::broadcast::{self, error::RecvError};

use super::RuntimeEvent;

/// Hands each event to all who read. Whoever falls behind is told to list anew instead.
pub(super) struct EventHub {
    sender: broadcast::Sender<RuntimeEvent>,
}

impl EventHub {
    /// Memory is taken at once, for each of many simulated nodes; a burst beyond it costs its readers a list.
    const BACKLOG: usize = 128;

    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(Self::BACKLOG) }
    }

    /// Does nothing when nobody reads: who comes later lists first.
    pub fn publish(&self, event: RuntimeEvent) {
        let _ = self.sender.send(event);
    }

    /// [`super::ContainerRuntime::events`].
    pub fn subscribe(&self) -> BoxStream<'static, RuntimeEvent> {
        let events = stream::unfold(self.sender.subscribe(), |mut receiver| async move {
            match receiver.recv().await {
                Ok(event) => Some((event, receiver)),
                Err(RecvError::Lagged(_)) => Some((RuntimeEvent::Relist, receiver)),
                Err(RecvError::Closed) => None,
            }
        });
        stream::iter([RuntimeEvent::Relist]).chain(events).boxed()
    }
}
