//! Events, in both of their versions.

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::events::v1::Event as EventView;
use serde_json::json;

use super::format::{dns_subdomain, qualified_name};
use super::object_meta::{object_meta, object_meta_update};
use super::pod::struct_of;
use super::words::required;
use super::{ErrorList, NameForm, Path};

const NAME_LENGTH: usize = 128;
const NOTE_LENGTH: usize = 1024;

/// The first second of the year 1: a time that was not set, in Go.
const ZERO_TIME: i64 = -62_135_596_800;

/// The parts that are judged in both versions.
struct Parts<'a> {
    namespace: &'a str,
    /// The namespace of the object that it is about.
    of_object: &'a str,
    is_new_form: bool,
    /// What the version calls the controller.
    controller_field: &'static str,
    controller: &'a str,
    instance: &'a str,
    action: &'a str,
    reason: &'a str,
    message: &'a str,
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

impl Parts<'_> {
    /// Events that have a time of their own are in the new form, and held to more.
    fn judge(&self, errors: &mut ErrorList) {
        let of_cluster: &[&str] = if self.is_new_form { &["default", "kube-system"] } else { &["", "default"] };
        let fits = match self.of_object {
            "" => of_cluster.contains(&self.namespace),
            namespace => self.is_new_form || namespace == self.namespace,
        };
        if !fits {
            let path = Path::new("involvedObject");
            errors.invalid(&path.child("namespace"), self.of_object, "does not match event.namespace");
        }
        if self.is_new_form {
            let path = Path::new(self.controller_field);
            required(self.controller, &path, errors);
            errors.invalid_each(&path, self.controller, qualified_name(self.controller));
            for (field, text) in [("reportingInstance", self.instance), ("action", self.action), ("reason", self.reason)] {
                required(text, &Path::new(field), errors);
                at_most(text, NAME_LENGTH, field, errors);
            }
            at_most(self.message, NOTE_LENGTH, "message", errors);
        }
        errors.invalid_each(&Path::new("namespace"), self.namespace, dns_subdomain(self.namespace));
    }
}

fn at_most(text: &str, length: usize, field: &str, errors: &mut ErrorList) {
    if text.len() > length {
        errors.invalid(&Path::new(field), "", &format!("can have at most {length} characters"));
    }
}

fn of_core(event: &Event) -> Parts<'_> {
    Parts {
        namespace: text(&event.metadata.namespace),
        of_object: text(&event.involved_object.namespace),
        is_new_form: event.event_time.is_some(),
        controller_field: "reportingComponent",
        controller: text(&event.reporting_component),
        instance: text(&event.reporting_instance),
        action: text(&event.action),
        reason: text(&event.reason),
        message: text(&event.message),
    }
}

fn of_view(event: &EventView) -> Parts<'_> {
    Parts {
        namespace: text(&event.metadata.namespace),
        of_object: event.regarding.as_ref().map_or("", |object| text(&object.namespace)),
        is_new_form: event.event_time.is_some(),
        controller_field: "reportingController",
        controller: text(&event.reporting_controller),
        instance: text(&event.reporting_instance),
        action: text(&event.action),
        reason: text(&event.reason),
        message: text(&event.note),
    }
}

/// In core v1 only what was always judged.
pub fn core_event(event: &Event) -> ErrorList {
    let mut errors = ErrorList::default();
    of_core(event).judge(&mut errors);
    errors
}

pub fn core_event_update(new: &Event, _old: &Event) -> ErrorList {
    core_event(new)
}

pub fn event(event: &EventView) -> ErrorList {
    let mut errors = ErrorList::default();
    of_view(event).judge(&mut errors);
    errors.extend(object_meta(&event.metadata, true, NameForm::Subdomain, &Path::new("metadata")));
    series(event, &mut errors);
    if event.event_time.is_none() {
        errors.required(&Path::new("eventTime"), "");
    }
    let kind = text(&event.type_);
    if !matches!(kind, "Normal" | "Warning") {
        errors.invalid(&Path::new("type"), "", &format!("has invalid value: {kind}"));
    }
    for (field, is_set) in [
        ("firstTimestamp", event.deprecated_first_timestamp.is_some()),
        ("lastTimestamp", event.deprecated_last_timestamp.is_some()),
        ("count", event.deprecated_count.is_some_and(|count| count != 0)),
        (
            "source",
            event.deprecated_source.as_ref().is_some_and(|source| !text(&source.component).is_empty() || !text(&source.host).is_empty()),
        ),
    ] {
        if is_set {
            errors.invalid(&Path::new(field), "", "needs to be unset");
        }
    }
    errors
}

fn series(event: &EventView, errors: &mut ErrorList) {
    let Some(series) = &event.series else { return };
    let path = Path::new("series");
    if series.count < 2 {
        errors.invalid(&path.child("count"), "", "should be at least 2");
    }
    if series.last_observed_time.0.as_second() == ZERO_TIME {
        errors.required(&path.child("lastObservedTime"), "");
    }
}

/// All but the series, and the time's form, is fixed.
pub fn event_update(new: &EventView, old: &EventView) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    of_view(new).judge(&mut errors);
    if new.series != old.series {
        series(new, &mut errors);
    }
    errors.immutable(&Path::new("involvedObject"), &new.regarding, &old.regarding, struct_of(&new.regarding));
    errors.immutable(&Path::new("reason"), &new.reason, &old.reason, text(&new.reason));
    errors.immutable(&Path::new("message"), &new.note, &old.note, text(&new.note));
    errors.immutable(&Path::new("source"), &new.deprecated_source, &old.deprecated_source, struct_of(&new.deprecated_source));
    let (first, last) = (&new.deprecated_first_timestamp, &new.deprecated_last_timestamp);
    errors.immutable(&Path::new("firstTimestamp"), first, &old.deprecated_first_timestamp, json!(first));
    errors.immutable(&Path::new("lastTimestamp"), last, &old.deprecated_last_timestamp, json!(last));
    errors.immutable(&Path::new("count"), &new.deprecated_count, &old.deprecated_count, new.deprecated_count.unwrap_or_default());
    errors.immutable(&Path::new("type"), &new.type_, &old.type_, text(&new.type_));
    errors.immutable(&Path::new("eventTime"), &new.event_time, &old.event_time, json!(new.event_time));
    errors.immutable(&Path::new("action"), &new.action, &old.action, text(&new.action));
    errors.immutable(&Path::new("related"), &new.related, &old.related, struct_of(&new.related));
    let (controller, instance) = (&new.reporting_controller, &new.reporting_instance);
    errors.immutable(&Path::new("reportingController"), controller, &old.reporting_controller, text(controller));
    errors.immutable(&Path::new("reportingInstance"), instance, &old.reporting_instance, text(instance));
    errors
}
