//! Where a run is stopped before its end, so that somebody can look around.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use super::deeds::Span;
use super::focus::{Focus, standing, touching};
use super::journal::{Entry, Event, Journal, Witness};
use crate::runtime::watch;

/// So many events are shown of those that led there.
const EVENTS: usize = 20;

/// Where a run is to be stopped: at whichever comes first.
#[derive(Clone, Debug, Default)]
pub struct Halt {
    pub until: Option<Until>,
    /// At the first event that touches this once the first deed is done.
    pub on: Option<Focus>,
}

/// A time of a run: so long after its beginning, or by its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    After(Span),
    At(Timestamp),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let wrong = |_| format!("{text:?} is no time: write how long after the beginning, as 12m30s, or when, as 2026-01-01T00:12:30Z");
        text.parse().map(Self::After).map_err(wrong)
    }
}

impl Until {
    /// How long after the beginning that is.
    ///
    /// # Errors
    /// It is before.
    pub fn since(self, begun: Timestamp) -> Result<Duration, String> {
        match self {
            Self::After(span) => Ok(span.0),
            Self::At(time) => {
                Duration::try_from(time.duration_since(begun)).map_err(|_| format!("{time} is before the run begins, at {begun}"))
            }
        }
    }
}

/// Where a run was stopped, and how it stood there.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Halted {
    pub time: Timestamp,
    /// Of how many events.
    pub events: u64,
    /// The event at which it stopped, if it was not for the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The object that was looked at, as it stood then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
    /// Of the object; of all, if the time has come.
    pub last_events: Vec<String>,
}

/// Looks out for the event at which a run is to stop. Clones are the same.
#[derive(Clone)]
pub(super) struct Lookout(Arc<(Mutex<Seen>, watch::Sender<bool>)>);

struct Seen {
    focus: Option<Focus>,
    uid: String,
    begun: bool,
    events: u64,
    found: Option<u64>,
}

impl Lookout {
    pub fn new(focus: Option<Focus>) -> Self {
        let seen = Seen { focus, uid: String::new(), begun: false, events: 0, found: None };
        Self(Arc::new((Mutex::new(seen), watch::Sender::new(false))))
    }

    /// Resolves once it has been found.
    pub async fn found(&self) {
        if self.0.1.subscribe().wait_for(|found| *found).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What there is to see of a run that was stopped, whose journal was kept: at what was looked out for, or because the time had come.
    pub fn report(&self, journal: &Journal, now: Timestamp) -> Halted {
        let (entries, seen) = (journal.entries(), self.0.0.lock());
        let (Some(found), Some(focus)) = (seen.found, &seen.focus) else {
            let last_events = entries[entries.len().saturating_sub(EVENTS)..].iter().map(ToString::to_string).collect();
            return Halted { time: now, events: seen.events, at: None, object: None, last_events };
        };
        let at = usize::try_from(found).unwrap_or(usize::MAX);
        let object = standing(&entries, focus, at).and_then(|(_, bytes)| serde_json::from_slice(&bytes).ok());
        let entry = entries.get(at);
        Halted {
            time: entry.map_or(now, |entry| entry.time),
            events: found + 1,
            at: entry.map(ToString::to_string),
            object,
            last_events: touching(&entries, focus, at, EVENTS),
        }
    }
}

impl Witness for Lookout {
    fn see(&mut self, entry: &Entry) {
        let seen = &mut *self.0.0.lock();
        let number = seen.events;
        seen.events += 1;
        seen.begun |= matches!(entry.event, Event::Deed { .. });
        let Some(focus) = seen.focus.as_ref().filter(|_| seen.found.is_none()) else { return };
        if let Some(uid) = focus.uid_in(entry) {
            seen.uid = uid;
        }
        if seen.begun && focus.is_touched_by(entry, &seen.uid) {
            seen.found = Some(number);
            self.0.1.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_or_a_moment_not_before_the_beginning() {
        let begun: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let since = |text: &str| text.parse::<Until>().and_then(|until| until.since(begun));
        assert_eq!(since("12m30s"), Ok(Duration::from_secs(750)));
        assert_eq!(since("2026-01-01T00:12:30Z"), Ok(Duration::from_secs(750)));
        assert!(since("2025-12-31T23:59:59Z").unwrap_err().contains("before the run begins"));
        assert!(since("soon").unwrap_err().contains("\"soon\" is no time"));
    }
}
