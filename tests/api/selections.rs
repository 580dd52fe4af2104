//! Lists, watches and deletions of what selectors pick.

use kabuki::api::client::{DeleteOptions, ListOptions};
use kabuki::api::verbs::User;
use serde_json::{Value, json};

use super::world::{World, kind, next, world};

async fn labelled(world: &World, name: &str, k: &str) {
    world.create("configmaps", "default", json!({"metadata": {"name": name, "labels": {"k": k}}})).await.unwrap();
}

fn relabelled(name: &str, k: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"k": k}}})
}

fn picked(selector: &str) -> ListOptions {
    ListOptions { label_selector: selector.to_owned(), ..Default::default() }
}

#[test]
fn who_enters_a_selection_is_added_and_who_leaves_it_is_deleted() {
    world(async |world| {
        labelled(&world, "a", "1").await;
        labelled(&world, "b", "2").await;
        let mut watch = world.watch("configmaps", picked("k=1")).await;
        assert_eq!(next(&mut watch, 1).await, ["ADDED a"]);
        world.update("configmaps", "b", relabelled("b", "1")).await.unwrap();
        world.update("configmaps", "a", relabelled("a", "2")).await.unwrap();
        world.delete("configmaps", "a", DeleteOptions::default()).await.unwrap();
        world.delete("configmaps", "b", DeleteOptions::default()).await.unwrap();
        assert_eq!(next(&mut watch, 3).await, ["ADDED b", "DELETED a", "DELETED b"]);
    });
}

#[test]
fn fields_pick_by_what_the_kind_lets_be_picked_by() {
    world(async |world| {
        world.pod("a", json!({"nodeName": "n1"})).await;
        world.pod("b", json!({"nodeName": "n2"})).await;
        let by = |field_selector: &str| ListOptions { field_selector: field_selector.to_owned(), ..Default::default() };
        assert_eq!(world.names("pods", by("spec.nodeName=n1")).await, ["a"]);
        assert_eq!(world.names("pods", by("spec.nodeName!=n1,status.phase=Pending")).await, ["b"]);
        assert_eq!(world.names("pods", by("metadata.name=b")).await, ["b"]);
        assert!(world.names("pods", by("metadata.name=b,spec.nodeName=n1")).await.is_empty());
        let unknown = world.api.list(&kind("pods"), "default", &by("spec.nope=1")).await.unwrap_err();
        assert_eq!(unknown.code, 400);
    });
}

#[test]
fn a_collection_is_deleted_as_far_as_it_is_picked() {
    world(async |world| {
        for (name, k) in [("a", "1"), ("b", "2"), ("c", "1")] {
            labelled(&world, name, k).await;
        }
        let (user, options) = (User::default(), DeleteOptions::default());
        let deleted = world.api.delete_collection(&user, &kind("configmaps"), "default", &picked("k=1"), &options).await.unwrap();
        assert_eq!(deleted.items.len(), 2);
        assert_eq!(world.names("configmaps", ListOptions::default()).await, ["b"]);
        let refused = world.api.delete_collection(&user, &kind("namespaces"), "", &picked("k=1"), &options).await.unwrap_err();
        assert_eq!(refused.code, 405);
    });
}
