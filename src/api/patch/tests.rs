use proptest::prelude::*;
use serde_json::json;

use super::*;

const POD: Target<'_> = Target { schema: TypeRef::Known("core.v1.Pod"), group: "", version: "v1", kind: "Pod" };
const CONFIG_MAP: Target<'_> = Target { schema: TypeRef::Known("core.v1.ConfigMap"), group: "", version: "v1", kind: "ConfigMap" };

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "finalizers": ["a", "b"], "labels": {"x": "1"}},
        "spec": {
            "containers": [
                {"name": "a", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["x", "y"],
                    "ports": [{"containerPort": 80, "name": "w"}, {"containerPort": 81}]},
                {"name": "b", "image": "j"},
            ],
            "nodeSelector": {"a": "1", "b": "2"},
            "tolerations": [{"key": "t", "operator": "Exists"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
    })
}

/// The outcome's value at a pointer.
fn strategic(patch: Value, pointer: &str) -> Value {
    let patched = apply(POD, &pod(), &Patch::Strategic(patch), &[], FieldValidation::Strict).unwrap().value;
    patched.pointer(pointer).cloned().unwrap_or_default()
}

#[test]
fn strategic_patches_merge_by_the_facts_and_obey_every_directive() {
    let names = |list: Value| list.as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Value>();
    let containers = |patch: Value| strategic(json!({"spec": {"containers": patch}}), "/spec/containers");
    // Merge keys: one item is changed, another put first, where the patch has it.
    assert_eq!(containers(json!([{"name": "a", "image": "m"}]))[0]["args"], json!(["x", "y"]));
    assert_eq!(containers(json!([{"name": "a", "image": "m"}, {"name": "a", "image": "n"}]))[0]["image"], "n");
    assert_eq!(names(containers(json!([{"name": "c", "image": "k"}]))), json!(["c", "a", "b"]));
    // Lists without a strategy are replaced.
    assert_eq!(containers(json!([{"name": "a", "args": ["z"]}]))[0]["args"], json!(["z"]));
    assert_eq!(strategic(json!({"spec": {"tolerations": []}}), "/spec/tolerations"), Value::Null);
    // $patch.
    assert_eq!(names(containers(json!([{"name": "b", "$patch": "delete"}]))), json!(["a"]));
    assert_eq!(names(containers(json!([{"name": "zz", "$patch": "delete"}]))), json!(["a", "b"]));
    assert_eq!(names(containers(json!([{"name": "n", "image": "i"}, {"$patch": "replace"}]))), json!(["n"]));
    let env = json!([{"name": "a", "env": [{"name": "A", "$patch": "delete"}]}]);
    assert_eq!(names(containers(env)[0]["env"].clone()), json!(["B"]));
    assert_eq!(strategic(json!({"spec": {"nodeSelector": {"$patch": "delete"}}}), "/spec/nodeSelector"), Value::Null);
    assert_eq!(strategic(json!({"spec": {"nodeSelector": {"$patch": "replace", "c": "3"}}}), "/spec/nodeSelector"), json!({"c": "3"}));
    // $retainKeys.
    let volume = json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}});
    assert_eq!(strategic(volume, "/spec/volumes"), json!([{"name": "v", "hostPath": {"path": "/x"}}]));
    // $setElementOrder.
    let order =
        json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "image": "m"}]}});
    assert_eq!(names(strategic(order, "/spec/containers")), json!(["b", "a"]));
    // Lists of scalars.
    let finalizers = |patch: Value| strategic(json!({"metadata": patch}), "/metadata/finalizers");
    assert_eq!(finalizers(json!({"finalizers": ["c"]})), json!(["c", "a", "b"]));
    assert_eq!(finalizers(json!({"$deleteFromPrimitiveList/finalizers": ["a"]})), json!(["b"]));
    let both = json!({"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["c", "b"], "finalizers": ["c"]});
    assert_eq!(finalizers(both), json!(["c", "b"]));
    // Nulls.
    assert_eq!(strategic(json!({"spec": {"nodeSelector": {"a": null, "z": null}}}), "/spec/nodeSelector"), json!({"b": "2"}));
    assert_eq!(strategic(json!({"metadata": {"annotations": {"n": null, "m": "1"}}}), "/metadata/annotations"), json!({"m": "1"}));
}

#[test]
fn patches_that_cannot_be_applied_are_refused_in_upstreams_words() {
    let invalid = |shown: &str, why: &str| format!(" \"\" is invalid: patch: Invalid value: {shown:?}: {why}");
    for (patch, code, message) in [
        (
            Patch::Merge(json!([])),
            400,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}".into(),
        ),
        (
            Patch::Merge(json!({"metadata": null, "spec": "text"})),
            422,
            invalid(
                r#"{"apiVersion":"v1","kind":"Pod","spec":"text"}"#,
                "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
            ),
        ),
        (
            Patch::Strategic(json!({"spec": {"bogus": 1}})),
            422,
            invalid("map[spec:map[bogus:1]]", "strict decoding error: unknown field \"spec.bogus\""),
        ),
        (
            Patch::Strategic(json!({"spec": {"containers": "text"}})),
            422,
            invalid("map[spec:map[containers:text]]", "cannot restore slice from string"),
        ),
        (
            Patch::Strategic(json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["emptyDir"]}]}})),
            400,
            "invalid patch format of retainKeys".into(),
        ),
        (
            Patch::Strategic(json!({"spec": {"containers": [{"image": "x"}]}})),
            500,
            "map: map[image:x] does not contain declared merge key: name".into(),
        ),
        (
            Patch::Strategic(json!({"spec": {"nodeSelector": {"$patch": "shred"}}})),
            500,
            "unknown patch type: shred in map: map[$patch:shred]".into(),
        ),
        (Patch::Strategic(json!({"metadata": {"finalizers": [["a"]]}})), 500, "list element types are not identical: [[a b] [[a]]]".into()),
        (Patch::Json(json!({})), 400, "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch".into()),
        (
            Patch::Json(Value::from(vec![json!({"op": "test", "path": "", "value": 1}); 10_001])),
            413,
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001".into(),
        ),
    ] {
        let status = apply(POD, &pod(), &patch, &[], FieldValidation::Strict).unwrap_err();
        assert_eq!((status.code, status.message), (code, message), "{patch:?}");
    }
}

