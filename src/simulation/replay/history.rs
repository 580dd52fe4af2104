//! How objects fared: of each, what a run made of it, without what differs between two runs that are the same to whoever looks at them.
//!
//! An object's history is the states it was in, one after the other, and the courses of the numbers that its status counts. Two runs have the
//! same history if every object's is the same. What is not compared, and why:
//!
//! - times, UIDs, resource versions, generations, annotations and addresses: they say when and where, not what;
//! - events and leases: they only tell of what is, once for several times or at intervals;
//! - container and image ids, messages, and the reasons for which a container waits;
//! - the states that a pod passes through before it is bound and started, or while its containers are being replaced, where nobody can tell
//!   from outside how many there are: a status is written once for all that has changed since the last one. So of a pod that is pending, only
//!   that it is, and where it is bound; and the conditions of a pod as a whole stand for those that they are made of;
//! - how numbers got to where they rest: how many of three pods are ready while all of them are started anew depends on who is faster. So of
//!   replicas, endpoints and their like, only the numbers that stood for five seconds.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::kinds::Registry;
use crate::runtime::store::Key;

/// What only tells of what is, or is not an object of anybody's.
const LEFT_OUT: [&str; 2] = ["events", "leases"];
/// Fields that chance or time decide on.
const VOLATILE: [&str; 10] = [
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "healthCheckNodePort",
    "podCIDR",
    "podCIDRs",
    "timeAdded",
    "uid",
    "resourceVersion",
    "renewTime",
];
/// A number that stands for so long has come to rest. By so much a replay may be ahead, at most.
const REST: SignedDuration = SignedDuration::from_secs(5);
/// The state of what is there no more.
const GONE: &str = "gone";
/// Before a part of a name that chance decides on.
const GENERATED: &str = "kube-api-access-";
/// What of a pod's conditions is compared.
const POD_CONDITIONS: [&str; 3] = ["PodScheduled", "Ready", "DisruptionTarget"];

/// Of a whole run.
#[derive(Clone, Default)]
pub struct History {
    /// By key, and by how many objects stood there before.
    objects: BTreeMap<(Key, usize), Course>,
    /// How many have gone from a key.
    gone: BTreeMap<Key, usize>,
}

#[derive(Clone, Debug, Default)]
struct Course {
    states: Vec<(Timestamp, Value)>,
    counts: BTreeMap<&'static str, Numbers>,
}

/// How a number went.
#[derive(Clone, Debug, Default)]
struct Numbers(Vec<(Timestamp, i64)>);

/// The first thing that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// As the store has it.
    pub object: String,
    /// When the recording has it so, if it has.
    pub time: Option<Timestamp>,
    pub recorded: String,
    pub replayed: String,
}

impl History {
    /// Takes a write into account; without a value the object is gone.
    pub fn take(&mut self, at: Timestamp, key: &Key, json: Option<&[u8]>) {
        let is_kind = Registry::built_in().all().any(|kind| kind.collection == key.collection);
        if !is_kind || LEFT_OUT.contains(&&*key.collection) {
            return;
        }
        let before = self.gone.get(key).copied().unwrap_or(0);
        let course = self.objects.entry((key.clone(), before)).or_default();
        let Some(json) = json else {
            course.enter(at, json!(GONE));
            *self.gone.entry(key.clone()).or_default() += 1;
            return;
        };
        let object: Value = serde_json::from_slice(json).unwrap_or(Value::Null);
        course.enter(at, state(&key.collection, &object));
        for (name, number) in counts(&key.collection, &object) {
            course.counts.entry(name).or_default().take(at, number);
        }
    }

    /// How many objects there were, and how many states they were in.
    pub fn size(&self) -> (usize, usize) {
        (self.objects.len(), self.objects.values().map(|course| course.states.len()).sum())
    }

    /// The same from a time on: of what came before, only how it stood then.
    pub fn since(&self, begun: Timestamp) -> Self {
        let objects = self.objects.iter().filter_map(|(key, course)| Some((key.clone(), course.since(begun)?)));
        Self { objects: objects.collect(), gone: self.gone.clone() }
    }

