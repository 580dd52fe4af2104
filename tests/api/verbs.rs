//! Reading and writing objects of any kind.

use kabuki::api::client::{DeleteOptions, ListOptions, Propagation};
use kabuki::runtime::store::Stored;
use serde_json::json;

use super::world::{configmap, next, world};

#[test]
fn a_created_object_has_what_only_the_server_gives() {
    world(async |world| {
        let created = world.configmap("c").await;
        let value = created.value();
        let meta = &value["metadata"];
        assert_eq!(meta["namespace"], "default");
        assert_eq!(meta["uid"].as_str().unwrap().len(), 36);
        assert!(meta["creationTimestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(meta["resourceVersion"], created.revision().to_string());
        assert_eq!(world.get("configmaps", "c").await.unwrap().json(), created.json());
    });
}

#[test]
fn a_name_can_be_taken_once() {
    world(async |world| {
        world.configmap("c").await;
        let status = world.create("configmaps", "default", configmap("c", json!({}))).await.unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (409, "configmaps \"c\" already exists"));
    });
}

#[test]
fn a_generated_name_has_its_prefix_and_five_characters() {
    world(async |world| {
        let body = json!({"metadata": {"generateName": "web-"}});
        let created = world.create("configmaps", "default", body).await.unwrap();
        assert_eq!((created.name().len(), &created.name()[..4]), (9, "web-"));
    });
}

#[test]
fn an_update_that_changes_nothing_keeps_the_revision() {
    world(async |world| {
        let created = world.configmap("c").await;
        let same = world.update("configmaps", "c", created.value()).await.unwrap().object;
        assert_eq!(same.revision(), created.revision());
        let other = world.update("configmaps", "c", configmap("c", json!({"a": "2"}))).await.unwrap().object;
        assert_eq!(other.uid(), created.uid());
        assert!(other.revision() > created.revision());
    });
}

#[test]
fn an_update_made_from_an_old_revision_is_a_conflict() {
    world(async |world| {
        let created = world.configmap("c").await;
        world.update("configmaps", "c", configmap("c", json!({"a": "2"}))).await.unwrap();
        let mut late = created.value();
        late["data"]["a"] = "3".into();
        let status = world.update("configmaps", "c", late).await.unwrap_err();
        let expected = "Operation cannot be fulfilled on configmaps \"c\": the object has been modified; please apply your changes to the latest \
                        version and try again";
        assert_eq!((status.code, status.message.as_str()), (409, expected));
    });
}

#[test]
fn what_has_a_finalizer_is_marked_and_goes_when_it_is_taken_off() {
    world(async |world| {
        let body = json!({"metadata": {"name": "c", "finalizers": ["example.com/f"]}});
        world.create("configmaps", "default", body).await.unwrap();
        let options = DeleteOptions { propagation: Some(Propagation::Foreground), ..Default::default() };
        let marked = world.delete("configmaps", "c", options).await.unwrap();
        assert!(!marked.gone);
        assert_eq!(marked.object.meta().finalizers, ["example.com/f", "foregroundDeletion"]);
        assert_eq!(marked.object.meta().deletion_grace_period_seconds, Some(0));
        let status = world.create("configmaps", "default", configmap("c", json!({}))).await.unwrap_err();
        assert_eq!(status.message, "object is being deleted: configmaps \"c\" already exists");
        let mut freed = marked.object.value();
        freed["metadata"].as_object_mut().unwrap().remove("finalizers");
        world.update("configmaps", "c", freed).await.unwrap();
        assert!(world.get("configmaps", "c").await.unwrap_err().is_not_found());
    });
}

#[test]
fn a_list_in_chunks_shows_one_moment() {
    world(async |world| {
        for name in ["a", "b", "c", "d"] {
            world.configmap(name).await;
        }
        let kind = super::world::kind("configmaps");
        let first = world.api.list(&kind, "default", &ListOptions { limit: 3, ..Default::default() }).await.unwrap();
        assert_eq!((first.items.len(), first.remaining), (3, Some(1)));
        world.delete("configmaps", "d", DeleteOptions::default()).await.unwrap();
        let rest = ListOptions { continue_token: first.continue_token, ..Default::default() };
        assert_eq!(world.names("configmaps", rest.clone()).await, ["d"]);
        assert_eq!(world.names("configmaps", ListOptions::default()).await, ["a", "b", "c"]);
        world.store.compact();
        let status = world.api.list(&kind, "default", &rest).await.unwrap_err();
        assert_eq!(status.code, 410);
        let rest = ListOptions { continue_token: status.continue_token, ..Default::default() };
        assert!(world.names("configmaps", rest).await.is_empty());
    });
}

#[test]
fn a_watch_shows_what_is_there_and_then_every_change() {
    world(async |world| {
        world.configmap("a").await;
        let options = ListOptions {
            send_initial_events: Some(true),
            resource_version_match: "NotOlderThan".into(),
            allow_watch_bookmarks: true,
            timeout_seconds: Some(90),
            ..Default::default()
        };
        let mut watch = world.watch("configmaps", options).await;
        assert_eq!(next(&mut watch, 2).await, ["ADDED a", "BOOKMARK true"]);
        world.configmap("b").await;
        world.update("configmaps", "a", configmap("a", json!({}))).await.unwrap();
        world.delete("configmaps", "a", DeleteOptions::default()).await.unwrap();
        assert_eq!(next(&mut watch, 5).await, ["ADDED b", "MODIFIED a", "DELETED a", "BOOKMARK false", "END"]);
    });
}

#[test]
fn a_watch_that_lost_its_place_is_told_so() {
    world(async |world| {
        let old = world.configmap("a").await;
        world.configmap("b").await;
        world.store.compact();
        let options = ListOptions { resource_version: old.revision().to_string(), ..Default::default() };
        let mut watch = world.watch("configmaps", options).await;
        assert_eq!(next(&mut watch, 2).await, ["ERROR 410", "END"]);
    });
}
