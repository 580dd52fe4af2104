//! What the server writes although it is empty.

use serde_json::{Map, Value};

use super::TypeRef;
use super::facts::{Facts, Field, Presence, Shape, Type};

/// Adds the fields of a type that Go always writes: structs as `{}`, scalars as their zero, lists and pointers as `null`. There are none in what
/// a definition declares.
pub fn finish<'a>(schema: impl Into<TypeRef<'a>>, object: &mut Value) {
    let TypeRef::Known(schema) = schema.into() else { return };
    let facts = Facts::get();
    if let (Some(known), Value::Object(fields)) = (facts.named(schema), object) {
        structure(facts, known, fields);
    }
}

fn structure(facts: &Facts, known: &Type, fields: &mut Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        if let Some(field) = known.field(name) {
            within(facts, &field.shape, value);
        }
    }
    for field in known.fields.iter().filter(|field| matches!(field.presence, Presence::Always | Presence::PointerNull)) {
        let is_missing = match fields.get(field.name) {
            None => true,
            Some(value) => matches!(field.shape, Shape::List(_) | Shape::Map(_)) && field.shape.is_zero(value),
        };
        if is_missing {
            fields.insert(field.name.to_owned(), empty(facts, field));
        }
    }
}

fn within(facts: &Facts, shape: &Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::Struct(_), Value::Object(fields)) => structure(facts, facts.of(shape).expect("a struct has a type"), fields),
        (Shape::List(item), Value::Array(items)) if is_deep(item) => items.iter_mut().for_each(|value| within(facts, item, value)),
        (Shape::Map(item), Value::Object(items)) if is_deep(item) => items.values_mut().for_each(|value| within(facts, item, value)),
        _ => {}
    }
}

fn is_deep(shape: &Shape) -> bool {
    matches!(shape, Shape::Struct(_) | Shape::List(_) | Shape::Map(_))
}

fn empty(facts: &Facts, field: &Field) -> Value {
    if field.presence == Presence::PointerNull || field.shape == Shape::Bytes {
        return Value::Null;
    }
    let mut value = field.shape.zero();
    within(facts, &field.shape, &mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_go_always_writes_is_there_and_nothing_else() {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "ports": [{}]}], "volumes": []}});
        finish("core.v1.Pod", &mut pod);
        let container = json!({"name": "c", "resources": {}, "ports": [{"containerPort": 0}]});
        assert_eq!(pod, json!({"metadata": {"name": "p"}, "spec": {"containers": [container], "volumes": []}, "status": {}}));
    }

    #[test]
    fn nested_structs_lists_and_times_are_written_empty() {
        let mut slice = json!({"endpoints": []});
        finish("discovery.v1.EndpointSlice", &mut slice);
        assert_eq!(slice, json!({"metadata": {}, "addressType": "", "endpoints": null, "ports": null}));
        let mut node = json!({});
        finish("core.v1.Node", &mut node);
        assert_eq!(node["status"]["daemonEndpoints"], json!({"kubeletEndpoint": {"Port": 0}}));
        assert_eq!(node["status"]["nodeInfo"]["kernelVersion"], "");
        let mut event = json!({"metadata": {}});
        finish("core.v1.Event", &mut event);
        assert_eq!((&event["eventTime"], &event["source"], &event["reportingComponent"]), (&Value::Null, &json!({}), &json!("")));
    }
}