    /// The differences to a replay of it, one an object, in order of the recording's time. `ended` is when the recording did: what the replay
    /// comes to just before that and later is not compared, since it may be ahead. So it may be when it begins.
    pub fn differences(&self, replayed: &Self, begun: Timestamp, ended: Timestamp) -> Vec<Difference> {
        let nothing = Course::default();
        let keys = self.objects.keys().chain(replayed.objects.keys().filter(|key| !self.objects.contains_key(key)));
        let differences = keys.filter_map(|key| {
            let of = |history: &Self| history.objects.get(key).unwrap_or(&nothing).clone();
            let again = of(replayed);
            let (time, recorded, replayed) = of(self).from(begun, &again).difference(&again, ended)?;
            Some(Difference { object: key.0.to_string(), time, recorded, replayed })
        });
        let mut differences: Vec<Difference> = differences.collect();
        differences.sort_by_key(|difference| (difference.time.is_none(), difference.time));
        differences
    }
}

impl Course {
    /// `None` if it had ended by then.
    fn since(&self, begun: Timestamp) -> Option<Self> {
        let first = self.states.partition_point(|(at, _)| *at < begun).saturating_sub(1);
        let states = self.states[first..].to_vec();
        let is_over = states.iter().all(|(at, state)| *at < begun && state == GONE);
        let since = |numbers: &Numbers| {
            let first = numbers.0.partition_point(|(at, _)| *at < begun).saturating_sub(1);
            Numbers(numbers.0[first..].iter().map(|(at, number)| ((*at).max(begun), *number)).collect())
        };
        let counts = self.counts.iter().map(|(name, numbers)| (*name, since(numbers))).collect();
        (!is_over).then_some(Self { states, counts })
    }

    /// The same without what was under way at the beginning, if a replay has come to what followed by then.
    fn from(&self, begun: Timestamp, replayed: &Self) -> Self {
        let Some((_, first)) = replayed.states.first().filter(|(at, _)| *at < begun) else { return self.clone() };
        let is_it = |(at, state): &(Timestamp, Value)| at.duration_since(begun) <= REST && state == first;
        let skipped = self.states.iter().position(is_it).unwrap_or(0);
        Self { states: self.states[skipped..].to_vec(), counts: self.counts.clone() }
    }

    fn enter(&mut self, at: Timestamp, state: Value) {
        if self.states.last().is_none_or(|(_, last)| *last != state) {
            self.states.push((at, state));
        }
    }

    /// What the state of that number changed.
    fn step(&self, number: usize) -> String {
        let Some((_, state)) = self.states.get(number) else { return String::new() };
        let before = number.checked_sub(1).and_then(|before| self.states.get(before));
        before.map_or_else(|| state.to_string(), |(_, before)| apart(before, state).1)
    }

    fn difference(&self, replayed: &Self, ended: Timestamp) -> Option<(Option<Timestamp>, String, String)> {
        for number in 0..self.states.len().max(replayed.states.len()) {
            match (self.states.get(number), replayed.states.get(number)) {
                (Some((_, recorded)), Some((_, again))) if recorded == again => {}
                (Some((at, recorded)), Some((_, again))) => {
                    let (recorded, again) = apart(recorded, again);
                    return Some((Some(*at), recorded, again));
                }
                (Some((at, _)), None) => return Some((Some(*at), self.step(number), "it does not come to that".to_owned())),
                (None, Some((at, _))) if ended.duration_since(*at) >= REST => {
                    return Some((None, "it does not come to that".to_owned(), replayed.step(number)));
                }
                (None, _) => break,
            }
        }
        for (name, numbers) in &self.counts {
            let again = replayed.counts.get(name).map(|numbers| numbers.rests(ended)).unwrap_or_default();
            let recorded = numbers.rests(ended);
            if recorded != again {
                let at = numbers.0.last().map(|(at, _)| *at);
                return Some((at, format!("{name} {recorded:?}"), format!("{name} {again:?}")));
            }
        }
        None
    }
}

impl Numbers {
    fn take(&mut self, at: Timestamp, number: i64) {
        if self.0.last().is_none_or(|(_, last)| *last != number) {
            self.0.push((at, number));
        }
    }

    /// Where it came to rest up to a time.
    fn rests(&self, ended: Timestamp) -> Vec<i64> {
        let ends = self.0.iter().skip(1).map(|(at, _)| *at).chain([ended]);
        let rested = self.0.iter().zip(ends).filter(|((since, _), until)| (*until).min(ended).duration_since(*since) >= REST);
        let mut rests: Vec<i64> = rested.map(|((_, number), _)| *number).collect();
        rests.dedup();
        rests
    }
}

