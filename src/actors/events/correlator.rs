//! Which records become events, and which are repeats (upstream's `EventCorrelator`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;

use super::{About, Record, Severity};
use crate::runtime::entropy::Entropy;

/// Records on one object that may come in a burst; after that, one each [`REFILL`].
const BURST: f64 = 25.0;
const REFILL: SignedDuration = SignedDuration::from_mins(5);

/// So many different messages of one reason on one object within [`WINDOW`] are told apart; what exceeds them becomes one event.
const DISTINCT: usize = 10;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Of each kind of memory, at most this many entries are kept.
const MOST: usize = 4096;

/// What is remembered of recent events.
#[derive(Default)]
pub(super) struct Correlator {
    budgets: BTreeMap<About, Budget>,
    groups: BTreeMap<Group, Messages>,
    series: BTreeMap<(Group, String), Series>,
    /// The number in the name of the newest event.
    newest: u64,
}

/// An event and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Series {
    pub name: String,
    pub message: String,
    pub count: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

type Group = (About, Severity, &'static str);

struct Budget {
    tokens: f64,
    at: Timestamp,
}

struct Messages {
    texts: BTreeSet<String>,
    last: Timestamp,
}

impl Correlator {
    /// What to write for a record: a new event if its count is 1, else a new count of an old one; or nothing.
    pub fn observe(&mut self, record: &Record, now: Timestamp, entropy: &mut Entropy) -> Option<Series> {
        self.forget(now);
        let about = record.about.identity();
        if !self.afford(&about, now) {
            return None;
        }
        let group = (about, record.severity, record.reason);
        let (text, message) = self.distinguish(&group, &record.message, now);
        let newest = &mut self.newest;
        let series = self.series.entry((group, text)).or_insert_with(|| {
            *newest = number(now, entropy).max(*newest + 1);
            let name = format!("{}.{newest:016x}", record.about.name);
            Series { name, message: String::new(), count: 0, first: now, last: now }
        });
        series.count += 1;
        (series.message, series.last) = (message, now);
        Some(series.clone())
    }

    fn afford(&mut self, about: &About, now: Timestamp) -> bool {
        let budget = self.budgets.entry(about.clone()).or_insert(Budget { tokens: BURST, at: now });
        let earned = now.duration_since(budget.at).as_secs_f64() / REFILL.as_secs_f64();
        *budget = Budget { tokens: (budget.tokens + earned).min(BURST), at: now };
        let affordable = budget.tokens >= 1.0;
        if affordable {
            budget.tokens -= 1.0;
        }
        affordable
    }

    /// What tells a message from others of its group, and how it is to be shown.
    fn distinguish(&mut self, group: &Group, message: &str, now: Timestamp) -> (String, String) {
        let known = self.groups.entry(group.clone()).or_insert_with(|| Messages { texts: BTreeSet::new(), last: now });
        if now.duration_since(known.last) >= WINDOW {
            known.texts.clear();
        }
        known.last = now;
        if known.texts.len() < DISTINCT {
            known.texts.insert(message.to_owned());
        }
        if known.texts.contains(message) {
            (message.to_owned(), message.to_owned())
        } else {
            (String::new(), format!("(combined from similar events): {message}"))
        }
    }

    fn forget(&mut self, now: Timestamp) {
        let recent = |last: Timestamp, most: SignedDuration| now.duration_since(last) < most;
        if self.groups.len() >= MOST || self.series.len() >= MOST || self.budgets.len() >= MOST {
            self.groups.retain(|_, messages| recent(messages.last, WINDOW));
            self.series.retain(|_, series| recent(series.last, WINDOW));
            self.budgets.retain(|_, budget| recent(budget.at, WINDOW));
        }
        // Everything is recent: then a repeat is written anew, which costs an event and bounds the memory.
        if self.groups.len() >= MOST || self.series.len() >= MOST || self.budgets.len() >= MOST {
            *self = Self::default();
        }
    }
}

/// The time in nanoseconds, the last bits of it left to chance. As upstream, names are in the order of the events: clients that sort by
/// times of whole seconds show those of one second as they were listed.
fn number(now: Timestamp, entropy: &mut Entropy) -> u64 {
    const CHANCE: u64 = 0xfff;
    let time = u64::try_from(now.as_nanosecond()).unwrap_or_default();
    time & !CHANCE | entropy.rng().random_range(0..=CHANCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::store::Revision;

    struct Scene {
        correlator: Correlator,
        entropy: Entropy,
        now: Timestamp,
    }

    impl Scene {
        fn new() -> Self {
            Self { correlator: Correlator::default(), entropy: Entropy::from_seed(1), now: Timestamp::UNIX_EPOCH }
        }

        fn say(&mut self, name: &str, revision: u64, message: &str) -> Option<Series> {
            let about = About {
                api_version: "v1".into(),
                kind: "Pod".into(),
                namespace: "default".into(),
                name: name.into(),
                uid: name.into(),
                revision: Revision(revision),
                field_path: String::new(),
            };
            let record = Record { about, severity: Severity::Normal, reason: "Pulled", action: "", message: message.into() };
            self.correlator.observe(&record, self.now, &mut self.entropy)
        }
    }

    #[test]
    fn a_repeat_is_counted_whatever_the_objects_revision() {
        let mut scene = Scene::new();
        let first = scene.say("a", 1, "x").unwrap();
        scene.now += SignedDuration::from_secs(5);
        let second = scene.say("a", 2, "x").unwrap();
        assert_eq!(second, Series { count: 2, last: scene.now, ..first.clone() });
        let other = scene.say("b", 2, "x").unwrap();
        assert_eq!(other.count, 1);
        assert_ne!(other.name, first.name);
    }

    #[test]
    fn names_are_in_the_order_of_the_events_also_of_one_instant() {
        let mut scene = Scene::new();
        let mut names = Vec::new();
        for pause in [0, 0, 0, 1, 1000, 0] {
            scene.now += SignedDuration::from_micros(pause);
            names.push(scene.say("a", 1, &names.len().to_string()).unwrap().name);
        }
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    #[test]
    fn many_messages_of_one_reason_become_one_event() {
        let mut scene = Scene::new();
        let events: Vec<Series> = (0..13).map(|n| scene.say("a", 1, &format!("pulled {n}")).unwrap()).collect();
        assert!(events[..10].iter().all(|event| event.count == 1 && !event.message.starts_with('(')));
        assert_eq!(events[12].message, "(combined from similar events): pulled 12");
        assert_eq!((events[12].count, &events[12].name), (3, &events[10].name));
    }

    #[test]
    fn a_flood_on_one_object_is_cut_off_and_others_are_not() {
        let mut scene = Scene::new();
        let written = (0..100).filter_map(|_| scene.say("a", 1, "x")).count();
        assert_eq!(written, 25);
        assert!(scene.say("b", 1, "x").is_some());
        scene.now += REFILL;
        assert_eq!(scene.say("a", 1, "x").map(|series| series.count), Some(26));
        assert!(scene.say("a", 1, "x").is_none());
    }
}
