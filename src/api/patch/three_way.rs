//! The patch that an apply sends: what a manifest says now, less what it no longer says, as far as the object differs from it
//! (the concept's page on declarative management: "How apply calculates differences").

use serde_json::{Map, Value, json};

use crate::api::schema::{Facts, Field, Shape, Type};

/// The strategic merge patch that brings `current` to what `next` says, taking out what `last`, the manifest applied before, said and
/// `next` does not. What neither says is left alone. Empty if there is nothing to do.
///
/// `schema` is the type's name in the facts (`core.v1.Pod`); of a type that has none, maps are merged and lists are replaced.
pub fn three_way(schema: &str, last: &Value, next: &Value, current: &Value) -> Value {
    map(Facts::get().named(schema), last, next, current)
}

fn map(of: Option<&Type>, last: &Value, next: &Value, current: &Value) -> Value {
    let mut patch = Map::new();
    for (name, wanted) in next.as_object().into_iter().flatten() {
        let field = of.and_then(|of| of.field(name));
        if field.is_some_and(|field| field.merges && field.merge_key.is_none()) {
            set(name, &last[name], wanted, &current[name], &mut patch);
        } else if let Some(change) = change(field, &last[name], wanted, &current[name]) {
            patch.insert(name.clone(), change);
        }
    }
    for name in last.as_object().into_iter().flat_map(Map::keys) {
        if next.get(name).is_none() && current.get(name).is_some() {
            patch.insert(name.clone(), Value::Null);
        }
    }
    Value::Object(patch)
}

/// What a field's value must be patched with, if anything.
fn change(field: Option<&Field>, last: &Value, next: &Value, current: &Value) -> Option<Value> {
    match (next, current) {
        (Value::Object(_), Value::Object(_)) => {
            let patch = map(field.and_then(|field| Facts::get().of(&field.shape)), last, next, current);
            patch.as_object().is_some_and(|fields| !fields.is_empty()).then_some(patch)
        }
        (Value::Array(wanted), Value::Array(there)) => match field.and_then(|field| Some((field, field.merge_key?))) {
            Some((field, key)) => list(field, key, items(last), wanted, there),
            None => (next != current).then(|| next.clone()),
        },
        _ => (next != current).then(|| next.clone()),
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A list whose items are told apart by a key.
fn list(field: &Field, key: &str, last: &[Value], next: &[Value], current: &[Value]) -> Option<Value> {
    let of = match &field.shape {
        Shape::List(item) => Facts::get().of(item),
        _ => None,
    };
    let same = |list: &'_ [Value], item: &Value| list.iter().find(|other| other[key] == item[key]).cloned();
    let mut patch = Vec::new();
    for item in next {
        let Some(there) = same(current, item) else {
            patch.push(item.clone());
            continue;
        };
        let mut change = map(of, &same(last, item).unwrap_or_default(), item, &there);
        if change.as_object().is_some_and(|fields| !fields.is_empty()) {
            change[key] = item[key].clone();
            patch.push(change);
        }
    }
    for item in last.iter().filter(|item| same(next, item).is_none() && same(current, item).is_some()) {
        patch.push(json!({"$patch": "delete", key: item[key]}));
    }
    (!patch.is_empty()).then_some(Value::Array(patch))
}

/// A list whose items are told apart by themselves: what is new is listed, what is to go stands in a list beside it.
fn set(name: &str, last: &Value, next: &Value, current: &Value, patch: &mut Map<String, Value>) {
    let (last, next, current) = (items(last), items(next), items(current));
    let added: Vec<Value> = next.iter().filter(|item| !current.contains(item)).cloned().collect();
    let dropped: Vec<Value> = current.iter().filter(|item| last.contains(item) && !next.contains(item)).cloned().collect();
    for (name, values) in [(name.to_owned(), added), (format!("$deleteFromPrimitiveList/{name}"), dropped)] {
        if !values.is_empty() {
            patch.insert(name, values.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(last: Value, next: Value, current: Value) -> Value {
        three_way("core.v1.Pod", &last, &next, &current)
    }

    #[test]
    fn what_a_manifest_no_longer_says_goes_and_what_others_say_stays() {
        let last = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
        let next = json!({"metadata": {"labels": {"a": "9"}}});
        let current = json!({"metadata": {"labels": {"a": "1", "b": "2", "theirs": "3"}}});
        assert_eq!(patch(last, next, current), json!({"metadata": {"labels": {"a": "9", "b": null}}}));
    }

    #[test]
    fn what_is_as_wanted_needs_no_patch() {
        let manifest = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
        let current =
            json!({"spec": {"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always"}], "dnsPolicy": "ClusterFirst"}});
        assert_eq!(patch(manifest.clone(), manifest, current), json!({}));
    }

    #[test]
    fn items_of_a_list_are_told_apart_by_their_key() {
        let container = |name: &str, image: &str| json!({"name": name, "image": image});
        let spec = |containers: &[Value]| json!({"spec": {"containers": containers}});
        let last = spec(&[container("a", "1"), container("gone", "1")]);
        let next = spec(&[container("a", "2"), container("new", "1")]);
        let current = spec(&[container("a", "1"), container("gone", "1"), container("theirs", "1")]);
        let expected = spec(&[json!({"image": "2", "name": "a"}), container("new", "1"), json!({"$patch": "delete", "name": "gone"})]);
        assert_eq!(patch(last, next, current), expected);
    }

    #[test]
    fn a_set_of_plain_values_gains_and_loses_only_what_the_manifest_changed() {
        let finalizers = |values: Value| json!({"metadata": {"finalizers": values}});
        let patch =
            patch(finalizers(json!(["a/x", "b/x"])), finalizers(json!(["b/x", "c/x"])), finalizers(json!(["a/x", "b/x", "theirs/x"])));
        assert_eq!(patch, json!({"metadata": {"finalizers": ["c/x"], "$deleteFromPrimitiveList/finalizers": ["a/x"]}}));
    }
}