/// What of two states is not the same.
fn apart(one: &Value, other: &Value) -> (String, String) {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            let names = fields.keys().chain(others.keys()).find(|name| fields.get(*name) != others.get(*name));
            let Some(name) = names else { return (one.to_string(), other.to_string()) };
            let (one, other) = apart(fields.get(name).unwrap_or(&Value::Null), others.get(name).unwrap_or(&Value::Null));
            (format!("{name}: {one}"), format!("{name}: {other}"))
        }
        _ => (one.to_string(), other.to_string()),
    }
}

/// The state that an object is in.
fn state(collection: &str, object: &Value) -> Value {
    let mut state = Map::new();
    for (name, field) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "metadata" | "status" | "kind" | "apiVersion" => {}
            // Of endpoints only numbers are compared, and of what is secret only that it is there.
            "subsets" | "endpoints" => {}
            "data" | "stringData" if collection == "secrets" => {
                let keys: Vec<&String> = field.as_object().into_iter().flat_map(Map::keys).collect();
                state.insert(name.clone(), json!(keys));
            }
            _ => drop(state.insert(name.clone(), steady(field))),
        }
    }
    let meta = &object["metadata"];
    state.insert("labels".to_owned(), meta["labels"].clone());
    state.insert("finalizers".to_owned(), meta["finalizers"].clone());
    state.insert("terminating".to_owned(), (!meta["deletionTimestamp"].is_null()).into());
    let owners: Vec<&Value> = meta["ownerReferences"].as_array().into_iter().flatten().map(|owner| &owner["name"]).collect();
    state.insert("owners".to_owned(), json!(owners));
    state.insert("status".to_owned(), status(collection, object));
    Value::Object(state)
}

/// A field without what chance or time decide on.
fn steady(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
            Value::Object(kept.map(|(name, field)| (name.clone(), steady(field))).collect())
        }
        Value::Array(items) => items.iter().map(steady).collect(),
        Value::String(text) if text.starts_with(GENERATED) => GENERATED.into(),
        other => other.clone(),
    }
}

fn status(collection: &str, object: &Value) -> Value {
    let status = &object["status"];
    let conditions = |wanted: &dyn Fn(&str) -> bool| {
        let all = status["conditions"].as_array().into_iter().flatten();
        let named = all.filter_map(|condition| Some((condition["type"].as_str()?.to_owned(), condition["status"].clone())));
        Value::Object(named.filter(|(name, _)| wanted(name)).collect())
    };
    match collection {
        "pods" if matches!(status["phase"].as_str(), None | Some("" | "Pending")) => json!({"phase": "Pending"}),
        "pods" => json!({
            "phase": status["phase"],
            "conditions": conditions(&|name| POD_CONDITIONS.contains(&name)),
            "containers": containers(status),
        }),
        "controllers" => Value::Null,
        _ => json!({"phase": status["phase"], "conditions": conditions(&|_| true)}),
    }
}

/// Of each container: whether it is ready, how often it was restarted, and how it ended.
fn containers(status: &Value) -> Value {
    let lists = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
    let all = lists.iter().flat_map(|list| status[list].as_array().into_iter().flatten());
    let each = all.map(|container| {
        let ended = [&container["state"]["terminated"], &container["lastState"]["terminated"]];
        let code = ended.iter().find_map(|ended| ended["exitCode"].as_i64());
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        (name, json!({"ready": container["ready"], "restarts": container["restartCount"], "code": code}))
    });
    Value::Object(each.collect())
}

