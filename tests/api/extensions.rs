//! What extends the API, and who may use it: judged in upstream's words.

use serde_json::{Value, json};

use super::validation::{judge, judge_update};

fn rule(rule: Value) -> Value {
    json!({ "rules": [rule] })
}

#[test]
fn a_role_says_what_may_be_done_to_what() {
    for (kind, object, wrong) in [
        ("Role", json!({"metadata": {"name": "system:a.b"}}), vec![]),
        ("Role", json!({"metadata": {"name": ".."}}), vec!["metadata.name: Invalid value: \"..\": may not be '..'"]),
        ("Role", rule(json!({"apiGroups": [""], "resources": ["a", "b"], "resourceNames": ["c"], "verbs": ["get"]})), vec![]),
        (
            "Role",
            rule(json!({"nonResourceURLs": ["/x"], "resources": ["a"], "verbs": ["get"]})),
            vec![
                "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
                "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: rules cannot apply to both regular resources and non-resource URLs",
            ],
        ),
        (
            "ClusterRole",
            json!({"aggregationRule": {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "Nope"}]}]}}),
            vec![
                "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: \"Nope\": not a valid selector operator",
            ],
        ),
        (
            "ClusterRoleBinding",
            json!({"roleRef": {"kind": "Role"}, "subjects": [{"kind": "ServiceAccount", "name": "a"}, {"kind": "Group", "name": ""}]}),
            vec![
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
                "roleRef.name: Required value",
                "subjects[0].namespace: Required value",
                "subjects[1].name: Required value",
                "subjects[1].name: Invalid value: \"\": group name cannot be empty",
            ],
        ),
    ] {
        assert_eq!(judge(kind, object.clone()), wrong, "{object}");
    }
}

#[test]
fn a_binding_keeps_its_role() {
    let binding = json!({"roleRef": {"kind": "ClusterRole", "name": "view"}});
    let changed = judge_update("RoleBinding", binding.clone(), json!({"roleRef": {"name": "edit"}}), None);
    assert_eq!(changed.len(), 1);
    assert!(changed[0].ends_with("cannot change roleRef"), "{changed:?}");
    assert_eq!(judge_update("RoleBinding", binding, json!({"subjects": [{"kind": "User", "name": "u"}]}), None), [""; 0]);
}

fn level(spec: Value) -> Vec<String> {
    judge("PriorityLevelConfiguration", json!({ "spec": spec }))
}

#[test]
fn a_priority_level_is_exempt_or_limited() {
    assert_eq!(level(json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}})), [""; 0]);
    assert_eq!(
        level(json!({"type": "Exempt", "limited": {"limitResponse": {"type": "Reject"}}})),
        [
            "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
            "spec.limited: Forbidden: must be nil if the type is not Limited",
        ]
    );
    let queuing = |queuing: Value| level(json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": queuing}}}));
    let at = "spec.limited.limitResponse.queuing";
    assert_eq!(
        queuing(json!({"queues": 4, "handSize": 5, "queueLengthLimit": -1})),
        [
            format!("{at}.queueLengthLimit: Invalid value: -1: must be positive"),
            format!("{at}.handSize: Invalid value: 5: should not be greater than queues (4)"),
        ]
    );
    assert_eq!(
        queuing(json!({"queues": 512, "handSize": 8})),
        [format!("{at}.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60")]
    );
}

#[test]
fn what_every_server_needs_is_as_it_is() {
    let changed =
        judge("FlowSchema", json!({"metadata": {"name": "catch-all"}, "spec": {"priorityLevelConfiguration": {"name": "system"}}}));
    assert!(changed.len() == 1 && changed[0].ends_with("spec of 'catch-all' must equal the fixed value"), "{changed:?}");
    let shares = json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 5, "lendablePercent": 1}});
    assert_eq!(judge("PriorityLevelConfiguration", json!({"metadata": {"name": "exempt"}, "spec": shares})), [""; 0]);
}

fn webhook(fields: Value) -> Vec<String> {
    let mut hook =
        json!({"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://h/x"}});
    json_patch::merge(&mut hook, &fields);
    judge("ValidatingWebhookConfiguration", json!({ "webhooks": [hook] }))
}

#[test]
fn a_webhook_is_somewhere_and_asked_about_something() {
    let form = "; desired format: https://host[/path]";
    for (fields, wrong) in [
        (json!({}), vec![]),
        (
            json!({"clientConfig": {"url": "http://u:p@h/x?q#f"}}),
            vec![
                format!("webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme{form}"),
                "webhooks[0].clientConfig.url: Invalid value: \"u:p\": user information is not permitted in the URL".to_owned(),
                "webhooks[0].clientConfig.url: Invalid value: \"f\": fragments are not permitted in the URL".to_owned(),
                "webhooks[0].clientConfig.url: Invalid value: \"q\": query parameters are not permitted in the URL".to_owned(),
            ],
        ),
        (
            json!({"rules": [{"operations": ["*", "CREATE"], "apiGroups": [""], "apiVersions": [""], "resources": ["*", "pods", "pods/*", "pods/x"]}]}),
            vec![
                "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not specify other operations"
                    .to_owned(),
                "webhooks[0].rules[0].apiVersions[0]: Required value".to_owned(),
                "webhooks[0].rules[0].resources[3]: Invalid value: \"pods/x\": if 'pods/*' is present, must not specify pods/x".to_owned(),
                "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\",\"pods/*\",\"pods/x\"]: if '*' is present, must not specify \
                 other resources without subresources"
                    .to_owned(),
            ],
        ),
        (
            json!({"matchConditions": [{"name": "a", "expression": "object.x"}]}),
            vec!["webhooks[0].matchConditions[0].expression: Invalid value: \"object.x\": must evaluate to bool but got dyn".to_owned()],
        ),
    ] {
        assert_eq!(webhook(fields.clone()), wrong, "{fields}");
    }
}

