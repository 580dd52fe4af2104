//! How often something may happen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::runtime::clock::Instant;

/// Lets one thing happen at a time in each zone, and the next not before its interval has passed.
#[derive(Default)]
pub struct Limiter {
    last: BTreeMap<String, Instant>,
}

impl Limiter {
    /// Whether it may happen now in this zone; if so, it is taken to happen. Else how long to wait, which may change with the rate.
    pub fn take(&mut self, zone: &str, per_second: f64, now: Instant) -> Result<(), Duration> {
        if per_second <= 0.0 {
            return Err(Duration::from_secs(5));
        }
        let interval = Duration::from_secs_f64(per_second.recip());
        match self.last.get(zone).map(|last| *last + interval) {
            Some(due) if due > now => Err(due - now),
            _ => {
                self.last.insert(zone.to_owned(), now);
                Ok(())
            }
        }
    }
}
