use std::time::Duration;

use super::{Broken, Invariant, Rest};
use crate::runtime::store::Extent;

/// What is too old is forgotten at the next write: where nodes live, that is at their next heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// The store remembers no more of the past than it may. A watch has no memory of its own: it reads this.
#[derive(Default)]
pub struct HistoryBounds;

impl Invariant for HistoryBounds {
    fn name(&self) -> &'static str {
        "history-is-bounded"
    }

    fn source(&self) -> &'static str {
        "Kubernetes API Concepts, \"Efficient detection of changes\": the history of changes is kept for a limited time"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        let Extent { events, bytes, age, bounds } = rest.history;
        let has_nodes = rest.scene.nodes().next().is_some();
        if events > bounds.events || bytes > bounds.bytes || has_nodes && age > bounds.age + HEARTBEAT {
            let oldest = age.as_secs();
            return Err(Broken::by_itself(format!("{events} changes of {bytes} bytes are remembered, the oldest of {oldest} s ago")));
        }
        Ok(())
    }
}
