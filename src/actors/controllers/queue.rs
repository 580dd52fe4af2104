//! The work queue of every controller: which keys are due, and none twice at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::actors::backoff::Backoff;
use crate::runtime::clock::Instant;
use crate::runtime::entropy::Entropy;
use crate::runtime::flaw::{Flaw, planted};

/// From 5 ms, as client-go's; never more than a minute, so that a long outage is not followed by a longer silence.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(5), most: Duration::from_secs(60) };

/// Keys that are ready, delayed or being worked on. A key is in one of these places only: adding it again while it waits changes
/// nothing, and while it is being worked on lets it be worked on once more afterwards.
pub(super) struct WorkQueue<K> {
    places: BTreeMap<K, Place>,
    ready: VecDeque<K>,
    delayed: BTreeSet<(Instant, K)>,
    /// In a row, of the keys whose last try failed.
    failures: BTreeMap<K, u32>,
    /// Between the end of the work on a key and the next on it.
    pace: Duration,
    entropy: Entropy,
}

#[derive(Clone, Copy)]
enum Place {
    Ready,
    Delayed(Instant),
    Running {
        again: bool,
    },
    /// Worked on a moment ago; it may be ready again from `until` on, and is to be at `next`.
    Resting {
        until: Instant,
        next: Option<Instant>,
    },
}

impl<K: Clone + Ord> WorkQueue<K> {
    pub fn new(pace: Duration, entropy: Entropy) -> Self {
        let (places, failures) = (BTreeMap::new(), BTreeMap::new());
        Self { places, ready: VecDeque::new(), delayed: BTreeSet::new(), failures, pace, entropy }
    }

    /// The key is to be worked on as soon as possible, also if it was delayed.
    pub fn add(&mut self, key: K) {
        match self.places.get_mut(&key) {
            Some(Place::Ready) => return,
            Some(Place::Running { .. }) if planted(Flaw::ReconcilesTwiceAtOnce) => {}
            Some(Place::Running { again }) => {
                *again = true;
                return;
            }
            Some(Place::Resting { until, next }) => {
                *next = Some(*until);
                return;
            }
            Some(Place::Delayed(due)) => _ = self.delayed.remove(&(*due, key.clone())),
            None => {}
        }
        self.places.insert(key.clone(), Place::Ready);
        self.ready.push_back(key);
    }

    /// Takes the next key to work on, in the order in which they became ready. [`WorkQueue::succeeded`] or [`WorkQueue::failed`] gives it back.
    pub fn take(&mut self, now: Instant) -> Option<K> {
        while let Some((due, _)) = self.delayed.first()
            && *due <= now
        {
            let (_, key) = self.delayed.pop_first().expect("the set has a first");
            match self.places.remove(&key) {
                Some(Place::Resting { next: None, .. }) => {}
                Some(Place::Resting { next: Some(next), .. }) if next > now => self.delay(key, next),
                _ => {
                    self.places.insert(key.clone(), Place::Ready);
                    self.ready.push_back(key);
                }
            }
        }
        let key = self.ready.pop_front()?;
        self.places.insert(key.clone(), Place::Running { again: false });
        Some(key)
    }

    /// The work on a key is done, perhaps until some time has passed.
    pub fn succeeded(&mut self, key: K, again_after: Option<Duration>, now: Instant) {
        self.failures.remove(&key);
        let again = matches!(self.places.remove(&key), Some(Place::Running { again: true }));
        let next = if again { Some(now) } else { again_after.map(|delay| now + delay) };
        if self.pace.is_zero() {
            match next {
                Some(_) if again => self.add(key),
                Some(next) => self.delay(key, next),
                None => {}
            }
            return;
        }
        let until = now + self.pace;
        self.places.insert(key.clone(), Place::Resting { until, next });
        self.delayed.insert((until, key));
    }

