use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::schema::finish;

const POD: Target<'_> = Target { schema: TypeRef::Known("core.v1.Pod"), group: "", version: "v1", kind: "Pod" };
const CONFIG_MAP: Target<'_> = Target { schema: TypeRef::Known("core.v1.ConfigMap"), group: "", version: "v1", kind: "ConfigMap" };
const SECRET: Target<'_> = Target { schema: TypeRef::Known("core.v1.Secret"), group: "", version: "v1", kind: "Secret" };
const LEASE: Target<'_> =
    Target { schema: TypeRef::Known("coordination.v1.Lease"), group: "coordination.k8s.io", version: "v1", kind: "Lease" };
const DEPLOYMENT: Target<'_> = Target { schema: TypeRef::Known("apps.v1.Deployment"), group: "apps", version: "v1", kind: "Deployment" };

fn json_of(target: Target<'_>, body: &str) -> Result<Value, String> {
    decode(target, Body::Json(body.as_bytes()), FieldValidation::Ignore).map(|decoded| decoded.value).map_err(|status| {
        assert_eq!(status.code, 400, "{}", status.message);
        status.message
    })
}

#[test]
fn values_that_do_not_fit_are_refused_in_upstreams_words() {
    for (target, body, fault) in [
        (SECRET, r#"{"data":{"a":"!"}}"#, "illegal base64 data at input byte 0"),
        (
            POD,
            r#"{"spec":{"containers":[{"resources":{"limits":{"cpu":"lots"}}}]}}"#,
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            LEASE,
            r#"{"spec":{"renewTime":"yesterday"}}"#,
            "parsing time \"yesterday\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"yesterday\" as \"2006\"",
        ),
        (
            DEPLOYMENT,
            r#"{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":1.5}}"#,
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            POD,
            r#"{"spec":{"containers":[{"name":"a","env":[{"name":"A","value":1}]}]}}"#,
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
        ),
        (
            POD,
            r#"{"spec":{"restartPolicy":{}}}"#,
            "json: cannot unmarshal object into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
        ),
        (CONFIG_MAP, r#"{"data":"text"}"#, "json: cannot unmarshal string into Go struct field ConfigMap.data of type map[string]string"),
    ] {
        let kind = target.kind;
        assert_eq!(json_of(target, body), Err(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {fault}")), "{body}");
    }
}

#[test]
fn bodies_of_no_type_or_of_another_are_refused_in_upstreams_words() {
    let array = "json: cannot unmarshal array into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
                 Kind string \"json:\\\"kind,omitempty\\\"\" } (5b5d)";
    let unrecognised = |why: &str| {
        format!("the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: {why}")
    };
    for (body, message) in [
        ("[]", unrecognised(array)),
        ("", unrecognised("unexpected end of JSON input (<empty>)")),
        (r#"{"a" 1}"#, unrecognised("invalid character '1' after object key ({\"a\" 1})")),
        (
            r#"{"apiVersion":"v2","kind":"ConfigMap"}"#,
            "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for version \"v2\" \
             in scheme \"pkg/api/legacyscheme/scheme.go:30\""
                .into(),
        ),
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{}}"#,
            "Pod in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion".into(),
        ),
        (
            r#"{"apiVersion":"apps/v1","kind":"Deployment"}"#,
            "Deployment in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion"
                .into(),
        ),
    ] {
        assert_eq!(json_of(CONFIG_MAP, body), Err(message), "{body}");
    }
}

#[test]
fn unknown_and_duplicate_fields_are_named_by_their_paths() {
    let body = br#"{"metadata":{"wrong":1,"labels":{"a":"1","a":"2"}},"spec":{"containers":[{},{"nope":{"x":[]}}]},"Spec":{},"spec":{}}"#;
    let strict = decode(POD, Body::Json(body), FieldValidation::Strict).unwrap_err();
    let notes = [
        "unknown field \"metadata.wrong\"",
        "duplicate field \"metadata.labels.a\"",
        "unknown field \"spec.containers[1].nope\"",
        "unknown field \"Spec\"",
        "duplicate field \"spec\"",
    ];
    let all = notes.join(", ");
    assert_eq!(strict.message, format!("Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: {all}"));
    let warned = decode(POD, Body::Json(body), FieldValidation::Warn).unwrap();
    assert_eq!(warned.warnings, notes);
    assert_eq!(warned.value["metadata"]["labels"], json!({"a": "2"}));
    assert_eq!(decode(POD, Body::Json(body), FieldValidation::Ignore).unwrap().warnings, [""; 0]);
}

#[test]
fn what_go_would_not_write_is_gone_and_what_it_would_stays() {
    let body = json!({
        "metadata": {"name": "p", "creationTimestamp": null, "labels": {}, "annotations": {"a": ""}, "nonsense": 1},
        "spec": {
            "hostNetwork": false, "nodeName": "", "automountServiceAccountToken": false, "priority": 0, "tolerations": [],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {"sizeLimit": "1024Mi"}}],
            "containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1000Ki", "x": "100u"}}, "args": [""],
                "livenessProbe": {"httpGet": {"port": "web"}}, "ports": [{"containerPort": 80, "hostPort": 0}]}],
        },
        "status": {},
    });
    let decoded = decode(POD, Body::Json(body.to_string().as_bytes()), FieldValidation::Ignore).unwrap().value;
    let expected = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "annotations": {"a": ""}},
        "spec": {
            "automountServiceAccountToken": false, "priority": 0,
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {"sizeLimit": "1Gi"}}],
            "containers": [{"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "1000Ki", "x": "1m"}}, "args": [""],
                "livenessProbe": {"httpGet": {"port": "web"}}, "ports": [{"containerPort": 80}]}],
        },
    });
    assert_eq!(decoded, expected);
}

