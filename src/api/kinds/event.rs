//! Event: one object, kept in its core form, and its view in `events.k8s.io/v1`.

use k8s_openapi::api::{core, events};
use serde_json::Value;

use super::kind::View;
use super::{Column, Judges, Kind, Traits, cells, column, computed, selectable};
use crate::api::validation::event as judge;

/// Fields whose names differ: in core v1 and in events.k8s.io/v1.
const RENAMED: [(&str, &str); 7] = [
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("involvedObject", "regarding"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
];

/// Fields that the core form shows also when they are empty, and the view does not.
const ALWAYS_IN_CORE: [&str; 2] = ["reportingComponent", "reportingInstance"];

pub fn core_event() -> Kind {
    Kind::new::<core::v1::Event>("events", &["ev"])
        .selectable([
            selectable("involvedObject.kind", "/involvedObject/kind"),
            selectable("involvedObject.namespace", "/involvedObject/namespace"),
            selectable("involvedObject.name", "/involvedObject/name"),
            selectable("involvedObject.uid", "/involvedObject/uid"),
            selectable("involvedObject.apiVersion", "/involvedObject/apiVersion"),
            selectable("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
            selectable("involvedObject.fieldPath", "/involvedObject/fieldPath"),
            selectable("reason", "/reason"),
            selectable("reportingComponent", "/reportingComponent"),
            selectable("source", "/source/component"),
            selectable("type", "/type"),
        ])
        .traits(Traits { create_on_update: true, ..Traits::default() })
        .columns(columns())
        .judges(Judges::new(judge::core_event, judge::core_event_update))
}

/// Of the core form, as which an event is shown whatever version is asked for.
fn columns() -> [Column; 10] {
    [
        computed("Last Seen", cells::event::last_seen),
        column("Type", "/type"),
        column("Reason", "/reason"),
        computed("Object", cells::event::object),
        column("Subobject", "/involvedObject/fieldPath").wide(),
        computed("Source", cells::event::source).wide(),
        computed("Message", cells::event::message),
        computed("First Seen", cells::event::first_seen).wide(),
        computed("Count", cells::event::count).wide(),
        column("Name", "/metadata/name").wide(),
    ]
}

pub fn event() -> Kind {
    Kind::new::<events::v1::Event>("events", &["ev"])
        .view(View::new("", to_stored, from_stored))
        .traits(Traits { create_on_update: true, ..Traits::default() })
        .columns(columns())
        .defaults(series_time)
        .selectable([
            selectable("reason", "/reason"),
            selectable("regarding.kind", "/regarding/kind"),
            selectable("regarding.namespace", "/regarding/namespace"),
            selectable("regarding.name", "/regarding/name"),
            selectable("regarding.uid", "/regarding/uid"),
            selectable("regarding.apiVersion", "/regarding/apiVersion"),
            selectable("regarding.resourceVersion", "/regarding/resourceVersion"),
            selectable("regarding.fieldPath", "/regarding/fieldPath"),
            selectable("reportingController", "/reportingController"),
            selectable("type", "/type"),
        ])
        .judges(Judges::new(judge::event, judge::event_update))
}

/// A series without a time has Go's: the judgment says that it is missing.
fn series_time(event: &mut Value) {
    if let Some(series) = event.get_mut("series").and_then(Value::as_object_mut)
        && series.get("lastObservedTime").is_none_or(Value::is_null)
    {
        series.insert("lastObservedTime".into(), "0001-01-01T00:00:00.000000Z".into());
    }
}

fn to_stored(event: &mut Value) {
    convert(event, "v1", RENAMED.map(|(core, view)| (view, core)));
    for field in ALWAYS_IN_CORE {
        if event.get(field).is_none() {
            event[field] = Value::String(String::new());
        }
    }
}

fn from_stored(event: &mut Value) {
    for field in ALWAYS_IN_CORE {
        let Some(event) = event.as_object_mut() else { return };
        if event.get(field).is_some_and(|text| text == "") {
            event.remove(field);
        }
    }
    convert(event, "events.k8s.io/v1", RENAMED);
}

fn convert(event: &mut Value, api_version: &str, names: [(&str, &str); 7]) {
    let Some(event) = event.as_object_mut() else { return };
    event.insert("apiVersion".into(), api_version.into());
    for (from, to) in names {
        if let Some(value) = event.remove(from) {
            event.insert(to.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_survives_the_way_to_its_stored_form_and_back() {
        let view =
            json!({"apiVersion": "events.k8s.io/v1", "note": "n", "regarding": {"kind": "Pod"}, "reportingController": "c", "reason": "R"});
        let mut event = view.clone();
        to_stored(&mut event);
        assert_eq!(
            event,
            json!({"apiVersion": "v1", "message": "n", "involvedObject": {"kind": "Pod"}, "reportingComponent": "c", "reportingInstance": "", "reason": "R"})
        );
        from_stored(&mut event);
        assert_eq!(event, view);
    }
}