/// The numbers of an object's status.
fn counts(collection: &str, object: &Value) -> Vec<(&'static str, i64)> {
    let of = |name: &'static str| (name, object["status"][name].as_i64().unwrap_or(0));
    let addresses = |list: &str| {
        let subsets = object["subsets"].as_array().into_iter().flatten();
        let count: usize = subsets.map(|subset| subset[list].as_array().map_or(0, Vec::len)).sum();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    match collection {
        "controllers" => vec![of("replicas"), of("readyReplicas"), of("availableReplicas")],
        "services/endpoints" => vec![("ready addresses", addresses("addresses"))],
        "endpointslices" => {
            let endpoints = object["endpoints"].as_array().into_iter().flatten();
            let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] != false).count();
            vec![("ready endpoints", i64::try_from(ready).unwrap_or(i64::MAX))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn pod(ready: &str, restarts: i64, ip: &str) -> Vec<u8> {
        let container = json!({"name": "c", "ready": ready == "True", "restartCount": restarts, "containerID": ip});
        let conditions = json!([{"type": "Ready", "status": ready, "lastTransitionTime": ip}]);
        let status = json!({"phase": "Running", "podIP": ip, "conditions": conditions, "containerStatuses": [container]});
        let spec = json!({"nodeName": "n", "volumes": [{"name": format!("kube-api-access-{ip}")}]});
        json!({"metadata": {"name": "p", "uid": ip}, "spec": spec, "status": status}).to_string().into()
    }

    fn history(versions: &[(i64, Vec<u8>)]) -> History {
        let mut history = History::default();
        let key = Key::new("pods", "default/p");
        versions.iter().for_each(|(second, json)| history.take(at(*second), &key, Some(json)));
        history
    }

    #[test]
    fn addresses_times_and_uids_make_no_difference_and_restarts_do() {
        let recorded = history(&[(1, pod("True", 0, "a")), (2, pod("False", 0, "a")), (3, pod("True", 1, "a"))]);
        let same = history(&[(4, pod("True", 0, "b")), (5, pod("True", 0, "c")), (6, pod("False", 0, "b")), (7, pod("True", 1, "b"))]);
        assert_eq!(recorded.differences(&same, at(0), at(10)), []);
        let other = history(&[(1, pod("True", 0, "b")), (2, pod("False", 0, "b")), (3, pod("True", 2, "b"))]);
        let difference = recorded.differences(&other, at(0), at(10)).remove(0);
        assert_eq!((difference.object.as_str(), difference.time), ("pods/default/p", Some(at(3))));
        assert!(difference.recorded.contains("restarts: 1") && difference.replayed.contains("restarts: 2"), "{difference:?}");
    }

    #[test]
    fn what_comes_after_the_end_is_not_compared_and_what_is_missing_is() {
        let recorded = history(&[(1, pod("True", 0, "a"))]);
        let longer = history(&[(1, pod("True", 0, "a")), (8, pod("False", 0, "a"))]);
        assert_eq!(recorded.differences(&longer, at(0), at(12)), []);
        assert_eq!(recorded.differences(&longer, at(0), at(13)).len(), 1);
        assert_eq!(longer.differences(&recorded, at(0), at(9)).len(), 1);
        assert_eq!(recorded.differences(&History::default(), at(0), at(9)).len(), 1);
    }

    #[test]
    fn a_replay_that_begins_in_the_middle_is_compared_from_there() {
        let recorded = history(&[(10, pod("True", 0, "a")), (11, pod("False", 0, "a")), (12, pod("True", 1, "a"))]);
        let warmed_up =
            history(&[(0, pod("False", 0, "a")), (5, pod("True", 0, "a")), (11, pod("False", 0, "a")), (12, pod("True", 1, "a"))]);
        assert_eq!(recorded.differences(&warmed_up.since(at(10)), at(10), at(30)), []);
        let ahead = history(&[(0, pod("False", 0, "a")), (5, pod("True", 1, "a"))]);
        assert_eq!(recorded.differences(&ahead.since(at(10)), at(10), at(30)), []);
        assert_eq!(recorded.differences(&ahead.since(at(3)), at(3), at(30)).len(), 1);
    }

    #[test]
    fn numbers_are_compared_where_they_rest() {
        let rests = |changes: &[(i64, i64)], ended: i64| {
            let mut numbers = Numbers::default();
            changes.iter().for_each(|(second, number)| numbers.take(at(*second), *number));
            numbers.rests(at(ended))
        };
        assert_eq!(rests(&[(1, 0), (10, 1), (11, 2), (12, 3), (30, 1), (31, 3), (40, 4)], 50), [0, 3, 4]);
        assert_eq!(rests(&[(1, 0), (10, 3)], 12), [0], "what has just changed has not come to rest");
        assert_eq!(rests(&[(1, 0), (10, 3), (30, 5)], 20), [0, 3], "and what comes after the end does not count");
    }
}