    /// The work on a key failed; it is tried again after a delay, which is the answer.
    pub fn failed(&mut self, key: K, now: Instant) -> Duration {
        let failures = self.failures.entry(key.clone()).or_default();
        *failures += 1;
        let delay = BACKOFF.delay(*failures, &mut self.entropy);
        match self.places.remove(&key) {
            Some(Place::Running { again: true }) => self.add(key),
            _ => self.delay(key, now + delay),
        }
        delay
    }

    /// When the first of the delayed keys is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(due, _)| *due)
    }

    fn delay(&mut self, key: K, due: Instant) {
        self.places.insert(key.clone(), Place::Delayed(due));
        self.delayed.insert((due, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn queue() -> (WorkQueue<&'static str>, Instant) {
        (WorkQueue::new(Duration::ZERO, Entropy::from_seed(1)), clock::instant())
    }

    #[test]
    fn keys_come_in_order_and_only_once() {
        let (mut queue, now) = queue();
        ["b", "a", "b", "a", "c"].into_iter().for_each(|key| queue.add(key));
        assert_eq!([queue.take(now), queue.take(now), queue.take(now), queue.take(now)], [Some("b"), Some("a"), Some("c"), None]);
    }

    #[test]
    fn a_key_that_is_added_while_it_is_worked_on_comes_again_afterwards() {
        let (mut queue, now) = queue();
        queue.add("a");
        let key = queue.take(now).unwrap();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.take(now), None, "never twice at once");
        queue.succeeded(key, None, now);
        assert_eq!(queue.take(now), Some("a"));
        queue.succeeded("a", None, now);
        assert_eq!(queue.take(now), None);
    }

    #[test]
    fn a_delayed_key_comes_when_it_is_due_or_when_something_adds_it() {
        let (mut queue, now) = queue();
        for key in ["late", "soon"] {
            queue.add(key);
            queue.take(now);
        }
        queue.succeeded("late", Some(Duration::from_secs(9)), now);
        queue.succeeded("soon", Some(Duration::from_secs(1)), now);
        assert_eq!((queue.take(now), queue.next_due()), (None, Some(now + Duration::from_secs(1))));
        assert_eq!(queue.take(now + Duration::from_secs(1)), Some("soon"));
        queue.add("late");
        assert_eq!((queue.take(now), queue.next_due()), (Some("late"), None));
    }

    #[test]
    fn a_key_that_was_worked_on_rests_before_it_comes_again() {
        let pace = Duration::from_secs(1);
        let mut queue = WorkQueue::new(pace, Entropy::from_seed(1));
        let now = clock::instant();
        queue.add("a");
        queue.take(now);
        queue.succeeded("a", None, now);
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.take(now), None);
        assert_eq!(queue.take(now + pace), Some("a"));
        queue.succeeded("a", Some(pace * 5), now + pace);
        assert_eq!((queue.take(now + pace * 5), queue.take(now + pace * 6)), (None, Some("a")));
        queue.succeeded("a", None, now + pace * 6);
        assert_eq!((queue.take(now + pace * 9), queue.next_due()), (None, None));
        queue.add("a");
        assert_eq!(queue.take(now + pace * 9), Some("a"), "who has rested comes at once");
    }

    #[test]
    fn failures_double_the_delay_until_a_success() {
        let (mut queue, mut now) = queue();
        queue.add("a");
        let mut delays = Vec::new();
        for _ in 0..20 {
            let key = queue.take(now).unwrap();
            let delay = queue.failed(key, now);
            delays.push(delay);
            assert_eq!(queue.take(now), None);
            now += delay;
        }
        assert!(delays[0] < Duration::from_millis(8) && delays[19] >= Duration::from_secs(60), "{delays:?}");
        assert!(delays[..10].windows(2).all(|pair| pair[0] < pair[1].mul_f64(0.8)), "{delays:?}");
        let key = queue.take(now).unwrap();
        queue.succeeded(key, None, now);
        queue.add("a");
        queue.take(now);
        assert!(queue.failed("a", now) < Duration::from_millis(8));
    }
}