fn policy(fields: Value) -> Vec<String> {
    let rules = json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]);
    let mut spec = json!({"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": "true"}]});
    json_patch::merge(&mut spec, &fields);
    judge("ValidatingAdmissionPolicy", json!({ "spec": spec }))
}

#[test]
fn a_policys_expressions_speak_of_what_there_is() {
    for fields in [
        json!({}),
        json!({"validations": [{"expression": "request.userInfo.groups.exists(g, g == 'a')", "messageExpression": "'at ' + object.spec.x"}]}),
        json!({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "validations": [{"expression": "params.data.a == object.metadata.name"}]}),
        json!({"variables": [{"name": "a", "expression": "1"}, {"name": "b", "expression": "variables.a + 1"}],
            "validations": [{"expression": "variables.b > 1"}]}),
        json!({"validations": [{"expression": "authorizer.group('').resource('pods').check('create').allowed()"}]}),
    ] {
        assert_eq!(policy(fields.clone()), [""; 0], "{fields}");
    }
    for (fields, field) in [
        (json!({"validations": [{"expression": "params.a == 1"}]}), "spec.validations[0].expression"),
        (json!({"validations": [{"expression": "variables.a == 1"}]}), "spec.validations[0].expression"),
        (json!({"validations": [{"expression": "request.nope == 1"}]}), "spec.validations[0].expression"),
        (json!({"validations": [{"expression": "true", "messageExpression": "authorizer.x"}]}), "spec.validations[0].messageExpression"),
        (json!({"variables": [{"name": "a", "expression": "variables.a"}]}), "spec.variables[0].expression"),
    ] {
        let wrong = policy(fields.clone());
        assert!(wrong.len() == 1 && wrong[0].starts_with(field) && wrong[0].contains("compilation failed"), "{fields}: {wrong:?}");
    }
}

/// A definition of one version with that schema.
fn definition(schema: Value) -> Value {
    let versions = json!([{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]);
    let names = json!({"plural": "things", "kind": "Thing"});
    let spec = json!({"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions});
    json!({"metadata": {"name": "things.example.com"}, "spec": spec})
}

fn schema(properties: Value) -> Vec<String> {
    judge("CustomResourceDefinition", definition(json!({"type": "object", "properties": properties})))
}

#[test]
fn a_schema_is_structural() {
    let at = "spec.validation.openAPIV3Schema";
    for (properties, wrong) in [
        (json!({"a": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}}), vec![]),
        (json!({"metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}}}), vec![]),
        (
            json!({"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}),
            vec![format!(
                "{at}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"
            )],
        ),
        (json!({"a": {}}), vec![format!("{at}.properties[a].type: Required value: must not be empty for specified object fields")]),
        (
            json!({"a": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}}}),
            vec![format!(
                "{at}.properties[a].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with \
                 x-kubernetes-list-type=set"
            )],
        ),
        (
            json!({"a": {"type": "object", "default": {"b": -1}, "properties": {"b": {"type": "integer", "minimum": 0}}}}),
            vec![format!("{at}.properties[a].default.b: Invalid value: -1: b in body should be greater than or equal to 0")],
        ),
    ] {
        assert_eq!(schema(properties.clone()), wrong, "{properties}");
    }
    let combined = json!({"type": "object", "oneOf": [{"properties": {"b": {"minimum": 1}}}]});
    assert_eq!(
        judge("CustomResourceDefinition", definition(combined)),
        [format!("{at}.properties[b]: Required value: because it is defined in {at}.oneOf[0].properties[b]")]
    );
}

#[test]
fn the_rules_of_a_schema_know_its_fields() {
    let of = |rule: Value, properties: Value| {
        schema(json!({"a": {"type": "object", "properties": properties, "x-kubernetes-validations": [rule]}}))
    };
    let properties = json!({"n": {"type": "integer"}, "x-y": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}}});
    for rule in ["self.n > 1", "self.x__dash__y != ''", "self.l.all(x, x.startsWith('a'))", "has(self.n) || self.n == oldSelf.n"] {
        assert_eq!(of(json!({ "rule": rule }), properties.clone()), [""; 0], "{rule}");
    }
    for rule in ["self.nope", "self.n", "self.n == 'a'", "self.l.all(x, x > 1)"] {
        assert_eq!(of(json!({ "rule": rule }), properties.clone()).len(), 1, "{rule}");
    }
    let path = of(json!({"rule": "true", "fieldPath": ".nope"}), properties.clone());
    assert!(path[0].ends_with("fieldPath: Invalid value: \".nope\": must be a valid path"), "{path:?}");
    let unused = of(json!({"rule": "true", "optionalOldSelf": true}), properties);
    assert!(unused[0].ends_with("optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"), "{unused:?}");
}

#[test]
fn what_is_established_keeps_its_kind() {
    let mut object = definition(json!({"type": "object"}));
    let change = json!({"spec": {"names": {"kind": "Other", "listKind": "OtherList"}, "group": "example.org"}});
    let judged = |object: &Value| judge_update("CustomResourceDefinition", object.clone(), change.clone(), None);
    assert_eq!(judged(&object), ["spec.group: Invalid value: \"example.org\": field is immutable"]);
    object["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
    assert_eq!(judged(&object)[0], "spec.names.kind: Invalid value: \"Other\": field is immutable");
}
