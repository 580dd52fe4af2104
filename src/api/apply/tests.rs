use serde_json::{Value, json};

use super::*;

fn writer(manager: &str, applies: bool) -> Writer {
    Writer { manager: manager.into(), applies, api_version: "v1".into(), subresource: String::new() }
}

fn tracked<'a>(schema: &'a str, writer: &'a Writer) -> Tracked<'a> {
    Tracked { schema: schema.into(), writer, ignored: &["status"], now: "2026-01-01T00:00:00Z".into() }
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data})
}

/// Applies one after another: manager, data, forced. Gives the data and who has what.
fn story(steps: &[(&str, Value, bool)]) -> Result<(Value, Vec<(String, Value)>), Refused> {
    let (mut object, mut managed) = (json!({"metadata": {}}), Managed::default());
    for (manager, data, force) in steps {
        let writer = writer(manager, true);
        let (new, then) = tracked("core.v1.ConfigMap", &writer).apply(&object, &map(data.clone()), managed, *force)?;
        (object, managed) = (new.unwrap_or(object), then);
    }
    let entries = managed.entries().iter().map(|entry| (entry.manager.clone(), entry.fields.clone())).collect();
    Ok((object["data"].clone(), entries))
}

#[test]
fn what_a_manager_no_longer_applies_goes_unless_another_has_it() {
    let (data, entries) =
        story(&[("a", json!({"x": "1", "y": "1"}), false), ("b", json!({"x": "1"}), false), ("a", json!({}), false)]).unwrap();
    assert_eq!(data, json!({"x": "1"}));
    assert_eq!(entries, [("a".into(), json!({"f:data": {}})), ("b".into(), json!({"f:data": {"f:x": {}}}))]);
}

#[test]
fn another_value_is_a_conflict_that_force_takes_over() {
    let first = ("a", json!({"x": "1", "y": "1"}), false);
    let conflicts = vec![("\"a\"".to_owned(), ".data.x".to_owned()), ("\"a\"".to_owned(), ".data.y".to_owned())];
    assert_eq!(story(&[first.clone(), ("b", json!({"x": "2", "y": "2"}), false)]), Err(Refused::Conflicts(conflicts)));
    let (data, entries) = story(&[first, ("b", json!({"x": "2"}), true)]).unwrap();
    assert_eq!(data, json!({"x": "2", "y": "1"}));
    assert_eq!(entries, [("a".into(), json!({"f:data": {"f:y": {}}})), ("b".into(), json!({"f:data": {"f:x": {}}}))]);
}

#[test]
fn an_update_takes_the_fields_that_it_changes() {
    let (applier, editor) = (writer("a", true), writer("e", false));
    let (object, managed) = tracked("core.v1.ConfigMap", &applier)
        .apply(&json!({"metadata": {}}), &map(json!({"x": "1", "y": "1"})), Managed::default(), false)
        .unwrap();
    let object = object.unwrap();
    let changed = map(json!({"x": "2", "z": "1"}));
    let managed = tracked("core.v1.ConfigMap", &editor).update(&object, &changed, managed);
    let entries = managed.clone().write().unwrap();
    let managers: Vec<&Value> = entries.as_array().unwrap().iter().map(|entry| &entry["manager"]).collect();
    assert_eq!((managers, &entries[0]["fieldsV1"]), (vec![&json!("e")], &json!({"f:data": {"f:x": {}, "f:z": {}}})));
    assert_eq!(Managed::read(&entries), Some(Managed::known(&entries)));
    assert_eq!(tracked("core.v1.ConfigMap", &editor).update(&changed, &changed, managed.clone()), managed);
}

#[test]
fn containers_have_owners_of_their_own_and_keep_the_order_that_is_applied() {
    let pod = |names: &[&str]| {
        let containers: Vec<Value> = names.iter().map(|name| json!({"name": name, "image": "i"})).collect();
        json!({"metadata": {"name": "p"}, "spec": {"containers": containers}})
    };
    let (a, b) = (writer("a", true), writer("b", true));
    let zero = json!({"metadata": {}, "spec": {"containers": null}, "status": {}});
    let (first, managed) = tracked("core.v1.Pod", &a).apply(&zero, &pod(&["one", "two"]), Managed::default(), false).unwrap();
    let (second, managed) = tracked("core.v1.Pod", &b).apply(&first.unwrap(), &pod(&["three", "one"]), managed, false).unwrap();
    let names = |pod: &Value| -> Vec<Value> { pod["spec"]["containers"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect() };
    let second = second.unwrap();
    assert_eq!(names(&second), ["three", "one", "two"]);
    let item = json!({".": {}, "f:image": {}, "f:name": {}});
    assert_eq!(managed.entries()[0].fields["f:spec"]["f:containers"]["k:{\"name\":\"two\"}"], item);
    let (third, _) = tracked("core.v1.Pod", &a).apply(&second, &pod(&["one"]), managed, false).unwrap();
    assert_eq!(names(&third.unwrap()), ["three", "one"]);
}

#[test]
fn what_is_no_object_of_its_type_is_refused_with_the_place() {
    let a = writer("a", true);
    let apply = |schema: &str, applied: Value| {
        tracked(schema, &a).apply(&json!({"metadata": {}}), &applied, Managed::default(), false).unwrap_err()
    };
    let twice = json!({"spec": {"containers": [{"name": "a"}, {"name": "a"}]}});
    for (schema, applied, why) in [
        ("core.v1.ConfigMap", json!({"bogus": 1}), ".bogus: field not declared in schema"),
        ("core.v1.Pod", twice, ".spec.containers: duplicate entries for key [name=\"a\"]"),
        ("core.v1.Pod", json!({"spec": {"containers": "x"}}), ".spec.containers: expected list, got \"x\""),
        ("core.v1.ConfigMap", json!({"data": {"a": 1}}), ".data.a: expected string, got 1"),
    ] {
        assert_eq!(apply(schema, applied), Refused::Malformed(why.into()));
    }
}

#[test]
fn of_many_that_update_the_oldest_become_one() {
    let (mut object, mut managed) = (map(json!({})), Managed::default());
    for index in 0..13 {
        let mut changed = object.clone();
        changed["data"][format!("k{index:02}")] = json!("v");
        let editor = writer(&format!("e{index:02}"), false);
        let now = format!("2026-01-01T00:00:{index:02}Z");
        managed = Tracked { now, ..tracked("core.v1.ConfigMap", &editor) }.update(&object, &changed, managed);
        object = changed;
    }
    let managers: Vec<&str> = managed.entries().iter().map(|entry| entry.manager.as_str()).collect();
    assert_eq!((managers.len(), managers.contains(&"ancient-changes"), managers.contains(&"e12")), (10, true, true));
}
