//! The cells of events, in their core form.

use serde_json::Value;

use super::{Fields, or, since};

pub fn last_seen(event: &Value) -> Value {
    let last = [event.text("/series/lastObservedTime"), event.text("/lastTimestamp")].into_iter().find(|time| !time.is_empty());
    last.map_or_else(|| first_seen(event), |time| since(time).into())
}

pub fn first_seen(event: &Value) -> Value {
    since(or(event.text("/firstTimestamp"), event.text("/eventTime"))).into()
}

pub fn object(event: &Value) -> Value {
    let kind = event.text("/involvedObject/kind").to_lowercase();
    match event.text("/involvedObject/name") {
        "" => kind.into(),
        name => format!("{kind}/{name}").into(),
    }
}

pub fn source(event: &Value) -> Value {
    let component = or(event.text("/source/component"), event.text("/reportingComponent"));
    match or(event.text("/source/host"), event.text("/reportingInstance")) {
        "" => component.into(),
        instance => format!("{component}, {instance}").into(),
    }
}

pub fn message(event: &Value) -> Value {
    event.text("/message").trim().into()
}

/// How often it happened. A single event in the new form has no count.
pub fn count(event: &Value) -> Value {
    if event.is_set("/series") { event.integer("/series/count").into() } else { event.integer("/count").max(1).into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_either_form_shows_its_object_source_and_count() {
        let old = json!({"involvedObject": {"kind": "Pod", "name": "p"}, "source": {"component": "kubelet", "host": "n"}, "count": 4});
        assert_eq!((object(&old), source(&old), count(&old)), ("pod/p".into(), "kubelet, n".into(), 4.into()));
        let new = json!({"involvedObject": {"kind": "Pod"}, "reportingComponent": "c", "series": {"count": 9}});
        assert_eq!((object(&new), source(&new), count(&new)), ("pod".into(), "c".into(), 9.into()));
        assert_eq!(last_seen(&json!({})), "<unknown>");
    }
}
