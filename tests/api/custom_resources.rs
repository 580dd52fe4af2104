//! Objects of what definitions declare: served as soon as that is established, as the newest definition says.

use std::sync::Arc;

use kabuki::api::client::{DeleteOptions, FieldValidation, ListOptions, Patch, WriteOptions};
use kabuki::api::kinds::{KindRef, Subresource};
use kabuki::api::schema::Body;
use kabuki::api::status::Status;
use kabuki::api::verbs::{Api, Call, Settings, Target, User};
use kabuki::runtime::entropy::Entropy;
use serde_json::{Value, json};

use super::world::{World, call, kind, next, world};

const GROUP: &str = "shop.example.com";
const DEFINITIONS: &str = "customresourcedefinitions";
const NAME: &str = "widgets.shop.example.com";

fn version(name: &str, storage: bool, spec: Value) -> Value {
    let schema =
        json!({"type": "object", "properties": {"spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}})
}

fn definition(versions: Value) -> Value {
    let names = json!({"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"});
    json!({"metadata": {"name": NAME}, "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions}})
}

fn sized(size: Value) -> Value {
    json!({"type": "object", "properties": {"size": size}})
}

fn widget(version: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/{version}"), "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

impl World {
    /// A definition whose names are accepted, as the controller would.
    async fn define(&self, versions: Value) {
        self.create(DEFINITIONS, "", definition(versions)).await.unwrap();
        let accepted = definition(json!([]))["spec"]["names"].take();
        let conditions = json!([{"type": "Established", "status": "True"}]);
        self.merge_definition("status", json!({"status": {"acceptedNames": accepted, "conditions": conditions}})).await;
    }

    async fn merge_definition(&self, subresource: &str, patch: Value) {
        let mut target = Target::new(&kind(DEFINITIONS), "", NAME);
        if subresource == "status" {
            target = target.subresource(Subresource::Status);
        }
        self.api.patch(&call(), &target, &Patch::Merge(patch), &[]).await.unwrap();
    }

    fn widgets(&self, version: &str) -> Option<KindRef> {
        self.api.registry().resource(GROUP, version, "widgets").cloned()
    }

    async fn make(&self, version: &str, name: &str, spec: Value) -> Result<Value, Status> {
        let kind = self.widgets(version).ok_or_else(Status::no_such_resource)?;
        let call = call();
        let body = call.decode_value((&*kind).into(), &widget(version, name, spec))?;
        self.api.create(&call, &kind, "default", body).await.map(|object| object.value())
    }

    async fn shown(&self, version: &str, name: &str) -> Value {
        self.api.get(&self.widgets(version).unwrap(), "default", name).await.unwrap().value()
    }
}

#[test]
fn a_kind_is_there_once_its_definition_is_established_and_no_longer_than_that() {
    world(|world| async move {
        world.create(DEFINITIONS, "", definition(json!([version("v1", true, sized(json!({"type": "integer"})))]))).await.unwrap();
        assert!(world.widgets("v1").is_none());
        let accepted = definition(json!([]))["spec"]["names"].take();
        let conditions = json!([{"type": "Established", "status": "True"}]);
        world.merge_definition("status", json!({"status": {"acceptedNames": accepted, "conditions": conditions}})).await;
        world.make("v1", "a", json!({"size": 1})).await.unwrap();
        let unserved = json!([{"name": "v1", "served": false, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]);
        world.merge_definition("", json!({"spec": {"versions": unserved}})).await;
        assert!(world.widgets("v1").is_none());
    });
}

#[test]
fn another_process_over_the_same_store_serves_the_same() {
    world(|world| async move {
        world.define(json!([version("v1", true, sized(json!({"type": "integer"})))])).await;
        world.make("v1", "a", json!({"size": 1})).await.unwrap();
        let other = Api::new(world.store.clone(), Entropy::from_seed(2), Settings::default());
        let kind = other.registry().resource(GROUP, "v1", "widgets").cloned().unwrap();
        assert_eq!(other.get(&kind, "default", "a").await.unwrap().value()["spec"], json!({"size": 1}));
        let registry = world.api.registry();
        assert!(Arc::ptr_eq(&registry, &world.api.registry()), "made anew only when a definition changes");
    });
}

#[test]
fn a_watch_ends_when_its_kind_is_no_more_what_it_was_and_not_for_a_label() {
    world(|world| async move {
        world.define(json!([version("v1", true, sized(json!({"type": "integer"})))])).await;
        let kind = world.widgets("v1").unwrap();
        let mut watch = world.api.watch(&kind, "default", &ListOptions::default()).await.unwrap();
        world.merge_definition("", json!({"metadata": {"labels": {"a": "b"}}})).await;
        world.make("v1", "a", json!({"size": 1})).await.unwrap();
        assert_eq!(next(&mut watch, 1).await, ["ADDED a"]);
        world.merge_definition("", json!({"spec": {"versions": [version("v1", true, sized(json!({"type": "string"})))]}})).await;
        assert_eq!(next(&mut watch, 1).await, ["END"]);
        let kind = world.widgets("v1").unwrap();
        let mut watch = world.api.watch(&kind, "default", &ListOptions::default()).await.unwrap();
        assert_eq!(next(&mut watch, 1).await, ["ADDED a"]);
        let target = Target::new(&super::world::kind(DEFINITIONS), "", NAME);
        world.api.delete(&User::default(), &target, &DeleteOptions::default()).await.unwrap();
        world.merge_definition("", json!({"metadata": {"finalizers": null}})).await;
        assert_eq!(next(&mut watch, 1).await, ["END"]);
        assert!(world.widgets("v1").is_none());
    });
}

#[test]
fn a_definition_that_is_deleted_takes_no_new_objects_and_waits_for_the_old() {
    world(|world| async move {
        world.define(json!([version("v1", true, sized(json!({"type": "integer"})))])).await;
        let target = Target::new(&kind(DEFINITIONS), "", NAME);
        let deleted = world.api.delete(&User::default(), &target, &DeleteOptions::default()).await.unwrap();
        assert!(!deleted.gone);
        assert_eq!(deleted.object.value()["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
        let refused = world.make("v1", "a", json!({})).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (405, "create is not supported on resources of kind \"widgets.shop.example.com\"")
        );
    });
}

#[test]
fn what_was_stored_before_is_shown_as_the_schema_has_it_now() {
    world(|world| async move {
        let fields = |fields: Value| json!({"type": "object", "properties": fields});
        let text = json!({"type": "string"});
        world.define(json!([version("v1", true, fields(json!({"a": text, "b": text})))])).await;
        world.make("v1", "t", json!({"a": "1", "b": "2"})).await.unwrap();
        let later = json!({"b": text, "c": {"type": "string", "default": "3"}});
        world.merge_definition("", json!({"spec": {"versions": [version("v1", true, fields(later))]}})).await;
        assert_eq!(world.shown("v1", "t").await["spec"], json!({"b": "2", "c": "3"}));
        let list = world.api.list(&world.widgets("v1").unwrap(), "default", &ListOptions::default()).await.unwrap();
        assert_eq!(list.items[0].value()["spec"], json!({"b": "2", "c": "3"}));
    });
}

#[test]
fn a_version_shows_what_its_schema_knows_of_what_another_stored() {
    world(|world| async move {
        let fields = |fields: Value| json!({"type": "object", "properties": fields});
        let (text, default) = (json!({"type": "string"}), json!({"type": "string", "default": "d"}));
        let versions = json!([
            version("v1", true, fields(json!({"a": text, "o": default}))),
            version("v2", false, fields(json!({"a": text, "n": text})))
        ]);
        world.define(versions).await;
        let made = world.make("v2", "t", json!({"a": "1", "n": "2"})).await.unwrap();
        assert_eq!((&made["apiVersion"], &made["spec"]), (&json!("shop.example.com/v2"), &json!({"a": "1"})));
        let shown = world.shown("v1", "t").await;
        assert_eq!((&shown["apiVersion"], &shown["spec"]), (&json!("shop.example.com/v1"), &json!({"a": "1", "o": "d"})));
        let kind = world.widgets("v2").unwrap();
        let mut watch = world.api.watch(&kind, "default", &ListOptions::default()).await.unwrap();
        let Some(Ok(kabuki::api::client::WatchEvent::Added(object))) = futures::StreamExt::next(&mut watch).await else {
            panic!("an object")
        };
        assert_eq!(object.type_meta(), ("shop.example.com/v2", "Widget"));
    });
}

#[test]
fn bad_bodies_are_refused_with_what_is_wrong_with_them() {
    world(|world| async move {
        world.define(json!([version("v1", true, sized(json!({"type": "integer", "minimum": 1})))])).await;
        let kind = world.widgets("v1").unwrap();
        let strict = WriteOptions { field_validation: FieldValidation::Strict, ..WriteOptions::default() };
        let strict = Call::new(User::default(), strict);
        let head = r#""apiVersion": "shop.example.com/v1", "kind": "Widget", "metadata": {"name": "t"}"#;
        for (body, code, why) in [
            (format!(r#"{{{head}, "spec": {{"size": 1, "size": 2}}}}"#), 400, "strict decoding error: duplicate field \"spec.size\""),
            (format!(r#"{{{head}, "spec": {{"nope": 1}}}}"#), 400, "strict decoding error: unknown field \"spec.nope\""),
            (format!(r#"{{{head}, "spec": "#), 400, "unexpected end of JSON input"),
            ("[]".to_owned(), 400, "json: cannot unmarshal array into Go value"),
            ("null".to_owned(), 400, "Object 'Kind' is missing"),
            (format!("{{{head}, \"spec\": {}1{}}}", "[".repeat(20_000), "]".repeat(20_000)), 400, "exceeded max depth"),
            (
                head.replace("\"t\"", "{}").replacen("\"apiVersion\"", "{\"apiVersion\"", 1) + "}",
                400,
                "json: cannot unmarshal object into Go struct field ObjectMeta.name of type string",
            ),
        ] {
            let refused = strict.decode((&*kind).into(), Body::Json(body.as_bytes())).unwrap_err();
            assert_eq!(refused.code, code, "{refused}");
            assert!(refused.message.contains(why), "{refused}");
        }
        let refused = world.make("v1", "t", json!({"size": 0})).await.unwrap_err();
        let why = "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1";
        assert_eq!(refused.message, format!("Widget.shop.example.com \"t\" is invalid: {why}"));
        world.make("v1", "t", json!({"size": 1})).await.unwrap();
        let target = Target::new(&kind, "default", "t");
        let refused = world.api.patch(&call(), &target, &Patch::Strategic(json!({"spec": {"size": 2}})), &[]).await.unwrap_err();
        assert_eq!(refused.code, 415);
    });
}

#[test]
fn a_custom_resource_may_go_by_the_name_of_a_built_in_one() {
    world(|world| async move {
        let names = json!({"plural": "services", "singular": "service", "kind": "Service", "listKind": "ServiceList"});
        let versions = json!([version("v1", true, sized(json!({"type": "integer"})))]);
        let spec = json!({"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions});
        world.create(DEFINITIONS, "", json!({"metadata": {"name": "services.shop.example.com"}, "spec": spec})).await.unwrap();
        let target = Target::new(&kind(DEFINITIONS), "", "services.shop.example.com").subresource(Subresource::Status);
        let status = json!({"acceptedNames": names, "conditions": [{"type": "Established", "status": "True"}]});
        world.api.patch(&call(), &target, &Patch::Merge(json!({"status": status})), &[]).await.unwrap();
        let kind = world.api.registry().resource(GROUP, "v1", "services").cloned().unwrap();
        let body = json!({"apiVersion": "shop.example.com/v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"size": 1}});
        let made = world.api.create(&call(), &kind, "default", body).await.unwrap();
        assert_eq!(made.value()["spec"], json!({"size": 1}), "no addresses, nothing of a service's");
        assert!(world.get("services", "s").await.unwrap_err().is_not_found());
    });
}

#[test]
fn a_thousand_definitions_are_taken_up_at_once() {
    world(|world| async move {
        for number in 0..1000 {
            let names = json!({"plural": format!("things{number}"), "singular": "thing", "kind": format!("Thing{number}"), "listKind": "ThingList"});
            let versions = json!([version("v1", true, sized(json!({"type": "integer"})))]);
            let mut body = definition(versions);
            body["apiVersion"] = "apiextensions.k8s.io/v1".into();
            body["kind"] = "CustomResourceDefinition".into();
            body["metadata"]["name"] = format!("things{number}.{GROUP}").into();
            body["spec"]["names"] = names.clone();
            body["status"] =
                json!({"acceptedNames": names, "conditions": [{"type": "Established", "status": "True"}], "storedVersions": ["v1"]});
            world.api.restore(&kind(DEFINITIONS), body).await.unwrap();
        }
        let other = Api::new(world.store.clone(), Entropy::from_seed(2), Settings::default());
        assert!(other.registry().resource(GROUP, "v1", "things999").is_some());
    });
}
