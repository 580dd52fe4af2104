use serde_json::json;

use super::*;
use crate::actors::controllers::fixtures::{World, noon, now, world};
use crate::actors::controllers::{Controller, NamespaceDefaults};

#[test]
fn conditions_say_what_remains_and_keep_their_time_until_they_change() {
    let mut remains = Remains::default();
    remains.objects.insert("pods.".into(), 2);
    remains.finalizers.insert("example.com/f".into(), 1);
    let first = conditions(&[], &remains, noon());
    let said = |all: &[NamespaceCondition], kind: &str| {
        let found = all.iter().find(|condition| condition.type_ == kind).unwrap();
        (found.status.clone(), found.message.clone().unwrap())
    };
    assert_eq!(first.len(), 5);
    let expected = ("True".to_owned(), "Some resources are remaining: pods. has 2 resource instances".to_owned());
    assert_eq!(said(&first, "NamespaceContentRemaining"), expected);
    assert_eq!(said(&first, "NamespaceDeletionContentFailure").0, "False");
    let later = noon() + SignedDuration::from_secs(60);
    assert_eq!(conditions(&first, &remains, later), first);
    let done = conditions(&first, &Remains::default(), later);
    let content = done.iter().find(|condition| condition.type_ == "NamespaceContentRemaining").unwrap();
    assert_eq!((content.status.as_str(), content.last_transition_time.as_ref().unwrap().0), ("False", later));
}

fn namespace() -> Value {
    json!({ "metadata": { "name": "a" }, "spec": { "finalizers": ["kubernetes"] } })
}

fn with_namespaces<F: Future<Output = ()>>(story: impl FnOnce(World) -> F) {
    world(|world| {
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || Namespaces::new(&tools));
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || NamespaceDefaults::new(&tools, "PEM".into()));
        story(world)
    });
}

#[test]
fn a_namespace_has_an_account_and_the_authority_and_gets_them_back() {
    with_namespaces(|world| async move {
        world.create("namespaces", "", namespace()).await;
        assert_eq!(world.get("configmaps", "a", "kube-root-ca.crt").await.unwrap()["data"], json!({ "ca.crt": "PEM" }));
        world.get("serviceaccounts", "a", "default").await.unwrap();
        world.delete("serviceaccounts", "a", "default", now()).await;
        world.get("serviceaccounts", "a", "default").await.unwrap();
        world.merge("configmaps", "a", "kube-root-ca.crt", "", json!({ "data": { "ca.crt": "x", "more": "y" } })).await;
        assert_eq!(world.get("configmaps", "a", "kube-root-ca.crt").await.unwrap()["data"], json!({ "ca.crt": "PEM" }));
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
    });
}

#[test]
fn a_deleted_namespace_takes_its_content_with_it() {
    with_namespaces(|world| async move {
        world.create("namespaces", "", namespace()).await;
        world.create("secrets", "a", json!({ "metadata": { "name": "s" } })).await;
        world.create("secrets", "default", json!({ "metadata": { "name": "s" } })).await;
        world.pass(1).await;
        world.delete("namespaces", "", "a", DeleteOptions::default()).await;
        assert!(world.get("namespaces", "", "a").await.unwrap_err().is_not_found());
        assert!(world.list("secrets", "a").await.is_empty());
        assert_eq!(world.list("secrets", "default").await.len(), 1);
    });
}

#[test]
fn pods_go_first_and_what_holds_them_is_told() {
    with_namespaces(|world| async move {
        world.create("namespaces", "", namespace()).await;
        world.pass(1).await;
        let spec = json!({ "containers": [{ "name": "c", "image": "i" }] });
        world.create("pods", "a", json!({ "metadata": { "name": "p", "finalizers": ["example.com/f"] }, "spec": spec })).await;
        world.create("secrets", "a", json!({ "metadata": { "name": "s" } })).await;
        world.delete("namespaces", "", "a", DeleteOptions::default()).await;
        let namespace = world.get("namespaces", "", "a").await.unwrap();
        let messages: Vec<_> = namespace["status"]["conditions"].as_array().unwrap().iter().filter(|c| c["status"] == "True").collect();
        assert_eq!(messages[0]["message"], "Some resources are remaining: pods. has 1 resource instances");
        assert_eq!(messages[1]["message"], "Some finalizers are remaining: example.com/f in 1 resource instances");
        assert_eq!(world.list("secrets", "a").await.len(), 1, "nothing else goes before the pods have gone");
        world.merge("pods", "a", "p", "", json!({ "metadata": { "finalizers": null } })).await;
        assert!(world.get("namespaces", "", "a").await.unwrap_err().is_not_found());
    });
}