#[test]
fn yaml_is_read_like_json() {
    let body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\nfoo: 1\n";
    let decoded = decode(CONFIG_MAP, Body::Yaml(body), FieldValidation::Warn).unwrap();
    assert_eq!(decoded.value, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}));
    assert_eq!(decoded.warnings, ["unknown field \"foo\""]);
    let status = decode(CONFIG_MAP, Body::Yaml(b"a: [\n"), FieldValidation::Warn).unwrap_err();
    let start = "the object provided is unrecognized (must be of type ConfigMap): error converting YAML to JSON: yaml: ";
    assert!(status.message.starts_with(start), "{}", status.message);
}

#[test]
fn nesting_beyond_gos_limit_is_refused_and_strings_do_not_count() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    assert!(json_of(CONFIG_MAP, &deep).unwrap_err().contains("json parse error: exceeded max depth ({\"x\":[["));
    let flat = format!("{{\"x\":{}{}}}", "[".repeat(DEPTH_MAX - 1), "]".repeat(DEPTH_MAX - 1));
    assert!(json_of(CONFIG_MAP, &flat).is_ok());
    let text = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "[\\\"".repeat(2 * DEPTH_MAX));
    assert!(json_of(CONFIG_MAP, &text).is_ok());
}

/// Any JSON whose names are likely to be known.
fn objects() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..100).prop_map(Value::from),
        "(|a|1Gi|0\\.5|YQ==|2020-01-01T00:00:00Z)".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("metadata"),
        Just("spec"),
        Just("containers"),
        Just("name"),
        Just("resources"),
        Just("limits"),
        Just("labels"),
        Just("volumes"),
        Just("emptyDir"),
        Just("sizeLimit"),
        Just("priority"),
        Just("status"),
        Just("startTime"),
        Just("env"),
    ];
    scalar.prop_recursive(6, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn decoding_again_changes_nothing(body in objects()) {
        if let Ok(first) = decode_value(POD, &body, FieldValidation::Ignore) {
            let again = decode_value(POD, &first.value, FieldValidation::Strict).unwrap();
            prop_assert_eq!(&again.value, &first.value);
            let mut finished = first.value.clone();
            finish(POD.schema, &mut finished);
            let mut twice = finished.clone();
            finish(POD.schema, &mut twice);
            prop_assert_eq!(&twice, &finished);
            prop_assert_eq!(decode_value(POD, &finished, FieldValidation::Strict).unwrap().value, first.value);
        }
    }
}