#[test]
fn json_patches_change_what_their_pointers_name_or_nothing() {
    let object = json!({"metadata": {"name": "c", "finalizers": ["a", "b"]}, "data": {"a": "1"}});
    let patched = |operations: Value| apply(CONFIG_MAP, &object, &Patch::Json(operations), &[], FieldValidation::Strict);
    let replaced = patched(json!([{"op": "replace", "path": "/data/b", "value": "2"}])).unwrap().value;
    assert_eq!(replaced["data"], json!({"a": "1", "b": "2"}));
    let finalizers = json!([
        {"op": "test", "path": "/metadata/annotations", "value": null},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "c"},
        {"op": "add", "path": "/metadata/finalizers/0", "value": "z"},
        {"op": "remove", "path": "/metadata/finalizers/1"},
        {"op": "copy", "from": "/data/a", "path": "/data/t~0x~1y"},
    ]);
    let value = patched(finalizers).unwrap().value;
    assert_eq!((&value["metadata"]["finalizers"], &value["data"]), (&json!(["z", "b", "c"]), &json!({"a": "1", "t~x/y": "1"})));
    for operation in [
        json!({"op": "frobnicate", "path": "/data/a"}),
        json!({"op": "remove", "path": "/metadata/finalizers/9"}),
        json!({"op": "add", "path": "/metadata/annotations/x", "value": "y"}),
        json!({"op": "test", "path": "/data/none", "value": "5"}),
        json!({"op": "test", "path": "/data/a", "value": null}),
        json!({"op": "test", "path": "/none/none", "value": null}),
        json!({"op": "replace", "path": "/none/none", "value": "5"}),
    ] {
        let status = patched(json!([operation])).unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (422, "the server rejected our request due to an error in our request"));
    }
    let doubling: Vec<Value> = (0..64).map(|n| json!({"op": "copy", "from": "/data", "path": format!("/data/{n}")})).collect();
    assert_eq!(patched(doubling.into()).unwrap_err().code, 413);
}

fn items() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", "[x-z]", 0..5)
        .prop_map(|items| items.into_iter().map(|(name, image)| json!({"name": name, "image": image})).collect::<Value>())
}

proptest! {
    #[test]
    fn a_strategic_patch_applied_twice_is_as_applied_once(live in items(), patch in items()) {
        let object = json!({"metadata": {"name": "p"}, "spec": {"containers": live}});
        let patch = Patch::Strategic(json!({"spec": {"containers": patch}}));
        let once = apply(POD, &object, &patch, &[], FieldValidation::Strict).unwrap().value;
        prop_assert_eq!(&apply(POD, &once, &patch, &[], FieldValidation::Strict).unwrap().value, &once);
    }

    #[test]
    fn an_empty_strategic_patch_and_the_object_itself_change_nothing(live in items()) {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": live}});
        let decoded = apply(POD, &object, &Patch::Strategic(json!({})), &[], FieldValidation::Strict).unwrap().value;
        let itself = apply(POD, &decoded, &Patch::Strategic(decoded.clone()), &[], FieldValidation::Strict).unwrap().value;
        prop_assert_eq!(itself, decoded);
    }

    #[test]
    fn everything_that_a_strategic_patch_names_is_in_the_outcome(live in items(), patch in items()) {
        let object = json!({"spec": {"containers": live}});
        let outcome = apply(POD, &object, &Patch::Strategic(json!({"spec": {"containers": patch}})), &[], FieldValidation::Strict).unwrap().value;
        let outcome = outcome["spec"]["containers"].as_array().cloned().unwrap_or_default();
        for item in patch.as_array().unwrap() {
            prop_assert!(outcome.contains(item));
        }
        let kept = live.as_array().unwrap().iter().filter(|item| outcome.iter().any(|other| other["name"] == item["name"])).count();
        prop_assert_eq!(kept, live.as_array().unwrap().len());
    }
}
