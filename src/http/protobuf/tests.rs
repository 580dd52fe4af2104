//! What is written is read again, field by field.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{body, decode, event, is_encodable, list, object};
use crate::api::kinds::Registry;
use crate::api::schema::{Facts, sample};

#[test]
fn every_field_of_every_kind_comes_back_as_it_was() {
    let kinds = Registry::built_in().all();
    let mut seen = 0;
    for kind in kinds {
        let schema = kind.schema.known().unwrap();
        assert!(is_encodable(schema), "{schema}");
        let mut expected = sample(Facts::get().named(schema).unwrap());
        expected["apiVersion"] = kind.api_version().to_string().into();
        expected["kind"] = kind.kind().to_string().into();
        let written = body(&expected).unwrap();
        assert_eq!(decode(&written).unwrap(), Some(expected), "{schema}");
        seen += 1;
    }
    assert!(seen > 50, "{seen} kinds");
}

#[test]
fn a_schema_may_stand_alone_where_a_list_or_a_flag_may_stand() {
    let definition = |props: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"},
            "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": props}}]}})
    };
    for props in [
        json!({"items": {"type": "string", "enum": ["a", 1]}}),
        json!({"additionalProperties": true, "maximum": 3.0, "default": {"x": null}}),
        json!({"dependencies": {"a": {"type": "string"}, "b": ["c"]}}),
    ] {
        let object = definition(props);
        assert_eq!(decode(&body(&object).unwrap()).unwrap(), Some(object));
    }
}

#[test]
fn an_object_stands_in_its_envelope() {
    let written = body(&json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}, "metadata": {"name": "c"}})).unwrap();
    let expected: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x0d\x12\x06\x0a\x01a\x12\x01b\x0a\x03\x0a\x01c\x1a\x00\x22\x00";
    assert_eq!(written, expected);
}

#[test]
fn a_list_and_an_event_hold_what_was_written_before() {
    let pod = |name: &str| object("core.v1.Pod", json!({"metadata": {"name": name}}).to_string().as_bytes()).unwrap();
    let (a, b) = (pod("a"), pod("b"));
    let written = list("v1", "PodList", &json!({"resourceVersion": "7"}), &[&a, &b]).unwrap();
    let message: &[u8] = b"\x0a\x03\x12\x017\x12\x05\x0a\x03\x0a\x01a\x12\x05\x0a\x03\x0a\x01b";
    assert!(written.windows(message.len()).any(|window| window == message), "{written:?}");
    let mut chunk = BytesMut::new();
    event(&mut chunk, "ADDED", b"xyz");
    assert_eq!(&chunk[..], b"\0\0\0\x0e\x0a\x05ADDED\x12\x05\x0a\x03xyz");
}

#[test]
fn what_is_none_of_its_type_is_refused() {
    for (json, why) in [
        (json!({"metadata": {"name": 7}}), "a number where Text belongs"),
        (json!({"metadata": []}), "a list where"),
        (json!({"metadata": {"creationTimestamp": "yesterday"}}), "year"),
        (json!({"spec": {"containers": {"name": "x"}}}), "an object where List"),
    ] {
        let error = object("core.v1.Pod", json.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(object("example.com.v1.Thing", b"{}").is_err());
}
